from __future__ import annotations

from designer.panels.checkpoints_layout import TimelineLayout, width_of
from designer.runs.timeline import Lane, Tick


def _lane(run: str, times: list[float], **more: object) -> Lane:
    ticks = [Tick(number, at) for number, at in enumerate(times)]
    return Lane(run, ticks=ticks, **more)  # type: ignore[arg-type] # fields by name


def test_a_night_of_waiting_does_not_flatten_the_seconds_of_work() -> None:
    assert width_of(0) == 1.0
    assert width_of(10) > width_of(1) > width_of(0.1)
    assert width_of(8 * 3600) <= 9 * width_of(0)


def test_a_fork_begins_where_it_left_its_parent() -> None:
    layout = TimelineLayout()
    parent = _lane("a", [0, 1, 2, 3])
    fork = _lane("b", [50, 51], parent="a", parent_commit=2)
    layout.update([parent, fork])
    places = layout.lane("b")
    assert places is not None
    assert places.joined
    assert places.start == layout.lanes[0].places[2]
    assert places.places[0] == places.start + 1.0


def test_a_fork_of_a_pruned_commit_hangs_on_nothing() -> None:
    layout = TimelineLayout()
    layout.update([_lane("a", [0, 1]), _lane("b", [5], parent="a", parent_commit=9)])
    assert not layout.lanes[1].joined


def test_the_nearest_tick_is_found_between_two() -> None:
    layout = TimelineLayout()
    layout.update([_lane("a", [0, 0, 0])])
    places = layout.lanes[0]
    found = [places.nearest(place) for place in (-5.0, 0.4, 0.6, 99.0)]
    assert [tick.number for tick in found if tick is not None] == [0, 0, 1, 2]


def test_added_ticks_leave_the_others_where_they_are() -> None:
    layout = TimelineLayout()
    lane = _lane("a", [0, 5, 6])
    layout.update([lane])
    before = list(layout.lanes[0].places)
    lane.ticks.append(Tick(3, 20.0, status="waiting"))
    layout.update([lane])
    assert layout.lanes[0].places[:3] == before
    assert len(layout.lanes[0].places) == 4
    assert layout.lanes[0].bands == [(0, 2, "running"), (3, 3, "waiting")]


def test_the_last_tick_may_change_its_colour() -> None:
    layout = TimelineLayout()
    lane = _lane("a", [0, 1, 2])
    layout.update([lane])
    lane.end("completed")
    layout.update([lane])
    assert layout.lanes[0].bands == [(0, 1, "running"), (2, 2, "completed")]
