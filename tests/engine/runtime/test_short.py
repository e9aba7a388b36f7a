"""Branches that may fail, as long as enough of them succeed (U49, T72)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.model.node_types import Context, Output
from engine.model.validation import validate
from engine.model.workflow import CommitPolicy, Workflow
from tests.engine.flows import Bench, flow, node_type, outcome, registry
from tests.engine.properties.driving import leftovers

Json = Any
IGNORED = {"on_error": "ignore"}


def arms(*values: Json, commit: CommitPolicy = "eager", **join: Any) -> Workflow:
    """Each value goes through an arm of two nodes; odd ones fail in the first, -1 is not taken."""
    nodes: dict[str, Any] = {"s": "same", "z": "end",
                             "j": ("join", {"output": "list"}, {"join": join})}  # fmt: skip
    wires = ["j > z"]
    for number, value in enumerate(values):
        nodes[f"t{number}"] = ("code", {"value": value})
        nodes[f"a{number}"] = ("odd_fails", {}, IGNORED)
        nodes[f"b{number}"] = "same"
        wires += [f"s > t{number}" + (" [input > 9]" if value == -1 else ""),
                  f"t{number} > a{number}", f"a{number} > b{number}", f"b{number} > j"]  # fmt: skip
    return flow(nodes | {"y": "same"}, ", ".join([*wires, "s > y [else]"]), commit=commit)


def _code(params: Any, ctx: Context) -> Output:
    del ctx
    return Output({"out": params.value})


async def result(work: Workflow, value: Json = 1) -> Json:
    async with Bench(node_type("code", _code)) as bench:
        handle = await bench.start(work, value)
        event = (await handle.leg()).event
        assert (await bench.engine.replay(handle.run)).equal
        if isinstance(event, ev.RunFinished):
            assert not leftovers(handle.state)
        return outcome(event)


@pytest.mark.parametrize("commit", ["eager", "strict"])
@pytest.mark.parametrize(
    ("values", "join", "expected"),
    [
        ([2, 3, 4], {"on_short": "fail"}, [2, 4]),
        ([1, 3, 2], {"on_short": "fail"}, [2]),
        ([1, 3, 5], {"on_short": "fail"}, "join_short"),
        ([1, 3, 5], {}, None),
        ([1, 2, 4], {"mode": "n_of_m", "n": 2, "on_short": "fail"}, [2, 4]),
        ([1, 3, 4], {"mode": "n_of_m", "n": 2, "on_short": "fail"}, "join_short"),
        ([1, 2, 4], {"mode": "all", "on_short": "fail"}, "join_short"),
        ([1, -1], {"mode": "any", "on_short": "fail"}, "join_short"),
        ([2, -1], {"mode": "all", "on_short": "fail"}, None),
        ([1], {"on_short": "fail"}, "join_short"),
    ],
)
async def test_so_many_branches_must_succeed(
    values: list[int], join: Json, expected: Json, commit: CommitPolicy
) -> None:
    assert await result(arms(*values, commit=commit, **join)) == expected


async def test_ways_that_were_not_taken_are_no_failure() -> None:
    """Everything is ruled out, and nothing has failed: the join is skipped."""
    assert await result(arms(-1, -1, on_short="fail")) is None


async def test_a_short_join_in_an_item_fails_the_item() -> None:
    work = flow(
        {"e": ("for_each", {"on_item_failure": "collect"}), "a": ("odd_fails", {}, IGNORED),
         "b": ("odd_fails", {}, IGNORED), "j": ("join", {"output": "first"},
         {"join": {"on_short": "fail"}}), "c": "collect", "z": "end", "y": "end"},
        "e.item > a, e.item > b, a > j, b > j, j > c, c > z, c.failed > y",
    )  # fmt: skip
    found = await result(work, [1, 2])
    assert found["z"] == [2] and [each["index"] for each in found["y"]] == [0]
    assert found["y"][0]["error"]["code"] == "join_short"


def test_where_it_has_no_effect_that_is_said() -> None:
    join = {"mode": "each", "on_short": "fail"}
    work = flow({"a": "same", "b": "same", "z": ("end", {}, {"join": join})}, "a > z, b > z")
    assert any(each.rule.startswith("W140") for each in validate(work, registry()))
