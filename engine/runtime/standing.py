"""Whether a standing decision could ever answer anything (U69). Pure."""

from __future__ import annotations

from engine.errors import InvalidCommand
from engine.ids import node_of
from engine.model.workflow import Workflow
from engine.runtime.ports import RuleRecord

_PLAIN = ("approve", "reject", "reroute")


def check(workflow: Workflow, rule: RuleRecord, now: float) -> None:
    """Raise `InvalidCommand` for a rule that could never answer a request of the workflow."""
    node = rule.node or (node_of(rule.task) if rule.task else "")
    if node and node not in workflow.nodes:
        known = ", ".join(workflow.nodes) or "none"
        raise InvalidCommand(f"{workflow.name} has no node {node}; its nodes are {known}.")
    if rule.choice == "modify":
        raise InvalidCommand(
            "A rule cannot modify: nobody knows yet what will be asked. Choose another answer."
        )
    if node:
        own = workflow.nodes[node].params.get("options") or ()
        keys = [each["key"] for each in own if isinstance(each, dict) and "key" in each]
        if rule.choice not in (*_PLAIN, *keys):
            offered = ", ".join((*_PLAIN, *keys))
            raise InvalidCommand(f"{node} does not offer {rule.choice}; it has {offered}.")
    if (rule.choice == "reroute") is not bool(rule.to):
        raise InvalidCommand("To reroute, a rule needs the node that it goes to, and only then.")
    if rule.max_uses is not None and rule.max_uses < 1:
        raise InvalidCommand("A rule that may be used needs at least one use.")
    if rule.expires_at is not None and rule.expires_at <= now:
        raise InvalidCommand("The rule would be over before it begins: choose a later time.")
