"""What the wires do wrong: ends, types, cycles, zones, what is never reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.model import rules
from engine.model.branches import DISABLED, Branches, decided
from engine.model.check_nodes import NodeFacts, title_of
from engine.model.diagnostics import Diagnostic
from engine.model.graph import GraphFacts, unguarded_cycles
from engine.model.node_types import Port
from engine.model.reducers import Reducer
from engine.model.wiring import type_refusal
from engine.model.workflow import Edge, PortRef, Workflow


@dataclass(frozen=True, slots=True)
class Checked:
    """A workflow with everything that the checks of more than one node share."""

    workflow: Workflow
    nodes: Mapping[str, NodeFacts]
    graph: GraphFacts
    branches: Branches
    out: Mapping[str, tuple[Edge, ...]] = field(default_factory=dict)
    into: Mapping[str, tuple[Edge, ...]] = field(default_factory=dict)
    reducers: Mapping[str, Reducer] = field(default_factory=dict)

    def title(self, key: str) -> str:
        """Return what a person calls the node of that key."""
        node = self.workflow.nodes.get(key)
        return title_of(node) if node else key

    def titles(self, keys: tuple[str, ...], at_most: int = 4) -> str:
        """Return several nodes in words."""
        names = [self.title(key) for key in keys[:at_most]]
        if len(keys) > at_most:
            return ", ".join(names) + f" and {len(keys) - at_most} more"
        return ", ".join(names[:-1]) + (" and " if names[:-1] else "") + names[-1]


def check_graph(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of the wires."""
    for edge in doc.workflow.edges:
        yield from _check_edge(doc, edge)
    yield from _check_duplicates(doc)
    yield from _check_inputs(doc)
    yield from _check_cycles(doc)
    for key, sentence in doc.graph.zone_problems:
        yield rules.ZONE.broken(sentence, "Lead the wires through the pair.", node=key)
    yield from _check_loops(doc)
    yield from _check_reach(doc)
    yield from _check_ways_out(doc)


# --- wires --------------------------------------------------------------------------------


def _check_edge(doc: Checked, edge: Edge) -> Iterator[Diagnostic]:
    missing = [ref for ref in (edge.source, edge.target) if ref.node not in doc.nodes]
    for ref in missing:
        yield rules.UNKNOWN_NODE.broken(
            f"The wire {edge.id} ends at {ref.node}, which is no node.",
            "Remove the wire, or connect it to another node.",
            edge=edge.id,
        )
    if missing:
        return
    source, target = doc.nodes[edge.source.node], doc.nodes[edge.target.node]
    if target.type is not None and target.type.role == "trigger":
        yield rules.INTO_TRIGGER.broken(
            f"A wire leads from {doc.title(edge.source.node)} into the trigger "
            f"{doc.title(edge.target.node)}.",
            "Remove the wire: a trigger starts the workflow.",
            node=edge.target.node,
            edge=edge.id,
        )
        return
    out = source.ports.output(edge.source.port)
    port = target.ports.input(edge.target.port)
    if out is None and ports_known(source):
        names = [port.name for port in source.ports.outputs]
        yield _unknown_port(doc, edge, edge.source, "output", names)
    if port is None and ports_known(target):
        names = [port.name for port in target.ports.inputs]
        yield _unknown_port(doc, edge, edge.target, "input", names)
    if out is not None and port is not None:
        refusal = type_refusal(source.node, out, target.node, port)
        if refusal is not None:
            fix = "Put a node between them that converts the value."
            yield rules.PORT_TYPE.broken(refusal, fix, node=edge.target.node, edge=edge.id)


def ports_known(facts: NodeFacts) -> bool:
    """Return whether the type is there and could compute its ports."""
    failed = any(problem.rule == rules.NODE_TYPE.id for problem in facts.problems)
    return facts.type is not None and not failed


def _unknown_port(
    doc: Checked, edge: Edge, ref: PortRef, kind: str, known: list[str]
) -> Diagnostic:
    there = f"; it has {', '.join(known)}" if known else "; it has none"
    return rules.UNKNOWN_PORT.broken(
        f"{doc.title(ref.node)} has no {kind} {ref.port}{there}.",
        "Connect the wire to another port, or remove it.",
        node=ref.node,
        edge=edge.id,
    )


def _check_duplicates(doc: Checked) -> Iterator[Diagnostic]:
    for edge_id, count in Counter(edge.id for edge in doc.workflow.edges).items():
        if count > 1:
            yield rules.DUPLICATE_EDGE.broken(
                f"The wire {edge_id} is there {count} times.",
                "Remove all but one.",
                node=edge_id.partition(".")[0],
                edge=edge_id,
            )


def _check_inputs(doc: Checked) -> Iterator[Diagnostic]:
    """Required inputs of a node that some wire leads to; the others get the run's input."""
    for key, facts in doc.nodes.items():
        arriving = {edge.target.port for edge in doc.into.get(key, ())}
        if not arriving or facts.node.disabled:
            continue
        for port in facts.ports.inputs:
            if port.required and port.name not in arriving:
                name = port.title or port.name
                yield rules.REQUIRED_INPUT.broken(
                    f"Nothing leads to the input {name} of {doc.title(key)}.",
                    f"Connect {name}.",
                    node=key,
                    field=f"inputs.{port.name}",
                )


# --- cycles -------------------------------------------------------------------------------


def _check_cycles(doc: Checked) -> Iterator[Diagnostic]:
    if not doc.graph.cycle_of:
        return
    endless = [edge for edge in doc.workflow.edges if not _is_guarded(doc, edge, idle=None)]
    told: set[str] = set()
    for group in unguarded_cycles(doc.workflow.nodes, endless):
        told.update(group)
        if len(group) == 1:
            sentence = f"{doc.title(group[0])} leads to itself without a condition."
        else:
            sentence = f"{doc.titles(group)} form a cycle that nothing ends."
        yield rules.ENDLESS_CYCLE.broken(
            sentence,
            "Put a condition on one of its wires, or a Switch or barrier into it.",
            node=group[0],
        )
    endless = [edge for edge in doc.workflow.edges if not _is_guarded(doc, edge, idle=True)]
    for group in unguarded_cycles(doc.workflow.nodes, endless):
        if not told.intersection(group):
            yield rules.IDLE_GUARD.broken(
                f"Nothing but a limit ends the cycle of {doc.titles(group)}: the condition on "
                "the way round always holds.",
                "Let the condition read something that changes.",
                node=group[0],
            )
    starts = set(doc.graph.unreachable)
    entered = {
        doc.graph.cycle_of[edge.target.node]
        for edge in doc.workflow.edges
        if edge.target.node in doc.graph.cycle_of
        and edge.source.node in doc.nodes
        and doc.graph.cycle_of.get(edge.source.node) != doc.graph.cycle_of[edge.target.node]
    }
    circles: dict[int, list[str]] = {}
    for key, number in doc.graph.cycle_of.items():
        if key in starts and number not in entered:
            circles.setdefault(number, []).append(key)
    for keys in circles.values():
        yield rules.WAITING_CIRCLE.broken(
            f"{doc.titles(tuple(keys))} wait{'s' if len(keys) == 1 else ''} for "
            f"{'itself' if len(keys) == 1 else 'one another'}: nothing leads into the cycle.",
            "Connect a node that comes before to one of them.",
            node=keys[0],
        )


def _is_guarded(doc: Checked, edge: Edge, *, idle: bool | None) -> bool:
    """Return whether the edge is not always taken when its source has run.

    Args:
        doc: the workflow.
        edge: the edge.
        idle: what a condition comes to that is taken for none at all; None: every one counts.
    """
    facts = doc.nodes.get(edge.source.node)
    if edge.source.port == "error" or facts is None or edge.id in doc.branches.dead:
        return edge.source.port == "error" or facts is not None
    beside = [
        other
        for other in doc.out[edge.source.node]
        if other.source.port == edge.source.port and other.kind == "normal"
    ]
    if edge.kind == "normal":
        may_fail = edge.when is not None and (idle is None or decided(edge.when) is not idle)
    elif edge.kind == "otherwise":
        may_fail = any(other.when is not None for other in beside)
    else:
        may_fail = bool(beside)
    is_failures = (
        facts.type is not None
        and facts.type.role == "collect"
        and (edge.source.port != facts.ports.outputs[0].name)
    )
    return may_fail or is_failures or doc.branches.chooses(edge.source.node)


# --- loops --------------------------------------------------------------------------------


def _check_loops(doc: Checked) -> Iterator[Diagnostic]:
    """Something must end a Loop: a number of rounds, or a condition at either of its ends."""
    for key, zone in doc.graph.zones.items():
        facts, end = doc.nodes[key], doc.nodes[zone.collect]
        if facts.type is None or facts.type.role != "loop":
            continue
        count = facts.node.params.get("count")
        conditions = [each.node.params.get("condition") for each in (facts, end)]
        if count is None and conditions == [None, None]:
            yield rules.ENDLESS_LOOP.broken(
                f"Nothing ends the rounds of {doc.title(key)} before the limit of the workflow.",
                f"Give it, or {doc.title(zone.collect)}, a condition, or it a number of rounds.",
                node=key,
                field="params.count",
            )
        elif count is None and [*map(_comes_to, conditions)] in _IDLE:
            yield rules.IDLE_GUARD.broken(
                f"Nothing but a limit ends the rounds of {doc.title(key)}: its condition always "
                "comes to the same.",
                "Let the condition read something that changes.",
                node=key,
                field="params.condition",
            )


#: What the conditions of a Loop and of its Until come to where neither ends it.
_IDLE = ([True, None], [True, False], [None, False])


def _comes_to(condition: Any) -> bool | str | None:
    """Return what a condition of a Loop always comes to, None without one, else ``depends``."""
    if condition is None or isinstance(condition, bool):
        return condition
    source = condition.get("expr") if isinstance(condition, Mapping) else None
    found = decided(source) if isinstance(source, str) else None
    return "depends" if found is None else found


# --- reach --------------------------------------------------------------------------------


def _check_reach(doc: Checked) -> Iterator[Diagnostic]:
    if not doc.nodes:
        yield rules.NO_START.broken("The workflow is empty.", "Add a node.")
        return
    if not doc.graph.sources:
        yield rules.NO_START.broken(
            "No node starts the workflow: something leads into every one.",
            "Add a trigger, or remove the wire into the first node.",
        )
    has_trigger = any(
        facts.type is not None and facts.type.role == "trigger" for facts in doc.nodes.values()
    )
    dead = {edge for edge, why in doc.branches.dead.items() if why != DISABLED}
    cut_off = doc.branches.without(dead)
    for key in doc.graph.order:
        if key not in cut_off:
            continue
        if key not in doc.graph.unreachable:
            sentence = f"{doc.title(key)} can never run: no way to it is ever taken."
        elif doc.into.get(key) or not has_trigger:
            sentence = f"{doc.title(key)} can never run: no way leads to it from a start."
        else:
            sentence = f"{doc.title(key)} never runs: nothing leads to it."
        fix = "Connect it, or remove it."
        yield rules.UNREACHABLE.broken(sentence, fix, node=key)
    yield from _check_ends(doc)


def _check_ends(doc: Checked) -> Iterator[Diagnostic]:
    """The virtual end is behind every node without a way on."""
    exits = doc.graph.exits
    for number, edges in exits.items():
        if edges:
            continue
        keys = tuple(k for k in doc.graph.order if doc.graph.cycle_of.get(k) == number)
        if any(doc.branches.may_stop(key) for key in keys):
            continue
        yield rules.NO_END.broken(
            f"No way leads out of the cycle of {doc.titles(keys)}.",
            "Lead a wire out of it, so that the workflow can end well.",
            node=keys[0],
        )


def _check_ways_out(doc: Checked) -> Iterator[Diagnostic]:
    for key, facts in doc.nodes.items():
        edges = doc.out.get(key, ())
        by_port: dict[str, list[Edge]] = {}
        for edge in edges:
            by_port.setdefault(edge.source.port, []).append(edge)
        for port in facts.ports.outputs:
            yield from _check_port(doc, facts, port, by_port.get(port.name, []))
        yield from _check_error_route(doc, facts, edges)
        if doc.branches.has_no_else(key):
            yield rules.SWITCH_ELSE.broken(
                f"{doc.title(key)} has no Else: when no case of it holds the run fails.",
                "Switch its Else on and connect it, or let on_error say what happens then.",
                node=key,
                field="params.otherwise",
            )
        if facts.type is not None and facts.type.role == "barrier":
            rejected = facts.ports.output("rejected")
            if rejected is not None and "rejected" not in by_port:
                yield rules.REJECTED.broken(
                    f"When {doc.title(key)} is rejected the run fails: no wire leads on.",
                    "Connect rejected.",
                    node=key,
                    field="outputs.rejected",
                )


def _check_port(
    doc: Checked, facts: NodeFacts, port: Port, edges: list[Edge]
) -> Iterator[Diagnostic]:
    key = facts.node.key
    normal = [edge for edge in edges if edge.kind == "normal"]
    others = [edge for edge in edges if edge.kind != "normal"]
    has_fallback = any(edge.kind == "fallback" for edge in doc.out.get(key, ()))
    may_fail = normal and not any(decided(edge.when) for edge in normal)
    if may_fail and not others and not has_fallback:
        yield rules.NO_ELSE.broken(
            f"Every wire from {port.name} of {doc.title(key)} has a condition: "
            "when none holds the run fails.",
            "Add a wire of the kind otherwise.",
            node=key,
            field=f"outputs.{port.name}",
        )
    if not edges and doc.branches.is_else(key, port.name) and not facts.node.disabled:
        yield rules.NO_ELSE.broken(
            f"When no case of {doc.title(key)} holds, this branch ends without a word: "
            f"{port.name} leads nowhere.",
            f"Connect {port.name}.",
            node=key,
            field=f"outputs.{port.name}",
        )
    for edge in edges:
        why = doc.branches.dead.get(edge.id, DISABLED)
        if why != DISABLED:
            yield rules.NEVER_TAKEN.broken(
                f"The wire from {doc.title(key)} to {doc.title(edge.target.node)} is never "
                f"taken: {why}.",
                "Correct the condition of the one, or the order of both; or remove the wire.",
                node=key,
                edge=edge.id,
            )


def _check_error_route(
    doc: Checked, facts: NodeFacts, edges: tuple[Edge, ...]
) -> Iterator[Diagnostic]:
    on_error = facts.node.on_error
    if on_error == "error_port":
        connected = any(edge.source.port == "error" for edge in edges)
        fix = "Connect its port error."
    elif on_error == "fallback_edge":
        connected = any(edge.kind == "fallback" for edge in edges)
        fix = "Add a wire of the kind fallback."
    else:
        return
    if not connected:
        yield rules.ERROR_ROUTE.broken(
            f"A failure of {doc.title(facts.node.key)} goes nowhere: no wire takes it.",
            fix,
            node=facts.node.key,
            field="on_error",
        )
