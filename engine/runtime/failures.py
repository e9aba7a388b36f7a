"""What becomes of a failed attempt: retried, asked about, handled, or fatal (U79-U82)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from engine.events import ErrorInfo
from engine.ids import Path, TaskId
from engine.model.node_types import Option, Request
from engine.model.plan import Plan, PlanNode
from engine.model.workflow import RetryPolicy
from engine.state.run_state import Task

Kind = Literal[
    "retry",
    "ask",
    "alternative",
    "continue",
    "error_port",
    "fallback_edge",
    "ignore",
    "item",
    "frame_retry",
    "frame",
    "fail",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happens next. `due_at` for a retry; `zone` for an item that may fail, or a frame."""

    kind: Kind
    due_at: float = 0.0
    zone: str = ""


#: The attempt that a frame is at, given the name of its row.
AttemptOf = Callable[[str], int]


#: Another way to do the work would not help with these.
_NO_FAILURE_OF_ITS_WORK = frozenset(
    {"conflict", "reducer", "undeclared_channel", "unrouted", "condition", "no_fallback", "vetoed"}
)


def judge(
    plan: Plan,
    error: ErrorInfo,
    *,
    task: Task,
    at: float,
    seed: int,
    attempt_of: AttemptOf | None = None,
) -> Verdict:
    """Return what happens with a failed attempt."""
    node, path = plan.nodes[task.node], task.path
    work = plan.work_of(task.node, task.using)
    doubtful = work.effects == "once" and not error.nothing_happened
    policy = work.node.retry
    counted = msgspec.structs.replace(error, attempt=error.attempt - task.since)
    if policy is not None and _may_retry(policy, counted):
        if doubtful:
            return Verdict(kind="ask")
        delay = retry_delay(policy, counted, task=task.id, seed=seed)
        return Verdict(kind="retry", due_at=at + delay)
    if task.using < len(node.alternatives) and error.code not in _NO_FAILURE_OF_ITS_WORK:
        # A person who has given a doubtful task up has said that nothing happened.
        if doubtful and error.code != "outcome_unknown":
            return Verdict(kind="ask")
        return Verdict(kind="alternative")
    if node.node.on_error != "fail":
        return Verdict(kind=node.node.on_error)
    found = boundary(plan, error, node.frames, path, at=at, seed=seed, attempt_of=attempt_of)
    again = found.kind == "frame_retry" and doubtful and error.code != "outcome_unknown"
    return Verdict(kind="ask") if again else found


def boundary(
    plan: Plan,
    error: ErrorInfo,
    frames: Sequence[str],
    path: Path,
    *,
    at: float,
    seed: int,
    attempt_of: AttemptOf | None,
) -> Verdict:
    """Return what takes a failure that its node does not handle: the innermost that does.

    Args:
        plan: of the run.
        error: the failure.
        frames: those around it, innermost first.
        path: the scopes that it happened in.
        at: now, for the delay of a retry.
        seed: of the run, for the same.
        attempt_of: how far the frames are.
    """
    for depth in range(len(path), -1, -1):
        for key in frames:
            frame = plan.frames[key]
            if frame.depth != depth:
                continue
            name, policy = frame.row(path), frame.does.retry
            attempt = attempt_of(name) if attempt_of is not None else 1
            counted = msgspec.structs.replace(error, attempt=attempt)
            if policy is not None and _may_retry(policy, counted):
                delay = retry_delay(policy, counted, task=TaskId(name), seed=seed)
                return Verdict(kind="frame_retry", due_at=at + delay, zone=key)
            if frame.catch:
                return Verdict(kind="frame", zone=key)
        if depth and may_lose_items(plan.nodes[path[depth - 1][0]]):
            return Verdict(kind="item", zone=path[depth - 1][0])
    return Verdict(kind="fail")


def may_lose_items(split: PlanNode) -> bool:
    """Return whether a For each goes on when one of its items fails."""
    return split.node.params.get("on_item_failure", "stop") in ("continue", "collect")


def _may_retry(policy: RetryPolicy, error: ErrorInfo) -> bool:
    names = {error.code, error.kind}
    if error.attempt >= policy.attempts or names & set(policy.give_up_on):
        return False
    return bool(names & set(policy.on)) if policy.on else error.retryable


def retry_delay(policy: RetryPolicy, error: ErrorInfo, *, task: TaskId, seed: int) -> float:
    """Return seconds to wait: exponential with full jitter, at least what was asked for.

    Full jitter: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog 2015.
    The draw depends on run, task and attempt alone, so that a replay draws the same.
    """
    ceiling = min(policy.max_delay_s, policy.delay_s * policy.factor ** (error.attempt - 1))
    if policy.jitter:
        draw = random.Random(f"{seed}/{task}/{error.attempt}")  # noqa: S311 - reproducible
        ceiling *= draw.random()
    return max(ceiling, error.retry_after_s or 0.0)


def outcome_unknown(node: PlanNode, task: TaskId, why: str) -> Request:
    """Return the question that the engine asks when a side effect may have happened."""
    title = node.node.title or node.key
    return Request(
        title=f"Did {title} happen?",
        body=(
            f"{why} {title} may not run twice, and nobody can tell from here whether its "
            "effect took place. Look at the other side, then choose."
        ),
        payload=None,
        options=(
            Option(key="happened", title="It happened: go on with this output", port=""),
            Option(key="again", title="It did not: run it again", port="", danger=True),
            Option(key="fail", title="Fail the task", port="", danger=True),
        ),
        system=True,
        about="outcome",
    )
