"""Schedules: when they fire, once each, and what becomes of what was missed (U75, U76)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import events as ev
from engine.nodes.trigger_schedule import ScheduleParams
from engine.store.sqlite import SqliteStore
from engine.triggers.schedules import due_times
from tests.engine.flows import FakeClock
from tests.engine.triggers.triggering import SOURCE, TriggerBench, triggered

HOUR = 3600.0
#: 2023-11-15 00:00 UTC.
MIDNIGHT = 1_700_006_400.0


def every(seconds: float, **more: object) -> ScheduleParams:
    return ScheduleParams.model_validate({"every_s": seconds, **more})


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@pytest.mark.parametrize(
    ("missed", "times", "passed_over"),
    [
        ("skip", (), 3),
        ("once", (3 * HOUR,), 2),
        ("all", (HOUR, 2 * HOUR, 3 * HOUR), 0),
    ],
)
def test_what_was_missed_is_skipped_or_made_up_for(
    missed: str, times: tuple[float, ...], passed_over: int
) -> None:
    due = due_times(every(HOUR, missed=missed), 0.0, 0.0, 3.5 * HOUR)
    assert (due.times, due.passed_over) == (times, passed_over)


def test_the_last_one_is_not_missed_when_it_is_a_moment_ago() -> None:
    due = due_times(every(HOUR, missed="skip"), 0.0, 0.0, 2 * HOUR + 30)
    assert (due.times, due.passed_over) == ((2 * HOUR,), 1)
    due = due_times(every(HOUR, missed="once"), 0.0, 0.0, 2 * HOUR + 30)
    assert (due.times, due.passed_over) == ((2 * HOUR,), 1)


def test_no_more_is_made_up_for_than_the_limit() -> None:
    due = due_times(every(HOUR, missed="all", most_missed=2), 0.0, 0.0, 9.5 * HOUR)
    assert (due.times, due.passed_over) == ((8 * HOUR, 9 * HOUR), 7)
    year = due_times(every(60, missed="all", most_missed=3), 0.0, 0.0, 365 * 24 * HOUR)
    assert len(year.times) == 4
    assert year.passed_over < 1000


@given(st.lists(st.floats(0.1, 5000.0), max_size=12), st.integers(30, 900))
def test_however_often_one_looks_every_time_fires_once(steps: list[float], distance: int) -> None:
    params, seen, found = every(distance, missed="all", most_missed=1000), 0.0, list[float]()
    for step in steps:
        found += due_times(params, seen, 0.0, seen + step).times
        seen += step
    assert found == [distance * number for number in range(1, int(seen // distance) + 1)]


async def test_a_run_is_started_at_each_time_with_what_it_is_due_for() -> None:
    async with TriggerBench(clock=FakeClock(MIDNIGHT)) as bench:
        workflow = triggered("schedule", {"cron": "0 9 * * *", "timezone": "UTC"})
        (record,) = await bench.triggers.arm(workflow, SOURCE)
        assert record.next_due == MIDNIGHT + 9 * HOUR
        await bench.look(9 * HOUR - 1)
        assert bench.inputs == []
        await bench.look(1)
        await bench.look(0.5)
        await bench.look(24 * HOUR)
        first, second = MIDNIGHT + 9 * HOUR, MIDNIGHT + 33 * HOUR
        assert bench.inputs == [
            {"due": iso(first), "started": iso(first), "missed": 0},
            {"due": iso(second), "started": iso(second + 0.5), "missed": 0},
        ]
        fired = [fact for fact in bench.facts if isinstance(fact, ev.TriggerFired)]
        assert [(each.node, each.kind, each.due_at, each.delay_s) for each in fired] == [
            ("begin", "trigger.schedule", first, 0.0),
            ("begin", "trigger.schedule", second, 0.5),
        ]
        assert bench.triggers.armed()[0].next_due == second + 24 * HOUR


async def test_the_runs_are_of_the_workflow_and_name_their_trigger() -> None:
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("schedule", {"every_s": 60}), SOURCE)
        await bench.look(60)
        (run,) = bench.engine.runs()
        assert (run.trigger, run.source_path, run.status) == ("begin", SOURCE, "completed")
        (firing,) = bench.triggers.firings()
        assert (firing.run, firing.key) == (run.run, f"{bench.clock.now():.3f}")


async def test_after_a_restart_what_was_missed_follows_the_policy(tmp_path: Path) -> None:
    clock = FakeClock()
    workflow = triggered("schedule", {"every_s": HOUR, "missed": "all", "overlap": "parallel"})
    async with TriggerBench(SqliteStore(tmp_path / "runs.sqlite"), clock) as bench:
        await bench.triggers.arm(workflow, SOURCE)
        await bench.look(HOUR)
    clock.advance(2.5 * HOUR)
    async with TriggerBench(SqliteStore(tmp_path / "runs.sqlite"), clock) as bench:
        (record,) = await bench.triggers.arm(workflow, SOURCE)
        assert record.last_fired == clock.now() - 2.5 * HOUR
        bench.ids.skip(500)
        await bench.look()
        assert len(bench.inputs) == 2
        assert [each.delay_s for each in bench.facts if isinstance(each, ev.TriggerFired)] == [
            1.5 * HOUR,
            0.5 * HOUR,
        ]
        await bench.look(0.5 * HOUR)
        assert len(bench.inputs) == 3


async def test_what_was_passed_over_is_told_and_kept() -> None:
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("schedule", {"every_s": HOUR, "missed": "skip"}), SOURCE)
        await bench.look(3.5 * HOUR)
        assert bench.inputs == []
        assert [each.reason for each in bench.triggers.firings()] == [
            "3 missed while nobody served it"
        ]
        assert bench.kinds == ["armed", "skipped"]


async def test_two_processes_that_serve_it_fire_each_time_once(tmp_path: Path) -> None:
    clock, workflow = FakeClock(), triggered("schedule", {"every_s": 60, "overlap": "parallel"})
    stores = [SqliteStore(tmp_path / "runs.sqlite") for _ in range(2)]
    async with TriggerBench(stores[0], clock) as one, TriggerBench(stores[1], clock) as two:
        two.ids.skip(10_000)
        for bench in (one, two):
            await bench.triggers.arm(workflow, SOURCE)
        for number in range(10):
            clock.advance(60)
            for bench in (one, two) if number % 2 else (two, one):
                await bench.look()
        firings = one.triggers.firings()
        assert len(firings) == len({each.due_at for each in firings}) == 10
        assert len(one.inputs) + len(two.inputs) == 10
        assert one.inputs
        assert two.inputs


async def test_while_a_run_goes_on_the_next_time_is_skipped_queued_or_beside_it() -> None:
    found: dict[str, list[str]] = {}
    for overlap in ("skip", "queue", "parallel"):
        params = {"every_s": 60, "overlap": overlap}
        async with TriggerBench() as bench:
            await bench.triggers.arm(triggered("schedule", params, then="ask"), SOURCE)
            for _ in range(3):
                await bench.look(60)
            found[overlap] = bench.statuses
    assert found == {
        "skip": ["started", "skipped", "skipped"],
        "queue": ["started", "waiting", "waiting"],
        "parallel": ["started", "started", "started"],
    }


async def test_what_is_queued_is_started_when_the_run_before_it_has_ended() -> None:
    async with TriggerBench() as bench:
        params = {"every_s": 60, "overlap": "queue"}
        await bench.triggers.arm(triggered("schedule", params, then="ask"), SOURCE)
        for _ in range(2):
            await bench.look(60)
        await bench.engine.cancel(bench.engine.runs()[0].run)
        await bench.look()
        assert bench.statuses == ["done", "started"]


async def test_a_disarmed_one_fires_no_more_and_armed_again_it_begins_anew() -> None:
    async with TriggerBench() as bench:
        workflow = triggered("schedule", {"every_s": 60, "missed": "all"})
        await bench.triggers.arm(workflow, SOURCE)
        assert await bench.triggers.disarm(SOURCE) == 1
        await bench.look(600)
        assert (bench.inputs, bench.triggers.armed()) == ([], [])
        await bench.triggers.arm(workflow, SOURCE)
        await bench.look(60)
        assert len(bench.inputs) == 1
