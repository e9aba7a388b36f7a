"""Who writes what at the same time, and what happens twice where it must not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, pairwise

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.check_nodes import NodeFacts
from engine.model.diagnostics import Diagnostic
from engine.model.expressions import ExpressionError
from engine.model.reducers import Reducer, find_reducer
from engine.model.workflow import Channel, Write

#: Pairs of writers of one channel that are compared; enough to find one that meets.
_MOST_PAIRS = 200


def check_writers(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of concurrent writers and of repeated effects."""
    for facts in doc.nodes.values():
        yield from _check_effects(doc, facts)
    yield from _check_writers(doc)


def _check_writers(doc: Checked) -> Iterator[Diagnostic]:
    writers: dict[str, list[str]] = {}
    for key in doc.graph.topological:
        if key in doc.graph.unreachable or doc.nodes[key].node.disabled:
            continue
        for name, write in doc.nodes[key].node.writes.items():
            if _merges(write):
                writers.setdefault(name, []).append(key)
    eager = doc.workflow.settings.commit == "eager"
    for name, keys in writers.items():
        channel = doc.workflow.channels.get(name)
        traits = _traits(doc, channel) if channel else None
        if (
            channel is None
            or traits is None
            or (traits.combines and not (traits.ordered and eager))
        ):
            continue
        sentence = _meeting(doc, keys)
        if sentence and not traits.combines:
            yield rules.CONCURRENT_WRITERS.broken(
                f"{sentence} the channel {name} at the same time: two different values fail.",
                "Choose a reducer that combines, such as append or merge, or let one run after "
                "the other.",
                node=keys[0],
                field=f"channels.{name}.reducer",
            )
        elif sentence:
            yield rules.ORDERED_WRITERS.broken(
                f"{sentence} the channel {name} in no fixed order: {channel.reducer} depends on "
                "who is first.",
                "Set commit to strict, or choose a reducer that needs no order.",
                node=keys[0],
                field=f"channels.{name}.reducer",
            )


def _traits(doc: Checked, channel: Channel) -> Reducer | None:
    try:
        return find_reducer(channel.reducer, channel.reduce, doc.reducers)
    except ExpressionError:
        return None


def _merges(write: Write) -> bool:
    return write.op == "reduce"


def _runs_at_once(zone: NodeFacts) -> bool:
    """Return whether several items of a zone are worked on together; rounds never are."""
    is_split = zone.type is not None and zone.type.role == "split"
    return is_split and zone.node.params.get("limit") != 1


def _meeting(doc: Checked, keys: list[str]) -> str:
    """Return who may write in one commit, as the beginning of a sentence, or nothing."""
    for key in keys:
        zones = doc.graph.zone_of.get(key, ())
        if any(_runs_at_once(doc.nodes[zone]) for zone in zones):
            return f"The items that run through {doc.title(key)} write"
    # The keys are in topological order: if each leads to the next one, no two meet.
    open_steps = [pair for pair in pairwise(keys) if not doc.branches.leads_to(*pair)]
    if not open_steps:
        return ""
    others = (
        (first, second)
        for distance in range(2, len(keys))
        for first, second in zip(keys, keys[distance:], strict=False)
    )
    for first, second in islice(chain(open_steps, others), _MOST_PAIRS):
        if not doc.branches.leads_to(first, second) and not doc.branches.exclude(first, second):
            return f"{doc.title(first)} and {doc.title(second)} may write"
    return ""


# --- effects ------------------------------------------------------------------------------


def _check_effects(doc: Checked, facts: NodeFacts) -> Iterator[Diagnostic]:
    retry = facts.node.retry
    if facts.effects != "once" or retry is None or retry.attempts < 2:
        return
    if _sends_key(facts) or _has_key(facts.node.params):
        return
    yield rules.REPEATED_EFFECT.broken(
        f"{doc.title(facts.node.key)} must not happen twice, yet it is tried up to "
        f"{retry.attempts} times.",
        "Send an idempotency key with it, or take the retry away.",
        node=facts.node.key,
        field="retry",
    )


def _sends_key(facts: NodeFacts) -> bool:
    """Return whether the type has a parameter for it, which is on by default or here."""
    model = facts.type.params.model_fields if facts.type is not None else {}
    return any(
        bool(facts.node.params.get(name, field.default))
        for name, field in model.items()
        if "idempotency" in name and not field.is_required()
    )


def _has_key(value: object) -> bool:
    """Return whether a parameter that is set is, or holds, an idempotency key."""
    if isinstance(value, dict):
        return any(
            ("idempotency" in str(name).lower() and bool(item)) or _has_key(item)
            for name, item in value.items()
        )
    if isinstance(value, list):
        return any(_has_key(item) for item in value)
    return False
