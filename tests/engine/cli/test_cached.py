"""Kept results over processes, seen and dropped from a terminal (U89, T87)."""

from __future__ import annotations

from tests.engine.cli.program import END, START, Terminal

SET = {
    "type": "set",
    "params": {"fields": {"n": {"expr": "input.n + 1"}}},
    "cache": {"ttl_s": 3600},
}


def test_a_later_process_takes_the_result_until_it_is_dropped(headgate: Terminal) -> None:
    path = headgate.write("kept", {"start": START, "a": SET, "end": END}, "start a", "a end")

    def cached() -> list[str]:
        lines = headgate("run", path, "--input", '{"n": 1}', "--json").lines
        assert lines[-1]["result"] == {"n": 2}
        return [line["cached"] for line in lines if line.get("node") == "a" and "cached" in line]

    assert cached() == [""]
    first = headgate.newest()
    assert cached() == [first]
    (line,) = headgate("cache", "--json").lines
    assert (line["run"], line["node"], line["expires_at"] - line["at"]) == (first, "a", 3600)
    assert "1 result kept" in headgate("cache").out
    assert [line["node"] for line in headgate("history", "--status", "cached", "--json").lines] == [
        "a"
    ]
    assert headgate("cache", "clear", "--node", "b", "--json").lines == [{"dropped": 0}]
    assert headgate("cache", "clear", "--node", "a", "--json").lines == [{"dropped": 1}]
    assert cached() == [""]
    assert headgate("cache", "clear", "--all").out == "1 result dropped.\n"


def test_what_is_to_be_dropped_must_be_said(headgate: Terminal) -> None:
    for words in ((), ("--all", "--node", "a")):
        said = headgate("cache", "clear", *words)
        assert (said.code, said.err.count("\n")) == (2, 1)
