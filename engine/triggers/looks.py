"""What a look at a trigger finds, and what becomes of what nobody looked at in time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.nodes.trigger_fields import Missed
from engine.runtime.trigger_ports import Firing, TriggerRecord

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at a trigger has found; stored as one move.

    Attributes:
        seen: up to when it has been looked at. `next_due`: when it fires next, if known.
        memory: what the next look needs. `problem`: why nothing can be seen, or empty.
        again_at: when to look again, in seconds since the epoch; None: when something is new.
    """

    seen: float
    firings: Sequence[Firing] = ()
    next_due: float | None = None
    memory: Json = None
    problem: str = ""
    again_at: float | None = None

    def changes(self, record: TriggerRecord) -> bool:
        """Return whether there is anything to store."""
        return bool(self.firings) or (self.next_due, self.memory, self.problem) != (
            record.next_due,
            record.memory,
            record.problem,
        )


class Eye(Protocol):
    """Looks at one trigger. It may remember what it has seen, and need not."""

    async def first(self, now: float) -> Look:
        """Return where a trigger begins that is armed now; nothing fires."""
        ...

    async def look(self, record: TriggerRecord, now: float) -> Look:
        """Return what is new since the last stored look."""
        ...


@dataclass(slots=True)
class CaughtUp:
    """What is made up for, and how many are passed over."""

    kept: list[Any] = field(default_factory=list)
    passed_over: int = 0


def catch_up(missed: Missed, most: int, late: Sequence[Any]) -> CaughtUp:
    """Choose of what was missed, oldest first: none, the last one, or the last `most`."""
    count = {"skip": 0, "once": 1, "all": most}[missed]
    kept = list(late[-count:]) if count else []
    return CaughtUp(kept, len(late) - len(kept))
