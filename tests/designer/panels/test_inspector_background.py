"""The form for work in the background writes what the document says, and reads it (U58)."""

from __future__ import annotations

from typing import Any

import pytest

from designer.panels.inspector_background import background_attributes
from designer.panels.inspector_spec import UNSET
from engine.model.workflow import InBackground, Node

Json = Any
FIELDS = {each.path: each for each in background_attributes()}
ON = Node(key="n", type="template", background=InBackground())


def test_the_switch_turns_it_on_and_off_and_the_rest_is_shown_only_then() -> None:
    switch = FIELDS["background"]
    off = switch.write(ON, UNSET)
    assert off.background is None and switch.read(off) is UNSET
    assert switch.write(off, True).background == InBackground()
    assert [each.shown(off) for each in FIELDS.values()] == [True] + [False] * 7
    assert all(each.shown(ON) for each in FIELDS.values())


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [("at_end", "cancel", "cancel"), ("limit", 3, 3), ("on_failure", "fail", "fail"),
     ("own_budget", True, True), ("port", "out", "out"), ("stale_s", 60.0, 60.0)],
)  # fmt: skip
def test_a_field_is_written_and_read(field: str, value: Json, wanted: Json) -> None:
    attribute = FIELDS[f"background.{field}"]
    node = attribute.write(ON, value)
    assert getattr(node.background, field) == wanted
    assert attribute.read(node) == value
    again = attribute.write(node, UNSET)
    assert again.background == InBackground() and attribute.read(again) is UNSET


def test_shares_are_written_and_read() -> None:
    attribute = FIELDS["background.budget"]
    node = attribute.write(ON, [{"name": "cost", "amount": 2}])
    assert node.background is not None and node.background.budget == {"cost": 2.0}
    assert attribute.read(node) == [{"name": "cost", "amount": 2.0}]
    with pytest.raises(ValueError, match="one share"):
        attribute.write(ON, [{"name": "cost"}, {"name": "cost"}])
