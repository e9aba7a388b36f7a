"""Who may start in frames that have a lock, or let one task run at a time (patterns 17, 39, 40).

All of it is decided in the pure commit, in the order in which frames were entered and tasks
were made, so that it is the same in a replay and after a crash. A task that has to wait is
parked: it holds no place among those that run.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from engine.events import TaskReady, WaitEnded, WaitOpened
from engine.model.framing import PlanFrame
from engine.model.plan import PlanNode
from engine.model.workflow import FrameLock
from engine.runtime.area import Area
from engine.runtime.rounds import within
from engine.state.run_state import FrameState, ParkedWait, Task

#: Why a task that may not start yet is parked.
LOCK, TURN = "lock", "turn"


def park(work: Area, task: Task, kind: str, text: str, *, due_at: float | None = None) -> None:
    """Let a task wait that has not been started."""
    wait = ParkedWait(
        task=task.id, kind=kind, opened_at=work.at, due_at=due_at, text=text, error=text
    )
    work.waits.put(task.id, wait)
    opened = WaitOpened(
        task=task.id,
        node=task.node,
        kind=kind,
        due_at=due_at,
        text=text,
        path=task.path,
        visit=task.visit,
    )
    work.events.append(opened)


def ask(work: Area, row: FrameState, lock: FrameLock) -> FrameState:
    """Return the row of a frame that was entered: with its lock, if that is free."""
    work.order += 1
    others = [other for _, frame, other in _rows(work) if _is_of(frame, lock.name)]
    free = len(others) < lock.permits  # who waits counts too: nobody goes before others
    return replace(row, asked=work.order, locked=free)


def has_turn(work: Area, target: PlanNode, task: Task) -> bool:
    """Return whether a task may start; else it is parked."""
    for key in target.frames:
        frame = work.plan.frames[key]
        row = work.frames.get(frame.row(task.path))
        if frame.does.lock is not None and row is not None and not row.locked:
            text = f"{frame.title} waits for the lock {frame.does.lock.name}"
            park(work, task, LOCK, text)
            return False
    for key in target.frames:
        frame = work.plan.frames[key]
        if frame.does.one_at_a_time and any(
            _goes_before(work, other, task) for other in _tasks(work, frame)
        ):
            park(work, task, TURN, f"one at a time in {frame.title}")
            return False
    return True


def as_ready_now(work: Area, task: Task) -> Task:
    """Return a task that may start: it sees the state as it is after this commit."""
    node = work.plan.nodes[task.node]
    return replace(
        task,
        ready_at=work.commit,
        now=work.at,
        pinned={},
        versions=work.versions_of(node) if node.gated else {},
    )


def give(work: Area) -> None:
    """Give locks and turns that are free now to those who have waited longest."""
    for name, frame, row in _rows(work):
        lock = frame.does.lock
        if lock is None or row.locked:
            continue
        held = sum(other.locked for _, f, other in _rows(work) if _is_of(f, lock.name))
        if held < lock.permits:
            work.frames.put(name, replace(row, locked=True))
            for task in list(_tasks(work, frame)):
                if within(task.path, row.path) and _kind(work, task) == LOCK:
                    _go_on(work, task, f"it has the lock {lock.name}")
    for frame in work.plan.frames.values():
        if not frame.does.one_at_a_time:
            continue
        for task in list(_tasks(work, frame)):
            if _kind(work, task) == TURN:
                _go_on(work, task, "it is its turn")


def deadlock(work: Area) -> tuple[str, str] | None:
    """Return (row, in words) of the frame that waits shortest among those that wait for ever."""
    waiting = [each for each in _rows(work) if each[1].does.lock and not each[2].locked]
    if not waiting:
        return None
    moving: set[str] = set()
    while True:
        more = {
            name
            for name, frame, _ in waiting
            if name not in moving
            and any(_moves(work, each, moving) for each in _holders(work, frame))
        }
        if not more:
            break
        moving |= more
    stuck = [each for each in waiting if each[0] not in moving]
    if not stuck:
        return None
    parts: list[str] = []
    for _, frame, _ in stuck:
        holders = " and ".join(dict.fromkeys(each[1].title for each in _holders(work, frame)))
        name = frame.does.lock.name if frame.does.lock else ""
        parts.append(f"{frame.title} waits for the lock {name}, which {holders} has")
    return stuck[-1][0], "; ".join(parts)


def _moves(work: Area, held: tuple[str, PlanFrame, FrameState], moving: set[str]) -> bool:
    """Whether a frame that has its lock can be left: all that waits in it will go on."""
    _, frame, row = held
    for task in _tasks(work, frame):
        if not within(task.path, row.path) or _kind(work, task) != LOCK:
            continue
        names = [work.plan.frames[key].row(task.path) for key in work.plan.nodes[task.node].frames]
        rows = [(name, work.frames.get(name)) for name in names]
        if any(
            name not in moving and known is not None and known.asked and not known.locked
            for name, known in rows
        ):
            return False
    return True


def _holders(work: Area, frame: PlanFrame) -> list[tuple[str, PlanFrame, FrameState]]:
    name = frame.does.lock.name if frame.does.lock is not None else ""
    return [each for each in _rows(work) if each[2].locked and _is_of(each[1], name)]


def _rows(work: Area) -> list[tuple[str, PlanFrame, FrameState]]:
    """Return the frames that have a lock or wait for one, in the order of asking."""
    rows = {**work.state.frames, **work.frames.changes}
    found = [
        (name, work.plan.frames[name.partition("@")[0]], row)
        for name, row in rows.items()
        if row is not None and row.asked
    ]
    return sorted(found, key=lambda each: each[2].asked)


def _is_of(frame: PlanFrame, lock: str) -> bool:
    return frame.does.lock is not None and frame.does.lock.name == lock


def _tasks(work: Area, frame: PlanFrame) -> Iterator[Task]:
    """Yield the tasks of the members of a frame, in all scopes, in the order of creation."""
    tasks = {**work.state.tasks, **work.tasks.changes}
    found = [task for task in tasks.values() if task is not None and task.node in frame.members]
    yield from sorted(found, key=lambda task: task.order)


def _kind(work: Area, task: Task) -> str:
    wait = work.waits.get(task.id)
    return wait.kind if wait is not None else ""


def _goes_before(work: Area, other: Task, task: Task) -> bool:
    """Whether a task is at work, or has waited longer for its turn."""
    kind = _kind(work, other)
    if other.id == task.id or kind == LOCK:
        return False
    return kind != TURN or other.order < task.order


def _go_on(work: Area, task: Task, reason: str) -> None:
    """Start a task that has waited for its turn, unless it has to wait for something else."""
    node = work.plan.nodes[task.node]
    wait = work.waits.get(task.id)
    kind = wait.kind if wait is not None else ""
    place = len(work.events)
    work.waits.drop(task.id)
    if not has_turn(work, node, task):
        again = work.waits.get(task.id)
        if again is not None and wait is not None and again.kind == kind:
            work.waits.put(task.id, wait)  # as before: nothing has happened
            del work.events[place:]
            return
    else:
        task = as_ready_now(work, task)
        work.tasks.put(task.id, task)
        if work.budget is None or not node.metered or work.budget.start(node, task):
            work.ready.append(TaskReady(task.id, task.node, task.path, task.visit))
    work.events.insert(place, WaitEnded(task=task.id, node=task.node, kind=kind, reason=reason))
