from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.model.node_types import Request
from engine.runtime.ports import DecisionRecord
from engine.store.requests import new_decision
from engine.store.verdicts import Verdict, verdict
from tests.engine.store.runs import decide, request_record

OPEN = request_record(content=Request(title="t", quorum=2))


def voice(by: str, choice: str = "approve", **changes: Any) -> DecisionRecord:
    command = decide(choice=choice, by=by, **changes)
    return new_decision(OPEN, command, 1.0, Verdict(accepted=True))


def test_two_persons_with_different_answers_are_no_quorum() -> None:
    found = verdict(OPEN, decide(by="bob", choice="hold"), [voice("ann")])
    assert found == Verdict(accepted=True, decides=False)


def test_two_persons_who_edited_differently_are_no_quorum() -> None:
    earlier = [voice("ann", "modify", values=[1])]
    assert not verdict(OPEN, decide(by="bob", choice="modify", values=[2]), earlier).decides
    assert verdict(OPEN, decide(by="bob", choice="modify", values=[1]), earlier).decides


def test_refused_voices_do_not_count() -> None:
    earlier = [replace(voice("ann"), accepted=False)]
    assert not verdict(OPEN, decide(by="bob"), earlier).decides


def test_who_approved_may_still_reject() -> None:
    assert verdict(OPEN, decide(by="ann", choice="reject"), [voice("ann")]).decides


def test_a_closed_request_is_late_before_it_is_stale() -> None:
    closed = replace(OPEN, status="expired")
    assert verdict(closed, decide(digest="other"), []).reason == "late"
