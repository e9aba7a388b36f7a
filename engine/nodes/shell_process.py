"""A program that a node has started: its group, its output, and its end.

The program leads a session of its own, so that everything it starts can be ended with it,
also by the guard when the engine is killed.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from engine.nodes.redaction import Redactor
from engine.nodes.shell_guard import Guard

Emit = Callable[[str, str], None]

#: So much of each stream is kept: its end.
KEPT_CHARACTERS = 10_000_000
#: Shown while it runs: so much at once, and as much again every second.
SHOWN_CHARACTERS = 1_000_000
#: Between asking a program to end and ending it.
GRACE_S = 2.0

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_LINGER_S = 1.0
_BREATH_S = 0.002
_STREAMS = {1: "stdout", 2: "stderr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program has ended. A negative exit code is a signal."""

    exit_code: int
    stdout: str
    stderr: str
    left_out: int


class _Capture:
    """One stream: shown live within limits, its end kept."""

    def __init__(self, stream: str, emit: Emit, secrets: Iterable[str]) -> None:
        self.left_out = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._redactor = Redactor(secrets)
        self._stream = stream
        self._emit = emit
        self._kept: deque[str] = deque()
        self._size = 0
        self._unseen = 0
        self._allowance = float(SHOWN_CHARACTERS)
        self._refilled_at: float | None = None

    def feed(self, data: bytes, now: float) -> bool:
        """Take bytes; return False when they come faster than they are shown."""
        return self._take(self._redactor.feed(self._decoder.decode(data)), now)

    def finish(self) -> str:
        """Return what was kept, after the last pieces."""
        rest = self._redactor.feed(self._decoder.decode(b"", final=True)) + self._redactor.finish()
        self._allowance = float(SHOWN_CHARACTERS)
        self._take(rest, self._refilled_at or 0.0)
        return "".join(self._kept)[-KEPT_CHARACTERS:]

    def _take(self, text: str, now: float) -> bool:
        self._keep(text)
        elapsed = now - self._refilled_at if self._refilled_at is not None else 0.0
        self._refilled_at = now
        grown = self._allowance + elapsed * SHOWN_CHARACTERS
        self._allowance = min(grown, float(SHOWN_CHARACTERS))
        if len(text) > self._allowance:
            self._unseen += len(text)
            return False
        self._allowance -= len(text)
        if self._unseen:
            note = f"\n[{self._unseen:,} characters were not shown: they came too fast]\n"
            self._emit(note, self._stream)
            self._unseen = 0
        if text:
            self._emit(text, self._stream)
        return True

    def _keep(self, text: str) -> None:
        self._kept.append(text)
        self._size += len(text)
        while self._size - len(self._kept[0]) >= KEPT_CHARACTERS:
            gone = len(self._kept.popleft())
            self._size -= gone
            self.left_out += gone


class _Program(asyncio.SubprocessProtocol):
    def __init__(self, loop: asyncio.AbstractEventLoop, emit: Emit, secrets: Sequence[str]) -> None:
        self.closed: asyncio.Future[None] = loop.create_future()
        self.captures = {fd: _Capture(name, emit, secrets) for fd, name in _STREAMS.items()}
        self._loop = loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self.captures[fd].feed(data, self._loop.time()):
            # A flood is read slower, so that the loop has time for others.
            self._pause(fd)
            self._loop.call_later(_BREATH_S, self._go_on, fd)

    def process_exited(self) -> None:
        # What it has left in the background may hold its pipes open for ever.
        self._loop.call_later(_LINGER_S, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport.close()
        if not self.closed.done():
            self.closed.set_result(None)

    def _pause(self, fd: int) -> None:
        pipe = self._transport.get_pipe_transport(fd)
        if pipe is not None and self._transport.get_returncode() is None:
            cast(asyncio.ReadTransport, pipe).pause_reading()

    def _go_on(self, fd: int) -> None:
        pipe = self._transport.get_pipe_transport(fd)
        if pipe is not None and not pipe.is_closing():
            cast(asyncio.ReadTransport, pipe).resume_reading()


#: One for this process: it watches the process, not an engine.
_guard = Guard()

_Starting = asyncio.Task[tuple[asyncio.SubprocessTransport, _Program]]


async def run_program(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: str | None,
    secrets: Sequence[str],
    emit: Emit,
) -> Finished:
    """Run a program to its end; cancelling ends it and everything it has started.

    Args:
        command: the program and its arguments; no shell sees them.
        folder: where it runs.
        environment: all of it, but for the mark by which the guard finds the program.
        stdin: text for its input, or None for an empty input.
        secrets: never shown and never returned.
        emit: called with (text, stream) while it runs.

    Raises:
        OSError: it cannot be started.
    """
    loop = asyncio.get_running_loop()
    if not _guard.is_running:
        await asyncio.to_thread(_guard.start)
    mark = _guard.expect()
    starting = loop.create_task(
        loop.subprocess_exec(
            lambda: _Program(loop, emit, secrets),
            *command,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            cwd=folder,
            env={**environment, **mark},
            start_new_session=True,
        )
    )
    try:
        transport, program = await asyncio.shield(starting)
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            await _end_started(starting)
        _guard.expect_no_more(mark)
        raise
    pid = transport.get_pid()
    _guard.watch(pid, mark)
    try:
        if stdin is not None:
            _feed(transport, stdin)
        await asyncio.shield(program.closed)
    except BaseException:
        await _end(pid, program)
        raise
    finally:
        _guard.forget(pid)
    stdout, stderr = (program.captures[fd].finish() for fd in _STREAMS)
    return Finished(
        exit_code=transport.get_returncode() or 0,
        stdout=stdout,
        stderr=stderr,
        left_out=sum(capture.left_out for capture in program.captures.values()),
    )


async def _end_started(starting: _Starting) -> None:
    """End a program whose start was cancelled.

    The start itself is not cancelled: that would end the program but not what it has
    started, and may never return (it waits for pipes that are not connected yet).
    """
    try:
        await asyncio.wait([starting])
    except asyncio.CancelledError:
        starting.add_done_callback(_abandon)
        raise
    if starting.exception() is None:
        transport, program = starting.result()
        await _end(transport.get_pid(), program)


def _abandon(starting: _Starting) -> None:
    if not starting.cancelled() and starting.exception() is None:
        _signal_group(starting.result()[0].get_pid(), _KILL)


def _feed(transport: asyncio.SubprocessTransport, text: str) -> None:
    pipe = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
    pipe.write(text.encode())
    pipe.write_eof()


async def _end(pid: int, program: _Program) -> None:
    """Ask the group to end; end it if it has not after a while, or when cancelled again."""
    _signal_group(pid, signal.SIGTERM)
    try:
        await asyncio.wait([program.closed], timeout=GRACE_S)
    finally:
        _signal_group(pid, _KILL)
    await asyncio.wait([program.closed], timeout=GRACE_S)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:  # Windows knows no groups, and one way to end a process
            os.kill(pid, signal.SIGTERM)
