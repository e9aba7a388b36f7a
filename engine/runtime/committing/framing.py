"""What a commit does about frames: again, on another way, or withdrawn because a node asks."""

from __future__ import annotations

from typing import Any

import msgspec

from engine import events as ev
from engine.events import ErrorInfo
from engine.ids import Path
from engine.model.framing import PlanFrame
from engine.model.plan import PlanNode
from engine.runtime import failures, frames
from engine.runtime.committing.work import Work
from engine.runtime.rounds import one_line
from engine.state.run_state import FrameState, Task

Json = Any


def attempt_of(work: Work, name: str) -> int:
    """Return the attempt that a frame is at."""
    row = work.transition.frames.get(name)
    return row.attempt if row is not None else 1


def verdict_of_whole(
    work: Work, frame: PlanFrame, path: Path, error: ErrorInfo
) -> failures.Verdict:
    """Return what takes the failure of a whole frame: its node, or what is around."""
    if frame.catch:
        return failures.Verdict(kind="frame", zone=frame.key)
    return failures.boundary(
        work.plan,
        error,
        frame.around,
        path,
        at=work.at,
        seed=work.facts.seed,
        attempt_of=lambda name: attempt_of(work, name),
    )


def handle(
    work: Work,
    error: ErrorInfo,
    verdict: failures.Verdict,
    path: Path,
    *,
    failed: Task | None = None,
) -> None:
    """Let a frame do about a failure in it what it is there for.

    Args:
        work: the working area.
        error: the failure.
        verdict: which frame, and what.
        path: where it happened.
        failed: the task that has failed, if it is one.
    """
    transition = work.transition
    frame = work.plan.frames[verdict.zone]
    path = path[: frame.depth]
    row = transition.frames.get(frame.row(path)) or FrameState(path)
    if failed is not None:
        transition.finish(failed)
    ended = frames.withdraw(transition, frame, path, f"something in {frame.title} failed")
    if verdict.kind == "frame_retry" and frame.does.retry is not None:
        transition.events.append(
            ev.FrameRetried(
                frame=frame.key,
                path=path,
                error=error,
                attempt=row.attempt,
                of=frame.does.retry.attempts,
                due_at=verdict.due_at,
                tasks=ended,
            )
        )
        frames.give_again(transition, frame, row, verdict.due_at)
        return
    transition.events.append(
        ev.FrameFailed(frame=frame.key, path=path, error=error, node=frame.catch, tasks=ended)
    )
    frames.leave_over(transition, frame, row, failed=True)
    name = f"{frame.row(path)}.{row.attempt}.{work.state.commit + 1}.error"
    transition.values[name] = as_value(error)
    transition.create(work.plan.nodes[frame.catch], path, {"in": (("", name),)})


def cancel(work: Work, node: PlanNode, task: Task) -> None:
    """End everything in a frame because a node asks for it."""
    transition = work.transition
    frame = work.plan.frames.get(str(node.node.params.get("frame", "")))
    if frame is None:
        return
    rows = {**work.state.frames, **transition.frames.changes}
    found = [
        row
        for name, row in sorted(rows.items())
        if row is not None
        and name.partition("@")[0] == frame.key
        and row.opened_at is not None
        and one_line(row.path, task.path)
    ]
    for row in found:
        ended = frames.withdraw(transition, frame, row.path, f"{node.node.title or node.key} asked")
        cancelled = ev.FrameCancelled(
            frame=frame.key, path=row.path, task=task.id, node=task.node, tasks=ended
        )
        transition.events.append(cancelled)
        frames.leave_over(transition, frame, row, failed=False)
    if not found:
        text = f"there was nothing in {frame.title} to cancel"
        transition.events.append(ev.Warned(node=node.key, message=text))


def as_value(error: ErrorInfo) -> dict[str, Json]:
    """Return a failure as the JSON that nodes and channels get."""
    value: dict[str, Json] = msgspec.to_builtins(error)
    return value
