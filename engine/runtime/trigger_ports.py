"""What the store keeps of armed triggers and of their firings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from engine.ids import RunId
from engine.runtime.holders import Holder

Json = Any

#: ``waiting``: to be started. ``claimed``: a process is about to start it. ``started``: its
#: run is in the store. ``done``: its run has ended. ``skipped`` and ``refused``: see `reason`.
FiringStatus = Literal["waiting", "claimed", "started", "done", "skipped", "refused"]
#: Firings that are over and are kept, for each trigger.
KEPT_FIRINGS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRecord:
    """An armed trigger: a node of a workflow in a file.

    Attributes:
        source: path of the file. `settings`: the node's parameters as they are written.
        overlap: what becomes of a firing while a run of it goes on: ``skip queue parallel``.
        armed: whether it is to fire. `armed_at`: since when, in seconds since the epoch.
        seen: up to when it has been looked at. `next_due`: when it fires next, if known.
        memory: what else it needs to see what is new: files, or the number of an event.
        turn: rises whenever one of those changes.
        problem: why it cannot see anything at the moment, or empty.
        number: its place in the store; 0 before it is stored.
    """

    source: str
    node: str
    type: str
    workflow_id: str
    workflow: str
    settings: Mapping[str, Json]
    overlap: str
    armed_at: float
    seen: float
    armed: bool = True
    next_due: float | None = None
    last_fired: float | None = None
    memory: Json = None
    turn: int = 0
    problem: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One firing of a trigger that is to be stored.

    Attributes:
        key: tells it from every other firing of the trigger: one of the same key is the same.
        run: id that its run will have. `payload`: its input.
        due_at: when it was due, in seconds since the epoch.
        skipped: why nothing is started, or empty.
    """

    key: str
    run: RunId
    due_at: float
    payload: Json = None
    skipped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringRecord:
    """A firing as it is stored. `payload` is kept until its run has it."""

    number: int
    trigger: int
    key: str
    run: RunId
    at: float
    due_at: float
    status: FiringStatus
    reason: str = ""
    payload: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMove:
    """How far a trigger has got; stored together with the firings that come of it.

    Attributes:
        turn: the one that it was worked out from; if there is another one by now, somebody
            else has done it, and nothing is stored.
    """

    turn: int
    seen: float
    next_due: float | None = None
    memory: Json = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OpenFiring:
    """A firing that is not over.

    Attributes:
        run: how its run is: ``none`` in the store, ``open`` or ``ended``.
        is_held: the process that has claimed it is alive.
    """

    number: int
    status: FiringStatus
    run: Literal["none", "open", "ended"]
    is_held: bool = False


@dataclass(slots=True)
class Choice:
    """What is to be done with the open firings of one trigger."""

    claim: int | None = None
    done: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)


def choose(overlap: str, firings: Sequence[OpenFiring]) -> Choice:
    """Return which firing is to be started now, of those that are open, oldest first. Pure.

    One whose process died before its run was in the store is started again, with the same
    id for its run, whatever the others do.
    """
    choice = Choice()
    lost: list[int] = []
    waiting: list[int] = []
    is_busy = False
    for each in firings:
        if each.status == "waiting":
            waiting.append(each.number)
        elif each.run == "ended" or (each.status == "started" and each.run == "none"):
            choice.done.append(each.number)
        elif each.run == "none" and not each.is_held:
            lost.append(each.number)
        else:
            is_busy = True
            if each.status == "claimed" and each.run == "open":
                choice.started.append(each.number)
    if lost:
        choice.claim = lost[0]
    elif waiting and (overlap == "parallel" or not is_busy):
        choice.claim = waiting[0]
    elif overlap == "skip" and is_busy:
        choice.skipped = waiting
    return choice


class TriggerStore(Protocol):
    """Keeps armed triggers and their firings; a part of `engine.runtime.ports.RunStore`."""

    def arm(self, trigger: TriggerRecord) -> TriggerRecord:
        """Store an armed trigger and return it with its number.

        One that is armed already, with the same type and settings, keeps how far it has got.
        """
        ...

    def disarm(self, source: str, *, keep: Sequence[str] = ()) -> int:
        """Disarm the triggers of a file but for the nodes in `keep`; return how many."""
        ...

    def triggers(self) -> list[TriggerRecord]:
        """Return all triggers, those that are disarmed too, by file and node."""
        ...

    def fire(
        self, trigger: int, at: float, firings: Sequence[Firing], move: TriggerMove | None = None
    ) -> list[FiringRecord] | None:
        """Store firings and how far the trigger has got, durably, in one transaction.

        Returns:
            The firings of those keys, those that were there already as they are, or None when
            somebody else has moved the trigger, or it is armed no longer: nothing is stored.
        """
        ...

    def claim_firing(self, trigger: int, holder: Holder, now: float) -> FiringRecord | None:
        """Take the firing that is to be started next, if there is one (see `choose`)."""
        ...

    def settle_firing(self, number: int, status: FiringStatus, reason: str = "") -> None:
        """Say what became of a firing that was claimed."""
        ...

    def firings(self, trigger: int | None = None, *, limit: int = 100) -> list[FiringRecord]:
        """Return firings, newest first, without their payloads."""
        ...

    def open_firings(self) -> list[FiringRecord]:
        """Return the firings that are waiting, claimed or started, without their payloads."""
        ...


@dataclass(frozen=True, slots=True)
class TriggerNews:
    """Something that a person who watches the triggers wants to know.

    Attributes:
        kind: ``armed disarmed fired skipped refused problem resumed``.
        run: that was started or taken over, or empty.
    """

    kind: str
    trigger: TriggerRecord
    text: str = ""
    run: str = ""
    firing: FiringRecord | None = None
