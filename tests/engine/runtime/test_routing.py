"""Where the values of a node go: U7-U11, T12-T16, T45, T54."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.model.node_types import Context, Output
from engine.nodes.switch import SWITCH
from tests.engine.flows import Bench, flow, node_type, outcome


def _chooses(params: Any, ctx: Context) -> Output:
    extra = params.model_extra
    return Output({"out": ctx.input}, route=extra.get("route"), also=extra.get("also", ()))


CHOOSES = node_type("chooses", _chooses)


async def ran(params: dict[str, Any], wires: str, **fields: Any) -> tuple[list[str], ev.Event]:
    """Run a node that chooses its targets; return which of p, q and r ran, and the end."""
    nodes = {"a": ("chooses", params, fields), "p": "end", "q": "end", "r": "end"}
    async with Bench(CHOOSES) as bench:
        handle = await bench.engine.start(flow(nodes, wires), 1)
        event = (await handle.leg()).event
        assert (await bench.engine.replay(handle.run)).equal
        return [name for name in bench.order() if name in "pqr"], event


ALL = "a > p, a > q, a > r"


async def test_a_route_replaces_conditions_and_unconditional_wires() -> None:
    done, _ = await ran({"route": ("q",)}, "a > p, a > q [input > 5], a > r [input > 0]")
    assert done == ["q"]


async def test_a_node_may_add_targets_to_those_of_its_conditions() -> None:
    done, _ = await ran({"also": ("q",)}, "a > p, a > q [input > 5], a > r [input > 6]")
    assert done == ["p", "q"]


async def test_what_is_added_has_no_effect_where_a_route_replaces() -> None:
    done, _ = await ran({"route": ("q",), "also": ("r",)}, ALL)
    assert done == ["q"]


async def test_an_empty_route_goes_nowhere_and_says_so() -> None:
    done, event = await ran({"route": ()}, ALL)
    assert done == [] and outcome(event) == "unrouted"


@pytest.mark.parametrize("params", [{"route": ("p", "x")}, {"also": ("x",)}])
async def test_a_target_that_no_wire_leads_to_fails_the_node(params: dict[str, Any]) -> None:
    done, event = await ran(params, "a > p, a > q [input > 5], a > r [else]")
    assert done == [] and outcome(event) == "undeclared_target"
    assert isinstance(event, ev.RunFailed) and "wants to go to x" in event.error.message


@pytest.mark.parametrize(
    ("params", "goes"),
    [({"route": ("p", "x")}, ["p"]), ({"also": ("x", "q")}, ["q", "r"]), ({"route": ("x",)}, [])],
)
async def test_such_a_target_may_be_left_out_with_a_warning(
    params: dict[str, Any], goes: list[str]
) -> None:
    """U10: it is never silent, and a way must be left."""
    nodes = {"a": ("chooses", params, {"undeclared": "ignore"}), "p": "end", "q": "end",
             "r": "end"}  # fmt: skip
    work = flow(nodes, "a > p [input > 9], a > q [input > 5], a > r [else]")
    async with Bench(CHOOSES) as bench:
        handle = await bench.start(work, 1)
        event = (await handle.leg()).event
        assert [task for task in bench.order() if task != "a"] == goes
        if goes:
            [warning] = [fact for fact in bench.facts if isinstance(fact, ev.Warned)]
            assert "wanted to go to x, and no wire" in warning.message
            assert (await bench.engine.replay(handle.run)).equal
        else:
            assert outcome(event) == "unrouted"


async def test_unrouted_names_every_condition_that_was_tried() -> None:
    _, event = await ran({}, "a > p [input > 5], a > q [input > 6], a > r [input < 0]")
    assert isinstance(event, ev.RunFailed) and event.error.code == "unrouted"
    assert "input > 5, input > 6, input < 0" in event.error.message


async def test_the_fallback_wire_is_taken_when_nothing_else_is() -> None:
    nodes = {"a": "same", "p": "end", "q": "end"}
    async with Bench() as bench:
        await bench.run(flow(nodes, "a > p [input > 5], a > q [fallback]"), 1)
        assert bench.order() == ["a", "q"]
        [event] = [fact for fact in bench.facts if isinstance(fact, ev.Degraded)]
        assert "input > 5" in event.reason


async def test_a_switch_takes_the_ways_that_its_input_names() -> None:
    """U56, with the names computed: known to validation, decided when it runs."""
    params = {"cases": [{"name": "p"}, {"name": "q"}], "names": {"expr": "input.next"}}
    nodes = {"s": ("switch", params), "p": "end", "q": "end", "r": "end"}
    work = flow(nodes, "s.p > p, s.q > q, s.else > r")
    async with Bench(SWITCH) as bench:
        await bench.run(work, {"next": ["q"]})
        assert bench.order() == ["s", "q"]
        assert outcome(await bench.run(work, {"next": "x"})) == "no_match"
