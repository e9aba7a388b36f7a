"""`headgate`: a command goes to the engine's command line, anything else opens the designer.

Qt is imported only to open a window, so that commands start fast and work without it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cli.commands import COMMANDS, split
from resources.examples import SUFFIX, example_in

_NO_QT = (
    "headgate: The designer needs PySide6, which is not installed: install it with "
    "'pip install PySide6-Essentials', or use a command (headgate --help).\n"
)
_NO_DISPLAY = (
    "headgate: There is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set): "
    "start it in a graphical session, or use a command (headgate --help).\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    files, options = split(words)
    if not _opens_window(files):
        from engine.cli.main import main as command_line  # noqa: PLC0415 - not for a window

        return command_line(words, draw=_draw)
    if importlib.util.find_spec("PySide6") is None:
        sys.stderr.write(_NO_QT)
        return 2
    if _has_no_display(os.environ):
        sys.stderr.write(_NO_DISPLAY)
        return 2
    app = importlib.import_module("designer.app")
    return int(app.main([_to_edit(name) for name in files], store=options.get("--store")))


def _has_no_display(environ: Mapping[str, str]) -> bool:
    """Whether Qt would find no screen on this Linux, and abort the process with its own words."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform == "linux" and not any(environ.get(name) for name in named)


def _draw(workflow: Any, registry: Any, kind: str) -> bytes:
    """Make a picture of a workflow, for `headgate export`."""
    if importlib.util.find_spec("PySide6") is None:
        from engine.cli.options import UsageError  # noqa: PLC0415 - only without Qt

        raise UsageError(_NO_QT.removeprefix("headgate: ").strip())
    drawing = importlib.import_module("designer.canvas.picture_file")
    return bytes(drawing.draw(workflow, registry, kind))


def _opens_window(words: Sequence[str]) -> bool:
    """Whether these are files; a word that looks like no file is a mistyped command."""
    if any(word.startswith("-") for word in words):
        return False
    if not words:
        return True
    first = words[0]
    if first in COMMANDS:
        return False
    return first.endswith(".json") or Path(first).name != first or Path(first).exists()


def _to_edit(name: str) -> str:
    """Return the copy that an example is opened as; every other file as it is."""
    if not name.endswith(SUFFIX) or example_in(name) is None:
        return name
    from engine.cli.workflow_files import runnable  # noqa: PLC0415 - only for examples

    return str(runnable(Path(name)))


if __name__ == "__main__":
    sys.exit(main())
