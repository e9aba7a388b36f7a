"""Takes one result into a commit, whatever its kind."""

from __future__ import annotations

import msgspec

from engine import events as ev
from engine.events import TaskReady
from engine.model.plan import PlanNode
from engine.runtime import looping, permits
from engine.runtime.committing import framing
from engine.runtime.committing.failing import fail
from engine.runtime.committing.results import note_finished, succeed, take_items
from engine.runtime.committing.waits import close_wait, park
from engine.runtime.committing.work import Work
from engine.runtime.growing import end_stream
from engine.runtime.items import drop_items
from engine.runtime.outcome import Outcome
from engine.runtime.turns import give
from engine.state.run_state import ParkedWait, Task


def admit(work: Work, outcome: Outcome) -> None:
    """Take in one result; one whose item has ended in this commit is too late."""
    transition = work.transition
    task = transition.tasks.get(outcome.task)
    if task is None:
        work.too_late.add(outcome.task)  # its item has ended in this very commit
        return
    node = work.plan.nodes[task.node]
    if outcome.notes or outcome.checked:
        _tell_how(work, task, outcome)
    if outcome.kind == "cancelled":
        _cancel(work, node, task, outcome)
        return
    close_wait(work, task, outcome)
    _settle_attempt(work, node, task, outcome)
    match outcome.kind:
        case "output" | "fallback":
            _succeed(work, node, task, outcome)
        case "item":
            _take_items(work, node, task, outcome)
        case "wait":
            park(work, node, task, outcome)
        case "skip":
            transition.finish(task)
            reason = outcome.text or "the node had nothing to do"
            transition.skip(node, task.path, reason, task=task.id)
        case "abort":
            note_finished(work, task, outcome, {})
            transition.finish(task)
            work.abort = outcome.text
        case "woken" | "reserve" | "turn":
            _go_on(work, node, task, outcome)
        case "error":
            fail(work, node, task, outcome)
        case "timer" | "ended":
            pass  # no task's: taken out before


def _take_items(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """Take in what a stream has brought, and wait for more unless Collect had enough."""
    take_items(work, node, task, outcome)
    if outcome.wait is not None and work.transition.tasks.get(task.id) is not None:
        park(work, node, task, outcome)


def _succeed(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    succeed(work, node, task, outcome)
    if node.role == "withdraw":
        framing.cancel(work, node, task)


def _settle_attempt(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """Note what an attempt was allowed, has used, and was taken from."""
    for name in outcome.allowed:
        work.transition.events.append(_let_pass(task, name))
    if work.budget is not None and outcome.kind not in ("woken", "reserve", "turn", "item"):
        if node.background is not None and outcome.made is not None:
            work.budget.hand_over(task, outcome.made.run)
        else:
            work.budget.reconcile(node, task, outcome)
    if outcome.recorded and work.state.recordings:
        work.transition.recordings.drop(task.id)


def _go_on(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """A task may start, or has said what it needs before it may."""
    transition = work.transition
    if outcome.kind == "turn":
        give(transition, node, task, outcome.keys)
        return
    wait = transition.waits.get(task.id)
    transition.waits.drop(task.id)
    if outcome.kind == "woken":
        if wait is not None and wait.kind == "retry" and wait.text:  # of its frame
            task = permits.as_ready_now(transition, task)
        task = msgspec.structs.replace(task, attempt=max(task.attempt, outcome.attempt))
        transition.tasks.put(task.id, task)
    else:
        transition.events.append(ev.Estimated(task=task.id, node=node.key, amounts=outcome.wanted))
    framed = work.plan.takes_turns and node.frames and outcome.kind == "woken"
    if framed and not permits.has_turn(transition, node, task):
        return
    if _may_start(work, node, task, wait, outcome):
        transition.ready.append(TaskReady(task.id, task.node, task.path, task.visit))


def _may_start(
    work: Work, node: PlanNode, task: Task, wait: ParkedWait | None, outcome: Outcome
) -> bool:
    """Return whether a task that goes on may start: it may have to wait for a budget."""
    if work.budget is None or (wait is not None and wait.kind == "rate"):
        return True
    if outcome.kind == "reserve":
        return work.budget.reserve(node, task, outcome.wanted)
    if outcome.grant is not None and wait is not None:
        return work.budget.granted(node, task, wait, outcome.grant)
    return not node.metered or work.budget.start(node, task)


def _tell_how(work: Work, task: Task, outcome: Outcome) -> None:
    """Report what there is to know of how a result came about."""
    events = work.transition.events
    for note in outcome.notes:
        events.append(ev.InterceptorIgnored(task=task.id, node=task.node, message=note))
    if outcome.checked:
        events.append(
            ev.Checked(
                task=task.id, node=task.node, attempt=outcome.attempt, results=outcome.checked
            )
        )


def _cancel(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """End a task that was cancelled by itself; what only it leads to is passed over."""
    for zone in outcome.zones:
        drop_items(work.transition, zone, outcome.text)
    path = task.path
    if node.stream is not None:  # its items go on, or are cancelled by themselves
        work.transition.end(task, outcome.text, how=outcome.how)
        end_stream(work.transition, node, task, 1)
        return
    work.transition.end(task, outcome.text, how=outcome.how)
    if node.role == "until":
        looping.give_up(work.transition, node, task)
        path = path[:-1]
    work.transition.pass_over(node, path)


def _let_pass(task: Task, name: str) -> ev.InvariantBroken:
    return ev.InvariantBroken(
        task=task.id,
        node=task.node,
        invariant=name,
        message=f"The invariant {name} need not hold for {task.id}.",
        writers=(task.id,),
        handled="accepted",
    )
