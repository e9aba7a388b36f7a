"""Bytes of structs that may hold any JSON value: msgpack, and JSON for what that cannot hold.

Msgpack has no integers beyond 64 bits and no text with lone surrogates; JSON values have
both. The fallback is told apart by its first byte, which no packed struct begins with.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()
_JSON_MARK = b"{"


def pack(struct: msgspec.Struct) -> bytes:
    """Return the struct as bytes."""
    try:
        return _encoder.encode(struct)
    except (OverflowError, UnicodeEncodeError):
        plain: Any = msgspec.to_builtins(struct)
        return _JSON_MARK + json.dumps(plain).encode("ascii")


def unpack(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    """Return the struct that `pack` made bytes of, with the decoder of its type."""
    if data[:1] == _JSON_MARK:
        return msgspec.convert(json.loads(data[1:]), decoder.type)
    return decoder.decode(data)
