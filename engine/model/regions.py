"""Which nodes are upstream of a join: computed once, when the plan is compiled.

A join may cancel what leads to it alone, and one of the mode ``no_more`` fires when
nothing that lives can still get to it. Both are questions about the graph, not about a run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol


class Wire(Protocol):
    """What these questions need of an edge."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def source(self) -> str:
        """The node that it leaves."""
        ...

    @property
    def target(self) -> str:
        """The node that it leads to."""
        ...


def upstream(
    join: str, sources: Iterable[str], arriving: Mapping[str, Sequence[Wire]]
) -> frozenset[str]:
    """Return every node from which these sources can be reached without passing the join."""
    seen = {source for source in sources if source != join}
    stack = list(seen)
    while stack:
        for wire in arriving[stack.pop()]:
            if wire.source != join and wire.source not in seen:
                seen.add(wire.source)
                stack.append(wire.source)
    return frozenset(seen)


def only_here(
    join: str,
    wires: Sequence[Wire],
    arriving: Mapping[str, Sequence[Wire]],
    leaving: Mapping[str, Sequence[Wire]],
    keep: Collection[str],
) -> frozenset[str]:
    """Return the nodes whose every way leads to these wires of the join, and nowhere else.

    Args:
        join: the node that has the port.
        wires: the edges of the port.
        arriving: the edges into each node.
        leaving: the edges out of each node.
        keep: nodes that are never in it: what lives there belongs to a later round.
    """
    here = {wire.id for wire in wires}
    found = set(upstream(join, [wire.source for wire in wires], arriving))
    strays = [
        key
        for key in found
        if any(wire.id not in here and wire.target not in found for wire in leaving[key])
    ]
    while strays:
        key = strays.pop()
        if key not in found:
            continue
        found.discard(key)
        strays += [wire.source for wire in arriving[key] if wire.source in found]
    return frozenset(found.difference(keep))
