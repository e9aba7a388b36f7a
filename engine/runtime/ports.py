"""What the run loop needs from outside: clock, store, executor. Small protocols.

Each has a real implementation, a fake for tests and a conformance suite.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from engine.commands import AnyCommand, Decide
from engine.events import Recorded
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import Request
from engine.runtime.holders import Holder
from engine.runtime.kept_ports import KeptStore
from engine.runtime.trigger_ports import TriggerStore
from engine.state.run_state import Delta, RunState
from engine.state.status import RunStatus

Json = Any


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...

    def call_at(self, due_at: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once at `due_at` (epoch seconds); return a function that cancels it."""
        ...


class SystemClock:
    """The real time, with timers of the running asyncio loop."""

    #: Return seconds since the epoch, UTC.
    now = staticmethod(time.time)
    #: Return seconds that only grow.
    monotonic = staticmethod(time.monotonic)

    def call_at(self, due_at: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once at `due_at`. A clock that jumps is noticed within a minute."""
        loop = asyncio.get_running_loop()
        handle: asyncio.TimerHandle | None = None

        def fire() -> None:
            nonlocal handle
            left = due_at - time.time()
            if left <= 0:
                callback()
            else:
                handle = loop.call_later(min(left, 60.0), fire)

        def cancel() -> None:
            if handle is not None:
                handle.cancel()

        handle = loop.call_later(max(0.0, min(due_at - time.time(), 60.0)), fire)
        return cancel


# --- rows ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as the store lists it.

    Attributes:
        document: the pinned workflow, as canonical JSON bytes; `revision` is its hash.
        commit: index of the last commit. `interrupted`: the lease holder is dead.
        session: name of the session that it is part of, or empty.
        untrusted: it came from a file, and nobody has agreed yet to let it run here.
        trigger: the one that it was started by, where there are several.
        allow: the capabilities that were granted to it.
        called_by: run and task that it is a child of. `mode`: ``call async detached``.
        depth: how many runs called one another to get here.
        begins: what it begins with beside document and input, until its first commit is
            stored; see `engine.facade.openings.Beginning`.
    """

    run: RunId
    workflow_id: str
    workflow: str
    revision: str
    document: bytes
    input: Json
    seed: int
    started_at: float
    status: RunStatus = RunStatus.CREATED
    commit: int = -1
    parent: RunId | None = None
    parent_commit: int | None = None
    ended_at: float | None = None
    source_path: str = ""
    interrupted: bool = False
    title: str = ""
    untrusted: bool = False
    session: str = ""
    trigger: str = ""
    allow: tuple[str, ...] = ()
    called_by: tuple[RunId, TaskId] | None = None
    mode: str = ""
    depth: int = 0
    begins: bytes = b""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a run's commits, until another one has a higher epoch."""

    run: RunId
    epoch: int
    holder: Holder


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One barrier request as it was frozen when it opened.

    Attributes:
        status: ``open decided expired withdrawn``.
        digest: SHA-256 over request content and plan revision.
        decision: the accepted one, when there is one.
    """

    request: RequestId
    run: RunId
    task: TaskId
    node: str
    workflow: str
    revision: str
    content: Request
    digest: str
    opened_at: float
    deadline: float | None = None
    status: str = "open"
    decision: DecisionRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One answer, accepted or refused. Append-only, chained by hash.

    Attributes:
        accepted: whether it counts. `reason`: why not: ``late stale invalid ...``.
        admitted: the run has taken it in (set by the commit that does).
        values: the payload as decided (whole), or None where it was not edited.
    """

    id: int
    request: RequestId
    run: RunId
    choice: str
    by: str
    through: str
    at: float
    digest_seen: str
    accepted: bool
    reason: str = ""
    comment: str = ""
    values: Json = None
    to: str = ""
    admitted: bool = False
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRecord:
    """A standing decision: it answers every request in its scope (U69).

    Attributes:
        workflow_id: of the workflow; the other parts of the scope are empty for any.
        run, node, task, revision: narrow the scope; a rule for one task beats one for a node,
            and that one for a whole workflow.
        max_uses: how often it may answer, or None. `uses`: how often it has.
        expires_at: when it ends, in seconds since the epoch, or None.
    """

    id: str
    workflow_id: str
    workflow: str
    choice: str
    by: str
    at: float
    run: str = ""
    node: str = ""
    task: str = ""
    revision: str = ""
    to: str = ""
    comment: str = ""
    max_uses: int | None = None
    expires_at: float | None = None
    uses: int = 0
    revoked_at: float | None = None
    revoked_by: str = ""

    def is_active(self, now: float) -> bool:
        """Return whether it still answers."""
        spent = self.max_uses is not None and self.uses >= self.max_uses
        over = self.expires_at is not None and self.expires_at <= now
        return not spent and not over and self.revoked_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry of the evidence, with everything that is needed to check it elsewhere.

    Attributes:
        kind: ``request decision rule revocation erasure arrival``.
        fields: what the hash covers besides the chain; None where it was erased or is gone.
        content: what was shown or edited, whose SHA-256 is among the fields.
    """

    seq: int
    kind: str
    prev_hash: str
    hash: str
    run: str = ""
    erased: bool = False
    fields: Mapping[str, Json] | None = None
    content: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRecord:
    """An event that was sent to runs.

    Attributes:
        number: its place in the store's order of events; 0 before it is stored.
        id: given by the sender, so that sending it again does nothing; else random.
        run: the run that it is for; empty for every run of the store.
        expires_at: seconds since the epoch; a task that listens later does not get it.
        source: run and task that sent it, or two empty texts.
    """

    id: str
    name: str
    payload: Json
    at: float
    expires_at: float
    run: str = ""
    by: str = ""
    through: str = ""
    source: tuple[str, str] = ("", "")
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A parked task that waits for an event of this name."""

    run: RunId
    task: TaskId
    name: str
    opened_at: float
    due_at: float | None = None


class SignalChanges(msgspec.Struct, kw_only=True):
    """What a commit does with events.

    Attributes:
        sent: events that it sends. `taken`: (number, task) of those that it takes in.
        opened: tasks that wait for one from now on. `closed`: tasks that no longer do.
    """

    sent: list[SignalRecord] = []
    taken: list[tuple[int, TaskId]] = []
    opened: list[Listener] = []
    closed: list[TaskId] = []


class CommitRecord(msgspec.Struct, kw_only=True):
    """Everything of one commit; the store writes it in one transaction.

    Attributes:
        number: index of the commit.
        first_seq: sequence number of the first of `events`.
        frame: whole state for a key frame, else None (every 50th commit has one).
        view: encoded RunView that belongs to the frame.
        open_requests: barrier requests that this commit opens.
        close_requests: (request, new status) that it closes without a decision.
        admitted_decisions: ids of the decisions that it takes in.
        durable: fsync before returning (a decision, or a ``once`` task comes next).
        claims: tasks with ``effects: once`` that start right after this commit.
        signals: what it does with events, if anything.
        document: (bytes, revision, name) that the run goes on with from here on. Such a
            commit has a frame, and that is what counts, not the delta.
        name: what the commit is called from the beginning, if anything; see `name_commit`.
    """

    run: RunId
    number: int
    at: float
    first_seq: int
    events: Sequence[Recorded]
    delta: Delta
    status: RunStatus
    frame: RunState | None = None
    view: bytes | None = None
    open_requests: Sequence[RequestRecord] = ()
    close_requests: Sequence[tuple[RequestId, str]] = ()
    admitted_decisions: Sequence[int] = ()
    next_due: float | None = None
    durable: bool = False
    claims: Sequence[tuple[TaskId, int]] = ()
    signals: SignalChanges | None = None
    document: tuple[bytes, str, str] | None = None
    name: str = ""

    @property
    def last_command(self) -> int:
        """Number of the last stored command that was obeyed, as far as this commit says."""
        framed = 0 if self.frame is None else self.frame.counters.get("commands", 0)
        return max(framed, self.delta.put_counters.get("commands", 0))


class CommitSummary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a run's history. `name` is what a person has called it, if anything.

    They are made by the ten thousand: the garbage collector need not look at them.
    """

    run: RunId
    number: int
    at: float
    tasks: tuple[TaskId, ...]
    changed: tuple[str, ...]
    status: RunStatus
    first_seq: int
    last_seq: int
    bytes: int = 0
    name: str = ""


#: Where an execution stands among all of a store: its time, and its commit and place there.
Place = tuple[float, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An attempt of a task that has ended (U101).

    Attributes:
        commit: the one that took it in. `at`: when that was.
        status: ``done recorded gated cached failed retried cancelled``.
        code, message: of its error, or why it was cancelled.
        place: where to go on after it; see `ExecutionQuery`.
    """

    run: RunId
    workflow_id: str
    workflow: str
    commit: int
    at: float
    task: TaskId
    node: str
    status: str
    duration_s: float
    attempt: int
    code: str = ""
    message: str = ""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQuery:
    """Which executions are asked for; what is None is left open.

    Attributes:
        since, until: seconds since the epoch; the second is not part of it.
        after: place of the last one that is known: those that come after it, older ones.
    """

    run: RunId | None = None
    node: str | None = None
    status: str | None = None
    workflow_id: str | None = None
    since: float | None = None
    until: float | None = None
    limit: int = 100
    after: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecord:
    """A finished attempt that is not in a commit yet (strict runs with siblings).

    Attributes:
        result: encoded `engine.runtime.outcome.Outcome`.
    """

    run: RunId
    task: TaskId
    attempt: int
    at: float
    result: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A run restored from the store.

    Attributes:
        claims: task to attempt of ``once`` tasks that have started.
        journal: finished attempts that no commit holds yet.
    """

    record: RunRecord
    state: RunState
    next_seq: int
    legs: int
    next_due: float | None = None
    journal: tuple[JournalRecord, ...] = ()
    claims: dict[TaskId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a request or a decision stands in the hash chain of a store."""

    seq: int
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunImage:
    """A whole run, apart from the store that it is in.

    Attributes:
        first: index of the oldest commit that is kept.
        commits: oldest first; read once, while the image is open. One that does not follow
            the one before it, or that begins another document, has a key frame.
        names: commits that have one.
        documents: earlier ones, as `RunStore.documents` returns them.
        requests, decisions: oldest first, each with its place in the chain of its store.
    """

    record: RunRecord
    first: int
    legs: int
    next_due: float | None
    commits: Iterable[CommitRecord]
    names: Mapping[int, str] = field(default_factory=dict)
    documents: Sequence[tuple[int, bytes]] = ()
    requests: Sequence[tuple[RequestRecord, Link]] = ()
    decisions: Sequence[tuple[DecisionRecord, Link]] = ()
    journal: Sequence[JournalRecord] = ()
    claims: Mapping[TaskId, int] = field(default_factory=dict)


class RunStore(KeptStore, TriggerStore, Protocol):
    """Keeps runs. Synchronous; see `engine.runtime.writer` for who calls it from where.

    Every method raises `StoreError` with one sentence when the environment refuses.
    """

    def create_run(self, record: RunRecord) -> None:
        """Store a run that has no commit yet."""
        ...

    def acquire(self, run: RunId, holder: Holder, now: float) -> Lease:
        """Take the lease when it is free, expired, or its holder is dead on this host.

        Raises:
            RunIsHeld: a live process has it.
            UnknownRun: there is no such run.
        """
        ...

    def heartbeat(self, lease: Lease, now: float) -> None:
        """Say that the holder lives. Raises `LeaseLost`."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; losing it already is not an error."""
        ...

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        """Store a commit with everything in it, or nothing.

        Raises:
            LeaseLost: the epoch is no longer ours, or the index is taken.
        """
        ...

    def commit_all(self, lease: Lease, records: Sequence[CommitRecord]) -> None:
        """Store several commits that follow one another, in one transaction, or none of them.

        Raises:
            LeaseLost: as `commit`.
        """
        ...

    def journal(self, lease: Lease, record: JournalRecord) -> None:
        """Store a finished attempt ahead of its commit."""
        ...

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        """Record, durably, that a ``once`` attempt is about to start."""
        ...

    def load(self, run: RunId) -> Loaded:
        """Return the run at its last commit, ready to go on."""
        ...

    def state_at(self, run: RunId, number: int) -> RunState:
        """Return the exact state of one commit. Raises `UnknownRun`."""
        ...

    def events(self, run: RunId, *, after: int = 0, upto: int | None = None) -> list[Recorded]:
        """Return the facts with ``after < seq <= upto``, in order."""
        ...

    def frame_before(self, run: RunId, number: int) -> tuple[int, bytes] | None:
        """Return (commit, encoded RunView) of the newest key frame at or before `number`."""
        ...

    def documents(self, run: RunId) -> list[tuple[int, bytes]]:
        """Return (first commit that was made without it, document) of earlier ones, in order."""
        ...

    def delta(self, run: RunId, number: int) -> Delta:
        """Return what commit `number` changed. Raises `UnknownRun`."""
        ...

    def values_at(self, run: RunId, number: int, refs: Sequence[str]) -> dict[str, Json]:
        """Return the values of those names that commit `number` stored."""
        ...

    def history(
        self, run: RunId, *, after: int = -1, limit: int | None = None
    ) -> list[CommitSummary]:
        """Return one line per commit, oldest first."""
        ...

    def executions(self, query: ExecutionQuery) -> list[Execution]:
        """Return the executions that a query asks for, of all runs, newest first.

        Raises:
            UnknownRun: it names a run that is not there.
        """
        ...

    def runs(
        self, *, limit: int = 200, workflow_id: str | None = None, session: str | None = None
    ) -> list[RunRecord]:
        """Return the runs, newest first, without their documents (`document` is empty).

        Those of one session come in the order in which they were created.
        """
        ...

    def run(self, run: RunId) -> RunRecord:
        """Return one run. Raises `UnknownRun`. A unique prefix of the id is enough."""
        ...

    def children(self, run: RunId) -> list[RunRecord]:
        """Return the runs that a run has called, oldest first, without their documents."""
        ...

    def requests(self, *, run: RunId | None = None, open_only: bool = True) -> list[RequestRecord]:
        """Return barrier requests, the one due first at the top, then by age."""
        ...

    def request(self, request: RequestId) -> RequestRecord:
        """Return one request with its decision. Raises `UnknownRun`."""
        ...

    def decide(self, decision: Decide, at: float) -> DecisionRecord:
        """Accept or refuse a decision by compare-and-set on the request, durably.

        Always appends a decision row. The caller validates `values` against the form
        first (see `engine.runtime.decisions`).

        Raises:
            UnknownRun: there is no such request.
        """
        ...

    def refuse(self, decision: Decide, at: float, reason: str) -> DecisionRecord:
        """Append a decision that does not count."""
        ...

    def unadmitted(self, run: RunId) -> list[DecisionRecord]:
        """Return accepted decisions that no commit has taken in, oldest first."""
        ...

    def decisions(self, *, run: RunId | None = None) -> list[DecisionRecord]:
        """Return the decision log, oldest first."""
        ...

    def add_rule(self, rule: RuleRecord) -> RuleRecord:
        """Store a standing decision, durably."""
        ...

    def rules(self) -> list[RuleRecord]:
        """Return all standing decisions, those that have ended too, newest first."""
        ...

    def has_rules(self) -> bool:
        """Return whether there is any standing decision, so that requests need no look."""
        ...

    def revoke_rule(self, rule: str, by: str, at: float) -> RuleRecord:
        """End a standing decision; a unique prefix of its id is enough.

        Raises:
            UnknownRun: there is no such rule. InvalidCommand: it has been revoked already.
        """
        ...

    def decide_by_rule(self, request: RequestId, at: float) -> DecisionRecord | None:
        """Answer an open request by the rule whose scope fits it best, if there is one.

        The use is counted in the same transaction. An answer that the request does not
        offer is stored as refused and not counted.
        """
        ...

    def audit(self) -> list[AuditEntry]:
        """Return the evidence, oldest first."""
        ...

    def add_signal(self, signal: SignalRecord) -> SignalRecord:
        """Store an event durably and return it with its number.

        One whose id is in the store already changes nothing; that one is returned.
        """
        ...

    def signals(self, run: RunId, now: float) -> list[SignalRecord]:
        """Return the events that the run may still take, oldest first.

        Those for this run, and those for all that were sent after it was created, which
        have not expired and which it has not taken.
        """
        ...

    def listeners(self, name: str | None = None) -> list[Listener]:
        """Return what waits for events, oldest first, of runs that have not ended."""
        ...

    def broadcasts(self, after: int, now: float) -> list[SignalRecord]:
        """Return the events to all runs with a number above `after`, oldest first.

        Those that have expired are left out.
        """
        ...

    def last_signal(self) -> int:
        """Return the number of the newest event; 0 when there was none."""
        ...

    def add_command(self, run: RunId, command: AnyCommand, at: float) -> int:
        """Store a command for whoever runs the run; return its number."""
        ...

    def commands(self, run: RunId, *, after: int) -> list[tuple[int, AnyCommand]]:
        """Return commands with a number above `after`, oldest first."""
        ...

    def due_runs(self, before: float) -> list[tuple[RunId, float]]:
        """Return waiting runs that nobody holds and whose time, or whose event, has come."""
        ...

    def data_version(self) -> int:
        """Return a number that changes when another connection has written."""
        ...

    def fork(self, parent: RunId, number: int, record: RunRecord) -> RunState:
        """Store `record` as a child run and return the parent's state at that commit."""
        ...

    def image(self, run: RunId) -> AbstractContextManager[RunImage]:
        """Open a whole run, as it is at one moment, to be written to a file.

        Raises:
            UnknownRun: there is no such run.
        """
        ...

    def import_run(self, image: RunImage, at: float) -> None:
        """Store a whole run that comes from elsewhere, or nothing of it.

        Its requests and decisions get places at the end of the chain here, behind an entry
        that says where they stood.

        Raises:
            StoreError: a run or a request of that id is here already.
        """
        ...

    def trust(self, run: RunId, allow: tuple[str, ...]) -> None:
        """Remember that a run that came from a file may run here, and what it may use."""
        ...

    def delete_run(self, run: RunId, *, evidence: bool = False) -> None:
        """Delete a run; its requests and decisions stay unless `evidence`."""
        ...

    def prune(self, run: RunId, keep: int, *, before: float | None = None) -> int:
        """Drop old commits; return the bytes given back.

        The last `keep` stay, those that have a name, and with `before` those made at that
        time (seconds since the epoch) or later.
        """
        ...

    def name_commit(self, run: RunId, number: int, name: str) -> None:
        """Give a commit a name, so that pruning keeps it; an empty one takes it away.

        Raises:
            UnknownRun: there is no such commit, or no longer.
        """
        ...

    def verify(self) -> list[str]:
        """Check the hash chain of the evidence; return what is wrong with it."""
        ...

    def size_bytes(self) -> int:
        """Return what the store takes on the disk."""
        ...

    def log_bytes(self) -> int:
        """Return what of that its write-ahead log takes."""
        ...

    def place(self) -> str:
        """Return where it is: the path of its file, or what it is instead."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
