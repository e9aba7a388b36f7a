"""A later leg, or a fork, of a run that has nothing left to do (U98, U100)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.model.workflow import Channel, CommitPolicy
from engine.state.status import RunStatus
from tests.engine.flows import Bench, flow, outcome

TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


def work(policy: CommitPolicy, **settings: Any) -> Any:
    nodes = {"a": ("plus", {}, {"writes": {"total": "output"}}), "z": "end"}
    return flow(nodes, "a > z", channels=[TOTAL], commit=policy, **settings)


@pytest.mark.parametrize("policy", ["eager", "strict"])
@pytest.mark.parametrize(("result", "end"), [(None, 2), ("state.total * 10", 50)])
async def test_a_fork_of_the_last_commit_ends_at_once_with_the_result_of_its_own_state(
    policy: CommitPolicy, result: str | None, end: int
) -> None:
    async with Bench() as bench:
        first = await bench.engine.start(work(policy, result=result), 1)
        await first.leg()
        fork = await bench.engine.fork(first.run, first.state.commit, channels={"total": 5})
        assert outcome((await fork.leg()).event) == end
        assert fork.status is RunStatus.COMPLETED
        assert (await bench.engine.replay(fork.run)).equal
        assert bench.engine.view(fork.run).status == "completed"


async def test_a_run_whose_result_cannot_be_computed_says_so_again_when_it_is_resumed() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(work("eager", result="state.total.no"), 1)
        assert outcome((await handle.leg()).event) == "result"
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == "result"
        facts = [each.event for each in bench.engine.events(handle.run)]
        assert sum(isinstance(fact, ev.RunFailed) for fact in facts) == 2
