"""Frames: what enters and leaves one, when it is empty, and how all of it is taken back.

A frame has a row in the state for each scope in which something is in it, from the first token
of a round that comes to its border. Tokens and tasks in it are counted as those of loops are;
when none is left the frame is closed, and what it has held back goes on. Functions over the
working area of one commit; none of them is called in workflows whose frames do nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from engine.events import FrameClosed, FrameOpened
from engine.ids import NodeKey, Path, scope_key
from engine.model.framing import BEGINS, PlanFrame
from engine.model.plan import PlanEdge, PlanNode
from engine.runtime import cycles, permits
from engine.runtime.area import Area
from engine.runtime.framed import keep
from engine.runtime.rounds import within
from engine.state.run_state import FrameState, JoinTimer, Task, Token, ValueRef


def timer_of(name: str) -> str:
    """Return the name of the timer of a frame; no task and no join has one like it."""
    return f"[{name}]"


# --- the border -----------------------------------------------------------------------------


def enter(work: Area, edge: PlanEdge, token: Token, *, after: str = "") -> bool:
    """Let a token in; return False when a frame takes nothing more in this round.

    Args:
        work: the working area.
        edge: the wire that leads in.
        token: what comes along it.
        after: the frame that gives the token again, and those around it, know of it already.
    """
    names = edge.enters
    if after in names:
        names = names[names.index(after) + 1 :]
    for key in names:
        frame = work.plan.frames[key]
        if not _enter(work, frame, token, "" if edge.back else edge.id):
            return False
    return True


def begin_in(work: Area, node: PlanNode, ref: ValueRef | None) -> None:
    """A run begins at a member of frames, or (without a value) does not."""
    token = Token(f"{BEGINS}{node.key}", (), ref, skip=ref is None)
    for key in reversed(node.frames):
        _enter(work, work.plan.frames[key], token, token.edge)


def _enter(work: Area, frame: PlanFrame, token: Token, way: str) -> bool:
    name = frame.row(token.path)
    row = work.frames.get(name) or FrameState(token.path[: frame.depth])
    if way and way not in row.seen:
        row = replace(row, seen=(*row.seen, way))
    if not row.over:
        if token.value is not None and row.opened_at is None:
            row = _open(work, frame, name, row)
        if frame.does.retry is not None:
            row = replace(row, entered=(*row.entered, token))
    keep(work, name, row)
    return not row.over


def take_up(work: Area) -> None:
    """Go on in another document: what lies in a frame now has entered it."""
    for name, known in work.state.frames.items():
        row = known
        frame = work.plan.frames[name.partition("@")[0]]
        if row.opened_at is None and row.live:
            row = _open(work, frame, name, row)
        elif row.opened_at is not None:
            due = row.opened_at + frame.does.timeout_s if frame.does.timeout_s else None
            opened = FrameOpened(frame=frame.key, path=row.path, due_at=due, attempt=row.attempt)
            work.events.append(opened)
        keep(work, name, row)


def _open(work: Area, frame: PlanFrame, name: str, row: FrameState) -> FrameState:
    due: float | None = None
    if frame.does.timeout_s is not None:
        due = work.at + frame.does.timeout_s
        work.timers.put(timer_of(name), JoinTimer(frame.key, "", row.path, due))
    work.events.append(FrameOpened(frame=frame.key, path=row.path, due_at=due))
    base = _visits(work, frame, row.path) if frame.does.retry is not None else {}
    row = replace(row, opened_at=work.at, base=base)
    return permits.ask(work, row, frame.does.lock) if frame.does.lock is not None else row


def hold(work: Area, edge: PlanEdge, token: Token, *, after: str = "") -> bool:
    """Keep back what leaves a frame that may still be taken back; return whether it is kept."""
    names = edge.quits
    if after in names:
        names = names[names.index(after) + 1 :]
    for key in names:
        frame = work.plan.frames[key]
        name = frame.row(token.path)
        row = work.frames.get(name)
        if row is None:
            continue
        if frame.holds and row.opened_at is not None:
            if token.value is not None and edge.leaves >= 0 and _is_inside(work, edge, frame):
                cycles.mark_exit(work, edge, token.path, taken=True)
            keep(work, name, replace(row, held=(*row.held, token)))
            return True
        if edge.id not in row.left:
            keep(work, name, replace(row, left=(*row.left, edge.id)))
    return False


def holds_first(work: Area, edge: PlanEdge, after: str) -> bool:
    """Return whether the next border that a wire crosses is that of a frame, not of a loop.

    What a loop has not taken is known when the loop is over.
    """
    names = edge.quits
    if after in names:
        names = names[names.index(after) + 1 :]
    if not names:
        return False
    return edge.leaves < 0 or not _is_inside(work, edge, work.plan.frames[names[0]])


def _is_inside(work: Area, edge: PlanEdge, frame: PlanFrame) -> bool:
    return work.plan.loops[edge.leaves].header in frame.members


# --- when nothing is in it any more ----------------------------------------------------------


def close_empty(work: Area) -> bool:
    """Close the frames that nothing is in any more, inner ones first.

    Returns:
        Whether something goes on now: then that comes first, as it may get to a frame around.
    """
    order = sorted(work.frames_touched, key=lambda name: _inner_first(work, name))
    for name in order:
        del work.frames_touched[name]
        row = work.frames.get(name)
        if row is not None and row.live <= 0 and _look(work, name, row):
            return True
    return False


def _inner_first(work: Area, name: str) -> tuple[int, int]:
    frame = work.plan.frames[name.partition("@")[0]]
    return -frame.depth, len(frame.members)


def _look(work: Area, name: str, row: FrameState) -> bool:
    """Close an empty frame, and end its round; return whether something goes on."""
    frame = work.plan.frames[name.partition("@")[0]]
    moved = row.opened_at is not None and _close(work, frame, name, row)
    row = work.frames.get(name) or row
    if frame.entries.issubset(row.seen):
        work.frames.drop(name)
        work.frames_touched.pop(name, None)
        if frame.catch and not row.failed:
            node = work.plan.nodes[frame.catch]
            work.skip(node, row.path, f"nothing failed in {frame.title}")
            return True
    return moved


def _close(work: Area, frame: PlanFrame, name: str, row: FrameState) -> bool:
    """Let what a frame has held back go on; return whether there was something."""
    work.events.append(FrameClosed(frame=frame.key, path=row.path, attempt=row.attempt))
    if frame.does.timeout_s is not None:
        work.timers.drop(timer_of(name))
    gone = tuple(dict.fromkeys([*row.left, *(token.edge for token in row.held)]))
    keep(work, name, FrameState(row.path, seen=row.seen, left=gone, over=row.over))
    for token in row.held:
        edge = work.plan.edges[token.edge]
        if token.value is not None:
            work.send(edge, token.path, token.value, after=frame.key)
        elif edge.id not in row.left:
            work.rule_out(edge, token.path, after=frame.key)
    return bool(row.held)


# --- starting -------------------------------------------------------------------------------


def starts(work: Area, target: PlanNode, task: Task) -> bool:
    """Return whether a new task may start at once; else it is parked."""
    for key in target.frames:
        frame = work.plan.frames[key]
        row = work.frames.get(frame.row(task.path))
        if row is not None and row.resume_at > work.at:
            text = f"{frame.title} is tried again"
            permits.park(work, task, "retry", text, due_at=row.resume_at)
            return False
    return not work.plan.takes_turns or permits.has_turn(work, target, task)


def shift_of(work: Area, target: PlanNode, path: Path) -> int:
    """Return how many visits of a node its frames have taken back in a scope."""
    name = f"{target.key}@{scope_key(path)}"
    rows = [work.frames.get(work.plan.frames[key].row(path)) for key in target.frames]
    return sum(row.shift.get(name, 0) for row in rows if row is not None)


# --- taking back ----------------------------------------------------------------------------


def withdraw(work: Area, frame: PlanFrame, path: Path, reason: str) -> int:
    """End everything that is in a frame; return how many tasks that were.

    What is on its way into the frame stays on its way.
    """
    members = frame.members
    work.frames.drop(frame.row(path))  # who calls writes it anew

    def inside(key: NodeKey, where: Path) -> bool:
        return key in members and within(where, path)

    tasks = {**work.state.tasks, **work.tasks.changes}
    ended = [each for each in tasks.values() if each and inside(each.node, each.path)]
    for task in ended:
        work.end(task, reason)
    entering = [each for each in work.on_way if frame.key in each[0].enters]
    work.forget(inside)
    work.on_way.extend(each for each in entering if inside(each[0].target, each[1].path))
    work.clear_nodes(members, path)
    work.timers.drop(timer_of(frame.row(path)))
    return len(ended)


def give_again(work: Area, frame: PlanFrame, row: FrameState, due_at: float) -> None:
    """Give everything that had entered a frame once more, after taking back what came of it."""
    name = frame.row(row.path)
    now = _visits(work, frame, row.path)
    shift = {key: visits - row.base.get(key, 0) for key, visits in now.items()}
    work.frames.put(
        name,
        replace(row, live=0, attempt=row.attempt + 1, resume_at=due_at, held=(), shift=shift),
    )
    if frame.does.timeout_s is not None and row.opened_at is not None:
        due = row.opened_at + frame.does.timeout_s
        work.timers.put(timer_of(name), JoinTimer(frame.key, "", row.path, due))
    for token in row.entered:
        if token.edge.startswith(BEGINS):
            node = work.plan.nodes[token.edge[len(BEGINS) :]]
            if token.value is not None:
                work.create(node, token.path, {"in": (("", token.value),)})
        else:
            work.deliver(work.plan.edges[token.edge], token, after=frame.key)
    work.frames_touched[name] = None


def leave_over(work: Area, frame: PlanFrame, row: FrameState, *, failed: bool) -> None:
    """End a frame for this round: every way out that has not been taken is ruled out."""
    name = frame.row(row.path)
    over = FrameState(row.path, seen=row.seen, left=row.left, over=True, failed=failed)
    keep(work, name, over)
    gone = {edge.id for edge, token in work.on_way if token.path == row.path}
    for key in frame.exits:
        if key not in row.left and key not in gone:
            work.rule_out(work.plan.edges[key], row.path, after=frame.key)


def forget(work: Area, nodes: frozenset[NodeKey], path: Path) -> None:
    """Remove the frames whose members are all cleared in a scope."""
    for frame in work.plan.frames.values():
        name = frame.row(path)
        if frame.depth != len(path) or not frame.members <= nodes:
            continue
        row = work.frames.get(name)
        if row is None:
            continue
        if row.opened_at is not None:
            work.events.append(
                FrameClosed(frame=frame.key, path=row.path, attempt=row.attempt, ended=True)
            )
        work.timers.drop(timer_of(name))
        work.frames.drop(name)


def _visits(work: Area, frame: PlanFrame, path: Path) -> dict[str, int]:
    """Return how often members have been visited in a scope and those inside it, if at all."""
    found: dict[str, int] = {}
    visits = {**work.state.visits, **work.visits}
    scope = scope_key(path)
    for name in frame.members:
        visited = visits.get(f"{name}@{scope}", 0)
        if visited:
            found[f"{name}@{scope}"] = visited
    if found:  # deeper scopes may have been there too
        begin = f"{scope}," if scope else ""
        for key, visited in visits.items():
            node, _, inner = key.partition("@")
            if node in frame.members and inner.startswith(begin) and inner != scope:
                found[key] = visited
    return found
