"""The limit value_bytes (U53, DESIGN section 9)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.errors import InvalidCommand
from engine.model.node_types import Context, Output
from engine.model.workflow import Channel, Limits
from engine.runtime import sizes
from tests.engine.flows import Bench, flow, node_type, outcome


def makes(params: Any, ctx: Context) -> Output:
    return Output({"out": params.value})


async def makes_later(params: Any, ctx: Context) -> Output:
    return Output({"out": params.value})


KINDS = (node_type("makes", makes), node_type("makes_later", makes_later))
SMALL = Limits(value_bytes=1000)


@pytest.mark.parametrize("kind", ["makes", "makes_later"])
@pytest.mark.parametrize(
    ("value", "end"),
    [
        ("x" * 900, "x" * 900),
        ("x" * 1100, "limit"),
        ("ä" * 600, "limit"),
        ([["x" * 100]] * 11, "limit"),
        ({"a": {"b": list(range(2000))}}, "limit"),
        (10**18, 10**18),
    ],
)
async def test_a_value_that_is_too_large_fails_its_task_and_names_the_limit(
    kind: str, value: Any, end: Any
) -> None:
    work = flow({"a": (kind, {"value": value}), "z": "end"}, "a > z", limits=SMALL)
    async with Bench(*KINDS) as bench:
        ended = await bench.run(work)
        assert outcome(ended) == end
        if isinstance(ended, ev.RunFailed):
            assert "value_bytes is 1,000" in ended.error.message
            assert (ended.error.node, ended.error.retryable) == ("a", False)


async def test_what_is_written_is_measured_too() -> None:
    log = Channel(name="log", type="array", reducer="append", default=[])
    fields = {"writes": {"log": "'abc' * output"}}
    nodes = {"a": ("makes", {"value": 500}, fields), "z": "end"}
    async with Bench(*KINDS) as bench:
        work = flow(nodes, "a > z", channels=[log], limits=SMALL)
        ended = await bench.run(work)
        assert isinstance(ended, ev.RunFailed) and "what it writes to log" in ended.error.message


async def test_an_input_that_is_too_large_starts_no_run() -> None:
    async with Bench() as bench:
        work = flow({"a": "same", "z": "end"}, "a > z", limits=SMALL)
        with pytest.raises(InvalidCommand, match="value_bytes is 1,000"):
            await bench.engine.start(work, "x" * 1001)
        assert bench.engine.runs() == []
        assert outcome(await bench.run(work, "x" * 900)) == "x" * 900


async def test_what_has_only_come_through_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that many tasks hand on costs its size once, not once for each of them."""
    measured: list[int] = []
    size_of = sizes.size_of

    def counting(value: Any) -> int:
        measured.append(size_of(value))
        return measured[-1]

    monkeypatch.setattr(sizes, "size_of", counting)
    nodes = {"a": ("makes", {"value": [1, 2, 3]}), "b": "same", "c": "same", "z": "end"}
    async with Bench(*KINDS) as bench:
        assert outcome(await bench.run(flow(nodes, "a > b, b > c, c > z"))) == [1, 2, 3]
    assert measured == [4]
