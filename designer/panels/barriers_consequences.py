"""What each answer to a barrier request will do next, read from the pinned workflow. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from designer.panels.checkpoints_effects import downstream, sort_of
from designer.widgets.format import plural
from engine.model.node_types import Registry, Request
from engine.model.workflow import Edge, Workflow

_FOR_GOOD = "cannot be taken back"
_RECORD = "decision"


@dataclass(frozen=True, slots=True)
class Consequence:
    """One answer and what follows it.

    Attributes:
        choice: ``approve reject`` or the key of an option.
        text: what happens, as a sentence without its subject.
        grave: something that cannot be taken back follows at once.
    """

    choice: str
    title: str
    text: str
    grave: bool = False


def consequences(
    workflow: Workflow | None, registry: Registry, node: str, request: Request
) -> list[Consequence]:
    """One line for each answer of `request`, in the order of its buttons."""
    if request.system:
        return [
            Consequence(option.key, option.title, _system_text(option.key), option.danger)
            for option in request.options
        ]
    answers = [
        ("approve", "Approve", "approved"),
        ("reject", "Reject", "rejected"),
        *((option.key, option.title, option.port) for option in request.options),
    ]
    found: list[Consequence] = []
    for choice, title, port in answers:
        text, grave = _follows(workflow, registry, node, port) if workflow else ("", False)
        found.append(Consequence(choice, title, text, grave))
    return found


def _system_text(choice: str) -> str:
    return {
        "happened": "the run goes on with the output that you enter",
        "again": "the node runs a second time",
        "fail": "the node fails, as its error handling says",
        "accept": "what it wrote is kept, although the invariant does not hold then",
        "raise": "the limit is the number that you enter from now on, and the run goes on",
        "once": "this task goes on; the next one that needs more asks again",
        "stop": "the run fails; nothing more is started",
    }.get(choice, "")


def _follows(workflow: Workflow, registry: Registry, node: str, port: str) -> tuple[str, bool]:
    leaving = [
        edge
        for edge in workflow.edges
        if edge.source.node == node and edge.target.node in workflow.nodes
    ]
    own = [edge for edge in leaving if edge.source.port == port]
    if not own and port != "approved":  # only an approval may lead nowhere
        return "the run fails, because nothing is wired to it", False
    # What is wired to the record of the decision runs whatever the answer is.
    edges = own + [edge for edge in leaving if edge.source.port == _RECORD]
    if not edges:
        return "nothing follows", False
    once = {key for key, each in workflow.nodes.items() if sort_of(each, registry) == "once"}
    targets = list(dict.fromkeys(edge.target.node for edge in edges))
    later = downstream(workflow, targets) - set(targets) - {node}
    text = "runs " + _listed([_target(workflow, edge, once) for edge in _distinct(edges)])
    if later:
        text += f", then up to {plural(len(later), 'more node')}"
        grave_later = [key for key in workflow.nodes if key in later & once]
        if grave_later:
            titles = [workflow.nodes[key].title or key for key in grave_later]
            text += f", of which {_listed(titles)} {_FOR_GOOD}"
    return text, any(target in once for target in targets)


def _distinct(edges: Sequence[Edge]) -> list[Edge]:
    return list({edge.target.node: edge for edge in reversed(edges)}.values())[::-1]


def _target(workflow: Workflow, edge: Edge, once: set[str]) -> str:
    key = edge.target.node
    notes: list[str] = []
    if edge.when:
        notes.append(f"if {edge.when}")
    elif edge.kind == "otherwise":
        notes.append("otherwise")
    if key in once:
        notes.append(_FOR_GOOD)
    title = workflow.nodes[key].title or key
    return f"{title} ({', '.join(notes)})" if notes else title


def _listed(names: Sequence[str], most: int = 3) -> str:
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))
