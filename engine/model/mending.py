"""Changes that mend a problem at a click, for problems that are mended in one obvious way.

Each is one change that can be undone, and never more than the problem asks for. Where there
are several ways, or a person has to know something, there is none: the sentence of the
problem says what to do. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from engine.model import rules
from engine.model.change_types import (
    AddEdge,
    AddNode,
    Change,
    Compound,
    RemoveChannel,
    RemoveEdge,
    SetNode,
)
from engine.model.diagnostics import Diagnostic
from engine.model.fragments import unique_key
from engine.model.graph import analyse
from engine.model.node_types import Registry
from engine.model.workflow import Edge, EdgeKind, JoinPolicy, Node, PortRef, Position, Workflow

#: How far right of a node its new end is put, and how far below, in pixels.
_BESIDE = (260.0, 120.0)
_ELSE = "else"


@dataclass(frozen=True, slots=True)
class Mending:
    """What a click would do. `words`: in the imperative, for a button and the undo stack."""

    words: str
    change: Change


def mending(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """Return how a problem is mended at a click, or None when a person has to do it."""
    mend = _MENDED.get(problem.rule)
    return None if mend is None else mend(workflow, registry, problem)


def _add_else(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """A Switch gets its Else, and what comes out of it has an end."""
    node = workflow.nodes.get(problem.node)
    if node is None:
        return None
    params = {name: value for name, value in node.params.items() if name != "otherwise"}
    changes = _ending(workflow, registry, PortRef(node=node.key, port=_ELSE))
    switched_on = SetNode(replace(node, params=params))
    return Mending("Add an Else", Compound((switched_on, *changes)))


def _connect(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """A port that leads nowhere, or only on conditions, gets a way for the rest."""
    port = problem.field.removeprefix("outputs.")
    if problem.node not in workflow.nodes or port == problem.field:
        return None
    source = PortRef(node=problem.node, port=port)
    known = any(edge.source == source for edge in workflow.edges)
    kind: EdgeKind = "otherwise" if known else "normal"
    words = "Add a way for the rest" if known else f"Connect {port}"
    return Mending(words, Compound(_ending(workflow, registry, source, kind)))


def _ending(
    workflow: Workflow, registry: Registry, source: PortRef, kind: EdgeKind = "normal"
) -> tuple[Change, ...]:
    """Lead a port to the end of the zone that it is in, or to an End of its own."""
    facts = analyse(workflow, registry)
    around = facts.zone_of.get(source.node, ())
    opens = facts.zones.get(source.node)  # a For each or a Loop itself
    zone = opens or (facts.zones[around[-1]] if around else None)
    if zone is not None:
        target = PortRef(node=zone.collect, port="in")
        return (AddEdge(Edge(source=source, target=target, kind=kind)),)
    key = unique_key(workflow, "end")
    at = workflow.view.positions.get(source.node)
    place = Position(x=at.x + _BESIDE[0], y=at.y + _BESIDE[1]) if at is not None else None
    edge = Edge(source=source, target=PortRef(node=key, port="in"), kind=kind)
    return (AddNode(Node(key=key, type="end"), place), AddEdge(edge))


def _wait_for_active(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """A join that cannot fill, or waits in a circle, waits for all that are active."""
    del registry
    node = workflow.nodes.get(problem.node)
    if node is None:
        return None
    port = problem.field.removeprefix("joins").removeprefix(".")
    names = [port] if port else [n for n, each in node.joins.items() if each.mode == "no_more"]
    joins = dict(node.joins)
    for name in names:
        joins[name] = replace(joins.get(name, JoinPolicy()), mode="all_active", n=JoinPolicy().n)
    return Mending("Wait for all that are active", SetNode(replace(node, joins=joins)))


def _reset_join(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """A setting of a join without an effect is left out."""
    del registry
    node = workflow.nodes.get(problem.node)
    _, _, rest = problem.field.partition(".")
    port, _, name = rest.rpartition(".")
    if node is None or port not in node.joins or name == "mode":
        return None
    usual = {name: getattr(JoinPolicy(), name)}
    joins = {**node.joins, port: replace(node.joins[port], **usual)}
    return Mending(f"Leave {name} out", SetNode(replace(node, joins=joins)))


def _remove_edge(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """A wire that nothing ever takes goes."""
    del registry
    known = any(edge.id == problem.edge for edge in workflow.edges)
    return Mending("Remove the wire", RemoveEdge(problem.edge)) if known else None


def _remove_channel(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """A channel that nobody uses goes."""
    del registry
    name = problem.field.removeprefix("channels.")
    known = name in workflow.channels
    return Mending("Remove the channel", RemoveChannel(name)) if known else None


def _send_key(workflow: Workflow, registry: Registry, problem: Diagnostic) -> Mending | None:
    """What is retried sends its idempotency key, where its type can."""
    node = workflow.nodes.get(problem.node)
    node_type = registry.get(node.type) if node is not None else None
    if node is None or node_type is None or problem.field != "retry":
        return None
    known = [name for name in node_type.params.model_fields if name == "send_idempotency_key"]
    if not known:
        return None
    params = {**node.params, known[0]: True}
    return Mending("Send an idempotency key", SetNode(replace(node, params=params)))


_Mend = Callable[[Workflow, Registry, Diagnostic], Mending | None]
_MENDED: Mapping[str, _Mend] = {
    rules.SWITCH_ELSE.id: _add_else,
    rules.NO_ELSE.id: _connect,
    rules.REJECTED.id: _connect,
    rules.JOIN_NEVER_FILLS.id: _wait_for_active,
    rules.MUTUAL_JOINS.id: _wait_for_active,
    rules.JOIN_SETTING.id: _reset_join,
    rules.NEVER_TAKEN.id: _remove_edge,
    rules.UNUSED_CHANNEL.id: _remove_channel,
    rules.REPEATED_EFFECT.id: _send_key,
}
