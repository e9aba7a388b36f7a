from __future__ import annotations

import sqlite3
import subprocess
import sys

from engine.store import tables


def test_the_schema_file_is_what_the_tables_say() -> None:
    assert tables.SCHEMA_FILE.read_text(encoding="utf-8") == tables.ddl(), (
        "run python -m engine.store.tables"
    )


def test_the_key_of_a_commit_is_the_address_of_its_row() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(tables.ddl())
    connection.execute("INSERT INTO commits VALUES (77, 0, 1, 0, 'running', x'', x'')")
    assert connection.execute("SELECT rowid FROM commits").fetchone() == (77,)
    indexes = connection.execute("SELECT count(*) FROM sqlite_master WHERE tbl_name = 'commits'")
    assert indexes.fetchone() == (1,)
    connection.close()


def test_opening_and_using_a_store_does_not_import_the_slow_libraries(tmp_path: object) -> None:
    program = (
        "import sys; from engine.store.open import open_store; "
        f"store = open_store({str(tmp_path)!r} + '/runs.sqlite'); store.runs(); store.requests(); "
        "store.close(); print(sorted({'sqlmodel', 'sqlalchemy'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
