from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.executors.thread import ThreadRunner
from engine.model.node_types import NodeFailure

ROOT = Path(__file__).parents[3]


async def test_a_call_returns_its_value_from_another_thread() -> None:
    runner = ThreadRunner()
    assert await runner.run(divmod, 7, 2) == (3, 1)
    assert await runner.run(threading.get_ident) != threading.get_ident()
    runner.close()


async def test_an_error_of_the_call_is_raised() -> None:
    runner = ThreadRunner()
    with pytest.raises(ZeroDivisionError):
        await runner.run(divmod, 1, 0)
    with pytest.raises(NodeFailure, match="StopIteration"):
        await runner.run(next, iter(()))
    runner.close()


async def test_threads_are_used_again() -> None:
    runner = ThreadRunner(4)
    idents = {await runner.run(threading.get_ident) for _ in range(100)}
    assert len(idents) == 1
    runner.close()


async def test_no_more_calls_run_at_once_than_allowed() -> None:
    runner, running, most, lock = ThreadRunner(3), 0, 0, threading.Lock()

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    await asyncio.gather(*[runner.run(call) for _ in range(12)])
    assert most == 3
    runner.close()


async def test_cancelling_returns_at_once_and_frees_the_place() -> None:
    runner, hold = ThreadRunner(1), threading.Event()
    async with asyncio.TaskGroup() as group:
        stuck = group.create_task(runner.run(hold.wait))
        await asyncio.sleep(0.01)
        stuck.cancel()
        start = time.perf_counter()
        await asyncio.wait([stuck])
        assert time.perf_counter() - start < 0.1
        assert await runner.run(abs, -1) == 1
    hold.set()
    runner.close()


async def test_too_many_stuck_calls_are_refused_in_words() -> None:
    runner, hold = ThreadRunner(1, most=2), threading.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            stuck = group.create_task(runner.run(hold.wait))
            await asyncio.sleep(0.01)
            stuck.cancel()
            await asyncio.wait([stuck])
        with pytest.raises(NodeFailure, match="2 calls that were cancelled"):
            await runner.run(abs, -1)
    hold.set()
    runner.close()


async def test_a_call_sees_the_context_variables_of_its_caller() -> None:
    runner, variable = ThreadRunner(), contextvars.ContextVar("variable", default=0)
    variable.set(5)
    assert await runner.run(variable.get) == 5
    runner.close()


def test_a_stuck_call_does_not_hold_up_the_end_of_the_program() -> None:
    script = (
        "import asyncio, threading\n"
        "from engine.executors.thread import ThreadRunner\n"
        "async def main():\n"
        "    try:\n"
        "        async with asyncio.timeout(0.1):\n"
        "            await ThreadRunner().run(threading.Event().wait)\n"
        "    except TimeoutError:\n"
        "        print('timed out')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        text=True,
        timeout=10,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (0, "timed out\n")


async def test_it_works_beside_qt(qloop: asyncio.AbstractEventLoop) -> None:
    del qloop
    runner = ThreadRunner()
    assert await runner.run(abs, -3) == 3
    runner.close()
