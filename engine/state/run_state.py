"""Everything a run needs to go on, and the delta between two commits (U93, U95).

`RunState` is a set of tables. The superstep never edits it: it makes a `Delta`, and
`apply` is the only way a state changes, live and on restore. A restored state is
therefore equal to the live one by construction.

Values that travel are kept once in `values`, named by the task and port that made
them; tokens, tasks and joins hold only the name.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.ids import NodeKey, Path, RequestId, TaskId
from engine.state.channels import ChannelSpecs, apply_op
from engine.state.status import RunStatus

Json = Any
ValueRef = str


class Token(msgspec.Struct, frozen=True, array_like=True):
    """What lies on an edge. A skip token says that nothing will come this way."""

    edge: str
    path: Path = ()
    value: ValueRef | None = None
    skip: bool = False


class Task(msgspec.Struct, frozen=True, array_like=True):
    """One node in one superstep: ready, in flight or parked.

    Attributes:
        inputs: input port to the (source node, value) pairs that arrived there.
        order: creation order in the run; ties are broken by it.
        ready_at: the commit that made it ready. `now`: the time of that commit.
        attempt: number of the next attempt, from 1.
        nodes: outputs of other nodes that it may read, resolved when it became ready.
        pinned: channels it reads that have changed since, as they were then.
    """

    id: TaskId
    node: NodeKey
    path: Path
    visit: int
    order: int
    ready_at: int
    now: float
    inputs: dict[str, tuple[tuple[NodeKey, ValueRef], ...]] = {}
    attempt: int = 1
    nodes: dict[NodeKey, ValueRef] = {}
    pinned: dict[str, Json] = {}


class ParkedWait(msgspec.Struct, frozen=True, array_like=True):
    """Why a task is parked.

    Attributes:
        kind: ``approval timer until event retry unknown_outcome``.
        due_at: when time ends the wait, seconds since the epoch, or None.
        error: for ``retry``: message of the attempt that failed.
    """

    task: TaskId
    kind: str
    opened_at: float
    due_at: float | None = None
    request: RequestId | None = None
    text: str = ""
    payload: Json = None
    error: str = ""


class JoinState(msgspec.Struct, frozen=True, array_like=True):
    """Arrivals at the input ports of one node in one scope, per edge, oldest first.

    Attributes:
        owed: per edge, how many later arrivals belong to a round that has fired already.
    """

    queues: dict[str, tuple[Token, ...]] = {}
    owed: dict[str, int] = {}


class ZoneState(msgspec.Struct, frozen=True, array_like=True):
    """Progress of one For each … Collect.

    Attributes:
        results: index to the value that reached Collect; missing when skipped.
        failed: index to the error of an item that failed.
    """

    items: ValueRef
    total: int
    next: int = 0
    active: int = 0
    done: int = 0
    results: dict[int, ValueRef] = {}
    failed: dict[int, Json] = {}


class CycleState(msgspec.Struct, frozen=True, array_like=True):
    """Tokens alive in a cycle, and the edges that leave it.

    An edge that leaves a cycle is ruled out only when the cycle has died without
    taking it; until then its skip token is held back.
    """

    live: int = 0
    taken: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


class ChannelOp(msgspec.Struct, frozen=True, array_like=True):
    """One write as it was admitted: replaying it through the reducer gives the value."""

    channel: str
    value: Json
    op: str  # reduce, set, delete
    writer: TaskId


class Delta(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What one commit changes. `put_x` replaces keys of table x, `drop_x` removes them."""

    status: RunStatus | None = None
    ops: list[ChannelOp] = []
    put_memory: dict[str, Json] = {}
    put_values: dict[str, Json] = {}
    drop_values: list[str] = []
    put_outputs: dict[str, ValueRef] = {}
    put_tasks: dict[str, Task] = {}
    drop_tasks: list[str] = []
    put_waits: dict[str, ParkedWait] = {}
    drop_waits: list[str] = []
    put_joins: dict[str, JoinState] = {}
    drop_joins: list[str] = []
    put_zones: dict[str, ZoneState] = {}
    drop_zones: list[str] = []
    put_cycles: dict[str, CycleState] = {}
    drop_cycles: list[str] = []
    put_visits: dict[str, int] = {}
    put_counters: dict[str, float] = {}
    put_results: dict[str, Json] = {}


class RunState(msgspec.Struct, kw_only=True):
    """The state of a run at one commit. Only `apply` changes it.

    Attributes:
        commit: index of the last commit.
        memory, joins, cycles, visits: keyed ``node@scope``.
        outputs: ``node@scope`` to the last value that other nodes may read.
        results: End node key to the value that reached it.
        counters: ``executions``, ``order``, ``seq``...
    """

    commit: int = -1
    status: RunStatus = RunStatus.CREATED
    channels: dict[str, Json] = {}
    versions: dict[str, int] = {}
    memory: dict[str, Json] = {}
    values: dict[str, Json] = {}
    outputs: dict[str, ValueRef] = {}
    tasks: dict[str, Task] = {}
    waits: dict[str, ParkedWait] = {}
    joins: dict[str, JoinState] = {}
    zones: dict[str, ZoneState] = {}
    cycles: dict[str, CycleState] = {}
    visits: dict[str, int] = {}
    counters: dict[str, float] = {}
    results: dict[str, Json] = {}

    def copy(self) -> RunState:
        """Return a state that can be changed without this one: tables are copied,
        the values in them are shared because nobody may change those."""
        fields = {
            name: dict(value) if isinstance(value := getattr(self, name), dict) else value
            for name in self.__struct_fields__
        }
        return RunState(**fields)


#: The tables that a delta fills and empties by key alone.
_TABLES = ("memory", "values", "outputs", "tasks", "waits", "joins", "zones", "cycles")
_COUNTS = ("visits", "counters", "results")


def apply(state: RunState, delta: Delta, specs: ChannelSpecs, commit: int) -> None:
    """Move `state` from commit ``commit - 1`` to ``commit``.

    Channel writes go through their reducers again, so that a delta costs what changed
    and not what the channel holds.
    """
    for op in delta.ops:
        old = state.channels.get(op.channel)
        new = apply_op(specs[op.channel], old, op.op, op.value)
        if new is not old and new != old:
            state.versions[op.channel] = state.versions.get(op.channel, 0) + 1
        state.channels[op.channel] = new
    for put, drop, name in _SLOTS:
        added = getattr(delta, put)
        removed = getattr(delta, drop) if drop else ()
        if added or removed:
            table = getattr(state, name)
            table.update(added)
            for key in removed:
                table.pop(key, None)
    if delta.status is not None:
        state.status = delta.status
    state.commit = commit


_SLOTS = tuple(
    (f"put_{name}", f"drop_{name}" if f"drop_{name}" in Delta.__struct_fields__ else "", name)
    for name in (*_TABLES, *_COUNTS)
)
