"""Everything that is wrong with a workflow, at once (U12). docs/validation.md has the rules.

`validate` never raises and never runs anything, whatever the document holds. A warning
is left out where the document says so: ``suppress: [rule id, ...]`` of a node or of the
settings. Errors cannot be suppressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.model.branches import Branches
from engine.model.check_background import check_background
from engine.model.check_budgets import check_budgets
from engine.model.check_data import check_data
from engine.model.check_frames import check_frames
from engine.model.check_graph import Checked, check_graph
from engine.model.check_joins import check_joins
from engine.model.check_nodes import NodeFacts, check_node
from engine.model.check_saving import check_caches, check_saving
from engine.model.check_state import check_state
from engine.model.check_streams import check_streams
from engine.model.check_writers import check_writers
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.graph import GraphFacts, analyse
from engine.model.node_types import Registry
from engine.model.rules import KEY, RULES
from engine.model.wiring import explain_refusal, port_compatible
from engine.model.workflow import Edge, Node, Workflow

__all__ = ["RULES", "Validator", "explain_refusal", "port_compatible", "validate"]

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def validate(workflow: Workflow, registry: Registry) -> tuple[Diagnostic, ...]:
    """Return all problems, errors first, then in the order of the document."""
    return Validator(registry).validate(workflow)


class Validator:
    """Validates one document again and again while it is edited.

    What was found of a node alone is kept as long as the node is the same object.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._nodes: dict[str, NodeFacts] = {}

    def validate(
        self, workflow: Workflow, graph: GraphFacts | None = None
    ) -> tuple[Diagnostic, ...]:
        """Return all problems, errors first, then in the order of the document.

        Args:
            workflow: the document.
            graph: what `analyse` says of it; left out, it is asked.
        """
        self._nodes = {key: self._facts(key, node) for key, node in workflow.nodes.items()}
        if graph is None:
            graph = analyse(workflow, self._registry)
        doc = Checked(
            workflow=workflow,
            nodes=self._nodes,
            graph=graph,
            branches=Branches(workflow, self._nodes, graph),
            out=_grouped(workflow, lambda edge: edge.source.node),
            into=_grouped(workflow, lambda edge: edge.target.node),
            reducers=self._registry.reducers,
        )
        found = [problem for facts in self._nodes.values() for problem in facts.problems]
        found += _misplaced(workflow)
        found += check_graph(doc)
        found += check_joins(doc)
        found += check_streams(doc)
        found += check_data(doc)
        found += check_writers(doc)
        found += check_state(doc)
        found += check_budgets(doc)
        found += check_saving(doc)
        found += check_caches(doc)
        found += check_background(doc, self._registry)
        found += check_frames(doc)
        order = {key: number for number, key in enumerate(workflow.nodes)}
        kept = [problem for problem in found if not _is_suppressed(problem, workflow)]
        return tuple(sorted(kept, key=lambda p: (_RANK[p.severity], order.get(p.node, -1))))

    def _facts(self, key: str, node: Node) -> NodeFacts:
        known = self._nodes.get(key)
        return (
            known if known is not None and known.node is node else check_node(node, self._registry)
        )


def _grouped(workflow: Workflow, end: Any) -> Mapping[str, tuple[Edge, ...]]:
    found: dict[str, list[Edge]] = {}
    for edge in workflow.edges:
        found.setdefault(end(edge), []).append(edge)
    return {key: tuple(edges) for key, edges in found.items()}


def _misplaced(workflow: Workflow) -> list[Diagnostic]:
    return [
        KEY.broken(f"The node {node.key} stands under the key {key}.", "Use one key.", node=key)
        for key, node in workflow.nodes.items()
        if key != node.key
    ]


def _is_suppressed(problem: Diagnostic, workflow: Workflow) -> bool:
    if problem.severity is Severity.ERROR:
        return False
    node = workflow.nodes.get(problem.node)
    for extra in (workflow.settings.extra, node.extra if node else {}):
        listed = extra.get("suppress")
        if isinstance(listed, list) and problem.rule in listed:
            return True
    return False
