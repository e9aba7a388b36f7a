"""What every store must do with triggers and their firings (U76)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from engine.ids import RunId
from engine.runtime.ports import RunStore, SignalRecord
from engine.runtime.trigger_ports import (
    KEPT_FIRINGS,
    Firing,
    FiringRecord,
    FiringStatus,
    TriggerMove,
    TriggerRecord,
)
from engine.state.status import RunStatus
from engine.store.leases import current_holder
from engine.store.sqlite import SqliteStore
from tests.engine.conformance.test_store import STORES
from tests.engine.store.runs import DEAD, START_S, run_record

HERE = current_holder()


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


def trigger(node: str = "daily", **changes: Any) -> TriggerRecord:
    record = TriggerRecord(
        source="/flows/a.flow.json",
        node=node,
        type="trigger.schedule",
        workflow_id="w1",
        workflow="Invoices",
        settings={"cron": "@daily"},
        overlap="parallel",
        armed_at=START_S,
        seen=START_S,
        next_due=START_S + 60,
        memory={"after": 3},
    )
    return replace(record, **changes)


def firing(key: str = "k1", **changes: Any) -> Firing:
    return replace(Firing(key=key, run=RunId(f"run-{key}"), due_at=START_S, payload=[key]),
                   **changes)  # fmt: skip


def statuses(store: RunStore) -> Sequence[str]:
    return [each.status for each in store.firings()][::-1]


def claimed(store: RunStore, number: int) -> FiringRecord | None:
    return store.claim_firing(number, HERE, START_S)


def started(store: RunStore, number: int, status: RunStatus = RunStatus.RUNNING) -> FiringRecord:
    found = claimed(store, number)
    assert found is not None
    store.create_run(run_record(found.run, status=status))
    store.settle_firing(found.number, "started")
    return found


def test_a_trigger_comes_back_as_it_was_armed(store: RunStore) -> None:
    armed = store.arm(trigger())
    assert armed == trigger(number=armed.number)
    assert store.triggers() == [armed]


def test_armed_again_it_keeps_how_far_it_has_got(store: RunStore) -> None:
    number = store.arm(trigger()).number
    move = TriggerMove(turn=0, seen=START_S + 60, next_due=START_S + 120, memory=None)
    assert store.fire(number, START_S + 60, [], move) == []
    again = store.arm(trigger(workflow="Renamed", armed_at=START_S + 90, seen=START_S + 90))
    assert (again.seen, again.next_due, again.turn) == (START_S + 60, START_S + 120, 1)
    assert (again.number, again.workflow) == (number, "Renamed")


@pytest.mark.parametrize("change", [{"settings": {"cron": "@hourly"}}, {"type": "trigger.file"}])
def test_with_other_settings_it_begins_anew(store: RunStore, change: dict[str, Any]) -> None:
    number = store.arm(trigger()).number
    store.fire(number, START_S, [], TriggerMove(turn=0, seen=START_S + 60))
    again = store.arm(trigger(seen=START_S + 90, **change))
    assert (again.number, again.seen, again.memory) == (number, START_S + 90, {"after": 3})
    assert again.turn == 2


def test_a_disarmed_one_fires_no_more_until_it_is_armed(store: RunStore) -> None:
    number = store.arm(trigger()).number
    store.arm(trigger("other"))
    store.fire(number, START_S, [firing()])
    assert store.disarm("/flows/a.flow.json", keep=["other"]) == 1
    assert [each.armed for each in store.triggers()] == [False, True]
    assert store.fire(number, START_S, [firing("k2")]) is None
    assert statuses(store) == ["skipped"]
    assert store.arm(trigger(seen=START_S + 5)).seen == START_S + 5


def test_a_move_is_made_once(store: RunStore) -> None:
    number = store.arm(trigger()).number
    move = TriggerMove(turn=0, seen=START_S + 60, memory={"after": 4}, problem="no folder")
    assert len(store.fire(number, START_S + 60, [firing()], move) or []) == 1
    assert store.fire(number, START_S + 60, [firing("k2")], move) is None
    (stored,) = store.triggers()
    assert (stored.turn, stored.memory, stored.problem) == (1, {"after": 4}, "no folder")
    assert stored.last_fired == START_S + 60
    assert [each.key for each in store.firings()] == ["k1"]


def test_of_many_that_look_at_once_one_moves_it(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "runs.sqlite") for _ in range(4)]
    number = stores[0].arm(trigger()).number
    move = TriggerMove(turn=0, seen=START_S + 60)
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(store.fire, number, START_S, [firing(f"k{place}")], move)
            for place, store in enumerate(stores)
        ]
    assert sum(job.result() is not None for job in jobs) == 1
    assert len(stores[0].firings()) == 1
    for store in stores:
        store.close()


def test_a_key_is_fired_once(store: RunStore) -> None:
    number = store.arm(trigger()).number
    (first,) = store.fire(number, START_S, [firing()]) or []
    (second,) = store.fire(number, START_S + 9, [firing(run=RunId("another"))]) or []
    assert second == first
    assert (first.run, first.status, first.at) == ("run-k1", "waiting", START_S)


def test_a_claimed_one_has_its_payload_until_it_is_started(store: RunStore) -> None:
    number = store.arm(trigger()).number
    store.fire(number, START_S, [firing()])
    found = claimed(store, number)
    assert found is not None
    assert (found.payload, found.status) == (["k1"], "claimed")
    assert claimed(store, number) is None
    store.settle_firing(found.number, "refused", "the store is full")
    assert [(each.status, each.reason) for each in store.firings()] == [
        ("refused", "the store is full")
    ]


def test_in_parallel_each_is_started_at_once(store: RunStore) -> None:
    number = store.arm(trigger()).number
    store.fire(number, START_S, [firing("a"), firing("b")])
    assert [started(store, number).key for _ in range(2)] == ["a", "b"]
    assert [each.key for each in store.open_firings()] == ["a", "b"]


def test_in_a_queue_the_next_is_started_when_the_last_has_ended(store: RunStore) -> None:
    number = store.arm(trigger(overlap="queue")).number
    store.fire(number, START_S, [firing("a"), firing("b"), firing("c")])
    started(store, number)
    assert claimed(store, number) is None
    store.delete_run(RunId("run-a"))
    assert started(store, number, RunStatus.COMPLETED).key == "b"
    assert started(store, number).key == "c"
    assert statuses(store) == ["done", "done", "started"]


def test_what_comes_while_one_goes_on_is_skipped_with_the_reason(store: RunStore) -> None:
    number = store.arm(trigger(overlap="skip")).number
    store.fire(number, START_S, [firing("a"), firing("b")])
    started(store, number)
    assert claimed(store, number) is None
    assert statuses(store) == ["started", "skipped"]
    assert "still going on" in store.firings()[0].reason


def test_one_whose_process_died_before_there_was_a_run_is_started_by_another(
    store: RunStore,
) -> None:
    number = store.arm(trigger(overlap="queue")).number
    store.fire(number, START_S, [firing("a"), firing("b")])
    lost = store.claim_firing(number, DEAD, START_S)
    again = claimed(store, number)
    assert lost is not None
    assert again == lost
    assert claimed(store, number) is None


def test_one_whose_process_died_after_there_was_a_run_is_not_started_twice(
    store: RunStore,
) -> None:
    number = store.arm(trigger()).number
    store.fire(number, START_S, [firing("a")])
    assert store.claim_firing(number, DEAD, START_S)
    store.create_run(run_record("run-a", status=RunStatus.RUNNING))
    assert claimed(store, number) is None
    assert statuses(store) == ["started"]


def test_old_firings_are_forgotten_but_for_those_that_are_open(store: RunStore) -> None:
    number = store.arm(trigger()).number
    store.fire(number, START_S, [firing("open")])
    over = [firing(f"s{place}", skipped="too late") for place in range(KEPT_FIRINGS + 5)]
    store.fire(number, START_S, over)
    kept = store.firings(number, limit=10_000)
    assert len(kept) == KEPT_FIRINGS + 1
    assert (kept[-1].key, kept[0].key, kept[0].reason) == ("open", over[-1].key, "too late")


def test_events_to_all_runs_are_found_after_a_number(store: RunStore) -> None:
    assert store.last_signal() == 0
    sent = [
        store.add_signal(
            SignalRecord(id=f"s{place}", name="paid", payload=place, at=START_S, run=run,
                         expires_at=START_S + ends)
        )
        for place, (run, ends) in enumerate([("", 60), ("other", 60), ("", 5), ("", 60)])
    ]  # fmt: skip
    assert store.last_signal() == sent[-1].number
    found = store.broadcasts(sent[0].number, START_S + 10)
    assert [each.id for each in found] == ["s3"]


def test_every_status_is_one_that_a_store_gives(store: RunStore) -> None:
    number = store.arm(trigger()).number
    for status in get_args(FiringStatus):
        store.fire(number, START_S, [firing(status)])
        row = store.firings(limit=1)[0]
        store.settle_firing(row.number, status)
    assert set(statuses(store)) == set(get_args(FiringStatus))
