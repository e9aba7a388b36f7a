"""What happened (facts) and what is happening (updates): two closed unions.

Facts are stored in the transaction of their commit, in order and without gaps, then
published. Updates are never stored and may be dropped. The pure core makes bare
events; the run loop stamps them with run, sequence number and time as `Recorded`.

They are msgspec structs rather than dataclasses: building one is several times
cheaper and they are stored as short arrays (docs/adr/0003-events.md).
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.ids import NodeKey, Path, RequestId, RunId, TaskId
from engine.stops import Breakpoint

Json = Any  # a JSON value: None, bool, int, float, str, list or dict of them


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A failure as a value (U83).

    Attributes:
        code: a short stable word: ``timeout http_status condition cancelled limit...``
        message: one sentence for the person.
        node, path, attempt: where it happened; attempts count from 1.
        kind: the class name of the exception, for ``retry on``.
        retryable: whether trying again may help.
        nothing_happened: the error proves that no side effect took place.
        retry_after_s: the delay that the other side asked for.
        causes: messages of the chain of causes, outermost first.
        details: small JSON with more facts (status code, stderr tail...).
    """

    code: str
    message: str
    node: NodeKey = ""
    path: Path = ()
    attempt: int = 1
    kind: str = ""
    retryable: bool = True
    nothing_happened: bool = False
    retry_after_s: float | None = None
    causes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    details: Json = None


class Event(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=True, gc=False):
    """Base of all facts.

    They are never part of a cycle, so that the garbage collector need not look at them.
    """


class RunStarted(Event, frozen=True):
    """The run exists. The first event of every run, at commit 0."""

    workflow: str  # name
    workflow_id: str
    revision: str
    input: Json
    seed: int
    engine: str
    parent: tuple[RunId, int] | None = None
    edited: tuple[str, ...] = ()  # channels edited by a fork
    session: str = ""
    turn: int = 0  # which run of the session, from 1
    step: int = 0  # supersteps of the session's runs before
    called_by: tuple[RunId, TaskId] | None = None  # of a child run


class LegStarted(Event, frozen=True):
    """A start or resume: from here on somebody drives the run."""

    leg: int
    reason: str  # start, resume, fork
    commit: int


class DocumentChanged(Event, frozen=True):
    """Somebody chose to go on with an edited document (U99).

    Attributes:
        old, new: revisions. `mapped`: (old key, new key) of renamed nodes.
        compatible, asked_again, lost: names of what does not simply stay.
    """

    old: str
    new: str
    by: str
    mapped: tuple[tuple[NodeKey, NodeKey], ...] = ()
    compatible: tuple[str, ...] = ()
    asked_again: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class TaskFinished(Event, frozen=True):
    """An attempt succeeded and was admitted. Values are in the commit's checkpoint.

    Attributes:
        ports: output port to the name of its value, empty where that is ``task.port``;
            a value that only passed through keeps its older name.
        gated: it did not run, because nothing that it reads had changed; it passed on what
            it had put out before.
        cached: it did not run: the run whose result for equal work was kept.
    """

    task: TaskId
    node: NodeKey
    ports: dict[str, str]
    duration_s: float
    attempt: int = 1
    recorded: bool = False  # output taken from the journal or a recording
    route: tuple[str, ...] | None = None
    note: str = ""
    also: tuple[str, ...] = ()
    gated: bool = False
    cached: str = ""


class TaskFailed(Event, frozen=True):
    """An attempt failed for good; `handled` says what happens with the failure.

    `handled` is one of ``fail continue error_port fallback_edge ignore item frame``.
    """

    task: TaskId
    node: NodeKey
    error: ErrorInfo
    duration_s: float
    handled: str


class TaskRetried(Event, frozen=True):
    """An attempt failed; the next one is due at `due_at` (seconds since the epoch)."""

    task: TaskId
    node: NodeKey
    error: ErrorInfo
    attempt: int  # the one that failed
    of: int
    due_at: float


class AlternativeTaken(Event, frozen=True):
    """All attempts have failed; an alternative of the node is tried (U81).

    Attributes:
        error: of the last attempt. `number`: of the alternative, from 1. `of`: how many.
        node_type: its type.
    """

    task: TaskId
    node: NodeKey
    error: ErrorInfo
    number: int
    of: int
    node_type: str


class TaskSkipped(Event, frozen=True):
    """A node was not run for this token because every way to it was ruled out."""

    task: TaskId
    node: NodeKey
    reason: str


class CancelAsked(Event, frozen=True):
    """The end of the run, or of a part of it, was asked for; attempts are being ended.

    Attributes:
        target: ``run``, or the part in words: ``task pay@each.3``, ``item each.3``.
        tasks: what is running and was told to end.
    """

    target: str
    tasks: tuple[TaskId, ...]
    reason: str


class TaskCancelled(Event, frozen=True):
    """A task was ended without a result.

    Attributes:
        how: ``acknowledged`` when its attempt ended when it was told to, ``killed`` when it did
            not within the grace and was left behind, empty when nothing was running.
    """

    task: TaskId
    node: NodeKey
    reason: str
    how: str = ""


class ItemsAdded(Event, frozen=True):
    """A For each has got more items while it was at work: of a stream, or of a node inside.

    Attributes:
        task: that has brought them; empty: a person has.
        node: the For each. `zone`: ``node@scope``.
        values: name of the list of them.
        limit: of a stream: how many are worked on at once; else 0.
        position: of a stream: where it goes on after them.
    """

    task: TaskId
    node: NodeKey
    zone: str
    count: int
    values: str
    limit: int = 0
    position: Json = None


class ItemsFinished(Event, frozen=True):
    """A person lets Collect go on with the results that there are.

    Attributes:
        zone: ``node@scope``. `results`: how many there are.
    """

    zone: str
    node: NodeKey
    results: int
    reason: str


class ItemsDropped(Event, frozen=True):
    """Items of a For each are not started any more.

    Attributes:
        zone: ``node@scope``.
    """

    zone: str
    node: NodeKey
    count: int
    reason: str


class Degraded(Event, frozen=True):
    """The fallback edge was taken."""

    task: TaskId
    node: NodeKey
    reason: str


class InterceptorIgnored(Event, frozen=True):
    """An interceptor failed; its call counts as if it had not been made."""

    task: TaskId
    node: NodeKey
    message: str


class Warned(Event, frozen=True):
    """Something the person should know that did not stop the run."""

    node: NodeKey
    message: str


class BarrierOpened(Event, frozen=True):
    """A person is asked. The request row holds payload, form and options."""

    request: RequestId
    task: TaskId
    node: NodeKey
    title: str
    digest: str
    opened_at: float
    deadline: float | None = None
    default: str | None = None


class BarrierDecided(Event, frozen=True):
    """A decision was admitted."""

    request: RequestId
    task: TaskId
    node: NodeKey
    choice: str  # approve, reject, modify, reroute or the key of an option
    by: str
    through: str
    comment: str = ""
    port: str = ""
    changed: tuple[str, ...] = ()  # paths in the payload that were edited
    delay_s: float = 0.0


class BarrierExpired(Event, frozen=True):
    """The deadline passed and the default was applied."""

    request: RequestId
    task: TaskId
    node: NodeKey
    default: str


class BarrierWithdrawn(Event, frozen=True):
    """The question is no longer open; nothing was decided."""

    request: RequestId
    task: TaskId
    node: NodeKey
    reason: str


class TurnTaken(Event, frozen=True):
    """An attempt of a node with a rate has taken a token; the wait for it follows, if any.

    Attributes:
        keys: of the buckets that it was taken from.
    """

    task: TaskId
    node: NodeKey
    keys: tuple[str, ...]


class WaitOpened(Event, frozen=True):
    """A task is parked for a time, an event or a child run, or until it may start.

    `path` and `visit` are set where the task was never ready before.
    """

    task: TaskId
    node: NodeKey
    kind: str  # timer, until, event, child, budget, rate; of its frame: retry, lock, turn
    due_at: float | None
    text: str = ""
    path: Path = ()
    visit: int = 0


class WaitEnded(Event, frozen=True):
    """A parked task goes on."""

    task: TaskId
    node: NodeKey
    kind: str
    reason: str


class JoinTimedOut(Event, frozen=True):
    """A join port has waited as long as it may; `then` is ``fire``, ``fail`` or ``skip``."""

    node: NodeKey
    port: str
    path: Path
    then: str


class FrameOpened(Event, frozen=True):
    """The first value has entered a frame that was empty; it has to be empty again by `due_at`.

    It is said again of a frame that something is in when the run goes on with another document.
    """

    frame: str
    path: Path = ()
    due_at: float | None = None
    attempt: int = 1


class FrameRetried(Event, frozen=True):
    """Something in a frame has failed; all of it was taken back and is done again.

    Attributes:
        attempt: the one that failed. `due_at`: when the next one begins.
        tasks: how many tasks were ended for it.
    """

    frame: str
    path: Path
    error: ErrorInfo
    attempt: int
    of: int
    due_at: float
    tasks: int = 0


class FrameFailed(Event, frozen=True):
    """Something in a frame has failed, and a node takes the failure; the rest was ended.

    Attributes:
        node: the one that takes it. `tasks`: how many tasks were ended.
    """

    frame: str
    path: Path
    error: ErrorInfo
    node: NodeKey
    tasks: int = 0


class FrameTimedOut(Event, frozen=True):
    """Something was still in a frame when its time was over."""

    frame: str
    path: Path = ()


class FrameCancelled(Event, frozen=True):
    """Everything in a frame was ended because a task asked for it.

    Attributes:
        task, node: what asked for it. `tasks`: how many tasks were ended.
    """

    frame: str
    path: Path
    task: TaskId
    node: NodeKey
    tasks: int = 0


class FrameClosed(Event, frozen=True):
    """Nothing is in a frame any more; `ended`: because what is around it was ended."""

    frame: str
    path: Path = ()
    attempt: int = 1
    ended: bool = False


class SignalSent(Event, frozen=True):
    """A task sent an event: to one run, or to every run that listens."""

    task: TaskId
    node: NodeKey
    signal: str  # id
    name: str
    to: str = ""  # run id


class SignalTaken(Event, frozen=True):
    """A parked task took an event and goes on; nobody else in this run gets it.

    Attributes:
        number: of the event's row in the store. `signal`: its id.
        delay_s: how long it had been waiting for the task, 0 where the task waited for it.
    """

    task: TaskId
    node: NodeKey
    number: int
    signal: str
    name: str
    by: str = ""
    through: str = ""
    delay_s: float = 0.0


class ChildStarted(Event, frozen=True):
    """A task started another workflow as a run of its own.

    Attributes:
        mode: ``call`` is waited for, ``async`` is tracked, ``detached`` is forgotten;
            ``background`` is the work of the node itself, which is tracked.
        queued: it waits for its turn, because as many works of the node run as may.
    """

    task: TaskId
    node: NodeKey
    child: RunId
    workflow: str  # name
    revision: str
    mode: str
    queued: bool = False


class ChildContinued(Event, frozen=True):
    """A child run in the background goes on: its turn has come, or it is tried again.

    Attributes:
        reason: ``turn`` or ``retry``. `by`: who asked for it.
    """

    task: TaskId
    node: NodeKey
    child: RunId
    reason: str
    by: str = ""


class ChildEnded(Event, frozen=True):
    """A run that a task waits for, or that the run tracks, has ended.

    Attributes:
        status: ``completed failed cancelled``. `reason`: why, if it is not completed.
        used: of work in the background: what it has used of the run's meters.
    """

    task: TaskId
    node: NodeKey
    child: RunId
    status: str
    reason: str = ""
    used: dict[str, float] = {}


class TaskReady(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A task that a commit made ready (part of `SuperstepCommitted`)."""

    task: TaskId
    node: NodeKey
    path: Path = ()
    visit: int = 0


class SuperstepCommitted(Event, frozen=True):
    """The end of a superstep: everything of this commit is now stored.

    Attributes:
        commit: index of the commit; 0 is the start of the run.
        admitted: the tasks whose results this commit holds, in canonical order.
        ready: tasks that became ready.
        taken: ids of the edges that carry a new value (with repeats counted apart).
        not_taken: ids of the edges that carry a skip token.
        changed: channels whose value changed.
    """

    commit: int
    admitted: tuple[TaskId, ...] = ()
    ready: tuple[TaskReady, ...] = ()
    taken: tuple[str, ...] = ()
    not_taken: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class InvariantBroken(Event, frozen=True):
    """A commit was not made because an invariant would not hold after it, or it was let pass.

    Attributes:
        task, node: the last of those who wrote; empty where nobody did.
        writers: all of them.
        handled: ``fail``: the run fails; ``ask``: the task is held and a person is asked;
            ``accepted``: a person let it pass, and this is the commit.
    """

    task: TaskId
    node: NodeKey
    invariant: str
    message: str
    writers: tuple[TaskId, ...]
    handled: str


class Estimated(Event, frozen=True):
    """A task has computed what it will use; so much is to be reserved before it starts."""

    task: TaskId
    node: NodeKey
    amounts: dict[str, float]


class Spent(Event, frozen=True):
    """An attempt has ended and used so much of each meter (failed ones too)."""

    task: TaskId
    node: NodeKey
    amounts: dict[str, float]


class BudgetGranted(Event, frozen=True):
    """A person has answered for a budget that was used up.

    Attributes:
        choice: ``raise`` to `limit`, ``once``, or ``stop``.
        account: what the answer is about: the meter, or a share or a node of it.
    """

    task: TaskId
    node: NodeKey
    account: str
    choice: str
    limit: float | None = None


class MetersChanged(Event, frozen=True):
    """How the budgets stand after this commit: meter to (limit, used, reserved)."""

    meters: dict[str, tuple[float | None, float, float]]


class LimitReached(Event, frozen=True):
    """A limit stopped something. `limit` is its name in the settings."""

    limit: str
    value: float
    node: NodeKey = ""


class RunPaused(Event, frozen=True):
    """Nothing new is started until the run is resumed."""

    reason: str


class RunStepped(Event, frozen=True):
    """The person let a paused run make one superstep: these tasks are started."""

    tasks: tuple[TaskId, ...]


class ResultsReused(Event, frozen=True):
    """The run begins at a node, on the results that another run has recorded.

    Attributes:
        source: that run. `node`: where running begins.
        tasks: how many of its tasks are not run again.
    """

    source: RunId
    node: NodeKey
    tasks: int


class TriggerFired(Event, frozen=True):
    """A trigger has started the run, by itself (U76).

    Attributes:
        node: the trigger. `kind`: its type.
        key: what fired it, once: a due time, a version of a file, an event, a request.
        due_at: when it was due, in seconds since the epoch. `delay_s`: how long ago that was.
    """

    node: NodeKey
    kind: str
    key: str
    due_at: float
    delay_s: float


class Checked(Event, frozen=True):
    """The output of an attempt was checked (U92).

    Attributes:
        results: of each check, in order: its name, ``ok warned refused``, the message.
    """

    task: TaskId
    node: NodeKey
    attempt: int
    results: tuple[tuple[str, str, str], ...]


class CheckpointMade(Event, frozen=True):
    """Somebody asked to save the run; everything up to this commit is stored with it (U94).

    Attributes:
        request: id of what was asked; each makes one such commit. `name`: of the commit.
    """

    request: str
    name: str = ""


class SaveFailed(Event, frozen=True):
    """Commits cannot be stored; the run goes on, and a crash would lose them (U97).

    Attributes:
        since: the first commit that is not stored. `message`: why.
    """

    since: int
    message: str


class SavedAgain(Event, frozen=True):
    """Everything is stored again.

    Attributes:
        since: the first commit that could not be stored at once. `commits`: how many could not.
        attempts: how often it was tried in vain.
    """

    since: int
    commits: int
    attempts: int


class BreakpointsSet(Event, frozen=True):
    """The run's breakpoints are these from here on."""

    breakpoints: tuple[Breakpoint, ...]


class BreakpointHit(Event, frozen=True):
    """The run came to a breakpoint; it is paused there unless it ends in the same commit.

    Attributes:
        task: empty for one at every superstep.
        at: ``before after error commit``.
        condition: the expression that held, or empty.
        problem: why the condition could not be evaluated; it stops then too.
    """

    task: TaskId
    node: NodeKey
    at: str
    condition: str = ""
    problem: str = ""


class RunUnpaused(Event, frozen=True):
    """The run goes on after a pause."""


class RunWaiting(Event, frozen=True):
    """Ends a leg: only people or time can move the run on."""

    requests: tuple[RequestId, ...]
    next_due: float | None = None


class RunFinished(Event, frozen=True):
    """Ends a run: completed, with its result."""

    result: Json


class RunFailed(Event, frozen=True):
    """Ends a leg: an unhandled failure."""

    error: ErrorInfo


class RunCancelled(Event, frozen=True):
    """Ends a leg: cancelled."""

    reason: str


AnyEvent = (
    RunStarted
    | LegStarted
    | DocumentChanged
    | TaskFinished
    | TaskFailed
    | TaskRetried
    | AlternativeTaken
    | TaskSkipped
    | CancelAsked
    | TaskCancelled
    | ItemsAdded
    | ItemsFinished
    | ItemsDropped
    | Degraded
    | InterceptorIgnored
    | Warned
    | BarrierOpened
    | BarrierDecided
    | BarrierExpired
    | BarrierWithdrawn
    | TurnTaken
    | WaitOpened
    | WaitEnded
    | JoinTimedOut
    | FrameOpened
    | FrameRetried
    | FrameFailed
    | FrameTimedOut
    | FrameCancelled
    | FrameClosed
    | SignalSent
    | SignalTaken
    | ChildStarted
    | ChildContinued
    | ChildEnded
    | SuperstepCommitted
    | InvariantBroken
    | Estimated
    | Spent
    | BudgetGranted
    | MetersChanged
    | LimitReached
    | RunPaused
    | RunStepped
    | ResultsReused
    | TriggerFired
    | Checked
    | CheckpointMade
    | SaveFailed
    | SavedAgain
    | BreakpointsSet
    | BreakpointHit
    | RunUnpaused
    | RunWaiting
    | RunFinished
    | RunFailed
    | RunCancelled
)

#: The events that end a leg; every leg has exactly one, and it is its last event.
TERMINAL = (RunFinished, RunFailed, RunCancelled, RunWaiting)


class Recorded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fact as it was stored: which run, which place in its order, and when.

    Attributes:
        seq: gapless from 1 in each run.
        at: seconds since the epoch, UTC.
    """

    run: RunId
    seq: int
    at: float
    event: AnyEvent


# --- updates: transient, may be dropped ------------------------------------------------


class Update(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Base of the transient news about a running task."""

    run: RunId
    task: TaskId
    node: NodeKey


class TaskStarted(Update, frozen=True):
    """An attempt has begun."""

    attempt: int
    at: float


class Progress(Update, frozen=True):
    """How far a task is: 0.0 to 1.0, or None when it cannot tell."""

    fraction: float | None
    text: str = ""


class OutputChunk(Update, frozen=True):
    """Output of a task while it runs."""

    stream: str  # stdout, stderr, log, text
    text: str
    dropped: int = 0  # chunks that were dropped before this one


class Unsaved(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Commits that are made and not stored yet: a crash loses them (U94).

    Facts themselves are published when they are stored, never before.

    Attributes:
        since: the first such commit; None: everything is stored.
        problem: why they cannot be stored, or empty: they are to be stored later.
        facts: those of the commit that was made just now.
    """

    run: RunId
    since: int | None
    problem: str = ""
    facts: tuple[Recorded, ...] = ()


AnyUpdate = TaskStarted | Progress | OutputChunk | Unsaved
News = Recorded | AnyUpdate


def to_json(record: Recorded) -> dict[str, Json]:
    """Return the documented JSON object of an event: ``{event, run, seq, at, ...}``."""
    event = record.event
    fields = {name: msgspec.to_builtins(getattr(event, name)) for name in event.__struct_fields__}
    return {
        "event": type(event).__name__,
        "run": record.run,
        "seq": record.seq,
        "at": record.at,
        **fields,
    }
