"""What went into a task of a stored run and what came out of it (U120)."""

from __future__ import annotations

import pytest

from engine.errors import UnknownRun
from engine.ids import RunId
from engine.model.workflow import CommitPolicy, RetryPolicy
from tests.engine.flows import Bench, flow


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_inputs_and_outputs_of_every_task_can_be_looked_at(policy: CommitPolicy) -> None:
    """Also long after the run has dropped them."""
    nodes = {"f": "for_each", "a": "plus", "b": "plus", "j": "join", "c": "collect", "z": "end"}
    wires = "f.item > a, f.item > b, a > j, b > j, j > c, c > z"
    async with Bench() as bench:
        handle = await bench.engine.start(flow(nodes, wires, commit=policy), [5, 6])
        await handle.leg()
        assert not handle.state.values.keys() & {"a@f.1.out", "j@f.1.out"}
        joined, ended = (bench.engine.values(handle.run, name) for name in ("j@f.1", "z"))
        assert (joined.inputs, joined.outputs) == (
            {"in": {"a": 7, "b": 7}},
            {"out": {"a": 7, "b": 7}},
        )
        assert ended.inputs["in"] == [{"a": 6, "b": 6}, {"a": 7, "b": 7}]
        assert ended.commit == handle.state.commit


async def test_of_a_failed_attempt_there_is_the_error_and_of_no_task_a_refusal() -> None:
    nodes = {"a": "plus", "b": ("boom", {}, {"retry": RetryPolicy(attempts=2, delay_s=0.0)})}
    async with Bench() as bench:
        handle = await bench.engine.start(flow(nodes, "a > b"), 1)
        await handle.leg()
        found = bench.engine.values(handle.run, "b")
        assert found.inputs == {"in": 2} and found.outputs == {}
        assert found.error is not None
        assert (found.error.code, found.error.attempt) == ("broken", 2)
        for run, task in ((handle.run, "c"), (RunId("none"), "b")):
            with pytest.raises(UnknownRun):
                bench.engine.values(run, task)
