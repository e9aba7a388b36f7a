"""Which times of a schedule fire at a look. Pure but for the ids of runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from engine.ids import RunId
from engine.nodes import cron
from engine.nodes.trigger_fields import MOST_MISSED
from engine.nodes.trigger_schedule import ScheduleParams, times_after, times_upto
from engine.runtime.trigger_ports import Firing, TriggerRecord
from engine.triggers.looks import Look, catch_up

#: A time that is further back than that was missed, and so is every time but the last one.
GRACE_S = 60.0


@dataclass(frozen=True, slots=True)
class Due:
    """The times that fire, oldest first, and how many were passed over."""

    times: tuple[float, ...]
    passed_over: int = 0


def due_times(params: ScheduleParams, seen: float, armed_at: float, now: float) -> Due:
    """Return which times in ``seen < time <= now`` fire, by the policy for what was missed.

    The last time is not missed if it is at most `GRACE_S` back. No more than a thousand are
    looked at, the last ones.
    """
    on_time: list[float] = []
    late: list[float] = []
    for due in times_upto(params, now, armed_at):
        if due <= seen or len(late) == MOST_MISSED:
            break
        if not (on_time or late) and due >= now - GRACE_S:
            on_time.append(due)
        else:
            late.append(due)
    late.reverse()
    if params.missed == "once" and on_time:  # it makes up for those before it
        return Due(tuple(on_time), len(late))
    caught = catch_up(params.missed, params.most_missed, late)
    return Due((*caught.kept, *on_time), caught.passed_over)


class ScheduleEye:
    """Looks at a schedule."""

    def __init__(self, params: ScheduleParams, run_id: Callable[[float], RunId]) -> None:
        self._params = params
        self._run_id = run_id

    async def first(self, now: float) -> Look:
        """Return when it is due for the first time."""
        return self._look(now, now, ())

    async def look(self, record: TriggerRecord, now: float) -> Look:
        """Return the times that have come since the last look."""
        if record.next_due is not None and now < record.next_due:
            return Look(
                seen=record.seen,
                next_due=record.next_due,
                memory=record.memory,
                again_at=record.next_due,
            )
        due = due_times(self._params, record.seen, record.armed_at, now)
        firings = [
            self._firing(time, now, due.passed_over if place == 0 else 0)
            for place, time in enumerate(due.times)
        ]
        if not firings and due.passed_over:
            firings.append(self._passed_over(due.passed_over, now))
        return self._look(now, record.armed_at, tuple(firings))

    def _look(self, now: float, armed_at: float, firings: tuple[Firing, ...]) -> Look:
        next_due = next(times_after(self._params, now, armed_at), None)
        return Look(seen=now, firings=firings, next_due=next_due, again_at=next_due)

    def _firing(self, due: float, now: float, passed_over: int) -> Firing:
        zone = cron.zone_of(self._params.timezone)
        payload = {
            "due": datetime.fromtimestamp(due, zone).isoformat(),
            "started": datetime.fromtimestamp(now, zone).isoformat(),
            "missed": passed_over,
        }
        return Firing(key=f"{due:.3f}", run=self._run_id(now), due_at=due, payload=payload)

    def _passed_over(self, count: int, now: float) -> Firing:
        reason = f"{count} missed while nobody served it"
        return Firing(key=f"missed {now:.3f}", run=RunId(""), due_at=now, skipped=reason)
