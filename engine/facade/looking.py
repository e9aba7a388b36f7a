"""What the facade tells about runs: nothing here changes any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine import events as ev
from engine.errors import UnknownRun
from engine.facade.part import Part
from engine.ids import RequestId, RunId, TaskId
from engine.model import codec
from engine.model.workflow import Workflow
from engine.run_view import RunView
from engine.runtime.history import TaskValues
from engine.runtime.ports import (
    CommitSummary,
    DecisionRecord,
    Execution,
    ExecutionQuery,
    Listener,
    RequestRecord,
    RuleRecord,
    RunRecord,
)
from engine.runtime.scope import inputs_of
from engine.state.run_state import RunState
from engine.state.status import ENDED

Json = Any


class Looking(Part):
    """What the facade tells about runs."""

    def runs(self, *, limit: int = 200, session: str | None = None) -> list[RunRecord]:
        """Return the runs, newest first; of one session if it is named."""
        return self.store.runs(limit=limit, session=session)

    def run(self, run: str) -> RunRecord:
        """Return one run; a unique beginning of its id is enough."""
        return self.store.run(RunId(run))

    def workflow_of(self, run: str, at: int | None = None) -> Workflow:
        """Return the document that the run is pinned to, or was at commit `at`."""
        record = self.store.run(RunId(run))
        return codec.loads(self._core.document_at(record, record.commit if at is None else at))

    def history(self, run: str, *, after: int = -1) -> list[CommitSummary]:
        """Return one line per commit, oldest first."""
        return self.store.history(RunId(run), after=after)

    async def executions(self, query: ExecutionQuery) -> list[Execution]:
        """Return attempts that have ended, of all runs, newest first.

        The place of the last one, as `after` of the same query, gives the next page.

        Raises:
            UnknownRun: the query names a run that is not there; a unique beginning is enough.
        """
        if query.run is not None:
            query = replace(query, run=self.store.run(query.run).run)
        found: list[Execution] = await self._core.io(self.store.executions, query)
        return found

    def events(self, run: str, *, after: int = 0, upto: int | None = None) -> list[ev.Recorded]:
        """Return facts in order."""
        return self.store.events(RunId(run), after=after, upto=upto)

    async def read_events(
        self, run: str, *, after: int = 0, upto: int | None = None
    ) -> list[ev.Recorded]:
        """Return facts in order, read where the store may block."""
        found: list[ev.Recorded] = await self._core.io(
            lambda: self.store.events(RunId(run), after=after, upto=upto)
        )
        return found

    def view(self, run: str, at: int | None = None) -> RunView:
        """Return how the run looks now, or looked at commit `at`. Raises `UnknownRun`."""
        return self._core.history.view(run, at)

    def state_at(self, run: str, at: int | None = None) -> RunState:
        """Return the exact state of a commit. Raises `UnknownRun`."""
        return self._core.history.state_at(run, at)

    def values(self, run: str, task: str) -> TaskValues:
        """Return what went into a task and what came out of it. Raises `UnknownRun`."""
        return self._core.history.values(run, task)

    def inputs_of(self, run: str, node: str, task: str | None = None) -> Mapping[str, Json]:
        """Return what went into the last task of a node, or into the one that is named.

        Raises:
            InvalidCommand: the run never came to it. UnknownRun: there is no such run.
        """
        row, state = self._core.history.captured(run, node, task)
        plan = self._core.compile_bytes(self.store.run(RunId(run)).document)
        return inputs_of(plan.nodes[node], row, state)

    def children(self, run: str) -> list[RunRecord]:
        """Return the runs that a run has called, oldest first."""
        return self.store.children(self.store.run(RunId(run)).run)

    def root_of(self, run: str) -> RunId:
        """Return the run that called the one that called this one, as far as they wait.

        To go on with it is to go on with all of them.
        """
        record = self.store.run(RunId(run))
        while record.called_by is not None and record.mode == "call":
            caller = self.store.run(record.called_by[0])
            if caller.status in ENDED:
                break
            record = caller
        return record.run

    def inbox(self) -> list[RequestRecord]:
        """Return the open barrier requests of all runs, the one due first at the top."""
        return self.store.requests()

    def callers_of(self, run: str) -> list[tuple[RunRecord, TaskId]]:
        """Return the runs that called one another to get to this one, with the task that did.

        The outermost comes first; a run that nobody has called has none.
        """
        record = self.store.run(RunId(run))
        found: list[tuple[RunRecord, TaskId]] = []
        while record.called_by is not None:
            caller, task = record.called_by
            try:
                record = self.store.run(caller)
            except UnknownRun:
                break  # it was deleted
            found.insert(0, (record, task))
        return found

    def request(self, request: str) -> RequestRecord:
        """Return one barrier request."""
        return self.store.request(RequestId(request))

    def decisions(self, run: str | None = None) -> list[DecisionRecord]:
        """Return the decision log, oldest first."""
        return self.store.decisions(run=RunId(run) if run else None)

    def rules(self) -> list[RuleRecord]:
        """Return the standing decisions, those that have ended too, newest first."""
        return self.store.rules()

    def listeners(self, name: str | None = None) -> list[Listener]:
        """Return the tasks that wait for an event (of that name), in all runs."""
        return self.store.listeners(name)
