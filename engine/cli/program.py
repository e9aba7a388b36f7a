"""The typer program that a command line is given to."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import engine
from engine.cli.codes import ExitCode
from engine.cli.commands import COMMANDS, Entry, command_in
from engine.cli.options import Allow, Debug, Globals, Store, with_globals

_ABOUT = """Draw the flow, hold the gate, replay any step.

Without a command, `headgate [FILE]` opens the designer.

Exit codes: 0 completed, 1 run failed, 2 usage, 3 file or store unreadable, 4 workflow invalid,
5 waiting for a person, 6 cancelled, 7 decision refused, 130 interrupted.
"""
Version = Annotated[bool, typer.Option("--version", help="Print the version and stop.")]


def program_for(words: Sequence[str]) -> typer.Typer:
    """Return a program in which the command that the words ask for is real.

    The others only lend their names to the help, so that nothing of theirs is imported.
    """
    program = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    program.callback(help=_ABOUT)(_take_globals)
    wanted = command_in(words)
    for name, entry in COMMANDS.items():
        if name != wanted:
            program.command(name, help=entry.help)(_name_only)
            continue
        found = _load(entry)
        if isinstance(found, typer.Typer):
            program.add_typer(found, name=name, help=entry.help)
        else:
            program.command(name, help=found.__doc__ or entry.help)(with_globals(found))
    return program


def _take_globals(
    ctx: typer.Context,
    store: Store = None,
    debug: Debug = False,
    allow: Allow = None,
    version: Version = False,
) -> None:
    if version:
        print(f"headgate {engine.__version__}")
        raise typer.Exit
    ctx.obj = Globals.of(store, debug, allow, ctx.obj)


def _load(entry: Entry) -> Any:
    return getattr(importlib.import_module(f"engine.cli.{entry.module}"), entry.function)


def _name_only() -> int:
    return ExitCode.USAGE
