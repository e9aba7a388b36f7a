"""What joins cannot do: never fill, wait for one another, carry out settings without an effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from engine.model import rules
from engine.model.check_graph import Checked, ports_known
from engine.model.diagnostics import Diagnostic
from engine.model.regions import only_here
from engine.model.workflow import Edge, JoinPolicy

#: Sources of a join that are compared two by two.
_MOST_SOURCES = 24


def check_joins(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of the joins."""
    yield from _check_each(doc)
    yield from _check_mutual_joins(doc)


def _check_each(doc: Checked) -> Iterator[Diagnostic]:
    for key, facts in doc.nodes.items():
        for name, policy in facts.node.joins.items():
            if ports_known(facts) and facts.ports.input(name) is None:
                yield rules.UNKNOWN_PORT.broken(
                    f"{doc.title(key)} has no input {name} to join at.",
                    "Remove the join, or name another port.",
                    node=key,
                    field=f"joins.{name}",
                )
                continue
            edges = [
                edge
                for edge in doc.into.get(key, ())
                if edge.target.port == name and edge.id not in doc.graph.back_edges
            ]
            yield from _check_settings_of_join(doc, key, name, policy, edges)
            yield from _check_filling(doc, key, name, policy, edges)


def _check_filling(
    doc: Checked, key: str, name: str, policy: JoinPolicy, edges: list[Edge]
) -> Iterator[Diagnostic]:
    """A join that wants more values than can ever come."""
    if policy.mode == "n_of_m" and policy.n < 1:
        yield _never_fills(doc, key, name, f"waits for {policy.n} values at {name}", "at least 1")
        return
    goes_on = policy.timeout_s is not None and policy.on_timeout == "fire"
    if policy.mode not in {"all", "n_of_m"} or not edges or goes_on:
        return
    wanted = len(edges) if policy.mode == "all" else policy.n
    live = [edge for edge in edges if _can_come(doc, edge)]
    if wanted > len(edges):
        what = f"waits for {wanted} values at {name} and has {len(edges)} wires"
        yield _never_fills(doc, key, name, what, f"at most {len(edges)}")
    elif wanted > len(live) and key not in doc.branches.cut_off:
        silent = tuple(edge.source.node for edge in edges if edge not in live)
        what = f"waits for {wanted} values at {name}, but {doc.titles(silent)} can send none"
        yield _never_fills(doc, key, name, what, f"at most {len(live)}, or connect the others")
    else:
        yield from _check_exclusive(doc, key, name, live, wanted)


def _can_come(doc: Checked, edge: Edge) -> bool:
    """Return whether a value can ever come along an edge."""
    return edge.source.node not in doc.branches.cut_off and edge.id not in doc.branches.dead


def _check_settings_of_join(
    doc: Checked, key: str, port: str, policy: JoinPolicy, edges: list[Edge]
) -> Iterator[Diagnostic]:
    """What a person has set, and what would never come to pass."""

    def idle(field: str, what: str, fix: str) -> Diagnostic:
        sentence = f"{doc.title(key)}: {what} at {port}."
        return rules.JOIN_SETTING.broken(sentence, fix, node=key, field=f"joins.{port}.{field}")

    partial = policy.mode in {"any", "first", "n_of_m"}
    goes_on_early = partial or (
        policy.timeout_s is not None and policy.mode in {"all_active", "all"}
    )
    if policy.rest != "ignore" and not goes_on_early:
        yield idle("rest", "nothing comes late that it could speak of", "Leave rest out.")
    elif policy.reset != "at_once" and (not goes_on_early or policy.rest == "queue"):
        yield idle("reset", "no round begins before the last one has ended", "Leave reset out.")
    elif policy.mode == "each" and policy.timeout_s is not None:
        yield idle("timeout_s", "every value runs the node at once", "Leave the time limit out.")
    elif policy.mode in {"each", "no_more"} and policy.on_short != "skip":
        yield idle("on_short", "it takes whatever comes", "Leave it out.")
    elif len(edges) > 1 and _cancels(policy) and not _leads_only_to(doc, key, edges):
        yield idle(
            "mode" if policy.mode == "first" else "rest",
            "it cancels nothing: every way here leads somewhere else too",
            "Lead the ways that may be cancelled to this node only.",
        )


def _cancels(policy: JoinPolicy) -> bool:
    return policy.mode == "first" or policy.rest == "cancel"


def _leads_only_to(doc: Checked, key: str, edges: list[Edge]) -> frozenset[str]:
    here = [_wire(edge) for edge in edges]
    arriving = {node: [_wire(edge) for edge in doc.into.get(node, ())] for node in doc.nodes}
    leaving = {node: [_wire(edge) for edge in doc.out.get(node, ())] for node in doc.nodes}
    before = [node for node in doc.nodes if doc.graph.dominates(node, key)]
    return only_here(key, here, arriving, leaving, before)


@dataclass(frozen=True, slots=True)
class _Wire:
    id: str
    source: str
    target: str


def _wire(edge: Edge) -> _Wire:
    return _Wire(edge.id, edge.source.node, edge.target.node)


def _check_mutual_joins(doc: Checked) -> Iterator[Diagnostic]:
    """Each of two in one cycle would wait until the other can send no more.

    What is outside of the items or rounds that a join is in does not lead into them.
    """
    waiting: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for key, facts in doc.nodes.items():
        quiet = any(policy.mode == "no_more" for policy in facts.node.joins.values())
        if quiet and key in doc.graph.cycle_of:
            place = (doc.graph.cycle_of[key], doc.graph.zone_of.get(key, ()))
            waiting.setdefault(place, []).append(key)
    for keys in waiting.values():
        if len(keys) > 1:
            yield rules.MUTUAL_JOINS.broken(
                f"{doc.titles(tuple(keys))} are in one cycle, and each waits until the other "
                "can send nothing more.",
                "Let all but one of them wait for all that are active instead (all_active).",
                node=keys[0],
                field="joins",
            )


def _never_fills(doc: Checked, key: str, port: str, what: str, bound: str) -> Diagnostic:
    return rules.JOIN_NEVER_FILLS.broken(
        f"{doc.title(key)} {what}: it can never run.",
        f"Let it wait for {bound}.",
        node=key,
        field=f"joins.{port}",
    )


def _check_exclusive(
    doc: Checked, key: str, port: str, edges: list[Edge], wanted: int
) -> Iterator[Diagnostic]:
    """A node that takes one of its ways may rule out what the join waits for."""
    if wanted < 2 or len(edges) < 2:
        return
    groups: list[Sequence[Edge]] = [edges]
    if wanted == len(edges) <= _MOST_SOURCES:
        groups += combinations(edges, 2)  # two that exclude each other are enough
    for group in groups:
        chooser = doc.branches.chooser_before(group)
        if chooser is None or doc.branches.goes_round(chooser, without=key):
            continue  # in another round it may choose otherwise: values wait for one another
        at_once = doc.branches.most_at_once(chooser, group)
        if at_once < min(wanted, len(group)):
            sources = doc.titles(tuple(edge.source.node for edge in group))
            yield rules.JOIN_NEVER_FILLS.broken(
                f"{doc.title(key)} waits for {wanted} values at {port}, but {doc.title(chooser)} "
                f"takes only one way: of {sources} at most {at_once} can send one.",
                "Wait for all that are active instead (all_active).",
                node=key,
                field=f"joins.{port}",
            )
            return
