"""What every store must do with standing decisions and the record of all of them (U69)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import InvalidCommand
from engine.ids import RequestId
from engine.runtime.ports import RuleRecord, RunStore
from tests.engine.conformance.test_store import STORES
from tests.engine.store.runs import START_S, asked

RULE = RuleRecord(
    id="rule1", workflow_id="w1", workflow="Invoices", choice="approve", by="ann", at=START_S
)


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


def test_a_rule_answers_a_request_until_it_is_revoked(store: RunStore) -> None:
    asked(store)
    assert not store.has_rules()
    assert store.decide_by_rule(RequestId("ask1"), START_S + 1) is None
    store.add_rule(RULE)
    assert store.has_rules()
    decision = store.decide_by_rule(RequestId("ask1"), START_S + 1)
    assert decision is not None
    assert (decision.accepted, decision.choice) == (True, "approve")
    (used,) = store.rules()
    assert used.uses == 1
    assert store.revoke_rule("rule1", "bob", START_S + 2).revoked_by == "bob"
    with pytest.raises(InvalidCommand):
        store.revoke_rule("rule1", "bob", START_S + 3)


def test_the_record_holds_requests_decisions_and_rules(store: RunStore) -> None:
    asked(store)
    store.add_rule(RULE)
    store.decide_by_rule(RequestId("ask1"), START_S + 1)
    assert [entry.kind for entry in store.audit()] == ["request", "rule", "decision"]
    assert store.verify() == []
