"""Two textbook algorithms over numbered nodes: strong components and dominators.

They are here rather than from a library because every run needs both before its first node,
and importing one takes longer than all else that resuming a run does (docs/adr/0008). The
tests compare them with networkx.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

Pairs = Iterable[tuple[int, int]]


def strong_groups(pairs: Pairs) -> list[list[int]]:
    """Return the groups of nodes that lead to one another, sorted.

    A node by itself is a group only when it leads to itself.
    Tarjan, "Depth-first search and linear graph algorithms" (1972), without recursion.
    """
    out: dict[int, list[int]] = {}
    for tail, head in pairs:
        out.setdefault(tail, []).append(head)
    found: list[list[int]] = []
    place: dict[int, int] = {}  # in the order of discovery
    low: dict[int, int] = {}  # the first place that a node leads back to
    path: list[int] = []  # discovered, and its group is not known yet
    open_: set[int] = set()
    for root in out:
        if root in place:
            continue
        stack: list[tuple[int, Iterator[int]]] = [(root, iter(()))]
        while stack:
            node, heads = stack[-1]
            if node not in place:
                place[node] = low[node] = len(place)
                path.append(node)
                open_.add(node)
                heads = iter(out.get(node, ()))
                stack[-1] = (node, heads)
            for head in heads:
                if head not in place:
                    stack.append((head, iter(())))
                    break
                if head in open_:
                    low[node] = min(low[node], place[head])
            else:
                stack.pop()
                if stack:
                    above = stack[-1][0]
                    low[above] = min(low[above], low[node])
                if low[node] == place[node]:
                    group = _cut(path, node)
                    open_.difference_update(group)
                    if len(group) > 1 or node in out.get(node, ()):
                        found.append(sorted(group))
    return sorted(found)


def _cut(path: list[int], node: int) -> list[int]:
    """Take everything from `node` on off the path."""
    group: list[int] = []
    while not group or group[-1] != node:
        group.append(path.pop())
    return group


def immediate_dominators(pairs: Pairs, start: int) -> dict[int, int]:
    """Return for every node that `start` leads to, but itself, its parent in the dominator tree.

    Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
    """
    out: dict[int, list[int]] = {}
    into: dict[int, list[int]] = {}
    for tail, head in pairs:
        out.setdefault(tail, []).append(head)
        into.setdefault(head, []).append(tail)
    order = _postorder(out, start)
    place = {node: number for number, node in enumerate(order)}
    parents = {start: start}
    changed = True
    while changed:
        changed = False
        for node in reversed(order[:-1]):  # the start is last
            known = [tail for tail in into[node] if tail in parents]
            parent = known[0]
            for tail in known[1:]:
                parent = _meet(parent, tail, parents, place)
            if parents.get(node) != parent:
                parents[node] = parent
                changed = True
    del parents[start]
    return parents


def _postorder(out: Mapping[int, Sequence[int]], start: int) -> list[int]:
    """Return the nodes that `start` leads to, each after those that it led to first."""
    seen = {start}
    order: list[int] = []
    stack = [(start, iter(out.get(start, ())))]
    while stack:
        node, heads = stack[-1]
        for head in heads:
            if head not in seen:
                seen.add(head)
                stack.append((head, iter(out.get(head, ()))))
                break
        else:
            order.append(node)
            stack.pop()
    return order


def _meet(one: int, other: int, parents: Mapping[int, int], place: Mapping[int, int]) -> int:
    """Return the nearest node that is above both in the tree."""
    while one != other:
        while place[one] < place[other]:
            one = parents[one]
        while place[other] < place[one]:
            other = parents[other]
    return one
