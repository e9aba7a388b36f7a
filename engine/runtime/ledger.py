"""Which accounts a task draws on, and how much room they have (U87, U88). Pure.

A meter has one account for the run. A For each with even shares gives each item an account
of its own, whose limit is reserved in the one around it; a node with a limit has one beside,
and so has a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.ids import NodeKey, Path, scope_key
from engine.model.plan import Plan, PlanNode
from engine.state.run_state import Account, RunState, Task

Json = Any
Find = Callable[[str], Account | None]


def is_over(used: float, limit: float | None) -> bool:
    """Return whether more is used than the limit; rounding of sums does not count."""
    return limit is not None and used > limit + 1e-9 * max(1.0, abs(limit))


def share_key(meter: str, path: Path) -> str:
    """Return the name of the account of an item, or of the run for the empty path."""
    return f"{meter}@{scope_key(path)}" if path else meter


def node_key(meter: str, node: NodeKey) -> str:
    """Return the name of a node's own account."""
    return f"{meter}/{node}"


def frame_key(meter: str, frame: str) -> str:
    """Return the name of the account of a frame."""
    return f"{meter}!{frame}"


def meter_of(key: str) -> str:
    """Return the meter that an account belongs to."""
    return key.partition("@")[0].partition("/")[0].partition("!")[0]


def nearest(find: Find, meter: str, path: Path) -> str:
    """Return the account that a scope draws on: the innermost share, or that of the run."""
    for length in range(len(path), 0, -1):
        key = share_key(meter, path[:length])
        if find(key) is not None:
            return key
    return meter


def accounts_of(find: Find, node: PlanNode, path: Path, meter: str) -> Iterator[str]:
    """Yield the accounts that a task draws on for one meter."""
    yield nearest(find, meter, path)
    if any(draw.meter == meter and draw.limit is not None for draw in node.draws):
        yield node_key(meter, node.key)
    for frame in node.frames:
        if find(frame_key(meter, frame)) is not None:
            yield frame_key(meter, frame)


def accounts_of_work(find: Find, node: NodeKey, path: Path, meter: str) -> Iterator[str]:
    """Yield the accounts that a work in the background draws on, also of a node that is gone."""
    yield nearest(find, meter, path)
    if find(node_key(meter, node)) is not None:
        yield node_key(meter, node)


def run_key(meter: str, run: str) -> str:
    """Return the name under which it is kept what a child run has used and is counted."""
    return f"{meter}/={run}"


def counted(find: Find, run: str, used: Mapping[str, float]) -> dict[str, float]:
    """Return what of a child's use is not counted yet: it may have ended before, and gone on."""
    found: dict[str, float] = {}
    for meter, amount in used.items():
        before = find(run_key(meter, run))
        found[meter] = max(0.0, amount - (before.used if before is not None else 0.0))
    return found


def fresh(plan: Plan, key: str) -> Account:
    """Return an account that nobody has drawn on."""
    meter, _, node = key.partition("/")
    meter, _, frame = meter.partition("!")
    if node.startswith("="):
        return Account()
    if frame:
        does = plan.frames.get(frame)
        limit = does.does.meters.get(meter) if does is not None else None
    elif node:
        limits = [draw.limit for draw in plan.nodes[node].draws if draw.meter == meter]
        limit = limits[0] if limits else None
    else:
        known = plan.workflow.settings.meters.get(meter)
        limit = known.limit if known is not None else None
    return Account(None if limit is None else float(limit))


def room(plan: Plan, state: RunState, task: Task, meter: str) -> float | None:
    """Return what a task may use of a meter, what is reserved for it included; None: no end."""
    held = state.holds.get(task.id, {}).get(meter, 0.0)
    left: float | None = None
    for key in accounts_of(state.ledger.get, plan.nodes[task.node], task.path, meter):
        account = state.ledger.get(key) or fresh(plan, key)
        if account.limit is not None:
            here = account.limit - account.used - account.reserved + held
            left = here if left is None else min(left, here)
    return left


def even_shares(amount: float, count: int) -> list[float]:
    """Return an amount in so many parts; of whole numbers the first get what is over (T69)."""
    if float(amount).is_integer():
        part, over = divmod(int(amount), count)
        return [float(part + (index < over)) for index in range(count)]
    each = amount / count
    return [amount - each * (count - 1), *[each] * (count - 1)]
