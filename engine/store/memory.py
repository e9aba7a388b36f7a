"""The store in memory: for tests and for runs that nobody wants to keep.

It keeps the objects that it is given and encodes nothing, which is right because nobody
changes a value in place. It keeps every rule of the store on disk: order, leases,
compare-and-set, the hash chain. It is for one process; any thread may call it.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from engine import run_view
from engine.commands import AnyCommand, Decide
from engine.errors import SessionBusy
from engine.events import LegStarted, Recorded
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
from engine.state.run_state import Delta, Moves, RunState, apply
from engine.state.status import ENDED, RunStatus
from engine.store import leases
from engine.store.commits import settled_tasks
from engine.store.executions import matches
from engine.store.memory_kept import MemoryKept
from engine.store.memory_requests import MemoryRequests
from engine.store.memory_runs import (
    Commit,
    Frame,
    Run,
    already_there,
    executions_of,
    is_held,
    out_of_order,
    specs_of,
    summary_of,
)
from engine.store.memory_signals import MemorySignals
from engine.store.memory_triggers import MemoryTriggers
from engine.store.rows import (
    is_interrupted,
    only_match,
    unknown_run,
)

Json = Any
#: A key frame is kept when so many commits came since the last for each row of its tables.
_FRAME_SPACING = 1 / 32


class MemoryStore(MemoryTriggers):
    """Keeps runs until the process ends. Implements `engine.runtime.ports.RunStore`."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._runs: dict[RunId, Run] = {}
        self._asked = MemoryRequests()
        self._signals = MemorySignals()
        self._kept = MemoryKept()
        self._last_run = 0
        self._last_command = 0

    # --- runs -------------------------------------------------------------------------------

    def create_run(self, record: RunRecord) -> None:
        """Store a run that has no commit yet."""
        with self._lock:
            if record.run in self._runs:
                raise already_there(record.run)
            if record.session and self._is_open(record.session):
                raise SessionBusy(record.session)
            self._last_run += 1
            self._runs[record.run] = Run(
                self._last_run, record, status=record.status, signals_after=self._signals.last
            )

    def _is_open(self, session: str) -> bool:
        runs = self._runs.values()
        return any(run.record.session == session and run.status not in ENDED for run in runs)

    def runs(
        self, *, limit: int = 200, workflow_id: str | None = None, session: str | None = None
    ) -> list[RunRecord]:
        """Return the runs, newest first, without their documents."""
        with self._lock:
            found = [
                run
                for run in self._runs.values()
                if (workflow_id is None or run.record.workflow_id == workflow_id)
                and (session is None or (session and run.record.session == session))
            ]
            by_start = session is None
            found.sort(
                key=lambda run: (run.record.started_at if by_start else 0.0, run.no), reverse=True
            )
            return [replace(self._record(run), document=b"") for run in found[:limit]]

    def executions(self, query: ExecutionQuery) -> list[Execution]:
        """Return the executions that a query asks for, of all runs, newest first."""
        with self._lock:
            runs = self._runs.values() if query.run is None else [self._run(query.run)]
            found = [each for run in runs for each in executions_of(run) if matches(query, each)]
        found.sort(key=lambda each: each.place, reverse=True)
        return found[: query.limit]

    def children(self, run: RunId) -> list[RunRecord]:
        """Return the runs that a run has called, oldest first, without their documents."""
        with self._lock:
            return [
                replace(self._record(each), document=b"")
                for each in self._runs.values()
                if each.record.called_by is not None and each.record.called_by[0] == run
            ]

    def run(self, run: RunId) -> RunRecord:
        """Return one run; a unique prefix of its id is enough."""
        with self._lock:
            near = [known for known in self._runs if known.startswith(run)]
            return self._record(self._runs[RunId(only_match(near, run, "run"))])

    def due_runs(self, before: float) -> list[tuple[RunId, float]]:
        """Return waiting runs that nobody holds and whose time, or whose event, has come."""
        with self._lock:
            now = self._clock.now()
            due = [
                (at, run.no, run.record.run)
                for run in self._runs.values()
                if run.status is RunStatus.WAITING
                and (at := self._due_at(run, before)) is not None
                and not is_held(run, now)
            ]
        return [(run, next_due) for next_due, _, run in sorted(due)]

    def fork(self, parent: RunId, number: int, record: RunRecord) -> RunState:
        """Store `record` as a child run and return the parent's state at that commit."""
        state = self.state_at(parent, number)
        self.create_run(record)
        return state

    @contextmanager
    def image(self, run: RunId) -> Generator[RunImage]:
        """Open a whole run, as it is at one moment, to be written to a file."""
        with self._lock:
            loaded = self.load(run)
            found = self._run(run)
            commits = [
                CommitRecord(
                    run=run,
                    number=each.number,
                    at=each.at,
                    first_seq=each.first_seq,
                    events=each.events,
                    delta=each.delta,
                    status=each.status,
                )
                for each in [*found.kept.values(), *found.commits]
            ]
            rebased = {until for until, _ in found.documents}
            last = -2
            for each in commits:
                if each.number != last + 1 or each.number in rebased:
                    each.frame = self.state_at(run, each.number)
                    each.view = self._view_at(run, each.number)
                last = each.number
            image = RunImage(
                record=loaded.record,
                first=commits[0].number if commits else 0,
                legs=loaded.legs,
                next_due=loaded.next_due,
                commits=commits,
                names=dict(found.names),
                documents=list(found.documents),
                requests=self._asked.linked_requests(run),
                decisions=self._asked.linked_decisions(run),
                journal=loaded.journal,
                claims=loaded.claims,
            )
        yield image

    def import_run(self, image: RunImage, at: float) -> None:
        """Store a whole run that comes from elsewhere, or nothing of it."""
        commits = list(image.commits)
        with self._lock:
            record = image.record
            if record.run in self._runs:
                raise already_there(record.run)
            self._asked.take_in(image, at)
            self.create_run(record)
            run = self._runs[record.run]
            run.ended_at, run.legs, run.next_due = record.ended_at, image.legs, image.next_due
            run.first = run.next_number = image.first
            for each in commits:
                if run.commits and each.number != run.next_number:
                    run.kept.update({old.number: old for old in run.commits})
                    run.commits.clear()
                run.first = run.first if run.commits else each.number
                self._last_command = max(self._last_command, each.last_command)
                run.commits.append(
                    Commit(
                        each.number, each.at, each.status, each.first_seq, each.events, each.delta
                    )
                )
                if each.frame is not None:
                    run.frames.append(Frame(each.number, each.frame, each.view))
                run.next_number = each.number + 1
                run.next_seq = each.first_seq + len(each.events)
            run.names = dict(image.names)
            run.documents = list(image.documents)
            run.journal = {each.task: each for each in image.journal}
            run.claims = dict(image.claims)

    def trust(self, run: RunId, allow: tuple[str, ...]) -> None:
        """Remember that a run that came from a file may run here, and what it may use."""
        with self._lock:
            found = self._run(run)
            found.record = replace(found.record, untrusted=False, allow=allow)

    def _due_at(self, run: Run, now: float) -> float | None:
        """Return when a run was or is to go on, if that is not later than `now`."""
        name = run.record.run
        wanted = {each.name for each in self._signals.listeners(None, (name,))}
        pending = self._signals.pending(name, run.signals_after, now) if wanted else ()
        rested = run.commits[-1].at if run.commits else now
        times = [each.at for each in pending if each.name in wanted and each.at >= rested - 5.0]
        if run.next_due is not None and run.next_due <= now:
            times.append(run.next_due)
        return min(times, default=None)

    def _record(self, run: Run) -> RunRecord:
        return replace(
            run.record,
            status=run.status,
            commit=run.next_number - 1,
            ended_at=run.ended_at,
            interrupted=is_interrupted(run.status, run.holder, run.heartbeat_at, self._clock.now()),
        )

    def _run(self, run: RunId) -> Run:
        found = self._runs.get(run)
        if found is None:
            raise unknown_run(run)
        return found

    # --- kept results -----------------------------------------------------------------------

    def keep_result(self, kept: KeptResult, limit_bytes: int) -> None:
        """Keep a result for equal work."""
        with self._lock:
            self._kept.put(kept, limit_bytes)

    def kept_result(self, key: bytes, now: float) -> KeptResult | None:
        """Return the result that is kept for a key, unless its time is over."""
        with self._lock:
            return self._kept.get(key, now)

    def kept_results(self, *, limit: int = 200) -> list[KeptResult]:
        """Return what is kept, without the results, the one used last first."""
        with self._lock:
            return self._kept.all(limit)

    def kept_size(self) -> tuple[int, int]:
        """Return how many results are kept, and the bytes that they take."""
        with self._lock:
            return self._kept.size()

    def forget_results(self, *, workflow_id: str | None = None, node: str | None = None) -> int:
        """Drop what is kept of a workflow, of a node, or all; return how many there were."""
        with self._lock:
            return self._kept.forget(workflow_id, node)

    # --- leases -----------------------------------------------------------------------------

    def acquire(self, run: RunId, holder: Holder, now: float) -> Lease:
        """Take the lease when it is free, expired, or its holder is dead."""
        with self._lock:
            found = self._run(run)
            if found.holder is not None and is_held(found, now):
                raise leases.held(run, found.holder)
            found.epoch += 1
            found.holder = holder
            found.heartbeat_at = now
            return Lease(run, found.epoch, holder)

    def heartbeat(self, lease: Lease, now: float) -> None:
        """Say that the holder lives."""
        with self._lock:
            self._held(lease).heartbeat_at = now

    def release(self, lease: Lease) -> None:
        """Give the lease back; losing it already is not an error."""
        with self._lock:
            run = self._runs.get(lease.run)
            if run is not None and run.epoch == lease.epoch:
                run.holder = None

    def _held(self, lease: Lease) -> Run:
        run = self._runs.get(lease.run)
        if run is None:
            raise unknown_run(lease.run)
        if run.epoch != lease.epoch:
            raise leases.lost(lease.run, run.holder)
        return run

    # --- writing a run ----------------------------------------------------------------------

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        """Store a commit with everything in it, or nothing."""
        with self._lock:
            run = self._held(lease)
            number = record.number
            events = record.events
            if number != run.next_number or record.first_seq != run.next_seq:
                raise out_of_order(run, record)
            if run.journal or run.claims:
                self._settle(run, record)
            run.commits.append(
                Commit(number, record.at, record.status, record.first_seq, events, record.delta)
            )
            run.next_number = number + 1
            run.next_seq += len(events)
            if record.status is not run.status:
                run.status = record.status
                run.ended_at = record.at if record.status in ENDED else None
                if run.record.begins:
                    run.record = replace(run.record, begins=b"")
            run.next_due = record.next_due
            if record.frame is not None:
                self._keep_frame(run, record, record.frame)
            if type(record.delta) is not Moves:  # else there is nothing more to it
                self._write_rest(run, record)

    def commit_all(self, lease: Lease, records: Sequence[CommitRecord]) -> None:
        """Store several commits that follow one another, or none of them."""
        with self._lock:
            run = self._held(lease)
            seq = run.next_seq
            for number, record in enumerate(records, run.next_number):
                if record.number != number or record.first_seq != seq:
                    self.commit(lease, record)  # it refuses, and says why
                seq += len(record.events)
            for record in records:
                self.commit(lease, record)

    def _write_rest(self, run: Run, record: CommitRecord) -> None:
        run.legs += sum(type(each.event) is LegStarted for each in record.events)
        if record.open_requests:
            self._asked.open(record.open_requests)
        if record.close_requests:
            self._asked.close(record.close_requests)
        if record.admitted_decisions:
            self._asked.admit(record.admitted_decisions)
        if record.claims:
            run.claims.update(record.claims)
        if record.name:
            run.names[record.number] = record.name
        if record.signals is not None:
            self._signals.write(record.run, record.signals)

    def _settle(self, run: Run, record: CommitRecord) -> None:
        journal = {task: each.attempt for task, each in run.journal.items()}
        for task in settled_tasks(journal, run.claims, record):
            run.journal.pop(task, None)
            run.claims.pop(task, None)

    def _keep_frame(self, run: Run, record: CommitRecord, state: RunState) -> None:
        if record.document is not None:
            data, revision, name = record.document
            run.documents.append((record.number, run.record.document))
            run.record = replace(run.record, document=data, revision=revision, workflow=name)
        rows = sum(
            len(table)
            for name in state.__struct_fields__
            if isinstance(table := getattr(state, name), dict)
        )
        last = run.frames[-1].number if run.frames else -rows
        if record.number - last >= rows * _FRAME_SPACING or record.document is not None:
            run.frames.append(Frame(record.number, state, record.view))

    def journal(self, lease: Lease, record: JournalRecord) -> None:
        """Store a finished attempt ahead of its commit."""
        with self._lock:
            self._held(lease).journal[record.task] = record

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        """Record that a ``once`` attempt is about to start."""
        del at
        with self._lock:
            self._held(lease).claims[task] = attempt

    # --- reading a run ----------------------------------------------------------------------

    def load(self, run: RunId) -> Loaded:
        """Return the run at its last commit, ready to go on."""
        with self._lock:
            found = self._run(run)
            last = found.next_number - 1
            return Loaded(
                record=self._record(found),
                state=self.state_at(run, last) if last >= 0 else RunState(),
                next_seq=found.next_seq,
                legs=found.legs,
                next_due=found.next_due,
                journal=tuple(
                    sorted(found.journal.values(), key=lambda each: (each.at, each.task))
                ),
                claims=dict(found.claims),
            )

    def state_at(self, run: RunId, number: int) -> RunState:
        """Return the exact state of one commit; the caller may change it."""
        with self._lock:
            found = self._run(run)
            found.commit(number)
            specs = specs_of(found.document_at(number))
            place = bisect_right(found.frames, number, key=lambda frame: frame.number)
            frame = found.frames[place - 1] if place else None
            state = frame.state.copy() if frame else RunState()
            begin = frame.number + 1 if frame else 0
            if number in found.kept:
                for between in range(begin, number + 1):
                    apply(state, found.kept[between].delta, specs, between)
                return state
            for each in found.commits[begin - found.first : number - found.first + 1]:
                apply(state, each.delta, specs, each.number)
            return state

    def events(self, run: RunId, *, after: int = 0, upto: int | None = None) -> list[Recorded]:
        """Return the facts with ``after < seq <= upto``, in order."""
        with self._lock:
            commits = [*self._run(run).kept.values(), *self._run(run).commits]
            # The commit before the first one that begins later may hold what comes next.
            begin = bisect_right(commits, after, key=lambda each: each.first_seq)
            found: list[Recorded] = []
            for each in commits[max(begin - 1, 0) :]:
                if upto is not None and each.first_seq > upto:
                    break
                found += [
                    record
                    for record in each.events
                    if record.seq > after and (upto is None or record.seq <= upto)
                ]
            return found

    def frame_before(self, run: RunId, number: int) -> tuple[int, bytes] | None:
        """Return (commit, encoded RunView) of the newest key frame at or before `number`."""
        with self._lock:
            for frame in reversed(self._run(run).frames):
                if frame.number <= number and frame.view is not None:
                    return frame.number, frame.view
        return None

    def documents(self, run: RunId) -> list[tuple[int, bytes]]:
        """Return (first commit that was made without it, document) of earlier ones, in order."""
        with self._lock:
            return list(self._run(run).documents)

    def delta(self, run: RunId, number: int) -> Delta:
        """Return what commit `number` changed."""
        with self._lock:
            return self._run(run).commit(number).delta

    def values_at(self, run: RunId, number: int, refs: Sequence[str]) -> dict[str, Json]:
        """Return the values of those names that commit `number` stored."""
        values = self.delta(run, number).put_values
        return {ref: values[ref] for ref in refs if ref in values}

    def history(
        self, run: RunId, *, after: int = -1, limit: int | None = None
    ) -> list[CommitSummary]:
        """Return one line per commit, oldest first."""
        with self._lock:
            found = self._run(run)
            old = [each for number, each in found.kept.items() if number > after]
            begin = max(after + 1 - found.first, 0)
            end = len(found.commits) if limit is None else begin + limit
            chosen = [*old, *found.commits[begin:end]]
            return [summary_of(run, each, found.names) for each in chosen[:limit]]

    # --- requests and decisions -------------------------------------------------------------

    def requests(self, *, run: RunId | None = None, open_only: bool = True) -> list[RequestRecord]:
        """Return barrier requests, the one due first at the top, then by age."""
        with self._lock:
            return self._asked.requests(run=run, open_only=open_only)

    def request(self, request: RequestId) -> RequestRecord:
        """Return one request with its decision; a unique prefix of its id is enough."""
        with self._lock:
            return self._asked.request(request)

    def decide(self, decision: Decide, at: float) -> DecisionRecord:
        """Accept or refuse a decision by compare-and-set on the request."""
        with self._lock:
            return self._asked.decide(decision, at)

    def refuse(self, decision: Decide, at: float, reason: str) -> DecisionRecord:
        """Append a decision that does not count."""
        with self._lock:
            return self._asked.refuse(decision, at, reason)

    def unadmitted(self, run: RunId) -> list[DecisionRecord]:
        """Return accepted decisions that no commit has taken in, oldest first."""
        with self._lock:
            return self._asked.unadmitted(run)

    def decisions(self, *, run: RunId | None = None) -> list[DecisionRecord]:
        """Return the decision log, oldest first."""
        with self._lock:
            return self._asked.decisions(run)

    def add_rule(self, rule: RuleRecord) -> RuleRecord:
        """Store a standing decision."""
        with self._lock:
            return self._asked.add_rule(rule)

    def rules(self) -> list[RuleRecord]:
        """Return all standing decisions, newest first."""
        with self._lock:
            return self._asked.rules()

    def has_rules(self) -> bool:
        """Return whether there is any standing decision."""
        with self._lock:
            return bool(self._asked.rules())

    def revoke_rule(self, rule: str, by: str, at: float) -> RuleRecord:
        """End a standing decision."""
        with self._lock:
            return self._asked.revoke_rule(rule, by, at)

    def decide_by_rule(self, request: RequestId, at: float) -> DecisionRecord | None:
        """Answer an open request by the rule whose scope fits it best, if there is one."""
        with self._lock:
            record = self._asked.request(request)
            run = self._runs.get(record.run)
            if run is None:
                return None
            return self._asked.decide_by_rule(request, run.record.workflow_id, at)

    def audit(self) -> list[AuditEntry]:
        """Return the evidence, oldest first."""
        with self._lock:
            return self._asked.audit()

    # --- commands ---------------------------------------------------------------------------

    # --- events -----------------------------------------------------------------------------

    def add_signal(self, signal: SignalRecord) -> SignalRecord:
        """Store an event and return it with its number."""
        with self._lock:
            return self._signals.add(signal)

    def signals(self, run: RunId, now: float) -> list[SignalRecord]:
        """Return the events that the run may still take, oldest first."""
        with self._lock:
            return self._signals.pending(run, self._run(run).signals_after, now)

    def listeners(self, name: str | None = None) -> list[Listener]:
        """Return what waits for events, oldest first, of runs that have not ended."""
        with self._lock:
            alive = [r.record.run for r in self._runs.values() if r.status not in ENDED]
            return self._signals.listeners(name, alive)

    def broadcasts(self, after: int, now: float) -> list[SignalRecord]:
        """Return the events to all runs with a number above `after`, oldest first."""
        with self._lock:
            return self._signals.broadcasts(after, now)

    def last_signal(self) -> int:
        """Return the number of the newest event; 0 when there was none."""
        with self._lock:
            return self._signals.last

    def add_command(self, run: RunId, command: AnyCommand, at: float) -> int:
        """Store a command for whoever runs the run; return its number."""
        del at
        with self._lock:
            found = self._run(run)
            self._last_command += 1
            found.commands.append((self._last_command, command))
            return self._last_command

    def commands(self, run: RunId, *, after: int) -> list[tuple[int, AnyCommand]]:
        """Return commands with a number above `after`, oldest first."""
        with self._lock:
            return [each for each in self._run(run).commands if each[0] > after]

    # --- the whole store --------------------------------------------------------------------

    def data_version(self) -> int:
        """Return 0: nobody else can write here."""
        return 0

    def delete_run(self, run: RunId, *, evidence: bool = False) -> None:
        """Delete a run; its requests and decisions stay unless `evidence`."""
        with self._lock:
            found = self._run(run)
            now = self._clock.now()
            if found.holder is not None and is_held(found, now):
                raise leases.held(run, found.holder)
            if evidence:
                self._asked.erase(run, now)
            else:
                self._asked.withdraw(run)
            self._signals.forget(run)
            self._kept.forget_run(run)
            del self._runs[run]

    def name_commit(self, run: RunId, number: int, name: str) -> None:
        """Give a commit a name, so that pruning keeps it; an empty one takes it away."""
        with self._lock:
            found = self._run(run)
            found.commit(number)
            found.names.pop(number, None)
            if name:
                found.names[number] = name

    def prune(self, run: RunId, keep: int, *, before: float | None = None) -> int:
        """Drop old commits; return 0, because nothing is on a disk."""
        with self._lock:
            found = self._run(run)
            cut = found.next_number - max(keep, 1)
            if before is not None:
                young = [each.number for each in found.commits if each.at >= before]
                cut = min([cut, *young[:1]])
            cut = max(cut, found.first)
            starts = [number for number in (*found.kept, *found.names) if number in found.names]
            starts = sorted({number for number in starts if number < cut} | {cut})
            frames = [Frame(n, self.state_at(run, n), self._view_at(run, n)) for n in starts]
            found.kept = {n: found.commit(n) for n in starts if n != cut}
            later = [each for each in found.frames if each.number > cut]
            found.frames = [*frames, *later]
            found.commits = found.commits[cut - found.first :]
            found.first = cut
            return 0

    def _view_at(self, run: RunId, number: int) -> bytes | None:
        """Return the encoded view of a commit, or None when its beginning is not stored."""
        frame = self.frame_before(run, number)
        view = run_view.decode(frame[1]) if frame else None
        commit = self._run(run).commit(number)
        last = commit.first_seq + len(commit.events) - 1
        facts = self.events(run, after=view.seq if view else 0, upto=last)
        whole = view is not None or (bool(facts) and facts[0].seq == 1)
        return run_view.encode(run_view.fold(facts, view)) if whole else None

    def verify(self) -> list[str]:
        """Check the hash chain of the evidence; return what is wrong with it."""
        with self._lock:
            return self._asked.verify()

    def size_bytes(self) -> int:
        """Return 0: nothing is on a disk."""
        return 0

    def log_bytes(self) -> int:
        """Return 0: there is no log."""
        return 0

    def place(self) -> str:
        """Return where it is."""
        return "memory"

    def close(self) -> None:
        """Nothing is open."""
