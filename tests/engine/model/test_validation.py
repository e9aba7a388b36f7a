from __future__ import annotations

import re
import typing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from engine.model.diagnostics import Diagnostic, Severity
from engine.model.node_types import PortType, Registry
from engine.model.validation import (
    RULES,
    Validator,
    explain_refusal,
    port_compatible,
    validate,
)
from engine.model.workflow import (
    Channel,
    JoinPolicy,
    Limits,
    Node,
    PortRef,
    RetryPolicy,
    Settings,
    Workflow,
    Write,
)
from engine.nodes.builtin import builtin_registry
from tests.engine.model.documents import workflows
from tests.engine.model.kit import KIT, TYPES, flow

DOCS = Path(__file__).parents[3] / "docs"


def problems(workflow: Workflow, rule: str = "") -> list[Diagnostic]:
    return [found for found in validate(workflow, KIT) if found.rule.startswith(rule)]


def rules(workflow: Workflow) -> set[str]:
    """The rules that are broken, without what is only for information."""
    return {found.rule[:4] for found in problems(workflow) if found.severity != Severity.INFO}


def only(workflow: Workflow, rule: str) -> Diagnostic:
    found = problems(workflow, rule)
    assert len(found) == 1, problems(workflow)
    return found[0]


def params(**values: Any) -> dict[str, Any]:
    return {"params": values}


TOTAL = {"total": Channel(name="total", type="number", reducer="sum")}


def test_sound_workflow_has_no_problems() -> None:
    workflow = flow(
        "start:start read:fetch ask:gate pay:post done:stop no:stop",
        "start -> read",
        "read -> ask",
        "ask.approved -> pay when input.total > vars.least",
        "ask.approved -> no otherwise",
        "ask.rejected -> no",
        "pay -> done",
        channels=TOTAL,
        settings=Settings(vars={"least": 10}, env=("HOME",), result="state.total"),
        read=params(url="https://{{ env.HOME }}/x", tries={"expr": "input.tries"}),
        pay={"writes": {"total": Write(expr="output.amount + nodes.read.fee")}},
    )
    assert problems(workflow) == []


# --- one rule each ------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "a b", "a.b", "-a", "_a", "x" * 51, "ä", "a@b", "a#1"])
def test_key_must_be_a_slug(key: str) -> None:
    """U2."""
    assert only(flow({key: "step"}), "E001").node == key


@pytest.mark.parametrize("key", ["a", "7", "read-all", "Read_2", "x" * 50])
def test_slug_is_a_key(key: str) -> None:
    assert rules(flow({key: "step"})) == set()


def test_unknown_type_is_named_with_the_nearest() -> None:
    found = only(flow("a:swich"), "E002")
    assert "swich, which is not installed" in found.message
    assert found.fix == "Did you mean switch?"


def test_newer_node_is_an_error_and_an_older_one_is_told() -> None:
    assert only(flow("a:new", a={"version": 3}), "E003").severity is Severity.ERROR
    assert only(flow("a:new"), "I201").severity is Severity.INFO


def test_every_bad_parameter_is_reported_with_its_path() -> None:
    workflow = flow("a:fetch", a=params(tries="many", headers={"X": 1}, colour="red"))
    found = {problem.field: problem for problem in problems(workflow, "E004")}
    assert set(found) == {"params.url", "params.tries", "params.headers.X", "params.colour"}
    assert found["params.url"].message == "a: Address is missing."
    assert found["params.url"].fix == "Enter Address."
    assert found["params.colour"].fix == "Remove colour."


@pytest.mark.parametrize(
    "values",
    [
        {"url": {"expr": "input"}, "tries": {"expr": "input"}},
        {"url": "{{ input }}"},
        {"url": "x", "headers": {"X": {"template": "{{ input }}"}}},
        {"url": "x", "headers": {"expr": "input"}},
    ],
)
def test_computed_parameter_is_not_checked_against_the_schema(values: dict[str, Any]) -> None:
    assert rules(flow("a:fetch", a=params(**values))) == set()


def test_plain_parameter_beside_a_computed_one_is_checked() -> None:
    workflow = flow("a:fetch", a=params(url={"expr": "input"}, tries=0))
    assert only(workflow, "E004").field == "params.tries"


def test_expression_is_reported_with_field_and_column() -> None:
    found = only(flow("a", a=params(x=[1, {"expr": "input +"}])), "E005")
    assert found.field == "params.x[1]"
    assert "at column" in found.message


def test_expressions_are_found_everywhere() -> None:
    workflow = flow(
        "a b:cases c:fetch d",
        "a -> b when (",
        a={"writes": {"total": Write(expr="1 +")}},
        b=params(cases=[{"when": "x >", "name": "when"}]),
        c=params(url="{{ input", headers={"expr": ")"}),
        channels=TOTAL,
        settings=Settings(result="1 1"),
    )
    broken = [p for p in problems(workflow) if p.rule[:4] in {"E005", "E006"}]
    assert {problem.field for problem in broken} == {
        "when", "writes.total", "params.cases[0].when", "params.url", "params.headers",
        "settings.result",
    }  # fmt: skip


def test_output_is_known_only_in_what_a_node_writes() -> None:
    workflow = flow("a b", "a -> b when output > 1", a=params(x={"expr": "output"}))
    assert {problem.field for problem in problems(workflow, "E005")} == {"when", "params.x"}


@pytest.mark.parametrize(
    "fields",
    [
        params(x={"expr": "state.totl"}),
        {"writes": {"totl": Write(expr="1")}},
        {"reads": ("totl",)},
    ],
)
def test_undeclared_channel_is_named_with_the_nearest(fields: dict[str, Any]) -> None:
    workflow = flow("a", channels=TOTAL, a=fields)
    assert only(workflow, "E007").fix == "Did you mean total?"


@pytest.mark.parametrize(
    ("expression", "rule"),
    [("nodes.x", "E008"), ("env.HOME", "E010"), ("vars.x", "E011"), ("loop.index", "E027")],
)
def test_unknown_name_is_an_error(expression: str, rule: str) -> None:
    assert rules(flow("a", a=params(x={"expr": expression}))) == {rule}


def test_name_is_checked_in_conditions_and_templates_too() -> None:
    workflow = flow("a:fetch b", "a -> b when nodes.x > 1", a=params(url="{{ nodes.y }}"))
    assert {problem.field for problem in problems(workflow, "E008")} == {"when", "params.url"}


def test_node_is_read_only_where_it_comes_before_on_every_way() -> None:
    wires = ("a -> b when input", "a -> c otherwise", "b -> d", "c -> d")
    assert only(flow("a b c d", *wires, d=params(x={"expr": "nodes.b"})), "E009").node == "d"
    assert problems(flow("a b c d", *wires, d=params(x={"expr": "nodes.a"})), "E009") == []


def test_node_of_a_zone_is_not_read_outside_of_it() -> None:
    wires = ("e.item -> a", "a -> b", "b -> c", "c -> d")
    nodes = "e:each a b c:collect d"
    read = params(x={"expr": "nodes.a"})
    assert "c sends on" in only(flow(nodes, *wires, d=read), "E009").fix
    assert problems(flow(nodes, *wires, b=read), "E009") == []


def test_the_end_of_a_round_reads_what_ran_in_it() -> None:
    """U52: Until runs in every round, Collect only once."""
    wires = ("l.round -> a", "a -> u", "u -> d")
    nodes = "l:again a u:until d"
    read = params(condition={"expr": "nodes.a"})
    assert problems(flow(nodes, *wires, u=read), "E009") == []
    assert only(flow(nodes, *wires, u=read, d=read), "E009").node == "d"


def test_something_ends_a_loop() -> None:
    """U13, U52: a number of rounds, or a condition at one of its ends."""
    wires = ("l.round -> a", "a -> u")
    nodes = "l:again a u:until"
    assert only(flow(nodes, *wires), "E041").node == "l"
    condition = params(condition={"expr": "input"})
    assert problems(flow(nodes, *wires, l=params(count=3)), "E041") == []
    assert problems(flow(nodes, *wires, u=condition), "E041") == []


def test_loop_is_known_where_a_loop_is_decided() -> None:
    wires = ("l.round -> a", "a -> u", "u -> d")
    nodes = "l:again a u:until d"
    read = params(condition={"expr": "loop.index < 3"})
    assert problems(flow(nodes, *wires, l=read, u=read, a=read), "E027") == []
    assert only(flow(nodes, *wires, l=read, d=read), "E027").node == "d"


def test_node_does_not_read_itself() -> None:
    assert "own output" in only(flow("a", a=params(x={"expr": "nodes.a"})), "E009").message


def test_wire_to_a_missing_port_or_node_is_an_error() -> None:
    """U4, T14."""
    found = problems(flow("a b", "a.nope -> b", "a -> b.nope", "a -> ghost"))
    assert [problem.rule[:4] for problem in found] == ["E008", "E012", "E012"]
    assert "it has out" in found[1].message


def test_error_port_is_there_when_the_node_has_one() -> None:
    wired = flow("a b", "a.error -> b", "a -> b")
    assert rules(wired) == {"E012"}
    assert rules(flow("a b", "a.error -> b", "a -> b", a={"on_error": "error_port"})) == set()


def test_wire_between_types_that_do_not_fit_is_refused_in_words() -> None:
    """U118."""
    workflow = flow("p:parse s:sum", "p -> s", p={"title": "Parse"}, s={"title": "Sum"})
    found = only(workflow, "E013")
    assert found.message.startswith("Parse gives text, Sum needs number")
    assert found.edge == "p.out->s.in"


def test_duplicate_wire_is_an_error() -> None:
    """T32."""
    assert "2 times" in only(flow("a b", "a -> b", "a -> b"), "E014").message


def test_nothing_leads_into_a_trigger() -> None:
    assert only(flow("s:start a", "s -> a", "a -> s"), "E015").edge == "a.out->s.in"


@pytest.mark.parametrize(
    ("nodes", "wires", "broken"),
    [
        ("s a b", ("s -> a", "a -> b", "b -> a"), True),
        ("s a", ("s -> a", "a -> a"), True),
        ("s a b", ("s -> a", "a -> b", "b -> a when input"), False),
        ("s a b:gate", ("s -> a", "a -> b", "b.rejected -> a"), False),
        ("s a b:switch", ("s -> a", "a -> b", "b.big -> a", "b.else -> s"), False),
    ],
)
def test_cycle_needs_something_that_can_end_it(
    nodes: str, wires: tuple[str, ...], broken: bool
) -> None:
    """U13, T32."""
    assert bool(problems(flow(nodes, *wires), "E016")) is broken


@pytest.mark.parametrize(
    ("policy", "broken"),
    [
        (JoinPolicy(), False),
        (JoinPolicy(mode="any"), False),
        (JoinPolicy(mode="all"), True),
        (JoinPolicy(mode="n_of_m", n=1), False),
        (JoinPolicy(mode="n_of_m", n=2), True),
        (JoinPolicy(mode="n_of_m", n=3), True),
        (JoinPolicy(mode="n_of_m", n=0), True),
    ],
)
def test_join_behind_a_choice_cannot_wait_for_both_ways(policy: JoinPolicy, broken: bool) -> None:
    wires = ("s.big -> a", "s.small -> b", "a -> j", "b -> j", "s.else -> c")
    workflow = flow("s:switch a b c j", *wires, j={"joins": {"in": policy}})
    assert bool(problems(workflow, "E017")) is broken


def test_choice_on_one_arm_of_a_fork_rules_out_a_join_of_all() -> None:
    wires = ("f -> s", "f -> x", "s.big -> a", "s.small -> b", "s.else -> c")
    joined = ("x -> j", "a -> j", "b -> j")
    workflow = flow(
        "f s:switch x a b c j", *wires, *joined, j={"joins": {"in": JoinPolicy(mode="all")}}
    )
    assert "of a and b at most 1" in only(workflow, "E017").message


def test_join_behind_a_fork_can_wait_for_all() -> None:
    workflow = flow(
        "s a b j",
        "s -> a",
        "s -> b",
        "a -> j",
        "b -> j",
        j={"joins": {"in": JoinPolicy(mode="all")}},
    )
    assert rules(workflow) == set()


def test_two_joins_in_one_cycle_cannot_both_wait_until_nothing_more_can_arrive() -> None:
    wires = ("s -> j", "j -> a", "a -> k", "s -> k", "k -> j when input", "k -> z")
    quiet = {"joins": {"in": JoinPolicy(mode="no_more")}}
    assert only(flow("s j a k z", *wires, j=quiet, k=quiet), "E040").node == "j"
    assert not problems(flow("s j a k z", *wires, j=quiet), "E040")


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (JoinPolicy(rest="cancel"), "rest"),
        (JoinPolicy(mode="each", rest="queue"), "rest"),
        (JoinPolicy(mode="no_more", reset="all_arrived"), "reset"),
        (JoinPolicy(mode="any", rest="queue", reset="all_arrived"), "reset"),
        (JoinPolicy(mode="each", timeout_s=3.0), "timeout_s"),
        (JoinPolicy(mode="any", rest="cancel", reset="all_arrived"), None),
        (JoinPolicy(timeout_s=3.0, rest="cancel"), None),
        (JoinPolicy(mode="first"), None),
    ],
)
def test_a_setting_of_a_join_without_effect_is_reported(
    policy: JoinPolicy, field: str | None
) -> None:
    wires = ("f -> a", "f -> b", "a -> j", "b -> j")
    found = problems(flow("f a b j", *wires, j={"joins": {"in": policy}}), "W140")
    assert [each.field for each in found] == ([f"joins.in.{field}"] if field else [])


def test_a_race_whose_ways_all_lead_elsewhere_too_cancels_nothing() -> None:
    """U45: only what leads to the join alone may be cancelled."""
    wires = ("f -> a", "f -> b", "a -> j", "b -> j", "a -> x", "b -> x")
    race = {"joins": {"in": JoinPolicy(mode="first")}}
    assert only(flow("f a b j x", *wires, j=race), "W140").field == "joins.in.mode"


def test_the_time_limit_of_a_join_is_positive() -> None:
    workflow = flow("s a", "s -> a", a={"joins": {"in": JoinPolicy(timeout_s=0.0)}})
    assert only(workflow, "E021").field == "joins.in.timeout_s"


def test_join_at_a_missing_port_is_an_error() -> None:
    workflow = flow("a", a={"joins": {"left": JoinPolicy(mode="any")}})
    assert only(workflow, "E012").field == "joins.left"


def test_nodes_that_wait_only_for_one_another_are_reported() -> None:
    workflow = flow("s a b", "a -> b when input", "b -> a when input", a={"title": "Left"})
    assert only(workflow, "E018").message.startswith("Left and b wait for one another")


@pytest.mark.parametrize(
    ("nodes", "wires", "said"),
    [
        ("e:each a", ("e.item -> a",), "has no Collect"),
        ("a c:collect", ("a -> c",), "collects nothing"),
        ("e:each a b c:collect", ("e.item -> a", "a -> c", "a -> b", "c -> b"), "leaves the zone"),
        ("s e:each a c:collect", ("s -> e", "e.item -> a", "a -> c", "s -> a"), "enters the zone"),
        ("e:each c:collect d:collect", ("e.item -> c", "e.item -> d"), "several Collects"),
        ("l:again a", ("l.round -> a",), "has no Until"),
        ("e:each u:until", ("e.item -> u",), "ends no round"),
    ],
)
def test_zone_must_be_closed(nodes: str, wires: tuple[str, ...], said: str) -> None:
    assert any(said in problem.message for problem in problems(flow(nodes, *wires), "E019"))


@pytest.mark.parametrize("name", [field.name for field in fields(Limits) if field.name != "extra"])
def test_limits_are_positive(name: str) -> None:
    changes: dict[str, Any] = {name: {"set": -1} if name == "by_type" else -1}
    limits = replace(Limits(), **changes)
    found = only(flow("a", settings=Settings(limits=limits)), "E020")
    place = "by_type.set" if name == "by_type" else name
    assert found.field == f"settings.limits.{place}"


@pytest.mark.parametrize(
    "fields",
    [
        {"timeout_s": 0.0},
        {"total_timeout_s": -1.0},
        {"timeout_s": float("nan")},
        {"retry": RetryPolicy(attempts=0)},
        {"retry": RetryPolicy(delay_s=-1.0)},
        {"retry": RetryPolicy(max_delay_s=-1.0)},
        {"retry": RetryPolicy(factor=0.0)},
    ],
)
def test_times_leave_room_to_run(fields: dict[str, Any]) -> None:
    assert only(flow("a", a=fields), "E021").node == "a"


@pytest.mark.parametrize(
    ("channel", "field"),
    [
        (Channel(name="c", reducer="apend"), "channels.c.reducer"),
        (Channel(name="c", type="text"), "channels.c.type"),
        (Channel(name="c", type="number", default="1"), "channels.c.default"),
        (Channel(name="c", type="integer", default=True), "channels.c.default"),
        (Channel(name="c", default=float("inf")), "channels.c.default"),
    ],
)
def test_channel_is_checked(channel: Channel, field: str) -> None:
    assert only(flow("a", channels={"c": channel}), "E022").field == field


@pytest.mark.parametrize("workflow", [flow(""), flow("a b", "a -> b when 1", "b -> a when 1")])
def test_workflow_needs_a_start(workflow: Workflow) -> None:
    """T109."""
    assert only(workflow, "E023").severity is Severity.ERROR


def test_required_input_must_be_connected() -> None:
    found = only(flow("a b:pair", "a -> b.left"), "E024")
    assert found.fix == "Connect right."
    assert problems(flow("b:pair"), "E024") == []


@pytest.mark.parametrize("value", [float("nan"), 2**70, {1, 2}])
def test_value_that_json_cannot_hold_is_an_error(value: object) -> None:
    assert only(flow("a", a=params(x=value)), "E025").node == "a"


def test_value_that_holds_itself_is_an_error_and_no_crash() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "nested deeper" in only(flow("a:fetch", a=params(x=endless)), "E025").message


def test_node_type_that_fails_is_a_problem_and_no_crash() -> None:
    assert only(flow("a:odd b", "a -> b"), "E026").node == "a"


# --- warnings -----------------------------------------------------------------------------


def test_unreachable_nodes_are_warned_about() -> None:
    """T32."""
    found = problems(flow("s:start a b c", "s -> a", "b -> c"), "W101")
    assert [problem.node for problem in found] == ["b", "c"]


def test_ways_that_all_have_a_condition_need_one_for_the_rest() -> None:
    conditions = ("a -> b when input > 1", "a -> c when input < 1")
    assert only(flow("a b c", *conditions), "W102").node == "a"
    assert problems(flow("a b c d", *conditions, "a -> d otherwise"), "W102") == []
    assert problems(flow("a b c d", *conditions, "a -> d fallback"), "W102") == []


def test_switch_without_an_else_is_warned_about() -> None:
    assert only(flow("s:switch a", "s.big -> a"), "W102").field == "outputs.else"
    strict = flow("s:switch a", "s.big -> a", s=params(otherwise=False))
    found = only(strict, "E042")
    assert (found.field, found.node) == ("params.otherwise", "s")
    assert found.fix.startswith("Switch its Else on")
    assert problems(flow("s:switch a", "s.big -> a", "s.else -> a"), "W102") == []


@pytest.mark.parametrize(
    ("reducer", "commit", "rule"),
    [
        ("replace", "eager", "W103"),
        ("replace", "strict", "W103"),
        ("append", "eager", "W104"),
        ("append", "strict", ""),
        ("sum", "eager", ""),
    ],
)
def test_concurrent_writers_are_warned_about(reducer: str, commit: Any, rule: str) -> None:
    writes = {"writes": {"c": Write(expr="1")}}
    workflow = flow(
        "s a b",
        "s -> a",
        "s -> b",
        channels={"c": Channel(name="c", reducer=reducer)},
        settings=Settings(commit=commit),
        a=writes,
        b=writes,
    )
    assert rules(workflow) == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("nodes", "wires"),
    [
        ("s a b", ("s -> a", "a -> b")),
        ("s:switch a b d", ("s.big -> a", "s.small -> b", "s.else -> d")),
        ("s a b", ("s -> a when input", "s -> b otherwise")),
    ],
)
def test_writers_that_never_meet_are_fine(nodes: str, wires: tuple[str, ...]) -> None:
    writes = {"writes": {"c": Write(expr="1")}}
    workflow = flow(nodes, *wires, channels={"c": Channel(name="c")}, a=writes, b=writes)
    assert rules(workflow) == set()


def test_items_of_a_zone_write_at_the_same_time() -> None:
    wires = ("e.item -> a", "a -> c")
    writes = {"writes": {"c": Write(expr="1")}}
    workflow = flow("e:each a c:collect", *wires, channels={"c": Channel(name="c")}, a=writes)
    assert "items" in only(workflow, "W103").message
    one = flow(
        "e:each a c:collect", *wires, channels={"c": Channel(name="c")}, a=writes, e=params(limit=1)
    )
    assert problems(one, "W103") == []


def test_rounds_of_a_loop_never_write_at_the_same_time() -> None:
    """U32, U52: one round begins when the last has ended."""
    channels = {"c": Channel(name="c")}
    wires = ("l.round -> a", "a -> u")
    writes = {"params": {}, "writes": {"c": Write(expr="output")}}
    workflow = flow("l:again a u:until", *wires, channels=channels, a=writes, l=params(count=3))
    assert problems(workflow, "W103") == []


def test_retry_of_what_must_happen_once_needs_a_key() -> None:
    retry = {"retry": RetryPolicy(attempts=3)}
    assert only(flow("a:post", a=retry), "W105").field == "retry"
    keyed = retry | params(headers={"Idempotency-Key": {"expr": "run.id"}})
    assert problems(flow("a:post", a=keyed), "W105") == []
    assert problems(flow("a:post", a={"retry": RetryPolicy(attempts=1)}), "W105") == []


@pytest.mark.parametrize(("sent", "count"), [({}, 0), ({"send_idempotency_key": False}, 1)])
def test_node_that_sends_its_key_by_default_may_be_retried(
    sent: dict[str, Any], count: int
) -> None:
    workflow = flow("a:send", a={"retry": RetryPolicy(), "params": sent})
    assert len(problems(workflow, "W105")) == count


def test_barrier_sends_on_only_where_a_wire_leads() -> None:
    workflow = flow(
        "g:gate a b",
        "g.approved -> a",
        "g.rejected -> a",
        g=params(reroute_to=["a", "b", "ghost"], guards=["total"]),
    )
    assert [problem.message for problem in problems(workflow, "E028")] == [
        "g may send on to b, but no wire leads to b.",
        "g may send on to ghost, but there is no node ghost.",
    ]
    assert only(workflow, "E007").field == "params.guards"


def test_rejection_that_leads_nowhere_is_warned_about() -> None:
    assert only(flow("g:gate a", "g.approved -> a"), "W106").fix == "Connect rejected."


@pytest.mark.parametrize("on_error", ["error_port", "fallback_edge"])
def test_error_that_goes_nowhere_is_warned_about(on_error: str) -> None:
    assert only(flow("a b", "a -> b", a={"on_error": on_error}), "W107").field == "on_error"


@pytest.mark.parametrize(
    ("wires", "fields"),
    [
        (("a -> b", "a -> c 1"), {"route": "first"}),
        (("a -> b", "a -> c otherwise"), {"route": "first"}),
        (("a -> b", "a -> c when input"), {"route": "first"}),
    ],
)
def test_wire_that_is_never_taken_is_warned_about(
    wires: tuple[str, ...], fields: dict[str, Any]
) -> None:
    assert only(flow("a b c", *wires, a=fields), "W108").edge == "a.out->c.in"


def test_cycle_without_a_way_out_is_told() -> None:
    """T32."""
    workflow = flow("s a b", "s -> a", "a -> b", "b -> a when input")
    assert only(workflow, "I202").severity is Severity.INFO
    assert problems(flow("s a b c", "s -> a", "a -> b", "b -> a when 1", "b -> c"), "I202") == []


def test_unused_channel_is_told() -> None:
    assert only(flow("a", channels=TOTAL), "I203").field == "channels.total"
    used = flow("a", channels=TOTAL, a=params(x={"expr": "state.total"}))
    assert problems(used, "I203") == []


# --- as a whole ---------------------------------------------------------------------------


def test_all_problems_are_reported_at_once_errors_first() -> None:
    """U12, T56."""
    workflow = flow(
        "a:nope b:fetch c d",
        "a -> b",
        "c -> c",
        "b -> d.nope",
        d={"timeout_s": 0.0, "params": {"x": {"expr": "("}}},
    )
    found = problems(workflow)
    assert {"E002", "E004", "E005", "E012", "E016", "E018", "E021"} <= rules(workflow)
    severities = [problem.severity for problem in found]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)


@settings(max_examples=60)
@given(workflows())
def test_validation_never_raises(workflow: Workflow) -> None:
    for registry in (KIT, Registry()):
        for problem in validate(workflow, registry):
            assert problem.message.endswith(".")


@settings(max_examples=20)
@given(workflows())
def test_kept_results_change_nothing(workflow: Workflow) -> None:
    validator = Validator(KIT)
    first = validator.validate(workflow)
    assert validator.validate(workflow) == first == validate(workflow, KIT)


def test_warning_can_be_suppressed_and_an_error_cannot() -> None:
    rule = problems(flow("g:gate"), "W106")[0].rule
    assert problems(flow("g:gate", g={"extra": {"suppress": [rule]}}), "W106") == []
    everywhere = Settings(extra={"suppress": [rule, "E002-unknown-type"]})
    assert rules(flow("g:gate a:nope", settings=everywhere)) == {"E002"}


def test_rules_are_documented_and_their_ids_are_unique() -> None:
    text = (DOCS / "validation.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([EWI]\d{3}-[a-z-]+)`", text, re.MULTILINE)
    assert [rule.id for rule in RULES] == sorted(listed)
    assert len({rule.id[1:4] for rule in RULES}) == len(RULES)


# --- while drawing ------------------------------------------------------------------------


def test_every_type_fits_itself_and_anything() -> None:
    assert set(typing.get_args(PortType)) == set(TYPES)
    assert port_compatible("stream", "items") and not port_compatible("stream", "any")
    for port_type in TYPES:
        if port_type == "stream":
            continue
        assert port_compatible(port_type, port_type)
        assert port_compatible(port_type, "items")
        assert port_compatible("any", port_type)
        assert port_compatible(port_type, "any")
        assert port_compatible(port_type, "control")


def test_values_are_not_converted_on_a_wire() -> None:
    fits = {(a, b) for a in TYPES for b in TYPES if port_compatible(a, b)}
    for pair in [("text", "number"), ("number", "text"), ("list", "object"), ("control", "text")]:
        assert pair not in fits
    assert ("error", "object") in fits
    assert ("object", "error") not in fits


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("p.out", "s.in", "Parse gives text, Total needs number"),
        ("a.out", "t.in", "nothing leads into it"),
        ("a.out", "p.in", "connected there already"),
        ("a.nope", "s.in", "has no output nope"),
        ("a.out", "s.nope", "has no input nope"),
        ("ghost.out", "s.in", "There is no node ghost"),
    ],
)
def test_refused_wire_explains_itself(source: str, target: str, said: str) -> None:
    nodes: dict[str, str | Node] = {
        "a": "step",
        "t": "start",
        "p": Node(key="p", type="parse", title="Parse"),
        "s": Node(key="s", type="sum", title="Total"),
    }
    workflow = flow(nodes, "a -> p")
    refusal = explain_refusal(workflow, KIT, PortRef.parse(source), PortRef.parse(target))
    assert refusal is not None
    assert said in refusal


@pytest.mark.parametrize(
    ("source", "target"), [("a.out", "s.in"), ("s.out", "a.in"), ("x.a", "a.in")]
)
def test_allowed_wire_needs_no_explanation(source: str, target: str) -> None:
    workflow = flow("a s:sum x:unknown")
    assert explain_refusal(workflow, KIT, PortRef.parse(source), PortRef.parse(target)) is None


@pytest.mark.parametrize("name", ["expr", "template"])
def test_a_parameter_named_like_a_marker_is_no_computed_value(name: str) -> None:
    registry = builtin_registry()
    node = Node(key="a", type="template", params={name: "1"})
    found = validate(Workflow(id="x", nodes={"a": node}), registry)
    assert [problem.rule for problem in found] == ["E004-params"]
