from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal, finished

SLEEP = {"type": "shell.command", "effects": "idempotent", "params": {"command": ["sleep", "60"]}}


def double(headgate: Terminal) -> Path:
    nodes = {
        "start": START,
        "double": {
            "type": "set",
            "params": {"fields": {"n": {"expr": "input.n * 2"}}},
            "writes": {"total": {"expr": "output.n"}},
        },
        "end": END,
    }
    total = {"total": {"type": "number", "reducer": "sum", "default": 0}}
    return headgate.write("double", nodes, "start double", "double end", channels=total)


def asking(headgate: Terminal) -> Path:
    return headgate.write(
        "asking",
        {"start": START, "ask": ASK, "yes": END, "no": END},
        "start ask",
        "ask.approved yes",
        "ask.rejected no",
    )


def sleeping(headgate: Terminal) -> Path:
    nodes = {"start": START, "sleep": SLEEP, "end": END}
    return headgate.write("sleeping", nodes, "start sleep", "sleep end")


def reach(process: subprocess.Popen[str], event: str) -> None:
    """Read the JSON lines of a program up to an event, or up to the one that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if event in line:
            return
    raise AssertionError(f"the program ended without {event}")


def test_the_events_are_json_lines_and_the_last_one_is_terminal(headgate: Terminal) -> None:
    said = headgate("run", double(headgate), "--input", '{"n": 4}', "--json")
    assert (said.code, said.err) == (0, "")
    assert [line["seq"] for line in said.lines] == list(range(1, len(said.lines) + 1))
    assert said.lines[0]["event"] == "RunStarted"
    assert said.lines[-1]["event"] == "RunFinished"
    assert said.lines[-1]["result"] == {"n": 8}


def test_people_read_one_line_for_each_node(headgate: Terminal) -> None:
    said = headgate("run", double(headgate), "--input", '{"n": 4}')
    titles = [line.split()[1] for line in said.out.splitlines()[1:4]]
    assert titles == ["start", "double", "end"]
    assert said.out.splitlines()[-1] == '{"n":8}'
    assert "\x1b" not in said.out


def test_the_input_may_come_from_a_file(headgate: Terminal) -> None:
    (headgate.folder / "in.json").write_text('{"n": 21}')
    given = f"@{headgate.folder / 'in.json'}"
    said = headgate("run", double(headgate), "--input", given, "--json")
    assert said.lines[-1]["result"] == {"n": 42}


def test_a_channel_may_be_set_at_the_start(headgate: Terminal) -> None:
    headgate("run", double(headgate), "--input", '{"n": 1}', "--set", "total=40")
    (shown,) = headgate("show", headgate.newest(), "--json").lines
    assert shown["state"] == {"total": 42}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--input", "{n: 1}"], "--input is not JSON"),
        (["--input", "@none.json"], "none.json cannot be read"),
        (["--set", "total"], "not of the form channel=JSON"),
        (["--set", "sum=1"], "no channel sum; it has total"),
        (["--decide", "end=approve"], "no barrier end; it has none"),
        (["--trigger", "end"], "end is not a trigger"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    headgate: Terminal, words: list[str], sentence: str
) -> None:
    said = headgate("run", double(headgate), *words)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert headgate("runs", "--json").out == ""


def test_a_failed_run_is_exit_code_1_and_says_where(headgate: Terminal) -> None:
    said = headgate("run", double(headgate), "--input", '{"m": 1}')
    assert said.code == 1
    assert "failed at double: " in said.err
    assert f"headgate resume {headgate.newest()}" in said.err
    assert len(said.err.splitlines()) == 1


def test_an_invalid_workflow_is_exit_code_4(headgate: Terminal) -> None:
    path = headgate.write("bad", {"start": START, "x": {"type": "no.such"}}, "start x")
    said = headgate("run", path)
    assert (said.code, said.out) == (4, "")
    assert "no.such" in said.err


@pytest.mark.parametrize("content", [None, "", '{"format": 1', '{"format": 99}'])
def test_an_unreadable_file_is_exit_code_3(headgate: Terminal, content: str | None) -> None:
    path = headgate.folder / "broken.flow.json"
    if content is not None:
        path.write_text(content)
    said = headgate("run", path)
    assert (said.code, said.out) == (3, "")
    assert "broken.flow.json" in said.err


def test_a_run_that_waits_for_a_person_is_exit_code_5(headgate: Terminal) -> None:
    said = headgate("run", asking(headgate), "--input", '{"n": 1}', "--json")
    assert said.code == 5
    assert said.lines[-1]["event"] == "RunWaiting"
    assert said.lines[-1]["requests"] == [headgate.request()]


def test_the_way_to_decide_is_told(headgate: Terminal) -> None:
    said = headgate("run", asking(headgate), "--input", '{"n": 1}')
    command = f"headgate decide {headgate.request()} approve --resume --store {headgate.store}"
    assert command in said.out


@pytest.mark.parametrize(("choice", "end"), [("approve", "yes"), ("reject", "no")])
def test_a_decision_may_be_given_in_advance(headgate: Terminal, choice: str, end: str) -> None:
    path = asking(headgate)
    words = ("--input", '{"n": 1}', "--decide", f"ask={choice}", "--json")
    said = headgate("run", path, *words)
    assert said.code == 0
    assert end in {line.get("node") for line in said.lines if line["event"] == "TaskFinished"}


def test_near_timers_are_waited_for_and_far_ones_are_not(headgate: Terminal) -> None:
    wait = {"type": "wait", "params": {"duration_s": 0.3}}
    path = headgate.write("w", {"start": START, "wait": wait, "end": END}, "start wait", "wait end")
    assert headgate("run", path).code == 0
    said = headgate("run", path, "--max-idle", "0.1", "--json")
    assert said.code == 5
    assert said.lines[-1]["next_due"] > said.lines[0]["at"]
    assert headgate("resume", headgate.newest(), "--json").lines[-1]["event"] == "RunFinished"


def test_with_wait_a_run_goes_on_as_soon_as_somebody_decides(headgate: Terminal) -> None:
    process = headgate.start("run", asking(headgate), "--input", '{"n": 1}', "--wait", "--json")
    reach(process, "BarrierOpened")
    assert headgate("decide", headgate.request(), "reject").code == 0
    said = finished(process)
    assert said.code == 0
    assert said.lines[-1]["event"] == "RunFinished"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_an_interrupted_run_is_stored_and_can_be_resumed(
    headgate: Terminal, number: signal.Signals, code: int
) -> None:
    process = headgate.start("run", sleeping(headgate), "--allow", "process", "--json")
    reach(process, '"ready":[["sleep"')
    process.send_signal(number)
    said = finished(process)
    assert said.code == code
    run = headgate.newest()
    assert f"headgate resume {run} --store" in said.err
    assert headgate("runs", "--json").lines[0]["status"] == "interrupted"
    (shown,) = headgate("show", run, "--json").lines
    assert [entry["task"] for entry in shown["frontier"]] == ["sleep"]


def test_resume_does_only_what_is_unfinished(headgate: Terminal) -> None:
    here = f"from pathlib import Path; here = Path({str(headgate.folder)!r});"
    counts = {"code": f"{here} (here / 'count').open('a').write('x'); output = 1"}
    reads = {"code": f"{here} output = (here / 'later').read_text()"}
    nodes = {
        "start": START,
        "first": {"type": "python.code", "params": counts},
        "second": {"type": "python.code", "params": reads},
        "end": END,
    }
    path = headgate.write("two", nodes, "start first", "first second", "second end")
    assert headgate("run", path, "--allow", "all").code == 1
    (headgate.folder / "later").write_text("now it is there")
    said = headgate("resume", headgate.newest(), "--json")
    assert (said.code, said.lines[-1]["result"]) == (0, "now it is there")
    assert (headgate.folder / "count").read_text() == "x"


def test_a_run_that_somebody_drives_cannot_be_resumed(headgate: Terminal) -> None:
    process = headgate.start("run", sleeping(headgate), "--allow", "process", "--json")
    reach(process, '"ready":[["sleep"')
    said = headgate("resume", headgate.newest())
    process.send_signal(signal.SIGINT)
    finished(process)
    assert said.code == 2
    assert str(process.pid) in said.err


def test_what_is_asked_already_may_be_answered_when_resuming(headgate: Terminal) -> None:
    headgate("run", asking(headgate), "--input", '{"n": 1}')
    said = headgate("resume", headgate.newest(), "--decide", "ask=reject", "--json")
    assert said.code == 0
    assert said.lines[-1]["result"]["choice"] == "reject"


def test_a_completed_run_cannot_be_resumed(headgate: Terminal) -> None:
    headgate("run", double(headgate), "--input", '{"n": 1}')
    said = headgate("resume", headgate.newest())
    assert said.code == 2
    assert "is completed" in said.err


def test_cancel_reaches_the_process_that_drives_the_run(headgate: Terminal) -> None:
    process = headgate.start("run", sleeping(headgate), "--allow", "process", "--json")
    reach(process, '"ready":[["sleep"')
    run = headgate.newest()
    said = headgate("cancel", run[:10], "--reason", "enough", "--json")
    assert said.lines == [{"run": run, "cancelled": True, "reason": "enough"}]
    ended = finished(process)
    assert ended.code == 6
    assert json.loads(ended.out.splitlines()[-1])["reason"] == "enough"


def test_a_waiting_run_is_cancelled_at_once(headgate: Terminal) -> None:
    headgate("run", asking(headgate), "--input", '{"n": 1}')
    assert headgate("cancel", headgate.newest()).code == 0
    assert headgate("runs", "--json").lines[0]["status"] == "cancelled"
    assert headgate("inbox", "--json").lines == []
    assert headgate("cancel", headgate.newest()).code == 2


def test_a_fork_starts_at_its_commit_with_other_values(headgate: Terminal) -> None:
    headgate("run", double(headgate), "--input", '{"n": 1}')
    parent = headgate.newest()
    said = headgate("fork", parent, "--at", "0", "--set", "total=10", "--json")
    assert said.code == 0
    assert said.lines[0]["parent"] == [parent, 0]
    (shown,) = headgate("show", said.lines[0]["run"], "--json").lines
    assert shown["state"] == {"total": 12}
    assert headgate("fork", parent, "--at", "99").code == 2


def test_the_runs_of_a_session_share_durable_channels(headgate: Terminal) -> None:
    """U78."""
    path = headgate.write(
        "count",
        {"start": START, "a": {"type": "set", "writes": {"n": {"expr": "1"}}}, "z": END},
        "start a", "a z",
        channels={"n": {"type": "number", "reducer": "sum", "default": 0, "lifecycle": "durable"}},
        settings={"result": "state.n"},
    )  # fmt: skip
    results = [
        headgate("run", path, "--session", name, "--json").lines[-1]["result"]
        for name in ("ann", "ann", "bob", "ann")
    ]
    assert results == [1, 2, 1, 3]
    assert [line["session"] for line in headgate("runs", "--json").lines].count("ann") == 3


def test_a_run_goes_on_with_an_edited_workflow_only_by_force(headgate: Terminal) -> None:
    wires = ("start ask", "ask.approved end")
    path = headgate.write("edit", {"start": START, "ask": ASK, "end": END}, *wires)
    assert headgate("run", path, "--input", '{"n": 1}').code == 5
    run, old = headgate.newest(), headgate.request()
    other = {**ASK, "params": {"title": "Really go on with {{ input.n }}?"}}
    path = headgate.write("edit", {"start": START, "sure": other, "end": END},
                          "start sure", "sure.approved end")  # fmt: skip
    refused = headgate("resume", run, "--on", path, "--map", "ask=sure")
    assert refused.code == 2
    assert "belongs to revision" in refused.err
    assert "asked again  question ask: sure has changed" in refused.err
    assert headgate.request() == old
    forced = headgate("resume", run, "--on", path, "--map", "ask=sure", "--force", "--json")
    assert forced.code == 5
    assert [each["mapped"] for each in forced.lines if each["event"] == "DocumentChanged"] == [
        [["ask", "sure"]]
    ]
    assert headgate.request() != old
    assert headgate("decide", old, "approve").code == 7
    assert headgate("decide", headgate.request(), "approve", "--resume").code == 0
    assert headgate("replay", run).code == 0


def test_an_edited_workflow_without_its_file_is_a_wrong_usage(headgate: Terminal) -> None:
    assert headgate("resume", "x", "--force").code == 2
    assert headgate("fork", "x", "--at", "0", "--map", "a=b").code == 2
