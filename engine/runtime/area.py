"""The working area of one commit: what it reads of the old state, and what it changes so far.

Nothing here touches the state: a commit that is thrown away leaves no trace, and the
same inputs always give the same delta.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

from engine.events import AnyEvent, ErrorInfo, TaskReady
from engine.ids import NodeKey, Path, RequestId, TaskId, scope_key
from engine.model.plan import Plan, PlanEdge, PlanNode
from engine.runtime.routing import Routes
from engine.runtime.tables import TABLES, Table, put_into
from engine.state.run_state import (
    Account,
    ChildState,
    CycleState,
    Delta,
    Ending,
    FrameState,
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


class Area(ABC):
    """Collects what one commit changes.

    Most commits touch two or three of the tables; the others are never made.
    """

    tasks: Table[Task]
    waits: Table[ParkedWait]
    joins: Table[JoinState]
    timers: Table[JoinTimer]
    arrivals: Table[tuple[Token, ...]]
    zones: Table[ZoneState]
    items: Table[ItemState]
    grown: Table[ValueRef]
    cycles: Table[CycleState]
    outputs: Table[ValueRef]
    recordings: Table[Json]
    failures: Table[Json]
    ending: Table[Ending]
    gates: Table[GateState]
    frames: Table[FrameState]
    memory: Table[Json]
    ledger: Table[Account]
    holds: Table[dict[str, float]]
    buckets: Table[float]
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
        #: The tables that somebody has asked for.
        self.touched: dict[str, Table[Any]] = {}
        #: The tokens that are on their way.
        self.on_way: deque[tuple[PlanEdge, Token]] = deque()
        self.loops_touched: dict[str, Path] = {}
        #: Rows of frames in which something has come or gone, in order.
        self.frames_touched: dict[str, None] = {}
        self.changed: frozenset[str] = frozenset()
        self.budget: Ledger | None = None
        self.left: list[ParkedWait] = []
        self.closed: list[tuple[RequestId, str]] = []
        #: Whether what is ruled out now is so because of a failure that is ignored.
        self.losing = False
        #: Tasks that were made to fail in this commit.
        self.broken: list[tuple[TaskId, ErrorInfo]] = []
        #: Items that fail at their Collect, which makes no task for one: (Collect, path, why).
        self.lost: list[tuple[PlanNode, Path, ErrorInfo]] = []
        #: Whether the results of a zone are enough: (its Collect, its path, results so far).
        self.is_enough: Callable[[PlanNode, Path, list[Json]], bool] | None = None
        self.route_item: Callable[[PlanNode, Path, Json], Routes] | None = None

    def __getattr__(self, name: str) -> Table[Any]:
        """Make a table when it is first asked for."""
        if name not in TABLES:
            raise AttributeError(name)
        table: Table[Any] = Table(getattr(self.state, name))
        self.touched[name] = table
        setattr(self, name, table)
        return table

    # --- values ------------------------------------------------------------------------------

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

    def next_visit(self, target: PlanNode, path: Path) -> int:
        """Return which visit to a node in one scope the next one is, from 0."""
        if not target.repeats:
            return 0
        key = f"{target.key}@{scope_key(path)}"
        return self.visits.get(key, self.state.visits.get(key, 0))

    # --- tokens ------------------------------------------------------------------------------

    def queue(self, scope: str, edge: str) -> tuple[Token, ...]:
        """Return the tokens that wait on an edge in one scope, oldest first."""
        return self.arrivals.get(f"{edge}@{scope}") or ()

    def path_of_join(self, node: PlanNode, scope: str) -> Path | None:
        """Return the path of the tokens that wait at a join."""
        edges = [edge.id for port in node.in_ports for edge in port.edges]
        return next((queue[0].path for edge in edges if (queue := self.queue(scope, edge))), None)

    def pending(self) -> Collection[tuple[PlanEdge, Token]]:
        """Return the tokens that are on their way."""
        return self.on_way

    def forget(self, which: Callable[[NodeKey, Path], bool]) -> None:
        """Take back what this commit has sent or made ready at some nodes, in some scopes."""
        self.ready = [each for each in self.ready if not which(each.node, each.path)]
        self.on_way = deque(
            [each for each in self.on_way if not which(each[0].target, each[1].path)]
        )

    # --- the delta ---------------------------------------------------------------------------

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
                self.tasks.put(key, msgspec.structs.replace(current, pinned={**task.pinned, **old}))

    def delta(self) -> Delta:
        """Return everything that changed."""
        delta = Delta()
        if self.values:
            delta.put_values = self.values
        if self.visits:
            delta.put_visits = self.visits
        if self.results:
            delta.put_results = self.results
        put_into(delta, self.touched)
        return delta

    def clear(self, *, everything: bool) -> None:
        """Forget what joins hold when a run has ended; with `everything`, zones and loops too."""
        names = (
            "joins",
            "timers",
            "arrivals",
            "frames",
            *(("zones", "items", "grown", "cycles") if everything else ()),
        )
        for name in names:
            table: Table[Any] = getattr(self, name)
            table.changes = dict.fromkeys(table.base)

    # --- what happens in it: see `engine.runtime.transition` ------------------------------

    @abstractmethod
    def send(self, edge: PlanEdge, path: Path, ref: ValueRef, *, after: str = "") -> None:
        """Put a value on an edge; `after` is the frame that it has left already."""

    @abstractmethod
    def rule_out(self, edge: PlanEdge, path: Path, *, after: str = "") -> None:
        """Say that nothing comes along an edge this round."""

    @abstractmethod
    def put_skip(self, edge: PlanEdge, path: Path) -> None:
        """Put a skip token on an edge: the loop that it leaves, if any, is over."""

    @abstractmethod
    def deliver(self, edge: PlanEdge, token: Token, *, after: str) -> None:
        """Bring a token that a frame gives again to the end of its wire."""

    @abstractmethod
    def create(
        self,
        target: PlanNode,
        path: Path,
        inputs: Mapping[str, tuple[tuple[NodeKey, ValueRef], ...]],
    ) -> TaskId:
        """Make a task ready and return its name, or end an item of a zone."""

    @abstractmethod
    def versions_of(self, target: PlanNode) -> dict[str, int]:
        """Return the versions of what a node reads, as they are after this commit."""

    @abstractmethod
    def end(self, task: Task, reason: str, *, how: str = "") -> None:
        """End a task without a result."""

    @abstractmethod
    def skip(
        self, target: PlanNode, path: Path, reason: str, *, task: TaskId | None = None
    ) -> None:
        """Pass over a node: everything that leaves it is ruled out."""

    @abstractmethod
    def settle(self, target: PlanNode, path: Path, *, quiet: bool = False) -> bool:
        """Fire a join for another reason than an arrival; return whether it fired."""

    @abstractmethod
    def clear_nodes(self, nodes: frozenset[NodeKey], path: Path) -> None:
        """Remove what is kept of these nodes in one scope and in the scopes inside it."""
