"""What validation says of saving (U94, U97)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.model.codec import dumps, loads
from engine.model.revision import revision_hash
from engine.model.validation import validate
from engine.model.workflow import Meter, Save
from tests.engine.flows import flow, registry

METERS = {"tokens": Meter(limit=10)}


@pytest.mark.parametrize(
    ("save", "place"),
    [
        (Save(when="interval", seconds=0.0), "seconds"),
        (Save(when="adaptive", seconds=float("nan")), "seconds"),
        (Save(on_failure="retry", attempts=0), "attempts"),
        (Save(when="adaptive", meters={"money": 1.0}), "meters.money"),
        (Save(when="adaptive", meters={"tokens": -1.0}), "meters.tokens"),
    ],
)
def test_what_is_wrong_with_saving_is_said(save: Any, place: str) -> None:
    work = flow({"a": "same"}, "", meters=METERS, save=save)
    found = [p for p in validate(work, registry()) if p.rule == "E070-saving"]
    assert [p.field for p in found] == [f"settings.save.{place}"]
    assert found[0].fix


def test_a_workflow_that_says_nothing_of_saving_keeps_its_text_and_revision() -> None:
    plain = flow({"a": "same"}, "")
    said = flow({"a": "same"}, "", save=Save())
    assert dumps(plain) == dumps(said)
    assert b"save" not in dumps(plain)
    assert revision_hash(plain, registry()) == revision_hash(said, registry())


def test_saving_survives_a_round_trip() -> None:
    save = Save(when="adaptive", seconds=2.5, meters={"tokens": 4.0}, on_failure="continue")
    assert loads(dumps(flow({"a": "same"}, "", save=save))).settings.save == save
