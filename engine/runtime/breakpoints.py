"""Looks whether a commit has come to a breakpoint; then the commit itself pauses the run (U63).

The pause is part of the commit that came to it, so that it survives a crash, and looking
happens when a task becomes ready, so that going on passes it once. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine import events as ev
from engine.errors import InvalidCommand
from engine.events import BreakpointHit, TaskReady
from engine.ids import NodeKey, TaskId
from engine.model.expressions import OUTPUT_NAME, ExpressionError, compile_expression
from engine.model.plan import Plan
from engine.runtime.facts import RunFacts, Step
from engine.runtime.outcome import Outcome
from engine.runtime.scope import input_of, inputs_of, task_scope
from engine.state.run_state import RunState, Task, apply
from engine.state.status import ENDED, RunStatus
from engine.stops import Breakpoint

Json = Any
#: After one of these a node has been run to.
_ENDS = (ev.TaskFinished, ev.TaskFailed, ev.TaskSkipped)


def check(plan: Plan, breakpoints: Iterable[Breakpoint]) -> dict[str, Breakpoint]:
    """Return the breakpoints by their keys.

    Raises:
        InvalidCommand: a node does not exist, or a condition is no expression.
    """
    found: dict[str, Breakpoint] = {}
    for each in breakpoints:
        if each.node and each.node not in plan.nodes:
            known = ", ".join(plan.nodes)
            raise InvalidCommand(f"There is no node {each.node} to stop at; there are {known}.")
        if not each.node and each.at in ("before", "after"):
            raise InvalidCommand(f"A breakpoint {each.at} a node needs the key of the node.")
        if each.condition:
            try:
                compile_expression(each.condition)
            except ExpressionError as error:
                raise InvalidCommand(f"The breakpoint {each.words} cannot work: {error}") from error
        found[each.key] = each
    return found


def look(
    plan: Plan,
    state: RunState,
    facts: RunFacts,
    step: Step,
    outcomes: Sequence[Outcome] = (),
    *,
    breaks: Mapping[str, Breakpoint] | None = None,
    ready: Sequence[TaskReady] = (),
) -> Step:
    """Return the commit, with a pause in it when it has come to a breakpoint.

    Args:
        plan: of the run.
        state: as it is before the commit.
        facts: of the run.
        step: the commit.
        outcomes: what it admitted.
        breaks: other breakpoints than those of the state.
        ready: tasks to look at besides those that the commit makes ready.
    """
    breaks = state.breaks if breaks is None else breaks
    hits = list(_Looking(plan, state, facts, step, outcomes, breaks).hits(ready))
    arrived = bool(state.until) and any(
        isinstance(event, _ENDS) and event.node == state.until for event in step.events
    )
    if not hits and not arrived:
        return step
    events = list(step.events)
    place = next(n for n, e in enumerate(events, 1) if isinstance(e, ev.SuperstepCommitted))
    news: list[ev.AnyEvent] = [*hits]
    delta, status = step.delta, step.status
    if status not in ENDED:
        if state.status is not RunStatus.PAUSED:
            reasons = [f"ran to {state.until}"] if arrived else []
            reasons += [_reason(hit) for hit in hits]
            news.append(ev.RunPaused(reason="; ".join(reasons)))
        status = RunStatus.PAUSED
        delta = msgspec.structs.replace(delta, status=status)
    events[place:place] = news
    return msgspec.structs.replace(step, events=events, delta=delta, status=status)


def _reason(hit: BreakpointHit) -> str:
    text = "breakpoint " + Breakpoint(node=hit.node, at=hit.at, condition=hit.condition).words  # type: ignore[arg-type] # of a Breakpoint
    return f"{text} (its condition failed: {hit.problem})" if hit.problem else text


class _Looking:
    """One commit and the breakpoints that it may have come to."""

    def __init__(
        self,
        plan: Plan,
        state: RunState,
        facts: RunFacts,
        step: Step,
        outcomes: Sequence[Outcome],
        breaks: Mapping[str, Breakpoint],
    ) -> None:
        self.plan = plan
        self.state = state
        self.facts = facts
        self.step = step
        self.outcomes = {outcome.task: outcome for outcome in outcomes}
        self.breaks = breaks
        self._after: RunState | None = None

    def hits(self, ready: Sequence[TaskReady]) -> Iterable[BreakpointHit]:
        for event in self.step.events:
            match event:
                case ev.TaskFinished():
                    yield from self._at("after", event.task, event.node)
                case ev.TaskFailed() | ev.TaskRetried() | ev.AlternativeTaken():
                    yield from self._at("error", event.task, event.node)
                case ev.SuperstepCommitted():
                    if event.admitted:
                        yield from self._at("commit", TaskId(""), "")
                    for each in event.ready:
                        yield from self._at("before", each.task, each.node)
                case _:
                    pass
        for each in ready:
            yield from self._at("before", each.task, each.node)

    def _at(self, place: str, task: TaskId, node: NodeKey) -> Iterable[BreakpointHit]:
        found = self.breaks.get(f"{place}:{node}")
        if found is None and place == "error":
            found = self.breaks.get("error:")
        if found is None:
            return
        problem = ""
        if found.condition:
            try:
                if not compile_expression(found.condition).evaluate(self._scope(place, task, node)):
                    return
            except ExpressionError as error:
                problem = str(error)  # better to stop once too often than to run past it
        yield BreakpointHit(
            task=task, node=node, at=place, condition=found.condition, problem=problem
        )

    def _scope(self, place: str, task_id: TaskId, node: NodeKey) -> Mapping[str, Json]:
        """What the condition sees: the task as it is, and all channels after the commit."""
        after = self._state_after()
        state = after if place == "before" else self.state
        task = state.tasks.get(task_id)
        scope: dict[str, Json] = {}
        if task is not None:
            scope = self._task_scope(task, node, state)
        scope |= {
            "state": after.channels,
            "vars": self.plan.workflow.settings.vars,
            "env": self.plan.env,
            "run": self.facts.scope,
        }
        outcome = self.outcomes.get(task_id)
        if place == "after" and outcome is not None:
            scope[OUTPUT_NAME] = next(iter(outcome.ports.values()), None)
        if place == "error" and outcome is not None:
            scope[OUTPUT_NAME] = msgspec.to_builtins(outcome.error)
        return scope

    def _task_scope(self, task: Task, node: NodeKey, state: RunState) -> dict[str, Json]:
        plan_node = self.plan.nodes[node]
        value = input_of(plan_node, inputs_of(plan_node, task, state))
        return task_scope(self.plan, plan_node, task, state, self.facts.scope, value)

    def _state_after(self) -> RunState:
        if self._after is None:
            self._after = self.state.copy()
            apply(self._after, self.step.delta, self.facts.specs, self.state.commit + 1)
        return self._after
