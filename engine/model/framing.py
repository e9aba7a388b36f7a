"""Frames as the engine needs them: their borders, how they nest, what takes their failures.

A frame is entered and left along the wires that cross its border. Computed once, when the plan
is compiled; broken frames are reported by `engine.model.check_frames`, and passed over here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from engine.ids import NodeKey, Path, scope_key
from engine.model.graph import GraphFacts
from engine.model.workflow import Edge, FrameBehaviour, Workflow

#: Before the key of a member at which a run begins: a way in without a wire.
BEGINS = "*"


class PlanFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that does something for the nodes in it.

    Attributes:
        depth: number of zones around it; each scope at that depth has a frame of its own.
        around: the frames that this one lies in, innermost first.
        entries: ids of the wires that lead in and close no loop, and members at which a run
            begins, after `BEGINS`.
        exits: ids of the wires that lead out, in the order of the document.
        catch: the node that takes its failures, or empty.
        holds: what leaves it does so when nothing is in it any more: until then all of it may
            have to be taken back.
    """

    key: str
    title: str
    does: FrameBehaviour
    members: frozenset[NodeKey]
    depth: int
    around: tuple[str, ...]
    entries: frozenset[str]
    exits: tuple[str, ...]
    catch: NodeKey
    holds: bool

    def row(self, path: Path) -> str:
        """Return the name of the frame of the scope that a path is in."""
        return f"{self.key}@{scope_key(path[: self.depth])}"


class Borders(NamedTuple):
    """Which frames a wire leads into, outermost first, and out of, innermost first."""

    enters: tuple[str, ...]
    quits: tuple[str, ...]


def frames_of(
    workflow: Workflow, facts: GraphFacts, catching: Mapping[str, NodeKey]
) -> dict[str, PlanFrame]:
    """Return the frames by id.

    Args:
        workflow: the document.
        facts: its shape.
        catching: id of a frame to the node that takes its failures.
    """
    titles = {frame.id: frame.title for frame in workflow.view.frames}
    members = {
        key: frozenset(name for name in each.nodes if name in workflow.nodes)
        for key, each in workflow.frames.items()
    }
    found: dict[str, PlanFrame] = {}
    for key, does in workflow.frames.items():
        inside = members[key]
        if not inside:
            continue
        entering = [edge.id for edge in workflow.edges if _leads_in(edge, inside)]
        begins = [f"{BEGINS}{name}" for name in facts.sources if name in inside]
        found[key] = PlanFrame(
            key=key,
            title=titles.get(key) or key,
            does=does,
            members=inside,
            depth=min(len(facts.zone_of.get(name, ())) for name in inside),
            around=tuple(name for name in nested(members) if _is_in(key, name, members)),
            entries=frozenset([*entering, *begins]) - facts.back_edges,
            exits=tuple(edge.id for edge in workflow.edges if _leads_out(edge, inside)),
            catch=catching.get(key, ""),
            holds=does.retry is not None or key in catching,
        )
    return found


def nested(members: Mapping[str, frozenset[NodeKey]]) -> list[str]:
    """Return the ids of frames, inner ones before those around them."""
    return sorted(members, key=lambda key: (len(members[key]), key))


def _is_in(inner: str, outer: str, members: Mapping[str, frozenset[NodeKey]]) -> bool:
    order = (len(members[inner]), inner) < (len(members[outer]), outer)
    return order and members[inner] <= members[outer]


def borders(edge: Edge, members: Mapping[str, frozenset[NodeKey]]) -> Borders:
    """Return the borders that a wire crosses."""
    order = nested(members)
    return Borders(
        tuple(key for key in reversed(order) if _leads_in(edge, members[key])),
        tuple(key for key in order if _leads_out(edge, members[key])),
    )


def _leads_in(edge: Edge, members: frozenset[NodeKey]) -> bool:
    return edge.target.node in members and edge.source.node not in members


def _leads_out(edge: Edge, members: frozenset[NodeKey]) -> bool:
    return edge.source.node in members and edge.target.node not in members
