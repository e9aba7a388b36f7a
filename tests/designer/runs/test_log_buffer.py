from __future__ import annotations

import json

from designer.runs.log_buffer import Filter, LogBuffer, json_lines, load_records
from engine import events as ev
from engine.ids import RunId, TaskId
from tests.designer.runs.fake_engine import FakeEngine, Story

NOW = 5.0


def _chunk(text: str, stream: str = "stdout") -> ev.OutputChunk:
    return ev.OutputChunk(
        run=RunId("run1"), task=TaskId("read"), node="read", stream=stream, text=text
    )


def _story() -> Story:
    return FakeEngine().tell("run1").start("read").finish("read", "ask")


def _title(key: str) -> str:
    return key.capitalize()


def test_what_was_heard_twice_is_one_line() -> None:
    buffer, records = LogBuffer(), _story().records
    buffer.add(records, NOW)
    assert buffer.add(records[2:], NOW) == []
    assert len(buffer.entries) == len(records)


def test_each_line_knows_the_checkpoint_that_holds_it() -> None:
    story = _story().commit(after=[ev.RunFinished(result=1)])
    buffer = LogBuffer()
    buffer.add([*story.records[:3], _chunk("hello"), *story.records[3:]], NOW)
    found = [(type(getattr(e.news, "event", e.news)).__name__, e.commit) for e in buffer.entries]
    assert found == [
        ("RunStarted", 0),
        ("LegStarted", 0),
        ("SuperstepCommitted", 0),
        ("OutputChunk", 1),
        ("TaskFinished", 1),
        ("SuperstepCommitted", 1),
        ("SuperstepCommitted", 2),
        ("RunFinished", 2),
    ]


def test_progress_is_no_line() -> None:
    update = ev.Progress(run=RunId("run1"), task=TaskId("read"), node="read", fraction=0.5)
    assert LogBuffer().add([update], NOW) == []


def test_memory_is_bounded_and_what_is_dropped_is_counted() -> None:
    buffer = LogBuffer(capacity=100)
    buffer.add([_chunk(str(number)) for number in range(130)], NOW)
    assert buffer.trim() == 40
    assert (len(buffer.entries), buffer.dropped) == (90, 40)
    assert buffer.trim() == 0


def test_filters_join_and_the_search_sees_titles_and_words() -> None:
    buffer = LogBuffer()
    buffer.add([*_story().records, _chunk("all quiet"), _chunk("boom", "stderr")], NOW)

    def texts(*kinds: str, text: str = "") -> list[str]:
        chosen = Filter(frozenset(kinds), text)
        return [e.text(_title) for e in buffer.entries if chosen.accepts(e, _title)]

    assert texts("output") == ["all quiet", "boom"]
    assert len(texts("output", "commits")) == 4
    assert texts("commits", text="finished") == []
    assert texts(text="finished IN") == ["Read finished in 250 ms"]
    assert texts("output", text="read") == ["all quiet", "boom"]


def test_lines_are_copied_as_the_command_line_prints_them() -> None:
    buffer = LogBuffer()
    buffer.add([_story().records[-1], _chunk("hello")], NOW)
    first, second = (json.loads(line) for line in json_lines(buffer.entries).splitlines())
    assert (first["event"], first["run"], first["commit"]) == ("SuperstepCommitted", "run1", 1)
    assert (second["update"], second["text"]) == ("OutputChunk", "hello")


def test_of_a_long_run_the_newest_events_are_read() -> None:
    engine = FakeEngine()
    story = engine.tell("run1").start("read")
    for _ in range(50):
        story.commit()
    assert [record.seq for record in load_records(engine, "run1", 10)] == list(range(44, 54))
