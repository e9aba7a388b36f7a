"""Everything a run needs to go on, and the delta between two commits (U93, U95).

`RunState` is a set of tables. The superstep never edits it: it makes a `Delta`, and
`apply` is the only way a state changes, live and on restore. A restored state is
therefore equal to the live one by construction.

Values that travel are kept once in `values`, named by the task and port that made
them; tokens, tasks and joins hold only the name.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from engine.ids import NodeKey, Path, RequestId, TaskId
from engine.model.workflow import Save
from engine.state.channels import ChannelSpecs, same
from engine.state.status import RunStatus
from engine.state.writes import ChannelOp, Written, written
from engine.stops import Breakpoint

Json = Any
ValueRef = str


class Token(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What lies on an edge. A skip token says that nothing will come this way.

    One that is no skip and has no value marks a value that a join of the mode each has taken.

    Attributes:
        lost: of a skip token: a failure that is ignored is the reason.
    """

    edge: str
    path: Path = ()
    value: ValueRef | None = None
    skip: bool = False
    lost: bool = False


class Task(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One node in one superstep: ready, in flight or parked.

    Attributes:
        inputs: input port to the (source node, value) pairs that arrived there.
        order: creation order in the run; ties are broken by it.
        ready_at: the commit that made it ready. `now`: the time of that commit.
        attempt: number of the next attempt, from 1.
        nodes: outputs of other nodes that it may read, resolved when it became ready.
        pinned: channels it reads that have changed since, as they were then.
        using: which alternative of the node does its work, from 1; 0 is the node itself.
        since: attempts that were made before that one.
        shift: how many earlier visits were taken back by its frames, to be made again.
        versions: for a gated node, the versions of the channels that it reads, as then.
        turn: the last attempt that was given its turn, of a node that has a rate.
        feedback: what checks have said of the output of the last attempt.
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
    versions: dict[str, int] = {}
    using: int = 0
    since: int = 0
    turn: int = 0
    shift: int = 0
    feedback: tuple[str, ...] = ()


class ParkedWait(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a task is parked.

    Attributes:
        kind: ``approval timer until event child retry unknown_outcome held budget rate``.
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


class ChildState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A child run that nobody waits for and that is tracked until it ends.

    Attributes:
        path: of the task. `status`: ``queued`` until its turn comes, ``running``, or ``failed``
            where that has failed the run, which begins it again when it is resumed.
    """

    task: TaskId
    node: NodeKey
    mode: str
    path: Path = ()
    status: Literal["queued", "running", "failed"] = "running"


class JoinState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a join is in one scope; the tokens themselves are in `RunState.arrivals`.

    Attributes:
        present: edges with at least one token. `alive`: tokens that carry a value.
        owed: per edge, how many later arrivals belong to a round that has fired already.
    """

    present: int = 0
    alive: int = 0
    owed: dict[str, int] = {}


class JoinTimer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Until when a join port waits in one scope, once a value has come.

    Attributes:
        due_at: seconds since the epoch.
        over: the time has passed, and the node waits for another port.
    """

    node: NodeKey
    port: str
    path: Path
    due_at: float
    over: bool = False


class Queued(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came before a zone was done, and takes its turn.

    Attributes:
        items: of a For each the list, of a Loop the value.
        limit: how many items at once; of a Loop the number of rounds, -1 if not known.
        keyed: the items are the entries of an object.
    """

    items: ValueRef
    limit: int
    keyed: bool = False


class ZoneState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Progress of one For each … Collect; its finished items are in `RunState.items`.

    Attributes:
        items: the list that it began with, or empty where a stream feeds it.
        total: how many are in that list; -1 of a stream. `loop.of` and paths say so.
        next: index of the item that starts next.
        queued: what came before this one was done.
        rounds: it is a Loop … Until: `items` is the value that the round began with, `total`
            the number of rounds, -1 if not known.
        limit: how many items are worked on at once.
        added: how many items were added later; those are in `RunState.grown`.
        source: the task that goes on to feed it; while there is one, it stays open.
        position: where the source goes on after the last item that was admitted.
        over: Collect has gone on; what is still at work is left to its end.
        keyed: the items are the entries of an object, {key, value}.
    """

    items: ValueRef
    total: int
    next: int = 0
    active: int = 0
    done: int = 0
    queued: tuple[Queued, ...] = ()
    rounds: bool = False
    limit: int = 1
    added: int = 0
    source: TaskId = TaskId("")
    position: Json = None
    over: bool = False
    keyed: bool = False

    @property
    def size(self) -> int:
        """How many items there are by now."""
        return max(self.total, 0) + self.added


class ItemState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How one item of a zone ended: with a value, skipped (neither), or failed.

    Attributes:
        order: how many items had ended before it.
    """

    order: int
    value: ValueRef | None = None
    error: Json = None


class CycleState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Tokens alive in a cycle, and the edges that leave it.

    An edge that leaves a cycle is ruled out only when the cycle has died without
    taking it; until then its skip token is held back.
    """

    live: int = 0
    taken: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What may be used of a meter, what has been, and what is reserved for running tasks.

    Attributes:
        limit: None for no end.
        reserved: for tasks, and for the shares of items.
    """

    limit: float | None = None
    used: float = 0.0
    reserved: float = 0.0


class GateState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a gated node saw when it ran last, and the names of what it put out then."""

    versions: dict[str, int]
    outputs: dict[str, ValueRef]
    route: tuple[str, ...] | None = None


class FrameState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a frame is in one scope, from the first token that enters it in a round.

    Attributes:
        live: tokens and tasks in it.
        opened_at: when the first value entered since it was empty, or None.
        attempt: from 1. `resume_at`: nothing in it starts before; for the delay of a retry.
        entered: what has entered since then, to be given again.
        held: what leaves it when nothing is in it any more.
        seen: ways in that have brought their token of this round. `left`: ways out that have.
        over: it has been ended for this round: what still enters is passed over.
        failed: the node that takes its failures has got one in this round.
        asked: its place among those that wait for the lock of the frame, or have it.
        locked: it has the lock.
        base: how often members had been visited when it was opened, where they had.
        shift: how many visits of members were taken back since.
    """

    path: Path
    live: int = 0
    opened_at: float | None = None
    attempt: int = 1
    resume_at: float = 0.0
    entered: tuple[Token, ...] = ()
    held: tuple[Token, ...] = ()
    seen: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    over: bool = False
    failed: bool = False
    base: dict[str, int] = {}
    shift: dict[str, int] = {}
    asked: int = 0
    locked: bool = False


class Ending(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a task is being cancelled, and the zones (``node@scope``) that start no more items."""

    reason: str
    zones: tuple[str, ...] = ()


#: The part of a table that a commit leaves alone: one object for all deltas.
NOTHING: Mapping[str, Any] = MappingProxyType({})
#: The same inside a row, where msgspec must be able to encode it. Nobody changes a row.
EMPTY: dict[str, Any] = {}


class Delta(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """What one commit changes. `put_x` replaces keys of table x, `drop_x` removes them.

    A delta is never part of a cycle, so that the garbage collector need not look at it.
    """

    status: RunStatus | None = None
    ops: Sequence[ChannelOp] = ()
    put_memory: Mapping[str, Json] = NOTHING
    drop_memory: Sequence[str] = ()
    put_values: Mapping[str, Json] = NOTHING
    put_outputs: Mapping[str, ValueRef] = NOTHING
    drop_outputs: Sequence[str] = ()
    put_tasks: Mapping[str, Task] = NOTHING
    drop_tasks: Sequence[str] = ()
    put_waits: Mapping[str, ParkedWait] = NOTHING
    drop_waits: Sequence[str] = ()
    put_joins: Mapping[str, JoinState] = NOTHING
    drop_joins: Sequence[str] = ()
    put_timers: Mapping[str, JoinTimer] = NOTHING
    drop_timers: Sequence[str] = ()
    put_arrivals: Mapping[str, tuple[Token, ...]] = NOTHING
    drop_arrivals: Sequence[str] = ()
    put_zones: Mapping[str, ZoneState] = NOTHING
    drop_zones: Sequence[str] = ()
    put_items: Mapping[str, ItemState] = NOTHING
    drop_items: Sequence[str] = ()
    put_grown: Mapping[str, ValueRef] = NOTHING
    drop_grown: Sequence[str] = ()
    put_cycles: Mapping[str, CycleState] = NOTHING
    drop_cycles: Sequence[str] = ()
    put_gates: Mapping[str, GateState] = NOTHING
    drop_gates: Sequence[str] = ()
    put_frames: Mapping[str, FrameState] = NOTHING
    drop_frames: Sequence[str] = ()
    put_ledger: Mapping[str, Account] = NOTHING
    drop_ledger: Sequence[str] = ()
    put_holds: Mapping[str, dict[str, float]] = NOTHING
    drop_holds: Sequence[str] = ()
    put_buckets: Mapping[str, float] = NOTHING
    drop_buckets: Sequence[str] = ()
    put_visits: Mapping[str, int] = NOTHING
    put_counters: Mapping[str, int] = NOTHING
    put_results: Mapping[str, Json] = NOTHING
    put_breaks: Mapping[str, Breakpoint] = NOTHING
    drop_breaks: Sequence[str] = ()
    put_recordings: Mapping[str, Json] = NOTHING
    drop_recordings: Sequence[str] = ()
    until: NodeKey | None = None
    put_failures: Mapping[str, Json] = NOTHING
    drop_failures: Sequence[str] = ()
    put_children: Mapping[str, ChildState] = NOTHING
    drop_children: Sequence[str] = ()
    put_ending: Mapping[str, Ending] = NOTHING
    drop_ending: Sequence[str] = ()


class Moves(Delta):
    """A delta that moves values from task to task, and touches no other table but channels.

    It holds `ops put_values put_outputs put_tasks drop_tasks put_visits put_counters` and
    `status` only, so that `apply` need not look at the rest.
    """


class RunState(msgspec.Struct, kw_only=True):
    """The state of a run at one commit. Only `apply` changes it.

    Attributes:
        commit: index of the last commit.
        versions, memory_versions: how often a channel, or a node's memory, has changed.
        memory, joins, zones, visits, gates: keyed ``node@scope``. `cycles`: ``index@scope``.
        frames: ``frame@scope`` to how far it is; those that do nothing are not there.
        timers: ``node.port@scope`` to until when that port waits.
        ledger: accounts: of a meter, of a share (``meter@scope``), of a node (``meter/node``).
        holds: task, or child run in the background, to what is reserved for it, by meter.
        buckets: ``node/n/key``: when the n-th bucket of a node for that key is full again.
        arrivals: ``edge@scope`` to the tokens that wait there, oldest first.
        items: ``zone@scope/index`` to how that item ended.
        grown: ``zone@scope/index`` to an item that was added while the zone was at work.
        outputs: ``node@scope`` to the last value that other nodes may read.
        results: End node key to the value that reached it.
        counters: ``executions`` and ``order``; ``commands``: number of the last stored command
            that was obeyed.
        breaks: `Breakpoint.key` to the breakpoint.
        recordings: results of an earlier run, by the task that takes one in place of running.
        failures: unhandled ones of this leg, by task, where others may go on after them.
        ending: tasks that are being cancelled by themselves; they do not start again.
        until: the node that the run goes to; what does not lead there is not started.
        children: run id of each child run that is tracked.
        save: when commits are stored, where the run was started with another setting than its
            workflow has.
        refs: how many holders each value has; a value without any is dropped.
    """

    commit: int = -1
    status: RunStatus = RunStatus.CREATED
    channels: dict[str, Json] = {}
    versions: dict[str, int] = {}
    memory: dict[str, Json] = {}
    memory_versions: dict[str, int] = {}
    values: dict[str, Json] = {}
    outputs: dict[str, ValueRef] = {}
    tasks: dict[str, Task] = {}
    waits: dict[str, ParkedWait] = {}
    joins: dict[str, JoinState] = {}
    timers: dict[str, JoinTimer] = {}
    arrivals: dict[str, tuple[Token, ...]] = {}
    zones: dict[str, ZoneState] = {}
    items: dict[str, ItemState] = {}
    grown: dict[str, ValueRef] = {}
    cycles: dict[str, CycleState] = {}
    gates: dict[str, GateState] = {}
    frames: dict[str, FrameState] = {}
    ledger: dict[str, Account] = {}
    holds: dict[str, dict[str, float]] = {}
    buckets: dict[str, float] = {}
    visits: dict[str, int] = {}
    counters: dict[str, int] = {}
    results: dict[str, Json] = {}
    breaks: dict[str, Breakpoint] = {}
    recordings: dict[str, Json] = {}
    until: NodeKey = ""
    failures: dict[str, Json] = {}
    ending: dict[str, Ending] = {}
    refs: dict[str, int] = {}
    children: dict[str, ChildState] = {}
    save: Save | None = None

    def copy(self) -> RunState:
        """Return a state that can be changed without changing this one.

        Tables are copied; the values in them are shared, because nobody may change those.
        """
        child = copy.copy(self)
        for name in _TABLES:
            setattr(child, name, getattr(child, name).copy())
        return child

    def item(self, key: str, index: int) -> Json:
        """Return an item of the zone ``node@scope``, of its list or added later."""
        zone = self.zones[key]
        if index < zone.total:
            return self.value(zone.items)[index]
        ref = self.grown.get(f"{key}/{index}")
        return None if ref is None else self.value(ref)

    def value(self, ref: ValueRef) -> Json:
        """Return the value of that name; ``name[3]`` is an item of a list."""
        if ref[-1] == "]":
            base, _, index = ref[:-1].partition("[")
            return self.values[base][int(index)]
        return self.values[ref]


#: The fields of a state that are tables.
_TABLES = tuple(
    field.name for field in msgspec.structs.fields(RunState) if field.default_factory is dict
)


def base_of(ref: ValueRef) -> ValueRef:
    """Return the name of the stored value that `ref` is, or is an item of."""
    return ref.partition("[")[0] if "[" in ref else ref


def _task_refs(task: Task) -> Sequence[ValueRef]:
    inputs = task.inputs
    if len(inputs) == 1 and not task.nodes:  # most are so
        (pairs,) = inputs.values()
        if len(pairs) == 1:
            return (pairs[0][1],)
    refs: list[ValueRef] = []
    for pairs in inputs.values():
        for _, ref in pairs:
            refs.append(ref)  # not a nested comprehension: that costs twice as much
    return [*refs, *task.nodes.values()] if task.nodes else refs


def _token_refs(queue: tuple[Token, ...]) -> list[ValueRef]:
    return [token.value for token in queue if token.value]


def _zone_refs(zone: ZoneState) -> list[ValueRef]:
    first = [zone.items] if zone.items else []
    return [*first, *[each.items for each in zone.queued]] if zone.queued else first


def _item_refs(item: ItemState) -> list[ValueRef]:
    return [item.value] if item.value else []


def _gate_refs(gate: GateState) -> list[ValueRef]:
    return list(gate.outputs.values())


def _frame_refs(frame: FrameState) -> list[ValueRef]:
    return _token_refs(frame.entered) + _token_refs(frame.held)


def _itself(ref: ValueRef) -> list[ValueRef]:
    return [ref]


def recount(state: RunState) -> None:
    """Count the holders of every value anew, and drop the values that nobody holds."""
    counts: dict[str, int] = {}
    held = [
        *(ref for task in state.tasks.values() for ref in _task_refs(task)),
        *(ref for queue in state.arrivals.values() for ref in _token_refs(queue)),
        *(ref for zone in state.zones.values() for ref in _zone_refs(zone)),
        *(ref for item in state.items.values() for ref in _item_refs(item)),
        *(ref for gate in state.gates.values() for ref in _gate_refs(gate)),
        *state.grown.values(),
        *(ref for frame in state.frames.values() for ref in _frame_refs(frame)),
        *state.outputs.values(),
    ]
    for ref in held:
        counts[base_of(ref)] = counts.get(base_of(ref), 0) + 1
    state.refs = counts
    state.values = {ref: value for ref, value in state.values.items() if ref in counts}


def apply(
    state: RunState,
    delta: Delta,
    specs: ChannelSpecs,
    commit: int,
    merged: Written | None = None,
) -> None:
    """Move `state` from commit ``commit - 1`` to ``commit``.

    Channel writes go through their reducers again, so that a delta costs what changed
    and not what the channel holds. Values that nobody holds any more are dropped here,
    so that a restored state drops the same ones.

    Args:
        state: is changed in place.
        delta: what the commit changes.
        specs: the channels.
        commit: index of the commit.
        merged: what the writes of this delta make of the channels of this state, where the
            commit has found it out; a version rises by one where the value has changed.
    """
    released: list[ValueRef] = []
    if delta.ops:
        _write_channels(state, merged or written(state.channels, delta.ops, specs))
    if type(delta) is not Moves:
        _apply_rest(state, delta, released)
    if delta.put_values:
        state.values.update(delta.put_values)
        released += delta.put_values
    if delta.put_tasks or delta.drop_tasks:
        _hold(state, state.tasks, delta.put_tasks, delta.drop_tasks, _task_refs, released)
    if delta.put_outputs or delta.drop_outputs:
        _hold(state, state.outputs, delta.put_outputs, delta.drop_outputs, _itself, released)
    if delta.put_visits:
        state.visits.update(delta.put_visits)
    if delta.put_counters:
        state.counters.update(delta.put_counters)
    refs = state.refs
    for ref in released:
        if not refs.get(ref):
            state.values.pop(ref, None)
            refs.pop(ref, None)
    if delta.status is not None:
        state.status = delta.status
    state.commit = commit


def _write_channels(state: RunState, found: Written) -> None:
    state.channels.update(found.channels)
    for name in found.changed:
        state.versions[name] = state.versions.get(name, 0) + 1


def _apply_rest(state: RunState, delta: Delta, released: list[ValueRef]) -> None:
    """Update what a delta touches besides channels, and values and tasks on their way."""
    _apply_holders(state, delta, released)
    _apply_rows(state, delta)
    if delta.put_memory or delta.drop_memory:
        _remember(state, delta.put_memory, delta.drop_memory)
    if delta.put_results:
        state.results.update(delta.put_results)
    _apply_control(state, delta)


def _apply_control(state: RunState, delta: Delta) -> None:
    """Update what says how the run is held, and what it goes on after."""
    if delta.put_breaks or delta.drop_breaks:
        _update(state.breaks, delta.put_breaks, delta.drop_breaks)
    if delta.drop_recordings:
        _update(state.recordings, delta.put_recordings, delta.drop_recordings)
    if delta.put_failures or delta.drop_failures:
        _update(state.failures, delta.put_failures, delta.drop_failures)
    if delta.put_ending or delta.drop_ending:
        _update(state.ending, delta.put_ending, delta.drop_ending)
    if delta.until is not None:
        state.until = delta.until


def _apply_holders(state: RunState, delta: Delta, released: list[ValueRef]) -> None:
    """Update the other tables whose rows hold values."""
    if delta.put_arrivals or delta.drop_arrivals:
        _hold(state, state.arrivals, delta.put_arrivals, delta.drop_arrivals, _token_refs, released)
    if delta.put_zones or delta.drop_zones:
        _hold(state, state.zones, delta.put_zones, delta.drop_zones, _zone_refs, released)
    if delta.put_items or delta.drop_items:
        _hold(state, state.items, delta.put_items, delta.drop_items, _item_refs, released)
    if delta.put_grown or delta.drop_grown:
        _hold(state, state.grown, delta.put_grown, delta.drop_grown, _itself, released)
    if delta.put_gates or delta.drop_gates:
        _hold(state, state.gates, delta.put_gates, delta.drop_gates, _gate_refs, released)
    if delta.put_frames or delta.drop_frames:
        _hold(state, state.frames, delta.put_frames, delta.drop_frames, _frame_refs, released)


def _apply_rows(state: RunState, delta: Delta) -> None:
    """Update the tables whose rows hold none."""
    if delta.put_waits or delta.drop_waits:
        _update(state.waits, delta.put_waits, delta.drop_waits)
    if delta.put_joins or delta.drop_joins:
        _update(state.joins, delta.put_joins, delta.drop_joins)
    if delta.put_timers or delta.drop_timers:
        _update(state.timers, delta.put_timers, delta.drop_timers)
    if delta.put_cycles or delta.drop_cycles:
        _update(state.cycles, delta.put_cycles, delta.drop_cycles)
    if delta.put_ledger or delta.put_holds or delta.drop_ledger or delta.drop_holds:
        _update(state.ledger, delta.put_ledger, delta.drop_ledger)
        _update(state.holds, delta.put_holds, delta.drop_holds)
    if delta.put_buckets or delta.drop_buckets:
        _update(state.buckets, delta.put_buckets, delta.drop_buckets)
    if delta.put_children or delta.drop_children:
        _update(state.children, delta.put_children, delta.drop_children)


def _remember(state: RunState, put: Mapping[str, Json], drop: Sequence[str]) -> None:
    """Set the memory of nodes; its versions rise as those of channels do, and end with it."""
    for key, value in put.items():
        if not same(state.memory.get(key), value):
            state.memory_versions[key] = state.memory_versions.get(key, 0) + 1
        state.memory[key] = value
    for key in drop:
        state.memory.pop(key, None)
        state.memory_versions.pop(key, None)


def _update(table: dict[str, Any], put: Mapping[str, Any], drop: Sequence[str]) -> None:
    if put:
        table.update(put)
    for key in drop:
        table.pop(key, None)


def _hold(
    state: RunState,
    table: dict[str, Any],
    put: Mapping[str, Any],
    drop: Sequence[str],
    refs_of: Callable[[Any], Sequence[ValueRef]],
    released: list[ValueRef],
) -> None:
    """Update a table whose rows hold values, and count the holders."""
    counts = state.refs
    gone: list[Any] = []
    for key in drop:
        row = table.pop(key, None)
        if row is not None:
            gone.append(row)
    for key, row in put.items():
        for ref in refs_of(row):
            base = base_of(ref) if "[" in ref else ref
            counts[base] = counts.get(base, 0) + 1
        if key in table:
            gone.append(table[key])
    for row in gone:
        for ref in refs_of(row):
            base = base_of(ref) if "[" in ref else ref
            counts[base] -= 1
            if not counts[base]:
                released.append(base)
    table.update(put)
