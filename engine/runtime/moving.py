"""Move a run to an edited document: what stays, what is asked again, what is lost (U99).

Pure. `move` says what becomes of everything that a run holds, and makes the state that goes
on. An approval counts only for the plan it was given under: a question is
asked again when its node, or anything that follows from it, is another than it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from engine.errors import InvalidCommand
from engine.ids import NodeKey, Path, RequestId, scope_key
from engine.model.plan import Plan
from engine.runtime.moving_fates import Move
from engine.runtime.moving_frames import count_frames, move_frames
from engine.runtime.moving_tasks import TaskMover
from engine.state.run_state import (
    RunState,
    ZoneState,
    recount,
)


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


class _Mover(TaskMover):
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
