"""What the rooms of one commit share: what it reads, and what it has come to so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.events import ErrorInfo
from engine.ids import IdFactory, NodeKey, TaskId
from engine.model.plan import Plan
from engine.runtime import routing
from engine.runtime.budget import Budget
from engine.runtime.facts import RunFacts
from engine.runtime.others import Others
from engine.runtime.outcome import Outcome
from engine.runtime.ports import RequestRecord
from engine.runtime.transition import Transition
from engine.state.run_state import RunState, Task
from engine.state.writes import ChannelOp

Json = Any
#: The two ends of a Loop.
LOOPS = frozenset({"loop", "until"})


class Work:
    """The working area of one commit.

    Attributes:
        channels: as they are after the writes. `ops`: the writes; `changed`: what they changed.
        routes: the ways of the results that succeed.
        fatal: the failure that ends the run. `abort`: why a node ended it.
        final: whether an End said that nothing else matters.
        too_late: tasks whose item has ended in this very commit.
    """

    def __init__(
        self, plan: Plan, state: RunState, facts: RunFacts, *, at: float, ids: IdFactory
    ) -> None:
        self.plan = plan
        self.state = state
        self.facts = facts
        self.at = at
        self.ids = ids
        self.channels: Mapping[str, Json] = state.channels
        self.transition = Transition(plan, state, at=at, commit=state.commit + 1)
        self.ops: list[ChannelOp] = []
        self.changed: tuple[str, ...] = ()
        self.requests: list[RequestRecord] = []
        self.decisions: list[int] = []
        self.others = Others(self.transition, facts.run, at=at)
        self.routes: dict[TaskId, routing.Routes] = {}
        self.fatal: ErrorInfo | None = None
        self.abort: str | None = None
        self.final = False
        self.too_late: set[TaskId] = set()
        self.budget = (
            Budget(plan, self.transition, at=at) if plan.workflow.settings.meters else None
        )
        self.transition.budget = self.budget

    def task_of(self, outcome: Outcome) -> Task:
        """Return the task that a result is of."""
        return self.state.tasks[outcome.task]

    def node_of(self, outcome: Outcome) -> NodeKey:
        """Return the node that a result is of; it may come from its work in the background."""
        if outcome.kind == "ended" and outcome.child_end is not None:
            return self.others.node_of(outcome.child_end)
        return self.state.tasks[outcome.task].node
