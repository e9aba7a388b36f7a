from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import StoreError, UnsupportedVersion
from engine.store.database import APPLICATION_ID, Database
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, begin, run_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, busy_timeout_s=0.05)
    yield opened
    opened.close()


# --- what the environment refuses ---------------------------------------------------------------


def test_a_locked_store_says_so_and_works_again(store: SqliteStore, path: Path) -> None:
    chain, lease = begin(store)
    record = chain.commit()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"runs\.sqlite is locked by another program: close"):
        store.commit(lease, record)
    assert store.load(RUN).record.commit == 0  # reading never waits for a writer
    other.execute("ROLLBACK")
    store.commit(lease, record)
    assert store.load(RUN).state == chain.state
    other.close()


def test_a_full_disk_loses_nothing_and_is_survived(store: SqliteStore) -> None:
    chain, lease = begin(store)
    (pages,) = store._database.writer.execute("PRAGMA page_count").fetchone()
    store._database.writer.execute(f"PRAGMA max_page_count={pages + 3}")
    record = chain.commit()

    def fill() -> None:
        nonlocal record
        while True:
            store.commit(lease, record)
            record = chain.commit()

    with pytest.raises(StoreError, match=r"The disk .*runs\.sqlite is full: free some space"):
        fill()
    stored = record.number - 1
    assert store.run(RUN).commit == store.state_at(RUN, stored).commit == stored > 0
    store._database.writer.execute("PRAGMA max_page_count=1000000")
    store.commit(lease, record)
    assert store.load(RUN).state == chain.state


def test_a_full_disk_in_a_larger_transaction_rolls_it_back(store: SqliteStore) -> None:
    chain, lease = begin(store)
    (pages,) = store._database.writer.execute("PRAGMA page_count").fetchone()
    store._database.writer.execute(f"PRAGMA max_page_count={pages}")
    record = chain.commit(values={"v.out": os.urandom(100_000).hex()})
    with pytest.raises(StoreError, match="full"):
        store.commit(lease, record)
    assert store._database.writer.execute("SELECT count(*) FROM blobs").fetchone() == (1,)
    store._database.writer.execute("PRAGMA max_page_count=1000000")
    store.commit(lease, record)
    assert store.load(RUN).state == chain.state


def test_a_damaged_store_says_what_to_do(path: Path) -> None:
    store = SqliteStore(path)
    chain, lease = begin(store)
    for record in chain.commits(200):
        store.commit(lease, record)
    store.close()
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"runs\.sqlite is damaged .*put a copy of it aside"):
        SqliteStore(path).load(RUN)


@pytest.mark.parametrize(
    "damage", [b"", b"\xc1\xc1", b"\x28\xb5\x2f\xfdrubbish", b"\x93\x01\x02\x03"]
)
def test_a_damaged_row_is_no_traceback(store: SqliteStore, damage: bytes) -> None:
    begin(store)
    store._database.writer.execute("DELETE FROM frames")
    store._database.writer.execute("UPDATE commits SET events = ?1, delta = ?1", (damage,))
    for ask in (store.events, store.history, store.load):
        with pytest.raises(StoreError, match="a row cannot be read"):
            ask(RUN)


def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.write_bytes(b"These are my notes, not a database. " * 50)
    with pytest.raises(StoreError, match=r"runs\.sqlite is not a run store: choose another"):
        SqliteStore(path)
    assert path.read_bytes().startswith(b"These are my notes")


def test_a_database_of_another_program_is_refused_and_kept(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_store_of_a_newer_program_is_refused_and_kept(path: Path) -> None:
    SqliteStore(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version=7")
    newer.close()
    with pytest.raises(UnsupportedVersion, match=r"has format 7 .* update the program"):
        SqliteStore(path)


@pytest.mark.parametrize("where", ["missing/folder/runs.sqlite", "."])
def test_a_store_that_cannot_be_opened_is_named(tmp_path: Path, where: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened: check that its folder exists"):
        SqliteStore(tmp_path / where)


READ_ONLY = """
import os, sys
from pathlib import Path
from engine.errors import StoreError
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import run_record
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)   # root may write everything
try:
    store = SqliteStore(Path(sys.argv[1]))
    store.create_run(run_record("another"))
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("folder_mode", [0o555, 0o777])
def test_a_read_only_store_says_so(folder_mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:  # in a folder that the other user may enter
        folder, path = Path(name), Path(name) / "runs.sqlite"
        SqliteStore(path).close()
        path.chmod(0o444)
        folder.chmod(folder_mode)
        result = subprocess.run(
            [sys.executable, "-c", READ_ONLY, path], capture_output=True, text=True, check=True
        )
        folder.chmod(0o700)
        assert "runs.sqlite may not be written: give yourself write access" in result.stdout
        assert SqliteStore(path).runs() == []


def test_a_closed_store_says_so(path: Path) -> None:
    store = SqliteStore(path)
    store.runs()
    store.close()
    with pytest.raises(StoreError, match="has been closed"):
        store.runs()
    with pytest.raises(StoreError, match="has been closed"):
        store.create_run(run_record())


# --- versions -----------------------------------------------------------------------------------


def test_a_new_store_is_marked_as_ours(store: SqliteStore) -> None:
    writer = store._database.writer
    assert writer.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert writer.execute("PRAGMA user_version").fetchone() == (1,)
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert writer.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_an_older_store_is_migrated_once_and_keeps_its_runs(path: Path) -> None:
    store = SqliteStore(path)
    begin(store)
    store.close()

    def add_colour(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN colour TEXT DEFAULT 'blue'")

    for _ in range(2):  # the second time there is nothing to do
        database = Database(path, migrations=(add_colour,))
        assert database.writer.execute("SELECT id, colour FROM runs").fetchall() == [(RUN, "blue")]
        assert database.writer.execute("PRAGMA user_version").fetchone() == (2,)
        database.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    SqliteStore(path).close()

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN colour TEXT")
        connection.execute("ALTER TABLE nothing ADD COLUMN x")

    with pytest.raises(StoreError):
        Database(path, migrations=(half,))
    store = SqliteStore(path)
    columns = store._database.writer.execute("PRAGMA table_info(runs)").fetchall()
    assert "colour" not in {column[1] for column in columns}
    store.close()


def test_two_threads_may_make_the_same_store(path: Path) -> None:
    made: list[SqliteStore] = []
    threads = [threading.Thread(target=lambda: made.append(SqliteStore(path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    for store in made:
        store.close()


# --- connections --------------------------------------------------------------------------------


def test_only_durable_transactions_are_synced(store: SqliteStore) -> None:
    database = store._database

    def mode() -> int:
        return int(database.writer.execute("PRAGMA synchronous").fetchone()[0])

    chain, lease = begin(store)
    assert mode() == 1
    store.commit(lease, chain.commit(durable=True))
    assert mode() == 2
    store.commit(lease, chain.commit())
    assert mode() == 1


def test_a_block_of_reads_sees_one_moment(store: SqliteStore) -> None:
    chain, lease = begin(store)
    with store._database.reader():
        before = store.run(RUN).commit
        store.commit(lease, chain.commit())
        assert store.run(RUN).commit == before
    assert store.run(RUN).commit == before + 1


def test_readers_are_lent_and_given_back(store: SqliteStore) -> None:
    database = store._database
    for _ in range(3):
        with database.reader() as one, database.reader() as same:
            assert one is same
    assert len(database._idle) == 1


def test_a_reader_cannot_write(store: SqliteStore) -> None:
    with (
        pytest.raises(StoreError, match="may not be written"),
        store._database.reader() as connection,
    ):
        connection.execute("DELETE FROM runs")


def test_the_data_version_changes_when_another_connection_writes(
    store: SqliteStore, path: Path
) -> None:
    version = store.data_version()
    store.create_run(run_record())
    assert store.data_version() == version
    other = SqliteStore(path)
    other.create_run(run_record("run2"))
    assert store.data_version() != version
    other.close()


def test_the_data_version_never_waits_for_a_writer(store: SqliteStore) -> None:
    version = store.data_version()
    answers: list[int] = []
    with store._database.transaction():
        reader = threading.Thread(target=lambda: answers.append(store.data_version()))
        reader.start()
        reader.join(5)
    assert answers == [version]
