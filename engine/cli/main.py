"""Runs a command line, and turns what went wrong into a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import engine
from engine.cli.codes import ExitCode

if TYPE_CHECKING:
    from engine.cli.options import Draw


def main(arguments: Sequence[str] | None = None, *, draw: Draw | None = None) -> int:
    """Carry out a command line and return its exit code. Never raises.

    Args:
        arguments: the words after the program's name; None takes those of the process.
        draw: makes the pictures that `export` is asked for; the engine itself cannot.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        print(f"headgate {engine.__version__}")
        return ExitCode.OK
    try:
        code = _carry_out(words, draw)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has enough. What is still in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE


def _carry_out(words: list[str], draw: Draw | None) -> int:
    # Here and not above: --version is asked by scripts, often.
    from engine.cli.failures import explain  # noqa: PLC0415 - not for --version
    from engine.cli.program import program_for  # noqa: PLC0415 - not for --version

    try:
        program = program_for(words)
        result = program(words, prog_name="headgate", standalone_mode=False, obj=draw)
        return result if isinstance(result, int) else ExitCode.OK
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort of a command
        return explain(error, debug="--debug" in words)
