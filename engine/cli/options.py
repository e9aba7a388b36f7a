"""The options that every command has, and those that several share."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from engine.model.node_types import Registry
from engine.model.workflow import Save, SaveWhen, Workflow
from engine.stops import Breakpoint, Place

Json = Any

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Where runs are kept: an SQLAlchemy URL or a file. Default: your own store.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="CAPABILITY",
        help="Grant an untrusted workflow: network, process, files, secrets or all. Repeatable.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of a run, or a beginning that only it has.")
]

#: Makes the picture of a workflow, as a file; the last argument is ``svg`` or ``png``.
Draw = Callable[[Workflow, Registry, str], bytes]

CAPABILITIES = frozenset({"network", "files", "process", "secrets"})


class UsageError(Exception):
    """The command line asks for what cannot be; ends with exit code 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Globals:
    """The global options of one call, and what the caller lends it.

    Attributes:
        draw: makes a picture, where the designer is there to draw.
    """

    store: str | None = None
    debug: bool = False
    allow: frozenset[str] = frozenset()
    draw: Draw | None = None

    def and_those(self, other: Globals) -> Globals:
        """Return both together; of two stores the one after the command counts."""
        return Globals(
            store=other.store if other.store is not None else self.store,
            debug=self.debug or other.debug,
            allow=self.allow | other.allow,
            draw=self.draw or other.draw,
        )

    @classmethod
    def of(
        cls,
        store: str | None,
        debug: bool,
        allow: Sequence[str] | None,
        draw: Draw | None = None,
    ) -> Globals:
        """Return the options as typer hands them over.

        Raises:
            UsageError: there is no such capability.
        """
        granted: set[str] = set()
        for word in ",".join(allow or ()).split(","):
            name = word.strip().lower()
            if name == "all":
                granted |= CAPABILITIES
            elif name in CAPABILITIES:
                granted.add(name)
            elif name:
                known = ", ".join(sorted(CAPABILITIES))
                raise UsageError(f"There is no capability {name}; --allow takes {known} or all.")
        return cls(store=store, debug=debug, allow=frozenset(granted), draw=draw)


def with_globals(function: Callable[..., int]) -> Callable[..., int]:
    """Return a command that has the global options too.

    Its first parameter gets the `Globals`; the others are its own options.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    kind = inspect.Parameter.KEYWORD_ONLY

    def option(name: str, annotation: Any, default: Json) -> inspect.Parameter:
        return inspect.Parameter(name, kind, annotation=annotation, default=default)

    parameters = [
        inspect.Parameter("ctx", kind, annotation=typer.Context),
        *[each.replace(kind=kind) for each in own],
        option("store", Store, None),
        option("debug", Debug, False),
        option("allow", Allow, None),
    ]

    def command(**given: Any) -> int:
        before: Globals = given.pop("ctx").obj
        after = Globals.of(given.pop("store"), given.pop("debug"), given.pop("allow"))
        return function(before.and_those(after), **given)

    named: Any = command
    named.__name__ = function.__name__
    named.__doc__ = function.__doc__
    named.__signature__ = inspect.Signature(parameters)
    named.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def json_of(text: str, option: str) -> Json:
    """Return the value of JSON text, or of the file behind ``@``.

    Raises:
        UsageError: it is no JSON, or the file cannot be read.
    """
    where = option
    if text.startswith("@"):
        where = text[1:]
        try:
            text = Path(where).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise UsageError(f"{option} {where} cannot be read: {reason}.") from error
    try:
        return json.loads(text, parse_constant=_no_json)
    except ValueError as error:
        hint = "" if where != option else "; a text needs quotes, as in '\"text\"'"
        raise UsageError(f"{where} is not JSON: {error}{hint}.") from error


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}


def age_of(text: str) -> float:
    """Return a time span such as 30m, 8h, 7d or 2w, in seconds.

    Raises:
        UsageError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if match is None:
        raise UsageError(f"{text} is no time span: give 30m, 8h, 7d or 2w.")
    return float(match[1]) * _UNITS[match[2]]


def saving_of(text: str, setting: Save) -> Save:
    """Return a setting of saving with other times, such as ``at_end`` or ``interval:30``.

    Raises:
        UsageError: it names none.
    """
    word, colon, seconds = text.partition(":")
    timed = word in ("interval", "adaptive")
    number = re.fullmatch(r"\d+(?:\.\d+)?", seconds)
    if word not in get_args(SaveWhen) or (colon and not (timed and number and float(seconds))):
        raise UsageError(
            f"--save {text} says nothing: give one of {', '.join(get_args(SaveWhen))}, "
            "with seconds as interval:30."
        )
    return replace(
        setting,
        when=cast(SaveWhen, word),
        seconds=float(seconds) if number else setting.seconds,
    )


def settings_of(pairs: Sequence[str] | None, option: str) -> dict[str, Json]:
    """Return the values of ``name=JSON`` pairs.

    Raises:
        UsageError: one has no name or no JSON.
    """
    found: dict[str, Json] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"{option} {pair} is not of the form channel=JSON.")
        found[name] = json_of(text, f"{option} {name}")
    return found


def early_of(pairs: Sequence[str] | None, nodes: Mapping[str, Any]) -> dict[str, str]:
    """Return the decisions of ``NODE=approve`` pairs.

    Raises:
        UsageError: there is no such node, or it is no barrier, or no such choice.
    """
    found: dict[str, str] = {}
    for pair in pairs or ():
        key, _, choice = pair.partition("=")
        node = nodes.get(key)
        if node is None or node.type != "barrier":
            barriers = [name for name, each in nodes.items() if each.type == "barrier"]
            known = f"its barriers are {', '.join(barriers)}" if barriers else "it has none"
            raise UsageError(f"--decide {pair}: the workflow has no barrier {key}; {known}.")
        own = [each["key"] for each in node.params.get("options") or () if "key" in each]
        if choice not in ("approve", "reject", *own):
            offered = ", ".join(("approve", "reject", *own))
            raise UsageError(f"--decide {pair}: {key} can be decided with {offered}.")
        found[key] = choice
    return found


def breakpoints_of(texts: Sequence[str] | None) -> list[Breakpoint]:
    """Return the breakpoints that ``--break`` names; the text ``none`` stands for none.

    Raises:
        UsageError: one says nothing about where.
    """
    found: list[Breakpoint] = []
    for text in texts or ():
        if text.strip() == "none":
            continue
        where, _, condition = text.strip().partition(" if ")
        where = where.strip()
        place, colon, node = where.partition(":")
        if where in ("error", "commit"):
            place, node = where, ""
        elif not colon:
            place, node = "before", where
        if place not in get_args(Place) or (colon and not node) or (place == "commit" and node):
            raise UsageError(f"--break {text}: say NODE, after:NODE, error, error:NODE or commit.")
        found.append(Breakpoint(node=node, at=cast("Place", place), condition=condition.strip()))
    return found


def _no_json(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON number")
