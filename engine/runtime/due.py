"""When the waits and timers of a run are over. Nobody polls: the loop sleeps till the next."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from engine.ids import TaskId
from engine.runtime.facts import Step
from engine.state.run_state import ParkedWait, RunState


class Due:
    """The times at which something of a run is due, the next one first.

    What has been settled otherwise stays in the heap until its time; it is passed over then.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._heap: list[tuple[float, TaskId]] = []

    def __bool__(self) -> bool:
        return bool(self._heap)

    def take_up(self) -> None:
        """Remember what the state says when a leg begins."""
        for wait in self._state.waits.values():
            if wait.due_at is not None:
                heapq.heappush(self._heap, (wait.due_at, wait.task))
        for name, timer in self._state.timers.items():
            if not timer.over:
                heapq.heappush(self._heap, (timer.due_at, TaskId(name)))

    def remember(self, step: Step) -> None:
        """Remember what a commit has made due later."""
        for request in step.requests:
            if request.deadline is not None:
                heapq.heappush(self._heap, (request.deadline, request.task))
        for wait in step.delta.put_waits.values():
            if wait.due_at is not None and wait.request is None:
                heapq.heappush(self._heap, (wait.due_at, wait.task))
        for name, timer in step.delta.put_timers.items():
            if not timer.over:
                heapq.heappush(self._heap, (timer.due_at, TaskId(name)))

    def next(self) -> float | None:
        """Return the next time at which something is due, or None."""
        while self._heap:
            due_at, name = self._heap[0]
            if self._wait(due_at, name) is not None or self._is_timer(due_at, name):
                return due_at
            heapq.heappop(self._heap)
        return None

    def is_over(self, now: float) -> bool:
        """Return whether there may be something whose time has come."""
        return bool(self._heap) and self._heap[0][0] <= now

    def pop(self, now: float) -> Iterator[ParkedWait | TaskId]:
        """Return the waits, and the names of the timers, whose time has come, in its order."""
        while self.is_over(now):
            due_at, name = heapq.heappop(self._heap)
            wait = self._wait(due_at, name)
            if wait is not None:
                yield wait
            elif self._is_timer(due_at, name):
                yield name

    def _wait(self, due_at: float, name: TaskId) -> ParkedWait | None:
        wait = self._state.waits.get(name)
        return wait if wait is not None and wait.due_at == due_at else None

    def _is_timer(self, due_at: float, name: TaskId) -> bool:
        timer = self._state.timers.get(name)
        return timer is not None and timer.due_at == due_at and not timer.over
