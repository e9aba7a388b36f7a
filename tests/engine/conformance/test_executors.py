"""What every executor must do. An executor is in when it is in `EXECUTORS` and passes.

What only some can do is asked of those that say so in `abilities` (U43, U66, U122, U124).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.executors import here, process
from engine.executors.here import InlineExecutor, ThreadExecutor
from engine.executors.offline import kernel_helps
from engine.executors.process import ProcessPool
from engine.executors.protocol import Ability, Executor
from engine.model.node_types import NodeFailure
from tests.engine.executors.processes import gone, written

JOBS = "tests.engine.executors.jobs:"
EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "inline": lambda size: InlineExecutor(),
    "process": ProcessPool,
    "thread": ThreadExecutor,
}

Open = Callable[..., contextlib.AbstractAsyncContextManager[Executor]]


def able(*abilities: Ability) -> pytest.MarkDecorator:
    """Ask only the executors that have these abilities."""
    names = [name for name, make in EXECUTORS.items() if make(1).abilities >= {*abilities}]
    return pytest.mark.parametrize("opened", sorted(names), indirect=True)


@pytest.fixture(params=sorted(EXECUTORS))
def opened(request: pytest.FixtureRequest) -> Open:
    make = EXECUTORS[request.param]

    @asynccontextmanager
    async def open_executor(size: int = 2) -> AsyncGenerator[Executor, None]:
        executor = make(size)
        try:
            yield executor
        finally:
            await executor.close()

    return open_executor


def unseen(stream: str, text: str) -> None:
    del stream, text


@pytest.mark.parametrize("value", [None, 1.5, "é\0", [1, [2]], {"a": {"b": None}}, "x" * 3_000_000])
async def test_a_value_goes_there_and_back_unchanged(opened: Open, value: object) -> None:
    async with opened() as executor:
        assert await executor.run(JOBS + "echo", value, on_output=unseen) == value


@able("output")
async def test_output_comes_in_the_order_in_which_it_was_printed(opened: Open) -> None:
    seen: list[tuple[str, str]] = []
    async with opened() as executor:
        await executor.run(JOBS + "printing", 2000, on_output=lambda *item: seen.append(item))
    lines = [(stream, line) for stream, text in seen for line in text.splitlines()]
    names = ["stdout" if number % 3 else "stderr" for number in range(2000)]
    assert lines == [(name, str(number)) for number, name in enumerate(names)]


@able("output")
async def test_all_output_has_come_when_the_result_does(opened: Open) -> None:
    seen: list[str] = []
    async with opened() as executor:
        for number in range(20):
            await executor.run(
                JOBS + "raw_output", str(number), on_output=lambda _, text: seen.append(text)
            )
            assert "".join(seen) == f"before\n{number}\né"
            seen.clear()


async def test_an_error_comes_back_with_its_kind_and_its_causes(opened: Open) -> None:
    async with opened() as executor:
        with pytest.raises(NodeFailure) as caught:
            await executor.run(JOBS + "raising", 7, on_output=unseen)
    info = caught.value.info()
    assert (info.code, info.kind, info.message) == (
        "exception",
        "ValueError",
        "ValueError: outer 7",
    )
    assert info.causes == ("KeyError: 'inner'",)
    assert "jobs.py" in info.details["traceback"]


async def test_a_node_failure_comes_back_as_it_was_raised(opened: Open) -> None:
    async with opened() as executor:
        with pytest.raises(NodeFailure, match="no money") as caught:
            await executor.run(JOBS + "failing", 3, on_output=unseen)
    failure = caught.value
    assert (failure.code, failure.details) == ("money", {"left": 3})
    assert failure.nothing_happened and not failure.retryable


async def test_an_unknown_job_is_a_failure(opened: Open) -> None:
    async with opened() as executor:
        with pytest.raises(NodeFailure, match="nothing_of_the_kind"):
            await executor.run(JOBS + "nothing_of_the_kind", None, on_output=unseen)


@able("cancel", "kill")
async def test_cancelling_returns_at_once_and_ends_every_process(
    opened: Open, tmp_path: Path
) -> None:
    times: list[float] = []
    async with opened() as executor:
        for path in (tmp_path / name for name in "abc"):
            job = asyncio.get_running_loop().create_task(
                executor.run(JOBS + "waiting", str(path), on_output=unseen)
            )
            pids = await written(path)
            job.cancel()
            start = time.perf_counter()
            await asyncio.wait([job])
            times.append(time.perf_counter() - start)
            assert job.cancelled()
            assert await gone(*pids)
    assert min(times) < 0.1  # the machine may be busy, but not three times


@able("kill")
async def test_a_job_that_holds_the_interpreter_is_ended_too(opened: Open, tmp_path: Path) -> None:
    async with opened() as executor:
        job = asyncio.get_running_loop().create_task(
            executor.run(JOBS + "spinning", str(tmp_path / "pid"), on_output=unseen)
        )
        pids = await written(tmp_path / "pid")
        job.cancel()
        await asyncio.wait([job])
        assert job.cancelled()
        assert await gone(*pids)


@able("kill")
async def test_a_job_that_takes_too_long_is_ended(opened: Open, tmp_path: Path) -> None:
    async with opened() as executor:
        with pytest.raises(NodeFailure, match=r"longer than 0\.2 s") as caught:
            await executor.run(
                JOBS + "waiting", str(tmp_path / "pids"), on_output=unseen, timeout=0.2
            )
        assert caught.value.code == "timeout"
        assert await executor.run(JOBS + "echo", 1, on_output=unseen) == 1


@able("kill", "at_once")
async def test_no_more_jobs_run_at_once_than_allowed(opened: Open, tmp_path: Path) -> None:
    async with opened(2) as executor, asyncio.TaskGroup() as group:
        jobs = [
            group.create_task(executor.run(JOBS + "waiting", str(path), on_output=unseen))
            for path in (tmp_path / name for name in "abc")
        ]
        await written(tmp_path / "a")
        await written(tmp_path / "b")
        await asyncio.sleep(0.2)
        assert not (tmp_path / "c").exists()
        jobs[0].cancel()
        assert await written(tmp_path / "c")
        for job in jobs:
            job.cancel()


@able("kill")
async def test_a_waiting_job_can_be_cancelled_before_it_starts(
    opened: Open, tmp_path: Path
) -> None:
    async with opened(1) as executor, asyncio.TaskGroup() as group:
        first = group.create_task(
            executor.run(JOBS + "waiting", str(tmp_path / "a"), on_output=unseen)
        )
        await written(tmp_path / "a")
        second = group.create_task(executor.run(JOBS + "echo", 1, on_output=unseen))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        first.cancel()
        await asyncio.wait([first])
        assert await executor.run(JOBS + "echo", 2, on_output=unseen) == 2


@able("kill")
async def test_closing_ends_running_jobs_as_killed(opened: Open, tmp_path: Path) -> None:
    async with opened() as executor:
        job = asyncio.get_running_loop().create_task(
            executor.run(JOBS + "waiting", str(tmp_path / "pids"), on_output=unseen)
        )
        pids = await written(tmp_path / "pids")
        await executor.close()
        with pytest.raises(NodeFailure) as caught:
            await job
        assert caught.value.code == "killed"
        assert await gone(*pids)


async def test_nothing_starts_after_closing(opened: Open) -> None:
    async with opened() as executor:
        await executor.close()
        with pytest.raises(NodeFailure, match="closing"):
            await executor.run(JOBS + "echo", 1, on_output=unseen)


@able("isolation", "memory")
@pytest.mark.parametrize(
    ("job", "payload", "code"),
    [
        ("exiting", 0, "crashed"),
        ("exiting", 3, "crashed"),
        ("segfault", None, "crashed"),
        ("sys_exiting", 0, "exit"),
        ("greedy", 10**9, "memory"),
        ("not_json", None, "exception"),
    ],
)
async def test_a_job_that_ends_badly_is_one_failure_and_harms_no_other(
    opened: Open, job: str, payload: object, code: str
) -> None:
    async with opened(1) as executor:
        with pytest.raises(NodeFailure) as caught:
            await executor.run(JOBS + job, payload, on_output=unseen, memory_mb=400)
        assert caught.value.code == code
        assert await executor.run(JOBS + "echo", "next", on_output=unseen) == "next"


@able("output", "kill")
async def test_a_job_that_prints_without_end_is_ended_and_the_loop_goes_on(opened: Open) -> None:
    seen, gaps = 0, [0.0]

    def sink(stream: str, text: str) -> None:
        nonlocal seen
        del stream
        seen += len(text)

    async def watch() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    async with opened() as executor:
        watcher = asyncio.get_running_loop().create_task(watch())
        with pytest.raises(NodeFailure) as caught:
            await executor.run(JOBS + "flooding", 100_000, on_output=sink)
        watcher.cancel()
        await asyncio.wait([watcher])
    assert caught.value.code == "flood"
    assert 500_000 < seen < 20_000_000
    assert sorted(gaps)[len(gaps) * 9 // 10] < 0.05


@able("isolation")
async def test_two_hundred_jobs_reuse_their_workers(opened: Open) -> None:
    async with opened() as executor:
        pids = [await executor.run(JOBS + "pid", None, on_output=unseen) for _ in range(200)]
    assert len(set(pids)) == 1
    assert os.getpid() not in pids


async def test_many_jobs_at_once_each_get_their_own_result(opened: Open) -> None:
    async with opened(2) as executor, asyncio.TaskGroup() as group:
        jobs = [
            group.create_task(executor.run(JOBS + "echo", number, on_output=unseen))
            for number in range(60)
        ]
    assert [job.result() for job in jobs] == list(range(60))


async def test_a_job_has_a_copy_of_its_payload(opened: Open) -> None:
    payload = {"rows": [1]}
    async with opened() as executor:
        assert await executor.run(JOBS + "appends", payload, on_output=unseen) == {"rows": [1, 2]}
    assert payload == {"rows": [1]}


@pytest.mark.parametrize(
    ("job", "code", "why"),
    [
        ("not_json", "exception", "builtins.object, which is not JSON"),
        ("huge", "exception", "the result has 4,000,002 bytes; at most 3,000,000"),
        ("sys_exiting", "exit", "SystemExit"),
    ],
)
async def test_a_result_that_cannot_be_handed_on_is_a_failure(
    opened: Open, monkeypatch: pytest.MonkeyPatch, job: str, code: str, why: str
) -> None:
    for module in (here, process):
        monkeypatch.setattr(module, "MOST_BYTES", 3_000_000)
    async with opened(1) as executor:
        with pytest.raises(NodeFailure, match=why) as caught:
            await executor.run(JOBS + job, None, on_output=unseen)
        assert caught.value.code == code
        assert await executor.run(JOBS + "echo", "next", on_output=unseen) == "next"


@able("cancel")
async def test_a_job_that_is_cancelled_or_late_returns_at_once(opened: Open) -> None:
    async with opened() as executor:
        job = asyncio.get_running_loop().create_task(
            executor.run(JOBS + "dozing", 3, on_output=unseen)
        )
        await asyncio.sleep(0.05)
        job.cancel()
        start = time.perf_counter()
        await asyncio.wait([job])
        with pytest.raises(NodeFailure) as caught:
            await executor.run(JOBS + "dozing", 3, on_output=unseen, timeout=0.05)
        assert time.perf_counter() - start < 2
    assert job.cancelled()
    assert caught.value.code == "timeout"


@able("cancel")
async def test_closing_fails_running_jobs_as_killed(opened: Open) -> None:
    async with opened() as executor:
        job = asyncio.get_running_loop().create_task(
            executor.run(JOBS + "dozing", 3, on_output=unseen)
        )
        await asyncio.sleep(0.05)
        await executor.close()
        with pytest.raises(NodeFailure) as caught:
            await job
    assert caught.value.code == "killed"


@able("isolation")
async def test_a_job_finds_its_surroundings_as_they_were(opened: Open) -> None:
    async with opened(1) as executor:
        await executor.run(JOBS + "dirty", None, on_output=unseen)
        assert await executor.run(JOBS + "surroundings", None, on_output=unseen) == [
            None,
            str(Path.cwd()),
            False,
        ]


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine that somebody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@able("offline")
async def test_a_job_without_the_network_does_not_reach_it(opened: Open, port: int) -> None:
    """U122; jobs with and without it take turns, and neither gets the worker of the other."""
    async with opened(1) as executor:
        for _ in range(2):
            with pytest.raises(NodeFailure, match="network is off for this code"):
                await executor.run(
                    f"{JOBS}dialling", [port, False], on_output=unseen, network=False
                )
            told = await executor.run(f"{JOBS}dialling", [port, False], on_output=unseen)
            assert told == "connected"


@able("offline")
@pytest.mark.skipif(not kernel_helps(), reason="the kernel does not help on this system")
async def test_nor_do_the_programs_that_it_starts(opened: Open, port: int) -> None:
    async with opened(1) as executor:
        run = functools.partial(executor.run, f"{JOBS}dialling", [port, True], on_output=unseen)
        assert "PermissionError" in await run(network=False)
        assert await run(network=True) == "connected"


@able("offline")
async def test_sockets_that_are_no_network_are_left_to_it(opened: Open) -> None:
    async with opened(1) as executor:
        told = await executor.run(f"{JOBS}pairing", 5, on_output=unseen, network=False)
        assert told == ["still here", 5]
