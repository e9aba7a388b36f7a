from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.model.node_types import Answer, NodeFailure, Option, Output, Request, Wait
from engine.nodes.barrier import BARRIER
from tests.engine.nodes.contexts import FakeContext, context, run_now

PAYLOAD = [{"id": 1, "total": 5}]
OPTION = {"key": "ask_back", "title": "Ask back", "needs_comment": True}


def asked(params: Any, value: Any = PAYLOAD) -> Request:
    wait = run_now(BARRIER, params, FakeContext(input=value))
    assert isinstance(wait, Wait)
    assert wait.kind == "approval"
    assert wait.request is not None
    return wait.request


def decided(params: Any, answer: Answer) -> Output:
    wait = Wait(kind="approval", request=asked(params))
    assert BARRIER.resume is not None
    checked = BARRIER.params.model_validate(params)
    result = BARRIER.resume(checked, context(FakeContext(input=PAYLOAD)), wait, answer)
    assert isinstance(result, Output)
    return result


def answer(choice: str, port: str = "", values: Any = PAYLOAD, **more: Any) -> Answer:
    return Answer(kind="decision", choice=choice, port=port, values=values, by="ada", **more)


def test_a_barrier_asks_about_its_input() -> None:
    request = asked({"title": " Pay\n 14?", "body": "Please"})
    assert (request.title, request.body, request.default) == ("Pay 14?", "Please", None)
    assert request.payload is PAYLOAD


def test_a_barrier_asks_about_its_payload_even_if_that_is_null() -> None:
    assert asked({"payload": {"a": 1}}).payload == {"a": 1}
    assert asked({"payload": None}).payload is None


def test_the_request_holds_everything_that_was_set() -> None:
    params = {
        "title": "Pay?",
        "view": "table",
        "editable": ["total"],
        "form": {"type": "array"},
        "options": [OPTION],
        "assignees": ["ada", "bob"],
        "quorum": 2,
        "timeout_s": "8 h",
        "default": "expire",
        "guards": ["budget"],
        "reroute_to": ["check"],
    }
    option = Option(key="ask_back", title="Ask back", port="ask_back", needs_comment=True)
    assert asked(params) == Request(
        title="Pay?",
        payload=PAYLOAD,
        view="table",
        editable=("total",),
        form={"type": "array"},
        options=(option,),
        assignees=("ada", "bob"),
        quorum=2,
        timeout_s=28_800,
        default="expire",
        guards=("budget",),
        reroute_to=("check",),
    )


def test_approving_sends_on_the_payload_itself() -> None:
    result = decided({}, answer("approve", "approved"))
    assert list(result.ports) == ["approved"]
    assert result.ports["approved"] is PAYLOAD
    assert result.note == "approve by ada"


def test_modifying_sends_on_the_edited_payload() -> None:
    edited = [{"id": 1, "total": 4}]
    assert decided({}, answer("modify", "approved", edited)).ports == {"approved": edited}


def test_rejected_barrier_takes_the_rejected_port_with_the_reason() -> None:
    result = decided({}, answer("reject", "rejected", comment="too much"))
    assert result.ports == {
        "rejected": {"choice": "reject", "comment": "too much", "by": "ada", "payload": PAYLOAD}
    }


def test_an_extra_answer_takes_its_own_port() -> None:
    result = decided({"options": [OPTION]}, answer("ask_back", "ask_back", comment="why?"))
    assert result.ports["ask_back"]["comment"] == "why?"


def test_rerouting_goes_to_the_chosen_node_only() -> None:
    params = {"reroute_to": ["check"]}
    result = decided(params, answer("reroute", to="check"))
    assert (result.ports, result.route) == ({"rerouted": PAYLOAD}, ("check",))
    assert decided(params, answer("reroute", "approved", to="check")).ports == {"approved": PAYLOAD}


@pytest.mark.parametrize(
    ("default", "port"), [("reject", "rejected"), ("approve", "approved"), ("expire", "expired")]
)
def test_at_the_deadline_the_default_decides(default: str, port: str) -> None:
    params = {"timeout_s": 60, "default": default}
    assert list(decided(params, Answer(kind="due")).ports) == [port]


def test_at_the_deadline_a_barrier_may_fail() -> None:
    with pytest.raises(NodeFailure, match="nobody has decided"):
        decided({"timeout_s": 60, "default": "fail"}, Answer(kind="due"))


@pytest.mark.parametrize(
    ("params", "ports"),
    [
        ({}, ["approved", "rejected"]),
        ({"default": "expire"}, ["approved", "rejected", "expired"]),
        ({"options": [OPTION, {}, {"key": "approved"}]}, ["approved", "rejected", "ask_back"]),
        ({"reroute_to": ["x"]}, ["approved", "rejected", "rerouted"]),
    ],
)
def test_the_ports_of_a_barrier_are_its_answers(params: Any, ports: list[str]) -> None:
    assert [port.name for port in BARRIER.ports(params).outputs] == ports


@pytest.mark.parametrize(
    "params",
    [
        {"options": [OPTION, OPTION]},
        {"options": [{"key": "approve"}]},
        {"options": [{"key": "rejected"}]},
        {"options": [{"key": "with space"}]},
        {"assignees": ["ada"], "quorum": 2},
        {"timeout_s": 0},
        {"default": "escalate"},
    ],
)
def test_a_barrier_that_cannot_be_answered_is_refused(params: Any) -> None:
    with pytest.raises(ValidationError):
        BARRIER.params.model_validate(params)


def test_the_decision_is_handed_on_where_that_is_asked_for() -> None:
    output = decided({"record": True}, answer("approve", comment="fine", at=5.0))
    assert output.ports["approved"] == PAYLOAD
    known = {"choice": "approve", "comment": "fine", "by": "ada", "at": 5.0}
    assert output.ports["decision"] == known
    assert [port.name for port in BARRIER.ports({"record": True}).outputs][-1] == "decision"
