"""Rows of frames: what is counted in them, wherever tokens and tasks come and go."""

from __future__ import annotations

from msgspec.structs import replace

from engine.ids import Path
from engine.model.plan import PlanNode
from engine.runtime.area import Area
from engine.state.run_state import FrameState


def keep(work: Area, name: str, row: FrameState) -> None:
    """Write a row, and look at the end of the commit whether the frame is empty."""
    work.frames.put(name, row)
    work.frames_touched[name] = None


def count(work: Area, node: PlanNode, path: Path, change: int) -> None:
    """Count the tokens and tasks in the frames that a node is in: so many more, or fewer."""
    for key in node.frames:
        name = work.plan.frames[key].row(path)
        row = work.frames.get(name)
        if row is not None:
            keep(work, name, replace(row, live=row.live + change))
