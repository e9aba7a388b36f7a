"""`headgate items`: people add items to a For each at work, and finish it (U51)."""

from __future__ import annotations

import json

from tests.engine.cli.program import END, START, Terminal

EACH = {"type": "for_each", "params": {"limit": 1}}
ASK = {"type": "barrier", "params": {"title": "Good?"}}


def waiting(headgate: Terminal) -> str:
    """Start a run that asks about each of two items, one after the other; return its id."""
    path = headgate.write(
        "each",
        {"start": START, "each": EACH, "ask": ASK, "all": {"type": "collect"}, "end": END},
        "start each",
        "each.item ask",
        "ask.approved all",
        "all end",
    )
    headgate("run", path, "--input", "[1, 2]")
    return headgate.newest()


def test_a_for_each_is_finished_from_a_terminal(headgate: Terminal) -> None:
    run = waiting(headgate)
    said = headgate("items", run, "each", "--finish", "--json")
    assert said.code == 0
    last = json.loads(said.out.splitlines()[-1])
    assert (last["event"], last["result"]) == ("RunFinished", [])


def test_an_item_is_added_from_a_terminal(headgate: Terminal) -> None:
    run = waiting(headgate)
    said = headgate("items", run, "each", "--add", '{"n": 3}', "--json")
    assert said.code == 5
    events = [json.loads(line) for line in said.out.splitlines()]
    [added] = [each for each in events if each["event"] == "ItemsAdded"]
    assert (added["count"], added["node"]) == (1, "each")


def test_either_adding_or_finishing_is_asked_for(headgate: Terminal) -> None:
    run = waiting(headgate)
    for words in ([], ["--add", "1", "--finish"]):
        said = headgate("items", run, "each", *words)
        assert said.code == 2 and "--add" in said.err
