"""What is true of the process pool beyond what every executor must do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.executors.process import ProcessPool
from engine.model.node_types import NodeFailure
from tests.engine.executors.processes import alive, gone, written

JOBS = "tests.engine.executors.jobs:"
ROOT = Path(__file__).parents[3]


def unseen(stream: str, text: str) -> None:
    del stream, text


async def run(pool: ProcessPool, job: str, payload: object = None) -> object:
    return await pool.run(JOBS + job, payload, on_output=unseen)


async def test_it_works_beside_qt(qloop: asyncio.AbstractEventLoop) -> None:
    del qloop
    async with ProcessPool(1) as pool:
        assert await run(pool, "echo", [1]) == [1]
        with pytest.raises(NodeFailure) as caught:
            await pool.run(JOBS + "exiting", 3, on_output=unseen)
        assert caught.value.details["exit_code"] == 3


async def test_a_worker_finds_its_surroundings_as_they_were() -> None:
    seen: list[tuple[str, str]] = []
    async with ProcessPool(1) as pool:
        first = await run(pool, "pid")
        await run(pool, "dirty")
        after = await pool.run(
            JOBS + "surroundings", None, on_output=lambda *item: seen.append(item)
        )
        assert await run(pool, "pid") == first
    assert after == [None, str(Path.cwd()), False]
    assert seen == [("stdout", "seen\n")]


async def test_what_a_job_leaves_running_ends_with_its_worker() -> None:
    async with ProcessPool(1) as pool:
        old, child = await pool.run(JOBS + "leaves_process", None, on_output=unseen)
        assert await run(pool, "pid") != old
        assert await gone(old, child)


async def test_a_worker_in_which_threads_are_left_is_not_used_again() -> None:
    async with ProcessPool(1) as pool:
        old = await run(pool, "leaves_thread")
        assert await run(pool, "pid") != old


async def test_an_idle_worker_is_ended_after_a_while() -> None:
    async with ProcessPool(1, idle_s=0.05) as pool:
        pid = await run(pool, "pid")
        assert isinstance(pid, int)
        assert await gone(pid)
        assert await run(pool, "pid") != pid


async def test_a_worker_that_dies_while_idle_is_replaced() -> None:
    async with ProcessPool(1) as pool:
        pid = await run(pool, "pid")
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        assert await gone(pid)
        await asyncio.sleep(0.05)
        assert await run(pool, "echo", 1) == 1


async def test_a_crash_tells_its_exit_code_and_last_words() -> None:
    async with ProcessPool(1) as pool:
        with pytest.raises(NodeFailure, match="exit code 3") as caught:
            await pool.run(JOBS + "exiting", 3, on_output=unseen)
        assert caught.value.details == {"exit_code": 3, "stderr": "raw last words"}
        with pytest.raises(NodeFailure, match="SIGSEGV"):
            await pool.run(JOBS + "segfault", None, on_output=unseen)


async def test_a_burst_of_output_is_shown_whole() -> None:
    seen: list[str] = []
    async with ProcessPool(1) as pool:
        await pool.run(JOBS + "burst", 9_000, on_output=lambda _, text: seen.append(text))
    assert "".join(seen) == ("y" * 99 + "\n") * 9_000
    assert len(seen) < 500


async def test_too_much_output_is_cut_and_the_cut_is_told() -> None:
    seen: list[str] = []
    async with ProcessPool(1) as pool:
        await pool.run(JOBS + "burst", 100_000, on_output=lambda _, text: seen.append(text))
    text = "".join(seen)
    assert len(text) < 5_000_000
    assert "bytes of output were left out" in text


async def test_a_program_that_floods_the_raw_pipe_is_slowed_not_stored() -> None:
    seen: list[str] = []
    async with ProcessPool(1) as pool:
        with pytest.raises(NodeFailure) as caught:
            await pool.run(
                JOBS + "raw_flooding",
                None,
                on_output=lambda _, text: seen.append(text),
                timeout=1.5,
            )
    assert caught.value.code in {"timeout", "flood"}
    assert sum(map(len, seen)) < 5_000_000


async def test_a_fork_of_a_worker_does_not_break_its_line() -> None:
    seen: list[str] = []
    async with ProcessPool(1) as pool:
        await pool.run(JOBS + "forks", 1, on_output=lambda _, text: seen.append(text))
    assert sorted(seen) == ["in the child\n", "in the parent\n"]


async def test_a_job_may_close_its_streams() -> None:
    async with ProcessPool(1) as pool:
        assert await run(pool, "closes_streams", 5) == 5
        assert await run(pool, "echo", 6) == 6


async def test_a_job_reads_nothing_from_the_engine() -> None:
    async with ProcessPool(1) as pool:
        assert await run(pool, "reads_input") == ""


async def test_what_is_meant_for_the_engine_is_not_in_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADGATE_SECRET_TOKEN", "hush")
    monkeypatch.setenv("OF_THE_PERSON", "hello")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    async with ProcessPool(1) as pool:
        names = ["HEADGATE_SECRET_TOKEN", "OF_THE_PERSON", "PYTHONPATH"]
        assert await run(pool, "environment", names) == [None, "hello", None]


@pytest.mark.parametrize("job", ["waiting", "spinning"])
async def test_workers_and_their_children_end_when_the_engine_is_killed(
    tmp_path: Path, job: str
) -> None:
    script = (
        "import asyncio, sys\n"
        "from engine.executors.process import ProcessPool\n"
        "async def main():\n"
        f"    await ProcessPool(1).run({JOBS + job!r}, sys.argv[1], on_output=print)\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "pids"
    engine = subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT)
    pids = await written(path)
    assert all(alive(pid) for pid in pids)
    engine.kill()
    engine.wait()
    assert await gone(*pids)
