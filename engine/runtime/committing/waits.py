"""The waits and requests that a commit opens, and those that it closes."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from engine import events as ev
from engine.model.node_types import Request
from engine.model.plan import PlanNode
from engine.runtime import invariants
from engine.runtime.committing.work import Work
from engine.runtime.outcome import Outcome
from engine.runtime.ports import RequestRecord
from engine.runtime.transition import REACHING
from engine.state.run_state import ParkedWait, Task

Json = Any

#: What a request is about to the kind of the wait.
_WAITS_FOR = {"": "approval", "outcome": "unknown_outcome", "invariant": "held", "budget": "budget"}


def close_wait(work: Work, task: Task, outcome: Outcome) -> None:
    """End the wait that a result comes after, and report how it ended."""
    wait = work.state.waits.get(task.id)
    if wait is None:
        return
    taken = outcome.taken
    if wait.kind in REACHING:
        work.others.close(wait, outcome)
    if outcome.heard is not None:
        work.others.take(task, outcome.heard)
    elif outcome.child_end is not None:
        work.others.child_ended(task.id, task.node, outcome.child_end)
    elif taken is not None:
        work.decisions.append(taken.decision)
        if taken.expired:
            work.transition.events.append(
                ev.BarrierExpired(
                    request=taken.request, task=task.id, node=task.node, default=taken.choice
                )
            )
        work.transition.events.append(
            ev.BarrierDecided(
                request=taken.request,
                task=task.id,
                node=task.node,
                choice=taken.choice,
                by=taken.by,
                through=taken.through,
                comment=taken.comment,
                port=next(iter(outcome.ports), ""),
                changed=taken.changed,
                delay_s=taken.delay_s,
            )
        )
    else:
        work.transition.events.append(
            ev.WaitEnded(
                task=task.id,
                node=task.node,
                kind=wait.kind,
                reason="tried again" if wait.kind == "budget" else "due",
            )
        )


def park(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """Let a task wait, for a person or for anything else."""
    wait = outcome.wait
    if wait is None:
        return
    if wait.request is not None:
        kind = _WAITS_FOR[wait.request.about]
        if kind == "held":
            work.transition.events.append(invariants.breach_event(wait.request, task.id, node.key))
        ask(work, node, task, wait.request, kind=kind, payload=wait.payload)
        return
    work.transition.waits.put(
        task.id,
        ParkedWait(
            task=task.id,
            kind=wait.kind,
            opened_at=work.at,
            due_at=wait.due_at,
            text=wait.text,
            payload=wait.payload,
        ),
    )
    if outcome.made is not None:
        work.others.child_made(task, outcome.made)
    if wait.kind == "event":
        work.others.listen(task, wait)
    work.transition.events.append(
        ev.WaitOpened(
            task=task.id, node=task.node, kind=wait.kind, due_at=wait.due_at, text=wait.text
        )
    )


def ask(
    work: Work, node: PlanNode, task: Task, request: Request, *, kind: str, payload: Json = None
) -> None:
    """Open a barrier request: a row, not an exception."""
    name = work.ids.request_id()
    deadline = work.at + request.timeout_s if request.timeout_s else None
    digest = request_digest(request, work.plan.revision)
    work.requests.append(
        RequestRecord(
            request=name,
            run=work.facts.run,
            task=task.id,
            node=node.key,
            workflow=work.plan.workflow.name,
            revision=work.plan.revision,
            content=request,
            digest=digest,
            opened_at=work.at,
            deadline=deadline,
        )
    )
    work.transition.waits.put(
        task.id,
        ParkedWait(
            task=task.id,
            kind=kind,
            opened_at=work.at,
            due_at=deadline,
            request=name,
            text=request.title,
            payload=payload,
        ),
    )
    work.transition.events.append(
        ev.BarrierOpened(
            request=name,
            task=task.id,
            node=node.key,
            title=request.title,
            digest=digest,
            opened_at=work.at,
            deadline=deadline,
            default=request.default,
        )
    )


def request_digest(request: Request, revision: str) -> str:
    """Return the SHA-256 of what a person is shown, with the plan that will act on it."""
    body = msgspec.json.encode([msgspec.to_builtins(request), revision], order="deterministic")
    return hashlib.sha256(body).hexdigest()
