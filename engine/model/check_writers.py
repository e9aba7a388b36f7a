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
from engine.model.workflow import Channel

#: Pairs of writers of one channel that are compared; enough to find one that meets.
_MOST_PAIRS = 200


def check_writers(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of concurrent writers and of repeated effects."""
    for facts in doc.nodes.values():
        yield from _check_effects(doc, facts)
    yield from _check_writers(doc)


# --- writers ------------------------------------------------------------------------------

#: A node that writes a channel, and how.
_Writer = tuple[str, str]


def _check_writers(doc: Checked) -> Iterator[Diagnostic]:
    writers: dict[str, list[_Writer]] = {}
    for key in doc.graph.topological:
        if key in doc.graph.unreachable or doc.nodes[key].node.disabled:
            continue
        for name, write in doc.nodes[key].node.writes.items():
            writers.setdefault(name, []).append((key, write.op))
    eager = doc.workflow.settings.commit == "eager"
    for name, found in writers.items():
        channel = doc.workflow.channels.get(name)
        traits = _traits(doc, channel) if channel else None
        if channel is None or traits is None:
            continue
        sentence = _meeting(doc, found, combines=traits.combines)
        if sentence:
            yield rules.CONCURRENT_WRITERS.broken(
                f"{sentence} the channel {name} at the same time: two different values fail.",
                "Choose a reducer that combines, such as append or merge, or let one run after "
                "the other.",
                node=found[0][0],
                field=f"channels.{name}.reducer",
            )
        elif traits.combines and traits.ordered and eager:
            sentence = _meeting(doc, [each for each in found if each[1] == "reduce"])
            if sentence:
                yield rules.ORDERED_WRITERS.broken(
                    f"{sentence} the channel {name} in no fixed order: {channel.reducer} depends "
                    "on who is first.",
                    "Set commit to strict, or choose a reducer that needs no order.",
                    node=found[0][0],
                    field=f"channels.{name}.reducer",
                )


def _traits(doc: Checked, channel: Channel) -> Reducer | None:
    try:
        return find_reducer(channel.reducer, channel.reduce, doc.reducers)
    except ExpressionError:
        return None


def _collide(first: str, second: str, *, combines: bool) -> bool:
    """Return whether two writes in one commit may say different things of the whole channel."""
    if first == second == "delete":
        return False
    return not (combines and first == second == "reduce")


def _runs_at_once(zone: NodeFacts) -> bool:
    """Return whether several items of a zone are worked on together; rounds never are."""
    is_split = zone.type is not None and zone.type.role == "split"
    return is_split and zone.node.params.get("limit") != 1


def _meeting(doc: Checked, writers: list[_Writer], *, combines: bool = False) -> str:
    """Return who may write in one commit, as the beginning of a sentence, or nothing."""
    for key, op in writers:
        zones = doc.graph.zone_of.get(key, ())
        at_once = any(_runs_at_once(doc.nodes[zone]) for zone in zones)
        if at_once and _collide(op, op, combines=combines):
            return f"The items that run through {doc.title(key)} write"
    # The keys are in topological order: if each leads to the next one, no two meet.
    open_steps = [pair for pair in pairwise(writers) if not _follows(doc, *pair)]
    if not open_steps:
        return ""
    others = (
        (first, second)
        for distance in range(2, len(writers))
        for first, second in zip(writers, writers[distance:], strict=False)
    )
    for first, second in islice(chain(open_steps, others), _MOST_PAIRS):
        if not _collide(first[1], second[1], combines=combines):
            continue
        if not _follows(doc, first, second) and not doc.branches.exclude(first[0], second[0]):
            return f"{doc.title(first[0])} and {doc.title(second[0])} may write"
    return ""


def _follows(doc: Checked, first: _Writer, second: _Writer) -> bool:
    """Return whether the second writer never starts before the first has been committed."""
    return doc.branches.leads_to(first[0], second[0]) and doc.branches.waits_for(
        first[0], second[0]
    )


# --- effects ------------------------------------------------------------------------------


def _check_effects(doc: Checked, facts: NodeFacts) -> Iterator[Diagnostic]:
    node = facts.node
    if node.disabled or facts.type is None:
        return
    for each in (facts, *facts.alternatives):
        retry = each.node.retry
        if retry is None or retry.attempts < 2 or not repeats_blindly(each):
            continue
        yield rules.REPEATED_EFFECT.broken(
            f"{doc.title(node.key)} must not happen twice, yet it is tried up to "
            f"{retry.attempts} times.",
            "Send an idempotency key with it, or take the retry away.",
            node=node.key,
            field="retry",
        )
        return
    if facts.effects == "once" and not _has_key(node.params) and _leads_back(doc, node.key):
        yield rules.REPEATED_EFFECT.broken(
            f"{doc.title(node.key)} must not happen twice, yet its failure leads back to it.",
            "Put a barrier in between, or send an idempotency key of your own: that of the "
            "engine is another one in every round.",
            node=node.key,
            field="on_error",
        )


def repeats_blindly(facts: NodeFacts) -> bool:
    """Return whether a node must not happen twice, and the other side cannot tell if it does."""
    return facts.effects == "once" and not (_sends_key(facts) or _has_key(facts.node.params))


def _leads_back(doc: Checked, key: str) -> bool:
    """Return whether the failure of a node leads to the same node again, and nobody is asked."""
    on_error = doc.nodes[key].node.on_error
    out = doc.out.get(key, ())
    if on_error == "error_port":
        stack = [edge.target.node for edge in out if edge.source.port == "error"]
    elif on_error == "fallback_edge":
        stack = [edge.target.node for edge in out if edge.kind == "fallback"]
    else:
        return False
    seen: set[str] = set()
    while stack:
        then = stack.pop()
        if then == key:
            return True
        facts = doc.nodes.get(then)
        if facts is None or then in seen or (facts.type and facts.type.role == "barrier"):
            continue
        seen.add(then)
        stack += [edge.target.node for edge in doc.out.get(then, ())]
    return False


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
