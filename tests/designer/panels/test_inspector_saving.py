"""The forms for saving and for kept results write and read the document (U89, U94)."""

from __future__ import annotations

from typing import Any

import pytest

from designer.panels.inspector_behaviour import data_attributes
from designer.panels.inspector_spec import UNSET
from designer.panels.inspector_workflow import _running_attributes
from engine.model.workflow import Cache, Node, Save, Workflow

NODE = {each.path: each for each in data_attributes(())}
FLOW = {each.path: each for each in _running_attributes()}
ON = Node(key="n", type="template", cache=Cache())


def test_keeping_results_is_switched_on_and_off() -> None:
    switch, off = NODE["cache"], Node(key="n", type="template")
    assert switch.read(off) is UNSET
    assert switch.write(off, True).cache == Cache()
    assert switch.write(ON, UNSET).cache is None
    assert [NODE[f"cache.{name}"].shown(off) for name in ("ttl_s", "despite_effects")] == [
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("field", "value", "wanted"), [("ttl_s", 3600, 3600), ("despite_effects", True, True)]
)
def test_how_long_and_despite_what_they_are_kept(field: str, value: Any, wanted: Any) -> None:
    attribute = NODE[f"cache.{field}"]
    made = attribute.write(ON, value)
    assert attribute.shown(made)
    assert getattr(made.cache, field) == wanted == attribute.read(made)
    assert attribute.write(made, UNSET).cache == Cache()


@pytest.mark.parametrize(
    ("field", "value"), [("when", "adaptive"), ("seconds", 30), ("on_failure", "continue")]
)
def test_saving_is_set_and_goes_back_to_its_default(field: str, value: Any) -> None:
    attribute, plain = FLOW[f"settings.save.{field}"], Workflow(id="w")
    made = attribute.write(plain, value)
    assert getattr(made.settings.save, field) == value == attribute.read(made)
    assert attribute.write(made, UNSET).settings.save == Save()
    assert attribute.read(plain) is UNSET


def test_a_time_is_asked_for_only_where_it_means_something() -> None:
    seconds, when = FLOW["settings.save.seconds"], FLOW["settings.save.when"]
    plain = Workflow(id="w")
    assert not seconds.shown(plain)
    assert seconds.shown(when.write(plain, "interval"))
    assert not seconds.shown(when.write(plain, "at_end"))
