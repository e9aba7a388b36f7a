"""The least time between two starts of a node (U57)."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator

from engine.ids import TaskId
from engine.model.plan import Plan, PlanNode
from engine.runtime.ports import Clock


class Pace:
    """Which tasks of one leg come too early and wait for their turn.

    Attributes:
        matters: whether any node of the plan may not start as often as it likes.
    """

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._clock = clock
        self.matters = any(node.node.min_interval_s for node in plan.nodes.values())
        #: Node to when it may start again.
        self._next_start: dict[str, float] = {}
        self._waiting: list[tuple[float, TaskId]] = []
        self._granted: set[TaskId] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def next(self) -> float:
        """When the first of those that wait may start; ask only while there is one."""
        return self._waiting[0][0]

    def may_start(self, node: PlanNode, task: TaskId) -> bool:
        """Keep the least time between two starts of a node; who comes too early waits for it."""
        interval = node.node.min_interval_s
        if not interval or task in self._granted:
            self._granted.discard(task)
            return True
        now, at = self._clock.now(), self._next_start.get(node.key, 0.0)
        self._next_start[node.key] = max(now, at) + interval
        if at <= now:
            return True
        heapq.heappush(self._waiting, (at, task))
        return False

    def granted(self) -> Iterator[TaskId]:
        """Return those whose time has come; they may start whenever they are asked about."""
        now = self._clock.now()
        while self._waiting and self._waiting[0][0] <= now:
            _, task = heapq.heappop(self._waiting)
            self._granted.add(task)
            yield task

    def clear(self) -> None:
        """Let nobody wait any more."""
        self._waiting.clear()

    def drop(self, gone: Container[TaskId]) -> None:
        """Let those that are ended not wait any more."""
        self._waiting = [each for each in self._waiting if each[1] not in gone]
        heapq.heapify(self._waiting)
