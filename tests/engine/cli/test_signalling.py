"""Events from a terminal, also to a run that another process drives (U74)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.cli.program import END, START, Terminal, finished

OPENED = "WaitOpened"
LISTEN = {"type": "listen", "params": {"event": "paid"}}


@pytest.fixture
def listening(headgate: Terminal) -> Path:
    """A workflow that listens, and a run of it that waits."""
    nodes = {"start": START, "wait": LISTEN, "end": END}
    path = headgate.write("orders", nodes, "start wait", "wait end")
    assert headgate("run", path).code == 5
    return path


@pytest.mark.usefixtures("listening")
def test_an_event_is_stored_and_the_run_goes_on_when_it_is_resumed(headgate: Terminal) -> None:
    (sent,) = headgate("signal", "paid", "--payload", '{"sum": 3}', "--json").lines
    assert sent["waiting"] == [headgate.newest()]
    said = headgate("resume", headgate.newest(), "--json")
    assert (said.code, said.lines[-1]["result"]) == (0, {"sum": 3})


@pytest.mark.usefixtures("listening")
def test_resume_goes_on_with_the_runs_that_wait_for_it(headgate: Terminal) -> None:
    said = headgate("signal", "paid", "--payload", "7", "--resume")
    assert said.code == 0
    assert "Completed" in said.out and "1 run waiting for it" in said.out


@pytest.mark.usefixtures("listening")
def test_an_event_that_nobody_can_take_is_refused(headgate: Terminal) -> None:
    headgate("signal", "paid", "--resume")
    assert headgate("signal", "paid", "--run", headgate.newest()).code == 2
    assert headgate("signal", "paid", "--run", "nope").code == 2
    assert headgate("signal", "paid", "--payload", "{").code == 2
    assert headgate("signal", "paid", "--keep", "soon").code == 2
    assert headgate("signal", "").code == 2


def test_people_read_that_nobody_waits(headgate: Terminal) -> None:
    assert "nobody waits for it yet" in headgate("signal", "paid").out


@pytest.mark.usefixtures("listening")
def test_show_names_what_a_run_waits_for(headgate: Terminal) -> None:
    (shown,) = headgate("show", headgate.newest(), "--json").lines
    assert [(w["kind"], w["text"]) for w in shown["waits"]] == [("event", "for the event paid")]
    assert "for the event paid" in headgate("show", headgate.newest()).out


def test_a_process_that_drives_the_run_takes_the_event_at_once(
    headgate: Terminal, listening: Path
) -> None:
    process = headgate.start("run", listening, "--wait", "--json")
    assert process.stdout is not None
    waits = next(said for line in process.stdout if (said := json.loads(line))["event"] == OPENED)
    headgate("signal", "paid", "--payload", '"from elsewhere"', "--run", waits["run"])
    said = finished(process)
    assert (said.code, said.lines[-1]["result"]) == (0, "from elsewhere")
