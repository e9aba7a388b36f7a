"""Makes commits of a run's own facts: numbered, folded, handed to the writer as one record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from engine import events as ev
from engine import run_view
from engine.errors import EngineBug
from engine.run_view import RunView
from engine.runtime.due import Due
from engine.runtime.environment import Driver
from engine.runtime.facts import Step
from engine.runtime.ports import CommitRecord, Lease, SignalChanges
from engine.state.run_state import Moves, apply
from engine.state.status import can_become

#: A key frame is stored with every so many commits, so that viewing folds few of them.
FRAME_EVERY = 50
#: Larger states get their frames less often, so that a commit's share of one is bounded.
ROWS_PER_COMMIT = 8


class Recorder:
    """Applies and writes the commits of one leg, and publishes what is stored.

    Attributes:
        begun: set when the first commit of this leg is stored.
    """

    def __init__(
        self,
        loop: Driver,
        view: RunView,
        lease: Lease,
        due: Due,
        *,
        next_seq: int,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._state = loop.state
        self._facts = loop.facts
        self._env = loop.env
        self._view = view
        self._lease = lease
        self._due = due
        self._seq = next_seq
        self._failed = failed
        self._next_frame = 0
        self._power = loop.plan.workflow.settings.durability == "power"
        self.begun = asyncio.Event()

    def write(self, step: Step, at: float) -> tuple[list[ev.Recorded], Awaitable[None] | None]:
        """Apply one commit and hand it to the writer; return its facts, and what to wait for."""
        state, run, first, delta = self._state, self._facts.run, self._seq, step.delta
        becomes = delta.status
        if becomes is not None and not can_become(state.status, becomes):
            raise EngineBug(f"Run {run} is {state.status} and cannot become {becomes}.")
        records: list[ev.Recorded] = []
        for event in step.events:  # a comprehension would cost twice as much
            records.append(ev.Recorded(run, self._seq, at, event))
            self._seq += 1
        number = state.commit + 1
        apply(state, delta, self._facts.specs, number, step.written)
        run_view.fold(records, self._view)
        record = CommitRecord(
            run=run,
            number=number,
            at=at,
            first_seq=first,
            events=records,
            delta=delta,
            status=state.status,
            durable=self._power,
        )
        if type(delta) is not Moves:  # else nothing is asked, answered, sent or due by it
            self._add_rest(record, step)
        if self._due:
            record.next_due = self._due.next()
        if number >= self._next_frame:
            self._next_frame = number + max(FRAME_EVERY, self._rows() // ROWS_PER_COMMIT)
            record.frame, record.view = state.copy(), run_view.encode(self._view)
        stored = partial(self._stored, records, step.signals)
        return records, self._env.writer.commit(self._lease, record, stored, self._failed)

    def _add_rest(self, record: CommitRecord, step: Step) -> None:
        """Add what a commit does besides moving values from task to task."""
        if step.delta.put_waits or step.requests or step.delta.put_timers:
            self._due.remember(step)
        record.open_requests = step.requests
        record.close_requests = step.closed
        record.admitted_decisions = step.decisions
        record.signals = step.signals
        record.name = step.name
        record.durable = self._power or bool(step.decisions) or step.signals is not None
        if step.document is not None:
            record.document = step.document
        if step.claims:
            record.claims = step.claims

    def _rows(self) -> int:
        state = self._state
        return len(self._view.nodes) + len(state.values) + len(state.tasks) + len(state.outputs)

    def _stored(self, records: Sequence[ev.Recorded], signals: SignalChanges | None) -> None:
        self.begun.set()
        self._env.publish(records)
        if signals is not None and signals.sent:
            self._env.signalled()
