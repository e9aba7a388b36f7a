"""The event loop: order, time, threads, processes, errors and a clean end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
import os
import signal
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEventLoop, QTimer

from designer.event_loop import (
    FairQEventLoop,
    collect_garbage_on_gui_thread,
    install_signal_handlers,
    make_loop,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    qapp.setQuitOnLastWindowClosed(False)
    made = make_loop(qapp)
    asyncio.set_event_loop(made)
    yield made
    made.run_until_complete(made.shutdown_asyncgens())
    made.run_until_complete(made.shutdown_default_executor())
    made.close()
    asyncio.set_event_loop(None)


def test_callbacks_run_in_the_order_they_were_scheduled(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[int] = []
    for number in range(5):
        loop.call_soon(seen.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [0, 1, 2, 3, 4]


def test_a_cancelled_callback_does_not_run(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[str] = []
    loop.call_soon(seen.append, "soon").cancel()
    loop.call_later(0.001, seen.append, "later").cancel()
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert seen == []


@pytest.mark.parametrize("delay_s", [0.0004, 0.0019, 0.01, 0.03])
def test_a_timer_never_fires_early(loop: asyncio.AbstractEventLoop, delay_s: float) -> None:
    async def waited() -> float:
        started = loop.time()
        await asyncio.sleep(delay_s)
        return loop.time() - started

    assert all(loop.run_until_complete(waited()) >= delay_s for _ in range(10))


def test_timers_fire_by_time_and_equal_times_in_order(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[str] = []
    now = loop.time()
    loop.call_at(now + 0.02, seen.append, "third")
    loop.call_at(now + 0.01, seen.append, "first")
    loop.call_at(now + 0.01, seen.append, "second")
    loop.call_at(now + 0.03, loop.stop)
    loop.run_forever()
    assert seen == ["first", "second", "third"]


def test_a_callback_already_due_runs_after_those_already_ready(
    loop: asyncio.AbstractEventLoop,
) -> None:
    seen: list[str] = []
    loop.call_later(-1, seen.append, "due")
    loop.call_soon(seen.append, "ready")
    loop.call_soon(loop.call_later, 0.005, loop.stop)
    loop.run_forever()
    assert seen == ["ready", "due"]


@pytest.mark.parametrize("delay_s", [math.inf, 1e12, 30 * 86_400.0])
def test_very_long_timers_are_accepted_and_wait(
    loop: asyncio.AbstractEventLoop, delay_s: float
) -> None:
    handle = loop.call_later(delay_s, pytest.fail, "fired")
    loop.run_until_complete(asyncio.sleep(0.005))
    assert handle.when() >= loop.time() + 86_400
    handle.cancel()


def test_a_timer_without_a_time_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    with pytest.raises(TypeError, match="point in time"):
        loop.call_later(math.nan, print)
    with pytest.raises(TypeError, match="delay in seconds"):
        loop.call_later(None, print)  # type: ignore[arg-type]  # the point of the test


def test_five_thousand_timers_share_one_qt_timer_and_all_fire(qapp: QApplication) -> None:
    loop = FairQEventLoop(qapp)
    left = [5_000]

    def fired() -> None:
        left[0] -= 1
        if not left[0]:
            loop.stop()

    for number in range(5_000):
        loop.call_later(0.001 + (number % 50) / 1000, fired)
    loop.run_forever()
    loop.close()
    assert left == [0]


def test_cancelled_timers_do_not_pile_up(qapp: QApplication) -> None:
    loop = FairQEventLoop(qapp)
    keep = [loop.call_later(3600, print) for _ in range(10)]
    for _ in range(10_000):
        loop.call_later(3600, print).cancel()
    assert len(loop._due) < 250
    assert not any(handle.cancelled() for handle in keep)
    loop.close()


def test_a_burst_of_fifty_thousand_callbacks_all_run_in_order(
    loop: asyncio.AbstractEventLoop,
) -> None:
    seen: list[int] = []
    for number in range(50_000):
        loop.call_soon(seen.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == list(range(50_000))


def test_qt_gets_its_turn_while_coroutines_never_pause(loop: asyncio.AbstractEventLoop) -> None:
    turns: list[float] = []
    beat = QTimer()
    beat.timeout.connect(lambda: turns.append(time.perf_counter()))
    beat.start(1)

    async def busy() -> None:
        end = loop.time() + 10
        while len(turns) < 10 and loop.time() < end:
            await asyncio.sleep(0)

    loop.run_until_complete(busy())
    beat.stop()
    assert len(turns) >= 10


def test_callbacks_from_other_threads_all_arrive(loop: asyncio.AbstractEventLoop) -> None:
    async def count() -> int:
        done = asyncio.Event()
        seen: list[int] = []

        def arrive(number: int) -> None:
            seen.append(number)
            if len(seen) == 4_000:
                done.set()

        def post(base: int) -> None:
            for number in range(1_000):
                loop.call_soon_threadsafe(arrive, base + number)

        threads = [threading.Thread(target=post, args=(n * 1_000,)) for n in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(done.wait(), 20)
        for thread in threads:
            thread.join()
        return len(set(seen))

    assert loop.run_until_complete(count()) == 4_000


def test_a_thread_wakes_an_idle_loop(loop: asyncio.AbstractEventLoop) -> None:
    worker = threading.Timer(0.02, loop.call_soon_threadsafe, [loop.stop])
    worker.start()
    loop.run_forever()
    worker.join()
    assert not loop.is_running()


def test_to_thread_keeps_the_context(loop: asyncio.AbstractEventLoop) -> None:
    flag = contextvars.ContextVar("flag", default="unset")

    async def ask() -> tuple[str, bool]:
        flag.set("set")
        name = await asyncio.to_thread(lambda: (flag.get(), threading.current_thread()))
        return name[0], name[1] is threading.main_thread()

    assert loop.run_until_complete(ask()) == ("set", False)


def test_callbacks_keep_the_context_they_were_given(loop: asyncio.AbstractEventLoop) -> None:
    flag = contextvars.ContextVar("flag", default="unset")
    seen: list[str] = []
    context = contextvars.copy_context()
    context.run(flag.set, "inside")
    loop.call_soon(lambda: seen.append(flag.get()), context=context)
    loop.call_soon_threadsafe(lambda: seen.append(flag.get()), context=context)
    loop.call_later(0.001, lambda: seen.append(flag.get()), context=context)
    loop.call_later(0.02, loop.stop)
    loop.run_forever()
    assert seen == ["inside"] * 3


def test_a_worker_that_exits_fails_its_future_only(loop: asyncio.AbstractEventLoop) -> None:
    async def ask() -> str:
        with pytest.raises(SystemExit):
            await loop.run_in_executor(None, sys.exit, 3)
        return "alive"

    assert loop.run_until_complete(ask()) == "alive"


def test_a_subprocess_answers_and_its_code_is_known(loop: asyncio.AbstractEventLoop) -> None:
    async def ask() -> tuple[bytes, int | None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; print(sys.stdin.read()[::-1]); sys.exit(4)",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate(b"gate")
        return out.strip(), process.returncode

    assert loop.run_until_complete(ask()) == (b"etag", 4)


def test_a_loopback_server_echoes(loop: asyncio.AbstractEventLoop) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def ask() -> bytes:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return answer

    assert loop.run_until_complete(ask()) == b"hello\n"


def _block(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_an_exception_in_a_callback_is_reported_and_the_loop_goes_on(
    loop: asyncio.AbstractEventLoop,
) -> None:
    reported: list[BaseException] = []
    loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    loop.call_soon(lambda: 1 / 0)
    loop.run_until_complete(asyncio.sleep(0.002))
    assert [type(error) for error in reported] == [ZeroDivisionError]


def test_keyboard_interrupt_leaves_run_forever(loop: asyncio.AbstractEventLoop) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    loop.call_soon(interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert loop.run_until_complete(asyncio.sleep(0, "usable")) == "usable"


def test_nothing_is_stepped_after_stop_and_all_of_it_in_the_next_run(
    loop: asyncio.AbstractEventLoop,
) -> None:
    seen: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(seen.append, "after")
    loop.run_forever()
    assert seen == []
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == ["after"]


def test_a_nested_qt_loop_in_a_coroutine_pauses_tasks_and_loses_none(
    loop: asyncio.AbstractEventLoop,
) -> None:
    seen: list[str] = []

    async def other() -> None:
        seen.append("other")

    async def nested() -> None:
        task = loop.create_task(other())
        inner = QEventLoop()
        QTimer.singleShot(20, inner.quit)
        inner.exec()
        seen.append("nested")
        await task

    loop.run_until_complete(nested())
    assert seen == ["nested", "other"]


def test_tasks_go_on_in_a_nested_loop_that_qt_opened(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[str] = []

    def as_a_menu_does() -> None:
        inner = QEventLoop()
        QTimer.singleShot(30, inner.quit)
        inner.exec()
        seen.append("menu closed")

    async def work() -> None:
        QTimer.singleShot(0, as_a_menu_does)
        await asyncio.sleep(0.01)
        seen.append("worked")
        await asyncio.sleep(0.05)

    loop.run_until_complete(work())
    assert seen == ["worked", "menu closed"]


def test_an_abandoned_async_generator_is_finalised(loop: asyncio.AbstractEventLoop) -> None:
    closed: list[bool] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def take_one() -> None:
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0.01)

    loop.run_until_complete(take_one())
    assert closed == [True]


def test_debug_mode_refuses_coroutines_and_foreign_threads(
    loop: asyncio.AbstractEventLoop,
) -> None:
    async def step() -> None: ...

    async def ask() -> BaseException | None:
        with pytest.raises(TypeError, match="plain function"):
            loop.call_soon(step)
        try:
            await asyncio.to_thread(loop.call_soon, print)
        except RuntimeError as error:
            return error
        return None

    loop.set_debug(True)
    refused = loop.run_until_complete(ask())
    assert "call_soon_threadsafe" in str(refused)


@pytest.mark.expected_logs(r"Executing .*_block.* took 0\.0\d\d seconds")
def test_debug_mode_names_the_slow_callback(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    loop.call_soon(_block, 0.02)
    loop.call_later(0.03, loop.stop)
    loop.run_forever()


def test_a_closed_loop_refuses_work_and_is_freed(qapp: QApplication) -> None:
    made = make_loop(qapp)
    made.run_until_complete(asyncio.sleep(0.001))
    made.close()
    made.close()
    with pytest.raises(RuntimeError, match="closed"):
        made.call_soon(print)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_a_running_loop_refuses_to_run_again(loop: asyncio.AbstractEventLoop) -> None:
    async def again() -> str:
        with pytest.raises(RuntimeError, match="running already"):
            loop.run_forever()
        await asyncio.sleep(0)
        return "still running"

    assert loop.run_until_complete(again()) == "still running"


def test_runner_timeout_and_task_group_work(qapp: QApplication) -> None:
    async def main() -> int:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0.001, n)) for n in range(10)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await asyncio.sleep(5)
        return sum(task.result() for task in tasks)

    with asyncio.Runner(loop_factory=lambda: make_loop(qapp)) as runner:
        assert runner.run(main()) == 45


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill with a signal")
def test_a_signal_reaches_an_idle_loop(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        seen.append(number)
        loop.stop()

    install_signal_handlers(loop, end)
    killer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGTERM))
    killer.start()
    loop.run_forever()
    killer.join()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.remove_signal_handler(number)
    assert seen == [signal.SIGTERM]


class _Knot:
    def __init__(self) -> None:
        self.me = self


def test_garbage_is_collected_by_the_gui_timer_only(qtbot: QtBot, qapp: QApplication) -> None:
    collector = collect_garbage_on_gui_thread(qapp)
    try:
        assert not gc.isenabled()
        gone = weakref.ref(_Knot())
        kept: list[list[int]] = [[] for _ in range(gc.get_threshold()[0] + 100)]
        assert gone() is not None
        qtbot.waitUntil(lambda: gone() is None, timeout=5_000)
    finally:
        collector.stop()
    assert gc.isenabled()
    assert kept


def test_nothing_is_collected_while_the_counters_are_low(qapp: QApplication) -> None:
    collector = collect_garbage_on_gui_thread(qapp)
    try:
        gc.collect()
        assert collector.check() == -1
    finally:
        collector.stop()
