"""The status of a run, and the one table of legal transitions (U62)."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run is. Set by the run loop only, at a commit."""

    #: Stored, not started.
    CREATED = "created"
    #: Something is ready or in flight.
    RUNNING = "running"
    #: Only people or time can move it on.
    WAITING = "waiting"
    #: The person holds it; nothing new is started.
    PAUSED = "paused"
    #: Cancel was asked; attempts are being ended.
    CANCELLING = "cancelling"
    #: Final.
    COMPLETED = "completed"
    #: An unhandled failure; can be resumed.
    FAILED = "failed"
    #: Can be resumed.
    CANCELLED = "cancelled"


_R = RunStatus
TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    _R.CREATED: frozenset(
        {_R.RUNNING, _R.WAITING, _R.PAUSED, _R.COMPLETED, _R.CANCELLED, _R.FAILED}
    ),
    _R.RUNNING: frozenset(
        {_R.WAITING, _R.PAUSED, _R.CANCELLING, _R.COMPLETED, _R.FAILED, _R.CANCELLED}
    ),
    _R.WAITING: frozenset(
        {_R.RUNNING, _R.PAUSED, _R.CANCELLING, _R.COMPLETED, _R.FAILED, _R.CANCELLED}
    ),
    _R.PAUSED: frozenset(
        {_R.RUNNING, _R.WAITING, _R.CANCELLING, _R.COMPLETED, _R.FAILED, _R.CANCELLED}
    ),
    _R.CANCELLING: frozenset({_R.CANCELLED}),
    _R.COMPLETED: frozenset(),
    # A later leg begins where the last one has left the run.
    _R.FAILED: frozenset({_R.RUNNING, _R.WAITING, _R.PAUSED}),
    _R.CANCELLED: frozenset({_R.RUNNING, _R.WAITING, _R.PAUSED}),
}

#: The run is over; only failed and cancelled ones may start a new leg.
ENDED = frozenset({_R.COMPLETED, _R.FAILED, _R.CANCELLED})


def can_become(old: RunStatus, new: RunStatus) -> bool:
    """Return whether a run may go from `old` to `new`. Staying is always allowed."""
    return old == new or new in TRANSITIONS[old]
