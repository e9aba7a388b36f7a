"""How a worker process sends what its job prints: in order, soon, and never too much.

A job that prints without end must not fill the engine's memory or keep its loop busy. What
exceeds the allowance is dropped here, before it costs anybody anything, and counted.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: A job may have so much sent at once, and as often again every second; what comes faster
#: is gathered for a while. Little output is thus told from that of other processes in order.
SENDS = 50
INTERVAL_S = 0.03
#: A job may print this much at once, and as much again every second.
BURST_BYTES = 1_000_000
#: After dropping, whole pieces are shown again, not a few bytes of each line.
RECOVERED_BYTES = 64_000

Send = Callable[[int, int, bytes], None]


class Outlet:
    """Gathers the output of both streams in its order and sends it now and then.

    Args:
        send: called with (stream, dropped bytes before it, text).
        clock: seconds that only grow.
    """

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        # A signal handler of the job may print while the job does.
        self._lock = threading.RLock()
        self._parts: list[tuple[int, int, bytearray]] = []
        self._dropped = 0
        self._dropping = False
        self._last_stream = 0
        self._allowance = float(BURST_BYTES)
        self._sends = float(SENDS)
        self._refilled_at = clock()
        self._waiting = threading.Event()
        self._pause = threading.Event()  # never set: a sleep
        self.thread = threading.Thread(target=self._trail, name="headgate-output", daemon=True)

    def start(self) -> None:
        """Start the thread that sends what nothing is printed after."""
        self.thread.start()

    def write(self, stream: int, data: bytes) -> None:
        """Take what a job has written to one of its streams."""
        with self._lock:
            now = self._clock()
            elapsed, self._refilled_at = now - self._refilled_at, now
            self._allowance = min(self._allowance + elapsed * BURST_BYTES, float(BURST_BYTES))
            self._sends = min(self._sends + elapsed * SENDS, float(SENDS))
            self._dropping = self._dropping and self._allowance < RECOVERED_BYTES
            kept = b"" if self._dropping else data[: int(self._allowance)]
            self._allowance -= len(kept)
            if kept:
                self._gather(stream, kept)
            self._dropped += len(data) - len(kept)
            self._dropping = len(kept) < len(data)
            self._last_stream = stream
            if self._sends >= 1 and not self._dropping:
                self._sends -= 1
                self._send_all()
            else:
                self._waiting.set()

    def flush(self) -> None:
        """Send everything now."""
        with self._lock:
            self._send_all()

    def _gather(self, stream: int, data: bytes) -> None:
        if self._dropped or not self._parts or self._parts[-1][0] != stream:
            self._parts.append((stream, self._dropped, bytearray()))
            self._dropped = 0
        self._parts[-1][2].extend(data)

    def _send_all(self) -> None:
        parts, self._parts = self._parts, []
        dropped, self._dropped = self._dropped, 0
        for stream, before, data in parts:
            self._send(stream, before, bytes(data))
        if dropped:
            self._send(self._last_stream, dropped, b"")

    def _trail(self) -> None:
        while True:
            self._waiting.wait()
            self._pause.wait(INTERVAL_S)
            self._waiting.clear()
            self.flush()


class _Raw(io.RawIOBase):
    """The bytes below `sys.stdout` or `sys.stderr`."""

    def __init__(self, outlet: Outlet, stream: int, fd: int) -> None:
        super().__init__()
        self._outlet = outlet
        self._stream = stream
        self._fd = fd
        self.name = f"<{'stdout' if stream == 0 else 'stderr'}>"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        # For subprocess.run(stdout=sys.stdout): the pipe that is not framed.
        return self._fd

    def write(self, data: ReadableBuffer, /) -> int:
        text = bytes(data)
        self._outlet.write(self._stream, text)
        return len(text)


def text_stream(outlet: Outlet, stream: int, fd: int) -> io.TextIOWrapper:
    """Return what takes the place of `sys.stdout` (0) or `sys.stderr` (1)."""
    raw = _Raw(outlet, stream, fd)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)
