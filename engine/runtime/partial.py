"""Runs of a part of a workflow: up to a node, from a node on recorded results, one node alone.

Pure, except for the one attempt of a node alone, which stores and publishes nothing (U64).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.errors import InvalidCommand
from engine.events import AnyUpdate, ErrorInfo, OutputChunk
from engine.ids import NodeKey, task_id
from engine.model.node_types import Request
from engine.model.plan import Plan, PlanNode
from engine.runtime.context import AttemptContext, Services
from engine.runtime.facts import RunFacts
from engine.runtime.outcome import Outcome
from engine.runtime.ports import Clock, RequestRecord
from engine.runtime.replay import RecordedCommit, outcomes_of
from engine.runtime.task_runner import start_attempt
from engine.state.run_state import RunState, Task, apply

Json = Any


def leading_to(plan: Plan, key: NodeKey) -> frozenset[NodeKey]:
    """Return a node and every node from which a wire, or several, lead to it."""
    return _spread(key, ((edge.target, edge.source) for edge in plan.edges.values()))


def behind(plan: Plan, key: NodeKey) -> frozenset[NodeKey]:
    """Return a node and every node that a wire, or several, lead to from it."""
    return _spread(key, ((edge.source, edge.target) for edge in plan.edges.values()))


def _spread(start: NodeKey, steps: Iterable[tuple[NodeKey, NodeKey]]) -> frozenset[NodeKey]:
    ways: dict[NodeKey, list[NodeKey]] = {}
    for here, there in steps:
        ways.setdefault(here, []).append(there)
    found: set[NodeKey] = set()
    stack = [start]
    while stack:
        key = stack.pop()
        if key not in found:
            found.add(key)
            stack += ways.get(key, ())
    return frozenset(found)


def check_node(plan: Plan, key: NodeKey) -> PlanNode:
    """Return the node of that key.

    Raises:
        InvalidCommand: there is none.
    """
    node = plan.nodes.get(key)
    if node is None:
        raise InvalidCommand(f"There is no node {key}; there are {', '.join(plan.nodes)}.")
    return node


# --- from a node, on the results of another run ---------------------------------------------


def recordings(
    plan: Plan,
    start: RunState,
    facts: RunFacts,
    commits: Sequence[RecordedCommit],
    requests: Mapping[Any, RequestRecord],
    node: NodeKey,
) -> dict[str, Json]:
    """Return the results of a run that a new run from `node` uses again, by task.

    Those are the last results of everything that had ended when the first task of the node
    became ready, and of everything that the node does not lead to.

    Args:
        plan: of the new run: what a node leads to is read from it.
        start: the earlier run's state at commit 0.
        facts: of the earlier run.
        commits: of the earlier run, after commit 0.
        requests: its barrier requests.
        node: where the new run begins to run again.

    Raises:
        InvalidCommand: the earlier run never came to the node.
    """
    state = start.copy()
    again = behind(plan, node)
    found: dict[str, Json] = {}
    reached = any(task.node == node for task in state.tasks.values())
    for commit in commits:
        for outcome in outcomes_of(plan, state, commit, requests):
            task = state.tasks[outcome.task]
            # What a stream has brought is not kept: it is read again.
            known = plan.nodes.get(task.node)
            is_read = known is not None and known.stream is not None
            if is_read or outcome.kind in ("item", "wait", "woken", "abort"):
                continue
            if reached and task.node in again:
                continue
            found[outcome.task] = msgspec.to_builtins(_as_recording(outcome))
        apply(state, commit.delta, facts.specs, commit.number)
        reached = reached or any(task.node == node for task in state.tasks.values())
    if not reached:
        raise InvalidCommand(
            f"Run {facts.run} never came to {node}, so there is nothing to begin there with; "
            "choose a run that did, or run the workflow from its start."
        )
    return found


def _as_recording(outcome: Outcome) -> Outcome:
    """Return an outcome as another run may admit it: no decision and no name of that run.

    It has been paid for already.
    """
    return msgspec.structs.replace(
        outcome, recorded=True, taken=None, due=False, names={}, spent={}
    )


def recorded_outcome(recording: Json) -> Outcome:
    """Return the outcome that `recordings` made a value of."""
    return msgspec.convert(recording, Outcome)


# --- one node alone -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of running one node alone. Nothing of it is stored.

    Attributes:
        outputs: output port to value. `writes`: (channel, op, value) that it would write.
        error: why it failed, or None. `asks`: what it would ask a person, or None.
        waits: in words what it would wait for, or empty. `note`: its own words.
        log: (stream, text) that it said while it ran.
    """

    node: NodeKey
    inputs: Mapping[str, Json]
    outputs: Mapping[str, Json] = field(default_factory=dict)
    writes: tuple[tuple[str, str, Json], ...] = ()
    error: ErrorInfo | None = None
    asks: Request | None = None
    waits: str = ""
    note: str = ""
    duration_s: float = 0.0
    log: tuple[tuple[str, str], ...] = ()


async def try_node(
    plan: Plan,
    node: PlanNode,
    state: RunState,
    facts: RunFacts,
    task: Task | None,
    inputs: Mapping[str, Json] | None,
    *,
    services: Services,
    clock: Clock,
) -> Trial:
    """Make one attempt of a node, without retries, and tell what came of it.

    Args:
        plan: with the node as it is now.
        node: the node.
        state: where its channels and the outputs of other nodes come from; left as it is.
        facts: what it sees as `run`.
        task: a task of it in `state`, whose captured inputs it gets; else one is made up.
        inputs: input port to value, in place of the captured ones.
        services: where its work leaves the loop.
        clock: for its times.
    """
    log: list[tuple[str, str]] = []

    def hear(update: AnyUpdate) -> None:
        if isinstance(update, OutputChunk):
            log.append((update.stream, update.text))

    if task is None:
        task = Task(
            id=task_id(node.key), node=node.key, path=(), visit=0, order=0, ready_at=state.commit,
            now=clock.now(), nodes=_outputs_for(node, state),
        )  # fmt: skip
    ctx = AttemptContext(plan, node, task, state, facts=facts, services=services, publish=hear)
    if inputs is not None:
        ctx.replace_inputs(inputs)
    made = start_attempt(plan, node, task, ctx, clock)
    outcome = made if isinstance(made, Outcome) else await made
    wait = outcome.wait
    return Trial(
        node=node.key,
        inputs=ctx.inputs,
        outputs=outcome.ports,
        writes=outcome.writes,
        error=outcome.error,
        asks=wait.request if wait is not None else None,
        waits=(wait.text or wait.kind) if wait is not None and wait.request is None else "",
        note=outcome.text,
        duration_s=outcome.duration_s,
        log=tuple(log),
    )


def _outputs_for(node: PlanNode, state: RunState) -> dict[NodeKey, str]:
    """Return the outputs outside every zone of the nodes that it reads."""
    found = {name: state.outputs.get(f"{name}@") for name in node.read_nodes}
    return {name: ref for name, ref in found.items() if ref is not None}
