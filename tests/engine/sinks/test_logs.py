"""Facts in the log: failures as warnings, the rest as information (U108)."""

from __future__ import annotations

import logging

import pytest

from engine.sinks.logs import LoggingSink
from tests.engine.flows import Bench, flow


async def test_a_run_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "headgate.events")
    async with Bench() as bench:
        bench.engine.add_sink(LoggingSink())
        await bench.run(flow({"start": "trigger.manual", "end": "end"}, "start > end"))
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "run run1 #1 RunStarted"
    assert told[-1].endswith("RunFinished")
    assert {record.levelname for record in caplog.records} == {"INFO"}


@pytest.mark.expected_logs("TaskFailed a: .*it broke", "RunFailed")
async def test_failures_are_warnings_and_errors(caplog: pytest.LogCaptureFixture) -> None:
    async with Bench() as bench:
        bench.engine.add_sink(LoggingSink())
        await bench.run(flow({"start": "trigger.manual", "a": "boom"}, "start > a"))
    levels = {
        record.getMessage().split()[3].strip(":"): record.levelname for record in caplog.records
    }
    assert (levels["TaskFailed"], levels["RunFailed"]) == ("WARNING", "ERROR")
