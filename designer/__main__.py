"""`headgate`: a command goes to the engine's command line, anything else opens the designer.

Qt is imported only to open a window, so that commands start fast and work without it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.cli.commands import COMMANDS, command_in
from resources.examples import SUFFIX, example_in


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not _opens_window(words):
        from engine.cli.main import main as command_line  # noqa: PLC0415 - not for a window

        return command_line(words)
    if importlib.util.find_spec("PySide6") is None:
        print(
            "headgate: The designer needs PySide6, which is not installed: install it with "
            "'pip install PySide6-Essentials', or use a command (headgate --help).",
            file=sys.stderr,
        )
        return 2
    return int(importlib.import_module("designer.app").main([_to_edit(word) for word in words]))


def _to_edit(word: str) -> str:
    """Return the copy that an example is opened as; every other word as it is."""
    if not word.endswith(SUFFIX) or example_in(word) is None:
        return word
    from engine.cli.workflow_files import runnable  # noqa: PLC0415 - only for examples

    return str(runnable(Path(word)))


def _opens_window(words: Sequence[str]) -> bool:
    """Whether the words name no command; a word that looks like no file is a mistyped one."""
    if {"-h", "--help", "--version"} & set(words):
        return False
    first = command_in(words)
    if first is None:
        return True
    if first in COMMANDS:
        return False
    return first.endswith(".json") or Path(first).name != first or Path(first).exists()


if __name__ == "__main__":
    sys.exit(main())
