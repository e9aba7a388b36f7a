"""The tables of a run on its way to another document. Pure; see `moving`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from engine.ids import NodeKey, Path, RequestId, TaskId, node_of, scope_key
from engine.model.plan import Plan
from engine.runtime.moving_fates import Fate, FateName, Move
from engine.runtime.moving_ledger import move_ledger
from engine.runtime.moving_names import Names, meaning
from engine.state.channels import specs_from
from engine.state.migrating import CannotMigrate, migrated
from engine.state.run_state import (
    CycleState,
    JoinState,
    RunState,
    Task,
    Token,
)

Json = Any


class TableMover:
    """Maps the tables of a state, one method for each."""

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

    def _fits(self, key: NodeKey, path: Path) -> bool:
        zones = tuple(zone for zone, _, _ in path)
        state = self.made.state
        kept = all(
            f"{zone}@{scope_key(path[:depth])}" in state.zones
            for depth, (zone, _, _) in enumerate(path)
        )
        return kept and self.new.nodes[key].zones == zones

    def _results(self) -> None:
        for key, value in self.before.results.items():
            node = key.partition("@")[0].partition("#")[0]
            if node in self.keys:
                self.made.state.results[self.keys[node] + key[len(node) :]] = value
            else:
                self._say("result", key, node, "lost", f"{node} is gone")

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

    def _ending(self) -> None:
        for then, row in self.before.ending.items():
            task = self.moved.get(TaskId(then))
            if task is not None:
                zones = tuple(name for zone in row.zones if (name := self.names.row(zone)))
                self.made.state.ending[task.id] = msgspec.structs.replace(row, zones=zones)

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
