"""Whether a run ends with a commit, and how: a result, stuck, failed, cancelled, at a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine import events as ev
from engine.events import AnyEvent, ErrorInfo
from engine.ids import TaskId, scope_key
from engine.model.expressions import ExpressionError
from engine.model.plan import Plan
from engine.runtime.committing.work import Work
from engine.runtime.facts import Step
from engine.runtime.growing import room
from engine.runtime.invariants import Breach
from engine.runtime.leaving import leave
from engine.runtime.limits import LimitHit
from engine.runtime.stuck import blocked
from engine.state.run_state import Delta, RunState, Task
from engine.state.status import RunStatus

Json = Any


def rejected(plan: Plan, state: RunState, breach: Breach) -> Step:
    """Return the commit that keeps nothing and ends the run; it names the invariant."""
    task = breach.writers[-1] if breach.writers else TaskId("")
    row = state.tasks.get(task)  # none where its work in the background has ended
    node = row.node if row is not None else ""
    event = ev.InvariantBroken(
        task=task,
        node=node,
        invariant=breach.invariant.name,
        message=str(breach),
        writers=breach.writers,
        handled="fail",
    )
    return failed_step(plan, state, breach.error(node), event)


def ending(work: Work, channels: Mapping[str, Json]) -> AnyEvent | None:
    """Return the event that ends the run, or None while something is alive."""
    transition = work.transition
    if work.fatal is not None:
        return _failed(work, work.fatal)
    if work.abort is not None or work.final:
        _end_others(work, "the run was ended")
        work.others.leave_children(now=True, budget=work.budget)
        if work.abort is not None:
            return ev.RunCancelled(reason=work.abort)
    changes = transition.tasks.changes
    failures = _failures(work)
    if failures:
        others = {**work.state.tasks, **changes}
        going_on = [row for key, row in others.items() if row is not None and key not in failures]
        if not all(_is_full(work, row) for row in going_on):
            return None
        return _failed(work, summed_up(failures))
    alive = any(changes.get(key, task) is not None for key, task in work.state.tasks.items())
    if alive or any(task is not None for task in changes.values()):
        return None
    if work.others.leave_children(now=False, budget=work.budget):
        return None
    stuck = [] if work.final else blocked(transition)
    if stuck:
        text = "Nothing can run any more: " + "; ".join(stuck)
        return ev.RunFailed(error=ErrorInfo(code="deadlock", message=text, retryable=False))
    try:
        result = _result(work, channels)
        transition.clear(everything=work.final)
        return ev.RunFinished(result=result)
    except ExpressionError as error:
        text = f"The result expression of the workflow failed: {error}"
        return ev.RunFailed(error=ErrorInfo(code="result", message=text, retryable=False))


def _failed(work: Work, error: ErrorInfo) -> AnyEvent:
    """Return the event of a failure; nobody is asked and nobody works for the run any more."""
    work.others.leave(why_left(error))
    return ev.RunFailed(error=error)


def why_left(error: ErrorInfo) -> str:
    """Return why those who were asked need not answer."""
    return f"the run failed: {error.message}"


def _is_full(work: Work, task: Task) -> bool:
    """Whether a task only reads a stream for items whose places are taken by failed ones."""
    if work.plan.nodes[task.node].stream is None:
        return False
    zone = work.transition.zones.get(f"{task.node}@{scope_key(task.path)}")
    return zone is not None and not room(zone, task.id, 1)


def _failures(work: Work) -> dict[str, Json]:
    """Return the failures that the run goes on after, those of this commit too."""
    if work.plan.workflow.settings.on_failure == "fail_fast":
        return {}
    new = work.transition.failures.changes
    return {k: v for k, v in {**work.state.failures, **new}.items() if v is not None}


def _end_others(work: Work, reason: str) -> None:
    tasks = {**work.state.tasks, **work.transition.tasks.changes}
    for task in tasks.values():
        if task is not None:
            work.transition.end(task, reason)
    work.transition.ready.clear()


def _result(work: Work, channels: Mapping[str, Json]) -> Json:
    if work.plan.result is not None:
        scope = {
            "input": work.facts.input,
            "state": channels,
            "nodes": {
                name: work.transition.value(ref)
                for name in work.plan.kept
                if (ref := work.transition.output_for(name, ())) is not None
            },
            "vars": work.plan.workflow.settings.vars,
            "env": work.plan.env,
            "run": work.facts.scope,
            "loop": {},
            "now": None,
        }
        return work.plan.result.evaluate(scope)
    results = {**work.state.results, **work.transition.results}
    return next(iter(results.values())) if len(results) == 1 else (results or None)


def summed_up(failures: Mapping[str, Json]) -> ErrorInfo:
    """Return one error that tells of all of them."""
    errors = [msgspec.convert(each, ErrorInfo) for each in failures.values()]
    if len(errors) == 1:
        return errors[0]
    words = "; ".join(error.message for error in errors[:5])
    more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
    return ErrorInfo(
        code="several",
        message=f"{len(errors)} tasks failed: {words}{more}",
        node=errors[0].node,
        retryable=False,
        details=list(failures.values()),
    )


def limit_step(plan: Plan, state: RunState, limit: LimitHit) -> Step:
    """Return the commit that ends a run at a limit; it names the limit."""
    error = ErrorInfo(code="limit", message=str(limit), node=limit.node, retryable=False)
    hit = ev.LimitReached(limit=limit.limit, value=limit.value, node=limit.node)
    return failed_step(plan, state, error, hit)


def failed_step(plan: Plan, state: RunState, error: ErrorInfo, *before: AnyEvent) -> Step:
    """Return the commit that ends a run and changes nothing, so that it can be made again.

    Only its questions are withdrawn, and its children do what is set for its end.
    """
    left = leave(state, why_left(error), plan=plan)
    return Step(
        delta=Delta(
            status=RunStatus.FAILED,
            drop_waits=list(left.drop_waits),
            drop_children=left.drop_children,
            put_children=left.put_children,
        ),
        events=[
            *before,
            *left.events,
            ev.SuperstepCommitted(commit=state.commit + 1),
            ev.RunFailed(error=error),
        ],
        closed=left.closed,
        orphans=left.orphans,
        status=RunStatus.FAILED,
    )
