"""Tidy up: a layered layout from left to right, our own, in pure Python.

The method is that of Sugiyama, Tagawa and Toda (1981): open the loops, put every node
into a column by the longest way to it, order the columns so that few wires cross, then
choose heights. Heights are found by least squares under the order of each column, with
the pool-adjacent-violators algorithm. A zone is laid out by itself and takes part in
what is around it as one box, so that nothing else lies in its rectangle.

The result depends on nothing but the arguments.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from engine.model.graph import Zone
from engine.model.workflow import Position, Workflow

GRID = 8
#: A node on the canvas, where its real size is not known.
NODE_SIZE = (210.0, 84.0)
COLUMN_GAP = 88.0
ROW_GAP = 40.0
ZONE_MARGIN = 32.0

_WIRE_GAP = 24.0
_ROUNDS = 8
#: Long wires are led around nodes by points in the columns that they pass, up to this
#: many for each node; beyond it, the longest go straight.
_POINTS_PER_NODE = 4

Size = tuple[float, float]


@dataclass(slots=True)
class _Box:
    """A node, or a whole zone, with where its parts lie in it."""

    size: Size
    parts: dict[str, Size]


@dataclass(slots=True)
class _Columns:
    """Numbered boxes and points in columns; an edge leads from one column to the next.

    Attributes:
        before, after: neighbours in the column to the left and to the right.
    """

    column: list[int]
    before: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    order: list[list[int]] = field(default_factory=list)


def layered(
    workflow: Workflow,
    sizes: Mapping[str, Size] | None = None,
    *,
    only: Collection[str] | None = None,
    zones: Mapping[str, Zone] | None = None,
) -> dict[str, Position]:
    """Return positions of the upper left corners, on the grid.

    Args:
        workflow: what to lay out.
        sizes: width and height of nodes, where they differ from `NODE_SIZE`.
        only: keys of the nodes to place; their upper left corner stays where it is.
            None places all, from the origin.
        zones: zones to keep together, from `engine.model.graph.analyse`.
    """
    keys = [key for key in workflow.nodes if only is None or key in only]
    if not keys:
        return {}
    boxes = {key: _Box((sizes or {}).get(key, NODE_SIZE), {key: (0.0, 0.0)}) for key in keys}
    owner = {key: key for key in keys}
    edges = [
        (edge.source.node, edge.target.node)
        for edge in workflow.edges
        if edge.source.node in boxes and edge.target.node in boxes
    ]
    # The inner ones first: they are smaller.
    for zone in sorted((zones or {}).values(), key=lambda zone: (len(zone.body), zone.split)):
        _fold(zone, boxes, owner, edges)
    places = _place(list(boxes), boxes, _outer(edges, owner, boxes))
    corner = _corner(workflow, keys) if only is not None else (0.0, 0.0)
    found: dict[str, Position] = {}
    for name, (x, y) in places.items():
        for key, (dx, dy) in boxes[name].parts.items():
            found[key] = Position(_snap(corner[0] + x + dx), _snap(corner[1] + y + dy))
    return {key: found[key] for key in keys}


def _snap(value: float) -> float:
    return float(round(value / GRID) * GRID)


def _corner(workflow: Workflow, keys: Sequence[str]) -> tuple[float, float]:
    known = [workflow.view.positions[key] for key in keys if key in workflow.view.positions]
    if not known:
        return (0.0, 0.0)
    return (min(place.x for place in known), min(place.y for place in known))


def _outer(
    edges: Sequence[tuple[str, str]], owner: Mapping[str, str], names: Collection[str]
) -> list[tuple[str, str]]:
    """Return the edges between boxes, once each."""
    found = {(owner[tail], owner[head]): None for tail, head in edges}
    return [(a, b) for a, b in found if a != b and a in names and b in names]


def _fold(
    zone: Zone, boxes: dict[str, _Box], owner: dict[str, str], edges: Sequence[tuple[str, str]]
) -> None:
    """Put the boxes of a zone into one, which stands under the key of its For each."""
    members = {key for key in (zone.split, zone.collect, *zone.body) if key in owner}
    inner = {owner[key] for key in members}
    names = [name for name in boxes if name in inner]
    if zone.split not in members or len(names) < 2:
        return
    places = _place(names, boxes, _outer(edges, owner, inner))
    parts: dict[str, Size] = {}
    width = height = 0.0
    for name in names:
        x, y = places[name]
        x, y = x + ZONE_MARGIN, y + ZONE_MARGIN
        box = boxes.pop(name)
        width, height = max(width, x + box.size[0]), max(height, y + box.size[1])
        for key, (dx, dy) in box.parts.items():
            parts[key] = (x + dx, y + dy)
            owner[key] = zone.split
    boxes[zone.split] = _Box((width + ZONE_MARGIN, height + ZONE_MARGIN), parts)


# --- one level ----------------------------------------------------------------------------


def _place(
    names: Sequence[str], boxes: Mapping[str, _Box], edges: Sequence[tuple[str, str]]
) -> dict[str, tuple[float, float]]:
    """Return the corner of each box; parts without a wire between them lie one below another."""
    number = {name: index for index, name in enumerate(names)}
    after: list[list[int]] = [[] for _ in names]
    before: list[list[int]] = [[] for _ in names]
    for tail, head in edges:
        after[number[tail]].append(number[head])
        before[number[head]].append(number[tail])
    groups = _components(after, before)
    places: dict[str, tuple[float, float]] = {}
    top = 0.0
    for group in groups:
        if len(group) > 1:
            found = _place_connected(group, [boxes[names[n]].size for n in group], after)
            for node, (x, y) in zip(group, found, strict=True):
                places[names[node]] = (x, top + y)
            bottom = max(places[names[n]][1] + boxes[names[n]].size[1] for n in group)
            top = _up(bottom + ROW_GAP)
    single = [names[group[0]] for group in groups if len(group) == 1]
    _place_single(single, boxes, top, places)
    return places


def _components(after: list[list[int]], before: list[list[int]]) -> list[list[int]]:
    seen = [False] * len(after)
    groups: list[list[int]] = []
    for start in range(len(after)):
        if seen[start]:
            continue
        seen[start] = True
        group, stack = [start], [start]
        while stack:
            node = stack.pop()
            for other in (*after[node], *before[node]):
                if not seen[other]:
                    seen[other] = True
                    group.append(other)
                    stack.append(other)
        groups.append(sorted(group))
    return groups


def _place_single(
    names: Sequence[str],
    boxes: Mapping[str, _Box],
    top: float,
    places: dict[str, tuple[float, float]],
) -> None:
    """Put boxes without wires into rows, about as wide as they are high together."""
    if not names:
        return
    per_row = max(1, round((len(names) / 2) ** 0.5))
    x = tallest = 0.0
    for index, name in enumerate(names):
        if index % per_row == 0 and index:
            top, x, tallest = _up(top + tallest + ROW_GAP), 0.0, 0.0
        places[name] = (x, top)
        x = _up(x + boxes[name].size[0] + COLUMN_GAP)
        tallest = max(tallest, boxes[name].size[1])


def _up(value: float) -> float:
    return float(-(-value // GRID) * GRID)


def _place_connected(
    group: Sequence[int], sizes: Sequence[Size], after: list[list[int]]
) -> list[tuple[float, float]]:
    """Return the corner of each box of a group that hangs together."""
    number = {node: index for index, node in enumerate(group)}
    edges = _open_loops([[number[other] for other in after[node]] for node in group])
    columns = _columns(len(group), edges)
    heights = [size[1] for size in sizes] + [0.0] * (len(columns.column) - len(group))
    _order(columns)
    centres = _heights(columns, heights, len(group))
    lefts = _lefts(columns, sizes)
    top = min(centre - sizes[n][1] / 2 for n, centre in enumerate(centres[: len(group)]))
    return [
        (lefts[columns.column[n]], centres[n] - sizes[n][1] / 2 - top) for n in range(len(group))
    ]


def _open_loops(after: list[list[int]]) -> list[tuple[int, int]]:
    """Return the edges with those turned round that lead back to a node on the way."""
    count = len(after)
    entered = [0] * count
    for targets in after:
        for target in targets:
            entered[target] += 1
    state = [0] * count  # 1: on the way, 2: done
    edges: dict[tuple[int, int], None] = {}
    for root in sorted(range(count), key=lambda node: (entered[node] > 0, node)):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(after[root]))]
        while stack:
            node, targets_left = stack[-1]
            for target in targets_left:
                edges[(target, node) if state[target] == 1 else (node, target)] = None
                if not state[target]:
                    state[target] = 1
                    stack.append((target, iter(after[target])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return list(edges)


# --- columns ------------------------------------------------------------------------------


def _columns(count: int, edges: Sequence[tuple[int, int]]) -> _Columns:
    """Return the boxes in columns, with points where long edges pass."""
    column = _longest_ways(count, edges)
    columns = _Columns(column=column)
    columns.before = [[] for _ in range(count)]
    columns.after = [[] for _ in range(count)]
    left = _POINTS_PER_NODE * count
    for tail, head in sorted(edges, key=lambda edge: column[edge[1]] - column[edge[0]]):
        span = column[head] - column[tail]
        last = tail
        if span - 1 <= left:
            left -= span - 1
            for step in range(1, span):
                point = len(column)
                column.append(column[tail] + step)
                columns.before.append([last])
                columns.after.append([])
                columns.after[last].append(point)
                last = point
        columns.after[last].append(head)
        columns.before[head].append(last)
    columns.order = [[] for _ in range(max(column) + 1)]
    for node in _as_walked(columns, count):
        columns.order[column[node]].append(node)
    return columns


def _longest_ways(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return the column of each box: one more than the last before it."""
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for tail, head in edges:
        after[tail].append(head)
        waiting[head] += 1
    column = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    sources = list(ready)
    for node in ready:  # grows while it is walked
        for head in after[node]:
            column[head] = max(column[head], column[node] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    for node in sources:  # a late input stands beside what it feeds
        if after[node]:
            column[node] = min(column[head] for head in after[node]) - 1
    return column


def _as_walked(columns: _Columns, count: int) -> list[int]:
    """Return everything in the order of a walk from the first boxes, as a first order."""
    seen = [False] * len(columns.column)
    found: list[int] = []
    roots = sorted(range(count), key=lambda node: (columns.column[node], node))
    for root in roots:
        stack = [root]
        while stack:
            node = stack.pop()
            if not seen[node]:
                seen[node] = True
                found.append(node)
                stack.extend(reversed(columns.after[node]))
    return found


# --- order in the columns -----------------------------------------------------------------


def _order(columns: _Columns) -> None:
    """Sort each column by the middle of its neighbours, to and fro; keep the best order."""
    place = [0] * len(columns.column)
    for column in columns.order:
        for index, node in enumerate(column):
            place[node] = index
    best = [list(column) for column in columns.order]
    fewest = _crossings(columns, place)
    for round_number in range(_ROUNDS):
        if not fewest:
            break
        forward = round_number % 2 == 0
        near = columns.before if forward else columns.after
        for column in columns.order if forward else reversed(columns.order):
            wanted = {node: _middle(near[node], place) for node in column}
            column.sort(key=lambda node: wanted[node] if wanted[node] >= 0 else place[node])
            for index, node in enumerate(column):
                place[node] = index
        crossings = _crossings(columns, place)
        if crossings < fewest:
            fewest, best = crossings, [list(column) for column in columns.order]
    columns.order = best


def _middle(near: Sequence[int], place: Sequence[int]) -> float:
    return sum(place[other] for other in near) / len(near) if near else -1.0


def _crossings(columns: _Columns, place: Sequence[int]) -> int:
    """Count how often edges cross that lead to the same column."""
    count = 0
    for column in columns.order:
        ends: list[int] = []
        for node in column:
            found = sorted(place[other] for other in columns.before[node])
            for end in found:
                count += len(ends) - bisect_right(ends, end)
            for end in found:
                insort(ends, end)
    return count


# --- coordinates --------------------------------------------------------------------------


def _lefts(columns: _Columns, sizes: Sequence[Size]) -> list[float]:
    """Return where each column begins."""
    lefts: list[float] = []
    x = 0.0
    for column in columns.order:
        lefts.append(x)
        widths = [sizes[node][0] for node in column if node < len(sizes)]
        x = _up(x + max(widths, default=0.0) + COLUMN_GAP)
    return lefts


def _heights(columns: _Columns, heights: Sequence[float], count: int) -> list[float]:
    """Return the middle of each box: near those it is wired to, none over another."""
    centre = [0.0] * len(columns.column)
    for column in columns.order:
        _settle(column, [0.0] * len(column), heights, count, centre)
    for near in (columns.before, columns.after, columns.before, columns.after, columns.before):
        forward = near is columns.before
        for column in columns.order if forward else reversed(columns.order):
            wanted = [
                sum(centre[other] for other in near[node]) / len(near[node])
                if near[node]
                else centre[node]
                for node in column
            ]
            _settle(column, wanted, heights, count, centre)
    return centre


def _settle(
    column: Sequence[int],
    wanted: Sequence[float],
    heights: Sequence[float],
    count: int,
    centre: list[float],
) -> None:
    """Set the middles of a column as near to `wanted` as its order and gaps allow.

    Without the gaps this is isotonic regression; neighbours that would overlap are
    pooled and share the mean of what they want.
    """
    offsets: list[float] = []
    offset = 0.0
    for index, node in enumerate(column):
        if index:
            above = column[index - 1]
            gap = ROW_GAP if node < count and above < count else _WIRE_GAP
            offset += _up((heights[above] + heights[node]) / 2 + gap)
        offsets.append(offset)
    pools: list[tuple[float, int]] = []  # (mean, how many)
    for value, offset in zip(wanted, offsets, strict=True):
        mean, size = value - offset, 1
        while pools and pools[-1][0] >= mean:
            other, others = pools.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        pools.append((mean, size))
    index = 0
    for mean, size in pools:
        for _ in range(size):
            centre[column[index]] = mean + offsets[index]
            index += 1
