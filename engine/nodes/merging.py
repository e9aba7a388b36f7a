"""How a Join makes one value of several (U50). Pure.

Each function takes an object from source to value, in the order that counts, and changes
neither the object nor its values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from engine.model.node_types import NodeFailure

Json = Any
_FEW = 5


class Vote(NamedTuple):
    """What a vote has come to, and how, in words."""

    value: Json
    words: str


def in_order(arrived: Mapping[str, Json], order: Sequence[str]) -> Mapping[str, Json]:
    """Return the arrivals with the sources of `order` first, the others as they were."""
    if not order:
        return arrived
    first = {source: arrived[source] for source in order if source in arrived}
    return {**first, **{name: value for name, value in arrived.items() if name not in first}}


def merged(arrived: Mapping[str, Json]) -> dict[str, Json]:
    """Return objects as one, later sources over earlier ones.

    Raises:
        NodeFailure: one is no object.
    """
    whole: dict[str, Json] = {}
    for source, value in arrived.items():
        if not isinstance(value, Mapping):
            raise _unfit(source, value, "an object and cannot be merged", "not_an_object")
        whole.update(value)
    return whole


def concatenated(arrived: Mapping[str, Json]) -> list[Json] | str:
    """Return lists, or texts, one after the other.

    Raises:
        NodeFailure: one is neither, or there are both.
    """
    if arrived and all(isinstance(value, str) for value in arrived.values()):
        return "".join(arrived.values())
    return [item for value in _lists(arrived).values() for item in value]


def united(arrived: Mapping[str, Json]) -> list[Json]:
    """Return what lists have between them, each value once, at its first place.

    Raises:
        NodeFailure: one is no list.
    """
    found: dict[str, Json] = {}
    for value in _lists(arrived).values():
        for item in value:
            found.setdefault(_as_key(item), item)
    return list(found.values())


def zipped(arrived: Mapping[str, Json]) -> list[list[Json]]:
    """Return a list of what the lists have at each place; null where one is at its end.

    Raises:
        NodeFailure: one is no list.
    """
    return [list(row) for row in zip_longest(*_lists(arrived).values())]


def voted(
    arrived: Mapping[str, Json],
    *,
    majority: Literal["most", "half", "all"],
    tie: Literal["fail", "first", "null"],
) -> Vote:
    """Return the value that enough sources have brought.

    Raises:
        NodeFailure: none has won, and that is to be a failure.
    """
    ballots: dict[str, list[Json]] = {}
    for value in arrived.values():
        ballots.setdefault(_as_key(value), []).append(value)
    of = len(arrived)
    most = max((len(votes) for votes in ballots.values()), default=0)
    leading = [votes for votes in ballots.values() if len(votes) == most]
    wins = {"most": len(leading) == 1, "half": 2 * most > of, "all": most == of and of > 0}
    if leading and (wins[majority] or tie == "first"):
        how = "" if wins[majority] else ", the first of those with the most"
        return Vote(leading[0][0], f"{most} of {of} votes{how}")
    if tie == "null":
        return Vote(None, f"no majority among {of} votes")
    counts = ", ".join(f"{_words(votes[0])}: {len(votes)}" for votes in leading[:_FEW])
    raise NodeFailure(
        f"no value has won the vote ({counts or 'nobody has voted'}); "
        "let the first win, or ask for less than that",
        code="no_majority",
        retryable=False,
    )


def _lists(arrived: Mapping[str, Json]) -> Mapping[str, list[Json]]:
    for source, value in arrived.items():
        if not isinstance(value, list):
            raise _unfit(source, value, "a list", "not_a_list")
    return arrived


def _unfit(source: str, value: Json, what: str, code: str) -> NodeFailure:
    kind = "null" if value is None else type(value).__name__
    return NodeFailure(
        f"what came from {source} is not {what} (it is {kind}); choose another result",
        code=code,
        retryable=False,
    )


def _as_key(value: Json) -> str:
    """Return the same text for equal JSON: true is not 1, and 1 is 1.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        return "[" + ",".join(_as_key(item) for item in value) + "]"
    if isinstance(value, Mapping):
        rows = sorted((json.dumps(name), _as_key(item)) for name, item in value.items())
        return "{" + ",".join(f"{name}:{item}" for name, item in rows) + "}"
    return json.dumps(value)


def _words(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"
