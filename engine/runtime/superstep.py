"""One commit, as a pure function: results in, delta and events out.

Order of operations (SEMANTICS, order of operations C): canonical order of the results,
conflicts and reducers, routing on the state after the writes, tokens and joins, waits,
counters and limits, report. `commit` never changes its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from engine.commands import AddItems, FinishItems
from engine.events import AnyEvent, ErrorInfo, SuperstepCommitted, TaskReady
from engine.ids import IdFactory, SeededIds, TaskId
from engine.model.node_types import Request
from engine.model.plan import Plan, PlanNode
from engine.runtime import breakpoints, frames, rounds
from engine.runtime.committing.admitting import admit
from engine.runtime.committing.ending import ending, failed_step, limit_step, rejected, summed_up
from engine.runtime.committing.failing import (
    break_join,
    give_turns,
    lose_item,
    time_out_frame,
)
from engine.runtime.committing.order import canonical, failed_items_last
from engine.runtime.committing.report import report
from engine.runtime.committing.routes import is_enough, route_item
from engine.runtime.committing.waits import ask, request_digest
from engine.runtime.committing.work import Work
from engine.runtime.committing.writes import merge, take_input
from engine.runtime.delivery import settle_all
from engine.runtime.facts import RunFacts, Step
from engine.runtime.growing import add_by_hand, at_work, finish_by_hand
from engine.runtime.invariants import Breach
from engine.runtime.items import fail_item, look_again
from engine.runtime.limits import ItemLost, LimitHit
from engine.runtime.moving import idle_items
from engine.runtime.outcome import Outcome
from engine.runtime.stuck import rule_out_missing
from engine.runtime.transition import ready_tasks
from engine.state.run_state import Delta, RunState, Task
from engine.state.status import RunStatus

Json = Any
__all__ = [
    "RunFacts",
    "Step",
    "begin",
    "commit",
    "end_of",
    "failed_step",
    "limit_step",
    "request_digest",
    "summed_up",
    "take_up",
]


def commit(
    plan: Plan,
    state: RunState,
    outcomes: Sequence[Outcome],
    facts: RunFacts,
    *,
    at: float,
    ids: IdFactory,
) -> Step:
    """Return the commit that admits `outcomes`.

    Each is of a task in ``state.tasks``, or says that a run in ``state.children`` ended.
    """
    work = Work(plan, state, facts, at=at, ids=ids)
    try:
        step = _admit_all(work, outcomes)
    except LimitHit as limit:
        return limit_step(plan, state, limit)
    except ItemLost as lost:
        return failed_step(plan, state, lost.error)
    except Breach as breach:
        return rejected(plan, state, breach)
    if state.breaks or state.until:
        return breakpoints.look(plan, state, facts, step, outcomes)
    return step


def begin(
    plan: Plan,
    state: RunState,
    facts: RunFacts,
    *,
    trigger: str | None,
    at: float,
    ids: IdFactory,
) -> Step:
    """Return commit 0: the sources get the run's input.

    Other triggers, and nodes that no run gets to, are ruled out, so that nothing waits for
    them.

    Raises:
        InvalidCommand: the channel that the input goes to refuses it.
    """
    work = Work(plan, state, facts, at=at, ids=ids)
    transition = work.transition
    if work.budget is not None:
        work.budget.open()
    transition.values["input"] = facts.input
    channel = plan.workflow.settings.input_to
    if channel is not None and facts.input is not None:
        take_input(work, channel)
    started = plan.sources if trigger is None or not plan.has_trigger else (trigger,)
    for key, node in plan.nodes.items():
        if key in started:
            if node.frames:
                frames.begin_in(transition, node, "input")
            transition.create(node, (), {"in": (("", "input"),)})
        elif not node.in_ports and node.role != "caught":
            if node.frames:
                frames.begin_in(transition, node, None)
            by = f"the run was started by {trigger}" if node.role == "trigger" else "it is no start"
            transition.skip(node, (), by)
    _carry(work)
    _settle_budgets(work)
    step = report(work, (), ended=ending(work, work.channels))
    return breakpoints.look(plan, state, facts, step) if state.breaks else step


def change_items(
    plan: Plan,
    state: RunState,
    facts: RunFacts,
    command: AddItems | FinishItems,
    *,
    at: float,
    ids: IdFactory,
) -> Step | None:
    """Return the commit that adds items to a For each at work, or lets its Collect go on.

    Returns:
        None where there is no such For each at work.

    Raises:
        LimitHit: the items would be too many.
    """
    work = Work(plan, state, facts, at=at, ids=ids)
    _look_into_zones(work)
    found = at_work(work.transition, command.node, command.within)
    if not found:
        return None
    try:
        for path, key, zone in found:
            split = plan.nodes[command.node]
            if isinstance(command, AddItems):
                add_by_hand(work.transition, split, path, command.items)
            else:
                finish_by_hand(work.transition, split, path, key, zone, command.reason)
        _carry(work)
    except ItemLost as lost:
        return failed_step(plan, state, lost.error)
    _settle_budgets(work)
    _leave_zones(work)
    return report(work, (), ended=ending(work, work.channels))


def take_up(plan: Plan, state: RunState, facts: RunFacts, *, at: float, ids: IdFactory) -> Step:
    """Return the commit that goes on with a state that was moved to another document.

    What the joins waited for may have gone, and items may have lost all that was left of them.
    """
    work = Work(plan, state, facts, at=at, ids=ids)
    _look_into_zones(work)
    for split, path in idle_items(plan, state):
        text = "nothing of it is left in the edited workflow"
        error = ErrorInfo(code="moved", message=text, node=split, path=path, retryable=False)
        fail_item(work.transition, split, path, msgspec.to_builtins(error))
    settle_all(work.transition)
    if state.frames:
        frames.take_up(work.transition)
    if work.budget is not None:
        work.budget.take_up(ready_tasks(state))
    _carry(work)
    _settle_budgets(work)
    _leave_zones(work)
    step = report(work, (), ended=ending(work, state.channels))
    known = {ready.task for ready in step.ready}
    waiting = [
        TaskReady(task.id, task.node, task.path, task.visit)
        for key in ready_tasks(state)
        if key not in known and key not in step.delta.drop_tasks and key not in step.delta.put_waits
        for task in [state.tasks[key]]
    ]
    if not waiting:
        return step
    step.events = [
        msgspec.structs.replace(event, ready=(*waiting, *event.ready))
        if isinstance(event, SuperstepCommitted)
        else event
        for event in step.events
    ]
    if state.status is not RunStatus.PAUSED and step.status is RunStatus.WAITING:
        step.delta.status = step.status = RunStatus.RUNNING
    return step


def end_of(plan: Plan, state: RunState, facts: RunFacts) -> tuple[AnyEvent | None, Delta]:
    """Return how a run ends of which nothing is left to do, and what that changes."""
    work = Work(plan, state, facts, at=facts.started_at, ids=SeededIds())
    return ending(work, state.channels), work.transition.delta()


def _look_into_zones(work: Work) -> None:
    """Let what is decided by an expression be decided where items begin and end."""
    if work.plan.zones:
        work.transition.route_item = partial(route_item, work)
        work.transition.is_enough = partial(is_enough, work)


def _leave_zones(work: Work) -> None:
    if work.plan.zones:  # else every commit is a cycle for the collector
        work.transition.route_item = work.transition.is_enough = None


def _admit_all(work: Work, outcomes: Sequence[Outcome]) -> Step:
    """Admit the outcomes in canonical order and return the commit."""
    timers: list[TaskId] = []
    if work.plan.has_timers:
        timers = sorted(outcome.task for outcome in outcomes if outcome.kind == "timer")
        outcomes = [outcome for outcome in outcomes if outcome.kind != "timer"]
    ends: list[Outcome] = []
    if work.state.children:
        outcomes, ends = work.others.split(outcomes)
    ordered = canonical(work, outcomes) if len(outcomes) > 1 else outcomes
    settled, channels = merge(work, [*ordered, *ends] if ends else ordered)
    if ends:
        ends = [each for each in settled if each.kind == "ended"]
        settled = [each for each in settled if each.kind != "ended"]
    if channels:
        work.transition.changed = frozenset(work.changed)
        work.transition.pin(channels)
        work.channels = {**work.state.channels, **channels}
    _look_into_zones(work)
    if work.budget is not None:
        work.budget.count_superstep()
    if ends:
        work.others.take_ends(ends, work.budget)
        work.fatal = work.others.failure
    for outcome in failed_items_last(work, settled):
        admit(work, outcome)
    if work.changed and not work.plan.decisive.isdisjoint(work.changed):
        look_again(work.transition, frozenset(work.changed))
    if timers:
        work.transition.carry()  # what arrives in this commit has come in time
        for timer in timers:
            if timer.startswith("["):
                time_out_frame(work, timer)
            else:
                rounds.time_out(work.transition, timer)
    _carry(work)
    _settle_budgets(work)
    _leave_zones(work)
    late = work.too_late
    admitted = tuple([o.task for o in settled if not late or o.task not in late])
    return report(work, admitted, ended=ending(work, work.channels))


def _settle_budgets(work: Work) -> None:
    """Start what has room now; a breach ends the run whatever else has failed (T70)."""
    if work.budget is not None:
        work.budget.settle(partial(_ask_for_budget, work))
        work.fatal = work.budget.fatal or work.fatal
        work.transition.budget = None  # as above: no cycle


def _ask_for_budget(work: Work, node: PlanNode, task: Task, request: Request, wanted: Json) -> None:
    ask(work, node, task, request, kind="budget", payload=wanted)


def _carry(work: Work) -> None:
    """Deliver the tokens. Where nothing is alive then, nothing more can come to a join."""
    transition = work.transition
    transition.carry()
    while True:
        if transition.broken:
            break_join(work, *transition.broken.pop(0))
        elif transition.lost:
            lose_item(work, *transition.lost.pop(0))
        elif not (work.plan.takes_turns and give_turns(work)):
            break
        transition.carry()
    if work.fatal is None and work.abort is None and not work.final:
        while not transition.tasks.size() and rule_out_missing(transition):
            transition.carry()
