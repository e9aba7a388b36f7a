"""`serve` and `triggers`: real processes, real files, real requests (U76)."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.cli.program import END, START, Terminal, finished

Json = Any
FILES = {"type": "trigger.file", "params": {"folder": "in", "settle_s": 0, "scan_s": 0.05,
                                            "existing": True, "overlap": "parallel"}}  # fmt: skip
HOOK = {"type": "trigger.webhook", "params": {"path": "/hook", "answer": "result"}}
DAILY = {"type": "trigger.schedule", "params": {"cron": "@daily"}}
EVENT = {"type": "trigger.event", "params": {"event": "paid"}}


@pytest.fixture
def serve(headgate: Terminal) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start serving; whatever runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        started.append(headgate.start("serve", "--json", "--allow", "all", *words))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], event: str) -> dict[str, Json]:
    """Read what it prints up to the first event of that name."""
    assert process.stdout is not None
    for line in process.stdout:
        said: dict[str, Json] = json.loads(line)
        if said["event"] == event:
            return said
    raise AssertionError(process.stderr.read() if process.stderr else "")


def test_a_webhook_is_answered_with_the_result(
    headgate: Terminal, serve: Callable[..., subprocess.Popen[str]]
) -> None:
    path = headgate.write("hook", {"hook": HOOK, "end": END}, "hook end")
    process = serve(path, "--listen", "127.0.0.1:0")
    address = until(process, "listening")["address"]
    answer = httpx.post(f"{address}/hook", json={"n": 1}, timeout=30, trust_env=False)
    assert (answer.status_code, answer.json()["result"]["body"]) == (200, {"n": 1})
    fired = until(process, "fired")
    assert (fired["trigger"], fired["run"]) == ("hook", answer.json()["run"])
    process.send_signal(signal.SIGTERM)
    assert finished(process).code == 143
    (armed,) = headgate("triggers", "--json").lines
    assert (armed["trigger"], armed["file"]) == ("hook", str(path))


def test_killed_at_any_moment_it_starts_one_run_for_each_firing(
    headgate: Terminal, serve: Callable[..., subprocess.Popen[str]]
) -> None:
    path = headgate.write("files", {"files": FILES, "end": END}, "files end")
    inbox = path.parent / "in"
    inbox.mkdir()
    for number in range(12):
        (inbox / f"f{number:02}").write_text("x")
    for _ in range(3):
        process = serve(path)
        until(process, "fired")
        process.kill()
        process.communicate()
    process = serve(path)
    until(process, "armed")
    while len(done := _completed(headgate)) < 12:
        assert process.poll() is None
    names = [headgate("show", run, "--json").lines[0]["result"]["name"] for run in done]
    assert sorted(names) == [f"f{number:02}" for number in range(12)]
    assert len(headgate("triggers", "--firings", "99", "--json").lines) == 12


def _completed(headgate: Terminal) -> list[str]:
    rows = headgate("runs", "--json").lines
    assert all(row["status"] != "failed" for row in rows)
    return [row["run"] for row in rows if row["status"] == "completed"]


def test_files_that_change_come_and_go_are_followed(
    headgate: Terminal, serve: Callable[..., subprocess.Popen[str]]
) -> None:
    folder = headgate.folder / "flows"
    folder.mkdir()
    process = serve(folder)
    first = headgate.write("a", {"at": DAILY, "end": END}, "at end")
    headgate.write("no_trigger", {"start": START, "end": END}, "start end").rename(
        folder / "n.flow.json"
    )
    path = first.rename(folder / "a.flow.json")
    assert until(process, "armed")["trigger"] == "at"
    changed = headgate.write("a", {"paid": EVENT, "end": END}, "paid end")
    changed.rename(path)
    assert until(process, "disarmed")["trigger"] == "at"
    assert until(process, "armed")["trigger"] == "paid"
    headgate("signal", "paid", "--payload", "5")
    assert until(process, "fired")["trigger"] == "paid"
    path.unlink()
    assert until(process, "disarmed")["trigger"] == "paid"
    assert headgate("triggers", "--json").lines == []


def test_a_file_that_became_wrong_is_served_as_it_was(
    headgate: Terminal, serve: Callable[..., subprocess.Popen[str]]
) -> None:
    path = headgate.write("a", {"paid": EVENT, "end": END}, "paid end")
    process = serve(path)
    until(process, "armed")
    beside = Path(f"{path}.new")
    beside.write_text("{")
    beside.replace(path)
    headgate("signal", "paid")
    until(process, "fired")
    process.send_signal(signal.SIGINT)
    assert finished(process).code == 130


def test_what_cannot_be_served_is_refused_before_anything_is(headgate: Terminal) -> None:
    none = headgate.write("none", {"start": START, "end": END}, "start end")
    hook = headgate.write("hook", {"hook": HOOK, "end": END}, "hook end")
    for words, code, why in (
        ([none], 2, "no trigger that fires by itself"),
        ([headgate.folder / "nothing"], 2, "There is no"),
        ([hook], 2, "network"),
        ([hook, "--allow", "all", "--listen", "0.0.0.0:0"], 2, "give it a secret"),
        ([hook, "--listen", "here"], 2, "--listen"),
    ):
        said = headgate("serve", *words)
        assert (said.code, why in said.err) == (code, True), said.err


def test_a_file_of_a_folder_that_was_never_served_is_said_not_to_be(
    headgate: Terminal, serve: Callable[..., subprocess.Popen[str]]
) -> None:
    folder = headgate.folder / "flows"
    folder.mkdir()
    good = headgate.write("a", {"paid": EVENT, "end": END}, "paid end")
    (folder / "0.flow.json").write_text("{")
    good.rename(folder / "a.flow.json")
    process = serve(folder)
    until(process, "armed")
    process.send_signal(signal.SIGINT)
    assert "0.flow.json is not served: " in finished(process).err


def test_people_read_what_is_armed_and_may_disarm_it(
    headgate: Terminal, serve: Callable[..., subprocess.Popen[str]]
) -> None:
    path = headgate.write("a", {"at": DAILY, "end": END}, "at end")
    assert "No trigger is armed" in headgate("triggers").out
    process = serve(path)
    until(process, "armed")
    assert "schedule" in headgate("triggers").out
    assert "No trigger is armed" in headgate("triggers", "--disarm", path).out
    assert until(process, "disarmed")["trigger"] == "at"
    assert headgate("triggers", "--disarm", path).code == 2
