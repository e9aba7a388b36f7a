"""What a run leaves behind when it fails or is cancelled: questions, children. Pure.

Its tasks stay for a resume. Nobody can answer for a run that has ended, so its questions are
withdrawn with the reason; a resume comes to them again. A child that a task waits for is
cancelled, and goes on with that task; tracked ones follow their end policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from engine import events as ev
from engine.ids import NodeKey, RequestId, RunId, TaskId
from engine.model.plan import Plan
from engine.model.workflow import Background
from engine.runtime import background
from engine.state.run_state import ChildState, ParkedWait, RunState


@dataclass(slots=True)
class Leaving:
    """What becomes of questions and children.

    Attributes:
        events: what is told. `closed`: questions that are withdrawn, as a commit closes them.
        drop_waits: waits that are over; their tasks come to them again.
        orphans: runs to cancel.
        put_children: works that go on when the run is resumed. `drop_children`: runs that are
            not tracked any more.
    """

    events: list[ev.AnyEvent] = field(default_factory=list)
    closed: list[tuple[RequestId, str]] = field(default_factory=list)
    drop_waits: list[TaskId] = field(default_factory=list)
    orphans: list[RunId] = field(default_factory=list)
    put_children: dict[str, ChildState] = field(default_factory=dict)
    drop_children: list[str] = field(default_factory=list)


def end_policy(plan: Plan, row: ChildState) -> Background:
    """Return what becomes of a tracked child at the end of its run."""
    node = plan.nodes.get(row.node)
    work = node.background if node is not None else None
    if work is not None and row.mode == background.MODE:
        return work.at_end
    return plan.workflow.settings.background


def leave(state: RunState, reason: str, *, plan: Plan | None = None) -> Leaving:
    """Return what a run leaves behind.

    Args:
        state: of the run at its last commit.
        reason: why, for those who were asked.
        plan: says what its children do when it fails; without it, it is cancelled, and so
            are all of them.
    """
    nodes = {task.id: task.node for task in state.tasks.values()}
    return leave_rows(state.waits.values(), nodes, state.children, reason, plan=plan)


def leave_rows(
    waits: Iterable[ParkedWait],
    nodes: Mapping[TaskId, NodeKey],
    children: Mapping[str, ChildState],
    reason: str,
    *,
    plan: Plan | None,
) -> Leaving:
    """Return what a run leaves behind of these rows; see `leave`."""
    left = Leaving()
    for wait in waits:
        if wait.kind == "child" and wait.payload.get("own"):
            left.orphans.append(RunId(wait.payload["run"]))
            left.drop_waits.append(wait.task)  # resuming goes on with the same child
        elif wait.request is not None:
            left.closed.append((wait.request, "withdrawn"))
            left.drop_waits.append(wait.task)
            node = nodes[wait.task]
            left.events.append(
                ev.BarrierWithdrawn(request=wait.request, task=wait.task, node=node, reason=reason)
            )
    for run, row in children.items():
        if plan is not None and end_policy(plan, row) == "detach":
            continue  # it runs on, and is tracked again by a resume
        left.orphans.append(RunId(run))
        if row.mode != background.MODE:
            left.drop_children.append(run)
        elif row.status == "running":
            left.put_children[run] = msgspec.structs.replace(row, status="failed")
    return left
