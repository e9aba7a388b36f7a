"""The other end of `engine.executors.process`: ``python -m engine.executors.worker``.

With ``--offline`` its jobs have no network.

Reads one job after the other from its input, runs it in the main thread, and sends what it
prints and what came of it. It ends when its input ends. It imports little, so that it
starts fast; jobs import what they need.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from engine.executors import frames
from engine.executors.jobs import failure_of, result_of
from engine.executors.worker_output import Outlet, text_stream
from engine.executors.worker_surroundings import Surroundings, Sweeper

Json = Any

#: Set for a worker, so that its children find the PYTHONPATH that the person had.
PYTHONPATH_BEFORE = "HEADGATE_WORKER_PYTHONPATH"

_OUT_OF_MEMORY = msgspec.json.encode(
    {
        "code": "memory",
        "message": "the memory limit was reached; raise it, or work on less data at once.",
        "kind": "MemoryError",
        "retryable": False,
    }
)


class Job(msgspec.Struct, frozen=True):
    """One job as it comes in.

    Attributes:
        marker: written to the raw streams at the end, so that the reader knows it has all.
        most_bytes: the largest result that is sent back.
    """

    job: str
    payload: Any
    marker: str
    memory_mb: int | None = None
    most_bytes: int = 256 * 1024 * 1024


def main() -> int:
    """Serve until the input ends; return the exit code."""
    source, sink = _take_pipes()
    _start_guard(source.fileno())
    faulthandler.enable(2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _restore_python_path()
    if "--offline" in sys.argv[1:]:  # before any thread starts, for each has its own filter
        from engine.executors.offline import close_network  # noqa: PLC0415 - others need none

        close_network()
    outlet = Outlet(lambda *output: _write(sink, frames.output_frame(*output)))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    sys.stdout = text_stream(outlet, 0, 1)
    sys.stderr = text_stream(outlet, 1, 2)
    outlet.start()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _plain_streams(sink))
    surroundings = Surroundings([outlet.thread])
    sweeper = Sweeper()
    sweeper.sweep()
    reader = frames.FrameReader()
    while data := os.read(source.fileno(), 1 << 16):
        for _, body in reader.feed(data):
            serve(body, outlet, surroundings, lambda frame: _write(sink, frame))
            sweeper.sweep()
    return 0


def serve(
    body: bytes, outlet: Outlet, surroundings: Surroundings, send: Callable[[bytes], None]
) -> None:
    """Run one job and send what came of it."""
    request = msgspec.json.decode(body, type=Job)
    try:
        surroundings.limit_memory(request.memory_mb)
        kind, answer = frames.RESULT, result_of(request.job, request.payload, request.most_bytes)
    except MemoryError as error:
        surroundings.limit_memory(None)
        error.__traceback__ = None
        kind, answer = frames.FAILURE, _OUT_OF_MEMORY
    except BaseException as error:
        surroundings.limit_memory(None)
        kind, answer = frames.FAILURE, msgspec.json.encode(failure_of(error))
    retire = _tidy(surroundings) or answer is _OUT_OF_MEMORY
    outlet.flush()
    _mark(request.marker)
    send(frames.frame(kind, b"\x01" if retire else b"\x00", answer))


def _tidy(surroundings: Surroundings) -> bool:
    try:
        for stream in {sys.stdout, sys.stderr}:
            stream.flush()
        surroundings.restore()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return bool(surroundings.unclean())
    except BaseException:
        return True  # whatever a job has done to its surroundings, nobody inherits it


# --- pipes and processes ------------------------------------------------------------------


def _take_pipes() -> tuple[BinaryIO, int]:
    """Move the frames away from the standard streams, which belong to the job.

    The job's input is empty, and what anything prints past Python (a library in C, a
    program it starts) goes to the error pipe as it is.
    """
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    sink = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _write(sink: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(sink, view) :]
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more


def _mark(marker: str) -> None:
    # A job may have closed it; the reader does not wait long.
    with contextlib.suppress(OSError):
        os.write(2, f"\0{marker}\0".encode())


def _plain_streams(sink: int) -> None:
    """In a fork of the worker: print to the raw pipe, for frames of two would mix."""
    os.close(sink)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(fd, "w", closefd=False)
        text = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", line_buffering=True)
        setattr(sys, name, text)


def _restore_python_path() -> None:
    before = os.environ.pop(PYTHONPATH_BEFORE, "")
    if before:
        os.environ["PYTHONPATH"] = before
    else:
        os.environ.pop("PYTHONPATH", None)


def _start_guard(source: int) -> None:
    """Have a small process end this one's group when the engine is gone.

    The worker would see the end of its input only between two jobs, a thread of it only
    while no C code holds the interpreter, and the death signal of Linux would spare the
    programs that a job has started.
    """
    if not hasattr(os, "fork"):
        return
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():  # the guard is nobody's child, so that a job can wait for all of its own
        os._exit(0)
    _guard(source)


def _guard(source: int) -> None:
    import select  # noqa: PLC0415 - only the guard needs it

    os.closerange(0, source)
    os.closerange(source + 1, 256)
    poll = select.poll()
    poll.register(source, 0)  # a hang-up is always reported
    while not poll.poll():
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
