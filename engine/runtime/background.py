"""Nodes that work in the background: handing over, and what a result writes (U58, T84)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from engine.events import ErrorInfo
from engine.ids import RunId
from engine.model.expressions import ExpressionError
from engine.model.node_types import Child, Output
from engine.model.plan import Plan, PlanNode
from engine.runtime import ledger
from engine.runtime.context import AttemptContext
from engine.runtime.outcome import ChildEnd, Outcome
from engine.state.run_state import Account, ChildState, RunState

Json = Any
#: The mode of children that are the work of a node in the background.
MODE: Final = "background"


def hand_over(node: PlanNode, ctx: AttemptContext) -> Output:
    """Let the input through at once, and ask for the run that does the work.

    Raises:
        ParamErrors: a parameter that is computed now cannot be.
    """
    work = node.background
    if work is None:
        return Output({})
    values = msgspec.to_builtins(work.handed.resolve(ctx.scope))
    document = work.document(values, ctx.scope["state"])
    child = Child(called=document, input=ctx.input, mode=MODE, title=node.node.title)
    return Output({work.port: ctx.input} if work.port else {}, child=child)


def ended(
    plan: Plan, state: RunState, row: ChildState, end: ChildEnd, given: Json, at: float
) -> Outcome:
    """Return what the end of a work means for the run: what it writes, or why it cannot.

    `given` was its input, `at` is in seconds since the epoch.
    """
    node = plan.nodes.get(row.node)
    work = node.background if node is not None else None
    if node is None or work is None or end.status != "completed" or not work.after:
        return Outcome(task=row.task, kind="ended", child_end=end)
    visible = {name: state.channels[name] for name in node.reads if name in state.channels}
    scope = {
        "input": given,
        "output": end.result,
        "state": visible,
        "vars": plan.workflow.settings.vars,
        "env": plan.env,
        "now": datetime.fromtimestamp(at, UTC),
    }
    try:
        writes = tuple(
            (channel, op, expr.evaluate(scope) if expr is not None else None)
            for channel, op, expr in work.after
        )
    except ExpressionError as error:
        return refused(Outcome(task=row.task, kind="ended", child_end=end), str(error))
    return Outcome(task=row.task, kind="ended", writes=writes, child_end=end)


def refused(outcome: Outcome, why: str) -> Outcome:
    """Return the end of a work whose result cannot be written: it has failed."""
    end = outcome.child_end
    if end is None:
        return outcome
    failed = msgspec.structs.replace(
        end, status="failed", result=None, reason=f"its result cannot be written: {why}"
    )
    return msgspec.structs.replace(outcome, writes=(), child_end=failed)


def failure(node: PlanNode, row: ChildState, end: ChildEnd) -> ErrorInfo:
    """Return the error of a run that fails because a work of it has failed."""
    why = f": {end.reason}" if end.reason else ""
    title = node.node.title or node.key
    return ErrorInfo(
        code="child_failed",
        message=f"{title} failed in the background: run {end.run} is {end.status}{why}",
        node=node.key,
        path=row.path,
        retryable=False,
        details={"run": end.run, "status": end.status},
    )


@dataclass(frozen=True, slots=True)
class Again:
    """How a work goes on once more: its row, and what is set aside for it; or why it cannot."""

    row: ChildState
    accounts: Mapping[str, Account] = field(default_factory=dict)
    holds: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""


def again(plan: Plan, state: RunState, row: ChildState, used: Mapping[str, float]) -> Again:
    """Set aside what a work may still use, where that is the run's to give.

    `used` is what it has used until now, by meter.
    """
    node = plan.nodes.get(row.node)
    work = node.background if node is not None else None
    if work is None or not work.counted:
        return Again(row)
    find = state.ledger.get
    found: dict[str, Account] = {}
    holds: dict[str, float] = {}
    for meter, amount in work.reserved.items():
        holds[meter] = rest = max(0.0, amount - used.get(meter, 0.0))
        for key in ledger.accounts_of_work(find, row.node, row.path, meter):
            account = find(key) or ledger.fresh(plan, key)
            if ledger.is_over(account.used + account.reserved + rest, account.limit):
                return Again(row, refused=f"the budget {meter} has no room for {rest:g}")
            found[key] = Account(account.limit, account.used, account.reserved + rest)
    return Again(row, found, holds)


def hand_on(state: RunState, works: Mapping[str, RunId]) -> None:
    """Let a state go on with other runs in place of its works, or without them.

    Args:
        state: of a fork; changed in place.
        works: run to the one that does the same in its place. What is set aside for a work
            that is done no more is given back; children of other modes are forgotten.
    """
    find = state.ledger.get
    rows, state.children = state.children, {}
    for run, row in rows.items():
        held = state.holds.pop(run, {})
        if run in works:
            status = "queued" if row.status == "queued" else "running"
            anew = msgspec.structs.replace(row, status=status)
            state.children[works[run]] = anew
            if held:
                state.holds[works[run]] = held
            continue
        for meter, amount in held.items():
            for key in list(ledger.accounts_of_work(find, row.node, row.path, meter)):
                old = find(key)
                if old is not None:
                    rest = max(0.0, old.reserved - amount)
                    state.ledger[key] = Account(old.limit, old.used, rest)
