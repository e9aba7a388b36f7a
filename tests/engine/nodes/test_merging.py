"""How a Join makes one value of several: U50."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine import events as ev
from engine.model.node_types import NodeFailure, Output
from engine.nodes.join import JOIN
from tests.engine.flows import Bench, flow, outcome
from tests.engine.nodes.contexts import FakeContext, run_now


def joined(arrived: dict[str, Any], **params: Any) -> Any:
    result = run_now(JOIN, params, FakeContext(input=arrived))
    assert isinstance(result, Output)
    return result.ports["out"]


LISTS = {"a": [1, 2, 2], "b": [2, 3], "c": []}


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("keys", ["a", "b", "c"]),
        ("last", []),
        ("concat", [1, 2, 2, 2, 3]),
        ("union", [1, 2, 3]),
        ("zip", [[1, 2, None], [2, 3, None], [2, None, None]]),
    ],
)
def test_lists_become_one_value(output: str, value: Any) -> None:
    assert joined(LISTS, output=output) == value


def test_texts_are_joined_to_one_text() -> None:
    assert joined({"a": "x", "b": "y"}, output="concat") == "xy"


@pytest.mark.parametrize("output", ["concat", "union", "zip"])
def test_what_is_no_list_is_named(output: str) -> None:
    with pytest.raises(NodeFailure, match="what came from b is not a list"):
        joined({"a": [1], "b": 2}, output=output)


def test_equal_values_count_as_one_and_true_is_not_one() -> None:
    assert joined({"a": [1, True, {"x": 1, "y": 2}], "b": [1.0, {"y": 2, "x": 1}]},
                  output="union") == [1, True, {"x": 1, "y": 2}]  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "majority", "won"),
    [("aab", "most", "a"), ("aabbb", "half", "b"), ("aaa", "all", "a"), ("aabc", "most", "a")],
)
def test_the_majority_wins_a_vote(votes: str, majority: str, won: str) -> None:
    arrived = {f"v{n}": vote for n, vote in enumerate(votes)}
    assert joined(arrived, output="vote", majority=majority) == won


@pytest.mark.parametrize(
    ("votes", "majority"), [("aabb", "most"), ("aabc", "half"), ("aab", "all"), ("", "all")]
)
def test_without_a_majority_the_tie_rule_decides(votes: str, majority: str) -> None:
    arrived = {f"v{n}": vote for n, vote in enumerate(votes)}
    with pytest.raises(NodeFailure, match="no value has won") as caught:
        joined(arrived, output="vote", majority=majority)
    assert caught.value.code == "no_majority"
    assert joined(arrived, output="vote", majority=majority, tie="null") is None
    if votes:
        assert joined(arrived, output="vote", majority=majority, tie="first") == "a"


def test_the_declared_order_counts_not_that_of_the_document() -> None:
    arrived = {"a": 1, "b": 2, "c": 3}
    assert joined(arrived, output="list", order=["c", "z", "b"]) == [3, 2, 1]
    assert joined({"a": "x", "b": "y"}, output="vote", order=["b"], tie="first") == "y"


def test_a_custom_result_needs_an_expression_and_names_are_there_once() -> None:
    with pytest.raises(ValidationError, match="needs an expression"):
        JOIN.params.model_validate({"output": "custom"})
    with pytest.raises(ValidationError, match="twice"):
        JOIN.params.model_validate({"order": ["a", "a"]})


def three(join: dict[str, Any], *, reverse: bool) -> Any:
    """Three arms of which the last, or the first, is the slowest."""
    rounds = [9, 5, 1] if reverse else [1, 5, 9]
    arms = {key: ("asleep", {"rounds": n}) for key, n in zip("pqr", rounds, strict=True)}
    nodes = {"s": "same", **arms, "j": ("join", join), "z": "end"}
    return flow(nodes, "s > p, s > q, s > r, p > j, q > j, r > j, j > z")


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_join_keeps_the_declared_order_whoever_is_first(reverse: bool) -> None:
    async with Bench() as bench:
        event = await bench.run(three({"output": "keys", "order": ["r", "p"]}, reverse=reverse), 4)
        assert outcome(event) == ["r", "p", "q"]


async def test_a_custom_result_sees_all_arrivals() -> None:
    join = {"output": "custom", "value": {"expr": "sum(input.values()) + len(input)"}}
    async with Bench() as bench:
        handle = await bench.start(three(join, reverse=True), 4)
        assert outcome((await handle.leg()).event) == 15
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_vote_says_how_it_came_out() -> None:
    async with Bench() as bench:
        assert outcome(await bench.run(three({"output": "vote"}, reverse=False), 4)) == 4
        notes = [fact.note for fact in bench.facts if isinstance(fact, ev.TaskFinished)]
        assert "3 of 3 votes" in notes
