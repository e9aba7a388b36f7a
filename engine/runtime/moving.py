"""Move a run to an edited document: what stays, what is asked again, what is lost (U99).

Pure. `move` says what becomes of everything that a run holds, and makes the state that goes
on. An approval counts only for the plan it was given under: a question is
asked again when its node, or anything that follows from it, is another than it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from engine.errors import InvalidCommand
from engine.ids import NodeKey, Path, RequestId, RunId, TaskId, node_of, scope_key, task_id
from engine.model.plan import Plan
from engine.runtime.moving_frames import count_frames, move_frames
from engine.runtime.moving_ledger import move_ledger
from engine.runtime.moving_names import Names, meaning, ways
from engine.state.channels import specs_from
from engine.state.migrating import CannotMigrate, migrated
from engine.state.run_state import (
    CycleState,
    JoinState,
    ParkedWait,
    RunState,
    Task,
    Token,
    ZoneState,
    recount,
)

Json = Any
FateName = Literal["unchanged", "compatible", "asked again", "lost"]
_AGAIN = "it starts again"
_BUDGETS = "the budgets are looked at anew"
#: What becomes of each field of a `RunState`. What has no place any more is reported as lost.
DECISIONS: Mapping[str, str] = {
    "commit": "carried",
    "status": "carried",
    "counters": "carried",
    "channels": "carried where the value has the type of now, else the default; reported",
    "versions": "as the channels; higher where one is reset, so that no gate takes it as seen",
    "memory": "mapped where the node is of the same type; else lost",
    "memory_versions": "as the memory",
    "values": "carried, then recounted",
    "refs": "recounted",
    "outputs": "mapped; lost with their node",
    "tasks": "mapped; lost where their node, or their place in the zones, is gone",
    "waits": "carried, asked again, begun again, or lost with their task",
    "joins": "counted again from what has arrived; what later arrivals are owed is mapped",
    "timers": "mapped; lost with their port",
    "arrivals": "mapped; a value is lost with its wire",
    "zones": "mapped with what lies in wait; lost where the node is no such zone any more",
    "items": "as their zone",
    "grown": "as their zone",
    "buckets": "mapped; lost where their node is gone",
    "cycles": "counted again; which exits were taken is mapped",
    "gates": "mapped where the node is what it was; else it runs once more",
    "frames": "mapped; what one that is gone has held back is lost",
    "ledger": "mapped, with the limits of now where those were edited; what is used stays used",
    "holds": "mapped with their task",
    "visits": "mapped; they end with their node",
    "results": "mapped; lost with their End node",
    "breaks": "mapped; lost with their node",
    "recordings": "carried for nodes that keep their key; else lost, and the node runs",
    "until": "mapped; lost with its node",
    "save": "kept",
    "ending": "mapped with their task, which does not start again",
    "failures": "end with the leg, as whenever a run goes on",
    "children": "carried: they run on, whatever becomes of the node that started them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one thing that a run holds.

    Attributes:
        kind: ``task question wait token items channel output memory gate budget breakpoint
            recording target timer frame result``.
        name: of the task, wire or channel. `node`: where it is, empty for a channel.
        reason: why, where it does not simply stay.
    """

    kind: str
    name: str
    node: NodeKey
    fate: FateName
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Move:
    """A run on its way to another document.

    Attributes:
        state: that goes on; its joins have not been looked at yet.
        withdrawn: (request, task, node, reason) of questions that are taken back.
        gone: (task, node, reason) of tasks that are lost or have another name now.
        renamed: old task id to the new one.
        closed: tasks that wait for an event no longer. `orphans`: runs that nobody wants any more.
        done: (task, attempt) of ``once`` work whose result is given up, or nobody knows;
            whether to do it again is asked.
    """

    state: RunState
    fates: list[Fate] = field(default_factory=list)
    withdrawn: list[tuple[RequestId, TaskId, NodeKey, str]] = field(default_factory=list)
    gone: list[tuple[TaskId, NodeKey, str]] = field(default_factory=list)
    renamed: dict[TaskId, TaskId] = field(default_factory=dict)
    closed: list[TaskId] = field(default_factory=list)
    orphans: list[RunId] = field(default_factory=list)
    done: list[tuple[TaskId, int]] = field(default_factory=list)

    def named(self, fate: FateName) -> tuple[str, ...]:
        """Return the names of everything that has one fate."""
        return tuple(each.name for each in self.fates if each.fate == fate)


def move(
    old: Plan,
    new: Plan,
    state: RunState,
    names: Mapping[NodeKey, NodeKey],
    decided: frozenset[RequestId] = frozenset(),
) -> Move:
    """Return a run's state as it goes on with another plan, and what becomes of its parts.

    Args:
        old: the plan that the state belongs to.
        new: the plan that it goes on with.
        state: at the last commit.
        names: nodes that have another key now, old to new.
        decided: questions that were answered, but not taken in yet.

    Raises:
        InvalidCommand: `names` name what is not there, or two nodes as one.
    """
    _check_names(old, new, names)
    return _Mover(old, new, state, names, decided).run()


def _check_names(old: Plan, new: Plan, names: Mapping[NodeKey, NodeKey]) -> None:
    for before, after in names.items():
        if before not in old.nodes:
            raise InvalidCommand(f"The run's workflow has no node {before} to rename.")
        if after not in new.nodes:
            raise InvalidCommand(f"The edited workflow has no node {after}.")
    taken = {names.get(key, key) for key in old.nodes}
    if len(taken) < len(old.nodes):
        raise InvalidCommand("Two nodes of the run would become one node of the edited workflow.")


class _Mover:
    def __init__(
        self,
        old: Plan,
        new: Plan,
        state: RunState,
        names: Mapping[NodeKey, NodeKey],
        decided: frozenset[RequestId],
    ) -> None:
        self.old = old
        self.new = new
        self.before = state
        self.decided = decided
        self.names = Names(old, new, names)
        self.keys = self.names.keys
        self.moved: dict[TaskId, Task] = {}
        self.made = Move(state=RunState(commit=state.commit, status=state.status))

    def run(self) -> Move:
        state, before = self.made.state, self.before
        state.counters = dict(before.counters)
        state.values = dict(before.values)
        self._channels()
        self._memory()
        state.outputs = dict(self._kept_rows(before.outputs, "output"))
        state.visits = dict(self._kept_rows(before.visits))
        self._results()
        self._zones()
        for task in before.tasks.values():
            self._task(task)
        self._what_was_set()
        self._ending()
        self._timers()
        self.made.state.frames, found = move_frames(self.new, before, self.names)
        for name, node, reason in found:
            self._say("frame", name, node, "lost", reason)
        self._gates()
        self._buckets()
        self._ledger()
        state.children = {
            run: msgspec.structs.replace(row, node=self.keys.get(row.node, row.node))
            for run, row in before.children.items()
        }
        self._arrivals()
        self._joins()
        self._cycles()
        count_frames(self.new, state)
        recount(state)
        return self.made

    def _say(self, kind: str, name: str, node: NodeKey, fate: FateName, reason: str = "") -> None:
        self.made.fates.append(Fate(kind=kind, name=name, node=node, fate=fate, reason=reason))

    def _kept_rows(self, table: Mapping[str, Any], kind: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the rows that have a place, in the names of now; say which have none."""
        for key, row in table.items():
            name = self.names.row(key)
            if name is not None:
                yield name, row
            elif kind:
                self._say(kind, key, key.partition("@")[0], "lost", "its node or its zone is gone")

    def _results(self) -> None:
        for key, value in self.before.results.items():
            node = key.partition("@")[0].partition("#")[0]
            if node in self.keys:
                self.made.state.results[self.keys[node] + key[len(node) :]] = value
            else:
                self._say("result", key, node, "lost", f"{node} is gone")

    # --- tables -----------------------------------------------------------------------------

    def _channels(self) -> None:
        old, new = self.old.workflow.channels, self.new.workflow.channels
        specs = specs_from(new, self.new.registry.reducers)
        state = self.made.state
        for name, channel in new.items():
            if name not in self.before.channels:
                state.channels[name] = channel.default
                self._say("channel", name, "", "compatible", "it is new and has its default")
                continue
            was = old[name].version if name in old else channel.version
            try:
                value = migrated(self.before.channels[name], was, channel, specs[name])
            except CannotMigrate as error:
                state.channels[name] = channel.default
                state.versions[name] = self.before.versions.get(name, 0) + 1
                self._say("channel", name, "", "lost", f"{error} It has its default again.")
                continue
            state.channels[name] = value
            if name in self.before.versions:
                state.versions[name] = self.before.versions[name]
            if was != channel.version:
                state.versions[name] = self.before.versions.get(name, 0) + 1
                self._say("channel", name, "", "compatible",
                          f"brought from version {was} to version {channel.version}")  # fmt: skip
                continue
            same = name in old and replace(old[name], description="", default=None) == replace(
                channel, description="", default=None
            )
            self._say("channel", name, "", "unchanged" if same else "compatible",
                      "" if same else "its type or its reducer has changed")  # fmt: skip
        for name in self.before.channels:
            if name not in new:
                self._say("channel", name, "", "lost", "the workflow has it no more")

    def _memory(self) -> None:
        state, before = self.made.state, self.before
        for name, value in self._kept_rows(before.memory, "memory"):
            state.memory[name] = value
        for name, version in self._kept_rows(before.memory_versions):
            state.memory_versions[name] = version
        kinds = {now: self.old.nodes[then].type.id for then, now in self.keys.items()}
        for name in list(state.memory):
            node = name.partition("@")[0]
            if kinds[node] != self.new.nodes[node].type.id:
                del state.memory[name]
                state.memory_versions.pop(name, None)
                self._say("memory", name, node, "lost", f"{node} is of another type")

    def _gates(self) -> None:
        for key, gate in self.before.gates.items():
            node, name = key.partition("@")[0], self.names.row(key)
            if name is None:
                self._say("gate", key, node, "lost", "its node or its zone is gone")
                continue
            now = self.keys[node]
            if self.new.nodes[now].gated and meaning(self.old, node) == meaning(self.new, now):
                self.made.state.gates[name] = gate
            else:
                self._say("gate", key, now, "compatible", f"{now} has changed: it runs once more")

    def _buckets(self) -> None:
        for key, full_at in self.before.buckets.items():
            node, _, rest = key.partition("/")
            if node in self.keys:
                self.made.state.buckets[f"{self.keys[node]}/{rest}"] = full_at

    def _ledger(self) -> None:
        found = move_ledger(
            self.old,
            self.new,
            self.before,
            self.made.state,
            nodes=self.keys,
            scope_of=self.names.scope,
            tasks=self.moved,
        )
        self.made.state.ledger, self.made.state.holds = found.ledger, found.holds
        for key, reason in found.lost:
            self._say("budget", key, key.partition("/")[2], "lost", reason)

    def _zones(self) -> None:
        for key, zone in self.before.zones.items():
            name = self.names.row(key)
            split = key.partition("@")[0]
            node = self.new.nodes.get(self.keys.get(split, ""))
            same = node is not None and node.role == self.old.nodes[split].role
            if name is None or node is None or not same or node.pair is None:
                self._say("items", key, split, "lost", f"{split} is no such zone any more")
                continue
            self.made.state.zones[name] = zone
            for index in range(zone.next):
                item = self.before.items.get(f"{key}/{index}")
                if item is not None:
                    self.made.state.items[f"{name}/{index}"] = item
            for index in range(zone.size if zone.added else 0):
                ref = self.before.grown.get(f"{key}/{index}")
                if ref is not None:
                    self.made.state.grown[f"{name}/{index}"] = ref

    def _task(self, task: Task) -> None:
        key = self.keys.get(task.node)
        path = self.names.path(task.path)
        wait = self.before.waits.get(task.id)
        kind = "task" if wait is None else "question" if wait.request else "wait"
        if key is None or path is None or not self._fits(key, path):
            reason = f"{task.node} is gone" if key is None else f"{key} is in another place"
            self._say(kind, task.id, task.node, "lost", reason)
            self.made.gone.append((task.id, task.node, reason))
            self._end_wait(task, wait, reason)
            return
        moved = self.moved[task.id] = self._moved(task, key, path)
        self.made.state.tasks[moved.id] = moved
        renamed = moved.id != task.id
        self._feeds(task, moved)
        if renamed:
            self.made.renamed[task.id] = moved.id
            self.made.gone.append((task.id, task.node, f"its node is called {key} now"))
        fate, reason = self._how_it_goes_on(task, key, wait, renamed=renamed)
        self._say(kind, task.id, key, fate, reason)
        if wait is not None:
            if fate == "asked again" or renamed or reason in (_AGAIN, _BUDGETS):
                self._end_wait(task, wait, reason)
                once = self.old.work_of(task.node, task.using).effects == "once"
                if once and wait.kind in ("held", "unknown_outcome"):
                    self.made.done.append((moved.id, moved.attempt))
            else:
                self.made.state.waits[moved.id] = wait

    def _feeds(self, task: Task, moved: Task) -> None:
        """Let a task that feeds a For each feed it under its new name."""
        zones = self.made.state.zones
        name = f"{moved.node}@{scope_key(moved.path)}"
        zone = zones.get(name)
        if zone is not None and zone.source == task.id:
            zones[name] = msgspec.structs.replace(zone, source=moved.id)

    def _fits(self, key: NodeKey, path: Path) -> bool:
        zones = tuple(zone for zone, _, _ in path)
        state = self.made.state
        kept = all(
            f"{zone}@{scope_key(path[:depth])}" in state.zones
            for depth, (zone, _, _) in enumerate(path)
        )
        return kept and self.new.nodes[key].zones == zones

    def _moved(self, task: Task, key: NodeKey, path: Path) -> Task:
        node = self.new.nodes[key]
        nodes = {self.keys[name]: ref for name, ref in task.nodes.items() if name in self.keys}
        outputs = self.made.state.outputs
        for name in node.read_nodes:
            for length in range(len(path), -1, -1):
                ref = outputs.get(f"{name}@{scope_key(path[:length])}")
                if ref is not None and name not in nodes:
                    nodes[name] = ref
        return msgspec.structs.replace(
            task,
            id=task_id(key, path, task.visit),
            node=key,
            path=path,
            inputs={
                port: tuple((self.keys.get(source, source), ref) for source, ref in pairs)
                for port, pairs in task.inputs.items()
            },
            nodes=nodes,
            using=task.using if task.using <= len(node.alternatives) else 0,
            pinned=self._pinned(task),
        )

    def _pinned(self, task: Task) -> dict[str, Json]:
        """Return the channels as the task sees them, in the versions of now.

        One that cannot be brought over is seen as it is now, like everything of it.
        """
        old, new = self.old.workflow.channels, self.new.workflow.channels
        specs = specs_from(new, self.new.registry.reducers)
        found: dict[str, Json] = {}
        for name, value in task.pinned.items():
            if name in new:
                was = old[name].version if name in old else new[name].version
                with contextlib.suppress(CannotMigrate):
                    found[name] = migrated(value, was, new[name], specs[name])
        return found

    def _how_it_goes_on(
        self, task: Task, key: NodeKey, wait: ParkedWait | None, *, renamed: bool
    ) -> tuple[FateName, str]:
        same = not renamed and meaning(self.old, task.node) == meaning(self.new, key)
        if wait is None:
            return ("unchanged", "") if same else ("compatible", "it runs as it is now")
        if wait.kind == "budget":
            return ("asked again" if wait.request else "compatible"), _BUDGETS
        if wait.kind == "unknown_outcome":
            return ("unchanged", "")  # what has happened, no edit can change
        if wait.request is not None:
            if not same:
                return "asked again", f"{key} has changed"
            if wait.request in self.decided:
                return "asked again", "it was answered under the plan as it was"
            if not self._same_from(task.node):
                return "asked again", f"what follows from {key} has changed"
            return "unchanged", ""
        if renamed or self.old.nodes[task.node].type.id != self.new.nodes[key].type.id:
            return "compatible", _AGAIN
        return ("unchanged", "") if same else ("compatible", "it waits as it was told before")

    def _same_from(self, node: NodeKey) -> bool:
        """Whether a node and everything that may follow from it are what they were."""
        seen = {node}
        todo = [node]
        while todo:
            key = todo.pop()
            other = self.keys.get(key)
            if other is None or meaning(self.old, key) != meaning(self.new, other):
                return False
            before, after = ways(self.old, key), ways(self.new, other)
            if {self._way(each) for each in before} != after:
                return False
            for target, *_ in before:
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return True

    def _way(self, way: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.keys.get(way[0], ""), *way[1:])

    def _end_wait(self, task: Task, wait: ParkedWait | None, reason: str) -> None:
        """Take back what a wait has asked for: of a person, of events, of another run."""
        if wait is None:
            return
        if wait.request is not None:
            self.made.withdrawn.append((wait.request, task.id, task.node, reason))
        if wait.kind == "event":
            self.made.closed.append(task.id)
        elif wait.kind == "child" and wait.payload.get("own"):
            self.made.orphans.append(RunId(wait.payload["run"]))

    def _ending(self) -> None:
        for then, row in self.before.ending.items():
            task = self.moved.get(TaskId(then))
            if task is not None:
                zones = tuple(name for zone in row.zones if (name := self.names.row(zone)))
                self.made.state.ending[task.id] = msgspec.structs.replace(row, zones=zones)

    def _what_was_set(self) -> None:
        """Take along breakpoints, recorded results and the node that the run goes to."""
        before, state = self.before, self.made.state
        for stop in before.breaks.values():
            if not stop.node or stop.node in self.keys:
                node = self.keys[stop.node] if stop.node else ""
                moved = msgspec.structs.replace(stop, node=node)
                state.breaks[moved.key] = moved
            else:
                self._say("breakpoint", stop.key, stop.node, "lost", f"{stop.node} is gone")
        for task, value in before.recordings.items():
            node = node_of(TaskId(task))
            if self.keys.get(node) == node:
                state.recordings[task] = value
            else:
                self._say("recording", task, node, "lost", f"{node} is gone, or is renamed")
        state.until = self.keys.get(before.until, "")
        if before.until and not state.until:
            self._say("target", before.until, before.until, "lost", "the run goes on to its end")

    def _timers(self) -> None:
        for name, timer in self.before.timers.items():
            if name.startswith("["):
                continue  # of a frame
            key, path = self.keys.get(timer.node), self.names.path(timer.path)
            fits = key is not None and path is not None and self._fits(key, path)
            ports = (
                {port.name for port in self.new.nodes[key].in_ports} if key else frozenset[str]()
            )
            if key is not None and path is not None and fits and timer.port in ports:
                moved = msgspec.structs.replace(timer, node=key, path=path)
                self.made.state.timers[f"{key}.{timer.port}@{scope_key(path)}"] = moved
            else:
                self._say("timer", name, timer.node, "lost", "the port that waits is gone")

    def _arrivals(self) -> None:
        for key, queue in self.before.arrivals.items():
            edge_id, _, scope = key.partition("@")
            edge = self.names.edge(edge_id)
            inside = self.names.scope(scope)
            tokens: list[Token] = []
            for token in queue:
                path = self.names.path(token.path)
                if edge is not None and path is not None and self._fits(edge.target, path):
                    tokens.append(Token(edge.id, path, token.value, token.skip))
                elif token.value is not None:
                    self._say("token", edge_id, self.old.edges[edge_id].target, "lost",
                              "the wire that it lies on is gone")  # fmt: skip
            if tokens and edge is not None and inside is not None:
                self.made.state.arrivals[f"{edge.id}@{inside}"] = tuple(tokens)

    def _joins(self) -> None:
        state = self.made.state
        owed: dict[str, dict[str, int]] = {}
        for key, join in self.before.joins.items():
            name = self.names.row(key)
            mapped = {edge.id: n for old, n in join.owed.items() if (edge := self.names.edge(old))}
            if name is not None and mapped:
                owed[name] = mapped
        present: dict[str, list[tuple[Token, ...]]] = {}
        for key, queue in state.arrivals.items():
            edge_id, _, scope = key.partition("@")
            present.setdefault(f"{self.new.edges[edge_id].target}@{scope}", []).append(queue)
        for name in {**owed, **present}:
            queues = present.get(name, [])
            alive = sum(token.value is not None for queue in queues for token in queue)
            state.joins[name] = JoinState(len(queues), alive, owed.get(name, {}))

    def _cycles(self) -> None:
        """Count again what is alive in each loop; which exits it has taken is kept."""
        live: dict[str, int] = {}
        state = self.made.state
        for task in state.tasks.values():
            for index in self.new.nodes[task.node].loops:
                name = f"{index}@{scope_key(self.new.loop_scope(index, task.path))}"
                live[name] = live.get(name, 0) + 1
        for queue in state.arrivals.values():
            for token in queue:
                if token.value is not None:
                    for index in self.new.nodes[self.new.edges[token.edge].target].loops:
                        name = f"{index}@{scope_key(self.new.loop_scope(index, token.path))}"
                        live[name] = live.get(name, 0) + 1
        marks = dict(self._loop_marks())
        for name in {**live, **marks}:
            taken, held = marks.get(name, ((), ()))
            state.cycles[name] = CycleState(live.get(name, 0), taken, held)

    def _loop_marks(self) -> Iterator[tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
        headers = {loop.header: loop.index for loop in self.new.loops}
        for key, cycle in self.before.cycles.items():
            index, _, scope = key.partition("@")
            header = self.keys.get(self.old.loops[int(index)].header, "")
            inside = self.names.scope(scope)
            if header not in headers or inside is None:
                continue
            taken = tuple(edge.id for old in cycle.taken if (edge := self.names.edge(old)))
            held = tuple(edge.id for old in cycle.held if (edge := self.names.edge(old)))
            yield f"{headers[header]}@{inside}", (taken, held)


def idle_items(plan: Plan, state: RunState) -> Iterator[tuple[NodeKey, Path]]:
    """Yield (zone, path) of items that were begun, have not ended, and have nothing left."""
    alive = [task.path for task in state.tasks.values()]
    alive += [token.path for queue in state.arrivals.values() for token in queue]
    for key, zone in state.zones.items():
        split, _, scope = key.partition("@")
        if zone.rounds:
            continue  # a loop goes on or ends by itself
        outer = _path_of(plan, state, scope)
        for index in range(zone.next):
            path = (*outer, (split, index, zone.total))
            begun = f"{key}/{index}" not in state.items
            if begun and not any(each[: len(path)] == path for each in alive):
                yield split, path


def _path_of(plan: Plan, state: RunState, scope: str) -> Path:
    found: list[tuple[NodeKey, int, int]] = []
    for part in scope.split(",") if scope else ():
        zone, _, index = part.rpartition(".")
        row: ZoneState = state.zones[f"{zone}@{scope_key(tuple(found))}"]
        found.append((zone, int(index), row.total))
    del plan
    return tuple(found)
