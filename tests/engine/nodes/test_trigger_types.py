"""The settings of triggers: what is refused while drawing (U76)."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from engine.model.validation import validate
from engine.nodes.builtin import builtin_registry
from engine.nodes.trigger_event import EventTriggerParams, fits
from engine.nodes.trigger_schedule import ScheduleParams, times_after, times_upto
from tests.engine.flows import flow

REGISTRY = builtin_registry()


@pytest.mark.parametrize(
    ("kind", "params", "why"),
    [
        ("schedule", {"cron": "0 25 * * *"}, "hour '25'"),
        ("schedule", {"timezone": "Nowhere"}, "no time zone"),
        ("schedule", {"every_s": 0.1}, "greater than or equal to 1"),
        ("file", {"pattern": "../*.csv"}, "below the folder"),
        ("file", {"pattern": "/etc/*"}, "below the folder"),
        ("webhook", {"path": "orders"}, "a path is /"),
        ("webhook", {"path": "/a/../b"}, "a path is /"),
        ("webhook", {"check": "hmac"}, "name of the secret"),
        ("event", {"event": ""}, "at least 1"),
        ("event", {"match": "event.n >"}, "column"),
        ("event", {"match": "input.n > 1"}, "only event, no input"),
    ],
)
def test_settings_that_cannot_work_are_refused(kind: str, params: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        REGISTRY.require(f"trigger.{kind}").params.model_validate(params)
    found = validate(flow({"begin": (f"trigger.{kind}", params)}, ""), REGISTRY)
    assert "E004-params" in [each.rule for each in found if each.node == "begin"]


def test_settings_are_constant_for_there_is_no_run_yet() -> None:
    params = {"cron": {"expr": "vars.times"}}
    found = validate(flow({"begin": ("trigger.schedule", params)}, "", vars={"times": "@daily"}),
                     REGISTRY)  # fmt: skip
    assert ("E080-trigger", "params.cron") in [(each.rule, each.field) for each in found]


@pytest.mark.parametrize("armed_at", [0.0, 1_700_000_000.25])
def test_a_distance_is_counted_from_when_it_is_armed(armed_at: float) -> None:
    params = ScheduleParams.model_validate({"every_s": 90.0})
    due = [armed_at + 90 * number for number in range(1, 6)]
    assert list(islice(times_after(params, armed_at, armed_at), 5)) == due
    assert list(islice(times_after(params, due[1], armed_at), 3)) == due[2:]
    assert list(times_upto(params, due[-1] + 1, armed_at)) == due[::-1]


def test_a_condition_sees_the_payload() -> None:
    params = EventTriggerParams.model_validate({"event": "paid", "match": "event.amount > 100"})
    assert [fits(params, {"amount": amount}) for amount in (100, 101)] == [False, True]
    assert fits(EventTriggerParams.model_validate({"event": "paid"}), None)
