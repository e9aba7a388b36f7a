"""When an input port fires (U45, U46). Pure decisions over queues of arrivals.

Every edge brings exactly one token per round: a value, or a skip token that rules the
edge out. Tokens queue per edge, so that a fast arm may be a round ahead of a slow one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.ids import NodeKey
from engine.model.plan import InPort
from engine.state.run_state import Token

#: Edge id to the tokens that wait on it, oldest first.
Queues = Callable[[str], tuple[Token, ...]]
_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fired:
    """A port that is ready.

    Attributes:
        tokens: the values that it takes, in edge order; empty when the port is skipped.
        used: edges whose first token is consumed, once for each time that they are named.
        owed: edges whose next token belongs to this round and will be ignored.
        taken: (edge, place) of a value that is taken while its round goes on.
        over: the round has ended and the port has fired in it: there is nothing more to do.
    """

    tokens: tuple[Token, ...]
    used: tuple[str, ...]
    owed: tuple[str, ...] = ()
    taken: tuple[str, int] | None = None
    over: bool = False


def fires(
    port: InPort,
    queues: Queues,
    owed: Mapping[str, int] = _NOTHING,
    *,
    over: bool = False,
    quiet: bool = False,
) -> Fired | None:
    """Return how the port fires now, or None when it still waits.

    Args:
        port: the port with its policy.
        queues: the tokens on its edges.
        owed: edges whose next token belongs to a round that has fired.
        over: the time of its round has passed.
        quiet: nothing more can arrive.
    """
    edges = tuple([edge.id for edge in port.edges])
    if port.blocks and any(edge in owed for edge in edges):
        return None
    present = [queue[0] for edge in edges if (queue := queues(edge))]
    if over and present:
        return _in_time(port, edges, present)
    values = [token for token in present if not token.skip]
    match port.policy.mode:
        case "each":
            return _each(edges, present, queues)
        case "any" | "first":
            return _at_least(port, 1, edges, present, values)
        case "n_of_m":
            return _at_least(port, port.policy.n, edges, present, values)
        case "no_more":
            return _arrived(edges, queues) if quiet and present else None
        case "all_active" | "all" as mode:
            if len(present) < len(edges):
                return None
            if mode == "all" and len(values) < len(edges):
                return Fired((), edges)
            return Fired(tuple(values), edges)


def _late(port: InPort, edges: tuple[str, ...], used: Collection[str]) -> tuple[str, ...]:
    """Return the edges whose token comes after the round has fired, unless it is kept."""
    return () if port.rest == "queue" else tuple([edge for edge in edges if edge not in used])


def _in_time(port: InPort, edges: tuple[str, ...], present: list[Token]) -> Fired:
    """The waiting is over: take what there is, or pass the round over."""
    used = tuple([token.edge for token in present])
    values = tuple([token for token in present if not token.skip])
    kept = values if port.policy.on_timeout != "skip" else ()
    late = () if port.policy.mode == "no_more" else _late(port, edges, used)
    return Fired(kept, used, late)


def _at_least(
    port: InPort, wanted: int, edges: tuple[str, ...], present: list[Token], values: list[Token]
) -> Fired | None:
    """Fire with the first values that suffice."""
    possible = len(values) + len(edges) - len(present)
    if len(values) < wanted <= possible:
        return None
    if port.rest == "queue" and len(values) >= wanted:
        # What is not needed stays for the next round, whichever edge it came along.
        taken = values[:wanted]
        skipped = [token for token in present if token.skip]
        return Fired(tuple(taken), tuple([token.edge for token in (*taken, *skipped)]))
    used = tuple([token.edge for token in present])
    late = _late(port, edges, used)
    return Fired(tuple(values[:wanted]) if len(values) >= wanted else (), used, late)


def _arrived(edges: tuple[str, ...], queues: Queues) -> Fired:
    """Fire with the first value of every edge; skip tokens before it have said their word."""
    values: list[Token] = []
    used: list[str] = []
    for edge in edges:
        queue = queues(edge)
        place = next((n for n, token in enumerate(queue) if not token.skip), None)
        if place is not None:
            values.append(queue[place])
        used += [edge] * (len(queue) if place is None else place + 1)
    return Fired(tuple(values), tuple(used))


def _each(edges: tuple[str, ...], present: list[Token], queues: Queues) -> Fired | None:
    """Fire for every value at once; skipped only when every edge of the round is ruled out.

    A value that was taken stays as a mark until every edge has brought its token, so that
    a token of the next round is not taken for one of this.
    """
    for edge in edges:
        for place, token in enumerate(queues(edge)):
            if token.value is not None:
                return Fired((token,), (), taken=(edge, place))
    if len(present) < len(edges):
        return None
    return Fired((), edges, over=not all(token.skip for token in present))


def mark(token: Token) -> Token:
    """Return what stands for a value that was taken while its round goes on."""
    return Token(token.edge, token.path)


def needs(port: InPort, queues: Queues) -> list[NodeKey]:
    """Return the source nodes that the port still waits for."""
    if port.policy.mode == "no_more":
        return []
    return [edge.source for edge in port.edges if not queues(edge.id)]
