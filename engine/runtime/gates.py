"""The version gate: a node that is passed over while nothing that it reads has changed (U36).

Opt-in per node. What it saw is the versions of its channels at the commit that made its
last finished task ready; what it then put out goes on in its place. One memory of this
for each item of a For each.
"""

from __future__ import annotations

from engine.model.plan import Plan
from engine.runtime.outcome import Outcome
from engine.state.run_state import RunState, Task

REASON = "nothing that it reads has changed"


def pass_on(plan: Plan, state: RunState, task: Task) -> Outcome | None:
    """Return the outcome of a task that need not run, or None when it has to."""
    gate = state.gates.get(plan.memory_key(task.node, task.path))
    if gate is None or task.attempt > 1 or gate.versions != task.versions:
        return None
    return Outcome(
        task=task.id,
        kind="output",
        ports={port: state.value(ref) for port, ref in gate.outputs.items()},
        names=gate.outputs,
        route=gate.route,
        text=REASON,
        gated=True,
    )
