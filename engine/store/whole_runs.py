"""A run as one thing: its row, and the image of all of it that goes to and comes from files."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from engine.errors import SessionBusy, StoreError
from engine.ids import RunId
from engine.runtime.ports import CommitRecord, RunImage, RunRecord
from engine.store.blobs import Aside, Blobs, Parts
from engine.store.database import Database
from engine.store.encoding import EventPage, encode, pack, readable
from engine.store.history import History
from engine.store.leaves import keep, map_leaves
from engine.store.requests import RequestLog
from engine.store.rows import commit_id


def insert_run(connection: sqlite3.Connection, blobs: Blobs, record: RunRecord, path: Path) -> int:
    """Store the row of a run and its free lease; return the number that stands for it.

    Raises:
        StoreError: there is a run of that id.
    """
    record = map_leaves(record, keep, readable)
    parts: Parts = {}
    run_input = pack(encode(Aside().put(record, parts).input))
    digest = hashlib.sha256(record.document).digest()
    document_no, _ = blobs.put(connection, digest, partial(bytes, record.document))
    try:
        no = connection.execute(
            "INSERT INTO runs (id, workflow_id, workflow, revision, title, source_path,"
            " document_no, input, seed, started_at, ended_at, status, legs, parent,"
            " parent_commit, untrusted, session, start_trigger, granted, caller, caller_task,"
            " call_mode, depth, begins, listed_upto, is_listed, signals_after)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
            " -1, 0, (SELECT coalesce(max(no), 0) FROM signals))",
            (
                record.run,
                record.workflow_id,
                record.workflow,
                record.revision,
                record.title,
                record.source_path,
                document_no,
                run_input,
                record.seed,
                record.started_at,
                record.ended_at,
                record.status.value,
                record.parent,
                record.parent_commit,
                record.untrusted,
                record.session,
                record.trigger,
                " ".join(record.allow),
                *(record.called_by or ("", "")),
                record.mode,
                record.depth,
                record.begins or None,
            ),
        ).lastrowid
    except sqlite3.IntegrityError as error:
        if "runs.session" in str(error):
            raise SessionBusy(record.session) from error
        raise StoreError(
            f"Run {record.run} is already in the store {path}: nothing was changed."
        ) from error
    assert no is not None
    connection.execute(
        "INSERT INTO leases (run_no, epoch, host, boot, process_started, heartbeat_at)"
        " VALUES (?, 0, '', '', 0, 0)",
        (no,),
    )
    blobs.write(connection, "r", no, parts)
    blobs.use(connection, "r", no, document_no)
    return no


# --- out ------------------------------------------------------------------------------------


@contextmanager
def image(
    database: Database, history: History, requests: RequestLog, run: RunId
) -> Generator[RunImage]:
    """Open a run as it is at one moment; its commits are read as they are asked for."""
    with database.reader():
        loaded = history.load(run)
        commits = history.commits(run)
        first = next(commits, None)
        yield RunImage(
            record=loaded.record,
            first=0 if first is None else first.number,
            legs=loaded.legs,
            next_due=loaded.next_due,
            commits=() if first is None else _together(first, commits),
            names=history.names(run),
            documents=history.documents(run),
            requests=requests.linked_requests(run),
            decisions=requests.linked_decisions(run),
            journal=loaded.journal,
            claims=loaded.claims,
        )


def _together(first: CommitRecord, others: Generator[CommitRecord]) -> Generator[CommitRecord]:
    yield first
    yield from others


# --- in -------------------------------------------------------------------------------------


def insert_history(connection: sqlite3.Connection, blobs: Blobs, no: int, found: RunImage) -> None:
    """Store the commits of a run, and what no commit holds yet."""
    aside = Aside()
    last_command = 0
    for record in found.commits:
        _insert_commit(connection, blobs, no, record, aside)
        last_command = max(last_command, record.last_command)
    _count_commands_from(connection, last_command)
    connection.execute(
        "UPDATE runs SET next_due = ?, legs = ? WHERE no = ?", (found.next_due, found.legs, no)
    )
    for until, document in found.documents:
        digest = hashlib.sha256(document).digest()
        document_no, _ = blobs.put(connection, digest, partial(bytes, document))
        blobs.use(connection, "r", no, document_no)
        connection.execute(
            "INSERT INTO documents (run_no, until, document_no) VALUES (?, ?, ?)",
            (no, until, document_no),
        )
    connection.executemany(
        "INSERT INTO checkpoints (run_no, number, name) VALUES (?, ?, ?)",
        [(no, number, readable(name)) for number, name in found.names.items()],
    )
    connection.executemany(
        "INSERT INTO journal (run_no, task, attempt, at, result) VALUES (?, ?, ?, ?, ?)",
        [(no, each.task, each.attempt, each.at, pack(each.result)) for each in found.journal],
    )
    connection.executemany(
        "INSERT INTO claims (run_no, task, attempt, at) VALUES (?, ?, ?, ?)",
        [(no, task, attempt, found.record.started_at) for task, attempt in found.claims.items()],
    )


def _count_commands_from(connection: sqlite3.Connection, number: int) -> None:
    """Let later commands have numbers above those that the run has obeyed elsewhere."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'commands'").fetchone()
    if row is None:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('commands', ?)", (number,))
    elif row[0] < number:
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'commands'", (number,))


def _insert_commit(
    connection: sqlite3.Connection, blobs: Blobs, no: int, record: CommitRecord, aside: Aside
) -> None:
    key = commit_id(no, record.number)
    page = EventPage.of(record.events, record.at)
    parts: Parts = {}
    connection.execute(
        "INSERT INTO commits (id, at, first_seq, event_count, status, events, delta)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            key,
            record.at,
            record.first_seq,
            len(record.events),
            record.status.value,
            pack(encode(aside.put(page, parts))),
            pack(encode(aside.put(record.delta, parts))),
        ),
    )
    blobs.write(connection, "c", key, parts)
    if record.frame is not None:
        framed: Parts = {}
        connection.execute(
            "INSERT INTO frames (id, state, view) VALUES (?, ?, ?)",
            (
                key,
                pack(encode(aside.put(record.frame, framed))),
                None if record.view is None else pack(record.view),
            ),
        )
        blobs.write(connection, "f", key, framed)
