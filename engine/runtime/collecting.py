"""What Collect gets of the items of a For each: results, failures, and whether those will do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.events import ErrorInfo
from engine.model.plan import PlanNode
from engine.state.run_state import ItemState, ValueRef

Json = Any


class Gathered(NamedTuple):
    """What has come of the items of a zone.

    Attributes:
        values: results in the order that Collect wants: a list, or an object by key.
        failed: indices of the items that failed. `error`: of the first of them.
        successes: how many have a result.
    """

    values: Json
    failed: list[int]
    successes: int
    error: Json = None


def gather(
    collect: PlanNode,
    ended: Mapping[int, ItemState],
    value: Callable[[ValueRef], Json],
    *,
    key_of: Callable[[int], str] | None = None,
) -> Gathered:
    """Return the results of items.

    Args:
        key_of: gives the key of an item, where the items are the entries of an object.
        collect: says in which order they come, and what stands for an item without one.
        ended: how each item ended, by its index.
        value: gives the value of a name.
    """
    params = collect.node.params
    order = sorted(ended)
    if params.get("order") == "arrival":
        order.sort(key=lambda index: ended[index].order)
    keep_gaps = params.get("skipped") == "null"
    results = [
        (index, None if ref is None else value(ref))
        for index in order
        if (ref := ended[index].value) is not None or keep_gaps
    ]
    shape = params.get("result", "auto")
    values: Json = [result for _, result in results]
    if shape == "object" or (shape == "auto" and key_of is not None):
        values = {(key_of or str)(index): result for index, result in results}
    successes = sum(item.value is not None for item in ended.values())
    failed = [index for index in order if ended[index].error is not None]
    return Gathered(values, failed, successes, ended[failed[0]].error if failed else None)


def least(split: PlanNode) -> int:
    """Return how many items must succeed where some have failed (U49, T72).

    Where failed items are left out one success is enough unless the node says more; where
    failures are collected, and so looked at, none is needed.
    """
    given = split.raw.get("at_least")
    if isinstance(given, int):
        return given
    return 1 if split.node.params.get("on_item_failure") == "continue" else 0


def too_few(split: PlanNode, found: Gathered) -> ErrorInfo | None:
    """Return the failure of a Collect whose items have failed too often, or None."""
    needed = least(split) if found.failed else 0
    if found.successes >= needed:
        return None
    title = split.node.title or split.key
    of = found.successes + len(found.failed)
    text = (
        f"{found.successes} of {of} items of {title} have succeeded, and at least {needed} must; "
        f"the first that failed: {found.error['message']}"
    )
    return ErrorInfo(code="too_few", message=text, retryable=False)
