"""What commands print: JSON lines for programs, lines and tables for people.

Titles, messages and output come from workflows and are shown without control
characters, so that no workflow can paint over the terminal.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WIDE = 10_000
_encoder = msgspec.json.Encoder(enc_hook=str)


def json_line(value: Json) -> None:
    """Print one JSON object on one line, in UTF-8 whatever the terminal speaks, at once."""
    sys.stdout.flush()
    sys.stdout.buffer.write(_encoder.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def console() -> Console:
    """Return a console for stdout: colours on a terminal only, nothing cut off in a pipe."""
    terminal = sys.stdout.isatty()
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        width=None if terminal else _WIDE,
    )


def clean(text: object, *, most: int = 0) -> str:
    """Return a text on one line without control characters, cut to `most` characters."""
    line = _CONTROL.sub("\ufffd", " ".join(str(text).split()))
    return line if not most or len(line) <= most else line[: most - 1] + "…"


def clean_lines(text: str) -> str:
    """Return a text with its line ends, without other control characters."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\t", "    "))


def styled(*parts: tuple[str, str] | str) -> Text:
    """Return a line of texts with styles."""
    return Text.assemble(*parts)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: str = "") -> Table:
    """Return a table without lines; `right` names a column that is aligned to the right."""
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        last = name == columns[-1]
        found.add_column(
            name, justify="right" if name == right else "left", no_wrap=not last, overflow="fold"
        )
    for row in rows:
        found.add_row(*[Text(clean(cell)) for cell in row])
    return found


def short_json(value: Json, most: int = 200) -> str:
    """Return a value as JSON, cut off where it is long."""
    text = _encoder.encode(value).decode()
    return clean(text, most=most)


def local_time(at: float | None) -> str:
    """Return seconds since the epoch in the person's time zone, to the second."""
    if at is None:
        return ""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return a duration as people write it: ``0.03 s``, ``41 s``, ``3 min 20 s``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def hint(store: str | None, words: str) -> str:
    """Return a command as the person may type it, in the same store."""
    return f"headgate {words}" + (f" --store {shlex.quote(store)}" if store is not None else "")


def count(number: int, what: str) -> str:
    """Return ``1 commit`` or ``3 commits``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
