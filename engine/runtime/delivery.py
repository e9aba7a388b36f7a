"""Brings a token to its node, which fires when its ports have what they wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from engine.ids import NodeKey, Path, scope_key
from engine.model.plan import InPort, PlanEdge, PlanNode
from engine.runtime import cycles, frames, rounds
from engine.runtime.area import Area
from engine.runtime.joins import Fired, Queues, fires, mark, needs
from engine.state.run_state import JoinState, Token, ValueRef

_EMPTY = JoinState()


def deliver(work: Area, edge: PlanEdge, token: Token, *, after: str = "") -> None:
    """Bring a token to the end of its wire; `after` is the frame that gives it again."""
    if edge.enters and not frames.enter(work, edge, token, after=after):
        return
    target = work.plan.nodes[edge.target]
    if edge.back:
        if token.value is not None:
            inputs = {edge.target_port: ((edge.source, token.value),)}
            work.create(target, token.path, inputs)
        return
    if target.simple:
        _fire_simple(work, target, edge, token)
        return
    scope = scope_key(token.path)
    key = f"{target.key}@{scope}"
    join = work.joins.get(key) or _EMPTY
    owed = join.owed.get(edge.id, 0)
    if owed:
        rest = {name: count for name, count in join.owed.items() if name != edge.id}
        if owed > 1:
            rest[edge.id] = owed - 1
        join = JoinState(join.present, join.alive, rest)
        _keep_join(work, key, join)
        _too_late(work, target, edge, token)
        return
    arrival = f"{edge.id}@{scope}"
    queue = work.arrivals.get(arrival) or ()
    work.arrivals.put(arrival, (*queue, token))
    value = 0 if token.skip else 1
    cycles.count(work, target, token.path, value)
    join = JoinState(join.present + (not queue), join.alive + value, join.owed)
    if join.present >= target.need:
        join = _settle(work, target, token.path, scope, join)
    _keep_join(work, key, join)
    if target.timed:
        rounds.watch(work, target, token.path)


def _too_late(work: Area, target: PlanNode, edge: PlanEdge, token: Token) -> None:
    """A token comes after its round has fired: mostly that is no matter."""
    port = next(port for port in target.in_ports if port.name == edge.target_port)
    if port.blocks:  # the next round may have waited for the end of this one
        settle(work, target, token.path)
    if port.rest == "error" and token.value is not None:
        if is_item(target, token.path):
            work.lost.append((target, token.path, rounds.late(target, edge.source)))
            return
        pairs = {port.name: ((edge.source, token.value),)}
        task = work.create(target, token.path, pairs)
        work.broken.append((task, rounds.late(target, edge.source)))


def is_item(target: PlanNode, path: Path) -> bool:
    """Return whether what comes to a Collect is of one item, and not all of them."""
    return target.role == "collect" and len(path) > target.depth


def settle(work: Area, target: PlanNode, path: Path, *, quiet: bool = False) -> bool:
    """Fire a join for another reason than an arrival; return whether it fired."""
    scope = scope_key(path)
    key = f"{target.key}@{scope}"
    before = work.joins.get(key) or _EMPTY
    after = _settle(work, target, path, scope, before, quiet=quiet)
    _keep_join(work, key, after)
    if target.timed:
        rounds.watch(work, target, path)
    return after is not before


def settle_all(work: Area) -> None:
    """Fire every join that waits for nothing: the wires that lead to it may have changed."""
    for key in list(work.state.joins):
        join = work.joins.get(key)
        name, _, scope = key.partition("@")
        node = work.plan.nodes[name]
        edges = [edge for port in node.in_ports for edge in port.edges]
        queue = next((q for edge in edges if (q := work.queue(scope, edge.id))), None)
        if join is not None and queue is not None and join.present >= node.need:
            _keep_join(work, key, _settle(work, node, queue[0].path, scope, join))


def _keep_join(work: Area, key: str, join: JoinState) -> None:
    if join.present or join.owed:
        work.joins.put(key, join)
    else:
        work.joins.drop(key)


def _fire_simple(work: Area, target: PlanNode, edge: PlanEdge, token: Token) -> None:
    if token.skip or token.value is None:
        work.losing = token.lost
        work.skip(target, token.path, f"{edge.source} did not lead here")
        work.losing = False
    else:
        work.create(target, token.path, {edge.target_port: ((edge.source, token.value),)})


def _settle(
    work: Area, target: PlanNode, path: Path, scope: str, join: JoinState, *, quiet: bool = False
) -> JoinState:
    """Fire the node as often as its ports allow; return what is left of the join."""
    queues = partial(work.queue, scope)
    timed = target.timed
    while True:
        fired: list[Fired] = []
        over: InPort | None = None
        for port in target.in_ports:
            ended = timed and rounds.is_over(work, target, port, scope)
            over = port if ended else over
            found = fires(port, queues, join.owed, over=ended, quiet=quiet)
            while found is not None and found.over:
                join = _consume(work, target, port, path, scope, join, fired=found)
                found = fires(port, queues, join.owed, over=ended, quiet=quiet)
            if found is None:
                return join
            fired.append(found)
        inputs: dict[str, tuple[tuple[NodeKey, ValueRef], ...]] = {}
        starved = False
        lost = work.plan.has_short and _has_lost(fired, queues)
        missing = needs(over, queues) if over is not None else []
        for port, found in zip(target.in_ports, fired, strict=True):
            join = _consume(work, target, port, path, scope, join, fired=found)
            edges = work.plan.edges
            pairs = [(edges[t.edge].source, t.value) for t in found.tokens if t.value]
            if pairs:
                inputs[port.name] = tuple(pairs)
            elif port.required:
                starved = True
            if timed:
                work.timers.drop(rounds.timer_name(target, port, scope))
        if starved or not inputs:
            _starve(work, target, path, inputs, lost=lost)
            continue
        if over is None or over.policy.on_timeout != "fail":
            work.create(target, path, inputs)
        elif is_item(target, path):
            work.lost.append((target, path, rounds.timed_out(target, over, missing)))
        else:
            task = work.create(target, path, inputs)
            work.broken.append((task, rounds.timed_out(target, over, missing)))


def _has_lost(fired: Sequence[Fired], queues: Queues) -> bool:
    """Return whether a way that did not come has failed."""
    return any(queues(edge)[0].lost for found in fired for edge in found.used)


def _starve(
    work: Area,
    target: PlanNode,
    path: Path,
    inputs: Mapping[str, tuple[tuple[NodeKey, ValueRef], ...]],
    *,
    lost: bool,
) -> None:
    """Pass over a node that gets too little, or let it fail where failures are the reason."""
    if lost and any(port.policy.on_short == "fail" for port in target.in_ports):
        if is_item(target, path):
            work.lost.append((target, path, rounds.short(target)))
        else:
            work.broken.append((work.create(target, path, inputs), rounds.short(target)))
        return
    work.losing = lost
    work.skip(target, path, "every way here was ruled out")
    work.losing = False


def _consume(
    work: Area,
    target: PlanNode,
    port: InPort,
    path: Path,
    scope: str,
    join: JoinState,
    *,
    fired: Fired,
) -> JoinState:
    """Take the tokens of one firing off their edges."""
    emptied = values = 0
    for edge in fired.used:
        arrival = f"{edge}@{scope}"
        queue = list(work.queue(scope, edge))
        values += queue.pop(0).value is not None
        if queue:
            work.arrivals.put(arrival, tuple(queue))
        else:
            work.arrivals.drop(arrival)
            emptied += 1
    if fired.taken is not None:
        edge, place = fired.taken
        queue = list(work.queue(scope, edge))
        queue[place] = mark(queue[place])
        work.arrivals.put(f"{edge}@{scope}", tuple(queue))
        values += 1
    cycles.count(work, target, path, -values)
    owed, late = join.owed, fired.owed
    if late and port.rest == "cancel" and (fired.tokens or port.policy.timeout_s is not None):
        still = rounds.cancel_rest(work, target, port, path)
        late = tuple([edge for edge in late if edge in still])
    if late:
        owed = dict(owed)
        for edge in late:
            owed[edge] = owed.get(edge, 0) + 1
    return JoinState(join.present - emptied, join.alive - values, owed)


def clear_join(work: Area, target: PlanNode, path: Path, scope: str) -> None:
    """Remove what waits at a join in one scope, with its timers."""
    join = work.joins.get(f"{target.key}@{scope}")
    if join is None:
        return
    work.joins.drop(f"{target.key}@{scope}")
    cycles.count(work, target, path, -join.alive)
    for port in target.in_ports:
        for edge in port.edges:
            work.arrivals.drop(f"{edge.id}@{scope}")
        if target.timed:
            work.timers.drop(rounds.timer_name(target, port, scope))
