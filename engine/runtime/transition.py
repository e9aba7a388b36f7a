"""The working area of one commit: reads the old state, collects the delta.

Nothing here touches the state: a commit that is thrown away leaves no trace, and the
same inputs always give the same delta.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from engine.events import (
    AnyEvent,
    BarrierWithdrawn,
    ErrorInfo,
    ItemsDropped,
    TaskCancelled,
    TaskFailed,
    TaskReady,
    TaskSkipped,
    Warned,
)
from engine.ids import NodeKey, Path, RequestId, TaskId, scope_key, task_id
from engine.model.plan import InPort, Plan, PlanEdge, PlanNode
from engine.runtime import rounds
from engine.runtime.joins import Fired, fires, mark, needs
from engine.runtime.routing import Routes
from engine.state.run_state import (
    Account,
    ChildState,
    CycleState,
    Delta,
    Ending,
    GateState,
    ItemState,
    JoinState,
    JoinTimer,
    ParkedWait,
    RunState,
    Task,
    Token,
    ValueRef,
    ZoneState,
)

Json = Any
T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
EMPTY_JOIN = JoinState()
EMPTY_CYCLE = CycleState()
#: Kinds of waits whose end somebody outside the run is told of.
REACHING = frozenset({"event", "child"})
#: The tables of the state that a commit may change, row by row.
TABLES = (
    "tasks", "waits", "joins", "timers", "arrivals", "zones", "items", "cycles", "outputs",
    "gates", "memory", "ledger", "holds",
    "recordings", "failures",
    "children", "ending",
)  # fmt: skip
#: Their fields of a delta.
_PUT = {name: f"put_{name}" for name in TABLES}
_DROP = {name: f"drop_{name}" for name in TABLES}


class LimitHit(Exception):  # noqa: N818 - becomes a failed run, not an error of ours
    """A limit stopped the commit; it names itself."""

    def __init__(self, limit: str, value: float, node: NodeKey, text: str) -> None:
        super().__init__(text)
        self.limit = limit
        self.value = value
        self.node = node


class Ledger(Protocol):
    """What carrying tokens needs of a run's budgets (`engine.runtime.budget`)."""

    def start(self, node: PlanNode, task: Task) -> bool:
        """Reserve for a new task, or park it; return whether it may start."""
        ...

    def release(self, task: Task) -> None:
        """Give back what is reserved for a task that has ended."""
        ...

    def open_shares(self, split: PlanNode, path: Path, total: int) -> None:
        """Give each item of a For each a share."""
        ...

    def close_shares(self, item: Path) -> None:
        """Give back what an item has left."""
        ...


class ItemLost(Exception):  # noqa: N818 - becomes a failed item, or a failed run
    """No wire takes an item of a For each; `stops` when the run may not go on without it."""

    def __init__(self, error: ErrorInfo, *, stops: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.stops = stops


class Table(Generic[T]):
    """A table of the state with the changes of this commit on top; None means dropped."""

    __slots__ = ("base", "changes")

    def __init__(self, base: Mapping[str, T]) -> None:
        self.base = base
        self.changes: dict[str, T | None] = {}

    def get(self, key: str) -> T | None:
        """Return the row as it is now."""
        changes = self.changes
        return changes[key] if key in changes else self.base.get(key)

    def put(self, key: str, row: T) -> None:
        """Write a row."""
        self.changes[key] = row

    def drop(self, key: str) -> None:
        """Remove a row, if it is there."""
        if key in self.base:
            self.changes[key] = None
        else:
            self.changes.pop(key, None)

    def size(self) -> int:
        """Return how many rows there are now."""
        base, count = self.base, len(self.base)
        for key, row in self.changes.items():
            count += (row is not None) - (key in base)
        return count

    def split(self) -> tuple[dict[str, T], list[str]]:
        """Return (rows to put, keys to drop)."""
        put = {key: row for key, row in self.changes.items() if row is not None}
        if len(put) == len(self.changes):
            return put, []
        return put, [key for key, row in self.changes.items() if row is None]


class Transition:
    """Collects what one commit changes, and carries tokens to their ends.

    Most commits touch two or three of the tables; the others are never made.
    """

    tasks: Table[Task]
    waits: Table[ParkedWait]
    joins: Table[JoinState]
    timers: Table[JoinTimer]
    arrivals: Table[tuple[Token, ...]]
    zones: Table[ZoneState]
    items: Table[ItemState]
    cycles: Table[CycleState]
    outputs: Table[ValueRef]
    recordings: Table[Json]
    failures: Table[Json]
    ending: Table[Ending]
    gates: Table[GateState]
    memory: Table[Json]
    ledger: Table[Account]
    holds: Table[dict[str, float]]
    children: Table[ChildState]

    def __init__(self, plan: Plan, state: RunState, *, at: float, commit: int) -> None:
        self.plan = plan
        self.state = state
        self.at = at
        self.commit = commit
        self.visits: dict[str, int] = {}
        self.values: dict[str, Json] = {}
        self.results: dict[str, Json] = {}
        self.order = state.counters.get("order", 0)
        self.events: list[AnyEvent] = []
        self.ready: list[TaskReady] = []
        self.taken: list[str] = []
        self.not_taken: list[str] = []
        self._tables: dict[str, Table[Any]] = {}
        self._pending: deque[tuple[PlanEdge, Token]] = deque()
        self._loops_touched: dict[str, Path] = {}
        self.changed: frozenset[str] = frozenset()
        self.budget: Ledger | None = None
        self.left: list[ParkedWait] = []
        self.closed: list[tuple[RequestId, str]] = []
        #: Tasks that were made to fail in this commit.
        self.broken: list[tuple[TaskId, ErrorInfo]] = []
        #: Whether the results of a zone are enough: (its Collect, its path, results so far).
        self.is_enough: Callable[[PlanNode, Path, list[Json]], bool] | None = None
        self.route_item: Callable[[PlanNode, Path, Json], Routes] | None = None

    def __getattr__(self, name: str) -> Table[Any]:
        """Make a table when it is first asked for."""
        if name not in TABLES:
            raise AttributeError(name)
        table: Table[Any] = Table(getattr(self.state, name))
        self._tables[name] = table
        setattr(self, name, table)
        return table

    @property
    def touched(self) -> Mapping[str, Table[Any]]:
        """The tables that somebody has asked for."""
        return self._tables

    # --- values ---------------------------------------------------------------------------

    def value(self, ref: ValueRef) -> Json:
        """Return a value, made in this commit or before."""
        base, bracket, index = ref.partition("[")
        if base in self.values:
            value = self.values[base]
            return value[int(index[:-1])] if bracket else value
        return self.state.value(ref)

    def name_value(self, task: Task, ref: ValueRef, value: Json) -> ValueRef:
        """Return the name of a task's output; one that only passed through keeps its name."""
        for pairs in task.inputs.values():
            for _, known in pairs:
                if self.value(known) is value:
                    return known
        self.values[ref] = value
        return ref

    def output_for(self, node: NodeKey, path: Path) -> ValueRef | None:
        """Return the node's output with the longest common path."""
        for length in range(len(path), -1, -1):
            ref = self.outputs.get(f"{node}@{scope_key(path[:length])}")
            if ref is not None:
                return ref
        return None

    # --- tokens ---------------------------------------------------------------------------

    def send(self, edge: PlanEdge, path: Path, ref: ValueRef) -> None:
        """Put a value on an edge."""
        self.taken.append(edge.id)
        if edge.leaves >= 0:
            self._mark_exit(edge, path, taken=True)
        self._pending.append((edge, Token(edge.id, path, ref)))

    def rule_out(self, edge: PlanEdge, path: Path) -> None:
        """Say that nothing comes along an edge this round."""
        if edge.back:
            return
        if edge.leaves >= 0:
            self._mark_exit(edge, path, taken=False)
            return
        self.not_taken.append(edge.id)
        self._pending.append((edge, Token(edge.id, path, skip=True)))

    def carry(self) -> None:
        """Deliver all tokens, those of dying loops too, until none is on its way."""
        while True:
            while self._pending:
                self._deliver(*self._pending.popleft())
            if not self._release_dead_loops() and not (
                self.plan.has_quiet and rounds.fire_quiet(self)
            ):
                return

    def _deliver(self, edge: PlanEdge, token: Token) -> None:
        target = self.plan.nodes[edge.target]
        if edge.back:
            if token.value is not None:
                inputs = {edge.target_port: ((edge.source, token.value),)}
                self.create(target, token.path, inputs)
            return
        if target.simple:
            self._fire_simple(target, edge, token)
            return
        scope = scope_key(token.path)
        key = f"{target.key}@{scope}"
        join = self.joins.get(key) or EMPTY_JOIN
        owed = join.owed.get(edge.id, 0)
        if owed:
            rest = {name: count for name, count in join.owed.items() if name != edge.id}
            if owed > 1:
                rest[edge.id] = owed - 1
            join = JoinState(join.present, join.alive, rest)
            self._keep_join(key, join)
            self._too_late(target, edge, token)
            return
        arrival = f"{edge.id}@{scope}"
        queue = self.arrivals.get(arrival) or ()
        self.arrivals.put(arrival, (*queue, token))
        value = 0 if token.skip else 1
        self._count_tokens(target, token.path, value)
        join = JoinState(join.present + (not queue), join.alive + value, join.owed)
        if join.present >= target.need:
            join = self._settle(target, token.path, scope, join)
        self._keep_join(key, join)
        if target.timed:
            rounds.watch(self, target, token.path)

    def _too_late(self, target: PlanNode, edge: PlanEdge, token: Token) -> None:
        """A token comes after its round has fired: mostly that is no matter."""
        port = next(port for port in target.in_ports if port.name == edge.target_port)
        if port.blocks:  # the next round may have waited for the end of this one
            self.settle(target, token.path)
        if port.rest == "error" and token.value is not None:
            pairs = {port.name: ((edge.source, token.value),)}
            task = self.create(target, token.path, pairs)
            self.broken.append((task, rounds.late(target, edge.source)))

    def settle(self, target: PlanNode, path: Path, *, quiet: bool = False) -> bool:
        """Fire a join for another reason than an arrival; return whether it fired."""
        scope = scope_key(path)
        key = f"{target.key}@{scope}"
        before = self.joins.get(key) or EMPTY_JOIN
        after = self._settle(target, path, scope, before, quiet=quiet)
        self._keep_join(key, after)
        if target.timed:
            rounds.watch(self, target, path)
        return after is not before

    def _keep_join(self, key: str, join: JoinState) -> None:
        if join.present or join.owed:
            self.joins.put(key, join)
        else:
            self.joins.drop(key)

    def _fire_simple(self, target: PlanNode, edge: PlanEdge, token: Token) -> None:
        if token.skip or token.value is None:
            self.skip(target, token.path, f"{edge.source} did not lead here")
        else:
            self.create(target, token.path, {edge.target_port: ((edge.source, token.value),)})

    def _settle(
        self, target: PlanNode, path: Path, scope: str, join: JoinState, *, quiet: bool = False
    ) -> JoinState:
        """Fire the node as often as its ports allow; return what is left of the join."""
        queues = partial(self.queue, scope)
        timed = target.timed
        while True:
            fired: list[Fired] = []
            over: InPort | None = None
            for port in target.in_ports:
                ended = timed and rounds.is_over(self, target, port, scope)
                over = port if ended else over
                found = fires(port, queues, join.owed, over=ended, quiet=quiet)
                while found is not None and found.over:
                    join = self._consume(target, port, path, scope, join, found)
                    found = fires(port, queues, join.owed, over=ended, quiet=quiet)
                if found is None:
                    return join
                fired.append(found)
            inputs: dict[str, tuple[tuple[NodeKey, ValueRef], ...]] = {}
            starved = False
            missing = needs(over, queues) if over is not None else []
            for port, found in zip(target.in_ports, fired, strict=True):
                join = self._consume(target, port, path, scope, join, found)
                edges = self.plan.edges
                pairs = [(edges[t.edge].source, t.value) for t in found.tokens if t.value]
                if pairs:
                    inputs[port.name] = tuple(pairs)
                elif port.required:
                    starved = True
                if timed:
                    self.timers.drop(rounds.timer_name(target, port, scope))
            if starved or not inputs:
                self.skip(target, path, "every way here was ruled out")
                continue
            task = self.create(target, path, inputs)
            if over is not None and over.policy.on_timeout == "fail":
                self.broken.append((task, rounds.timed_out(target, over, missing)))

    def queue(self, scope: str, edge: str) -> tuple[Token, ...]:
        """Return the tokens that wait on an edge in one scope, oldest first."""
        return self.arrivals.get(f"{edge}@{scope}") or ()

    def _consume(
        self,
        target: PlanNode,
        port: InPort,
        path: Path,
        scope: str,
        join: JoinState,
        fired: Fired,
    ) -> JoinState:
        """Take the tokens of one firing off their edges."""
        emptied = values = 0
        for edge in fired.used:
            arrival = f"{edge}@{scope}"
            queue = list(self.queue(scope, edge))
            values += queue.pop(0).value is not None
            if queue:
                self.arrivals.put(arrival, tuple(queue))
            else:
                self.arrivals.drop(arrival)
                emptied += 1
        if fired.taken is not None:
            edge, place = fired.taken
            queue = list(self.queue(scope, edge))
            queue[place] = mark(queue[place])
            self.arrivals.put(f"{edge}@{scope}", tuple(queue))
            values += 1
        self._count_tokens(target, path, -values)
        owed, late = join.owed, fired.owed
        if late and port.rest == "cancel" and (fired.tokens or port.policy.timeout_s is not None):
            still = rounds.cancel_rest(self, target, port, path)
            late = tuple([edge for edge in late if edge in still])
        if late:
            owed = dict(owed)
            for edge in late:
                owed[edge] = owed.get(edge, 0) + 1
        return JoinState(join.present - emptied, join.alive - values, owed)

    # --- tasks ----------------------------------------------------------------------------

    def create(
        self,
        target: PlanNode,
        path: Path,
        inputs: Mapping[str, tuple[tuple[NodeKey, ValueRef], ...]],
    ) -> TaskId:
        """Make a task ready and return its name, or hand an item over to its zone's Collect."""
        if target.role == "collect" and len(path) > target.depth:
            self._item_done(target, path, self._one_value(target, path, inputs))
            return TaskId("")
        visit = self._visit(target, path)
        task = task_id(target.key, path, visit)
        nodes: dict[NodeKey, ValueRef] = {}
        for name in target.read_nodes:
            ref = self.output_for(name, path)
            if ref is not None:
                nodes[name] = ref
        self.order += 1
        row = Task(
            id=task,
            node=target.key,
            path=path,
            visit=visit,
            order=self.order,
            ready_at=self.commit,
            now=self.at,
            inputs=dict(inputs),
            nodes=nodes,
            versions=self._versions(target) if target.gated else {},
        )
        self.tasks.put(task, row)
        if self.budget is None or not target.metered or self.budget.start(target, row):
            self.ready.append(TaskReady(task, target.key, path, visit))
        if target.loops:
            self._count_tokens(target, path, 1)
        return task

    def _versions(self, target: PlanNode) -> dict[str, int]:
        """Return the versions of what a node reads, as they are after this commit."""
        known, changed = self.state.versions, self.changed
        return {name: known.get(name, 0) + (name in changed) for name in sorted(target.reads)}

    def finish(self, task: Task) -> None:
        """Take a task out of the frontier."""
        self.tasks.drop(task.id)
        if self.state.waits or "waits" in self._tables:
            self.waits.drop(task.id)
        if self.state.ending:
            self.ending.drop(task.id)
        if self.budget is not None:
            self.budget.release(task)
        node = self.plan.nodes[task.node]
        if node.loops:
            self._count_tokens(node, task.path, -1)

    def end(self, task: Task, reason: str, *, how: str = "") -> None:
        """End a task without a result; one that nobody has heard of goes without a word."""
        wait = self.waits.get(task.id)
        self.finish(task)
        if task.id not in self.state.tasks and wait is None:
            return
        if wait is not None and wait.kind in REACHING:
            self.left.append(wait)
        if wait is not None and wait.request is not None:
            self.closed.append((wait.request, "withdrawn"))
            self.events.append(
                BarrierWithdrawn(request=wait.request, task=task.id, node=task.node, reason=reason)
            )
        cancelled = TaskCancelled(task=task.id, node=task.node, reason=reason, how=how)
        self.events.append(cancelled)

    def skip(
        self, target: PlanNode, path: Path, reason: str, *, task: TaskId | None = None
    ) -> None:
        """Pass over a node: everything that leaves it is ruled out.

        Args:
            target: the node.
            path: the scopes that it is passed over in.
            reason: why, in words.
            task: the task that found that it had nothing to do; else none was made.
        """
        if target.role == "collect" and len(path) > target.depth:
            self._item_done(target, path, None)
            return
        if target.role == "until" and len(path) > target.depth:
            self._round_without_result(target, path)
            return
        # Not the name of a task that is alive: those have been visited already.
        name = task or task_id(target.key, path, self._next_visit(target, path))
        self.events.append(TaskSkipped(task=name, node=target.key, reason=reason))
        self.pass_over(target, path)

    def pass_over(self, target: PlanNode, path: Path) -> None:
        """Rule out everything that leaves a node."""
        if target.role in ("split", "loop") and target.pair is not None:
            self._rule_out_pair(target, path)
            return
        for edges in target.out.values():
            for edge in edges:
                self.rule_out(edge, path)

    def _round_without_result(self, until: PlanNode, path: Path) -> None:
        """A round that brings no value leaves the value as it was."""
        zone = self.zones.get(f"{until.pair}@{scope_key(path[:-1])}")
        if zone is not None:
            self.create(until, path, {"in": ((until.pair or "", zone.items),)})

    def _rule_out_pair(self, split: PlanNode, path: Path) -> None:
        """A For each that does not run has a Collect that does not run either."""
        collect = self.plan.nodes[split.pair or ""]
        self.skip(collect, path, f"{split.key} did not run")
        for port, edges in split.out.items():
            if port == "error":
                for edge in edges:
                    self.rule_out(edge, path)

    def _visit(self, target: PlanNode, path: Path) -> int:
        if not target.repeats:
            return 0
        visit = self._next_visit(target, path)
        limit = self.plan.workflow.settings.limits.visits
        if visit >= limit:
            raise LimitHit(
                "visits",
                limit,
                target.key,
                f"{target.key} ran {limit} times in one loop; raise the limit visits "
                "in the workflow's settings if that is meant",
            )
        self.visits[f"{target.key}@{scope_key(path)}"] = visit + 1
        return visit

    def _next_visit(self, target: PlanNode, path: Path) -> int:
        if not target.repeats:
            return 0
        key = f"{target.key}@{scope_key(path)}"
        return self.visits.get(key, self.state.visits.get(key, 0))

    # --- zones ----------------------------------------------------------------------------

    def open_zone(self, split: PlanNode, path: Path, items: ValueRef, limit: int) -> None:
        """Start the items of a For each, at most `limit` at once.

        A list that comes before the last one is done takes its turn.
        """
        total = len(self.value(items))
        cap = self.plan.workflow.settings.limits.items
        if total > cap:
            raise LimitHit(
                "items", cap, split.key, f"{split.key} has {total} items; the limit items is {cap}"
            )
        key = f"{split.key}@{scope_key(path)}"
        zone = self.zones.get(key)
        if zone is not None:
            self.zones.put(key, _replace(zone, queued=(*zone.queued, (items, limit))))
            return
        self._begin_zone(split, path, items, limit, ())

    def _begin_zone(
        self,
        split: PlanNode,
        path: Path,
        items: ValueRef,
        limit: int,
        queued: tuple[tuple[ValueRef, int], ...],
    ) -> None:
        key = f"{split.key}@{scope_key(path)}"
        total = len(self.value(items))
        self.zones.put(key, ZoneState(items=items, total=total, queued=queued))
        if self.budget is not None and split.node.budget == "even":
            self.budget.open_shares(split, path, total)
        self._admit_items(split, path, key, min(limit, total))

    def _admit_items(self, split: PlanNode, path: Path, key: str, count: int) -> None:
        """Start so many items more; when none is left and all have ended, close the zone."""
        zone = self.zones.get(key)
        while zone is not None and count and zone.next < zone.total:
            index = zone.next
            item_path = (*path, (split.key, index, zone.total))
            error = self._start_item(split, item_path, zone, index)
            if error is None:
                zone = _replace(zone, next=index + 1, active=zone.active + 1)
                count -= 1
            else:
                self.items.put(f"{key}/{index}", ItemState(zone.done, None, error))
                zone = _replace(zone, next=index + 1, done=zone.done + 1)
        if zone is not None:
            self.zones.put(key, zone)
            if zone.done == zone.total:
                self._close_zone(split, path, key, zone)

    def _start_item(self, split: PlanNode, path: Path, zone: ZoneState, index: int) -> Json:
        """Send an item on its ways; return the error when there is no way for it."""
        ref = f"{zone.items}[{index}]" if "[" not in zone.items else ""
        if not ref:  # an item of an item has no name of its own: store it
            ref = f"{task_id(split.key, path)}.item"
            self.values[ref] = self.value(zone.items)[index]
        try:
            self.send_in(split, path, ref)
        except ItemLost as lost:
            if lost.stops:
                raise
            task = task_id(split.key, path)
            self.events.append(
                TaskFailed(
                    task=task, node=split.key, error=lost.error, duration_s=0.0, handled="item"
                )
            )
            return msgspec.to_builtins(lost.error)
        return None

    def send_in(self, split: PlanNode, path: Path, ref: ValueRef) -> None:
        """Send an item, or the value of a round, on its ways into the zone.

        Raises:
            ItemLost: there is no way for it.
        """
        if split.plain or self.route_item is None:
            for port, edges in split.out.items():
                for edge in edges if port != "error" else ():
                    self.send(edge, path, ref)
            return
        routes = self.route_item(split, path, self.value(ref))
        for edge in routes.taken:
            self.send(edge, path, ref)
        for edge in routes.ruled_out:
            self.rule_out(edge, path)

    def _item_done(self, collect: PlanNode, path: Path, ref: ValueRef | None) -> None:
        split = self.plan.nodes[collect.pair or ""]
        outer = path[:-1]
        key = f"{split.key}@{scope_key(outer)}"
        zone = self.zones.get(key)
        if zone is None or self.items.get(f"{key}/{path[-1][1]}") is not None:
            return  # it has its result already
        self._item_over(split, outer, key, zone, path, ItemState(zone.done, ref))

    def fail_item(self, zone_key: NodeKey, path: Path, error: Json) -> None:
        """Record that one item of a zone failed, and drop what is left of it."""
        split = self.plan.nodes[zone_key]
        outer = path[:-1]
        key = f"{zone_key}@{scope_key(outer)}"
        zone = self.zones.get(key)
        if zone is None:
            return
        if self.items.get(f"{key}/{path[-1][1]}") is None:
            self._clear_item(split, path)
            self._item_over(split, outer, key, zone, path, ItemState(zone.done, None, error))

    def _one_value(
        self,
        collect: PlanNode,
        path: Path,
        inputs: Mapping[str, tuple[tuple[NodeKey, ValueRef], ...]],
    ) -> ValueRef:
        """Return the result of an item: its value, or a mapping when several arrived."""
        pairs = next(iter(inputs.values()))
        if len(pairs) == 1:
            return pairs[0][1]
        ref = f"{task_id(collect.key, path)}.in"
        self.values[ref] = {source: self.value(value) for source, value in pairs}
        return ref

    def _item_over(
        self,
        split: PlanNode,
        outer: Path,
        key: str,
        zone: ZoneState,
        path: Path,
        item: ItemState,
    ) -> None:
        self.items.put(f"{key}/{path[-1][1]}", item)
        zone = _replace(zone, active=zone.active - 1, done=zone.done + 1)
        self.zones.put(key, zone)
        scope = scope_key(path)
        for node in sorted(self.plan.zones[split.key].body & self.plan.kept):
            self.outputs.drop(f"{node}@{scope}")
        self.forget_memory(self.plan.zones[split.key].body, path)
        if self.budget is not None:
            self.budget.close_shares(path)
        collect = self.plan.nodes[split.pair or ""]
        if collect.raw.get("enough") is not None and zone.done < zone.total:
            self._look_whether_enough(split, collect, outer, key, zone)
        else:
            self._admit_items(split, outer, key, 1)

    def _look_whether_enough(
        self, split: PlanNode, collect: PlanNode, outer: Path, key: str, zone: ZoneState
    ) -> None:
        """Close a zone when its results are enough, and end its other items."""
        ended = [self.items.get(f"{key}/{index}") for index in range(zone.next)]
        results = [self.value(item.value) for item in ended if item and item.value]
        broken: ErrorInfo | None = None
        try:
            if self.is_enough is None or not self.is_enough(collect, outer, results):
                self._admit_items(split, outer, key, 1)
                return
        except ItemLost as lost:
            broken = lost.error
        size = len(outer)

        def inside(_: NodeKey, path: Path) -> bool:
            return len(path) > size and path[:size] == outer and path[size][0] == split.key

        for task in rounds.alive(self):
            if inside(task.node, task.path):
                self.end(task, f"{collect.key} had enough")
        self.forget(inside)
        for index, item in enumerate(ended):
            if item is None:
                self._clear_item(split, (*outer, (split.key, index, zone.total)))
        task_id = self._close_zone(split, outer, key, zone)
        if broken is not None:
            self.broken.append((task_id, broken))

    def drop_items(self, key: str, reason: str) -> None:
        """Start no more items of a zone: it ends with those that are under way."""
        zone, node = self.zones.get(key), key.partition("@")[0]
        if zone is None or self.plan.nodes[node].role != "split" or zone.next >= zone.total:
            return
        left = zone.total - zone.next
        self.events.append(ItemsDropped(zone=key, node=node, count=left, reason=reason))
        self.zones.put(key, _replace(zone, next=zone.total, done=zone.done + left))

    def forget_memory(self, nodes: frozenset[NodeKey], path: Path) -> None:
        """Drop what nodes remember of a scope that is over: their memory, and their gates."""
        if self.state.memory or "memory" in self._tables:
            for key in sorted(nodes):
                self.memory.drop(self.plan.memory_key(key, path))
        for key in sorted(self.plan.gated & nodes) if self.plan.gated else ():
            self.gates.drop(self.plan.memory_key(key, path))

    def forget(self, which: Callable[[NodeKey, Path], bool]) -> None:
        """Take back what this commit has sent or made ready at some nodes, in some scopes."""
        self.ready = [each for each in self.ready if not which(each.node, each.path)]
        self._pending = deque(
            [each for each in self._pending if not which(each[0].target, each[1].path)]
        )

    def pending(self) -> Collection[tuple[PlanEdge, Token]]:
        """Return the tokens that are on their way."""
        return self._pending

    def _clear_item(self, split: PlanNode, path: Path) -> None:
        """Remove the joins, zones and loops that belong to one item, nested ones too."""
        zone = self.plan.zones[split.key]
        self._clear_join(self.plan.nodes[zone.collect], path, scope_key(path))
        self.forget_memory(zone.body, path)
        if self.budget is not None:
            self.budget.close_shares(path)
        self.clear_nodes(zone.body, path)

    def clear_nodes(self, nodes: frozenset[NodeKey], path: Path) -> None:
        """Remove what is kept of these nodes in one scope and in the scopes inside it."""
        scope = scope_key(path)
        for key in sorted(nodes):
            node = self.plan.nodes[key]
            if node.depth == len(path):
                self._clear_join(node, path, scope)
                self.outputs.drop(f"{key}@{scope}")
                self._clear_zone(node, path, f"{key}@{scope}")
        for loop in self.plan.loops:
            if loop.depth == len(path) and loop.header in nodes:
                self.cycles.drop(f"{loop.index}@{scope}")

    def _clear_join(self, target: PlanNode, path: Path, scope: str) -> None:
        join = self.joins.get(f"{target.key}@{scope}")
        if join is None:
            return
        self.joins.drop(f"{target.key}@{scope}")
        self._count_tokens(target, path, -join.alive)
        for port in target.in_ports:
            for edge in port.edges:
                self.arrivals.drop(f"{edge.id}@{scope}")
            if target.timed:
                self.timers.drop(rounds.timer_name(target, port, scope))

    def path_of_join(self, node: PlanNode, scope: str) -> Path | None:
        """Return the path of the tokens that wait at a join."""
        edges = [edge.id for port in node.in_ports for edge in port.edges]
        return next((queue[0].path for edge in edges if (queue := self.queue(scope, edge))), None)

    def _clear_zone(self, split: PlanNode, path: Path, key: str) -> None:
        zone = self.zones.get(key)
        if zone is None:
            return
        for index in range(zone.next - 1 if zone.rounds else 0, zone.next):
            if self.items.get(f"{key}/{index}") is not None:
                self.items.drop(f"{key}/{index}")
            else:
                self._clear_item(split, (*path, (split.key, index, zone.total)))
        self.zones.drop(key)

    def _close_zone(self, split: PlanNode, path: Path, key: str, zone: ZoneState) -> TaskId:
        """All items have ended: hand their results to Collect, in its order."""
        collect = self.plan.nodes[split.pair or ""]
        ended = {i: item for i in range(zone.total) if (item := self.items.get(f"{key}/{i}"))}
        for index in ended:
            self.items.drop(f"{key}/{index}")
        self.zones.drop(key)
        params = collect.node.params
        order = list(ended)
        if params.get("order") == "arrival":
            order.sort(key=lambda index: ended[index].order)
        keep_gaps = params.get("skipped") == "null"
        values: list[Json] = []
        for index in order:
            ref = ended[index].value
            if ref is not None:
                values.append(self.value(ref))
            elif keep_gaps:
                values.append(None)
        ref = f"{task_id(collect.key, path, self._next_visit(collect, path))}.items"
        self.values[ref] = values
        inputs = {"in": ((split.key, ref),)}
        failures = [
            {"index": index, "item": self.value(zone.items)[index], "error": ended[index].error}
            for index in order
            if ended[index].error is not None
        ]
        if failures:
            self.values[f"{ref}.failed"] = failures
            inputs["failed"] = ((split.key, f"{ref}.failed"),)
        task = self.create(collect, path, inputs)
        if zone.queued:
            (items, limit), *rest = zone.queued
            self._begin_zone(split, path, items, limit, tuple(rest))
        return task

    # --- loops ----------------------------------------------------------------------------

    def _loop_key(self, index: int, path: Path) -> str:
        return f"{index}@{scope_key(self.plan.loop_scope(index, path))}"

    def _count_tokens(self, node: PlanNode, path: Path, change: int) -> None:
        if not change:
            return
        for index in node.loops:
            key = self._loop_key(index, path)
            cycle = self.cycles.get(key) or CycleState()
            self._keep_cycle(key, CycleState(cycle.live + change, cycle.taken, cycle.held))
            self._loops_touched[key] = self.plan.loop_scope(index, path)

    def _mark_exit(self, edge: PlanEdge, path: Path, *, taken: bool) -> None:
        key = self._loop_key(edge.leaves, path)
        cycle = self.cycles.get(key) or CycleState()
        gone = (*cycle.taken, edge.id) if taken and edge.id not in cycle.taken else cycle.taken
        held = cycle.held
        if not taken and edge.id not in held:
            held = (*held, edge.id)
        self._keep_cycle(key, CycleState(cycle.live, gone, held))
        self._loops_touched[key] = self.plan.loop_scope(edge.leaves, path)

    def _keep_cycle(self, key: str, cycle: CycleState) -> None:
        """Write the row of a loop, unless it is again what it was before this commit."""
        if cycle == self.state.cycles.get(key):
            self.cycles.changes.pop(key, None)
        else:
            self.cycles.put(key, cycle)

    def _release_dead_loops(self) -> bool:
        """Rule out the exits of loops that have died without taking them."""
        released = False
        for key, path in list(self._loops_touched.items()):
            cycle = self.cycles.get(key)
            del self._loops_touched[key]
            if cycle is None or cycle.live > 0:
                continue
            self.cycles.drop(key)
            for edge_id in cycle.held:
                if edge_id not in cycle.taken:
                    edge = self.plan.edges[edge_id]
                    self.not_taken.append(edge_id)
                    self._pending.append((edge, Token(edge_id, path, skip=True)))
                    released = True
        return released

    # --- the delta ------------------------------------------------------------------------

    def pin(self, changed: Mapping[str, Json]) -> None:
        """Keep the old value of changed channels for tasks that still may read them."""
        for key, task in self.state.tasks.items():
            if self.tasks.changes.get(key, task) is None:
                continue
            reads = self.plan.nodes[task.node].reads
            old = {
                name: self.state.channels.get(name)
                for name in changed
                if name in reads and name not in task.pinned
            }
            if old:
                current = self.tasks.get(key) or task
                self.tasks.put(key, _replace(current, pinned={**task.pinned, **old}))

    def delta(self) -> Delta:
        """Return everything that changed."""
        delta = Delta()
        if self.values:
            delta.put_values = self.values
        if self.visits:
            delta.put_visits = self.visits
        if self.results:
            delta.put_results = self.results
        for name, table in self._tables.items():
            if table.changes:
                put, drop = table.split()
                if put:
                    setattr(delta, _PUT[name], put)
                if drop:
                    setattr(delta, _DROP[name], drop)
        return delta

    # --- joins that would wait for ever -----------------------------------------------------

    def rule_out_missing(self) -> bool:
        """Nothing is alive: say to a join that what it still waits for will not come.

        Returns:
            Whether there was such a join. It may make others fire, so only the first in the
            order of the wires is told, in all its scopes.
        """
        waiting: dict[int, list[tuple[PlanNode, str]]] = {}
        for key in {**self.state.joins, **self.joins.changes}:
            join = self.joins.get(key)
            if join is not None and join.alive:
                node = self.plan.nodes[key.partition("@")[0]]
                waiting.setdefault(node.rank, []).append((node, key))
        # An edge out of a loop that still waits is ruled out when the loop has died.
        for through_loops in (False, True):
            for rank in sorted(waiting):
                told = [
                    self._tell(node, key, through_loops=through_loops)
                    for node, key in waiting[rank]
                ]
                if any(told):
                    return True
        return False

    def _tell(self, node: PlanNode, key: str, *, through_loops: bool) -> bool:
        scope = key.partition("@")[2]
        edges = [edge for port in node.in_ports for edge in port.edges if not port.upstream]
        if not edges:
            return False  # it is told by `rounds.fire_quiet`
        path = self.path_of_join(node, scope)
        if path is None:
            return False
        missing = [
            edge
            for edge in edges
            if not self.queue(scope, edge.id)
            and (through_loops or edge.leaves < 0 or not self._is_looping(edge, path))
        ]
        if missing:
            names = " and ".join(dict.fromkeys(edge.source for edge in missing))
            text = f"{node.key} goes on without {names}: nothing is left that could lead there"
            self.events.append(Warned(node=node.key, message=text))
            join = self.joins.get(key) or EMPTY_JOIN
            self.joins.put(key, JoinState(join.present, join.alive))
        for edge in missing:
            self.not_taken.append(edge.id)
            self._pending.append((edge, Token(edge.id, path, skip=True)))
        return bool(missing)

    def _is_looping(self, edge: PlanEdge, path: Path) -> bool:
        cycle = self.cycles.get(self._loop_key(edge.leaves, path))
        return cycle is not None and cycle.live > 0

    def clear(self, *, everything: bool) -> None:
        """Forget what joins hold when a run has ended; with `everything`, zones and loops too."""
        names = (
            "joins",
            "timers",
            "arrivals",
            *(("zones", "items", "cycles") if everything else ()),
        )
        for name in names:
            table: Table[Any] = getattr(self, name)
            table.changes = dict.fromkeys(table.base)

    def blocked(self) -> list[str]:
        """Return what joins still wait for, in words, when nothing can move any more."""
        found: list[str] = []
        for key in {*self.state.joins, *self.joins.changes}:
            join = self.joins.get(key)
            if join is None or not join.alive:
                continue
            name, _, scope = key.partition("@")
            queues = partial(self.queue, scope)
            for port in self.plan.nodes[name].in_ports:
                missing = needs(port, queues)
                if missing:
                    found.append(f"{name}.{port.name} waits for {' and '.join(missing)}")
        return sorted(found)


def _replace(struct: S, **changes: Any) -> S:
    return msgspec.structs.replace(struct, **changes)


def ready_tasks(state: RunState) -> list[TaskId]:
    """Return the tasks that may start, in canonical order of creation."""
    waiting = state.waits
    tasks = [task for task in state.tasks.values() if task.id not in waiting]
    return [task.id for task in sorted(tasks, key=lambda task: task.order)]
