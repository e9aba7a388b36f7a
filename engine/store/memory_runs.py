"""The rows of the store in memory: runs with their commits and key frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from engine.commands import AnyCommand
from engine.errors import EngineBug, StoreError
from engine.events import Recorded
from engine.ids import RunId, TaskId
from engine.runtime.holders import Holder
from engine.runtime.ports import (
    CommitRecord,
    CommitSummary,
    Execution,
    JournalRecord,
    RunRecord,
)
from engine.state.channels import ChannelSpecs
from engine.state.run_state import Delta, RunState
from engine.state.status import RunStatus
from engine.store import leases
from engine.store.executions import told_by
from engine.store.history import channels_in, committed_summary
from engine.store.rows import (
    commit_id,
    unknown_commit,
)

Json = Any


class Commit(msgspec.Struct, frozen=True, gc=False):
    """One commit."""

    number: int
    at: float
    status: RunStatus
    first_seq: int
    events: Sequence[Recorded]
    delta: Delta


@dataclass(slots=True)
class Frame:
    """A key frame: the state and the encoded view of a commit."""

    number: int
    state: RunState
    view: bytes | None


@dataclass(slots=True)
class Run:
    """One run. `first` is the index of the oldest commit that is kept."""

    no: int
    record: RunRecord
    documents: list[tuple[int, bytes]] = field(default_factory=list)
    epoch: int = 0
    holder: Holder | None = None
    heartbeat_at: float = 0.0
    first: int = 0
    next_number: int = 0
    next_seq: int = 1
    legs: int = 0
    status: RunStatus = RunStatus.CREATED
    next_due: float | None = None
    ended_at: float | None = None
    commits: list[Commit] = field(default_factory=list)
    #: Commits with a name that are older than `first`, by number.
    kept: dict[int, Commit] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    journal: dict[TaskId, JournalRecord] = field(default_factory=dict)
    claims: dict[TaskId, int] = field(default_factory=dict)
    commands: list[tuple[int, AnyCommand]] = field(default_factory=list)
    signals_after: int = 0

    def document_at(self, number: int) -> bytes:
        """Return the document that a commit was made with."""
        for until, document in self.documents:
            if number < until:
                return document
        return self.record.document

    def commit(self, number: int) -> Commit:
        """Return a commit that is kept. Raises `UnknownRun`."""
        if number in self.kept:
            return self.kept[number]
        if not self.first <= number < self.next_number:
            raise unknown_commit(self.record.run, number)
        return self.commits[number - self.first]


def out_of_order(run: Run, record: CommitRecord) -> Exception:
    """Return the refusal of a commit that does not follow the last one."""
    if record.number < run.next_number:  # somebody else has written it
        return leases.lost(record.run)
    return EngineBug(
        f"Run {record.run}: commit {record.number} from event {record.first_seq} does not follow "
        f"commit {run.next_number - 1}, whose next event is {run.next_seq}."
    )


@lru_cache(maxsize=64)
def specs_of(document: bytes) -> ChannelSpecs:
    """Return the channels of a document."""
    return channels_in(document)


def executions_of(run: Run) -> Iterator[Execution]:
    """Return what the commits of a run say of its tasks, oldest first."""
    record = run.record
    for commit in (*run.kept.values(), *run.commits):
        for place, each in enumerate(commit.events):
            told = told_by(each.event)
            if told is None:
                continue
            task, node, status, duration_s, attempt, code, message = told
            yield Execution(
                run=record.run,
                workflow_id=record.workflow_id,
                workflow=record.workflow,
                commit=commit.number,
                at=each.at,
                task=task,
                node=node,
                status=status,
                duration_s=duration_s,
                attempt=attempt,
                code=code,
                message=message,
                place=(each.at, commit_id(run.no, commit.number), place),
            )


def already_there(run: RunId) -> StoreError:
    """Return the refusal of a run whose id is taken."""
    return StoreError(f"Run {run} is already in the store: nothing was changed.")


def is_held(run: Run, now: float) -> bool:
    """Return whether somebody alive holds the lease of a run."""
    return run.holder is not None and leases.is_alive(run.holder, run.heartbeat_at, now)


def summary_of(run: RunId, commit: Commit, names: Mapping[int, str]) -> CommitSummary:
    """Return the line that the history shows of a commit."""
    tasks, changed = committed_summary([each.event for each in commit.events])
    return CommitSummary(
        run=run,
        number=commit.number,
        at=commit.at,
        tasks=tasks,
        changed=changed,
        status=commit.status,
        first_seq=commit.first_seq,
        last_seq=commit.first_seq + len(commit.events) - 1,
        name=names.get(commit.number, ""),
    )
