"""`rules` and `audit export` in a terminal (U69, U71; DESIGN section 6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal


@pytest.fixture
def work(headgate: Terminal) -> Path:
    wires = ("start ask", "ask.approved end", "ask.rejected end")
    return headgate.write("ruled", {"start": START, "ask": ASK, "end": END}, *wires)


def run(headgate: Terminal, work: Path) -> int:
    return headgate("run", work, "--input", '{"n": 1}').code


def test_a_rule_is_made_listed_used_and_revoked(headgate: Terminal, work: Path) -> None:
    assert "no standing decisions" in headgate("rules").out
    (made,) = headgate("rules", "add", work, "approve", "--node", "ask", "--uses", "2",
                       "--comment", "agreed", "--json").lines  # fmt: skip
    assert (made["node"], made["uses"], made["max_uses"]) == ("ask", 0, 2)
    assert run(headgate, work) == 0
    (listed,) = headgate("rules", "--json").lines
    assert (listed["uses"], listed["active"]) == (1, True)
    assert made["rule"] in headgate("rules").out
    assert headgate("rules", "revoke", made["rule"][:5]).code == 0
    assert headgate("rules", "--json").lines == []
    assert headgate("rules", "--all", "--json").lines[0]["revoked_by"]
    assert run(headgate, work) == 5
    assert headgate("rules", "revoke", made["rule"]).code == 2
    assert headgate("rules", "revoke", "nothing").code == 2


def test_a_rule_can_answer_what_is_open(headgate: Terminal, work: Path) -> None:
    assert run(headgate, work) == run(headgate, work) == 5
    one = headgate.newest()
    (made,) = headgate("rules", "add", one, "approve", "--this-run", "--open", "--json").lines
    assert (made["answered"], made["run"]) == (1, one)
    assert headgate("resume", one).code == 0
    assert len(headgate("inbox", "--json").lines) == 1


@pytest.mark.parametrize("expires", ["8h", "2d", "2999-01-01", "2999-01-01T17:00"])
def test_a_rule_ends_when_it_is_told(headgate: Terminal, work: Path, expires: str) -> None:
    (made,) = headgate("rules", "add", work, "approve", "--expires", expires, "--json").lines
    assert made["expires_at"] > made["at"]


@pytest.mark.parametrize(
    "words",
    [
        ("--expires", "soon"),
        ("--expires", "1999-01-01"),
        ("--node", "nowhere"),
        ("--this-run",),
        ("--uses", "0"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    headgate: Terminal, work: Path, words: tuple[str, ...]
) -> None:
    assert headgate("rules", "add", work, "approve", *words).code == 2
    assert headgate("rules", "--all", "--json").lines == []


# --- the record ---------------------------------------------------------------------------------


@pytest.fixture
def record(headgate: Terminal, work: Path) -> Path:
    """The record of a rule, its use, another run's decision, and the rule's end."""
    headgate("rules", "add", work, "approve", "--uses", "1")
    assert run(headgate, work) == 0
    assert run(headgate, work) == 5
    headgate("decide", headgate.request(), "reject", "--comment", "no")
    headgate("rules", "revoke", headgate("rules", "--all", "--json").lines[0]["rule"])
    file = headgate.folder / "record.jsonl"
    assert headgate("audit", "export", "-o", file).code == 0
    return file


def test_the_exported_record_holds_everything_and_can_be_checked(
    headgate: Terminal, record: Path
) -> None:
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    kinds = ["rule", "request", "decision", "request", "decision", "revocation"]
    assert [each["kind"] for each in lines[:-1]] == kinds
    assert lines[1]["content"]["title"] == "Go on with 1?"
    assert lines[2]["fields"]["through"].startswith("rule ")
    assert lines[-1]["end"]["last_hash"] == lines[-2]["hash"]
    said = headgate("audit", "verify", record, "--json")
    assert said.lines == [{"intact": True, "decisions": 2, "problems": []}]
    assert headgate("audit", "export").out == record.read_text()


def test_the_record_of_one_run_can_be_checked_alone(headgate: Terminal, record: Path) -> None:
    part = headgate.folder / "part.jsonl"
    assert headgate("audit", "export", headgate.newest(), "-o", part).code == 0
    kinds = [json.loads(line).get("kind") for line in part.read_text().splitlines()]
    assert kinds == ["rule", "request", "decision", None]
    assert headgate("audit", "verify", part).code == 0
    part.write_text(part.read_text().replace('"comment":"no"', '"comment":"yes"'))
    assert headgate("audit", "verify", part).code == 1
    assert record.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"choice":"reject"', '"choice":"approve"'),
        ("Go on with 1?", "Go on with 2?"),
        ('"max_uses":1', '"max_uses":9'),
    ],
)
def test_a_record_that_was_changed_is_found(
    headgate: Terminal, record: Path, old: str, new: str
) -> None:
    text = record.read_text()
    assert old in text
    record.write_text(text.replace(old, new))
    assert headgate("audit", "verify", record).code == 1


def test_a_record_of_which_a_line_is_gone_is_found(headgate: Terminal, record: Path) -> None:
    lines = record.read_text().splitlines(keepends=True)
    for gone in range(len(lines) - 1):
        record.write_text("".join([*lines[:gone], *lines[gone + 1 :]]))
        assert headgate("audit", "verify", record).code == 1
    record.write_text("".join(lines[:-1]))
    assert headgate("audit", "verify", record).code == 3
