"""What a click does about a problem: it is gone then, nothing else is worse, and undo undoes it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from engine.model.changes import apply, invert
from engine.model.diagnostics import Severity
from engine.model.mending import mending
from engine.model.validation import validate
from engine.model.workflow import Channel, RetryPolicy, Workflow
from tests.engine.flows import flow
from tests.engine.model.documents import workflows
from tests.engine.model.kit import KIT
from tests.engine.model.tricky import ALL_CASES, BARRIER, REGISTRY, SWITCH, join, step

NO_ELSE: Any = ("switch", {"cases": [{"name": "a", "when": "input"}], "otherwise": False})
POST: Any = ("http.request", {"url": "http://x", "method": "POST", "send_idempotency_key": False},
             {"retry": RetryPolicy(attempts=3)})  # fmt: skip
M = {"m": "trigger.manual", "z": "end"}
CASES: dict[str, tuple[Workflow, str, str]] = {
    "else": (flow({**M, "s": NO_ELSE}, "m > s, s.a > z"), "E042", "Add an Else"),
    "else of an item": (
        flow({**M, "f": "for_each", "s": NO_ELSE, "c": "collect"},
             "m > f, f.item > s, s.a > c, c > z"), "E042", "Add an Else",
    ),
    "else that leads nowhere": (
        flow({**M, "s": SWITCH}, "m > s, s.a > z, s.b > z"), "W102", "Connect else",
    ),
    "conditions": (
        flow({**M, "a": step()}, "m > a, a > z [input]"), "W102", "Add a way for the rest",
    ),
    "items": (
        flow({**M, "f": "for_each", "a": step(), "c": "collect"},
             "m > f, f.item > a [input], a > c, c > z"), "W102", "Add a way for the rest",
    ),
    "rejected": (flow({**M, "q": BARRIER}, "m > q, q.approved > z"), "W106", "Connect rejected"),
    "never fills": (
        flow({**M, "s": SWITCH, "x": step(), "y": step(), "j": join()},
             "m > s, s.a > x, s.b > y, s.else > z, x > j, y > j, j > z"),
        "E017", "Wait for all that are active",
    ),
    "too many": (
        flow({**M, "x": step(), "j": join("n_of_m", n=4)}, "m > x, m > j, x > j, j > z"),
        "E017", "Wait for all that are active",
    ),
    "circle": (
        flow({**M, "a": join("no_more"), "b": join("no_more"), "s": ALL_CASES},
             "m > a, m > b, a > b, b > s, s.a > a, s.b > z, s.else > z"),
        "E040", "Wait for all that are active",
    ),
    "setting": (
        flow({**M, "x": step(), "j": join("all_active", rest="queue")},
             "m > x, m > j, x > j, j > z"),
        "W140", "Leave rest out",
    ),
    "false": (
        flow({**M, "a": step(), "b": step()}, "m > a, a > z, a > b [False], m > b, b > z"),
        "W108", "Remove the wire",
    ),
    "channel": (flow(M, "m > z", channels=[Channel(name="c")]), "I203", "Remove the channel"),
    "key": (flow({**M, "a": POST}, "m > a, a > z"), "W105", "Send an idempotency key"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_a_click_mends_the_problem_makes_nothing_worse_and_can_be_undone(name: str) -> None:
    work, rule, words = CASES[name]
    before = validate(work, REGISTRY)
    [problem] = [each for each in before if each.rule.startswith(rule)]
    found = mending(work, REGISTRY, problem)
    assert found is not None and found.words == words
    after = apply(work, found.change)
    left = validate(after, REGISTRY)
    assert not [each for each in left if each.rule.startswith(rule)]
    serious = {each.rule for each in left if each.severity is not Severity.INFO}
    assert serious <= {each.rule for each in before}
    assert apply(after, invert(work, found.change)) == work


def test_where_a_person_has_to_choose_nothing_is_offered() -> None:
    work = flow({**M, "a": ("shell.command", {"command": ["x"]}, {"retry": RetryPolicy()}),
                 "b": step(), "c": step()}, "m > a, a > z, b > c, c > b")  # fmt: skip
    found = validate(work, REGISTRY)
    assert {"E016-endless-cycle", "E018-waiting-circle", "W105-repeated-effect"} <= {
        each.rule for each in found
    }
    assert not any(mending(work, REGISTRY, each) for each in found)


@settings(max_examples=60)
@given(workflows())
def test_whatever_a_document_holds_what_is_offered_can_be_done(workflow: Workflow) -> None:
    for problem in validate(workflow, KIT):
        found = mending(workflow, KIT, problem)
        if found is not None:
            apply(workflow, found.change)
