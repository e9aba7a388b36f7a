"""What a commit does about a failure: again, ask, go on another way, or end the item or the run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from engine import events as ev
from engine.events import ErrorInfo, TaskReady
from engine.ids import Path, TaskId, scope_key, task_id
from engine.model.framing import PlanFrame
from engine.model.plan import PlanEdge, PlanNode
from engine.runtime import failures, looping, permits, routing
from engine.runtime.committing import framing
from engine.runtime.committing.results import leave_loop
from engine.runtime.committing.waits import ask
from engine.runtime.committing.work import Work
from engine.runtime.growing import end_stream, feed
from engine.runtime.items import abandon, fail_item, open_zone, spoil_item
from engine.runtime.limits import ItemLost
from engine.runtime.outcome import Outcome
from engine.runtime.processing import REFUSED
from engine.state.run_state import ParkedWait, Queued, Task

Json = Any


def break_join(work: Work, name: TaskId, error: ErrorInfo) -> None:
    """Let a join fail for what came too late, or not in time, as any node fails."""
    transition = work.transition
    task = transition.tasks.get(name)
    if task is None:
        return  # its item has ended in this very commit
    failed = Outcome(task=name, kind="error", attempt=task.attempt, error=error)
    fail(work, work.plan.nodes[task.node], task, failed)
    if work.fatal is None:
        transition.ready = [each for each in transition.ready if each.task != name]


def lose_item(work: Work, collect: PlanNode, path: Path, error: ErrorInfo) -> None:
    """Let an item fail for what came too late to its Collect, or not in time.

    Raises:
        ItemLost: the run may not go on without it.
    """
    transition = work.transition
    name = task_id(collect.key, path)
    error = msgspec.structs.replace(error, node=collect.key, path=path)
    depth = len(path)
    while not failures.may_lose_items(work.plan.nodes[path[depth - 1][0]]):
        depth -= 1
        if not depth:
            raise ItemLost(error, stops=True)
    zone, item = path[depth - 1][0], path[:depth]
    if transition.zones.get(f"{zone}@{scope_key(item[:-1])}") is None:
        transition.events.append(ev.Warned(node=collect.key, message=error.message))
        return  # Collect has gone on with the result that it had
    transition.events.append(
        ev.TaskFailed(task=name, node=collect.key, error=error, duration_s=0.0, handled="item")
    )
    drop_item(work, item)
    if not spoil_item(transition, zone, item, as_value(error)):
        fail_item(transition, zone, item, as_value(error))


def fail(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """Do about a failure what the node's settings, and those of the run, say."""
    error = outcome.error
    if error is None:
        return
    error = located(work, task, outcome, error)
    verdict = judged(work, task, error)
    match verdict.kind:
        case "retry":
            _retry(work, node, task, error, verdict.due_at)
        case "alternative":
            _try_alternative(work, node, task, error)
        case "ask":
            why = f"Attempt {error.attempt} failed: {error.message}."
            request = failures.outcome_unknown(node, task.id, why)
            ask(work, node, task, request, kind="unknown_outcome")
        case _:
            in_frame = verdict.kind in ("frame", "frame_retry")
            work.transition.events.append(
                ev.TaskFailed(
                    task=task.id,
                    node=node.key,
                    error=error,
                    duration_s=round(outcome.duration_s, 6),
                    handled="frame" if in_frame else verdict.kind,
                )
            )
            if in_frame:
                framing.handle(work, error, verdict, task.path, failed=task)
            else:
                _handle(work, node, task, error, verdict)


def _try_alternative(work: Work, node: PlanNode, task: Task, error: ErrorInfo) -> None:
    """Let the next alternative do the work of a task."""
    number = task.using + 1
    work.transition.events.append(
        ev.AlternativeTaken(
            task=task.id,
            node=node.key,
            error=error,
            number=number,
            of=len(node.alternatives),
            node_type=node.alternatives[number - 1].type.id,
        )
    )
    again = msgspec.structs.replace(
        task, attempt=error.attempt + 1, using=number, since=error.attempt
    )
    work.transition.waits.drop(task.id)
    work.transition.tasks.put(task.id, again)
    work.transition.ready.append(TaskReady(task.id, task.node, task.path, task.visit))


def located(work: Work, task: Task, outcome: Outcome, error: ErrorInfo) -> ErrorInfo:
    """Return an error that says which node and which attempt it is of."""
    return msgspec.structs.replace(error, node=task.node, path=task.path, attempt=outcome.attempt)


def judged(work: Work, task: Task, error: ErrorInfo) -> failures.Verdict:
    """Return what is to be done about a failure."""
    return failures.judge(
        work.plan,
        error,
        task=task,
        at=work.at,
        seed=work.facts.seed,
        attempt_of=partial(framing.attempt_of, work) if work.plan.frames else None,
    )


def _retry(work: Work, node: PlanNode, task: Task, error: ErrorInfo, due_at: float) -> None:
    retry = work.plan.work_of(task.node, task.using).node.retry
    of = task.since + retry.attempts if retry else 1
    again = msgspec.structs.replace(task, attempt=error.attempt + 1, feedback=_feedback(error))
    work.transition.tasks.put(task.id, again)
    work.transition.waits.put(
        task.id,
        ParkedWait(
            task=task.id,
            kind="retry",
            opened_at=work.at,
            due_at=due_at,
            error=error.message,
        ),
    )
    work.transition.events.append(
        ev.TaskRetried(
            task=task.id,
            node=node.key,
            error=error,
            attempt=error.attempt,
            of=of,
            due_at=due_at,
        )
    )


def _feedback(error: ErrorInfo) -> tuple[str, ...]:
    """Return what the next attempt is told: what checks have said of this one's output."""
    return tuple(error.details["feedback"]) if error.code == REFUSED and error.details else ()


def _handle(
    work: Work, node: PlanNode, task: Task, error: ErrorInfo, verdict: failures.Verdict
) -> None:
    transition = work.transition
    value = {"error": as_value(error)}
    path = task.path[:-1] if node.role == "until" else task.path
    match verdict.kind:
        case "fail":
            _fail_run(work, task, error)
            return
        case "item":
            depth = next(i for i, s in enumerate(task.path) if s[0] == verdict.zone) + 1
            drop_item(work, task.path[:depth], task)
            fail_item(transition, verdict.zone, task.path[:depth], value["error"])
            return
        case "continue" | "fallback_edge" if node.role in ("split", "loop"):
            go_on = _split_error if node.role == "split" else _loop_error
            go_on(work, node, task, value)
            return
        case "continue":
            taken = node.out.get(node.out_ports[0], ()) if node.out_ports else ()
        case "error_port":
            taken = node.out.get("error", ())
            value = value["error"]
        case "fallback_edge":
            taken = node.fallback
            transition.events.append(ev.Degraded(task=task.id, node=node.key, reason=error.message))
        case _:
            taken = ()
    _go_on_after(work, node, task, path, taken, value)


def _go_on_after(
    work: Work,
    node: PlanNode,
    task: Task,
    path: Path,
    taken: Sequence[PlanEdge],
    value: Json,
) -> None:
    """End a task whose failure is handled: its error takes these wires."""
    transition = work.transition
    ref = f"{task.id}.error"
    transition.values[ref] = value
    names = {edge.id for edge in taken}
    opens = node.role in ("split", "loop")
    transition.finish(task)
    if node.stream is not None:
        abandon(transition, node, task, f"the stream of {node.key} failed")
    transition.losing = not taken
    if opens:
        transition.skip(work.plan.nodes[node.pair or ""], path, f"{node.key} failed")
    elif node.role == "until":
        looping.give_up(transition, node, task)
    for edge in taken:
        transition.send(edge, path, ref)
    for edges in node.out.values():
        for edge in edges:
            inside = opens and edge.source_port != "error"
            if edge.id not in names and not inside:
                transition.rule_out(edge, path)
    transition.losing = False


def _loop_error(work: Work, loop: PlanNode, task: Task, error: Json) -> None:
    """A Loop that goes on without a round: the error is its result."""
    transition = work.transition
    ref = f"{task.id}.error"
    transition.values[ref] = error
    until = work.plan.nodes[loop.pair or ""]
    transition.finish(task)
    for edge in loop.out.get("error", ()):
        transition.rule_out(edge, task.path)
    result = until.out.get(until.out_ports[0], ())
    routes = routing.take_all(until, {until.out_ports[0]: error})
    kept = [edge for edge in routes.taken if edge in result]
    routes.taken = kept
    leave_loop(work, until, task.path, ref, routes)


def _fail_run(work: Work, task: Task, error: ErrorInfo) -> None:
    """Nothing handles a failure: the run ends, or others go on first as its settings say."""
    if work.plan.workflow.settings.on_failure == "fail_fast":
        work.fatal = work.fatal or error
    else:
        work.transition.failures.put(task.id, msgspec.to_builtins(error))
    work.transition.waits.drop(task.id)
    work.transition.tasks.put(task.id, msgspec.structs.replace(task, attempt=1, using=0, since=0))


def _split_error(work: Work, split: PlanNode, task: Task, error: Json) -> None:
    """A For each that goes on without a list: the error is its only item, or its last one."""
    transition = work.transition
    ref = f"{task.id}.error"
    transition.values[ref] = [error]
    for edge in split.out.get("error", ()):
        transition.rule_out(edge, task.path)
    if split.stream is not None:
        feed(transition, split, task, [error], limit=1, position=None)
        end_stream(transition, split, task, 1)
    else:
        open_zone(transition, split, task.path, Queued(ref, 1))
    transition.finish(task)


def time_out_frame(work: Work, name: str) -> None:
    """Let a frame whose time is over fail, with everything in it."""
    transition = work.transition
    timer = transition.timers.get(name)
    if timer is None or timer.over:
        return  # it was closed in this very commit
    frame, path = work.plan.frames[timer.node], timer.path
    transition.events.append(ev.FrameTimedOut(frame=frame.key, path=path))
    transition.timers.put(name, msgspec.structs.replace(timer, over=True))
    error = ErrorInfo(
        code="timeout",
        message=f"{frame.title} took longer than {frame.does.timeout_s:g} s",
        path=path,
        retryable=False,
    )
    _fail_frame(work, frame, path, error)


def give_turns(work: Work) -> bool:
    """Give locks and turns that are free; return whether a frame had to fail for it."""
    transition = work.transition
    permits.give(transition)
    found = permits.deadlock(transition) if work.fatal is None else None
    if found is None:
        return False
    name, text = found
    row = transition.frames.get(name)
    path = row.path if row is not None else ()
    error = ErrorInfo(
        code="deadlock", message=f"Frames wait for one another: {text}", path=path, retryable=False
    )
    _fail_frame(work, work.plan.frames[name.partition("@")[0]], path, error)
    return work.fatal is None


def _fail_frame(work: Work, frame: PlanFrame, path: Path, error: ErrorInfo) -> None:
    """Let a frame fail as a whole: what it has for that takes it, or what is around."""
    transition = work.transition
    verdict = framing.verdict_of_whole(work, frame, path, error)
    match verdict.kind:
        case "frame" | "frame_retry":
            framing.handle(work, error, verdict, path)
        case "item":
            depth = next(i for i, s in enumerate(path) if s[0] == verdict.zone) + 1
            drop_item(work, path[:depth])
            fail_item(transition, verdict.zone, path[:depth], as_value(error))
        case _:
            work.fatal = work.fatal or error


def drop_item(work: Work, item: Path, failed: Task | None = None) -> None:
    """End the tasks of an item that failed, but for the one that did so by itself."""
    tasks = {**work.state.tasks, **work.transition.tasks.changes}
    for task in tasks.values():
        if task is None or task.path[: len(item)] != item:
            continue
        if failed is not None and task.id == failed.id:
            work.transition.finish(task)
        else:
            work.transition.end(task, "another task of its item failed")
    work.transition.forget(lambda _, path: path[: len(item)] == item)


def as_value(error: ErrorInfo) -> dict[str, Json]:
    """Return a failure as the JSON that nodes and channels get."""
    return framing.as_value(error)
