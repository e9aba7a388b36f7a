"""Where every commit of every lane lies on the timeline. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from designer.runs.timeline import Lane, Tick

#: The longest pause is drawn this many times as wide as the shortest step.
_MOST = 8.0


def width_of(seconds: float) -> float:
    """How wide a step is drawn, in units of the shortest one.

    A night of waiting must not flatten the second in which everything happened, so the width
    grows with the logarithm of the time.
    """
    return 1.0 + min(_MOST, math.log2(1.0 + max(0.0, seconds)))


@dataclass(slots=True)
class LanePlaces:
    """The places of a lane's ticks, in units from the left end of the timeline.

    Attributes:
        start: the place of the commit that the lane was forked from, 0.0 for the first run.
        joined: whether it hangs on its parent's lane.
    """

    lane: Lane
    row: int
    start: float = 0.0
    joined: bool = False
    places: list[float] = field(default_factory=list)
    #: Neighbours of one status as (first, last index, status), for drawing many ticks at once.
    bands: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def end(self) -> float:
        """The place of the last tick."""
        return self.places[-1] if self.places else self.start

    def nearest(self, place: float) -> Tick | None:
        """The tick that is nearest to `place`."""
        ticks = self.lane.ticks
        if not ticks:
            return None
        right = bisect_left(self.places, place)
        if right == 0:
            return ticks[0]
        if right == len(ticks):
            return ticks[-1]
        before, after = self.places[right - 1], self.places[right]
        return ticks[right - 1] if place - before < after - place else ticks[right]

    def between(self, left: float, right: float) -> range:
        """The indices of the ticks with ``left <= place <= right``."""
        return range(bisect_left(self.places, left), bisect_right(self.places, right))

    def band(self) -> None:
        """Bring `bands` up to date with the ticks; only the last known one can have changed."""
        ticks, bands = self.lane.ticks, self.bands
        if bands and bands[-1][1] < len(ticks):
            first, last, _ = bands.pop()
            done = first
            if last > first:
                bands.append((first, last - 1, ticks[first].status))
                done = last
        else:
            bands.clear()
            done = 0
        for index in range(done, len(ticks)):
            status = ticks[index].status
            if bands and bands[-1][2] == status:
                bands[-1] = (bands[-1][0], index, status)
            else:
                bands.append((index, index, status))


class TimelineLayout:
    """Places for the ticks of a family of lanes; added ticks cost only themselves."""

    def __init__(self) -> None:
        self.lanes: list[LanePlaces] = []
        self.span = 1.0

    def update(self, lanes: Sequence[Lane]) -> None:
        """Take in the lanes as they are now, parents before their forks."""
        known = {places.lane.run: places for places in self.lanes}
        by_run: dict[str, LanePlaces] = {}
        self.lanes = []
        for row, lane in enumerate(lanes):
            parent = by_run.get(lane.parent or "")
            start, joined = 0.0, False
            if parent is not None and lane.parent_commit is not None:
                found = parent.lane.index(lane.parent_commit)
                joined = 0 <= found < len(parent.places)
                start = parent.places[found] if joined else parent.end
            places = known.get(lane.run)
            if places is None or places.start != start or places.lane.ticks is not lane.ticks:
                places = LanePlaces(lane, row, start, joined)
            places.lane, places.row, places.joined = lane, row, joined
            self._extend(places)
            by_run[lane.run] = places
            self.lanes.append(places)
        self.span = max((places.end for places in self.lanes), default=0.0) or 1.0

    @staticmethod
    def _extend(places: LanePlaces) -> None:
        ticks = places.lane.ticks
        done = len(places.places)
        if done > len(ticks):
            places.places.clear()
            done = 0
        if not done and ticks:
            # The first commit of a fork stands a little to the right of where it began.
            places.places.append(places.start + (1.0 if places.joined else 0.0))
            done = 1
        place = places.end
        for index in range(done, len(ticks)):
            place += width_of(ticks[index].at - ticks[index - 1].at)
            places.places.append(place)
        places.band()

    def lane(self, run: str) -> LanePlaces | None:
        """The places of the lane of `run`."""
        return next((places for places in self.lanes if places.lane.run == run), None)
