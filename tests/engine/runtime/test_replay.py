"""Replay with recorded outputs: U117, and what makes it possible."""

from __future__ import annotations

from dataclasses import replace

from tests.engine.flows import Bench, flow, outcome


async def test_a_document_in_another_order_runs_like_the_stored_one() -> None:
    work = flow({"a": "same", "b": "plus", "c": "plus", "j": "join", "z": "end"},
                "a > c, a > b, c > j, b > j, j > z")  # fmt: skip
    work = replace(work, nodes=dict(reversed(work.nodes.items())))
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"b": 2, "c": 2}
        assert bench.order() == ["a", "b", "c", "j", "z"]
        assert (await bench.engine.replay("run1")).equal
