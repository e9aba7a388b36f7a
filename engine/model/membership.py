"""Which nodes stand on a frame, and how its members follow when nodes or frames are moved.

Members are named in the document; where nodes stand on the canvas decides nothing about a run.
A frame that gets a behaviour begins with the nodes on it, and later moves keep that up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from engine.model.change_types import SetFrameBehaviour
from engine.model.workflow import Frame, Position, Workflow

#: From the upper left corner of a node to the point that has to lie on the frame.
_MIDDLE = (96.0, 32.0)


def stands_on(frame: Frame, place: Position) -> bool:
    """Return whether a node at this place stands on a frame."""
    x, y = place.x + _MIDDLE[0], place.y + _MIDDLE[1]
    return frame.x <= x <= frame.x + frame.width and frame.y <= y <= frame.y + frame.height


def members_on(workflow: Workflow, frame: Frame) -> tuple[str, ...]:
    """Return the nodes that stand on a frame, by key."""
    places = workflow.view.positions
    return tuple(
        key for key in sorted(workflow.nodes) if key in places and stands_on(frame, places[key])
    )


def follow(
    workflow: Workflow,
    places: Mapping[str, Position | None] | None = None,
    frames: Iterable[Frame] = (),
) -> list[SetFrameBehaviour]:
    """Return what keeps the members of frames up when these nodes and frames are moved.

    A node that comes onto a frame becomes a member, one that leaves it is none any more; who
    was named as a member by hand and never stood on the frame stays one.

    Args:
        workflow: before the move.
        places: where the moved nodes are then.
        frames: the moved, or resized, frames as they are then.
    """
    boxes = {frame.id: frame for frame in workflow.view.frames}
    after = {**boxes, **{frame.id: frame for frame in frames}}
    known = workflow.view.positions
    then = {**known, **(places or {})}
    found: list[SetFrameBehaviour] = []
    for key, behaviour in workflow.frames.items():
        box, new = boxes.get(key), after.get(key)
        if new is None:
            continue
        members = set(behaviour.nodes)
        for node in then if box != new else places or ():
            if node not in workflow.nodes and node in known:
                continue
            old, place = known.get(node), then.get(node)
            was = box is not None and old is not None and stands_on(box, old)
            is_on = place is not None and stands_on(new, place)
            if is_on and not was:
                members.add(node)
            elif was and not is_on:
                members.discard(node)
        if members != set(behaviour.nodes):
            wanted = replace(behaviour, nodes=tuple(sorted(members)))
            found.append(SetFrameBehaviour(key, wanted))
    return found
