"""What stands in the title of frames that do something: badges, and how they stand in a run."""

from __future__ import annotations

from collections.abc import Mapping

from designer.canvas.visuals import FrameWords
from designer.widgets.format import format_duration
from engine.model.workflow import FrameBehaviour, Workflow
from engine.run_view import FrameView, RunView

#: A run that nothing goes on in.
_OVER = ("completed", "failed", "cancelled")


def words_of_frames(workflow: Workflow, run: RunView | None) -> Mapping[str, FrameWords]:
    """Return the words of the frames that do something, by id."""
    if not workflow.frames:
        return {}
    over = run is not None and run.status in _OVER
    caught = {
        str(node.params.get("frame", ""))
        for node in workflow.nodes.values()
        if node.type == "frame.error" and not node.disabled
    }
    return {
        key: FrameWords(
            badges(each, caught=key in caught),
            *live(run.frames.get(key) if run else None, over=over),
        )
        for key, each in workflow.frames.items()
    }


def badges(frame: FrameBehaviour, *, caught: bool) -> tuple[str, ...]:
    """Return what a frame does, each in a word or two."""
    found: list[str] = []
    if frame.retry is not None:
        found.append(f"retry \u00d7{frame.retry.attempts}")
    if frame.timeout_s is not None:
        time = frame.timeout_s
        found.append(f"within {format_duration(time) if time >= 60 else f'{time:g} s'}")
    if frame.lock is not None:
        most = f" \u00d7{frame.lock.permits}" if frame.lock.permits > 1 else ""
        found.append(f"lock {frame.lock.name}{most}")
    if frame.one_at_a_time:
        found.append("one at a time")
    found += [f"{meter} \u2264 {amount:g}" for meter, amount in frame.meters.items()]
    if caught:
        found.append("on error")
    return tuple(found)


def live(view: FrameView | None, *, over: bool = False) -> tuple[str, str]:
    """Return how a frame stands in a run, and the colour of that; `over`: the run has ended."""
    if view is None:
        return "", "muted"
    if view.open and over and not view.failed:
        return "not finished", "muted"
    if view.open and not over:
        parts = [f"{view.open} open"] if view.open > 1 else []
        if view.attempt > 1:
            parts.append(f"attempt {view.attempt} of {view.of}")
        return ", ".join(parts) or "at work", "running"
    for count, word, role in (
        (view.failed, "failed", "failed"),
        (view.cancelled, "cancelled", "muted"),
        (view.done, "done", "ok"),
    ):
        if count:
            again = f", attempt {view.attempt}" if word == "done" and view.attempt > 1 else ""
            return (f"{count} {word}" if count > 1 else word) + again, role
    return "", "muted"
