"""The tables of the store, as SQLModel classes: the one description of the schema.

`schema.sql` is made from them (``python -m engine.store.tables``) and a test compares the
two; `engine.store.maintenance` works with sessions. The commit path writes the same tables
with SQL of its own: building one ORM object costs more than a whole commit, and importing
SQLModel more than opening a store and resuming a run.

A run has a small number (`runs.no`) that stands for its id everywhere else. Rows of one
commit are addressed by one integer: ``run_no << 32 | commit``, which is the primary key,
so that a commit appends to one table and keeps no index.
"""

from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import Field, SQLModel

SCHEMA_FILE = Path(__file__).with_name("schema.sql")

#: Plain INTEGER in SQLite, where only that makes a primary key the address of the row.
_BIG = BigInteger().with_variant(Integer(), "sqlite")


def _big_key() -> Any:
    return Field(default=None, sa_column=Column(_BIG, primary_key=True, nullable=False))


def _owned_by(table: str, *, key: bool = False) -> Any:
    """Return a column that refers to the number of a row and goes away with it."""
    reference = ForeignKey(f"{table}.no", ondelete="CASCADE")
    return Field(sa_column=Column(Integer, reference, primary_key=key, nullable=False))


class BlobRow(SQLModel, table=True):
    """A value of more than 64 KB, or a pinned document, stored once by its SHA-256."""

    __tablename__: ClassVar[Any] = "blobs"

    no: int | None = Field(default=None, primary_key=True)
    digest: bytes = Field(unique=True)
    #: Bytes before compression.
    size: int
    data: bytes


class BlobUseRow(SQLModel, table=True):
    """That a row needs a blob. A blob without uses is deleted.

    `kind` is one letter for the owner's table, `owner` its key.
    """

    __tablename__: ClassVar[Any] = "blob_uses"
    __table_args__: ClassVar[Any] = (
        Index("blob_uses_by_blob", "blob_no"),
        {"sqlite_with_rowid": False},
    )

    kind: str = Field(primary_key=True)
    owner: int = Field(sa_column=Column(_BIG, primary_key=True, nullable=False))
    blob_no: int = Field(foreign_key="blobs.no", primary_key=True)


class RunRow(SQLModel, table=True):
    """A run. Its last commit is found in `commits`; status changes are stored with it."""

    __tablename__: ClassVar[Any] = "runs"
    __table_args__: ClassVar[Any] = (
        Index("runs_by_start", "started_at"),
        Index("runs_by_workflow", "workflow_id", "started_at"),
        Index("runs_by_session", "session", sqlite_where=text("session != ''")),
        # One run of a session is open at a time, whoever starts it.
        Index(
            "runs_open_in_session",
            "session",
            unique=True,
            sqlite_where=text(
                "session != '' AND status NOT IN ('completed', 'failed', 'cancelled')"
            ),
        ),
        Index("runs_by_caller", "caller", sqlite_where=text("caller <> ''")),
        Index("runs_due", "next_due", sqlite_where=text("next_due IS NOT NULL")),
        Index("runs_unlisted", "no", sqlite_where=text("is_listed = 0")),
        {"sqlite_autoincrement": True},
    )

    no: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    workflow_id: str
    workflow: str
    revision: str
    title: str
    source_path: str
    document_no: int = Field(foreign_key="blobs.no")
    input: bytes
    seed: int = Field(sa_column=Column(_BIG, nullable=False))
    started_at: float
    ended_at: float | None = None
    status: str
    next_due: float | None = None
    #: How many legs have been started.
    legs: int = 0
    parent: str | None = None
    parent_commit: int | None = None
    #: It came from a file, and nobody has agreed to let it run here.
    untrusted: bool = False
    #: Name of its session, or empty.
    session: str = ""
    start_trigger: str = ""
    #: Capabilities, with spaces between them.
    granted: str = ""
    #: Run and task that it is a child of, or empty; how it was called, and how deep.
    caller: str = ""
    caller_task: str = ""
    call_mode: str = ""
    depth: int = 0
    #: What it begins with, until its first commit is stored.
    begins: bytes | None = None
    #: Number of the newest event when the run was created: it hears those sent to all later.
    signals_after: int = 0
    #: The last commit whose executions are in `executions`; whether nothing is to be added.
    listed_upto: int = -1
    is_listed: bool = False


class CheckpointRow(SQLModel, table=True):
    """A commit that somebody has given a name; pruning keeps it."""

    __tablename__: ClassVar[Any] = "checkpoints"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)

    run_no: int = _owned_by("runs", key=True)
    number: int = Field(primary_key=True)
    name: str


class DocumentRow(SQLModel, table=True):
    """A document that the commits of a run below `until` were made with; later ones with another.

    A run that was never moved to an edited document has no row here.
    """

    __tablename__: ClassVar[Any] = "documents"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)

    run_no: int = _owned_by("runs", key=True)
    until: int = Field(primary_key=True)
    document_no: int = Field(foreign_key="blobs.no")


class LeaseRow(SQLModel, table=True):
    """Who may write commits of a run. A free lease has no pid; its epoch only grows."""

    __tablename__: ClassVar[Any] = "leases"

    run_no: int = _owned_by("runs", key=True)
    epoch: int
    host: str = ""
    pid: int | None = None
    boot: str = ""
    process_started: float = 0.0
    heartbeat_at: float = 0.0


class CommitRow(SQLModel, table=True):
    """One commit: its facts and its delta, written by one statement.

    `id` is ``run_no << 32 | commit``. Both blobs are msgpack, compressed when long.
    """

    __tablename__: ClassVar[Any] = "commits"

    id: int | None = _big_key()
    at: float
    first_seq: int
    event_count: int
    status: str
    events: bytes
    delta: bytes


_RARE = text("status <> 'done'")


class ExecutionRow(SQLModel, table=True):
    """An attempt that has ended: an index over the facts of commits, made when it is asked for.

    `id` is the key of the commit, `place` that of the fact in it. Those that did not simply
    succeed are few, and are found by small indexes of their own.
    """

    __tablename__: ClassVar[Any] = "executions"
    __table_args__: ClassVar[Any] = (
        Index("executions_by_run", "run_no", "at"),
        Index("executions_by_node", "node", "at"),
        Index("executions_by_time", "at"),
        Index("executions_rare", "status", "at", sqlite_where=_RARE),
        Index("executions_rare_by_node", "node", "status", "at", sqlite_where=_RARE),
        Index("executions_rare_by_run", "run_no", "status", "at", sqlite_where=_RARE),
        {"sqlite_with_rowid": False},
    )

    id: int = Field(sa_column=Column(_BIG, primary_key=True, nullable=False))
    place: int = Field(primary_key=True)
    run_no: int
    at: float
    task: str
    node: str
    status: str
    duration_s: float
    attempt: int
    code: str
    message: str


class FrameRow(SQLModel, table=True):
    """The whole state at a commit, and the view that belongs to it."""

    __tablename__: ClassVar[Any] = "frames"

    id: int | None = _big_key()
    state: bytes
    view: bytes | None = None


class KeptResultRow(SQLModel, table=True):
    """A result that is kept for equal work; `key` is the SHA-256 of the work."""

    __tablename__: ClassVar[Any] = "kept_results"
    __table_args__: ClassVar[Any] = (
        Index("kept_results_by_use", "used_at", "size"),
        Index("kept_results_over", "expires_at", sqlite_where=text("expires_at IS NOT NULL")),
    )

    key: bytes = Field(primary_key=True)
    run: str
    workflow_id: str
    node: str
    at: float
    expires_at: float | None = None
    used_at: float
    size: int
    hits: int
    result: bytes


class JournalRow(SQLModel, table=True):
    """A finished attempt that no commit holds yet."""

    __tablename__: ClassVar[Any] = "journal"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)

    run_no: int = _owned_by("runs", key=True)
    task: str = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    at: float
    result: bytes


class ClaimRow(SQLModel, table=True):
    """That an attempt of a ``once`` task may have started."""

    __tablename__: ClassVar[Any] = "claims"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)

    run_no: int = _owned_by("runs", key=True)
    task: str = Field(primary_key=True)
    attempt: int
    at: float


class SignalRow(SQLModel, table=True):
    """An event that was sent: to one run, or with an empty `run` to all of them."""

    __tablename__: ClassVar[Any] = "signals"
    __table_args__: ClassVar[Any] = (
        Index("signals_by_run", "run", "no"),
        {"sqlite_autoincrement": True},
    )

    no: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    name: str
    run: str
    payload: bytes
    at: float
    expires_at: float
    sent_by: str
    through: str
    source_run: str
    source_task: str


class SignalTakeRow(SQLModel, table=True):
    """That a run took an event; written with the commit that admits it."""

    __tablename__: ClassVar[Any] = "signal_takes"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)

    signal_no: int = Field(foreign_key="signals.no", primary_key=True)
    run_no: int = _owned_by("runs", key=True)
    task: str


class ListenerRow(SQLModel, table=True):
    """A parked task that waits for an event of that name."""

    __tablename__: ClassVar[Any] = "listeners"
    __table_args__: ClassVar[Any] = (
        Index("listeners_by_name", "name"),
        {"sqlite_with_rowid": False},
    )

    run_no: int = _owned_by("runs", key=True)
    task: str = Field(primary_key=True)
    name: str
    opened_at: float
    due_at: float | None = None


class TriggerRow(SQLModel, table=True):
    """An armed trigger, and how far it has got. `armed` is 0 once somebody has disarmed it."""

    __tablename__: ClassVar[Any] = "triggers"
    __table_args__: ClassVar[Any] = (Index("triggers_by_node", "source", "node", unique=True),)

    no: int | None = Field(default=None, primary_key=True)
    source: str
    node: str
    type: str
    workflow_id: str
    workflow: str
    settings: bytes
    overlap: str
    armed: bool
    armed_at: float
    seen: float
    next_due: float | None = None
    last_fired: float | None = None
    memory: bytes
    turn: int = 0
    problem: str = ""


class FiringRow(SQLModel, table=True):
    """A firing of a trigger: what it starts, and who is about to start it."""

    __tablename__: ClassVar[Any] = "firings"
    __table_args__: ClassVar[Any] = (
        Index("firings_by_key", "trigger_no", "key", unique=True),
        Index(
            "firings_open",
            "trigger_no",
            "no",
            sqlite_where=text("status IN ('waiting', 'claimed', 'started')"),
        ),
        {"sqlite_autoincrement": True},
    )

    no: int | None = Field(default=None, primary_key=True)
    trigger_no: int = _owned_by("triggers")
    key: str
    #: Id of its run, which may not be there yet.
    run: str
    at: float
    due_at: float
    status: str
    reason: str = ""
    #: Until its run has it.
    payload: bytes
    host: str = ""
    pid: int | None = None
    boot: str = ""
    process_started: float = 0.0
    claimed_at: float = 0.0


class CommandRow(SQLModel, table=True):
    """What somebody asked of a run, for whoever runs it."""

    __tablename__: ClassVar[Any] = "commands"
    __table_args__: ClassVar[Any] = (
        Index("commands_by_run", "run_no", "no"),
        {"sqlite_autoincrement": True},
    )

    no: int | None = Field(default=None, primary_key=True)
    run_no: int = _owned_by("runs")
    at: float
    body: bytes


class EvidenceRow(SQLModel, table=True):
    """One link of the hash chain over requests, decisions, rules and erasures.

    `seq` is the key of the request or decision that it covers. `erased` says that the
    person had its content deleted; `note` says, for an erasure, what was.
    """

    __tablename__: ClassVar[Any] = "evidence"

    seq: int | None = Field(default=None, primary_key=True)
    kind: str
    prev_hash: str
    hash: str
    erased: bool = False
    note: str | None = None


class RequestRow(SQLModel, table=True):
    """A barrier request as it was when it opened; only status and decision change.

    It names its run by id, so that it outlives the run.
    """

    __tablename__: ClassVar[Any] = "requests"
    __table_args__: ClassVar[Any] = (
        Index("requests_by_run", "run"),
        Index("requests_open", "deadline", sqlite_where=text("status = 'open'")),
    )

    no: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    run: str
    task: str
    node: str
    workflow: str
    revision: str
    content: bytes
    digest: str
    opened_at: float
    deadline: float | None = None
    status: str
    decision_no: int | None = None


class DecisionRow(SQLModel, table=True):
    """One answer, accepted or refused; only `admitted` changes."""

    __tablename__: ClassVar[Any] = "decisions"
    __table_args__: ClassVar[Any] = (
        Index("decisions_by_request", "request"),
        Index("decisions_by_run", "run"),
    )

    no: int | None = Field(default=None, primary_key=True)
    request: str = Field(foreign_key="requests.id")
    run: str
    choice: str
    decided_by: str
    through: str
    at: float
    digest_seen: str
    accepted: bool
    reason: str
    comment: str
    edited: bytes | None = None
    reroute_to: str
    admitted: bool = False


class RuleRow(SQLModel, table=True):
    """A standing decision; only its uses and its end change."""

    __tablename__: ClassVar[Any] = "rules"
    __table_args__: ClassVar[Any] = (Index("rules_by_workflow", "workflow_id"),)

    no: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    workflow_id: str
    workflow: str
    run: str
    node: str
    task: str
    revision: str
    choice: str
    reroute_to: str
    comment: str
    made_by: str
    at: float
    max_uses: int | None = None
    expires_at: float | None = None
    uses: int = 0
    revoked_at: float | None = None
    revoked_by: str = ""


def ddl() -> str:
    """Return the statements that make the tables and indexes of an empty SQLite database."""
    dialect = sqlite.dialect()
    statements: list[str] = []
    for table in SQLModel.metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    lines = [line.rstrip() for each in statements for line in f"{each.strip()};".splitlines()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(ddl(), encoding="utf-8")
