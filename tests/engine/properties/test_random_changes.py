"""Random runs of which parts are cancelled, that are forked, or that go on with another document.

Whatever is done to them from outside: at every commit state and view agree, the history is what
was live, a replay finds no difference and nothing is left over. U66, U99, U100, U117, C13.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine import events as ev
from engine.app import EditedDocument, RunHandle
from engine.commands import CancelPart
from engine.errors import EngineError, InvalidCommand
from engine.model.workflow import CommitPolicy, Edge, PortRef, Workflow
from tests.engine.flows import Bench, node, outcome
from tests.engine.properties.driving import (
    NAMED,
    Driver,
    WatchedStore,
    check_history,
    driven_runs,
    leftovers,
)
from tests.engine.properties.random_flows import Kinds, random_flow

SEEDS = range(int(os.environ.get("HEADGATE_FLOWS", "24")))
#: What a run may fail with besides, when its document was edited under it.
EDITED = NAMED | {"moved", "params", "deadlock", "params_changed"}


def drawn(seed: int) -> tuple[random.Random, Workflow | None]:
    chance = random.Random(f"change-{seed}")
    policy: CommitPolicy = "strict" if seed % 2 else "eager"
    kinds = Kinds(
        uneven=seed % 3 == 2, others=seed % 4 > 1, frames=seed % 5 > 2, background=seed % 7 > 4
    )
    return chance, random_flow(chance, kinds, policy)


@dataclass
class Meddling(Driver):
    """Cancels parts of the run now and then."""

    cancelled: int = 0

    async def _from_outside(self, bench: Bench, handle: RunHandle) -> None:
        each = self.chance.choice(driven_runs(bench, handle))  # type: ignore[attr-defined] # a Random
        if self.chance.randint(0, 2) or self.cancelled > 4 or not each.state.tasks:
            await super()._from_outside(bench, handle)
            return
        self.cancelled += 1
        task = self.chance.choice([*each.state.tasks.values()])  # type: ignore[attr-defined] # as above
        item = ",".join(f"{name}.{index}" for name, index, _ in task.path)
        command = self.chance.choice(  # type: ignore[attr-defined] # as above
            [CancelPart(task=task.id), CancelPart(nodes=(task.node,)), CancelPart(item=item or "x")]
        )
        each._loop.send(command)


async def sound(bench: Bench, handle: RunHandle, store: WatchedStore, event: ev.Event) -> None:
    """Check a run that is over."""
    problems = await check_history(bench, handle.run, store)
    assert problems == [], problems
    if isinstance(event, ev.RunFinished):
        assert not leftovers(handle.state)


@pytest.mark.parametrize("seed", SEEDS)
async def test_parts_may_be_cancelled_at_any_time(seed: int) -> None:
    chance, work = drawn(seed)
    if work is None:
        return
    driver = Meddling(chance)
    event, handle = await driver.run(work)
    assert isinstance(event, ev.RunFinished) or outcome(event) in NAMED, event
    async with driver.bench() as bench:
        await sound(bench, handle, driver.store, event)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_fork_of_any_commit_is_a_run_like_any_other(seed: int) -> None:
    chance, work = drawn(seed)
    if work is None:
        return
    driver = Driver(chance)
    _, first = await driver.run(work)
    for at in sorted({0, *(chance.randint(0, first.state.commit) for _ in range(2))}):
        driver.store = driver.store.again()
        async with driver.bench() as bench:
            bench.ids.skip(1000 * (at + 1))
            try:
                handle = await bench.engine.fork(first.run, at)
            except InvalidCommand:  # an invariant that a person had let pass does not hold
                continue
            event = await driver.finish(bench, handle)
            assert isinstance(event, ev.RunFinished) or outcome(event) in NAMED, event
            await sound(bench, handle, driver.store, event)


def edited(chance: random.Random, work: Workflow) -> Workflow:
    """Return a workflow with a node more, less or other, or another wire."""
    nodes, edges = dict(work.nodes), [*work.edges]
    for _ in range(chance.randint(1, 2)):
        key = chance.choice([*nodes])
        edge = chance.choice(edges) if edges else None
        match chance.randint(0, 3):
            case 0 if edge is not None:  # a node in the middle of a wire
                new = f"new{len(nodes)}"
                nodes[new] = node(new, chance.choice(["work", "slow", "ask"]))
                out = "approved" if nodes[new].type == "ask" else "out"
                edges.remove(edge)
                edges.append(replace(edge, target=PortRef(node=new, port="in")))
                edges.append(Edge(source=PortRef(node=new, port=out), target=edge.target))
            case 1:
                del nodes[key]
                edges = [e for e in edges if key not in (e.source.node, e.target.node)]
            case 2 if nodes[key].type in ("work", "slow"):
                nodes[key] = replace(nodes[key], params={**nodes[key].params, "other": 1})
            case _ if edge is not None:
                edges.remove(edge)
            case _:
                pass
        if not nodes:
            return work
    frames: Any = work.frames if nodes.keys() >= work.nodes.keys() else {}
    kept = dict(frames) if isinstance(frames, dict) else frames
    return replace(work, nodes=nodes, edges=tuple(edges), frames=kept)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_run_goes_on_with_whatever_its_document_has_become(seed: int) -> None:
    chance, work = drawn(seed)
    if work is None:
        return
    driver = Driver(chance)
    async with driver.bench() as bench:
        handle = await bench.engine.start(work, 0)
        driver.store.live = handle
        for _ in range(chance.randint(1, 60)):
            await asyncio.sleep(0)
        if handle.has_ended:
            return
        await driver._rest(bench)
    driver.store = driver.store.again()
    async with driver.bench() as bench:
        bench.ids.skip(1000)
        choice = EditedDocument(workflow=edited(chance, work), force=True)
        try:
            again = await bench.engine.resume(handle.run, edited=choice)
        except EngineError:
            return  # what was drawn cannot run, or has nothing to go on with
        event = await driver.finish(bench, again)
        assert isinstance(event, ev.RunFinished) or outcome(event) in EDITED, event
        await sound(bench, again, driver.store, event)
