"""When an input port fires (U45, U46). Pure decisions over queues of arrivals.

Every edge brings exactly one token per round: a value, or a skip token that rules the
edge out. Tokens queue per edge, so that a fast arm may be a round ahead of a slow one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.ids import NodeKey
from engine.model.plan import InPort
from engine.state.run_state import Token

#: Edge id to the tokens that wait on it, oldest first.
Queues = Callable[[str], tuple[Token, ...]]


@dataclass(frozen=True, slots=True)
class Fired:
    """A port that is ready.

    Attributes:
        tokens: the values that it takes, in edge order; empty when the port is skipped.
        used: edges whose first token is consumed.
        owed: edges whose next token belongs to this round and will be ignored.
        taken: (edge, place) of a value that is taken while its round goes on.
        over: the round has ended and the port has fired in it: there is nothing more to do.
    """

    tokens: tuple[Token, ...]
    used: tuple[str, ...]
    owed: tuple[str, ...] = ()
    taken: tuple[str, int] | None = None
    over: bool = False


def fires(port: InPort, queues: Queues) -> Fired | None:
    """Return how the port fires now, or None when it still waits."""
    edges = tuple([edge.id for edge in port.edges])
    present = [queue[0] for edge in edges if (queue := queues(edge))]
    values = [token for token in present if not token.skip]
    match port.policy.mode:
        case "each":
            return _each(edges, present, queues)
        case "any":
            return _at_least(1, edges, present, values)
        case "n_of_m":
            return _at_least(port.policy.n, edges, present, values)
        case "all_active" | "all" as mode:
            if len(present) < len(edges):
                return None
            if mode == "all" and len(values) < len(edges):
                return Fired((), edges)
            return Fired(tuple(values), edges)


def _at_least(
    wanted: int, edges: tuple[str, ...], present: list[Token], values: list[Token]
) -> Fired | None:
    """Fire with the first values that suffice; what comes later in the round is ignored."""
    possible = len(values) + len(edges) - len(present)
    if len(values) < wanted <= possible:
        return None
    used = tuple([token.edge for token in present])
    late = tuple([edge for edge in edges if edge not in used])
    return Fired(tuple(values[:wanted]) if len(values) >= wanted else (), used, late)


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
    return [edge.source for edge in port.edges if not queues(edge.id)]
