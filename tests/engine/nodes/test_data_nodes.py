"""Set and Template."""

from __future__ import annotations

import pytest

from engine.model.node_types import NodeFailure, Output
from engine.nodes.set_fields import SET
from engine.nodes.template import TEMPLATE
from tests.engine.nodes.contexts import FakeContext, run_now


def test_set_makes_an_object_of_its_fields() -> None:
    assert run_now(SET, {"fields": {"a": 1, "b": [2]}}) == Output({"out": {"a": 1, "b": [2]}})


def test_set_keeps_the_fields_of_the_input_when_asked_to() -> None:
    before = {"a": 1, "b": 2}
    result = run_now(SET, {"fields": {"b": 3}, "keep_input": True}, FakeContext(input=before))
    assert result == Output({"out": {"a": 1, "b": 3}})
    assert before == {"a": 1, "b": 2}


def test_set_without_fields_hands_on_the_very_same_input() -> None:
    value = {"a": 1}
    result = run_now(SET, {"keep_input": True}, FakeContext(input=value))
    assert isinstance(result, Output)
    assert result.ports["out"] is value


def test_set_cannot_keep_the_fields_of_a_list() -> None:
    with pytest.raises(NodeFailure, match="not an object"):
        run_now(SET, {"fields": {"b": 3}, "keep_input": True}, FakeContext(input=[1]))


def test_template_returns_its_text() -> None:
    assert run_now(TEMPLATE, {"text": "Dear Ada"}) == Output({"out": "Dear Ada"})


def test_template_reads_its_text_as_json_when_asked_to() -> None:
    assert run_now(TEMPLATE, {"text": '{"a": [1]}', "output": "json"}) == Output(
        {"out": {"a": [1]}}
    )


def test_a_template_that_is_no_json_says_so() -> None:
    with pytest.raises(NodeFailure, match="not JSON") as caught:
        run_now(TEMPLATE, {"text": "{a}", "output": "json"})
    assert caught.value.code == "bad_json"
    assert not caught.value.retryable
