"""Executions are found by an index, whatever is asked, and a commit costs nothing for it (U101)."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.runtime.ports import ExecutionQuery
from engine.store import executions
from engine.store.executions import sql_of
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, START_S, begin

PLACE = (START_S, 1 << 32, 0)


def filled(folder: Path, commits: int = 12) -> SqliteStore:
    store = SqliteStore(folder / "runs.sqlite")
    chain, lease = begin(store)
    store.commit_all(lease, list(chain.commits(commits)))
    return store


def listed(store: SqliteStore) -> int:
    with sqlite3.connect(store.path) as connection:
        found = connection.execute("SELECT count(*) FROM executions").fetchone()
    connection.close()
    return int(found[0])


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "executions_by_time"),
        ({"since": START_S}, "executions_by_time"),
        ({"workflow_id": "w"}, "executions_by_time"),
        ({"status": "done"}, "executions_by_time"),
        ({"status": "failed"}, "executions_rare"),
        ({"node": "pay"}, "executions_by_node"),
        ({"node": "pay", "status": "failed"}, "executions_rare_by_node"),
        ({"run": RUN}, "executions_by_run"),
        ({"run": RUN, "node": "pay"}, "executions_by_run"),
        ({"run": RUN, "status": "failed"}, "executions_rare_by_run"),
    ],
)
@pytest.mark.parametrize("after", [None, PLACE])
def test_an_index_gives_the_rows_in_their_order(
    tmp_path: Path, query: dict[str, Any], index: str, after: Any
) -> None:
    """No page is found by passing over the ones before, and nothing is sorted."""
    store = filled(tmp_path)
    asked = ExecutionQuery(**query, after=after)
    statement, values = sql_of(asked, 1 if asked.run else None)
    with sqlite3.connect(store.path) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    connection.close()
    plan = "; ".join(str(row[3]) for row in rows)
    assert f"USING INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan
    assert "OFFSET" not in statement
    if after is not None:
        assert "SEARCH e" in plan  # it begins where the last page ended
    store.close()


def test_a_commit_writes_nothing_for_the_index(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert listed(store) == 0
    assert len(store.executions(ExecutionQuery())) == 12
    assert listed(store) == 12
    store.close()


def test_the_index_is_made_in_parts_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "BATCH", 5)
    store = filled(tmp_path, 13)
    other = SqliteStore(store.path)  # another process asks as well
    assert len(other.executions(ExecutionQuery())) == len(store.executions(ExecutionQuery())) == 13
    assert listed(store) == 13
    for opened in (other, store):
        opened.close()
