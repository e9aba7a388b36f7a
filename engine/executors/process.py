"""Jobs in processes of their own: one attempt, one process, which may be killed.

`ProcessPool` keeps idle workers warm and gives each job one of them. `_Worker` is one
process and its pipes. A worker that was cancelled, ran out of time or memory, printed
without end or ended by itself is never used again: its whole process group is killed.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import secrets
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from engine.executors import frames
from engine.executors.here import failure_from
from engine.executors.jobs import MOST_BYTES
from engine.executors.protocol import Ability, OutputSink
from engine.executors.worker_output import BURST_BYTES
from engine.model.node_types import NodeFailure

Json = Any

#: A worker that has had nothing to do for so long is ended.
IDLE_S = 30.0
#: A job that prints more than this, shown or dropped, is a runaway.
FLOOD_BYTES = 250_000_000
#: Whoever closes the pool waits so long for the system to end the processes.
CLOSE_S = 5.0

_TAIL_BYTES = 4_000
_MARKER_S = 0.2
_EXIT_S = 0.25
_BREATH_S = 0.01
_ROOT = str(Path(__file__).resolve().parents[2])
_MODULE = "engine.executors.worker"
#: Tells a worker to take the network from itself before its first job. It cannot be undone.
OFFLINE = "--offline"


class _Job:
    """What a worker is busy with.

    Attributes:
        done: the answer, as soon as everything that was printed has been handed on.
        drained: the marker has come: there is no more raw output.
        printed: bytes, dropped ones included. `allowance`: raw bytes that may still be shown.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: OutputSink) -> None:
        self.done: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self.marker = secrets.token_hex(8)
        self.drained = False
        self.answer: tuple[int, bytes] | None = None
        self.printed = 0
        self.allowance = float(BURST_BYTES)
        self.refilled_at = loop.time()
        self._loop = loop
        self._sink = sink
        self._dropped = 0
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")("replace")
            for name in (*frames.STREAMS, "log")
        }

    def show(self, stream: str, data: bytes, *, final: bool = False) -> None:
        """Hand output on, after a note of what was left out before it."""
        if self._dropped and (data or final):
            note = f"\n[{self._dropped:,} bytes of output were left out: it came too fast]\n"
            self._dropped = 0
            self._sink(stream, note)
        text = self._decoders[stream].decode(data, final=final)
        if text:
            self._sink(stream, text)

    def drop(self, count: int) -> None:
        """Count output that is not shown."""
        self._dropped += count
        self.printed += count

    def show_raw(self, data: bytes) -> bool:
        """Show output that no worker has limited; return False when it comes too fast."""
        now = self._loop.time()
        grown = self.allowance + (now - self.refilled_at) * BURST_BYTES
        self.allowance = min(float(BURST_BYTES), grown)
        self.refilled_at = now
        kept = data[: int(self.allowance)]
        self.allowance -= len(kept)
        self.printed += len(kept)
        self.drop(len(data) - len(kept))
        self.show("log", kept)
        return len(kept) == len(data)

    def finish(self) -> None:
        """Show what decoders and counters still hold."""
        for stream in self._decoders:
            self.show(stream, b"", final=True)


class _Worker(asyncio.SubprocessProtocol):
    """One process: frames on one pipe, raw output on the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, network: bool) -> None:
        self.network = network
        self.exited: asyncio.Future[int] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.idle_timer: asyncio.TimerHandle | None = None
        self.retired = False
        self._loop = loop
        self._reader = frames.FrameReader()
        self._job: _Job | None = None
        self._tail: deque[bytes] = deque()
        self._carry = b""
        self._why_killed: NodeFailure | None = None

    @property
    def pid(self) -> int:
        """Its process, which leads its own group."""
        return self._transport.get_pid()

    async def run(self, request: Mapping[str, Json], sink: OutputSink) -> tuple[int, bytes]:
        """Send one job; return the kind and the body of the answer.

        Raises:
            NodeFailure: the process ended, or was ended, without an answer.
        """
        if self.exited.done():
            raise self._ended()
        self._carry = b""
        self._tail.clear()
        job = self._job = _Job(self._loop, sink)
        body = msgspec.json.encode({**request, "marker": job.marker})
        self._pipe(0).write(frames.frame(frames.JOB, body))
        try:
            return await job.done
        finally:
            self._job = None

    def kill(self, why: NodeFailure | None = None) -> None:
        """End the process and everything that it has started; at once."""
        self.retired = True
        self._why_killed = self._why_killed or why
        job = self._job
        if why is not None and job is not None and not job.done.done():
            job.done.set_exception(why)
        if not self.exited.done():
            _kill_group(self.pid)

    # --- what the loop tells ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._raw(data)
            return
        try:
            for kind, body in self._reader.feed(data):
                self._frame(kind, body)
        except (frames.BadFrame, ValueError) as error:
            self.kill(_crash(f"the process broke its line to the engine ({error})"))

    def process_exited(self) -> None:
        # The group outlives its leader: the guard, and what the job has started.
        _kill_group(self.pid)
        if not self.exited.done():
            self.exited.set_result(self._transport.get_returncode() or 0)
        self._breathe()
        # The pipes may still hold the last words; a program that has left the group may
        # hold them open for ever.
        self._loop.call_later(_EXIT_S, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport.close()  # it is; without this it warns that nobody has closed it
        self._give_up()
        if not self.closed.done():
            self.closed.set_result(None)

    # --- output and answers -----------------------------------------------------------

    def _frame(self, kind: int, body: bytes) -> None:
        job = self._job
        if job is None:
            return
        if kind == frames.OUTPUT:
            stream, dropped, text = frames.read_output(body)
            job.drop(dropped)
            job.printed += len(text)
            job.show(frames.STREAMS[stream], text)
            self._check_flood(job)
        else:
            self.retired = self.retired or body[:1] != b"\x00"
            job.answer = (kind, body[1:])
            if job.drained:
                self._complete(job)
            else:  # the last raw output and its marker come through the other pipe
                self._loop.call_later(_MARKER_S, self._complete, job)

    def _raw(self, data: bytes) -> None:
        job = self._job
        if job is None or job.drained:
            return
        marker = f"\0{job.marker}\0".encode()
        text = self._carry + data
        self._carry = b""
        before, found, _ = text.partition(marker)
        if not found:
            cut = before.rfind(b"\0", max(0, len(before) - len(marker)))
            if cut >= 0 and marker.startswith(before[cut:]):
                before, self._carry = before[:cut], before[cut:]
        self._keep_tail(before)
        calm = job.show_raw(before)
        self._check_flood(job)
        if found:
            job.drained = True
            self._complete(job)
        elif not calm and not self.exited.done():
            self._pipe_in(2).pause_reading()
            self._loop.call_later(_BREATH_S, self._breathe)

    def _breathe(self) -> None:
        pipe = self._transport.get_pipe_transport(2)
        if pipe is not None and not pipe.is_closing():
            cast(asyncio.ReadTransport, pipe).resume_reading()

    def _keep_tail(self, data: bytes) -> None:
        self._tail.append(data[-_TAIL_BYTES:])
        while len(self._tail) > 1 and sum(map(len, self._tail)) - len(self._tail[0]) > _TAIL_BYTES:
            self._tail.popleft()

    def _check_flood(self, job: _Job) -> None:
        if job.printed > FLOOD_BYTES:
            text = f"it printed more than {FLOOD_BYTES // 1_000_000} MB; print less, or to a file"
            self.kill(NodeFailure(text, code="flood", retryable=False))

    def _complete(self, job: _Job) -> None:
        if job.done.done() or job.answer is None:
            return
        job.finish()
        job.done.set_result(job.answer)

    def _give_up(self) -> None:
        job = self._job
        if job is None or job.done.done():
            return
        job.finish()
        if job.answer is not None:
            job.done.set_result(job.answer)
        else:
            job.done.set_exception(self._ended())

    def _ended(self) -> NodeFailure:
        if self._why_killed is not None:
            return self._why_killed
        code = self.exited.result()
        tail = b"".join(self._tail)[-_TAIL_BYTES:].decode("utf-8", "replace").strip()
        details: dict[str, Json] = {"stderr": tail} if tail else {}
        if code < 0:
            name = _signal_name(-code)
            hint = "; the system may have been out of memory" if name == "SIGKILL" else ""
            details["signal"] = name
            return _crash(f"the process was ended by {name}{hint}", details)
        details["exit_code"] = code
        return _crash(f"the process ended by itself with exit code {code} and no result", details)

    def _pipe(self, fd: int) -> asyncio.WriteTransport:
        return cast(asyncio.WriteTransport, self._transport.get_pipe_transport(fd))

    def _pipe_in(self, fd: int) -> asyncio.ReadTransport:
        return cast(asyncio.ReadTransport, self._transport.get_pipe_transport(fd))


_Starting = asyncio.Task[tuple[asyncio.SubprocessTransport, _Worker]]


class ProcessPool:
    """Runs each job in a process of its own; implements `engine.executors.protocol.Executor`.

    It belongs to the loop in which it is first used. Use it with ``async with``, or close it.

    A worker that was left as it was found is used again, so that libraries stay imported.

    Args:
        size: how many jobs run at once; None means one per core.
        idle_s: how long a worker without a job is kept.
    """

    abilities = frozenset[Ability](
        {"at_once", "cancel", "kill", "memory", "output", "isolation", "offline"}
    )

    def __init__(self, size: int | None = None, *, idle_s: float = IDLE_S) -> None:
        self.size = size or os.cpu_count() or 1
        self._idle_s = idle_s
        self._slots = asyncio.Semaphore(self.size)
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._starting: set[_Starting] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        """Return the pool."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the pool."""
        await self.close()

    @property
    def pids(self) -> frozenset[int]:
        """The processes that are alive, busy or idle."""
        return frozenset(worker.pid for worker in self._workers if not worker.exited.done())

    async def run(
        self,
        job: str,
        payload: Json,
        *,
        on_output: OutputSink,
        memory_mb: int | None = None,
        network: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the time of the job, not of the queue
    ) -> Json:
        """Run ``module:function`` in a process of its own (see `Executor.run`)."""
        request = {
            "job": job,
            "payload": payload,
            "memory_mb": memory_mb,
            "most_bytes": MOST_BYTES,
        }
        async with self._slots:
            worker = await self._worker(network=network)
            try:
                async with asyncio.timeout(timeout):
                    kind, body = await worker.run(request, on_output)
            except TimeoutError:
                worker.kill()
                text = f"it was ended because it took longer than {timeout:g} s"
                raise NodeFailure(text, code="timeout") from None
            except BaseException:
                worker.kill()
                raise
            self._release(worker)
        if kind == frames.FAILURE:
            raise _failure(body, memory_mb)
        return msgspec.json.decode(body)

    async def close(self) -> None:
        """Kill all workers and wait until they are gone; running jobs fail as ``killed``."""
        self._closed = True
        if self._starting:
            await asyncio.wait(self._starting, timeout=CLOSE_S)
        workers = list(self._workers)
        for worker in workers:
            _cancel_timer(worker)
            worker.kill(NodeFailure("it was ended because the engine closes", code="killed"))
        if workers:
            await asyncio.wait([worker.closed for worker in workers], timeout=CLOSE_S)
        self._idle.clear()

    async def _worker(self, *, network: bool) -> _Worker:
        """Return a warm worker of that kind, the one used last, or start one."""
        if self._closed:
            raise NodeFailure("the engine is closing; nothing more is started", code="killed")
        for worker in [each for each in reversed(self._idle) if each.network == network]:
            self._idle.remove(worker)
            _cancel_timer(worker)
            if not worker.retired and not worker.exited.done():
                return worker
        loop = asyncio.get_running_loop()
        starting = loop.create_task(
            loop.subprocess_exec(
                lambda: _Worker(loop, network=network),
                *_command(network=network),
                env=_environment(),
                start_new_session=True,
            )
        )
        self._starting.add(starting)
        starting.add_done_callback(self._started)
        try:
            _, worker = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Cancelled itself, starting may never return: its wait for an exit needs pipes
            # that are not connected yet.
            starting.add_done_callback(_abandon)
            raise
        except OSError as error:
            text = f"no process could be started ({error}); close other programs and try again"
            raise NodeFailure(text, code="crashed", nothing_happened=True) from error
        return worker

    def _started(self, starting: _Starting) -> None:
        self._starting.discard(starting)
        if starting.cancelled() or starting.exception() is not None:
            return
        worker = starting.result()[1]
        self._workers.add(worker)
        worker.closed.add_done_callback(lambda _: self._workers.discard(worker))

    def _release(self, worker: _Worker) -> None:
        if worker.retired or self._closed:
            worker.kill()
            return
        self._idle.append(worker)
        loop = asyncio.get_running_loop()
        worker.idle_timer = loop.call_later(self._idle_s, self._expire, worker)

    def _expire(self, worker: _Worker) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        worker.kill()


def _abandon(starting: _Starting) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result()[1].kill()


def _command(*, network: bool) -> list[str]:
    # -P: a module in the current folder must not take the place of one of Python's own.
    return [sys.executable, "-P", "-m", _MODULE, *([] if network else [OFFLINE])]


def _environment() -> dict[str, str]:
    """The person's environment, without what is only for the engine (secrets among it)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    before = kept.get("PYTHONPATH", "")
    kept["HEADGATE_WORKER_PYTHONPATH"] = before
    kept["PYTHONPATH"] = os.pathsep.join([_ROOT, before]) if before else _ROOT
    return kept


def _kill_group(pid: int) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        pass  # nobody is left in it


def _cancel_timer(worker: _Worker) -> None:
    if worker.idle_timer is not None:
        worker.idle_timer.cancel()
        worker.idle_timer = None


def _crash(text: str, details: Json = None) -> NodeFailure:
    return NodeFailure(text, code="crashed", details=details or None)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _failure(body: bytes, memory_mb: int | None) -> NodeFailure:
    fields = msgspec.json.decode(body)
    if fields["code"] == "memory" and memory_mb is not None:
        fields["message"] = (
            f"it needed more than {memory_mb} MB of memory; raise the limit or use less data"
        )
    return failure_from(fields)
