from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from designer.runs.reader import Reader
from designer.runs.tasks import TaskKeeper
from tests.designer.runs.window import until


@asynccontextmanager
async def _reader() -> AsyncGenerator[Reader]:
    keeper = TaskKeeper()
    yield Reader(keeper)
    await keeper.close()


async def test_only_the_newest_wish_for_a_slot_is_delivered(
    qloop: asyncio.AbstractEventLoop,
) -> None:
    gate = threading.Event()
    read: list[int] = []
    shown: list[int] = []

    def slow(number: int) -> int:
        gate.wait(5)
        read.append(number)
        return number

    async with _reader() as reader:
        for number in range(100):
            reader.read("view", slow, number, then=shown.append)
        gate.set()
        await until(lambda: shown)
        await until(lambda: not reader.is_reading("view"))
    assert shown == [99]
    assert read == [0, 99]  # what was under way when the others came, and the last


async def test_slots_do_not_wait_for_each_other(qloop: asyncio.AbstractEventLoop) -> None:
    gate = threading.Event()
    shown: list[str] = []
    async with _reader() as reader:
        reader.read("slow", gate.wait, 5, then=lambda _: shown.append("slow"))
        reader.read("quick", lambda: None, then=lambda _: shown.append("quick"))
        await until(lambda: shown)
        gate.set()
        await until(lambda: len(shown) == 2)
    assert shown == ["quick", "slow"]


async def test_a_forgotten_read_is_not_delivered(qloop: asyncio.AbstractEventLoop) -> None:
    gate = threading.Event()
    shown: list[object] = []
    async with _reader() as reader:
        reader.read("view", gate.wait, 5, then=shown.append)
        reader.forget("view")
        gate.set()
        reader.read("other", lambda: 1, then=shown.append)
        await until(lambda: shown)
        assert not reader.is_reading("view")
    assert shown == [1]


async def test_a_failed_read_does_not_block_its_slot(qloop: asyncio.AbstractEventLoop) -> None:
    from designer.runs.rows import EngineError

    def fail() -> int:
        raise EngineError("There is no such run.")

    shown: list[int] = []
    async with _reader() as reader:
        reader.read("view", fail, then=shown.append)
        await until(lambda: not reader.is_reading("view"))
        reader.read("view", lambda: 7, then=shown.append)
        await until(lambda: shown)
    assert shown == [7]
