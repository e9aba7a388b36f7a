"""What came of an attempt, as a value that can be journalled."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from engine.events import ErrorInfo
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import (
    Abort,
    Child,
    Fallback,
    More,
    Output,
    Result,
    Signal,
    Skip,
    Wait,
    WriteOp,
)

Json = Any


class Taken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decision that ended a barrier, for the events of the commit that admits it."""

    decision: int
    request: RequestId
    choice: str
    by: str
    through: str
    comment: str = ""
    changed: tuple[str, ...] = ()
    delay_s: float = 0.0
    expired: bool = False


class Heard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The event that ended a wait, for the events of the commit that admits it."""

    number: int
    signal: str
    name: str
    by: str = ""
    through: str = ""
    delay_s: float = 0.0


class ChildMade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A child run that is stored, for the events of the commit that starts it."""

    run: RunId
    workflow: str
    revision: str
    mode: str


class ChildEnd(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a run ended that a task waits for, or that is tracked; `used`: of its meters."""

    run: RunId
    status: str
    result: Json = None
    reason: str = ""
    used: dict[str, float] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finished attempt, or one ended wait.

    Attributes:
        kind: which of the other fields count; of a ``timer`` none does, and `task` is its name.
            An ``item`` is no end: its `ports` are what a stream has brought to a For each
            (``items``), how many are worked on at once (``limit``) and where the stream goes on
            (``position``); its `wait` is what the next one is waited for with.
        ports: output port to value. `writes`: (channel, op, value) in order.
        memory: (new memory,) or empty to keep the old one.
        text: note, or reason of a fallback, skip or abort.
        taken: the decision that ended the wait. `due`: time ended it. `heard`: an event did.
        signals: the events that it sends. `child`: the run that it asks for; `made`: the
            one that it has got. `child_end`: the run that ended its wait.
        recorded: the result comes from the journal or from a recording.
        names: in a recording: output port to the name that its value was given.
        notes: what the person should know of how it came about.
        how: of a cancelled task: see `TaskCancelled`. `zones`: For eachs that start no more.
        allowed: invariants that a person lets it break.
        spent: what it has used of the meters, as far as it is known.
        wanted: for ``reserve``: what is to be reserved before the attempt.
        grant: for ``woken``: what a person answered for a budget: (choice, limit).
        gated: the node did not run; `ports` are those of its last time.
        keys: for ``turn``: of the buckets that the node takes a token from.
        cached: it did not run: `ports` and `writes` are those of this run, for equal work.
        more: items that it adds to the For each around it.
        checked: of each check of the output: its name, ``ok warned refused``, the message.
    """

    task: TaskId
    kind: Literal[
        "output", "item", "wait", "fallback", "skip", "abort", "error", "woken", "reserve",
        "turn", "timer",
        "cancelled",
        "ended",
    ]  # fmt: skip
    attempt: int = 1
    duration_s: float = 0.0
    ports: dict[str, Json] = {}
    writes: tuple[tuple[str, str, Json], ...] = ()
    route: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    memory: tuple[Json, ...] = ()
    text: str = ""
    wait: Wait | None = None
    error: ErrorInfo | None = None
    taken: Taken | None = None
    due: bool = False
    recorded: bool = False
    names: dict[str, str] = {}
    how: str = ""
    notes: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    spent: dict[str, float] = {}
    wanted: dict[str, float] = {}
    grant: tuple[str, float] | None = None
    gated: bool = False
    cached: str = ""
    heard: Heard | None = None
    signals: tuple[Signal, ...] = ()
    child: Child | None = None
    made: ChildMade | None = None
    child_end: ChildEnd | None = None
    more: tuple[Json, ...] = ()
    keys: tuple[str, ...] = ()
    checked: tuple[tuple[str, str, str], ...] = ()


def from_result(
    task: TaskId,
    result: Result,
    *,
    attempt: int,
    duration_s: float,
    writes: tuple[WriteOp, ...] = (),
    taken: Taken | None = None,
    due: bool = False,
) -> Outcome:
    """Return the outcome of a node function that returned `result`."""
    if isinstance(result, Output):
        ops = [*result.writes, *writes] if result.writes or writes else ()
        return Outcome(
            task=task,
            kind="output",
            attempt=attempt,
            duration_s=duration_s,
            ports=dict(result.ports),
            writes=tuple([(op.channel, op.op, op.value) for op in ops]) if ops else (),
            route=result.route,
            also=result.also,
            memory=() if result.memory is None else (result.memory,),
            text=result.note,
            taken=taken,
            due=due,
            signals=result.signals,
            child=result.child,
            more=result.more,
        )
    common: dict[str, Any] = {
        "task": task,
        "attempt": attempt,
        "duration_s": duration_s,
        "taken": taken,
        "due": due,
    }
    match result:
        case More():
            ports: dict[str, Json] = {"items": list(result.items), "limit": result.limit}
            return Outcome(kind="item", ports=ports, wait=result.wait, **common)
        case Wait():
            return Outcome(kind="wait", wait=result, child=result.child, **common)
        case Fallback(reason):
            return Outcome(kind="fallback", text=reason, **common)
        case Skip(reason):
            return Outcome(kind="skip", text=reason, **common)
        case Abort(reason):
            return Outcome(kind="abort", text=reason, **common)


def failed(
    task: TaskId,
    error: ErrorInfo,
    *,
    attempt: int,
    duration_s: float,
    taken: Taken | None = None,
) -> Outcome:
    """Return the outcome of an attempt that failed."""
    return Outcome(
        task=task,
        kind="error",
        attempt=attempt,
        duration_s=duration_s,
        error=error,
        taken=taken,
    )


def ending_the_same(outcome: Outcome, instead: Outcome) -> Outcome:
    """Return what is admitted in place of an outcome: what ended the wait has ended it.

    What the attempt has used is used.
    """
    return msgspec.structs.replace(
        instead,
        taken=outcome.taken,
        heard=outcome.heard,
        child_end=outcome.child_end,
        spent=outcome.spent,
    )
