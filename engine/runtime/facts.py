"""What the parts of a commit share: the facts of the run, and the commit that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.events import AnyEvent, TaskReady
from engine.ids import RunId, TaskId
from engine.runtime.ports import RequestRecord, SignalChanges
from engine.state.channels import ChannelSpecs
from engine.state.run_state import Delta
from engine.state.status import RunStatus
from engine.state.writes import Written

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What does not change during a run. `scope` is what expressions see as `run`."""

    run: RunId
    seed: int
    started_at: float
    specs: ChannelSpecs
    scope: Mapping[str, Json]
    input: Json
    called_by: tuple[RunId, TaskId] | None = None


class Step(msgspec.Struct, kw_only=True):
    """What one commit does. `ready`: tasks that may start when it is stored.

    Attributes:
        written: what the writes of the delta come to; None where only `apply` finds out.
        signals: what it does with events. `children`: runs to drive from then on.
        orphans: runs that nobody wants any more.
        document: (bytes, revision, name) of the one that the run goes on with from here.
        claims: of ``once`` tasks whose outcome nobody knows, under the names that they have from
            here on.
        name: what the commit is called, if anything.
    """

    delta: Delta
    events: list[AnyEvent]
    ready: Sequence[TaskReady] = ()
    written: Written | None = None
    requests: Sequence[RequestRecord] = ()
    closed: Sequence[tuple[Any, str]] = ()
    decisions: Sequence[int] = ()
    signals: SignalChanges | None = None
    children: Sequence[RunId] = ()
    orphans: Sequence[RunId] = ()
    status: RunStatus = RunStatus.RUNNING
    document: tuple[bytes, str, str] | None = None
    claims: Sequence[tuple[TaskId, int]] = ()
    name: str = ""
