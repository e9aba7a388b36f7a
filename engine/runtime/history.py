"""Looks at stored runs: views, states and values of any commit, and replay. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine import events as ev
from engine import run_view
from engine.errors import InvalidCommand, UnknownRun
from engine.ids import NodeKey, RequestId, RunId, TaskId, node_of
from engine.model import codec
from engine.model.plan import Plan
from engine.run_view import RunView
from engine.runtime.partial import recordings
from engine.runtime.ports import CommitSummary, RequestRecord, RunRecord, RunStore
from engine.runtime.preparing import facts_of
from engine.runtime.replay import RecordedCommit, ReplayReport, replay
from engine.state.channels import specs_from
from engine.state.run_state import RunState, Task

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskValues:
    """What went into a task and what came out of it."""

    task: TaskId
    commit: int
    inputs: Mapping[str, Json]
    outputs: Mapping[str, Json]
    duration_s: float = 0.0
    attempt: int = 1
    error: ev.ErrorInfo | None = None
    #: The run that did the work, where its result was kept and used again.
    cached: str = ""


class History:
    """Reads one store. Every method may be called from any thread."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def view(self, run: str, at: int | None = None) -> RunView:
        """Return how the run looks now, or looked at commit `at`.

        Raises:
            UnknownRun: there is no such run or commit.
        """
        record = self._store.run(RunId(run))
        number = record.commit if at is None else at
        _check_commit(record, number)
        frame = self._store.frame_before(record.run, number)
        if frame is None:
            raise UnknownRun(f"Commit {number} of run {record.run} has been pruned.")
        view = run_view.decode(frame[1])
        if frame[0] < number:
            last = self._store.history(record.run, after=number - 1, limit=1)[0].last_seq
            run_view.fold(self._store.events(record.run, after=view.seq, upto=last), view)
        return view

    def state_at(self, run: str, at: int | None = None) -> RunState:
        """Return the exact state of a commit. Raises `UnknownRun`."""
        record = self._store.run(RunId(run))
        number = record.commit if at is None else at
        _check_commit(record, number)
        return self._store.state_at(record.run, number)

    def values(self, run: str, task: str) -> TaskValues:
        """Return what went into a task and what came out of it.

        Raises:
            UnknownRun: no commit has admitted that task.
        """
        record = self._store.run(RunId(run))
        summaries = self._store.history(record.run)
        found = next((s for s in reversed(summaries) if task in s.tasks), None)
        if found is None:
            raise UnknownRun(f"Task {task} of run {record.run} has no result yet.")
        before = self._store.state_at(record.run, max(0, found.number - 1))
        row = before.tasks.get(TaskId(task))
        inputs = {port: _joined(before, pairs) for port, pairs in row.inputs.items()} if row else {}
        facts = self._store.events(record.run, after=found.first_seq - 1, upto=found.last_seq)
        for fact in facts:
            event = fact.event
            if isinstance(event, ev.TaskFinished) and event.task == task:
                return TaskValues(
                    task=TaskId(task),
                    commit=found.number,
                    inputs=inputs,
                    outputs=self._outputs(record, found, before, event),
                    duration_s=event.duration_s,
                    attempt=event.attempt,
                    cached=event.cached,
                )
            if isinstance(event, ev.TaskFailed | ev.TaskRetried) and event.task == task:
                return TaskValues(
                    task=TaskId(task),
                    commit=found.number,
                    inputs=inputs,
                    outputs={},
                    attempt=event.error.attempt,
                    error=event.error,
                )
        return TaskValues(task=TaskId(task), commit=found.number, inputs=inputs, outputs={})

    def _outputs(
        self, record: RunRecord, summary: CommitSummary, before: RunState, event: ev.TaskFinished
    ) -> dict[str, Json]:
        names = {port: ref or f"{event.task}.{port}" for port, ref in event.ports.items()}
        stored = self._store.values_at(record.run, summary.number, list(names.values()))
        return {
            port: stored[ref] if ref in stored else before.value(ref) for port, ref in names.items()
        }

    def replay(
        self, run: str, compile_document: Callable[[bytes], Plan], at: int | None
    ) -> ReplayReport:
        """Make the commits of a run again from its recorded outputs and compare."""
        record = self._store.run(RunId(run))
        last = record.commit if at is None else min(at, record.commit)
        requests = self._requests(record)
        done = 0
        for first, end, document in self._stretches(record, last):
            plan = compile_document(document)
            start = self._store.state_at(record.run, first)
            commits = self._commits(record, end, after=first)
            report = replay(plan, start, facts_of(plan, record), commits, requests)
            done += report.commits
            if not report.equal:
                return replace(report, commits=done)
        return ReplayReport(equal=True, commits=done)

    def _stretches(self, record: RunRecord, last: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (first commit, last commit, document) of what can be made again in one go.

        A stretch ends where commits were pruned, and where another document begins.
        """
        numbers = [each.number for each in self._store.history(record.run) if each.number <= last]
        documents = self._store.documents(record.run)
        rebased = {until for until, _ in documents}
        starts = [
            number
            for number, before in zip(numbers, [-2, *numbers], strict=False)
            if number != before + 1 or number in rebased
        ]
        ends = [numbers[numbers.index(start) - 1] for start in starts[1:]]
        for start, end in zip(starts, [*ends, *numbers[-1:]], strict=True):
            found = next((each for until, each in documents if start < until), record.document)
            yield start, end, found

    def recordings(self, plan: Plan, run: str, node: NodeKey) -> dict[str, Json]:
        """Return the results of a run that a new one from `node` uses again, by task.

        Raises:
            InvalidCommand: the run never came to the node, or has lost old commits.
        """
        record = self._store.run(RunId(run))
        if [each.number for each in self._store.history(record.run)] != list(
            range(record.commit + 1)
        ):
            raise InvalidCommand(
                f"Old commits of run {record.run} were pruned, and with them the results that a "
                "new run would use again: choose another run, or start from the beginning."
            )
        if self._store.documents(record.run):
            raise InvalidCommand(
                f"Run {record.run} went on with an edited workflow: its results cannot be used "
                "again from a node. Fork it instead."
            )
        start = self._store.state_at(record.run, 0)
        commits = self._commits(record, record.commit)
        facts = facts_of(plan, record)
        facts = replace(facts, specs=specs_from(codec.loads(record.document).channels))
        return recordings(plan, start, facts, commits, self._requests(record), node)

    def captured(self, run: str, node: NodeKey, task: str | None) -> tuple[Task, RunState]:
        """Return the last task of a node, or the one that is named, as it was ready to run.

        Raises:
            InvalidCommand: the run never came to the node, or the commit before has been pruned.
        """
        record = self._store.run(RunId(run))
        now = self._store.state_at(record.run, record.commit)
        names = [task] if task is not None else [t for t in now.tasks if node_of(t) == node]
        for name in names:
            if name in now.tasks:
                return now.tasks[TaskId(name)], now
        summaries = self._store.history(record.run)
        stored = {summary.number for summary in summaries}
        for summary in reversed(summaries):
            names = [t for t in summary.tasks if node_of(t) == node and task in (None, t)]
            if names and summary.number - 1 not in stored:
                raise InvalidCommand(
                    f"What went into {names[0]} of run {record.run} was pruned: say what goes "
                    "in, or choose another run."
                )
            before = self._store.state_at(record.run, summary.number - 1) if names else now
            for name in names:
                if name in before.tasks:
                    return before.tasks[TaskId(name)], before
        pruned = ", as far as its history is kept" if len(stored) <= record.commit else ""
        raise InvalidCommand(f"Run {record.run} never came to {task or node}{pruned}.")

    def _requests(self, record: RunRecord) -> dict[RequestId, RequestRecord]:
        found = self._store.requests(run=record.run, open_only=False)
        return {request.request: request for request in found}

    def _commits(self, record: RunRecord, last: int, after: int = 0) -> list[RecordedCommit]:
        summaries = [
            summary
            for summary in self._store.history(record.run, after=after)
            if summary.number <= last
        ]
        if not summaries:
            return []
        recorded = self._store.events(
            record.run, after=summaries[0].first_seq - 1, upto=summaries[-1].last_seq
        )
        return [
            RecordedCommit(
                number=summary.number,
                at=summary.at,
                events=_events_of(recorded, summary),
                delta=self._store.delta(record.run, summary.number),
            )
            for summary in summaries
        ]


def _check_commit(record: RunRecord, number: int) -> None:
    if number < 0 or number > record.commit:
        raise UnknownRun(f"Run {record.run} has no commit {number}; its last is {record.commit}.")


def _events_of(recorded: Sequence[ev.Recorded], summary: CommitSummary) -> tuple[ev.AnyEvent, ...]:
    """Return the events of one commit; they are gapless, so that their places are known."""
    first = recorded[0].seq if recorded else 1
    return tuple(
        record.event
        for record in recorded[summary.first_seq - first : summary.last_seq - first + 1]
    )


def _joined(state: RunState, pairs: Sequence[tuple[str, str]]) -> Json:
    if len(pairs) == 1:
        return state.value(pairs[0][1])
    return {source: state.value(ref) for source, ref in pairs}
