"""How waits end: by a decision, by their time, or by an answer that was given early."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec.structs import replace as replace_struct

from engine.commands import Decide
from engine.events import ErrorInfo
from engine.model.node_types import Answer, Output, Wait
from engine.model.plan import PlanNode
from engine.runtime import decisions, feeding, ledger, processing
from engine.runtime.budget import countable, raised_limit
from engine.runtime.context import AttemptContext
from engine.runtime.environment import Driver
from engine.runtime.invariants import let_pass
from engine.runtime.outcome import ChildEnd, Heard, Outcome, Taken, failed, from_result
from engine.runtime.ports import DecisionRecord, RequestRecord
from engine.runtime.task_runner import declared_writes, error_info, params_of
from engine.state.run_state import ParkedWait, RunState, Task

Json = Any


def after_decision(loop: Driver, decision: DecisionRecord) -> Outcome | None:
    """Return what a stored decision makes of its task, or None when it no longer waits."""
    record = loop.env.store.request(decision.request)
    task = loop.state.tasks.get(record.task)
    wait = loop.state.waits.get(record.task)
    if task is None or wait is None or wait.request != decision.request:
        return None
    if record.decision is None or record.decision.id != decision.id:
        return None  # a voice of a quorum that is not reached yet
    answer = decisions.answer_of(record, decision)
    if decision.choice == "reroute":
        answer = replace(answer, port=_port_to(loop.plan.nodes[task.node], decision.to))
    taken = Taken(
        decision=decision.id,
        request=decision.request,
        choice=decision.choice,
        by=decision.by,
        through=decision.through,
        comment=decision.comment,
        changed=decisions.changed_paths(record.content.payload, decision.values)
        if decision.choice == "modify"
        else (),
        delay_s=round(max(0.0, decision.at - record.opened_at), 3),
        expired=decision.through == "timeout",
    )
    if wait.kind == "unknown_outcome":
        return _known_now(loop, task, answer, taken)
    if wait.kind == "budget":
        limit = raised_limit(record.content, answer.values) or 0.0
        grant = (answer.choice, limit)
        return Outcome(task=task.id, kind="woken", attempt=task.attempt, taken=taken, grant=grant)
    if wait.kind == "held":
        return _no_longer_held(loop, task, wait, answer, taken)
    if decision.choice == "fail":
        return _expired(task, taken)
    parked = Wait(kind="approval", request=record.content, payload=wait.payload)
    return resumed(loop, task, parked, answer, taken=taken)


def _port_to(node: PlanNode, target: str) -> str:
    """Return the port from which a wire leads to a node, or nothing."""
    ports = (port for port, edges in node.out.items() if any(e.target == target for e in edges))
    return next(ports, "")


def _known_now(loop: Driver, task: Task, answer: Answer, taken: Taken) -> Outcome:
    """The person has said whether a side effect happened."""
    node = loop.plan.work_of(task.node, task.using)
    if answer.choice == "again":
        return Outcome(task=task.id, kind="woken", attempt=task.attempt + 1, taken=taken)
    if answer.choice == "fail":
        error = ErrorInfo(
            code="outcome_unknown",
            message=f"{node.node.title or node.key} was given up by {answer.by}",
            retryable=False,
        )
        return failed(task.id, error, attempt=task.attempt, duration_s=0.0, taken=taken)
    port = node.out_ports[0] if node.out_ports else "out"
    ctx = _context(loop, node, task)
    result = Output({port: answer.values}, note="output given by a person")
    writes = declared_writes(node, ctx.scope, result) if node.writes else ()
    return from_result(
        task.id, result, attempt=task.attempt, duration_s=0.0, writes=writes, taken=taken
    )


def _no_longer_held(
    loop: Driver, task: Task, wait: ParkedWait, answer: Answer, taken: Taken
) -> Outcome:
    """The person has said what becomes of a task whose writes broke an invariant."""
    name = answer.values["invariant"]
    if answer.choice == "again":
        return Outcome(task=task.id, kind="woken", attempt=task.attempt, taken=taken)
    if answer.choice == "accept":
        return replace_struct(let_pass(wait.payload, name), taken=taken)
    title = loop.plan.nodes[task.node].node.title or task.node
    error = ErrorInfo(
        code="invariant",
        message=f"{title} broke the invariant {name} and was given up by {answer.by}",
        retryable=False,
    )
    return failed(task.id, error, attempt=task.attempt, duration_s=0.0, taken=taken)


def _expired(task: Task, taken: Taken) -> Outcome:
    error = ErrorInfo(
        code="deadline", message="nobody decided before the deadline", retryable=False
    )
    return failed(task.id, error, attempt=task.attempt, duration_s=0.0, taken=taken)


def when_due(loop: Driver, wait: ParkedWait) -> Outcome | None:
    """Return what the end of a wait's time makes of its task; None for a barrier.

    The deadline of a barrier is a decision like any other, see `default_of`.
    """
    task = loop.state.tasks[wait.task]
    if wait.kind in ("retry", "rate"):
        return Outcome(task=task.id, kind="woken", attempt=task.attempt, due=True)
    if wait.request is not None:
        return None
    parked = Wait(
        kind=wait.kind if wait.kind in ("event", "child") else "timer",  # type: ignore[arg-type] # one of a Wait
        due_at=wait.due_at,
        text=wait.text,
        payload=wait.payload,
    )
    answer = Answer(kind="due", at=loop.env.clock.now())
    return resumed(loop, task, parked, answer)


def tried_again(state: RunState) -> list[Outcome]:
    """Return what waits for a budget without anybody being asked: a new leg tries it again."""
    found = [wait for wait in state.waits.values() if wait.kind == "budget"]
    if any(wait.request for wait in found):
        return []
    return [Outcome(task=w.task, kind="reserve", wanted=w.payload["wanted"]) for w in found]


def default_of(record: RequestRecord) -> Decide:
    """Return the decision that a deadline makes.

    It goes through the same compare-and-set as a person's, and loses against a faster one.
    """
    return Decide(
        request=record.request,
        choice=record.content.default or "reject",
        by="timeout",
        through="timeout",
        digest=record.digest,
    )


def early_answer(loop: Driver, record: RequestRecord) -> Decide | None:
    """Return the answer that was given before the request opened, if one was.

    Raises:
        DecisionRefused: the request does not offer that choice.
    """
    choice = loop.env.early.get(record.node)
    if choice is None or record.content.system:
        return None
    decide = Decide(
        request=record.request,
        choice=choice,
        by="decided in advance",
        through="cli",
        digest=record.digest,
    )
    decisions.check(record, decide)
    return decide


def accepts(loop: Driver, task: Task, wait: Wait, payload: Json) -> bool:
    """Return whether a parked task takes an event. Raises what its condition raises."""
    node = loop.plan.work_of(task.node, task.using)
    ctx = _context(loop, node, task)
    if node.stream is not None:
        return feeding.takes(ctx, wait, payload)
    return node.type.accepts is None or node.type.accepts(params_of(node, ctx), ctx, wait, payload)


def resumed(
    loop: Driver,
    task: Task,
    wait: Wait,
    answer: Answer,
    *,
    taken: Taken | None = None,
    heard: Heard | None = None,
    child_end: ChildEnd | None = None,
) -> Outcome:
    """Return what the node makes of the end of its wait."""
    due = taken is None and heard is None and child_end is None
    outcome = _resumed(loop, task, wait, answer, due=due)
    if child_end is not None and child_end.used and wait.payload.get("own"):
        used = countable(loop.plan.workflow.settings.meters, child_end.used)
        spent = ledger.counted(loop.state.ledger.get, child_end.run, used)
        outcome = replace_struct(outcome, spent=spent)
    return replace_struct(outcome, taken=taken, heard=heard, child_end=child_end)


def _resumed(loop: Driver, task: Task, wait: Wait, answer: Answer, *, due: bool) -> Outcome:
    node = loop.plan.work_of(task.node, task.using)
    resume = node.type.resume
    ctx = _context(loop, node, task)
    try:
        if node.stream is not None:
            now = loop.env.clock.now()
            result: Any = feeding.take(params_of(node, ctx), ctx, wait, answer, now)
        elif resume is None:
            result = Output({node.out_ports[0]: ctx.input} if node.out_ports else {})
        else:
            if node.processing is not None:
                processing.before(node.processing, ctx)
            result = resume(params_of(node, ctx), ctx, wait, answer)
        result, checked = processing.after(node, ctx, result)
        writes = declared_writes(node, ctx.scope, result) if node.writes else ()
    except Exception as error:  # noqa: BLE001 - whatever a node raises is a value from here on
        info = error_info(node, error)
        found = error.checked if isinstance(error, processing.OutputRefused) else ()
        return replace_struct(
            failed(task.id, info, attempt=task.attempt, duration_s=0.0), checked=found
        )
    seconds = max(0.0, loop.env.clock.now() - task.now)
    outcome = from_result(
        task.id, result, attempt=task.attempt, duration_s=seconds, writes=writes, due=due
    )
    return replace_struct(outcome, checked=checked) if checked else outcome


def _context(loop: Driver, node: PlanNode, task: Task) -> AttemptContext:
    def ignore(update: object) -> None:
        del update

    return AttemptContext(
        loop.plan,
        node,
        task,
        loop.state,
        facts=loop.facts,
        services=loop.env.services,
        publish=ignore,
    )
