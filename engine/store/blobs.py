"""Large values are kept once, by the SHA-256 of their encoding.

`Aside` replaces every large JSON value inside a struct by a short reference, from the
inside out: a list of ten large texts becomes ten references. `Blobs` writes and reads
what was put aside. A blob lives as long as a row uses it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from engine.store.database import Database
from engine.store.encoding import (
    EXT_BLOB,
    LARGE_BYTES,
    Damaged,
    decoder,
    encode,
    pack,
    unpack,
)
from engine.store.leaves import keep, map_leaves

Json = Any
T = TypeVar("T")

#: Digest to (the value with inner references, its encoding when that is at hand).
Parts = dict[bytes, tuple[Json, bytes | None]]

_REMEMBERED = 64
_CACHE_BYTES = 32 * 1024 * 1024


class Aside:
    """Finds large values. One per writer of a run; not for several threads.

    Values are never changed in place, so the same object is the same content: a large
    value that a run carries along is encoded and hashed once, not at every commit.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Json, Json, Parts]] = {}

    def put(self, root: T, parts: Parts) -> T:
        """Return a copy of `root` with references, and add what they stand for to `parts`."""
        result: T = map_leaves(root, partial(self._put, parts=parts), keep)
        return result

    def forget(self) -> None:
        """Forget the values seen so far, so that they can be freed."""
        self._known.clear()

    def _put(self, value: Json, parts: Parts) -> Json:
        if _is_short(value):
            return value
        known = self._known.get(id(value))
        if known is not None and known[0] is value:
            parts.update(known[2])
            return known[1]
        data = encode(value)
        if len(data) <= LARGE_BYTES:
            return value
        inner: Parts = {}
        reduced = self._inside(value, inner)
        if inner:
            data = encode(reduced)
        if len(data) > LARGE_BYTES:
            digest = hashlib.sha256(data).digest()
            inner[digest] = (reduced, data)
            reduced = msgspec.msgpack.Ext(EXT_BLOB, digest)
        parts.update(inner)
        if len(self._known) >= _REMEMBERED:
            self._known.pop(next(iter(self._known)))
        light: Parts = {digest: (content, None) for digest, (content, _) in inner.items()}
        self._known[id(value)] = (value, reduced, light)
        return reduced

    def _inside(self, value: Json, parts: Parts) -> Json:
        if isinstance(value, dict):
            large = {name: item for name, item in value.items() if not _is_short(item)}
            reduced = {name: self._put(item, parts) for name, item in large.items()}
            return {**value, **reduced} if reduced else value
        if isinstance(value, list):
            if all(map(_is_short, value)):
                return value
            return [self._put(item, parts) for item in value]
        return value


def _is_short(value: Json) -> bool:
    """Whether a value is short for sure, without encoding it."""
    if isinstance(value, str):
        return len(value) <= LARGE_BYTES // 4  # UTF-8 takes at most four bytes
    return not isinstance(value, dict | list | bytes)


class Blobs:
    """The blob table of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._any = decoder(Any, self.resolve)
        self._cache: OrderedDict[bytes, tuple[Json, int]] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()

    def write(self, connection: sqlite3.Connection, kind: str, owner: int, parts: Parts) -> int:
        """Store what is not there yet, note its user, and return the bytes it took."""
        written = 0
        for digest, (content, data) in parts.items():
            make = partial(encode, content) if data is None else partial(bytes, data)
            number, size = self.put(connection, digest, make)
            written += size
            self.use(connection, kind, owner, number)
        return written

    def use(self, connection: sqlite3.Connection, kind: str, owner: int, number: int) -> None:
        """Note that a row needs a blob."""
        connection.execute(
            "INSERT OR IGNORE INTO blob_uses (kind, owner, blob_no) VALUES (?, ?, ?)",
            (kind, owner, number),
        )

    def put(
        self, connection: sqlite3.Connection, digest: bytes, make: Callable[[], bytes]
    ) -> tuple[int, int]:
        """Return the number of the blob with that digest, and the bytes written for it."""
        row = connection.execute("SELECT no FROM blobs WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            return row[0], 0
        data = make()
        packed = pack(data)
        cursor = connection.execute(
            "INSERT INTO blobs (digest, size, data) VALUES (?, ?, ?)", (digest, len(data), packed)
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid, len(packed)

    def resolve(self, digest: bytes) -> Json:
        """Return the value with that digest; it is shared, so nobody may change it.

        Raises:
            Damaged: it is not there, or not what was stored.
        """
        with self._lock:
            known = self._cache.get(digest)
            if known is not None:
                self._cache.move_to_end(digest)
                return known[0]
        with self._database.reader() as connection:
            row = connection.execute("SELECT data FROM blobs WHERE digest = ?", (digest,))
            found = row.fetchone()
            if found is None:
                raise Damaged("a value that is stored apart is missing")
            data = unpack(found[0])
            if hashlib.sha256(data).digest() != digest:
                raise Damaged("a value that is stored apart has been changed")
            value = self._any.decode(data)
        self._remember(digest, value, len(data))
        return value

    def _remember(self, digest: bytes, value: Json, size: int) -> None:
        if size > _CACHE_BYTES // 2:
            return
        with self._lock:
            if digest in self._cache:
                return
            self._cache[digest] = (value, size)
            self._cached_bytes += size
            while self._cached_bytes > _CACHE_BYTES:
                _, (_, freed) = self._cache.popitem(last=False)
                self._cached_bytes -= freed
