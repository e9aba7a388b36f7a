"""Which events a run may still take, and which of its parked tasks takes one.

An event is taken once in each run: by the task that has waited longest of those that
accept it. One that nobody accepts yet is kept until it expires.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec

from engine.errors import UnknownRun
from engine.events import ErrorInfo
from engine.ids import RunId, TaskId
from engine.model.node_types import Answer, Signal, Wait
from engine.runtime import waits
from engine.runtime.environment import Driver
from engine.runtime.feeding import room_for
from engine.runtime.outcome import Heard, Outcome, ending_the_same, failed
from engine.runtime.ports import SignalRecord
from engine.state.run_state import ParkedWait
from engine.state.status import ENDED


class Hearing:
    """The events of one leg of one run.

    Attributes:
        curious: something has changed, so that looking again may find a pair.
        warnings: (node key, sentence) of conditions that could not be decided.
    """

    def __init__(self, loop: Driver) -> None:
        self._loop = loop
        self._kept: dict[int, SignalRecord] = {}
        self._warned: set[tuple[TaskId, int]] = set()
        self.curious = False
        self.warnings: list[tuple[str, str]] = []

    async def look(self) -> None:
        """Read what the store keeps for this run."""
        env = self._loop.env
        found = await env.io(env.store.signals, self._loop.facts.run, env.clock.now())
        self._kept = {signal.number: signal for signal in found}
        self.curious = True

    def admitted(self, numbers: Iterable[int]) -> None:
        """Forget the events that a commit has taken in."""
        for number in numbers:
            self._kept.pop(number, None)

    def outcomes(self, ended: Container[TaskId]) -> Iterator[Outcome]:
        """Pair events with the tasks that wait for them, oldest with oldest.

        Args:
            ended: tasks whose wait is over already.
        """
        self.curious = False
        if not self._kept:
            return
        now = self._loop.env.clock.now()
        free = dict(self._kept)
        for wait in sorted(self._loop.state.waits.values(), key=self._age):
            if wait.kind != "event" or wait.task in ended or self._is_full(wait):
                continue
            for signal in free.values():
                if signal.expires_at > now and self._accepts(wait, signal):
                    del free[signal.number]
                    yield self._taken(wait, signal)
                    break

    def _age(self, wait: ParkedWait) -> tuple[float, int]:
        return wait.opened_at, self._loop.state.tasks[wait.task].order

    def _is_full(self, wait: ParkedWait) -> bool:
        """Whether a For each that reads events has no room for another item."""
        if not self._loop.plan.streams:
            return False
        state = self._loop.state
        task = state.tasks[wait.task]
        if self._loop.plan.nodes[task.node].stream is None:
            return False
        return not room_for(state, task, 1)

    def _accepts(self, wait: ParkedWait, signal: SignalRecord) -> bool:
        if wait.payload["event"] != signal.name:
            return False
        if signal.at < wait.opened_at and not wait.payload.get("early", True):
            return False
        task = self._loop.state.tasks[wait.task]
        try:
            return waits.accepts(self._loop, task, _parked(wait), signal.payload)
        except Exception as error:  # noqa: BLE001 - what a condition raises is told, not fatal
            if (wait.task, signal.number) not in self._warned:
                self._warned.add((wait.task, signal.number))
                text = f"the event {signal.name} was not taken, its condition failed: {error}"
                self.warnings.append((task.node, text))
            return False

    def _taken(self, wait: ParkedWait, signal: SignalRecord) -> Outcome:
        heard = Heard(
            number=signal.number,
            signal=signal.id,
            name=signal.name,
            by=signal.by,
            through=signal.through,
            delay_s=round(max(0.0, wait.opened_at - signal.at), 3),
        )
        answer = Answer(
            kind="event",
            by=signal.by,
            at=signal.at,
            values={
                "name": signal.name,
                "payload": signal.payload,
                "id": signal.id,
                "at": signal.at,
                "by": signal.by,
                "through": signal.through,
                "run": signal.source[0],
            },
        )
        task = self._loop.state.tasks[wait.task]
        return waits.resumed(self._loop, task, _parked(wait), answer, heard=heard)


async def addressed(loop: Driver, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes with the whole id of each run that an event is for.

    A task that sends to a run that is not there, or has ended, has failed.
    """
    return [await _addressed(loop, each) if each.signals else each for each in outcomes]


async def _addressed(loop: Driver, outcome: Outcome) -> Outcome:
    signals: list[Signal] = []
    env = loop.env
    for signal in outcome.signals:
        if not signal.run:
            signals.append(signal)
            continue
        try:
            record = await env.io(env.store.run, RunId(signal.run))
        except UnknownRun as unknown:
            return _unsent(outcome, f"The event {signal.name} cannot be sent: {unknown}")
        if record.status in ENDED:
            text = f"The event {signal.name} was not sent: run {record.run} is {record.status}"
            return _unsent(outcome, text)
        signals.append(replace(signal, run=record.run))
    return msgspec.structs.replace(outcome, signals=tuple(signals))


def _unsent(outcome: Outcome, text: str) -> Outcome:
    error = ErrorInfo(code="unknown_run", message=text, retryable=False)
    seconds = outcome.duration_s
    unsent = failed(outcome.task, error, attempt=outcome.attempt, duration_s=seconds)
    return ending_the_same(outcome, unsent)


def _parked(wait: ParkedWait) -> Wait:
    return Wait(kind="event", due_at=wait.due_at, text=wait.text, payload=wait.payload)
