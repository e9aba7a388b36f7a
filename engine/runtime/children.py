"""The runs that a run's tasks ask for: made before their commit, started after it, told of.

A child is a run like any other, with an id that follows from the task. It is stored when
its task asks for it and driven when the commit that says so is stored; whatever happens in
between, the same child is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from engine import events as ev
from engine.commands import RetryChild
from engine.errors import EngineError, UnknownRun
from engine.events import ErrorInfo
from engine.ids import RunId, TaskId, node_of, path_of
from engine.model.node_types import Answer, Wait
from engine.runtime import background, control, superstep, waits
from engine.runtime.child_runs import ChildRefused, ChildRuns
from engine.runtime.environment import Driver
from engine.runtime.outcome import ChildEnd, Outcome, ending_the_same, failed
from engine.runtime.ports import RunRecord
from engine.state.run_state import ChildState, ParkedWait, RunState

Json = Any


class Family:
    """The children of one leg of one run."""

    def __init__(self, loop: Driver, runs: ChildRuns, look_again: Callable[[], None]) -> None:
        self._loop = loop
        self._runs = runs
        self._look_again = look_again
        self._told: set[tuple[TaskId, str]] = set()

    async def made(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes with the children that they ask for, or as failures."""
        return [await self._made(each) if each.child else each for each in outcomes]

    async def _made(self, outcome: Outcome) -> Outcome:
        task = self._loop.state.tasks.get(outcome.task)
        if task is None or outcome.child is None:
            return outcome
        try:
            made = await self._runs.make(self._loop.facts.run, task, outcome.attempt, outcome.child)
        except ChildRefused as refused:
            return _unmade(outcome, refused.error)
        except EngineError as error:
            info = ErrorInfo(code="child", message=str(error), kind=type(error).__name__)
            return _unmade(outcome, info)
        return msgspec.structs.replace(outcome, child=None, made=made)

    async def stored(self, step: superstep.Step) -> None:
        """Start the children of a stored commit, and end those that nobody wants any more."""
        for run in step.children:
            self._runs.drive(run, again=True, then=self._look_again)
        if step.orphans:
            await self._runs.cancel(step.orphans, "the run that called it went on without it")

    def take_up(self) -> None:
        """See that every child that is waited for is driven."""
        rows = self._loop.state.children
        for run in expected(self._loop.state):
            row = rows.get(run)
            if row is None or row.status != "queued":
                failed = row is not None and row.status == "failed"
                self._runs.drive(run, again=failed, then=self._look_again)

    async def cancel(self, reason: str) -> None:
        """Cancel the children, for their run is cancelled."""
        runs = [*own_waits(self._loop.state).values(), *self._loop.state.children]
        if runs:
            await self._runs.cancel([RunId(run) for run in runs], reason)

    def is_busy(self) -> bool:
        """Return whether a child that is waited for is driven here."""
        return any(self._runs.is_driven(run) for run in expected(self._loop.state))

    async def look(self) -> list[Outcome]:
        """Return what the children that have ended make of the tasks that wait for them.

        Of one that is driven here its end is told when it has come.
        """
        found: list[Outcome] = []
        state = self._loop.state
        for task_id, wait in list(state.waits.items()):
            if wait.kind != "child" or (task_id, run := wait.payload["run"]) in self._told:
                continue
            end = await self._end_of(RunId(run))
            if end is not None and state.waits.get(task_id) is wait:
                self._told.add((TaskId(task_id), run))
                found.append(self._resumed(wait, end))
        for run, child in list(state.children.items()):
            if (child.task, run) in self._told:
                continue
            end = await self._end_of(RunId(run))
            if end is not None:
                self._told.add((child.task, run))
                found.append(await self._ended(child, end))
        return found

    async def _ended(self, row: ChildState, end: ChildEnd) -> Outcome:
        """Return the end of a tracked child with what its result writes."""
        loop = self._loop
        node = loop.plan.nodes.get(row.node)
        if end.status != "completed" or node is None or node.background is None:
            return Outcome(task=row.task, kind="ended", child_end=end)
        given = (await loop.env.io(loop.env.store.run, end.run)).input
        return background.ended(loop.plan, loop.state, row, end, given, loop.env.clock.now())

    async def again(self, command: RetryChild) -> superstep.Step:
        """Return the commit with which a work goes on that has failed, or that says why not."""
        loop, run = self._loop, command.child
        try:
            record: RunRecord = await loop.env.io(loop.env.store.run, run)
        except UnknownRun as unknown:
            return control.report(loop.state, ev.Warned(node="", message=str(unknown)))
        task = record.called_by[1] if record.called_by is not None else TaskId("")
        node = node_of(task)
        end = await self._runs.end_of(run)
        row = ChildState(task, node, background.MODE, path_of(task))
        made = background.again(loop.plan, loop.state, row, {} if end is None else end.used)
        why = made.refused
        if end is None or end.status == "completed":
            why = f"it is {'at work' if end is None else 'completed'}"
        if record.called_by is None or record.called_by[0] != loop.facts.run:
            why = "it is no work of this run"
        if why:
            text = f"Run {run} is not tried again: {why}"
            return control.report(loop.state, ev.Warned(node=node, message=text))
        self._told.discard((task, run))
        step = control.report(
            loop.state,
            ev.ChildContinued(task=task, node=node, child=run, reason="retry", by=command.by),
        )
        step.delta.put_children = {run: made.row}
        step.delta.put_ledger = made.accounts
        step.delta.put_holds = {run: dict(made.holds)} if made.holds else {}
        step.children = [run]
        return step

    async def _end_of(self, run: RunId) -> ChildEnd | None:
        return None if self._runs.is_driven(run) else await self._runs.end_of(run)

    def _resumed(self, wait: ParkedWait, end: ChildEnd) -> Outcome:
        task = self._loop.state.tasks[wait.task]
        parked = Wait(kind="child", due_at=wait.due_at, text=wait.text, payload=wait.payload)
        answer = Answer(
            kind="child",
            choice=end.status,
            values=end.result,
            comment=end.reason,
            at=self._loop.env.clock.now(),
        )
        return waits.resumed(self._loop, task, parked, answer, child_end=end)


def _unmade(outcome: Outcome, error: ErrorInfo) -> Outcome:
    seconds = outcome.duration_s
    return ending_the_same(
        outcome, failed(outcome.task, error, attempt=outcome.attempt, duration_s=seconds)
    )


def own_waits(state: RunState) -> dict[str, str]:
    """Return task to child run, of the tasks that wait for a run of their own."""
    return {
        task: wait.payload["run"]
        for task, wait in state.waits.items()
        if wait.kind == "child" and wait.payload.get("own")
    }


def expected(state: RunState) -> list[RunId]:
    """Return the runs that something in this run still waits for."""
    waited = [wait.payload["run"] for wait in state.waits.values() if wait.kind == "child"]
    return [RunId(run) for run in dict.fromkeys([*waited, *state.children])]
