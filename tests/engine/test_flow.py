"""Workflows run from Python: blocking, in a notebook, awaited, decided and resumed (U126; T46)."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from engine import events as ev
from engine.errors import DecisionRefused, InvalidCommand, InvalidWorkflow
from engine.flow import Flow, NodeFailure, Runner, decide, node, open_engine, report_of
from engine.state.status import RunStatus


@node("my.double")
def double(input: int) -> int:
    return 2 * input


@node("my.refuse")
def refuse() -> None:
    raise NodeFailure("no", code="refused", retryable=False)


def doubled() -> Flow:
    flow = Flow("Double")
    flow.start >> flow.add("double", double) >> flow.end()
    return flow


def gated(name: str = "Gate") -> Flow:
    flow = Flow(name)
    flow.start >> flow.add("ask", "barrier", title="Go on?") >> flow.end()
    return flow


def test_running_returns_the_result() -> None:
    report = doubled().run(21)
    assert (report.ok, report.status, report.result) == (True, "completed", 42)


def test_a_failure_is_reported_and_not_raised() -> None:
    flow = Flow()
    flow.start >> flow.add("no", refuse)
    report = flow.run()
    assert report.status is RunStatus.FAILED
    assert report.error is not None
    assert report.error.code == "refused"
    assert not report.ok


def test_a_gate_makes_a_blocking_run_wait_instead_of_fail() -> None:
    report = gated().run(1)
    assert report.status is RunStatus.WAITING
    assert [request.content.title for request in report.requests] == ["Go on?"]


def test_a_gate_may_be_answered_in_advance() -> None:
    assert gated().run(1, decide={"ask": "approve"}).result == 1


def test_an_invalid_workflow_is_refused_before_anything_runs() -> None:
    flow = Flow()
    flow.start >> flow.add("t", "template", text="{{ input. }}")
    with pytest.raises(InvalidWorkflow, match=r"test_flow.py:\d+, node t: "):
        flow.run()


def test_a_run_that_waits_is_decided_and_resumed_in_another_process(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.sqlite'}"
    report = gated().run(5, store=store)
    with Runner(store) as runner:
        (request,) = runner.inbox()
        assert request.run == report.run
        runner.decide(request, "modify", values=6, comment="rounded")
        again = runner.resume(report.run)
        facts = runner.events(report.run)
    assert (again.status, again.result) == (RunStatus.COMPLETED, 6)
    decided = [fact.event for fact in facts if isinstance(fact.event, ev.BarrierDecided)]
    assert [(one.choice, one.through, one.comment) for one in decided] == [
        ("modify", "api", "rounded")
    ]


def test_refusals_reach_the_caller(tmp_path: Path) -> None:
    with Runner("memory://", nodes=[double]) as runner:
        report = runner.run(gated())
        runner.decide(report.requests[0], "approve")
        with pytest.raises(DecisionRefused, match="answered already"):
            runner.decide(report.requests[0], "reject")
        assert runner.resume(report.run).ok
        with pytest.raises(InvalidCommand, match="completed"):
            runner.resume(report.run)


def test_a_saved_file_runs(tmp_path: Path) -> None:
    path = gated().save(tmp_path / "gate.flow.json")
    with Runner("memory://") as runner:
        assert runner.run(path, 3).status is RunStatus.WAITING


def test_the_news_of_a_run_are_heard() -> None:
    heard: list[ev.News] = []
    with Runner("memory://") as runner:
        runner.run(doubled(), 1, on_news=heard.append)
    facts = [news.event for news in heard if isinstance(news, ev.Recorded)]
    assert isinstance(facts[0], ev.RunStarted)
    assert isinstance(facts[-1], ev.RunFinished)


async def test_blocking_works_inside_a_running_loop() -> None:
    """As in a notebook, whose loop is busy while a cell runs."""
    assert doubled().run(4).result == 8


async def test_everything_can_be_awaited() -> None:
    flow = gated()
    async with flow.engine() as engine:
        run = await engine.start(flow.build(), 7)
        facts = [news.event async for news in run.news() if isinstance(news, ev.Recorded)]
        report = await report_of(engine, run)
        await decide(engine, report.requests[0], "approve", by="me")
        report = await report_of(engine, await engine.resume(run.run))
    assert isinstance(facts[-1], ev.RunWaiting)
    assert report.result == 7


async def test_one_engine_runs_many_at_once() -> None:
    """U127, T37."""
    flow = doubled()
    async with open_engine("memory://", nodes=[double]) as engine:
        runs = [await engine.start(flow.build(), n) for n in range(60)]
        reports = await asyncio.gather(*(report_of(engine, run) for run in reversed(runs)))
    assert [report.result for report in reports] == [2 * n for n in reversed(range(60))]


def test_a_closed_runner_leaves_no_thread() -> None:
    with Runner("memory://"):
        pass
    assert "headgate-runner" not in [each.name for each in threading.enumerate()]


def test_a_store_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="not supported"):
        Runner("ftp://somewhere")
    assert "headgate-runner" not in [each.name for each in threading.enumerate()]
