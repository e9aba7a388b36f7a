"""What may be asked of a run: a closed union of intents, stored before they act."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.ids import RequestId, RunId
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


class Checkpoint(Command, frozen=True):
    """Store the run as it is now.

    Attributes:
        request: id of this request. `name`: what the commit is called, if anything.
    """

    request: str
    name: str = ""


class SetBreakpoints(Command, frozen=True):
    """Replace all breakpoints of the run."""

    breakpoints: tuple[Breakpoint, ...]


class Cancel(Command, frozen=True):
    """End the run. Wins over everything else."""

    reason: str = "asked by the person"


class CancelPart(Command, frozen=True):
    """End a part of the run; what only it leads to is skipped, everything else goes on.

    Attributes:
        task: id of a task.
        item: scope of an item of a For each: ``each.3``.
        nodes: keys of nodes; of a For each, all its items that have not ended.
    """

    task: str = ""
    item: str = ""
    nodes: tuple[str, ...] = ()
    reason: str = "asked by the person"

    @property
    def words(self) -> str:
        """``task pay@each.3``."""
        if self.task:
            return f"task {self.task}"
        return f"item {self.item}" if self.item else f"node {', '.join(self.nodes)}"


class AddItems(Command, frozen=True):
    """Add items to a For each that is at work.

    Attributes:
        node: key of the For each.
        within: the item around it, of a For each in another one: ``each.3``.
    """

    node: str
    items: tuple[Any, ...]
    within: str = ""


class FinishItems(Command, frozen=True):
    """Let the Collect of a For each that is at work go on with the results that there are."""

    node: str
    within: str = ""
    reason: str = "asked by the person"


class RetryChild(Command, frozen=True):
    """Go on with a child run in the background that has failed, or was cancelled."""

    child: RunId
    by: str = ""


class GiveUp(Command, frozen=True):
    """End a run as failed, because nobody has driven it for too long; it may be resumed."""

    code: str
    reason: str


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


AnyCommand = (
    Pause
    | Unpause
    | Step
    | Checkpoint
    | SetBreakpoints
    | Cancel
    | CancelPart
    | AddItems
    | FinishItems
    | RetryChild
    | GiveUp
    | Decide
)
