"""The tasks of a run on its way to another document, and what they wait for. Pure; see `moving`."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from engine.ids import NodeKey, Path, RunId, scope_key, task_id
from engine.runtime.moving_fates import FateName
from engine.runtime.moving_names import meaning, ways
from engine.runtime.moving_tables import TableMover
from engine.state.channels import specs_from
from engine.state.migrating import CannotMigrate, migrated
from engine.state.run_state import (
    ParkedWait,
    Task,
)

Json = Any
_AGAIN = "it starts again"
_BUDGETS = "the budgets are looked at anew"


class TaskMover(TableMover):
    """Maps tasks, and says how each goes on."""

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
