"""The store in one SQLite file, shared by all processes of this person.

Any thread may call any method. Writes go one after another over one held connection;
reads use connections of their own and never wait for a write (docs/store.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from engine.commands import AnyCommand, Decide
from engine.events import Recorded
from engine.ids import RequestId, RunId, TaskId
from engine.runtime.holders import Holder
from engine.runtime.kept_ports import KeptResult
from engine.runtime.ports import (
    AuditEntry,
    Clock,
    CommitRecord,
    CommitSummary,
    DecisionRecord,
    Execution,
    ExecutionQuery,
    JournalRecord,
    Lease,
    Listener,
    Loaded,
    RequestRecord,
    RuleRecord,
    RunImage,
    RunRecord,
    SignalRecord,
    SystemClock,
)
from engine.state.run_state import Delta, RunState
from engine.store import leases, whole_runs
from engine.store.blobs import Blobs
from engine.store.commits import CommitLog
from engine.store.database import BUSY_TIMEOUT_S, Database
from engine.store.encoding import decoder, encode, pack, readable, unpack
from engine.store.executions import ExecutionIndex
from engine.store.history import History
from engine.store.kept import KeptResults
from engine.store.requests import RequestLog
from engine.store.rows import (
    COMMITS_PER_RUN,
    commit_id,
    holder_of,
    run_number,
    unknown_commit,
    unknown_run,
)
from engine.store.signals import OPEN, SignalLog
from engine.store.triggers import TriggerTables

Json = Any

_decode_command = decoder(AnyCommand).decode


class SqliteStore(TriggerTables):
    """Keeps runs in one SQLite file. Implements `engine.runtime.ports.RunStore`."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self.path = path
        self._clock = clock or SystemClock()
        self._database = Database(path, busy_timeout_s=busy_timeout_s)
        self._blobs = Blobs(self._database)
        self._requests = RequestLog(self._database, self._blobs)
        self._signals = SignalLog(self._database, self._blobs)
        self._commits = CommitLog(self._database, self._blobs, self._requests, self._signals)
        self._history = History(self._database, self._blobs, self._clock)
        self._executions = ExecutionIndex(self._database)
        self._kept = KeptResults(self._database)

    # --- runs -------------------------------------------------------------------------------

    def create_run(self, record: RunRecord) -> None:
        """Store a run that has no commit yet."""
        with self._database.transaction() as connection:
            whole_runs.insert_run(connection, self._blobs, record, self.path)

    def runs(
        self, *, limit: int = 200, workflow_id: str | None = None, session: str | None = None
    ) -> list[RunRecord]:
        """Return the runs, newest first, without their documents."""
        return self._history.runs(limit=limit, workflow_id=workflow_id, session=session)

    def executions(self, query: ExecutionQuery) -> list[Execution]:
        """Return the executions that a query asks for, of all runs, newest first."""
        return self._executions.find(query)

    def children(self, run: RunId) -> list[RunRecord]:
        """Return the runs that a run has called, oldest first, without their documents."""
        return self._history.children(run)

    def run(self, run: RunId) -> RunRecord:
        """Return one run; a unique prefix of its id is enough."""
        return self._history.run(run)

    def due_runs(self, before: float) -> list[tuple[RunId, float]]:
        """Return waiting runs that nobody holds and whose time, or whose event, has come."""
        with self._database.reader() as connection:
            rows = connection.execute(_DUE, {"now": before}).fetchall()
        now = self._clock.now()
        return [(RunId(row[0]), row[1]) for row in rows if not _is_held(row[2:], now)]

    def fork(self, parent: RunId, number: int, record: RunRecord) -> RunState:
        """Store `record` as a child run and return the parent's state at that commit."""
        state = self._history.state_at(parent, number)
        self.create_run(record)
        return state

    def image(self, run: RunId) -> AbstractContextManager[RunImage]:
        """Open a whole run, as it is at one moment, to be written to a file."""
        return whole_runs.image(self._database, self._history, self._requests, run)

    def import_run(self, image: RunImage, at: float) -> None:
        """Store a whole run that comes from elsewhere, or nothing of it."""
        with self._database.transaction(durable=True) as connection:
            no = whole_runs.insert_run(connection, self._blobs, image.record, self.path)
            whole_runs.insert_history(connection, self._blobs, no, image)
            self._requests.take_in(connection, image, at)

    def trust(self, run: RunId, allow: tuple[str, ...]) -> None:
        """Remember that a run that came from a file may run here, and what it may use."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET untrusted = 0, granted = ? WHERE id = ?", (" ".join(allow), run)
            )

    # --- kept results -----------------------------------------------------------------------

    def keep_result(self, kept: KeptResult, limit_bytes: int) -> None:
        """Keep a result for equal work."""
        self._kept.put(kept, limit_bytes)

    def kept_result(self, key: bytes, now: float) -> KeptResult | None:
        """Return the result that is kept for a key, unless its time is over."""
        return self._kept.get(key, now)

    def kept_results(self, *, limit: int = 200) -> list[KeptResult]:
        """Return what is kept, without the results, the one used last first."""
        return self._kept.all(limit)

    def kept_size(self) -> tuple[int, int]:
        """Return how many results are kept, and the bytes that they take."""
        return self._kept.size()

    def forget_results(self, *, workflow_id: str | None = None, node: str | None = None) -> int:
        """Drop what is kept of a workflow, of a node, or all; return how many there were."""
        return self._kept.forget(workflow_id, node)

    # --- leases -----------------------------------------------------------------------------

    def acquire(self, run: RunId, holder: Holder, now: float) -> Lease:
        """Take the lease when it is free, expired, or its holder is dead."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT l.run_no, l.epoch, l.host, l.pid, l.boot, l.process_started,"
                " l.heartbeat_at FROM leases l JOIN runs r ON r.no = l.run_no WHERE r.id = ?",
                (run,),
            ).fetchone()
            if row is None:
                raise unknown_run(run)
            other = holder_of(row[2:6])
            if other is not None and leases.is_alive(other, row[6], now):
                raise leases.held(run, other)
            lease = Lease(run, row[1] + 1, holder)
            connection.execute(
                "UPDATE leases SET epoch = ?, host = ?, pid = ?, boot = ?, process_started = ?,"
                " heartbeat_at = ? WHERE run_no = ?",
                (
                    lease.epoch,
                    holder.host,
                    holder.pid,
                    holder.boot,
                    holder.started,
                    now,
                    row[0],
                ),
            )
        self._commits.forget(run)
        return lease

    def heartbeat(self, lease: Lease, now: float) -> None:
        """Say that the holder lives."""
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE leases SET heartbeat_at = ? WHERE epoch = ? AND run_no ="
                " (SELECT no FROM runs WHERE id = ?)",
                (now, lease.epoch, lease.run),
            ).rowcount
        if not changed:
            self._commits.forget(lease.run)
            raise leases.lost(lease.run)

    def release(self, lease: Lease) -> None:
        """Give the lease back; losing it already is not an error."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE leases SET pid = NULL WHERE epoch = ? AND run_no ="
                " (SELECT no FROM runs WHERE id = ?)",
                (lease.epoch, lease.run),
            )
        self._commits.forget(lease.run)

    # --- writing a run ----------------------------------------------------------------------

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        """Store a commit with everything in it, or nothing."""
        self._commits.commit(lease, record)

    def commit_all(self, lease: Lease, records: Sequence[CommitRecord]) -> None:
        """Store several commits that follow one another, or none of them."""
        self._commits.commit_all(lease, records)

    def journal(self, lease: Lease, record: JournalRecord) -> None:
        """Store a finished attempt ahead of its commit."""
        self._commits.journal(lease, record)

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        """Record, durably, that a ``once`` attempt is about to start."""
        self._commits.claim(lease, task, attempt, at)

    # --- reading a run ----------------------------------------------------------------------

    def load(self, run: RunId) -> Loaded:
        """Return the run at its last commit, ready to go on."""
        return self._history.load(run)

    def state_at(self, run: RunId, number: int) -> RunState:
        """Return the exact state of one commit."""
        return self._history.state_at(run, number)

    def events(self, run: RunId, *, after: int = 0, upto: int | None = None) -> list[Recorded]:
        """Return the facts with ``after < seq <= upto``, in order."""
        return self._history.events(run, after=after, upto=upto)

    def frame_before(self, run: RunId, number: int) -> tuple[int, bytes] | None:
        """Return (commit, encoded RunView) of the newest key frame at or before `number`."""
        return self._history.frame_before(run, number)

    def documents(self, run: RunId) -> list[tuple[int, bytes]]:
        """Return (first commit that was made without it, document) of earlier ones, in order."""
        return self._history.documents(run)

    def delta(self, run: RunId, number: int) -> Delta:
        """Return what commit `number` changed."""
        return self._history.delta(run, number)

    def values_at(self, run: RunId, number: int, refs: Sequence[str]) -> dict[str, Json]:
        """Return the values of those names that commit `number` stored."""
        return self._history.values_at(run, number, refs)

    def history(
        self, run: RunId, *, after: int = -1, limit: int | None = None
    ) -> list[CommitSummary]:
        """Return one line per commit, oldest first."""
        return self._history.history(run, after=after, limit=limit)

    # --- requests and decisions -------------------------------------------------------------

    def requests(self, *, run: RunId | None = None, open_only: bool = True) -> list[RequestRecord]:
        """Return barrier requests, the one due first at the top, then by age."""
        return self._requests.requests(run=run, open_only=open_only)

    def request(self, request: RequestId) -> RequestRecord:
        """Return one request with its decision; a unique prefix of its id is enough."""
        return self._requests.request(request)

    def decide(self, decision: Decide, at: float) -> DecisionRecord:
        """Accept or refuse a decision by compare-and-set on the request, durably."""
        return self._requests.decide(decision, at)

    def refuse(self, decision: Decide, at: float, reason: str) -> DecisionRecord:
        """Append a decision that does not count."""
        return self._requests.refuse(decision, at, reason)

    def unadmitted(self, run: RunId) -> list[DecisionRecord]:
        """Return accepted decisions that no commit has taken in, oldest first."""
        return self._requests.unadmitted(run)

    def decisions(self, *, run: RunId | None = None) -> list[DecisionRecord]:
        """Return the decision log, oldest first."""
        return self._requests.decisions(run)

    def add_rule(self, rule: RuleRecord) -> RuleRecord:
        """Store a standing decision, durably."""
        return self._requests.add_rule(rule)

    def rules(self) -> list[RuleRecord]:
        """Return all standing decisions, newest first."""
        return self._requests.rules()

    def has_rules(self) -> bool:
        """Return whether there is any standing decision."""
        return self._requests.has_rules()

    def revoke_rule(self, rule: str, by: str, at: float) -> RuleRecord:
        """End a standing decision."""
        return self._requests.revoke_rule(rule, by, at)

    def decide_by_rule(self, request: RequestId, at: float) -> DecisionRecord | None:
        """Answer an open request by the rule whose scope fits it best, if there is one."""
        return self._requests.decide_by_rule(request, at)

    # --- events -----------------------------------------------------------------------------

    def add_signal(self, signal: SignalRecord) -> SignalRecord:
        """Store an event durably and return it with its number."""
        return self._signals.add(signal)

    def signals(self, run: RunId, now: float) -> list[SignalRecord]:
        """Return the events that the run may still take, oldest first."""
        return self._signals.pending(run, now)

    def listeners(self, name: str | None = None) -> list[Listener]:
        """Return what waits for events, oldest first, of runs that have not ended."""
        return self._signals.listeners(name)

    def broadcasts(self, after: int, now: float) -> list[SignalRecord]:
        """Return the events to all runs with a number above `after`, oldest first."""
        return self._signals.broadcasts(after, now)

    def last_signal(self) -> int:
        """Return the number of the newest event; 0 when there was none."""
        return self._signals.last()

    # --- commands ---------------------------------------------------------------------------

    def add_command(self, run: RunId, command: AnyCommand, at: float) -> int:
        """Store a command for whoever runs the run; return its number."""
        with self._database.transaction() as connection:
            number = connection.execute(
                "INSERT INTO commands (run_no, at, body) VALUES (?, ?, ?)",
                (run_number(connection, run), at, pack(encode(command))),
            ).lastrowid
            assert number is not None
        return number

    def commands(self, run: RunId, *, after: int) -> list[tuple[int, AnyCommand]]:
        """Return commands with a number above `after`, oldest first."""
        with self._database.reader() as connection:
            rows = connection.execute(
                "SELECT no, body FROM commands WHERE run_no = ? AND no > ? ORDER BY no",
                (run_number(connection, run), after),
            ).fetchall()
            return [(row[0], _decode_command(unpack(row[1]))) for row in rows]

    # --- the whole store --------------------------------------------------------------------

    def data_version(self) -> int:
        """Return a number that changes when another connection has written."""
        return self._database.data_version()

    def delete_run(self, run: RunId, *, evidence: bool = False) -> None:
        """Delete a run; its requests and decisions stay unless `evidence`."""
        from engine.store import maintenance  # noqa: PLC0415 - SQLModel is slow to import

        maintenance.delete_run(self._database, run, evidence=evidence, now=self._clock.now())
        self._commits.forget(run)

    def name_commit(self, run: RunId, number: int, name: str) -> None:
        """Give a commit a name, so that pruning keeps it; an empty one takes it away."""
        with self._database.transaction() as connection:
            no = run_number(connection, run)
            found = (
                0 <= number < COMMITS_PER_RUN
                and connection.execute(
                    "SELECT 1 FROM commits WHERE id = ?", (commit_id(no, number),)
                ).fetchone()
            )
            if not found:
                raise unknown_commit(run, number)
            connection.execute(
                "DELETE FROM checkpoints WHERE run_no = ? AND number = ?", (no, number)
            )
            if name:
                connection.execute(
                    "INSERT INTO checkpoints (run_no, number, name) VALUES (?, ?, ?)",
                    (no, number, readable(name)),
                )

    def prune(self, run: RunId, keep: int, *, before: float | None = None) -> int:
        """Drop old commits; return the bytes given back."""
        from engine.store import maintenance  # noqa: PLC0415 - SQLModel is slow to import

        return maintenance.prune(self._database, self._history, self._blobs, run, keep, before)

    def verify(self) -> list[str]:
        """Check the hash chain of the evidence; return what is wrong with it."""
        from engine.store import maintenance  # noqa: PLC0415 - SQLModel is slow to import

        return maintenance.verify(self._database, self._blobs)

    def audit(self) -> list[AuditEntry]:
        """Return the evidence, oldest first."""
        from engine.store import maintenance  # noqa: PLC0415 - SQLModel is slow to import

        return maintenance.audit(self._database, self._blobs)

    def size_bytes(self) -> int:
        """Return what the store takes on the disk."""
        return self._database.size_bytes()

    def log_bytes(self) -> int:
        """Return what of that its write-ahead log takes."""
        return self._database.log_bytes()

    def place(self) -> str:
        """Return the path of its file."""
        return str(self.path)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()


#: Waiting runs whose time has come, or for which there is an event of a name they wait for.
#: An event from well before their last commit was there when they came to rest: nothing of
#: theirs takes it, or they would not have.
_DUE_HEAD = """
    SELECT r.id, min(due.at), l.host, l.pid, l.boot, l.process_started, l.heartbeat_at
    FROM (
      SELECT no, next_due AS at FROM runs WHERE next_due <= :now
      UNION ALL
      SELECT r.no, s.at FROM listeners w JOIN runs r ON r.no = w.run_no
      JOIN signals s ON s.name = w.name WHERE"""
_DUE_TAIL = """
      AND s.at >= (SELECT c.at FROM commits c WHERE c.id = (SELECT max(id) FROM commits
        WHERE id BETWEEN r.no << 32 AND (r.no << 32) + 4294967295)) - 5.0
    ) due JOIN runs r ON r.no = due.no JOIN leases l ON l.run_no = r.no
    WHERE r.status = 'waiting' GROUP BY r.no ORDER BY min(due.at), r.no"""
_DUE = f"{_DUE_HEAD} {OPEN} {_DUE_TAIL}"


def _is_held(row: Sequence[Any], now: float) -> bool:
    holder = holder_of(row[:4])
    return holder is not None and leases.is_alive(holder, row[4], now)
