"""How a run looks: a fold over its events, and the one way any screen learns anything.

Live views, old commits, replays and tests all use `fold`. A view is a plain mutable
struct that its owner folds facts into; hand out `copy()` when somebody keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine import events as ev
from engine.ids import NodeKey, Path, RequestId, RunId, TaskId
from engine.packing import pack, unpack
from engine.stops import Breakpoint

Json = Any


class NodeView(msgspec.Struct, omit_defaults=True, gc=False):
    """One node of one run.

    Attributes:
        state: ``idle ready running waiting timer retry done recorded failed cancelled skipped``.
        text: words for the chip beyond the state: ``HTTP 503``, ``if = false``.
        done, failed, skipped: how many tasks ended so; `active`: tasks in the frontier,
            `busy`: those of them that run or wait for something.
        total: items of the innermost zone it is in, 0 outside.
        commit: the commit that admitted `last_task`, where its values are.
        ports: output ports that carried a value last time.
        child: the run that it started last. `works`: runs of its work in the background that
            have not ended; `works_failed`: those that have failed.
        cached: the run whose kept result it took last; empty where it ran.
        due_at: when the wait or retry ends. `fraction`: progress of the running task.
    """

    state: str = "idle"
    text: str = ""
    done: int = 0
    failed: int = 0
    skipped: int = 0
    active: int = 0
    busy: int = 0
    total: int = 0
    attempt: int = 1
    attempts: int = 1
    due_at: float | None = None
    request: RequestId | None = None
    started_at: float | None = None
    duration_s: float = 0.0
    fraction: float | None = None
    last_task: TaskId | None = None
    commit: int = -1
    ports: tuple[str, ...] = ()
    error: ev.ErrorInfo | None = None
    child: RunId | None = None
    works: int = 0
    works_failed: int = 0
    cached: str = ""


class FrontierEntry(msgspec.Struct, omit_defaults=True, gc=False):
    """One task that is ready, in flight or parked."""

    task: TaskId
    node: NodeKey
    path: Path = ()
    visit: int = 0
    state: str = "ready"  # ready running waiting timer retry
    since: float = 0.0
    due_at: float | None = None
    request: RequestId | None = None
    attempt: int = 1
    text: str = ""
    child: RunId | None = None  # the run of its own that it waits for


class OpenRequest(msgspec.Struct, omit_defaults=True, gc=False):
    """A question of this run that is still open."""

    request: RequestId
    task: TaskId
    node: NodeKey
    title: str
    digest: str
    opened_at: float
    deadline: float | None = None
    default: str | None = None


class FrameView(msgspec.Struct, omit_defaults=True):
    """One frame of one run.

    Attributes:
        open: in how many scopes something is in it. `done, failed, cancelled`: how many times
            it was left, failed or was cancelled. `retried`: how often all of it was taken back.
        attempt, of: of the last scope that changed. `text`: why it failed last, or was cancelled.
        due_at: when its time is over, or its next attempt begins.
    """

    open: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    attempt: int = 1
    of: int = 1
    text: str = ""
    due_at: float | None = None


class MeterView(msgspec.Struct):
    """How a budget of the run stands."""

    limit: float | None = None
    used: float = 0.0
    reserved: float = 0.0


class RunView(msgspec.Struct, omit_defaults=True):
    """The whole run as it looked after the last folded event.

    Attributes:
        status: as `engine.state.status.RunStatus`, in words.
        taken, not_taken: edge id to how many values or skip tokens it carried.
        changed: channels changed by the last commit.
        session, turn, step: the session it is part of, the how manieth run of it, and how
            many supersteps the runs before it have made.
        stopped_at: the nodes at whose breakpoints the run is paused; empty is the run itself.
        called_by: run and task that started it, of a child run.
        children: child runs that are tracked in the background, with the node of each.
        unsaved_since: of a live run, the first commit that is not stored; a crash loses it.
        save_problem: why commits cannot be stored, or empty.
        frames: the frames that something has entered, by id.
    """

    run: RunId = RunId("")
    workflow: str = ""
    workflow_id: str = ""
    revision: str = ""
    status: str = "created"
    leg: int = 0
    commit: int = -1
    seq: int = 0
    started_at: float = 0.0
    updated_at: float = 0.0
    ended_at: float | None = None
    parent: tuple[RunId, int] | None = None
    nodes: dict[NodeKey, NodeView] = {}
    taken: dict[str, int] = {}
    not_taken: dict[str, int] = {}
    frontier: dict[TaskId, FrontierEntry] = {}
    requests: dict[RequestId, OpenRequest] = {}
    changed: tuple[str, ...] = ()
    executions: int = 0
    error: ev.ErrorInfo | None = None
    reason: str = ""
    result: Json = None
    next_due: float | None = None
    meters: dict[str, MeterView] = {}
    session: str = ""
    turn: int = 0
    step: int = 0
    breakpoints: tuple[Breakpoint, ...] = ()
    stopped_at: tuple[NodeKey, ...] = ()
    called_by: tuple[RunId, TaskId] | None = None
    children: dict[RunId, NodeKey] = {}
    unsaved_since: int | None = None
    save_problem: str = ""
    frames: dict[str, FrameView] = {}

    def frame(self, key: str) -> FrameView:
        """Return the view of a frame."""
        found = self.frames.get(key)
        if found is None:
            found = self.frames[key] = FrameView()
        return found

    def node(self, key: NodeKey) -> NodeView:
        """Return the view of a node; an untouched one is idle."""
        found = self.nodes.get(key)
        if found is None:
            found = self.nodes[key] = NodeView()
        return found

    def copy(self) -> RunView:
        """Return an independent copy."""
        copied = decode(encode(self))
        copied.unsaved_since = self.unsaved_since
        return copied


_decoder = msgspec.msgpack.Decoder(RunView)


def encode(view: RunView) -> bytes:
    """Return the view as bytes for a key frame."""
    return pack(view)


def decode(data: bytes) -> RunView:
    """Return the view that `encode` made bytes of; what is read from a store is stored."""
    view = unpack(data, _decoder)
    view.unsaved_since = None
    return view


def fold(records: Iterable[ev.Recorded], view: RunView | None = None) -> RunView:
    """Fold facts into `view` (changed in place and returned) or into a new one.

    Facts at or before `view.seq` are ignored, so that hearing one twice does no harm.
    """
    result = view if view is not None else RunView()
    for record in records:
        if record.seq <= result.seq:
            continue
        result.seq = record.seq
        result.updated_at = record.at
        event = record.event
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(result, event, record.at)
    return result


def apply(view: RunView, record: ev.Recorded) -> None:
    """Fold one fact into `view`."""
    fold((record,), view)


def apply_update(view: RunView, update: ev.AnyUpdate) -> None:
    """Fold transient news into `view`; a task that has ended meanwhile is ignored."""
    if isinstance(update, ev.Unsaved):
        view.unsaved_since, view.save_problem = update.since, update.problem
        return
    entry = view.frontier.get(update.task)
    if entry is None:
        return
    node = view.node(update.node)
    if isinstance(update, ev.TaskStarted):
        _turn(node, entry, "running")
        entry.attempt = update.attempt
        entry.since = update.at
        node.state = "running"
        node.attempt = update.attempt
        node.started_at = update.at
        node.fraction = None
    elif isinstance(update, ev.Progress):
        node.fraction = update.fraction
        entry.text = update.text


_PARKED = frozenset({"waiting", "timer", "retry"})
#: How a task is shown that waits for something else than a time of its own.
_PARKED_AS = {"budget": "waiting", "retry": "retry", "lock": "waiting", "turn": "waiting"}


def _turn(node: NodeView, entry: FrontierEntry, state: str) -> None:
    """Give a task another state and keep the count of those that are busy."""
    node.busy += (state != "ready") - (entry.state != "ready")
    entry.state = state


# --- one function per kind of fact ---------------------------------------------------------


def _started(view: RunView, event: ev.RunStarted, at: float) -> None:
    view.workflow = event.workflow
    view.workflow_id = event.workflow_id
    view.revision = event.revision
    view.parent = event.parent
    view.session, view.turn, view.step = event.session, event.turn, event.step
    view.called_by = event.called_by
    view.started_at = at


def _leg(view: RunView, event: ev.LegStarted, at: float) -> None:
    del at
    view.leg = event.leg
    held = view.status in ("paused", "cancelling") and event.reason != "fork"
    view.status = view.status if held else "running"
    view.ended_at = None
    view.error = None
    view.save_problem = ""
    if view.status != "paused":
        view.reason, view.stopped_at = "", ()
    view.next_due = None
    for node in view.nodes.values():
        node.busy = 0  # counted anew: a fork may have changed states behind our back
    for entry in view.frontier.values():
        node = view.node(entry.node)
        if entry.state in ("ready", "running"):
            entry.state = "ready"
            node.state = "ready"
            node.error = None
        else:
            node.busy += 1


def _document(view: RunView, event: ev.DocumentChanged, at: float) -> None:
    del at
    view.revision = event.new
    view.meters.clear()  # what the document has now is said in the same commit
    for frame in view.frames.values():
        frame.open = 0


def _leave(view: RunView, task: TaskId, key: NodeKey) -> NodeView:
    node = view.nodes.get(key) or view.node(key)
    entry = view.frontier.pop(task, None)
    if entry is not None:
        node.active -= 1
        if entry.state != "ready":
            node.busy -= 1
    node.last_task = task
    node.fraction = None
    node.due_at = None
    node.request = None
    return node


def _settle(view: RunView, node: NodeView, key: NodeKey, state: str) -> None:
    """Show what the node's other tasks do, or how the last one ended."""
    if node.busy:
        for entry in view.frontier.values():
            if entry.node == key and entry.state != "ready":
                node.state = entry.state
                node.due_at = entry.due_at
                node.request = entry.request
                return
    elif node.active:
        node.state = "ready"
    else:
        node.state = "failed" if node.failed and state == "done" else state


def _finished(view: RunView, event: ev.TaskFinished, at: float) -> None:
    node = _leave(view, event.task, event.node)
    node.done += 1
    node.duration_s = event.duration_s
    node.attempt = event.attempt
    node.ports = tuple(event.ports)
    node.text = event.note
    node.cached = event.cached
    node.error = None
    node.commit = view.commit + 1
    view.executions += 1
    _settle(view, node, event.node, "recorded" if event.recorded else "done")
    del at


def _failed(view: RunView, event: ev.TaskFailed, at: float) -> None:
    del at
    view.executions += 1
    stays = event.handled == "fail"
    entry = view.frontier.get(event.task)
    if stays and entry is not None:
        node = view.node(event.node)
        _turn(node, entry, "ready")
        node.last_task = event.task
        node.fraction = None
    else:
        node = _leave(view, event.task, event.node)
    node.failed += 1
    node.error = event.error
    node.text = event.error.message
    node.attempt = event.error.attempt
    node.duration_s = event.duration_s
    node.commit = view.commit + 1
    node.state = "failed"


def _park(view: RunView, task: TaskId, key: NodeKey, state: str, **fields: Any) -> NodeView:
    node = view.node(key)
    entry = view.frontier.get(task)
    if entry is None:
        entry = view.frontier[task] = FrontierEntry(task, key)
        node.active += 1
    _turn(node, entry, state)
    entry.due_at = fields.get("due_at")
    entry.request = fields.get("request")
    entry.text = fields.get("text", "")
    node.state = state
    node.due_at = entry.due_at
    node.request = entry.request
    node.text = entry.text
    node.fraction = None
    return node


def _retried(view: RunView, event: ev.TaskRetried, at: float) -> None:
    del at
    node = _park(
        view, event.task, event.node, "retry", due_at=event.due_at, text=event.error.message
    )
    node.attempt = event.attempt + 1
    node.attempts = event.of
    node.error = event.error
    view.frontier[event.task].attempt = event.attempt + 1


def _alternative(view: RunView, event: ev.AlternativeTaken, at: float) -> None:
    entry = view.frontier.get(event.task)
    if entry is not None:
        _go_on(view, entry, at)
        entry.attempt = event.error.attempt + 1
    node = view.node(event.node)
    node.text, node.error = f"alternative {event.number} of {event.of}", event.error


def _skipped(view: RunView, event: ev.TaskSkipped, at: float) -> None:
    del at
    node = view.node(event.node)
    if event.task in view.frontier:  # it ran, and had nothing to do
        _leave(view, event.task, event.node)
        _settle(view, node, event.node, "skipped")
    node.skipped += 1
    node.text = event.reason
    if not node.active and not node.done and not node.failed:
        node.state = "skipped"


def _cancelled(view: RunView, event: ev.TaskCancelled, at: float) -> None:
    del at
    node = _leave(view, event.task, event.node)
    node.text = event.reason
    _settle(view, node, event.node, "cancelled")


def _opened(view: RunView, event: ev.BarrierOpened, at: float) -> None:
    del at
    _park(
        view,
        event.task,
        event.node,
        "waiting",
        due_at=event.deadline,
        request=event.request,
        text=event.title,
    )
    view.requests[event.request] = OpenRequest(
        event.request,
        event.task,
        event.node,
        event.title,
        event.digest,
        event.opened_at,
        event.deadline,
        event.default,
    )


def _closed(
    view: RunView,
    event: ev.BarrierDecided | ev.BarrierExpired | ev.BarrierWithdrawn,
    at: float,
) -> None:
    view.requests.pop(event.request, None)
    entry = view.frontier.get(event.task)
    if entry is not None and entry.request == event.request:
        _go_on(view, entry, at)


def _wait_opened(view: RunView, event: ev.WaitOpened, at: float) -> None:
    is_new = event.task not in view.frontier
    state = _PARKED_AS.get(event.kind, "timer")
    node = _park(view, event.task, event.node, state, due_at=event.due_at, text=event.text)
    if is_new:
        entry = view.frontier[event.task]
        entry.path, entry.visit, entry.since = event.path, event.visit, at
        if event.path:
            node.total = event.path[-1][2]


def _metered(view: RunView, event: ev.MetersChanged, at: float) -> None:
    del at
    for name, (limit, used, reserved) in event.meters.items():
        view.meters[name] = MeterView(limit, used, reserved)


def _wait_ended(
    view: RunView, event: ev.WaitEnded | ev.SignalTaken | ev.ChildEnded, at: float
) -> None:
    entry = view.frontier.get(event.task)
    if entry is not None:
        _go_on(view, entry, at)


def _join_timed_out(view: RunView, event: ev.JoinTimedOut, at: float) -> None:
    del at
    view.node(event.node).text = "waited no longer"


def _frame_opened(view: RunView, event: ev.FrameOpened, at: float) -> None:
    del at
    frame = view.frame(event.frame)
    frame.open += 1
    frame.attempt, frame.due_at, frame.text = event.attempt, event.due_at, ""


def _frame_retried(view: RunView, event: ev.FrameRetried, at: float) -> None:
    del at
    frame = view.frame(event.frame)
    frame.retried += 1
    frame.attempt, frame.of = event.attempt + 1, event.of
    frame.text, frame.due_at = event.error.message, event.due_at
    node = view.nodes.get(event.error.node)
    if node is not None and node.failed:
        node.failed -= 1  # taken back: what it comes to now is what counts


def _frame_failed(view: RunView, event: ev.FrameFailed, at: float) -> None:
    del at
    frame = view.frame(event.frame)
    frame.open -= 1
    frame.failed += 1
    frame.text, frame.due_at = event.error.message, None


def _frame_cancelled(view: RunView, event: ev.FrameCancelled, at: float) -> None:
    del at
    frame = view.frame(event.frame)
    frame.open -= 1
    frame.cancelled += 1
    frame.text, frame.due_at = "cancelled", None


def _frame_closed(view: RunView, event: ev.FrameClosed, at: float) -> None:
    del at
    frame = view.frame(event.frame)
    frame.open -= 1
    frame.done += not event.ended
    frame.attempt, frame.due_at = event.attempt, None


def _child_started(view: RunView, event: ev.ChildStarted, at: float) -> None:
    del at
    node = view.node(event.node)
    node.child = event.child
    entry = view.frontier.get(event.task)
    if event.mode == "call" and entry is not None:
        entry.child = event.child
    if event.mode in ("async", "background"):
        view.children[event.child] = event.node
        node.works += event.mode == "background"


def _child_continued(view: RunView, event: ev.ChildContinued, at: float) -> None:
    del at
    if event.reason == "retry":
        node = view.node(event.node)
        node.works_failed = max(0, node.works_failed - 1)
        node.works += event.child not in view.children
        view.children[event.child] = event.node
        node.child = event.child


def _child_ended(view: RunView, event: ev.ChildEnded, at: float) -> None:
    if view.children.pop(event.child, None) is None:
        _wait_ended(view, event, at)
        return
    node = view.node(event.node)
    if node.works:
        node.works -= 1
        node.works_failed += event.status == "failed"


def _forget_children(view: RunView) -> None:
    for key in view.children.values():
        view.node(key).works = 0
    view.children.clear()


def _go_on(view: RunView, entry: FrontierEntry, at: float) -> None:
    node = view.node(entry.node)
    _turn(node, entry, "ready")
    entry.due_at, entry.request, entry.since, entry.child = None, None, at, None
    node.state, node.due_at, node.request = "ready", None, None


def _committed(view: RunView, event: ev.SuperstepCommitted, at: float) -> None:
    view.commit = event.commit
    view.changed = event.changed
    for ready in event.ready:
        if ready.task in view.frontier:
            continue
        view.frontier[ready.task] = FrontierEntry(
            ready.task, ready.node, ready.path, ready.visit, "ready", at
        )
        node = view.nodes.get(ready.node) or view.node(ready.node)
        node.active += 1
        if ready.path:
            node.total = max(0, ready.path[-1][2])
        if node.active == 1 and not (node.state == "failed" and node.last_task == ready.task):
            node.state, node.text, node.attempt = "ready", "", 1
    taken = view.taken
    for edge in event.taken:
        taken[edge] = taken.get(edge, 0) + 1
    for edge in event.not_taken:
        view.not_taken[edge] = view.not_taken.get(edge, 0) + 1
    if view.status in ("created", "running", "waiting"):
        view.status = "running" if event.ready or not _is_parked(view) else "waiting"


def _is_parked(view: RunView) -> bool:
    frontier = view.frontier.values()
    return bool(frontier or view.children) and all(entry.state in _PARKED for entry in frontier)


def _paused(view: RunView, event: ev.RunPaused, at: float) -> None:
    del at
    view.status, view.reason = "paused", event.reason


def _unpaused(view: RunView, event: ev.RunUnpaused, at: float) -> None:
    del event, at
    view.status, view.reason, view.stopped_at = "running", "", ()


def _cancel_asked(view: RunView, event: ev.CancelAsked, at: float) -> None:
    del at
    if event.target == "run":
        view.status, view.reason = "cancelling", event.reason


def _save_failed(view: RunView, event: ev.SaveFailed, at: float) -> None:
    del at
    view.save_problem = event.message


def _saved_again(view: RunView, event: ev.SavedAgain, at: float) -> None:
    del event, at
    view.save_problem = ""


def _stepped(view: RunView, event: ev.RunStepped, at: float) -> None:
    del event, at
    view.stopped_at = ()


def _breakpoints(view: RunView, event: ev.BreakpointsSet, at: float) -> None:
    del at
    view.breakpoints = event.breakpoints


def _hit(view: RunView, event: ev.BreakpointHit, at: float) -> None:
    del at
    if event.node not in view.stopped_at:
        view.stopped_at = (*view.stopped_at, event.node)


def _waiting(view: RunView, event: ev.RunWaiting, at: float) -> None:
    del at
    if view.status != "paused":  # only the person ends a pause
        view.status = "waiting"
    view.next_due = event.next_due


def _completed(view: RunView, event: ev.RunFinished, at: float) -> None:
    view.status, view.ended_at, view.result = "completed", at, event.result
    _forget_children(view)


def _leave_children(view: RunView, at: float) -> None:
    """Tasks that wait for a run of their own come to it again in a later leg."""
    for entry in view.frontier.values():
        if entry.child is not None:
            _go_on(view, entry, at)


def _run_failed(view: RunView, event: ev.RunFailed, at: float) -> None:
    _leave_children(view, at)
    view.status, view.ended_at, view.error = "failed", at, event.error


def _run_cancelled(view: RunView, event: ev.RunCancelled, at: float) -> None:
    _leave_children(view, at)
    view.status, view.ended_at, view.reason = "cancelled", at, event.reason
    view.children = {run: key for run, key in view.children.items() if view.node(key).works}
    for entry in view.frontier.values():
        view.node(entry.node).state = "cancelled"


_HANDLERS: dict[type, Any] = {
    ev.RunStarted: _started,
    ev.LegStarted: _leg,
    ev.DocumentChanged: _document,
    ev.TaskFinished: _finished,
    ev.TaskFailed: _failed,
    ev.TaskRetried: _retried,
    ev.AlternativeTaken: _alternative,
    ev.TaskSkipped: _skipped,
    ev.CancelAsked: _cancel_asked,
    ev.TaskCancelled: _cancelled,
    ev.BarrierOpened: _opened,
    ev.BarrierDecided: _closed,
    ev.BarrierExpired: _closed,
    ev.BarrierWithdrawn: _closed,
    ev.WaitOpened: _wait_opened,
    ev.WaitEnded: _wait_ended,
    ev.MetersChanged: _metered,
    ev.JoinTimedOut: _join_timed_out,
    ev.FrameOpened: _frame_opened,
    ev.FrameRetried: _frame_retried,
    ev.FrameFailed: _frame_failed,
    ev.FrameCancelled: _frame_cancelled,
    ev.FrameClosed: _frame_closed,
    ev.SignalTaken: _wait_ended,
    ev.ChildStarted: _child_started,
    ev.ChildContinued: _child_continued,
    ev.ChildEnded: _child_ended,
    ev.SuperstepCommitted: _committed,
    ev.RunPaused: _paused,
    ev.RunStepped: _stepped,
    ev.SaveFailed: _save_failed,
    ev.SavedAgain: _saved_again,
    ev.BreakpointsSet: _breakpoints,
    ev.BreakpointHit: _hit,
    ev.RunUnpaused: _unpaused,
    ev.RunWaiting: _waiting,
    ev.RunFinished: _completed,
    ev.RunFailed: _run_failed,
    ev.RunCancelled: _run_cancelled,
}
