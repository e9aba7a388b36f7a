from __future__ import annotations

import asyncio

import pytest

from designer.runs.rows import EngineError
from designer.runs.tasks import TaskKeeper
from tests.designer.runs.window import Heard, until


async def _fail(error: Exception) -> None:
    raise error


async def test_an_error_of_the_engine_is_said_in_its_own_words(
    qloop: asyncio.AbstractEventLoop,
) -> None:
    keeper = TaskKeeper()
    heard = Heard(keeper.failed)
    keeper.spawn(_fail(EngineError("The store is locked; close the other program.")))
    await until(lambda: heard.calls)
    assert heard.calls == [("The store is locked; close the other program.",)]


@pytest.mark.expected_logs("Opening the run failed")
async def test_a_mistake_of_the_program_is_logged_and_said(
    qloop: asyncio.AbstractEventLoop,
) -> None:
    keeper = TaskKeeper()
    heard = Heard(keeper.failed)
    keeper.spawn(_fail(KeyError("x")), "Opening the run")
    await until(lambda: heard.calls)
    assert heard.calls[0][0].startswith("Opening the run did not work: KeyError")


async def test_closing_ends_what_still_runs_and_says_nothing(
    qloop: asyncio.AbstractEventLoop,
) -> None:
    keeper = TaskKeeper()
    heard = Heard(keeper.failed)
    task = keeper.task(asyncio.sleep(60))
    await keeper.close()
    assert task.cancelled() and keeper.is_idle
    assert not heard.calls
