"""The frames between the engine and its worker processes: kind, length, body.

Imported by the worker, so nothing here may import more than the standard library.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

JOB = 1  # to the worker: JSON
OUTPUT = 2  # from the worker: stream, dropped bytes, text
RESULT = 3  # from the worker: whether to retire it, JSON
FAILURE = 4  # from the worker: whether to retire it, JSON

STREAMS = ("stdout", "stderr")

_HEADER = struct.Struct(">BI")
_OUTPUT = struct.Struct(">BI")
_MOST = 2**32 - 1


class BadFrame(ValueError):
    """Somebody else has written into the pipe."""


def frame(kind: int, *body: bytes) -> bytes:
    """Return one frame.

    Raises:
        BadFrame: the body does not fit into one.
    """
    length = sum(len(part) for part in body)
    if length > _MOST:
        raise BadFrame(f"{length:,} bytes do not fit into a frame")
    return b"".join((_HEADER.pack(kind, length), *body))


def output_frame(stream: int, dropped: int, text: bytes) -> bytes:
    """Return a frame with output; `dropped` bytes before it were left out."""
    return frame(OUTPUT, _OUTPUT.pack(stream, min(dropped, _MOST)), text)


def read_output(body: bytes) -> tuple[int, int, bytes]:
    """Return (stream, dropped, text) of the body of an output frame."""
    stream, dropped = _OUTPUT.unpack_from(body)
    return stream, dropped, body[_OUTPUT.size :]


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take in bytes; yield (kind, body) of every frame that is complete.

        Raises:
            BadFrame: what came is not a frame.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= _HEADER.size:
                kind, length = _HEADER.unpack_from(buffer, start)
                if not JOB <= kind <= FAILURE:
                    raise BadFrame(f"{kind} is no kind of frame")
                end = start + _HEADER.size + length
                if len(buffer) < end:
                    return
                body = bytes(memoryview(buffer)[start + _HEADER.size : end])
                start = end
                yield kind, body
        finally:
            del buffer[:start]
