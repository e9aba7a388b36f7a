"""What a commit has to do with other runs: events taken and sent, children started and ended."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine import events as ev
from engine.events import ErrorInfo
from engine.ids import NodeKey, RunId, TaskId, signal_id
from engine.model.node_types import Signal, Wait
from engine.model.plan import PlanNode
from engine.runtime import background
from engine.runtime.budget import Budget
from engine.runtime.leaving import end_policy, leave_rows
from engine.runtime.outcome import ChildEnd, ChildMade, Heard, Outcome
from engine.runtime.ports import Listener, SignalChanges, SignalRecord
from engine.runtime.transition import Transition
from engine.state.run_state import ChildState, ParkedWait, Task

#: Modes of children that are tracked until they end.
TRACKED = frozenset({"async", background.MODE})


class Others:
    """The part of one commit that concerns other runs. It changes nothing by itself.

    Attributes:
        signals: what the commit does with events, or None.
        children: runs to drive when it is stored. `orphans`: runs that nobody wants then.
        failure: of a work in the background that fails the run.
    """

    def __init__(self, transition: Transition, run: RunId, *, at: float) -> None:
        self._transition = transition
        self._run = run
        self._at = at
        self.signals: SignalChanges | None = None
        self.children: list[RunId] = []
        self.orphans: list[RunId] = []
        self.failure: ErrorInfo | None = None

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

    def node_of(self, end: ChildEnd) -> NodeKey:
        """Return the node whose work a tracked child is."""
        return self._transition.state.children[end.run].node

    def split(self, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
        """Return the outcomes of tasks, and the ends of tracked children in their order."""
        known = self._transition.state.children
        ends = {
            end.run: each
            for each in outcomes
            if each.kind == "ended" and (end := each.child_end) and end.run in known
        }
        order = self._transition.plan.nodes
        places = {
            run: (node.order if (node := order.get(known[run].node)) else -1, known[run].task, run)
            for run in ends
        }
        tasks = [each for each in outcomes if each.kind != "ended"]
        return tasks, [ends[run] for run in sorted(ends, key=places.__getitem__)]

    def take_ends(self, ends: Sequence[Outcome], budget: Budget | None) -> None:
        """Take in how tracked children ended, and let others have their turn."""
        children = self._transition.children
        for end in [each.child_end for each in ends if each.child_end is not None]:
            row = children.get(end.run)
            if row is None:
                continue
            self.child_ended(row.task, row.node, end)
            node = self._transition.plan.nodes.get(row.node)
            work = node.background if node is not None else None
            if node is not None and work is not None and work.fails and end.status != "completed":
                self.failure = self.failure or background.failure(node, row, end)
                children.put(end.run, msgspec.structs.replace(row, status="failed"))
                continue
            children.drop(end.run)
            if budget is not None:
                counted = work is None or work.counted
                budget.work_over(row, end.run, end.used if counted else {})
                budget.note_counted(end)
            if node is not None and work is not None:
                self._next_turn(node, work.limit)

    def child_ended(self, task: TaskId, node: NodeKey, end: ChildEnd) -> None:
        """Report the end of a child run."""
        self._transition.events.append(
            ev.ChildEnded(
                task=task,
                node=node,
                child=end.run,
                status=end.status,
                reason=end.reason,
                used=end.used,
            )
        )

    def _rows(self) -> dict[str, ChildState]:
        table = self._transition.children
        names = {**table.base, **table.changes}
        return {run: row for run in names if (row := table.get(run)) is not None}

    def _running(self, node: NodeKey) -> int:
        rows = self._rows().values()
        return sum(row.node == node and row.status == "running" for row in rows)

    def _next_turn(self, node: PlanNode, limit: int) -> None:
        """Begin works that wait for their turn, in the order in which they were handed over."""
        for run, row in self._rows().items():
            if row.node == node.key and row.status == "queued" and self._running(node.key) < limit:
                self._transition.children.put(run, msgspec.structs.replace(row, status="running"))
                self.children.append(RunId(run))
                self._transition.events.append(
                    ev.ChildContinued(task=row.task, node=row.node, child=RunId(run), reason="turn")
                )

    def child_made(self, task: Task, made: ChildMade) -> None:
        """Start a child run, and track it where that is its mode."""
        work = self._transition.plan.nodes[task.node].background
        queued = (
            made.mode == background.MODE
            and work is not None
            and self._running(task.node) >= work.limit
        )
        if not queued:
            self.children.append(made.run)
        if made.mode in TRACKED:
            row = ChildState(
                task.id, task.node, made.mode, task.path, "queued" if queued else "running"
            )
            self._transition.children.put(made.run, row)
        self._transition.events.append(
            ev.ChildStarted(
                task=task.id,
                node=task.node,
                child=made.run,
                workflow=made.workflow,
                revision=made.revision,
                mode=made.mode,
                queued=queued,
            )
        )

    def leave_children(self, *, now: bool, budget: Budget | None) -> bool:
        """Do with tracked children what the settings say; return whether to wait for them.

        With `now` the run is ended and cannot wait.
        """
        transition = self._transition
        if not (transition.state.children or "children" in transition.touched):
            return False
        left = self._rows()
        policies = {run: end_policy(transition.plan, row) for run, row in left.items()}
        if "wait" in policies.values() and not now:
            return True
        for run, row in left.items():
            if policies[run] != "detach":
                self.orphans.append(RunId(run))
            elif row.status == "queued":
                self.children.append(RunId(run))  # nobody is left to give it its turn
            transition.children.drop(run)
            if budget is not None:
                budget.work_over(row, RunId(run), {})
        return False

    def leave(self, reason: str) -> None:
        """Do with questions and children what becomes of them when the run fails."""
        transition = self._transition
        waits = {**transition.waits.base, **transition.waits.changes}
        rows = [row for row in waits.values() if row is not None]
        if not rows and not (transition.state.children or "children" in transition.touched):
            return
        tasks = {**transition.tasks.base, **transition.tasks.changes}
        nodes = {TaskId(key): task.node for key, task in tasks.items() if task is not None}
        left = leave_rows(rows, nodes, self._rows(), reason, plan=transition.plan)
        transition.events += left.events
        transition.closed += left.closed
        self.orphans += left.orphans
        for task in left.drop_waits:
            transition.waits.drop(task)
        for run in left.drop_children:
            transition.children.drop(run)
        for run, row in left.put_children.items():
            transition.children.put(run, row)
