from __future__ import annotations

import json

from resources.examples import examples
from tests.examples.running import Person

TRACE = examples()[0].path.parent / "mosaic" / "sky-mosaic.json"


def test_every_task_of_the_trace_runs_once_and_after_its_parents(person: Person) -> None:
    tasks = json.loads(TRACE.read_text())["workflow"]["specification"]["tasks"]
    events = person("run", "scientific-workflow")
    done = [each["node"] for each in events if each["event"] == "TaskFinished"]
    place = {node: number for number, node in enumerate(done)}
    assert len(tasks) == 128
    assert sorted(done) == sorted(task["id"] for task in tasks)
    early = [
        (task["id"], parent)
        for task in tasks
        for parent in task["parents"]
        if place[parent] > place[task["id"]]
    ]
    assert early == []
    assert events[-1]["result"] == {"tasks": 128}
    (report,) = person("replay", events[0]["run"])
    assert report["equal"]
