"""Switch, Join, For each, Collect, Wait, End and the manual trigger."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.model.node_types import Answer, NodeFailure, NodeType, Output, Wait
from engine.nodes.collect import COLLECT
from engine.nodes.end import END
from engine.nodes.for_each import FOR_EACH
from engine.nodes.join import JOIN
from engine.nodes.switch import SWITCH
from engine.nodes.trigger_manual import MANUAL_TRIGGER
from engine.nodes.wait import WAIT, WaitParams
from tests.engine.nodes.contexts import NOON, FakeContext, context, run_now

CASES = [
    {"name": "large", "when": "input.total > 100"},
    {"name": "late", "when": {"expr": "input.late"}},
]


def outputs(node_type: NodeType, params: Any) -> list[str]:
    return [port.name for port in node_type.ports(params).outputs]


# --- switch -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "value", "ports"),
    [
        ("first", {"total": 500, "late": True}, ["large"]),
        ("all", {"total": 500, "late": True}, ["large", "late"]),
        ("first", {"total": 5, "late": True}, ["late"]),
        ("all", {"total": 5, "late": False}, ["else"]),
    ],
)
def test_switch_sends_the_same_value_through_the_cases_that_hold(
    mode: str, value: dict[str, Any], ports: list[str]
) -> None:
    result = run_now(SWITCH, {"cases": CASES, "mode": mode}, FakeContext(input=value))
    assert isinstance(result, Output)
    assert list(result.ports) == ports
    assert all(sent is value for sent in result.ports.values())


def test_switch_without_else_fails_when_no_case_holds() -> None:
    value = FakeContext(input={"total": 5, "late": False})
    with pytest.raises(NodeFailure, match=r"tried large: input.total > 100; late: input.late"):
        run_now(SWITCH, {"cases": CASES, "otherwise": False}, value)


WAYS = [{"name": "search"}, {"name": "write"}, {"name": "stop"}]


@pytest.mark.parametrize(
    ("names", "ports"),
    [("write", ["write"]), (["stop", "search"], ["search", "stop"]), ([], ["else"])],
)
def test_switch_takes_the_ways_that_a_value_names(names: Any, ports: list[str]) -> None:
    """U56: the list of an agent selects the branches."""
    result = run_now(SWITCH, {"cases": WAYS, "names": names}, FakeContext(input=1))
    assert isinstance(result, Output) and list(result.ports) == ports


@pytest.mark.parametrize("names", ["fly", ["stop", "fly"], 3, [3]])
def test_switch_fails_on_a_name_that_no_case_has(names: Any) -> None:
    with pytest.raises(NodeFailure, match=r"fly is named|not by a text or a list"):
        run_now(SWITCH, {"cases": WAYS, "names": names}, FakeContext(input=1))


def test_a_case_needs_a_condition_where_nothing_names_it() -> None:
    with pytest.raises(ValidationError, match="has no condition"):
        run_now(SWITCH, {"cases": WAYS}, FakeContext(input=1))


def test_switch_names_the_case_that_cannot_be_decided() -> None:
    with pytest.raises(NodeFailure, match="case large cannot be decided") as caught:
        run_now(SWITCH, {"cases": CASES}, FakeContext(input={}))
    assert (caught.value.code, caught.value.retryable) == ("expression", False)


def test_switch_sees_the_state() -> None:
    params = {"cases": [{"name": "yes", "when": "state.count > 2"}]}
    result = run_now(SWITCH, params, FakeContext(input=1, state={"count": 3}))
    assert result == Output({"yes": 1})


def test_the_ports_of_a_switch_are_its_cases() -> None:
    assert outputs(SWITCH, {"cases": CASES}) == ["large", "late", "else"]
    assert outputs(SWITCH, {"cases": CASES, "otherwise": False}) == ["large", "late"]
    assert outputs(SWITCH, {"cases": [{}, None, {"name": ""}, {"name": "a"}]}) == ["a", "else"]


@pytest.mark.parametrize("names", [["a", "a"], ["else"], ["with space"], ["dot.ted"], [""]])
def test_cases_need_names_that_can_be_ports(names: list[str]) -> None:
    with pytest.raises(ValidationError):
        SWITCH.params.model_validate({"cases": [{"name": name, "when": "True"} for name in names]})


# --- join ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("by_source", {"a": {"x": 1}, "b": {"x": 2, "y": 3}}),
        ("list", [{"x": 1}, {"x": 2, "y": 3}]),
        ("first", {"x": 1}),
        ("merge", {"x": 2, "y": 3}),
    ],
)
def test_join_shapes_what_has_arrived(output: str, value: Any) -> None:
    arrived = {"a": {"x": 1}, "b": {"x": 2, "y": 3}}
    assert run_now(JOIN, {"output": output}, FakeContext(input=arrived)) == Output({"out": value})


def test_join_hands_on_the_first_value_itself() -> None:
    first = {"x": 1}
    result = run_now(JOIN, {"output": "first"}, FakeContext(input={"a": first}))
    assert isinstance(result, Output)
    assert result.ports["out"] is first


def test_join_cannot_merge_what_is_no_object() -> None:
    with pytest.raises(NodeFailure, match="what came from b is not an object"):
        run_now(JOIN, {"output": "merge"}, FakeContext(input={"a": {}, "b": [1]}))


# --- zones --------------------------------------------------------------------------------


def test_for_each_and_trigger_are_carried_out_by_the_engine() -> None:
    assert (FOR_EACH.run, FOR_EACH.role, outputs(FOR_EACH, {})) == (None, "split", ["item"])
    assert (MANUAL_TRIGGER.run, MANUAL_TRIGGER.role) == (None, "trigger")
    assert not MANUAL_TRIGGER.ports({}).inputs


def test_collect_hands_on_results_and_failures() -> None:
    results, failures = [1, 2], [{"index": 2}]
    fake = FakeContext(input=results, inputs={"in": results, "failed": failures})
    assert run_now(COLLECT, {}, fake) == Output({"out": results, "failed": failures})
    fake = FakeContext(input=results, inputs={"in": results})
    result = run_now(COLLECT, {}, fake)
    assert isinstance(result, Output)
    assert result.ports == {"out": results}
    assert result.ports["out"] is results


# --- wait ---------------------------------------------------------------------------------


def test_wait_parks_the_task_for_a_while() -> None:
    result = run_now(WAIT, {"duration_s": "1h"})
    assert isinstance(result, Wait)
    assert (result.kind, result.due_at) == ("timer", NOON + 3600)
    assert result.text.startswith("until ")


@pytest.mark.parametrize("until", ["2026-01-05T13:00Z", "2026-01-05 14:00+01:00", NOON + 3600])
def test_wait_parks_the_task_until_a_moment(until: str | float) -> None:
    result = run_now(WAIT, {"until": until})
    assert isinstance(result, Wait)
    assert (result.kind, result.due_at) == ("until", NOON + 3600)


def test_a_moment_without_offset_is_one_of_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Etc/GMT-5")
    time.tzset()
    try:
        result = run_now(WAIT, {"until": "2026-01-05 18:00"})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert isinstance(result, Wait)
    assert result.due_at == NOON + 3600


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    value = {"a": 1}
    result = run_now(WAIT, {"until": "2020-01-01"}, FakeContext(input=value))
    assert isinstance(result, Output)
    assert result.ports["out"] is value


def test_after_a_wait_the_same_value_goes_on() -> None:
    value, wait = {"a": 1}, Wait(kind="timer", due_at=1.0)
    assert WAIT.resume is not None
    params = WaitParams.model_validate({"duration_s": 1})
    result = WAIT.resume(params, context(FakeContext(input=value)), wait, Answer(kind="due"))
    assert isinstance(result, Output)
    assert result.ports["out"] is value


@pytest.mark.parametrize("params", [{}, {"until": "tomorrow"}, {"until": "2026-13-01"}])
def test_a_wait_that_cannot_know_its_end_fails(params: dict[str, Any]) -> None:
    with pytest.raises(NodeFailure) as caught:
        run_now(WAIT, params)
    assert not caught.value.retryable


def test_a_wait_has_a_duration_or_a_moment_not_both() -> None:
    with pytest.raises(ValidationError, match="not both"):
        WAIT.params.model_validate({"duration_s": 1, "until": "2026-01-01"})


# --- end ----------------------------------------------------------------------------------


def test_end_returns_its_input_or_its_value() -> None:
    value = {"a": 1}
    result = run_now(END, {}, FakeContext(input=value))
    assert isinstance(result, Output)
    assert result.ports["out"] is value
    assert run_now(END, {"value": None}, FakeContext(input=value)) == Output({"out": None})


def test_a_final_end_leaves_no_way_on() -> None:
    assert run_now(END, {"final": True}) == Output({"out": None}, route=())
    assert not END.ports({}).outputs
