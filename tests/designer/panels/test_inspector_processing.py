"""Processors and checks are set in the inspector, and nothing else of them is lost (U92)."""

from __future__ import annotations

from designer.panels.inspector_processing import processing_attributes
from designer.panels.inspector_spec import UNSET
from engine.model.workflow import Check, Node, Processing, Processor


def test_they_are_read_and_written_as_cards() -> None:
    before, after, checks = processing_attributes()
    node = Node(key="a", type="set")
    assert [each.read(node) for each in (before, after, checks)] == [UNSET] * 3
    node = before.write(node, [{"expr": "input.x"}, {"template": "{{ input }}"}])
    node = checks.write(node, [{"name": "short", "expr": "output < 3", "then": "warn"}])
    assert node.processing == Processing(
        before=(Processor(expr="input.x"), Processor(template="{{ input }}")),
        checks=(Check(name="short", expr="output < 3", then="warn"),),
    )
    assert checks.read(node) == [{"name": "short", "expr": "output < 3", "then": "warn"}]


def test_what_the_form_does_not_know_stays_and_without_any_there_is_nothing() -> None:
    before, _, checks = processing_attributes()
    given = Processing(before=(Processor(expr="input", extra={"later": 1}),))
    node = Node(key="a", type="set", processing=given)
    edited = before.write(node, [{"expr": "input + 1"}])
    assert edited.processing is not None
    assert edited.processing.before[0].extra == {"later": 1}
    assert checks.write(before.write(node, []), []).processing is None
