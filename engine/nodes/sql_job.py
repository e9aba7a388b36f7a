"""What runs in the worker process of an SQL node: one statement in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

Json = Any

#: Databases that take back everything, tables included, when a statement fails.
_ROLLS_BACK = frozenset({"sqlite", "postgresql"})


class _Problem(Exception):
    """What the person has to put right."""

    def __init__(self, message: str, code: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


def run(payload: Mapping[str, Json]) -> dict[str, Json]:
    """Run a statement; return ``{"rows": [...]}``, ``{"rowcount": n}`` or ``{"error": {...}}``.

    Args:
        payload: ``url password query parameters max_rows folder reads``.
    """
    connected = False
    backend = ""
    try:
        url = database_url(payload)
        backend = url.get_backend_name()
        engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
        with engine.connect() as connection:
            connected = True
            with connection.begin():
                return _execute(connection, payload)
    except _Problem as problem:
        return _error(str(problem), problem.code, retryable=problem.retryable, nothing=True)
    except (ArgumentError, NoSuchModuleError) as error:
        return _error(f"the database address is wrong ({error})", "params", nothing=True)
    except ModuleNotFoundError as error:
        text = (
            f"the driver {error.name} is not installed; install it, or name another in the address"
        )
        return _error(text, "driver", nothing=True)
    except DBAPIError as error:
        return _database_error(error, connected=connected, backend=backend)
    except SQLAlchemyError as error:
        text = f"{type(error).__name__}: {error}"
        return _error(text, "sql", nothing=backend in _ROLLS_BACK)


def database_url(payload: Mapping[str, Json]) -> URL:
    """Return the address with its password; a relative SQLite file starts at `folder`."""
    url = make_url(payload["url"])
    if payload.get("password"):
        url = url.set(password=payload["password"])
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or not name or name.startswith((":memory:", "file:")):
        return url
    path = Path(payload["folder"]) / Path(name).expanduser()
    if payload["reads"] and not path.exists():
        raise _Problem(f"there is no database {path}; check the address", "not_found")
    if not path.parent.is_dir():
        raise _Problem(f"there is no folder {path.parent}; make it first", "not_found")
    return url.set(database=str(path))


def _execute(connection: sa.Connection, payload: Mapping[str, Json]) -> dict[str, Json]:
    parameters = payload["parameters"]
    result = connection.execute(sa.text(payload["query"]), parameters or None)
    if not result.returns_rows:
        return {"rowcount": max(result.rowcount, 0)}
    names = unique_names(result.keys())
    most = payload["max_rows"]
    rows = result.fetchmany(most + 1)
    if len(rows) > most:
        # Leaving with an error takes back what an INSERT ... RETURNING has done.
        text = f"there are more than {most:,} rows; add a LIMIT or raise the limit of this node"
        raise _Problem(text, "too_many_rows")
    return {"rows": [dict(zip(names, map(json_value, row), strict=True)) for row in rows]}


def unique_names(keys: Iterable[str]) -> list[str]:
    """Column names, with a number behind those that repeat."""
    found: dict[str, None] = {}
    for key in keys:
        name, count = key, 2
        while name in found:
            name, count = f"{key}_{count}", count + 1
        found[name] = None
    return list(found)


def json_value(value: Any) -> Json:
    """Return a database's value as JSON knows it.

    A decimal number becomes a number when none of its digits is lost by that, else text.
    """
    match value:
        case Decimal():
            if value == value.to_integral_value() and abs(value) < 2**53:
                return int(value)
            return float(value) if Decimal(repr(float(value))) == value else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case memoryview():
            return bytes(value)
        case _:
            return value


def _database_error(error: DBAPIError, *, connected: bool, backend: str) -> dict[str, Json]:
    """What the driver says, without SQLAlchemy's own words around it."""
    said = " ".join(str(error.orig).split())
    if not connected:
        text = f"the database cannot be reached ({said})"
        return _error(text, "connect", retryable=True, nothing=True)
    locked = "locked" in said.lower() or "deadlock" in said.lower()
    transient = locked or error.connection_invalidated
    kind = type(error).__name__
    nothing = backend in _ROLLS_BACK and not error.connection_invalidated
    return _error(
        f"the database refuses: {said}", "sql", kind, retryable=transient, nothing=nothing
    )


def _error(
    message: str, code: str, kind: str = "", *, retryable: bool = False, nothing: bool
) -> dict[str, Json]:
    return {
        "error": {
            "message": message,
            "code": code,
            "kind": kind,
            "retryable": retryable,
            "nothing_happened": nothing,
        }
    }
