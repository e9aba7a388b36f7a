"""A workflow in code is the same document, and a mistake names its line.

U1, U4, U12, U118; T14, T56, T57.

The `Flow` of engine.flow is used: it is what people write with.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from engine.flow import (
    Alternative,
    Flow,
    JoinPolicy,
    Limits,
    RetryPolicy,
    WorkflowError,
    expr,
    template,
)
from engine.model import codec
from engine.model.builder import NodeFields, SettingFields
from engine.model.workflow import Edge, Node, PortRef, Position, Settings, Write


def edges(flow: Flow) -> dict[str, Edge]:
    return {edge.id: edge for edge in flow.build().edges}


def test_wires_lead_from_the_usual_port_to_the_usual_port() -> None:
    flow = Flow()
    flow.start >> flow.add("set", "set") >> flow.end()
    assert list(edges(flow)) == ["set.out->end.in", "start.out->set.in"]


def test_ports_are_named_by_brackets() -> None:
    flow = Flow()
    ask = flow.add("ask", "barrier", title="Go on?")
    flow.start >> ask
    ask >> flow.end("yes")
    ask["rejected"] >> flow.end("no")["in"]
    assert {"ask.approved->yes.in", "ask.rejected->no.in"} < set(edges(flow))


def test_wires_carry_conditions_and_priorities() -> None:
    flow = Flow()
    set_ = flow.add("set", "set").set(route="first")
    flow.start >> set_
    set_.when("input.n > 3", priority=1) >> flow.end("big")
    set_.otherwise >> flow.end("small")
    set_.fallback >> flow.end("lost")
    found = edges(flow)
    assert found["set.out->big.in"].when == "input.n > 3"
    assert found["set.out->big.in"].priority == 1
    assert found["set.out->small.in"].kind == "otherwise"
    assert found["set.out->lost.in"].kind == "fallback"


def test_wires_fork_and_join_by_lists() -> None:
    flow = Flow()
    a, b, join = flow.add("a", "set"), flow.add("b", "set"), flow.add("join", "join")
    branches = [a, b]
    flow.start >> branches
    branches >> join
    assert set(edges(flow)) == {
        "a.out->join.in",
        "b.out->join.in",
        "start.out->a.in",
        "start.out->b.in",
    }


def test_a_chain_of_wires_is_also_a_call() -> None:
    flow = Flow()
    ask = flow.add("ask", "barrier", title="Go on?")
    flow.wire(flow.start, ask["in"], flow.add("set", "set"), flow.end())
    flow.wire(ask["rejected"], flow.end("no"))
    assert set(edges(flow)) == {
        "ask.approved->set.in",
        "ask.rejected->no.in",
        "set.out->end.in",
        "start.out->ask.in",
    }


def test_everything_else_of_a_node_is_set() -> None:
    flow = Flow()
    flow.channel("total", "number", reducer="sum", default=0)
    it = flow.add("it", "set", fields={"n": expr("input.n")}).set(
        title="Count",
        writes={"total": "output.n"},
        joins={"in": JoinPolicy(mode="any")},
        retry=RetryPolicy(attempts=5),
        timeout_s=3,
        on_error="continue",
        reads=["total"],
    )
    flow.start >> it
    node = flow.build().nodes["it"]
    assert node.params == {"fields": {"n": {"expr": "input.n"}}}
    assert node.writes == {"total": Write(expr="output.n")}
    assert (node.title, node.timeout_s, node.on_error, node.reads) == (
        "Count",
        3,
        "continue",
        ("total",),
    )


def test_alternatives_of_a_node_may_be_a_list() -> None:
    other = Alternative(type="set", params={"fields": {"n": 0}})
    flow = Flow()
    flow.start >> flow.add("it", "template", text="x").set(alternatives=[other]) >> flow.end()
    assert codec.loads(codec.dumps(flow.build())).nodes["it"].alternatives == (other,)


def test_settings_are_those_of_the_document() -> None:
    flow = Flow("Named", commit="strict", env=["HOME"], limits=Limits(supersteps=7), input={"n": 1})
    flow.start >> flow.end()
    settings = flow.build().settings
    assert (settings.commit, settings.env, settings.limits.supersteps) == ("strict", ("HOME",), 7)


def test_a_saved_workflow_is_the_one_that_was_built(tmp_path: Path) -> None:
    flow = Flow("Greet")
    flow.start >> flow.add("hi", "template", text=template("Hi {{ input }}")) >> flow.end()
    path = flow.save(tmp_path / "greet.flow.json")
    assert codec.load_file(path) == flow.build()


def test_it_is_laid_out_and_what_was_moved_by_hand_stays(tmp_path: Path) -> None:
    path = tmp_path / "greet.flow.json"

    def made() -> Flow:
        flow = Flow("Greet")
        flow.start >> flow.add("hi", "set") >> flow.end()
        return flow

    made().save(path)
    first = codec.load_file(path)
    assert len(set(first.view.positions.values())) == 3
    moved = {**first.view.positions, "hi": Position(800, 80)}
    codec.save_file(path, replace(first, view=replace(first.view, positions=moved)))
    again = made()
    again.node("hi") >> again.end("more")
    again.save(path)
    positions = codec.load_file(path).view.positions
    assert positions["hi"] == Position(800, 80)
    assert "more" in positions


def line_of(text: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(
        n for n, line in enumerate(lines, start=1) if text in line and "line_of" not in line
    )


def test_an_unknown_type_names_the_line_and_the_near_one() -> None:
    flow = Flow()
    with pytest.raises(WorkflowError) as caught:
        flow.add("a", "templte")
    where = f"test_builder.py:{line_of('templte')}, node a: "
    assert str(caught.value) == (
        f"{where}The node type templte is not installed. Did you mean template?"
    )


def test_an_unknown_parameter_is_refused_on_its_line() -> None:
    flow = Flow()
    with pytest.raises(WorkflowError, match=r"template has no parameter txt. Did you mean text?"):
        flow.add("a", "template", txt="Hello")


def test_a_key_that_is_taken_names_both_lines() -> None:
    """T57: a duplicate is an error."""
    flow = Flow()
    flow.add("a", "set")
    with pytest.raises(WorkflowError, match=r"The key a is taken by the node of test_builder.py:"):
        flow.add("a", "join")


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 51])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(WorkflowError, match="is no key"):
        Flow().add(key, "set")


def test_an_unknown_port_lists_those_there_are() -> None:
    flow = Flow()
    ask = flow.add("ask", "barrier", title="Go on?")
    with pytest.raises(WorkflowError, match=r"no output port aproved. It has approved, rejected"):
        ask["aproved"] >> flow.end()


def test_a_wire_that_is_not_clear_asks_for_the_port() -> None:
    flow = Flow()
    route = flow.add("route", "switch", cases=[{"name": "a", "when": "input > 1"}])
    with pytest.raises(WorkflowError, match=r'output ports a, else. Say route\["a"\]'):
        route >> flow.end()


def test_the_same_wire_twice_is_refused() -> None:
    flow = Flow()
    end = flow.end()
    flow.start >> end
    with pytest.raises(WorkflowError, match="is there already"):
        flow.start >> end


def test_a_wire_to_another_workflow_is_refused() -> None:
    with pytest.raises(WorkflowError, match="another workflow"):
        Flow().start >> Flow().end()


def test_an_unknown_field_of_a_node_is_refused() -> None:
    with pytest.raises(WorkflowError, match=r"no field on_eror. Did you mean on_error?"):
        Flow().add("a", "set").set(on_eror="fail")  # type: ignore[call-arg] # the mistake


def test_all_problems_come_together_each_with_its_line() -> None:
    """T56."""
    flow = Flow("Broken")
    flow.start >> flow.add("first", "template", text="{{ input. }}")
    flow.start >> flow.add("second", "wait", duration_s="soon")
    with pytest.raises(WorkflowError) as caught:
        flow.build()
    text = str(caught.value)
    assert text.startswith("Broken has 2 problems:")
    assert f"test_builder.py:{line_of('{{ input. }}')}, node first: " in text
    assert f"test_builder.py:{line_of('duration_s')}, node second: " in text


def test_the_types_of_a_wire_are_checked_when_it_is_built() -> None:
    """U4, U118."""
    from engine.flow import node

    @node("my.number")
    def number() -> float:
        return 1.0

    @node("my.rows")
    def rows(input: list[str]) -> int:
        return len(input)

    flow = Flow()
    flow.start >> flow.add("n", number) >> flow.add("rows", rows)
    with pytest.raises(WorkflowError, match=r"n.*number.*list"):
        flow.build()


def test_the_port_reference_is_that_of_the_document() -> None:
    flow = Flow()
    flow.start >> flow.end()
    assert flow.build().edges[0].source == PortRef("start", "out")


def test_what_can_be_named_are_the_fields_of_a_node_and_of_the_settings() -> None:
    of_node = {each.name for each in fields(Node)} - {"key", "type", "version", "params", "extra"}
    assert set(NodeFields.__annotations__) == of_node
    assert set(SettingFields.__annotations__) == {each.name for each in fields(Settings)} - {
        "extra"
    }
