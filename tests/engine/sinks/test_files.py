"""The file sinks hold what `headgate run --json` prints (U108)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.events import Recorded, to_json
from engine.sinks.files import JsonlSink, SqliteSink
from engine.sinks.sink import Sink
from tests.engine.flows import Bench, flow

CHAIN = flow({"start": "trigger.manual", "a": "asleep", "end": "end"}, "start > a, a > end")


def as_json(fact: Recorded) -> Any:
    return json.loads(json.dumps(to_json(fact)))


async def run_with(sink: Sink) -> list[Recorded]:
    async with Bench() as bench:
        bench.engine.add_sink(sink)
        await bench.run(CHAIN, "é")
        return [each for each in bench.news if isinstance(each, Recorded)]


async def test_each_line_is_a_fact(tmp_path: Path) -> None:
    path = tmp_path / "new" / "events.jsonl"
    facts = await run_with(JsonlSink(path))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [as_json(fact) for fact in facts]


async def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = await run_with(JsonlSink(path))
    second = await run_with(JsonlSink(path))
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(first) + len(second)


async def test_each_row_is_a_fact(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    facts = await run_with(SqliteSink(path))
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT run, seq, event, node, data FROM events").fetchall()
    assert [json.loads(row[4]) for row in rows] == [as_json(fact) for fact in facts]
    assert [row[2] for row in rows if row[3] == "a"] == ["TaskFinished"]


async def test_a_repeated_fact_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    facts = await run_with(SqliteSink(path))
    again = SqliteSink(path)
    for fact in facts:
        again.write(fact)
    again.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM events").fetchone() == (len(facts),)


async def test_a_file_that_cannot_be_written_is_the_sinks_trouble(tmp_path: Path) -> None:
    async with Bench() as bench:
        bench.engine.add_sink(JsonlSink(tmp_path))
        await bench.run(CHAIN, 1)
    (health,) = bench.engine.sinks.health
    assert health.failed > 0
    assert "IsADirectoryError" in health.last_error
