from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.executors.process import ProcessPool
from engine.model.node_types import NodeFailure
from engine.nodes import sql_job
from engine.nodes.sql_query import SQL_QUERY
from tests.engine.nodes.contexts import FakeContext, run_later

URL = "sqlite:///shop.db"


@pytest.fixture
def fake(tmp_path: Path) -> FakeContext:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE invoice (id INTEGER PRIMARY KEY, total NUMERIC, note TEXT)")
        database.execute("INSERT INTO invoice VALUES (1, 10.5, 'a'), (2, 20, NULL)")
    database.close()
    return FakeContext(folder=tmp_path)


async def sql(fake: FakeContext, query: str, parameters: Any = None, **params: Any) -> Any:
    given = {"url": URL, "query": query, "parameters": parameters or {}, **params}
    return await run_later(SQL_QUERY, given, fake)


async def failed(
    fake: FakeContext, query: str, parameters: Any = None, **params: Any
) -> NodeFailure:
    with pytest.raises(NodeFailure) as caught:
        await sql(fake, query, parameters, **params)
    return caught.value


async def test_rows_come_back_as_objects(fake: FakeContext) -> None:
    rows = await sql(fake, "SELECT * FROM invoice WHERE id >= :low ORDER BY id", {"low": 1})
    assert rows == [{"id": 1, "total": 10.5, "note": "a"}, {"id": 2, "total": 20, "note": None}]


async def test_a_value_is_never_part_of_the_statement(fake: FakeContext) -> None:
    async with ProcessPool(1) as fake.pool:
        evil = "x'; DROP TABLE invoice; --"
        await sql(fake, "INSERT INTO invoice VALUES (:id, 1, :note)", {"id": 3, "note": evil})
        rows = await sql(fake, "SELECT note FROM invoice WHERE note = :note", {"note": evil})
        assert rows == [{"note": evil}]


async def test_changes_tell_how_many_rows_they_touched(fake: FakeContext) -> None:
    async with ProcessPool(1) as fake.pool:
        assert await sql(fake, "UPDATE invoice SET total = total + 1") == {"rowcount": 2}
        assert await sql(fake, "SELECT sum(total) AS s FROM invoice") == [{"s": 32.5}]


async def test_a_list_of_values_runs_the_statement_for_each(fake: FakeContext) -> None:
    async with ProcessPool(1) as fake.pool:
        rows = [{"id": 3, "t": 1}, {"id": 4, "t": 2}]
        await sql(fake, "INSERT INTO invoice (id, total) VALUES (:id, :t)", rows)
        assert await sql(fake, "SELECT count(*) AS n FROM invoice") == [{"n": 4}]


async def test_a_failing_statement_takes_everything_back(fake: FakeContext) -> None:
    async with ProcessPool(1) as fake.pool:
        rows = [{"id": 3}, {"id": 1}]
        failure = await failed(fake, "INSERT INTO invoice (id) VALUES (:id)", rows)
        assert "UNIQUE constraint failed" in str(failure)
        assert (failure.code, failure.kind) == ("sql", "IntegrityError")
        assert failure.nothing_happened
        assert not failure.retryable
        assert await sql(fake, "SELECT count(*) AS n FROM invoice") == [{"n": 2}]


async def test_too_many_rows_are_a_failure_and_change_nothing(fake: FakeContext) -> None:
    async with ProcessPool(1) as fake.pool:
        query = "INSERT INTO invoice (id) VALUES (3), (4), (5) RETURNING id"
        failure = await failed(fake, query, max_rows=2)
        assert (failure.code, failure.nothing_happened) == ("too_many_rows", True)
        assert await sql(fake, "SELECT count(*) AS n FROM invoice") == [{"n": 2}]
        assert await sql(fake, query) == [{"id": 3}, {"id": 4}, {"id": 5}]


async def test_columns_of_the_same_name_are_told_apart(fake: FakeContext) -> None:
    assert await sql(fake, "SELECT 1 AS a, 2 AS a, 3 AS a") == [{"a": 1, "a_2": 2, "a_3": 3}]


async def test_reading_does_not_make_a_database(fake: FakeContext, tmp_path: Path) -> None:
    async with ProcessPool(1) as fake.pool:
        failure = await failed(fake, "SELECT 1", url="sqlite:///gone.db")
        assert (failure.code, failure.nothing_happened) == ("not_found", True)
        assert not (tmp_path / "gone.db").exists()
        await sql(fake, "CREATE TABLE t (a)", url="sqlite:///made.db")
        assert (tmp_path / "made.db").exists()


async def test_a_locked_database_may_be_tried_again(fake: FakeContext, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    try:
        failure = await failed(fake, "DELETE FROM invoice", url=URL + "?timeout=0.05")
    finally:
        database.close()
    assert "locked" in str(failure)
    assert failure.retryable
    assert failure.nothing_happened


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nonsense", "params"),
        ("nosuchdb://host/x", "params"),
        ("postgresql+psycopg://app@127.0.0.1:1/x", "driver"),
        ("sqlite:///no/folder/x.db", "not_found"),
    ],
)
async def test_a_database_that_is_not_there_is_told(fake: FakeContext, url: str, code: str) -> None:
    failure = await failed(fake, "SELECT 1", url=url)
    assert failure.code == code
    assert failure.nothing_happened


async def test_a_mistake_in_sql_shows_no_values(fake: FakeContext) -> None:
    failure = await failed(fake, "SELECT missing FROM invoice WHERE id = :id", {"id": "hush"})
    assert "no such column: missing" in str(failure)
    assert "hush" not in str(failure)
    assert not failure.retryable


def test_the_password_of_the_keychain_completes_the_address() -> None:
    payload = {"url": "postgresql://app@db/shop", "password": "hu:sh@", "folder": "", "reads": True}
    url = sql_job.database_url(payload)
    assert url.password == "hu:sh@"
    assert "hu" not in repr(url)


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (Decimal(7), 7), (Decimal("7.10"), 7.1), (Decimal("0.1"), 0.1),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12"), ("x", "x"), (None, None),
    ],
)  # fmt: skip
def test_a_decimal_becomes_a_number_only_if_no_digit_is_lost(value: Any, json: Any) -> None:
    assert sql_job.json_value(value) == json


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"url": URL, "query": {"template": "SELECT {{ input }}"}},
        {"url": URL, "query": {"expr": "input.sql"}},
        {"url": "postgresql://app:hush@db/shop", "query": "SELECT 1"},
    ],
)
def test_statements_are_never_made_from_data_and_passwords_never_stored(params: Any) -> None:
    with pytest.raises(ValidationError):
        SQL_QUERY.params.model_validate(params)
    assert "query" not in SQL_QUERY.templates
