"""One table says what a run may become (U62)."""

from __future__ import annotations

import pytest

from engine.errors import EngineBug
from engine.runtime.facts import Step
from engine.state.run_state import Delta
from engine.state.status import ENDED, TRANSITIONS, RunStatus, can_become
from tests.engine.flows import Bench, flow


def test_what_is_over_stays_so_and_a_cancel_is_never_taken_back() -> None:
    assert TRANSITIONS[RunStatus.COMPLETED] == frozenset()
    assert TRANSITIONS[RunStatus.CANCELLING] == {RunStatus.CANCELLED}
    for ended in ENDED:
        assert not [new for new in ENDED - {ended} if can_become(ended, new)]
    assert all(can_become(status, status) for status in RunStatus)
    assert not any(can_become(status, RunStatus.CREATED) for status in RunStatus if status.value
                   != "created")  # fmt: skip


@pytest.mark.parametrize("status", [RunStatus.CREATED, RunStatus.RUNNING, RunStatus.FAILED])
async def test_no_commit_is_written_that_the_table_does_not_allow(status: RunStatus) -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(flow({"a": "plus", "z": "end"}, "a > z"), 1)
        await handle.leg()
        before = len(bench.engine.events(handle.run))
        with pytest.raises(EngineBug, match=f"is completed and cannot become {status}"):
            handle._loop._recorder.write(Step(delta=Delta(status=status), events=[]), 0.0)
        assert len(bench.engine.events(handle.run)) == before
        assert handle.status is RunStatus.COMPLETED
