"""What the parameter models of the built-in nodes share: base class, form hints, helpers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from engine.model.node_types import Context

Json = Any

#: How the form draws a field; without one it follows from the type.
Widget = Literal[
    "",
    "code",
    "multiline",
    "expression",
    "path",
    "url",
    "secret",
    "table",
    "select",
    "duration",
    "frame",
]


class Params(BaseModel):
    """Base of all parameter models: nothing unknown, nothing changed after validation."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, defer_build=True
    )


def hints(
    widget: Widget = "",
    *,
    unit: str = "",
    placeholder: str = "",
    language: str = "",
    advanced: bool = False,
    shown_when: Mapping[str, Sequence[Json]] | None = None,
) -> dict[str, Any]:
    """Return hints for the form, which become part of the field's JSON schema.

    Args:
        widget: how the field is drawn.
        unit: of a number.
        placeholder: an example, or what an empty field means.
        language: of a ``code`` field.
        advanced: folded away at first.
        shown_when: the field means something only while another has one of these values.
    """
    found: dict[str, Any] = {
        "widget": widget,
        "unit": unit,
        "placeholder": placeholder,
        "language": language,
        "advanced": advanced,
        "shown_when": {name: list(values) for name, values in (shown_when or {}).items()},
    }
    return {name: value for name, value in found.items() if value}


def value_or_input(params: BaseModel, name: str, ctx: Context) -> Json:
    """Return the value of a field whose default is the node's input."""
    return getattr(params, name) if name in params.model_fields_set else ctx.input


# --- sub-lines on the canvas ----------------------------------------------------------------


def shown(value: Json, *, most: int = 60) -> str:
    """Return a raw parameter as a few words: its text, or the source of its expression."""
    computed = isinstance(value, Mapping)
    text = value.get("expr", value.get("template")) if computed else value
    line = "" if text is None else " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def plain_text(params: Mapping[str, Json], name: str, default: str = "") -> str:
    """Return a raw parameter that is a plain text; empty when it is computed."""
    value = params.get(name, default)
    return value if isinstance(value, str) else ""


# --- durations ------------------------------------------------------------------------------

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)\s*")
_WORDS = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks"), "w"),
}


def seconds_of(value: Json) -> Json:
    """Return the seconds of ``90``, ``"1h 30m"``, ``"2 days"`` or ``"PT5M"``; other kinds as is.

    Raises:
        ValueError: the text is no duration.
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text.startswith("p"):  # ISO 8601, of which months and years have no fixed length
        days, _, times = text[1:].partition("t")
        if re.search(r"[ym]", days):
            raise ValueError("a month or a year has no fixed length; write days")
        text = days + times
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        unit = _WORDS.get(part[2], part[2])
        if part.start() != end or unit not in _UNITS_S:
            break
        total += float(part[1]) * _UNITS_S[unit]
        end = part.end()
    if not text or end != len(text):
        raise ValueError(f"{value!r} is no duration; write seconds, or such as '1h 30m'")
    return total


#: Seconds; also written as ``"1h 30m"``.
Duration = Annotated[float, BeforeValidator(seconds_of)]


def in_words(seconds: float) -> str:
    """Return a duration in its two largest units: ``1 h 30 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    rest = round(seconds)
    parts: list[str] = []
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


# --- paths ----------------------------------------------------------------------------------


def folder_of(ctx: Context) -> Path:
    """Return the folder that relative paths start from: that of the workflow's file."""
    run = ctx.scope.get("run")
    folder = run.get("folder") if isinstance(run, Mapping) else ""
    return Path(folder) if folder else Path.cwd()


def path_of(text: str, folder: Path) -> Path:
    """Return an absolute path; ``~`` is the person's home."""
    return folder / Path(text).expanduser()
