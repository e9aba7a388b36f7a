from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from resources import resource
from tests.examples.running import Person, up_to

NAMES = {"catalogue", "search", "billing", "mail"}


def ports(payload: list[dict[str, Any]]) -> list[int]:
    return [row["port"] for row in payload]


def is_served(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def report(person: Person) -> str:
    return (person.data / "examples" / "service-health" / "out" / "report.md").read_text()


def patient_copy(folder: Path) -> Path:
    """The runbook with services that do not end by themselves while a test looks at them."""
    example = resource("examples/service-health.flow.json")
    shutil.copytree(example.parent / "services", folder / "services")
    text = example.read_text(encoding="utf-8")
    assert '"idle_s": 6' in text
    copy = folder / example.name
    copy.write_text(text.replace('"idle_s": 6', '"idle_s": 100'), encoding="utf-8")
    return copy


def test_the_ill_service_is_restarted_when_somebody_agrees(person: Person) -> None:
    run = person.start("run", "service-health", "--wait", "--json")
    events = up_to(run, "BarrierOpened")
    (request,) = person("inbox")
    assert [row["name"] for row in request["payload"]] == ["billing"]
    assert "503" in request["payload"][0]["said"]
    assert {e["error"]["code"] for e in events if e["event"] == "TaskRetried"} >= {"timeout"}
    person("decide", request["request"], "approve")
    ended = up_to(run, "RunFinished")[-1]
    assert set(ended["result"]["healthy"]) == NAMES
    assert ended["result"]["ill"] == []
    assert run.wait(20) == 0
    assert "| billing | **ill** | GET 127.0.0.1" in report(person)
    assert "- billing: well again, 200 in " in report(person)
    assert not is_served(*ports(request["payload"]))


def test_nothing_is_restarted_when_somebody_declines(person: Person) -> None:
    ended = person("run", "service-health", "--decide", "ask=reject")[-1]
    assert ended["result"]["ill"] == ["billing"]
    assert "Nothing was restarted: " in report(person)
    assert report(person).count("| well |") == 3


@pytest.mark.parametrize("how", ["cancel", "interrupt"])
def test_the_services_end_with_the_run(person: Person, tmp_path: Path, how: str) -> None:
    run = person.start("run", patient_copy(tmp_path), "--allow", "all", "--json")
    up_to(run, "BarrierOpened")
    (request,) = person("inbox")
    (port,) = ports(request["payload"])
    assert is_served(port)
    if how == "cancel":
        person("cancel", request["run"])
    else:
        run.send_signal(2)
    assert run.wait(20) == (6 if how == "cancel" else 130)
    assert not is_served(port)
