"""The workflow control-flow patterns, a small workflow each (docs/patterns.md).

Every file says what a person or time does (`steps`) and what then must have happened: the
tasks that finished, were cancelled or passed over, the questions withdrawn, the result and
the channels. One runner tries all of them in both commit policies where the pattern has a
meaning in both, and each run is replayed (U42-U56, U60, U61, U117).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from engine import events as ev
from engine.commands import Decide
from engine.model import codec
from engine.model.codec import workflow_from_json
from engine.model.workflow import CommitPolicy
from engine.nodes.add_items import ADD_ITEMS
from engine.nodes.barrier import BARRIER
from engine.nodes.set_fields import SET
from engine.nodes.switch import SWITCH
from engine.nodes.template import TEMPLATE
from engine.nodes.wait import WAIT
from tests.engine.flows import Bench, outcome, settle
from tests.engine.properties.driving import leftovers

Json = Any
FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[2] / "docs" / "patterns.md"
FILES = sorted(FOLDER.glob("*.json"))
BOTH = ["eager", "strict"]


def cases() -> list[Any]:
    found: list[Any] = []
    for path in FILES:
        spec = json.loads(path.read_text(encoding="utf-8"))
        found += [pytest.param(spec, policy, id=f"{path.stem}-{policy}")
                  for policy in spec.get("policies", BOTH)]  # fmt: skip
    return found


async def act(bench: Bench, run: str, step: dict[str, Json]) -> None:
    """Let a person or time do something."""
    if "advance_s" in step:
        bench.clock.advance(step["advance_s"])
    elif "signal" in step:
        await bench.engine.signal(step["signal"], step.get("payload"))
    elif "cancel" in step:
        await bench.engine.cancel(run, step["cancel"])
    else:
        [record] = [each for each in bench.engine.inbox() if each.node == step["decide"]][:1]
        await bench.engine.decide(
            Decide(request=record.request, choice=step["choice"], by="ada", through="api",
                   digest=record.digest, values=step.get("values"))
        )  # fmt: skip
    await settle()


def happened(bench: Bench) -> dict[str, list[str]]:
    """Return the tasks that ended in each way, in order."""
    return {
        "ran": bench.order(ev.TaskFinished),
        "cancelled": bench.order(ev.TaskCancelled),
        "skipped": bench.order(ev.TaskSkipped),
        "withdrawn": bench.order(ev.BarrierWithdrawn),
        "failed": bench.order(ev.TaskFailed),
        "warned": [fact.message for fact in bench.facts if isinstance(fact, ev.Warned)],
    }


@pytest.mark.parametrize(("spec", "policy"), cases())
async def test_pattern_does_what_it_says(
    spec: dict[str, Json], policy: str, tmp_path: Path
) -> None:
    work = workflow_from_json(spec["workflow"])
    work = replace(work, settings=replace(work.settings, commit=cast("CommitPolicy", policy)))
    expected = spec["expect"]
    source = ""
    if "file" in spec:  # it calls itself, so it must be somewhere
        source = str(tmp_path / spec["file"])
        codec.save_file(tmp_path / spec["file"], work)
    async with Bench(ADD_ITEMS, BARRIER, SET, SWITCH, TEMPLATE, WAIT, stay=True) as bench:
        handle = await bench.start(work, spec.get("input"), source_path=source)
        for step in spec.get("steps", ()):
            await act(bench, handle.run, step)
        assert handle._loop.terminal is not None, f"it waits: {list(handle.state.waits)}"
        event = (await handle.leg()).event
        assert outcome(event) == expected["result"]
        seen = happened(bench)
        wanted = {**{name: [] for name in seen}, **expected["tasks"]}
        if policy in spec.get("ordered", BOTH):
            assert seen == wanted
        else:
            assert {name: sorted(each) for name, each in seen.items()} == {
                name: sorted(each) for name, each in wanted.items()
            }
        for name, value in expected.get("channels", {}).items():
            assert handle.state.channels[name] == value
        if isinstance(event, ev.RunFinished):
            assert not leftovers(handle.state)
        assert bench.engine.inbox() == []
        runs = bench.engine.runs()
        assert len(runs) == expected.get("runs", 1)
        for record in runs:
            assert (await bench.engine.replay(record.run)).equal


def test_the_page_lists_every_pattern_and_every_file() -> None:
    """Numbers 1 to 43; each with its file, or with what is missing."""
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 44))
    linked = {name for _, row in rows for name in re.findall(r"patterns/([\w-]+)\.json", row)}
    assert linked == {path.stem for path in FILES}
    for number, row in rows:
        assert "patterns/" in row or "not yet" in row, f"pattern {number} says neither"


def test_every_file_says_which_pattern_it_is() -> None:
    for path in FILES:
        spec = json.loads(path.read_text(encoding="utf-8"))
        assert path.stem.startswith(f"{spec['pattern']:02d}-") and spec["name"] and spec["how"]
