"""Move the budgets of a run to an edited document: what is used stays used. Pure (U87, U99)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from engine.ids import NodeKey, TaskId
from engine.model.plan import Plan
from engine.runtime import ledger
from engine.state.run_state import Account, RunState, Task


@dataclass(slots=True)
class MovedLedger:
    """The accounts and reservations of now; `lost`: (account, reason) of what has no place."""

    ledger: dict[str, Account] = field(default_factory=dict)
    holds: dict[str, dict[str, float]] = field(default_factory=dict)
    lost: list[tuple[str, str]] = field(default_factory=list)


def move_ledger(
    old: Plan,
    new: Plan,
    before: RunState,
    state: RunState,
    *,
    nodes: Mapping[NodeKey, NodeKey],
    scope_of: Callable[[str], str | None],
    tasks: Mapping[TaskId, Task],
) -> MovedLedger:
    """Return the ledger as it goes on with another plan.

    An account keeps its limit, which a person may have raised, unless the document has
    another one now. What is reserved is added up again from what was moved.

    Args:
        old: the plan that `before` belongs to.
        new: the one that the run goes on with.
        before: the state at the last commit.
        state: the one that goes on; its zones are there.
        nodes: keys of then to keys of now.
        scope_of: the scope of now that one of then has become, or None.
        tasks: id of then to the task of now.
    """
    made = MovedLedger()
    orphaned: list[tuple[str, float]] = []
    for key, account in before.ledger.items():
        name, reason = _name_of(old, new, state, key, nodes, scope_of)
        if reason:
            made.lost.append((key, reason))
            if "@" in key and _is_same(old, new, ledger.meter_of(key)):
                orphaned.append((key, account.used))
            continue
        limit = account.limit
        if "@" not in key and ledger.fresh(old, key).limit != ledger.fresh(new, name).limit:
            limit = ledger.fresh(new, name).limit
        made.ledger[name] = Account(limit, account.used, 0.0)
    for key, used in orphaned:  # what a lost item has used, the scope around it has used
        meter, _, scope = key.partition("@")
        inner = scope_of(scope)
        _add(new, made, _around(made, f"{meter}@{inner}") if inner else meter, used=used)
    for name, account in list(made.ledger.items()):
        if "@" in name:
            _add(new, made, _around(made, name), reserved=account.limit or 0.0)
    _move_holds(old, new, before, made, nodes=nodes, tasks=tasks)
    return made


def _move_holds(
    old: Plan,
    new: Plan,
    before: RunState,
    made: MovedLedger,
    *,
    nodes: Mapping[NodeKey, NodeKey],
    tasks: Mapping[TaskId, Task],
) -> None:
    """Add up again what is reserved for tasks, and for works in the background."""
    for then, amounts in before.holds.items():
        task, row = tasks.get(TaskId(then)), before.children.get(then)
        kept = {m: amount for m, amount in amounts.items() if _is_same(old, new, m)}
        if (task is None and row is None) or not kept:
            continue
        made.holds[task.id if task is not None else then] = kept
        for meter, amount in kept.items():
            find = made.ledger.get
            if task is not None:
                names = ledger.accounts_of(find, new.nodes[task.node], task.path, meter)
            elif row is not None:
                key = nodes.get(row.node, row.node)
                names = ledger.accounts_of_work(find, key, row.path, meter)
            else:
                continue
            for name in list(names):
                _add(new, made, name, reserved=amount)


def _is_same(old: Plan, new: Plan, meter: str) -> bool:
    """Return whether a meter is there still and measures the same."""
    then, now = old.workflow.settings.meters.get(meter), new.workflow.settings.meters.get(meter)
    return (
        then is not None
        and now is not None
        and (then.measure, then.unit)
        == (
            now.measure,
            now.unit,
        )
    )


def _name_of(
    old: Plan,
    new: Plan,
    state: RunState,
    key: str,
    nodes: Mapping[NodeKey, NodeKey],
    scope_of: Callable[[str], str | None],
) -> tuple[str, str]:
    """Return the name that an account has now, and why it has none."""
    meter = ledger.meter_of(key)
    if not _is_same(old, new, meter):
        return "", "the meter is gone, or measures something else"
    if "@" in key:
        scope = scope_of(key.partition("@")[2])
        parts = scope.split(",") if scope else []
        zones = [
            f"{part.rpartition('.')[0]}@{','.join(parts[:depth])}"
            for depth, part in enumerate(parts)
        ]
        if not parts or any(zone not in state.zones for zone in zones):
            return "", "its item is gone"
        return f"{meter}@{scope}", ""
    if "!" in key:
        frame = new.frames.get(key.partition("!")[2])
        if frame is None or meter not in frame.does.meters:
            return "", "the frame is gone, or has no limit of its own any more"
        return key, ""
    if "/=" in key:
        return key, ""
    if "/" in key:
        node = nodes.get(key.partition("/")[2])
        if node is None or all(d.meter != meter or d.limit is None for d in new.nodes[node].draws):
            return "", "the node is gone, or has no limit of its own any more"
        return ledger.node_key(meter, node), ""
    return key, ""


def _around(made: MovedLedger, share: str) -> str:
    """Return the account in which a share is reserved."""
    meter, _, scope = share.partition("@")
    parts = scope.split(",")[:-1]
    while parts:
        name = f"{meter}@{','.join(parts)}"
        if name in made.ledger:
            return name
        parts.pop()
    return meter


def _add(
    new: Plan, made: MovedLedger, name: str, *, used: float = 0.0, reserved: float = 0.0
) -> None:
    account = made.ledger.get(name) or ledger.fresh(new, name)
    made.ledger[name] = msgspec.structs.replace(
        account, used=account.used + used, reserved=account.reserved + reserved
    )
