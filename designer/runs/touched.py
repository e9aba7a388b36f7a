"""Which nodes look different after a piece of news."""

from __future__ import annotations

from collections.abc import Iterable

from engine import events as ev


def _ends(edge: str) -> tuple[str, str]:
    """The keys of the nodes at both ends of the edge ``read.out->ask.in``."""
    source, _, target = edge.partition("->")
    return source.partition(".")[0], target.partition(".")[0]


def touched_nodes(news: Iterable[ev.News]) -> set[str]:
    """The keys of the nodes whose looks the news changes, with the ends of changed wires."""
    touched: set[str] = set()
    for item in news:
        if isinstance(item, ev.Unsaved):
            touched |= touched_nodes(item.facts)
            continue
        event = item.event if isinstance(item, ev.Recorded) else item
        if isinstance(event, ev.SuperstepCommitted):
            touched.update(ready.node for ready in event.ready)
            for edge in (*event.taken, *event.not_taken):
                touched.update(_ends(edge))
        else:
            node = getattr(event, "node", "")
            if node:
                touched.add(node)
    return touched
