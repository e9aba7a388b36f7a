"""Executions of all runs, found by run, node, status and time, in pages (U101)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UnknownRun
from engine.events import ErrorInfo, TaskCancelled, TaskFailed, TaskRetried
from engine.ids import RunId, TaskId
from engine.runtime.ports import Execution, ExecutionQuery, RunStore
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import DEAD, RUN, START_S, Chain, begin, run_record


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened: RunStore = (
        MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.sqlite")
    )
    yield opened
    opened.close()


def failed(task: str, message: str = "no") -> TaskFailed:
    error = ErrorInfo(code="broken", message=message, attempt=2)
    return TaskFailed(task=TaskId(task), node=task, error=error, duration_s=1.5, handled="fail")


def retried(task: str) -> TaskRetried:
    error = ErrorInfo(code="timeout", message="late")
    return TaskRetried(
        task=TaskId(task), node=task, error=error, attempt=1, of=3, due_at=START_S + 60
    )


def cancelled(task: str) -> TaskCancelled:
    return TaskCancelled(task=TaskId(task), node=task, reason="enough")


def ask(store: RunStore, **query: Any) -> list[Execution]:
    return store.executions(ExecutionQuery(**query))


def two_runs(store: RunStore) -> None:
    """Run 1 finishes n1 to n9 and tells of others; run 2 is of another workflow."""
    chain, lease = begin(store)
    for number, record in enumerate(chain.commits(8), 1):
        store.commit(lease, record)
        if number == 4:
            store.commit(lease, chain.commit(facts=[retried("pay"), failed("pay")]))
    store.create_run(run_record("run2", workflow_id="w2"))
    other = Chain(run=RunId("run2"))
    lease = store.acquire(RunId("run2"), DEAD, START_S)
    store.commit(lease, other.commit())
    store.commit(lease, other.commit(facts=[cancelled("pay")]))


def test_executions_of_all_runs_come_newest_first(store: RunStore) -> None:
    two_runs(store)
    found = ask(store)
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    assert len(found) == 9 + 2 + 1 + 1
    newest = found[0]
    assert (newest.run, newest.node, newest.commit) == (RUN, "n9", 9)
    assert (newest.status, newest.duration_s, newest.workflow_id) == ("done", 0.5, "w1")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"node": "pay"}, ["failed", "retried", "cancelled"]),
        ({"node": "pay", "status": "failed"}, ["failed"]),
        ({"status": "cancelled"}, ["cancelled"]),
        ({"status": "failed", "run": RUN}, ["failed"]),
        ({"status": "failed", "run": RunId("run2")}, []),
        ({"run": RunId("run2")}, ["done", "cancelled"]),
        ({"node": "n1", "status": "done"}, ["done", "done"]),
        ({"node": "n1", "workflow_id": "w2"}, ["done"]),
        ({"status": "failed", "since": START_S + 5, "until": START_S + 6}, ["failed"]),
        ({"status": "failed", "until": START_S + 5}, []),
        ({"run": RUN, "since": START_S + 9}, ["done"]),
    ],
)
def test_run_node_status_and_time_narrow_them(
    store: RunStore, query: dict[str, Any], expected: list[str]
) -> None:
    two_runs(store)
    assert sorted(each.status for each in ask(store, **query)) == sorted(expected)


def test_a_failure_comes_with_its_error_and_attempt(store: RunStore) -> None:
    two_runs(store)
    (found,) = ask(store, status="failed")
    assert (found.code, found.message, found.attempt, found.commit) == ("broken", "no", 2, 5)


@pytest.mark.parametrize("query", [{}, {"node": "n1"}, {"run": RUN}, {"workflow_id": "w1"}])
def test_pages_joined_are_the_whole(store: RunStore, query: dict[str, Any]) -> None:
    """Also where executions have the same time, and where something is added meanwhile."""
    two_runs(store)
    whole = ask(store, **query)
    found: list[Execution] = []
    while page := ask(store, limit=2, after=found[-1].place if found else None, **query):
        assert len(page) <= 2
        found += page
    assert found == whole


def test_what_is_committed_later_is_found_the_next_time(store: RunStore) -> None:
    chain, lease = begin(store)
    assert ask(store) == []
    store.commit_all(lease, list(chain.commits(3)))
    assert len(ask(store)) == 3
    store.commit(lease, chain.commit(RunStatus.FAILED))
    assert len(ask(store)) == 4
    store.release(lease)
    again = store.acquire(RUN, DEAD, START_S)  # a run that has ended goes on
    store.commit(again, chain.commit(facts=[failed("late")]))
    assert [each.node for each in ask(store, status="failed")] == ["late"]
    assert len(ask(store)) == 6


def test_what_is_pruned_or_deleted_is_found_no_more(store: RunStore) -> None:
    chain, lease = begin(store)
    store.commit_all(lease, list(chain.commits(20)))
    assert len(ask(store)) == 20
    store.release(lease)
    store.prune(RUN, 5)
    assert [each.commit for each in ask(store)] == [20, 19, 18, 17, 16]
    store.delete_run(RUN)
    assert ask(store) == []


def test_a_long_message_is_found_by_its_beginning(store: RunStore) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(facts=[failed("a", "x" * 200_000)]))
    assert ask(store, status="failed")[0].message == "x" * 500


def test_an_unknown_run_is_refused(store: RunStore) -> None:
    with pytest.raises(UnknownRun):
        ask(store, run=RunId("nope"))
