"""How facts and state become bytes: msgpack by msgspec, zstd for what is long.

`encode` and `decode` keep every JSON value exactly, also those that msgpack itself
refuses: whole numbers beyond 64 bits and text with lone surrogates. Values of more than
`LARGE_BYTES` are kept apart by `engine.store.blobs`; in the bytes stands an extension
with their digest. Nothing here ever runs what it reads, and `unpack` refuses to inflate
more than a limit.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import zstandard

from engine.errors import EngineBug
from engine.events import AnyEvent, Recorded
from engine.ids import RunId
from engine.store.leaves import keep, map_leaves

Json = Any
T = TypeVar("T")

#: A value whose encoding is longer is stored once, by its content.
LARGE_BYTES = 64 * 1024
#: What one compressed row may grow to; more is taken for damage or malice.
INFLATED_LIMIT_BYTES = 1024 * 1024 * 1024
_ZSTD_LEVEL = 3
#: What is large is compressed in half the time by the first level; it takes 1 % more.
_ZSTD_LEVEL_LARGE = 1
#: Every zstd frame begins so; what begins so by chance is always compressed.
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

# Codes of msgpack's application extensions. They are part of the format: never reuse one.
EXT_BLOB = 1
_EXT_BIG_INT = 2
_EXT_RAW_TEXT = 3
_EXT_PAIRS = 4  # an object with a key that msgpack refuses

Resolve = Callable[[bytes], Json]


class Damaged(Exception):
    """Stored bytes are not what was written; the store says so with its path."""


class EventPage(msgspec.Struct, frozen=True, array_like=True):
    """The facts of one commit. Run and sequence numbers follow from the row.

    Attributes:
        at: one time per event, or None when all have the time of the commit.
    """

    at: list[float] | None
    events: list[AnyEvent]

    @classmethod
    def of(cls, records: Sequence[Recorded], at: float) -> EventPage:
        """Return the page of a commit that was made at `at`."""
        times = [each.at for each in records]
        same = times.count(at) == len(times)
        return cls(None if same else times, [each.event for each in records])

    def stamped(self, run: RunId, first_seq: int, at: float) -> list[Recorded]:
        """Return the facts with run, sequence number and time."""
        times = self.at or [at] * len(self.events)
        return [
            Recorded(run, first_seq + place, when, event)
            for place, (when, event) in enumerate(zip(times, self.events, strict=True))
        ]


class SkimmedPage(msgspec.Struct, frozen=True, array_like=True):
    """An `EventPage` whose events are not decoded."""

    at: msgspec.Raw
    events: list[msgspec.Raw]


_encoder = msgspec.msgpack.Encoder()


def encode(value: object) -> bytes:
    """Return `value` as bytes that `decode` turns back into an equal value.

    Raises:
        EngineBug: something in it is no JSON value and no struct of ours.
    """
    try:
        return _encoder.encode(value)
    except (OverflowError, UnicodeEncodeError):
        return _encoder.encode(map_leaves(value, _portable, readable))
    except (TypeError, ValueError, RecursionError) as error:
        raise EngineBug(
            f"A {type(value).__name__} holds something that cannot be stored: {error}"
        ) from error


def decode(kind: type[T], data: bytes | memoryview) -> T:
    """Return what `encode` made bytes of, checked to be a `kind`.

    Raises:
        msgspec.MsgspecError: the bytes are damaged, or of something else.
    """
    result: T = _decoder(kind).decode(data)
    return result


def _left_out(digest: bytes) -> Json:
    """Stand in for a value that is stored apart: who decodes without it does not look at it."""
    del digest


def decoder(kind: Any, resolve: Resolve = _left_out) -> msgspec.msgpack.Decoder[Any]:
    """Return a decoder that asks `resolve` for values that are stored apart."""

    def extension(code: int, data: memoryview) -> Json:
        if code == EXT_BLOB:
            return resolve(bytes(data))
        if code == _EXT_BIG_INT:
            return int(bytes(data), 16)
        if code == _EXT_RAW_TEXT:
            return bytes(data).decode("utf-8", "surrogatepass")
        if code == _EXT_PAIRS:
            return dict(msgspec.msgpack.decode(data, ext_hook=extension))
        raise Damaged(f"unknown extension {code}")

    return msgspec.msgpack.Decoder(kind, ext_hook=extension)


_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    if kind not in _decoders:
        _decoders[kind] = decoder(kind)
    return _decoders[kind]


def _portable(value: Json) -> Json:
    """Return a JSON value in which msgpack finds nothing that it refuses."""
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return msgspec.msgpack.Ext(_EXT_RAW_TEXT, value.encode("utf-8", "surrogatepass"))
        return value
    if isinstance(value, dict):
        pairs = [(_portable(name), _portable(item)) for name, item in value.items()]
        if any(isinstance(name, msgspec.msgpack.Ext) for name, _ in pairs):
            return msgspec.msgpack.Ext(_EXT_PAIRS, _encoder.encode(pairs))
        return dict(pairs)
    if isinstance(value, list | tuple):
        return [_portable(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return msgspec.msgpack.Ext(_EXT_BIG_INT, f"{value:x}".encode())
    return value


def readable(text: str) -> str:
    """Return text of ours (a message, a title) without lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


# --- compression ----------------------------------------------------------------------------

# A small commit is half names of events and fields. The dictionary holds those, so that
# a commit of 370 bytes takes 180. It is part of the format: rows cannot be read without
# it, so it is never edited; a better one would be a second file and a new schema version.
_DICTIONARY = zstandard.ZstdCompressionDict(
    Path(__file__).with_name("rows.zdict").read_bytes(),
    dict_type=zstandard.DICT_TYPE_RAWCONTENT,
)
_DICTIONARY.precompute_compress(level=_ZSTD_LEVEL)
# A context of zstd may not be used by two threads at once.
_local = threading.local()


def pack(data: bytes) -> bytes:
    """Return `data`, compressed when that makes it shorter."""
    packed: bytes
    if len(data) > LARGE_BYTES:  # the dictionary is of no use here
        packed = zstandard.ZstdCompressor(level=_ZSTD_LEVEL_LARGE).compress(data)
    else:
        packed = _compressed(data)
    if len(packed) < len(data) or data.startswith(_ZSTD_MAGIC):
        return packed
    return data


def _compressed(data: bytes) -> bytes:
    try:
        compress = _local.compress
    except AttributeError:
        compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, dict_data=_DICTIONARY)
        compress = _local.compress = compressor.compress
    packed: bytes = compress(data)
    return packed


def unpack(data: bytes, *, limit: int = INFLATED_LIMIT_BYTES) -> bytes:
    """Return what `pack` was given.

    Raises:
        Damaged: the data is broken, or would inflate to more than `limit` bytes.
    """
    if not data.startswith(_ZSTD_MAGIC):
        return data
    try:
        # The size that the header promises is allocated at once, so it is checked first.
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= limit:
            raise Damaged(f"the row would inflate to {size} bytes")
        try:
            inflate = _local.inflate
        except AttributeError:
            inflater = zstandard.ZstdDecompressor(dict_data=_DICTIONARY)
            inflate = _local.inflate = inflater.decompress
        inflated: bytes = inflate(data)
    except zstandard.ZstdError as error:
        raise Damaged(str(error)) from error
    return inflated


# --- evidence -------------------------------------------------------------------------------


def canonical_json(value: Json) -> bytes:
    """Return the one JSON text of `value` that its hash is taken of.

    It is the same before the value was stored and after it was read back.
    """
    builtins = msgspec.to_builtins(map_leaves(value, keep, readable))
    text = json.dumps(builtins, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode("ascii")


def content_hash(value: Json) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
