"""Runs a workflow over the rows of a data set, and says how good its outputs are (U121).

The id of a row's run follows from the evaluation and the row, so that an evaluation that was
killed goes on where it was: a row that has ended is read, one that has not is resumed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine import events as ev
from engine.app import ALL, Engine, EngineError, UnknownRun, Workflow
from engine.facade.options import Fired
from engine.ids import RunId
from engine.model.expressions import Expression, ExpressionError, compile_expression
from engine.nodes.score import SCORE, number_of
from engine.run_handle import RunHandle
from engine.state.status import ENDED

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What came of one row.

    Attributes:
        row: its number, from 0. `run`: the run that it was given to.
        status: of that run: ``completed failed cancelled waiting``.
        scores: by name. `error`: why it failed, or a score could not be computed.
    """

    row: int
    run: str
    status: str
    result: Json = None
    scores: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One score over all rows. A row without it counts as 0 in the mean, and not in `scored`."""

    mean: float
    scored: int
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An evaluation: how many rows ended how, and every score."""

    rows: int
    completed: int
    failed: int
    waiting: int
    scores: Mapping[str, Measure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How outputs are scored, besides by the Score nodes of the workflow itself.

    Attributes:
        expressions: by name; `input` is the row and `output` the result of its run.
        workflow: is run on ``{"input": row, "output": result}``; its Score nodes count, and so
            does its result: a number, true or false, or an object of them by name.
    """

    expressions: Mapping[str, str] = field(default_factory=dict)
    workflow: Workflow | None = None


class Evaluation:
    """One evaluation.

    Args:
        engine: its store keeps the runs.
        workflow: what is evaluated: each row is the input of a run.
        scoring: how.
        name: part of the ids of its runs; another name runs every row again.
        at_once: runs that go on at once.
        source_path: file of the workflow.
        allow: the capabilities that it may use.

    Raises:
        InvalidWorkflow: one of the workflows has errors. ExpressionError: a score is wrong.
    """

    def __init__(
        self,
        engine: Engine,
        workflow: Workflow,
        *,
        scoring: Scoring | None = None,
        name: str = "",
        at_once: int = 4,
        source_path: str = "",
        allow: frozenset[str] = ALL,
    ) -> None:
        scoring = scoring or Scoring()
        self._engine = engine
        self._workflow = workflow
        self._scorer = scoring.workflow
        self._at_once = at_once
        self._more: dict[str, Any] = {"source_path": source_path, "allow": allow}
        self._expressions: dict[str, Expression] = {
            key: compile_expression(text) for key, text in scoring.expressions.items()
        }
        identity = [name, engine.prepare(workflow).revision]
        if scoring.workflow is not None:
            identity.append(engine.prepare(scoring.workflow).revision)
        self._identity = json.dumps(identity)

    def run_of(self, number: int, row: Json) -> RunId:
        """Return the id of the run of a row."""
        text = json.dumps([self._identity, number, row], sort_keys=True)
        return RunId(f"eval{hashlib.sha256(text.encode()).hexdigest()[:24]}")

    async def run(
        self,
        rows: Sequence[Json],
        *,
        known: Iterable[RowResult] = (),
        on_row: Callable[[RowResult], None] | None = None,
    ) -> Report:
        """Run every row and return the report.

        Args:
            rows: the data set.
            known: results of this evaluation that are there already; those of other runs, as
                of a workflow that was another one then, are left aside.
            on_row: is told each new result, as soon as it is there.
        """
        found: dict[int, RowResult] = {}
        for each in known:
            if each.row < len(rows) and each.run == self.run_of(each.row, rows[each.row]):
                found[each.row] = each
        left = iter([number for number in range(len(rows)) if number not in found])

        async def work(numbers: Iterator[int]) -> None:
            for number in numbers:
                result = await self._row(number, rows[number])
                found[number] = result
                if on_row is not None:
                    on_row(result)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(work(left))
        return report_of([found[number] for number in range(len(rows))])

    async def _row(self, number: int, row: Json) -> RowResult:
        run = self.run_of(number, row)
        title = f"row {number}"
        status, result, error = await self._ended(self._workflow, run, row, title, **self._more)
        scores: dict[str, float] = {}
        problems = [error] if error else []
        if status == "completed":
            scores.update(self._of_nodes(run, self._workflow))
            problems += self._of_expressions(scores, row, result)
            if self._scorer is not None:
                problems += await self._of_scorer(scores, run, row, result)
        return RowResult(
            row=number,
            run=run,
            status=status,
            result=result,
            scores=scores,
            error="; ".join(problems),
        )

    async def _ended(
        self, workflow: Workflow, run: RunId, input: Json, title: str, **more: Any
    ) -> tuple[str, Json, str]:
        """Return status, result and error of a run, which is made, resumed or only read."""
        engine = self._engine
        handle: RunHandle
        try:
            record = engine.run(run)
        except UnknownRun:
            fired = Fired(run=run)
            handle = await engine.start(workflow, input, title=title, fired=fired, **more)
        else:
            if record.status in ENDED:
                return _end_of(engine.events(run)[-1].event)
            handle = await engine.resume(run)
        return _end_of((await handle.leg()).event)

    def _of_nodes(self, run: RunId, workflow: Workflow) -> Iterator[tuple[str, float]]:
        """Yield what the Score nodes of a run have said, the last of each name."""
        nodes = {key for key, node in workflow.nodes.items() if node.type == SCORE.id}
        for fact in self._engine.events(run) if nodes else ():
            if isinstance(fact.event, ev.TaskFinished) and fact.event.node in nodes:
                said = self._engine.values(run, fact.event.task).outputs.get("out")
                if isinstance(said, Mapping):
                    yield str(said["name"]), float(said["value"])

    def _of_expressions(self, scores: dict[str, float], row: Json, result: Json) -> Iterator[str]:
        for name, expression in self._expressions.items():
            try:
                value = expression.evaluate({"input": row, "output": result})
            except ExpressionError as error:
                yield f"{name}: {error}"
                continue
            score = number_of(value)
            if score is None:
                yield f"{name}: a score is a number, or true or false"
            else:
                scores[name] = score

    async def _of_scorer(
        self, scores: dict[str, float], run: RunId, row: Json, result: Json
    ) -> list[str]:
        assert self._scorer is not None
        own = RunId(f"{run}-score")
        given = {"input": row, "output": result}
        try:
            status, said, error = await self._ended(self._scorer, own, given, f"score of {run}")
        except EngineError as refused:
            return [f"the scorer was refused: {refused}"]
        if status != "completed":
            return [f"the scorer is {status}: {error}"]
        scores.update(self._of_nodes(own, self._scorer))
        named = said if isinstance(said, Mapping) else {"score": said}
        for name, value in named.items():
            score = number_of(value)
            if score is not None:
                scores[str(name)] = score
        return []


def _end_of(event: ev.AnyEvent) -> tuple[str, Json, str]:
    match event:
        case ev.RunFinished(result=result):
            return "completed", result, ""
        case ev.RunFailed(error=error):
            return "failed", None, error.message
        case ev.RunCancelled(reason=reason):
            return "cancelled", None, reason
        case _:
            return "waiting", None, "it waits for a person, or for a time that is far away"


def report_of(results: Sequence[RowResult]) -> Report:
    """Return the report on the results of all rows. Pure."""
    completed = sum(each.status == "completed" for each in results)
    waiting = sum(each.status == "waiting" for each in results)
    names = sorted({name for each in results for name in each.scores})
    scores: dict[str, Measure] = {}
    for name in names:
        values = [each.scores[name] for each in results if name in each.scores]
        scores[name] = Measure(
            mean=sum(values) / len(results),
            scored=len(values),
            lowest=min(values),
            highest=max(values),
        )
    return Report(
        rows=len(results),
        completed=completed,
        failed=len(results) - completed - waiting,
        waiting=waiting,
        scores=scores,
    )
