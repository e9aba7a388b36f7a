"""Evaluations: each row once, scored by nodes, expressions and workflows (U121)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.app import Engine
from engine.evaluation import Evaluation, Scoring
from engine.nodes.builtin import builtin_registry
from engine.store.memory import MemoryStore
from tests.engine.flows import flow

Json = Any
ROOT = Path(__file__).parents[2]
SUM = {"type": "set", "params": {"fields": {"sum": {"expr": "input.a + input.b"}}}}
RIGHT = "output.sum == input.expected"
ROWS = [{"a": a, "b": b, "expected": c} for a, b, c in ((1, 1, 2), (2, 2, 5), (3, 4, 7))]


@pytest.fixture
def engine() -> Engine:
    return Engine(MemoryStore(), registry=builtin_registry())


def adds(**more: Json) -> Any:
    nodes = {"start": "trigger.manual", "sum": ("set", SUM["params"]), "end": "end", **more}
    return flow(nodes, "start > sum, sum > end" + (", sum > score" if "score" in more else ""))


async def test_rows_are_run_and_scored_by_expressions(engine: Engine) -> None:
    scoring = Scoring(expressions={"right": RIGHT, "sum": "output.sum"})
    report = await Evaluation(engine, adds(), scoring=scoring).run(ROWS)
    assert (report.rows, report.completed, report.failed) == (3, 3, 0)
    assert report.scores["right"].mean == pytest.approx(2 / 3)
    assert (report.scores["sum"].lowest, report.scores["sum"].highest) == (2, 7)


async def test_score_nodes_of_the_workflow_and_a_second_one_count(engine: Engine) -> None:
    node = ("score", {"value": {"expr": "input.sum == run.input.expected"}})
    size = {"value": {"expr": "{'size': input.output.sum}"}}
    judge = flow({"start": "trigger.manual", "end": ("end", size)}, "start > end")
    evaluation = Evaluation(engine, adds(score=node), scoring=Scoring(workflow=judge))
    report = await evaluation.run(ROWS)
    assert report.scores["score"].mean == pytest.approx(2 / 3)
    assert report.scores["size"].highest == 7


async def test_a_row_that_fails_counts_and_has_no_score(engine: Engine) -> None:
    scoring = Scoring(expressions={"sum": "output.sum"})
    report = await Evaluation(engine, adds(), scoring=scoring).run([{"a": 1, "b": 1}, {"a": 1}])
    assert (report.completed, report.failed) == (1, 1)
    assert (report.scores["sum"].mean, report.scores["sum"].scored) == (1.0, 1)


async def test_again_every_row_is_only_read_and_another_name_runs_it_anew(engine: Engine) -> None:
    first = await Evaluation(engine, adds()).run(ROWS)
    assert await Evaluation(engine, adds()).run(ROWS) == first
    assert len(engine.runs()) == 3
    await Evaluation(engine, adds(), name="again").run(ROWS)
    assert len(engine.runs()) == 6


async def test_no_more_rows_run_at_once_than_the_limit(engine: Engine) -> None:
    open_at_once: list[int] = []
    engine.subscribe(None, lambda news: open_at_once.append(len(engine._legs._held)))
    await Evaluation(engine, adds(), at_once=2).run([{"a": n, "b": 1} for n in range(12)])
    assert max(open_at_once) <= 2


async def test_the_example_of_the_page_works() -> None:
    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    scope: dict[str, Any] = {}
    exec(example, scope)
    report = await scope["evaluated"]()
    assert report.scores["right"].mean == 0.5
