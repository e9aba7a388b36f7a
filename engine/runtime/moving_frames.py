"""Frames when a run goes on with an edited document."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from engine.ids import NodeKey, Path
from engine.model.framing import BEGINS
from engine.model.plan import Plan
from engine.runtime.frames import timer_of
from engine.runtime.moving_names import Names
from engine.state.run_state import FrameState, JoinTimer, RunState, Token

#: (frame, node, why) of what has no place any more.
Lost = list[tuple[str, NodeKey, str]]


def move_frames(plan: Plan, before: RunState, names: Names) -> tuple[dict[str, FrameState], Lost]:
    """Return the rows of frames in the names of now, and what is lost.

    Args:
        plan: the one that the run goes on with.
        before: the state of the run until now.
        names: of nodes, wires and scopes.
    """
    found: dict[str, FrameState] = {}
    lost: Lost = []
    for name, row in before.frames.items():
        frame = plan.frames.get(name.partition("@")[0])
        path = names.path(row.path)
        if frame is None or path is None or len(path) != frame.depth:
            lost.append((name, "", "the frame does nothing any more"))
            lost += [(name, "", _kept_back(token)) for token in row.held if token.value]
            continue
        held, entered = _tokens(row.held, names), _tokens(row.entered, names)
        if len(held) < len(row.held):
            lost.append((name, "", "a wire that leads out of it is gone"))
        found[frame.row(path)] = replace(
            row,
            path=path,
            held=held if frame.holds else (),
            entered=entered,
            seen=tuple(way for each in row.seen if (way := _way(each, names))),
            left=tuple(way for each in row.left if (way := _way(each, names))),
            base=_visits(row.base, names),
            shift=_visits(row.shift, names),
        )
    return found, lost


def _kept_back(token: Token) -> str:
    return f"what it kept back for {token.edge} is gone with it"


def _tokens(tokens: tuple[Token, ...], names: Names) -> tuple[Token, ...]:
    moved: list[Token] = []
    for token in tokens:
        path = names.path(token.path)
        way = _way(token.edge, names)
        if path is not None and way:
            moved.append(Token(way, path, token.value, token.skip))
    return tuple(moved)


def _way(way: str, names: Names) -> str:
    if way.startswith(BEGINS):
        key = names.keys.get(way[len(BEGINS) :])
        return f"{BEGINS}{key}" if key else ""
    edge = names.edge(way)
    return edge.id if edge is not None else ""


def _visits(table: dict[str, int], names: Names) -> dict[str, int]:
    moved = {names.row(key): count for key, count in table.items()}
    return {key: count for key, count in moved.items() if key is not None}


def count_frames(plan: Plan, state: RunState) -> None:
    """Count again what is in each frame; `frames.take_up` opens those that are new."""
    live: Counter[str] = Counter()
    paths: dict[str, Path] = {}
    places = [(plan.nodes[task.node], task.path) for task in state.tasks.values()]
    places += [
        (plan.nodes[plan.edges[token.edge].target], token.path)
        for queue in state.arrivals.values()
        for token in queue
        if token.value is not None
    ]
    for node, path in places:
        for key in node.frames:
            frame = plan.frames[key]
            live[frame.row(path)] += 1
            paths[frame.row(path)] = path[: frame.depth]
    for name in {**state.frames, **live}:
        row = state.frames.get(name) or FrameState(paths[name])
        frame = plan.frames[name.partition("@")[0]]
        state.frames[name] = replace(row, live=live[name])
        if frame.does.timeout_s is not None and row.opened_at:
            due = row.opened_at + frame.does.timeout_s
            state.timers[timer_of(name)] = JoinTimer(frame.key, "", row.path, due)
