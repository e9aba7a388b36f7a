"""What went wrong, as one sentence on stderr and an exit code."""

from __future__ import annotations

import sys
import traceback

import typer

from engine.cli.codes import ExitCode
from engine.cli.options import UsageError
from engine.errors import (
    DecisionRefused,
    DocumentEdited,
    EngineError,
    InvalidCommand,
    InvalidWorkflow,
    NotAllowed,
    RunIsHeld,
    StoreError,
    UnknownNodeType,
    UnknownRun,
    UnreadableFile,
)
from engine.model.codec import BrokenDocument
from engine.runtime.moving_fates import Fate

# Typer brings its own copy of click or uses the installed one, depending on its version;
# what both agree on is the family of the one exception that it exports.
_PARSER_ERRORS: tuple[type[BaseException], ...] = tuple(
    each
    for each in typer.BadParameter.__mro__
    if issubclass(each, Exception) and each.__name__ in ("UsageError", "ClickException")
)

_CODES: tuple[tuple[type[EngineError], ExitCode], ...] = (
    (DecisionRefused, ExitCode.REFUSED),
    (InvalidWorkflow, ExitCode.INVALID),
    (BrokenDocument, ExitCode.INVALID),
    (UnknownNodeType, ExitCode.INVALID),
    (UnreadableFile, ExitCode.UNREADABLE),
    (StoreError, ExitCode.UNREADABLE),
    (UnknownRun, ExitCode.USAGE),
    (InvalidCommand, ExitCode.USAGE),
    (NotAllowed, ExitCode.USAGE),
    (RunIsHeld, ExitCode.USAGE),
)


def explain(error: Exception, *, debug: bool) -> int:
    """Say what went wrong and return the exit code."""
    if debug:
        traceback.print_exception(error)
    match error:
        case EngineError():
            say(str(error))
            if isinstance(error, DocumentEdited):
                _report(error)
            return code_of(error)
        case UsageError():
            say(str(error))
            return ExitCode.USAGE
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            say(f"{where}{error.strerror or error}.")
            return ExitCode.UNREADABLE
        case _ if isinstance(error, _PARSER_ERRORS):
            return _explain_usage(error)
        case _:
            say(
                f"Headgate itself has failed ({type(error).__name__}: {error}); "
                "call it again with --debug and report what it prints."
            )
            return ExitCode.FAILED


def _report(error: DocumentEdited) -> None:
    """Say what would become of everything that a run holds, one line each, on stderr."""
    for fate in error.fates:
        if isinstance(fate, Fate):
            why = f": {fate.reason}" if fate.reason else ""
            print(f"  {fate.fate:11}  {fate.kind} {fate.name}{why}", file=sys.stderr)


def code_of(error: EngineError) -> ExitCode:
    """Return the exit code of a command that ends with this error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def say(sentence: str) -> None:
    """Print one line to stderr."""
    sys.stdout.flush()
    print(f"headgate: {' '.join(sentence.split())}", file=sys.stderr)


def _explain_usage(error: BaseException) -> int:
    """Print what the parser found; its own long form says the usage a second time."""
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "headgate")
    if type(error).__name__.startswith("NoArgsIsHelp"):
        print(getattr(context, "get_help", lambda: "")())
        return ExitCode.USAGE
    message = str(getattr(error, "format_message", lambda: error)()).strip()
    end = "" if message.endswith(("?", ".")) else "."
    say(f"{message}{end} See '{path} --help'.")
    return ExitCode.USAGE
