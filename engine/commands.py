"""What may be asked of a run: a closed union of intents, stored before they act."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.ids import RequestId
from engine.stops import Breakpoint


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all commands."""


class Pause(Command, frozen=True):
    """Start nothing new; what runs may finish."""

    reason: str = "asked by the person"


class Unpause(Command, frozen=True):
    """Go on after a pause."""


class Step(Command, frozen=True):
    """Paused run: make one superstep, then pause again."""


class SetBreakpoints(Command, frozen=True):
    """Replace all breakpoints of the run."""

    breakpoints: tuple[Breakpoint, ...]


class Cancel(Command, frozen=True):
    """End the run. Wins over everything else."""

    reason: str = "asked by the person"


class Decide(Command, frozen=True):
    """Answer a barrier request.

    Attributes:
        choice: ``approve reject modify reroute`` or the key of one of the request's options.
        digest: digest of the content that was shown; empty only for clients that
            fetched the request and decide it in one step.
        values: for ``modify``: the whole edited payload.
        to: for ``reroute``: key of the target node.
    """

    request: RequestId
    choice: str
    by: str
    through: str  # designer, cli, api, timeout
    digest: str = ""
    comment: str = ""
    values: Any = None
    to: str = ""


AnyCommand = Pause | Unpause | Step | SetBreakpoints | Cancel | Decide
