"""Runs a command line, and turns what went wrong into a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import engine
from engine.cli.codes import ExitCode


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return its exit code. Never raises."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        print(f"headgate {engine.__version__}")
        return ExitCode.OK
    try:
        code = _carry_out(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has enough. What is still in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE


def _carry_out(words: list[str]) -> int:
    # Here and not above: --version is asked by scripts, often.
    from engine.cli.failures import explain  # noqa: PLC0415 - not for --version
    from engine.cli.program import program_for  # noqa: PLC0415 - not for --version

    try:
        result = program_for(words)(words, prog_name="headgate", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.OK
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort of a command
        return explain(error, debug="--debug" in words)
