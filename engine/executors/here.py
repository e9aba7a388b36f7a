"""Executors that stay in this process: for tests, for debuggers, for where no process may start.

A job gets a copy of its payload and its result must be JSON, as in a process of its own, so
that a node cannot tell where it ran. What these executors cannot do, they do not claim.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from engine.executors.jobs import MOST_BYTES, failure_of, result_of
from engine.executors.protocol import Ability, OutputSink
from engine.executors.thread import ThreadRunner
from engine.model.node_types import NodeFailure

Json = Any

_CLOSING = "the engine is closing; nothing more is started"


def failure_from(fields: dict[str, Json]) -> NodeFailure:
    """Return the failure that `engine.executors.jobs.failure_of` made plain."""
    fields = {**fields, "causes": tuple(fields.get("causes", ()))}
    fields["tags"] = tuple(fields.get("tags", ()))
    return NodeFailure(fields.pop("message"), **fields)


class InlineExecutor:
    """Runs each job in the loop, which stands still meanwhile; a debugger can stop in it."""

    abilities = frozenset[Ability]()

    def __init__(self) -> None:
        self._closed = False

    async def run(
        self,
        job: str,
        payload: Json,
        *,
        on_output: OutputSink,
        memory_mb: int | None = None,
        network: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - cannot be kept here; see abilities
    ) -> Json:
        """Run ``module:function`` here (see `Executor.run`); limits are not kept."""
        del on_output, memory_mb, network, timeout
        if self._closed:
            raise NodeFailure(_CLOSING, code="killed")
        await asyncio.sleep(0)
        return _answer(job, msgspec.json.encode(payload))

    async def close(self) -> None:
        """Start nothing more."""
        self._closed = True


class ThreadExecutor:
    """Runs each job in a thread. A job that is cancelled goes on, and its result is lost.

    Args:
        size: how many jobs run at once.
    """

    abilities = frozenset[Ability]({"at_once", "cancel"})

    def __init__(self, size: int = 16) -> None:
        self._threads = ThreadRunner(size)
        self._running: set[asyncio.Task[Json]] = set()
        self._closed = False

    async def run(
        self,
        job: str,
        payload: Json,
        *,
        on_output: OutputSink,
        memory_mb: int | None = None,
        network: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - of the job and of its wait for a thread
    ) -> Json:
        """Run ``module:function`` in a thread (see `Executor.run`)."""
        del on_output, memory_mb, network
        if self._closed:
            raise NodeFailure(_CLOSING, code="killed")
        body = msgspec.json.encode(payload)
        running = asyncio.get_running_loop().create_task(self._threads.run(_answer, job, body))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(timeout):
                return await running
        except TimeoutError:
            text = f"it was left behind because it took longer than {timeout:g} s"
            raise NodeFailure(text, code="timeout") from None
        except asyncio.CancelledError:
            if self._closed and not _is_cancelled():
                raise NodeFailure(
                    "it was left behind because the engine closes", code="killed"
                ) from None
            raise

    async def close(self) -> None:
        """Start nothing more; running jobs fail as ``killed`` and their threads are left alone."""
        self._closed = True
        for running in list(self._running):
            running.cancel()
        self._threads.close()


def _is_cancelled() -> bool:
    """Whether the caller itself was cancelled, rather than what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _answer(job: str, body: bytes) -> Json:
    try:
        return msgspec.json.decode(result_of(job, msgspec.json.decode(body), MOST_BYTES))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise failure_from(failure_of(error)) from None
