"""What a frame does for the nodes in it, as rows of the inspector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from designer.panels.inspector_attributes import (
    Attribute,
    flag,
    seconds,
    spec,
    text,
    texts,
    unless,
    whole,
)
from designer.panels.inspector_behaviour import retry_attributes
from designer.panels.inspector_spec import UNSET, FieldKind
from engine.model.workflow import FrameBehaviour, FrameLock, RetryPolicy

Json = Any


def behaviour_attributes(standing: Callable[[], tuple[str, ...]]) -> list[Attribute]:
    """Return the rows.

    Args:
        standing: the nodes that stand on the frame, which become its members at first.
    """

    def begin(frame: FrameBehaviour, value: Json) -> FrameBehaviour:
        if value is not True:
            return FrameBehaviour()
        members = frame.nodes or standing()
        if not members:
            raise ValueError("Put nodes on the frame first.")
        return replace(frame, nodes=members)

    return [
        Attribute(
            spec=spec("does", "Does something for the nodes on it", FieldKind.SWITCH,
                      "All of them together: done again, ended in time, one after the other.",
                      default=False),
            path="does",
            read=lambda frame: True if frame.nodes else UNSET,
            write=begin,
        ),
        _when_on(
            spec("nodes", "Members", FieldKind.LIST,
                 "Their keys. Nodes that are moved onto the frame, or off it, follow.",
                 item=spec("", "", FieldKind.TEXT)),
            "nodes",
            lambda frame: list(frame.nodes),
            lambda frame, value: replace(frame, nodes=tuple(sorted(set(texts(value))))),
        ),
        _when_on(
            spec("retry", "Do all of it again after a failure", FieldKind.SWITCH, default=False),
            "retry",
            lambda frame: UNSET if frame.retry is None else True,
            lambda frame, value: replace(
                frame, retry=(frame.retry or RetryPolicy()) if value is True else None
            ),
        ),
        *retry_attributes(),
        _when_on(
            spec("timeout_s", "Time limit from entering to leaving", FieldKind.DURATION,
                 unit="s", placeholder="none"),
            "timeout_s",
            lambda frame: unless(frame.timeout_s, None),
            lambda frame, value: replace(frame, timeout_s=seconds(None)(value)),
        ),
        _when_on(
            spec("one_at_a_time", "One task at a time", FieldKind.SWITCH,
                 "In all items and rounds; waiting counts.", default=False),
            "one_at_a_time",
            lambda frame: unless(frame.one_at_a_time, False),
            lambda frame, value: replace(frame, one_at_a_time=flag(False)(value)),
        ),
        _when_on(
            spec("lock", "Lock", FieldKind.TEXT,
                 "Frames with the same lock are open one after the other.", placeholder="none"),
            "lock.name",
            lambda frame: UNSET if frame.lock is None else frame.lock.name,
            _with_lock,
        ),
        Attribute(
            spec=spec("permits", "So many with the lock at once", FieldKind.NUMBER,
                      default=1, whole=True, lowest=1),
            path="lock.permits",
            read=lambda frame: UNSET if frame.lock is None else unless(frame.lock.permits, 1),
            write=lambda frame, value: replace(
                frame, lock=replace(frame.lock, permits=whole(1, 1)(value)) if frame.lock else None
            ),
            shown=lambda frame: frame.lock is not None,
        ),
        _when_on(
            spec("meters", "Budgets of its members together", FieldKind.MAPPING,
                 "What they may use of a budget of the workflow in one run.",
                 item=spec("", "", FieldKind.NUMBER, lowest=0)),
            "meters",
            lambda frame: dict(frame.meters) or UNSET,
            lambda frame, value: replace(frame, meters=_amounts(value)),
        ),
    ]  # fmt: skip


def _when_on(
    field: Any,
    path: str,
    read: Callable[[FrameBehaviour], Json],
    write: Callable[[FrameBehaviour, Json], FrameBehaviour],
) -> Attribute:
    return Attribute(
        spec=field, path=path, read=read, write=write, shown=lambda frame: bool(frame.nodes)
    )


def _with_lock(frame: FrameBehaviour, value: Json) -> FrameBehaviour:
    name = text(value)
    if not name:
        return replace(frame, lock=None)
    return replace(frame, lock=replace(frame.lock or FrameLock(name=name), name=name))


def _amounts(value: Json) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {
        name: float(each)
        for name, each in sorted(value.items())
        if name and isinstance(each, int | float) and not isinstance(each, bool)
    }
