from __future__ import annotations

from dataclasses import replace

from designer.runs.timeline import LANE_LIMIT, Lane, Tick, family
from engine.ids import RunId
from engine.runtime.ports import RunRecord
from tests.designer.runs.fake_engine import FakeEngine


def _record(run: str, parent: str | None = None, at: float = 0.0) -> RunRecord:
    base = FakeEngine().tell(run).record()
    return replace(base, parent=RunId(parent) if parent else None, parent_commit=1, started_at=at)


def _ticks(*numbers: int, status: str = "running") -> list[Tick]:
    return [Tick(number, float(number), status=status) for number in numbers]


def test_a_fork_shows_its_ancestors_and_their_other_forks() -> None:
    records = [
        _record("a"),
        _record("b", "a", 2),
        _record("c", "a", 1),
        _record("d", "b", 3),
        _record("other"),
    ]
    lanes = family(records, "d")
    assert [(lane.run, lane.depth) for lane in lanes] == [("a", 0), ("c", 1), ("b", 1), ("d", 2)]


def test_a_parent_that_was_deleted_leaves_its_fork_alone() -> None:
    assert [lane.run for lane in family([_record("b", "gone")], "b")] == ["b"]


def test_of_many_forks_the_shown_run_and_its_ancestors_stay() -> None:
    records = [_record("root"), *(_record(f"f{i}", "root", i) for i in range(100))]
    lanes = [lane.run for lane in family(records, "f0")]
    assert len(lanes) == LANE_LIMIT
    assert lanes[:2] == ["root", "f0"] and lanes[-1] == "f99"


def test_a_known_commit_is_replaced_and_a_gap_is_filled_in_order() -> None:
    lane = Lane("a")
    lane.merge(_ticks(0, 1))
    lane.merge(_ticks(4))
    lane.merge(_ticks(1, 2, 3, status="waiting"))
    assert [tick.number for tick in lane.ticks] == [0, 1, 2, 3, 4]
    assert lane.ticks[1].status == "waiting"


def test_a_commit_is_found_after_older_ones_were_pruned() -> None:
    lane = Lane("a", ticks=_ticks(50, 51, 53))
    assert lane.index(51) == 1 and lane.index(53) == 2
    assert lane.index(52) == -1 and lane.index(3) == -1


def test_how_a_run_stands_is_said_of_the_commit_after_which_it_stands_so() -> None:
    lane = Lane("a", ticks=_ticks(0))
    lane.end("waiting", 1)  # commit 1 has not been heard of yet
    assert lane.status == "waiting" and lane.ticks == _ticks(0)
    lane.merge(_ticks(1))
    lane.end("waiting", 1)
    assert [tick.status for tick in lane.ticks] == ["running", "waiting"]
