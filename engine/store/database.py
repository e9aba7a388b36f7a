"""One SQLite file: its connections, transactions, schema version and refusals.

There is one connection that writes, held open and guarded by a lock, and a pool of
connections that read; a reader never waits for a writer (WAL). Any thread may call
anything here. What the tables mean is not known here.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import msgspec

from engine.errors import EngineError, StoreError, UnsupportedVersion
from engine.store.encoding import Damaged
from engine.store.refusals import store_error

#: "HGAT": marks the file as ours, so that nobody's database is written into by mistake.
APPLICATION_ID = 0x48474154
BUSY_TIMEOUT_S = 5.0

Migration = Callable[[sqlite3.Connection], None]
#: Migration n makes version n + 2 of version n + 1. Each runs in one transaction.
MIGRATIONS: tuple[Migration, ...] = ()

#: What SQLite or a damaged row raises.
REFUSALS = (sqlite3.Error, msgspec.MsgspecError, Damaged)


class Database:
    """A SQLite file that several threads and processes use at once.

    Attributes:
        path: the file.
        lock: held while the writing connection is in use; reentrant.
        writer: the connection that writes. Only for who holds `lock`.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._busy_timeout_s = busy_timeout_s
        self._idle: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._closed = False
        self._full_sync = False
        self._data_version = 0
        with self.refusals():
            self.writer = self.connect()
            try:
                self._prepare(migrations)
            except BaseException:
                self.writer.close()
                raise

    # --- writing ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Generator[sqlite3.Connection]:
        """Write everything in the block or nothing; `durable` fsyncs before it ends.

        A reader that is asked for inside it sees what it has written.

        Raises:
            StoreError: the environment refuses; nothing was written.
        """
        with self.lock, self.refusals():
            self.synchronise(full=durable)
            self.writer.execute("BEGIN IMMEDIATE")
            lent: sqlite3.Connection | None = getattr(self._local, "reader", None)
            self._local.reader = self.writer
            try:
                yield self.writer
                self.writer.execute("COMMIT")
            except BaseException:
                self.roll_back()
                raise
            finally:
                self._local.reader = lent

    def synchronise(self, *, full: bool) -> None:
        """Choose whether the next transaction survives a power cut. Not inside one.

        A commit with FULL syncs the whole log, so everything before it is safe as well.
        """
        if full is not self._full_sync:
            self.writer.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._full_sync = full

    def roll_back(self) -> None:
        """End a transaction that failed; SQLite has ended some of them itself."""
        if self.writer.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self.writer.execute("ROLLBACK")

    @contextlib.contextmanager
    def refusals(self) -> Generator[None]:
        """Turn what SQLite refuses, or a row that cannot be read, into a `StoreError`."""
        try:
            yield
        except REFUSALS as error:
            raise store_error(self.path, error) from error

    # --- reading ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def reader(self) -> Generator[sqlite3.Connection]:
        """Lend a connection that sees one moment of the database for the whole block.

        A block inside a block of the same thread sees the same moment.
        """
        lent: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if lent is not None:
            yield lent
            return
        with self.refusals():
            connection = self._borrow()
            self._local.reader = connection
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                self._local.reader = None
                self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"The run store {self.path} has been closed: open it again.")
        try:
            return self._idle.pop()
        except IndexError:
            connection = self.connect()
            connection.execute("PRAGMA query_only=1")
            return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("COMMIT")
        except sqlite3.Error:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed:
            self._close_idle()

    # --- the whole --------------------------------------------------------------------------

    def data_version(self) -> int:
        """Return a number that changes when another connection has written.

        It never waits: while this process writes, the last known number is returned.
        """
        if self.lock.acquire(blocking=False):
            try:
                with self.refusals():
                    (self._data_version,) = self.writer.execute("PRAGMA data_version").fetchone()
            finally:
                self.lock.release()
        return self._data_version

    def used_bytes(self) -> int:
        """Return what the pages of the database take, with those still in the log."""
        with self.reader() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        return int(pages * size)

    def give_back(self) -> None:
        """Return free pages to the disk, a few at a time so that others may write between."""
        with self.refusals():
            free = 1
            while free:
                with self.lock:
                    self.synchronise(full=False)
                    self.writer.execute("PRAGMA incremental_vacuum(1000)").fetchall()
                    (free,) = self.writer.execute("PRAGMA freelist_count").fetchone()
            with self.lock:  # the file itself shrinks when the log is written into it
                self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def size_bytes(self) -> int:
        """Return what the file and its log take on the disk."""
        files = [self.path, *(Path(f"{self.path}{suffix}") for suffix in ("-wal", "-shm"))]
        return sum(file.stat().st_size for file in files if file.exists())

    def log_bytes(self) -> int:
        """Return what the write-ahead log takes."""
        log = Path(f"{self.path}-wal")
        return log.stat().st_size if log.exists() else 0

    def close(self) -> None:
        """Close all connections; the last one of all processes tidies the log away."""
        with self.lock:
            self._closed = True
            self._close_idle()
            self.writer.close()

    def _close_idle(self) -> None:
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()

    def connect(self) -> sqlite3.Connection:
        """Open one more connection, in autocommit; the caller closes it."""
        if not self.path.exists():
            with contextlib.suppress(OSError):  # SQLite says what is wrong with the folder
                self.path.touch(mode=0o600)  # payloads are the person's own business
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.execute("PRAGMA foreign_keys=1")
        except BaseException:
            connection.close()
            raise
        return connection

    # --- schema -----------------------------------------------------------------------------

    def _prepare(self, migrations: Sequence[Migration]) -> None:
        latest = len(migrations) + 1
        version = self._version(latest)
        if version == 0:
            # Both must come before the first table, and cannot be set in a transaction.
            self.writer.execute("PRAGMA auto_vacuum=INCREMENTAL")
        (mode,) = self.writer.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"The run store {self.path} is on a file system where processes cannot share it "
                "safely (a network share?): choose a file on a local disk with --store."
            )
        self.writer.execute("PRAGMA synchronous=NORMAL")
        if version == latest:
            return
        with self.transaction(durable=True) as connection:
            version = self._version(latest)  # another process may have been faster
            if version == 0:
                schema = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
                for statement in schema.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                version = 1
            for migrate in migrations[version - 1 :]:
                migrate(connection)
            connection.execute(f"PRAGMA user_version={latest}")

    def _version(self, latest: int) -> int:
        """Return the schema version, 0 for an empty file.

        Raises:
            UnsupportedVersion: a newer program wrote the file.
            StoreError: it is a database of something else.
        """
        # One statement sees one moment: another process may be making the store just now.
        application, version, tables = self.writer.execute(
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
            "FROM pragma_application_id, pragma_user_version"
        ).fetchone()
        if application != APPLICATION_ID:
            if application or version or tables:
                raise _other_program(self.path)
            return 0
        if version > latest:
            raise UnsupportedVersion(
                f"The run store {self.path} has format {version} and this program knows formats "
                f"up to {latest}: update the program, or choose another store with --store."
            )
        return int(version)


def _other_program(path: Path) -> EngineError:
    return StoreError(
        f"The database {path} belongs to another program: choose another file with --store."
    )
