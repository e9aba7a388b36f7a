"""What a commit has to do with other runs: events taken and sent, children started and ended."""

from __future__ import annotations

from collections.abc import Sequence

from engine import events as ev
from engine.ids import NodeKey, RunId, TaskId, signal_id
from engine.model.node_types import Signal, Wait
from engine.model.workflow import Background
from engine.runtime.outcome import ChildEnd, ChildMade, Heard, Outcome
from engine.runtime.ports import Listener, SignalChanges, SignalRecord
from engine.runtime.transition import Transition
from engine.state.run_state import ChildState, ParkedWait, Task

#: Modes of children that are tracked until they end.
TRACKED = frozenset({"async"})


class Others:
    """The part of one commit that concerns other runs. It changes nothing by itself.

    Attributes:
        signals: what the commit does with events, or None.
        children: runs to drive when it is stored. `orphans`: runs that nobody wants then.
    """

    def __init__(self, transition: Transition, run: RunId, *, at: float) -> None:
        self._transition = transition
        self._run = run
        self._at = at
        self.signals: SignalChanges | None = None
        self.children: list[RunId] = []
        self.orphans: list[RunId] = []

    # --- events -----------------------------------------------------------------------------

    def _changes(self) -> SignalChanges:
        if self.signals is None:
            self.signals = SignalChanges()
        return self.signals

    def listen(self, task: Task, wait: Wait) -> None:
        """Note that a task waits for an event."""
        self._changes().opened.append(
            Listener(
                run=self._run,
                task=task.id,
                name=wait.payload["event"],
                opened_at=self._at,
                due_at=wait.due_at,
            )
        )

    def close(self, wait: ParkedWait, outcome: Outcome | None = None) -> None:
        """Note that a wait is over; a child that has not ended is then wanted no more."""
        if wait.kind == "event":
            self._changes().closed.append(wait.task)
        elif (outcome is None or outcome.child_end is None) and wait.payload.get("own"):
            self.orphans.append(RunId(wait.payload["run"]))

    def take(self, task: Task, heard: Heard) -> None:
        """Admit an event."""
        self._changes().taken.append((heard.number, task.id))
        self._transition.events.append(
            ev.SignalTaken(
                task=task.id,
                node=task.node,
                number=heard.number,
                signal=heard.signal,
                name=heard.name,
                by=heard.by,
                through=heard.through,
                delay_s=heard.delay_s,
            )
        )

    def reach(self, task: Task, outcome: Outcome) -> None:
        """Do what a task that succeeded wants of other runs."""
        if outcome.signals:
            self.send(task, outcome.signals)
        if outcome.made is not None:
            self.child_made(task, outcome.made)

    def send(self, task: Task, signals: Sequence[Signal]) -> None:
        """Send the events of a task that succeeded."""
        for place, signal in enumerate(signals):
            name = signal_id(self._run, task.id, place)
            self._changes().sent.append(
                SignalRecord(
                    id=name,
                    name=signal.name,
                    payload=signal.payload,
                    at=self._at,
                    expires_at=self._at + signal.keep_s,
                    run=signal.run,
                    by=task.node,
                    through="run",
                    source=(self._run, task.id),
                )
            )
            self._transition.events.append(
                ev.SignalSent(
                    task=task.id, node=task.node, signal=name, name=signal.name, to=signal.run
                )
            )

    # --- children ---------------------------------------------------------------------------

    def without_children(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Take in how tracked children ended; return the outcomes of tasks."""
        ends = {
            end.run: end for each in outcomes if each.kind == "ended" and (end := each.child_end)
        }
        for run, end in sorted(ends.items()):
            child = self._transition.children.get(run)
            if child is not None:
                self._transition.children.drop(run)
                self.child_ended(child.task, child.node, end)
        return [each for each in outcomes if each.kind != "ended"]

    def child_ended(self, task: TaskId, node: NodeKey, end: ChildEnd) -> None:
        """Admit the end of a child run."""
        self._transition.events.append(
            ev.ChildEnded(task=task, node=node, child=end.run, status=end.status, reason=end.reason)
        )

    def child_made(self, task: Task, made: ChildMade) -> None:
        """Start a child run, and track it where that is its mode."""
        self.children.append(made.run)
        if made.mode in TRACKED:
            row = ChildState(task.id, task.node, made.mode)
            self._transition.children.put(made.run, row)
        self._transition.events.append(
            ev.ChildStarted(
                task=task.id,
                node=task.node,
                child=made.run,
                workflow=made.workflow,
                revision=made.revision,
                mode=made.mode,
            )
        )

    def leave_children(self, policy: Background, *, now: bool) -> bool:
        """Do with tracked children what the settings say; return whether to wait for them.

        With `now` the run is ended and cannot wait.
        """
        transition = self._transition
        if not (transition.state.children or "children" in transition.touched):
            return False
        table = transition.children
        left = [run for run in {**table.base, **table.changes} if table.get(run) is not None]
        if left and policy == "wait" and not now:
            return True
        if policy != "detach":
            self.orphans += [RunId(run) for run in left]
        for run in left:
            table.drop(run)
        return False
