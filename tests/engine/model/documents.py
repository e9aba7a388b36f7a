"""Random documents and small ones by hand, for the tests of the model."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from engine.model.shape import edge_order
from engine.model.workflow import (
    Cache,
    Channel,
    Draw,
    Edge,
    Frame,
    Invariant,
    JoinPolicy,
    Limits,
    Meter,
    Migration,
    Node,
    Note,
    PortRef,
    Position,
    RetryPolicy,
    Save,
    Settings,
    View,
    Workflow,
    Write,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
_NUMBER = st.one_of(st.integers(-(2**63), 2**64 - 1), _FLOAT)

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBER, _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=6,
)
#: The same, small: most of a document's shape matters more than what values it holds.
_VALUE = st.one_of(st.sampled_from([None, True, 0, 1.5, "", "é\n", [], {}, {"expr": "1"}]), JSON)
KEYS = st.sampled_from(["a", "b", "c", "d", "e", "ask", "each", "read_all", "z9", "n_1"])
PORTS = st.sampled_from(["in", "out", "item", "error"])
#: Fields that no release knows.
EXTRA: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {}, {"x_one": 1}, {"x_two": {"b": [1, "é"], "a": None}}]
)

_SECONDS = st.sampled_from([None, 0.0, 1.5, 1e6])


def _retries() -> st.SearchStrategy[RetryPolicy]:
    return st.builds(
        RetryPolicy,
        attempts=st.integers(0, 9),
        delay_s=_FLOAT,
        jitter=st.booleans(),
        on=st.tuples(_TEXT),
        extra=EXTRA,
    )


def nodes(key: str) -> st.SearchStrategy[Node]:
    """Return random nodes of that key."""
    return st.builds(
        Node,
        key=st.just(key),
        type=st.sampled_from(["step", "each", "collect", "gate"]),
        version=st.integers(1, 3),
        title=_TEXT,
        notes=_TEXT,
        params=st.dictionaries(_TEXT, _VALUE, max_size=2),
        writes=st.dictionaries(
            KEYS, st.builds(Write, expr=_TEXT, op=st.sampled_from(["reduce", "set"])), max_size=1
        ),
        joins=st.dictionaries(
            PORTS, st.builds(JoinPolicy, mode=st.just("n_of_m"), n=st.integers(1, 3)), max_size=1
        ),
        route=st.sampled_from(["all", "first"]),
        retry=st.none() | _retries(),
        timeout_s=_SECONDS,
        on_error=st.sampled_from(["fail", "continue", "error_port"]),
        effects=st.sampled_from([None, "none", "once"]),
        reads=st.tuples(KEYS) | st.just(()),
        gated=st.booleans(),
        cache=st.none() | st.builds(Cache, ttl_s=_SECONDS, extra=EXTRA),
        may_write=st.none() | st.tuples(KEYS) | st.just(()),
        meters=st.dictionaries(
            KEYS,
            st.builds(Draw, estimate=_TEXT, actual=st.none() | _TEXT, limit=_SECONDS),
            max_size=1,
        ),
        budget=st.sampled_from(["shared", "even"]),
        disabled=st.booleans(),
        extra=EXTRA,
    )


def _settings() -> st.SearchStrategy[Settings]:
    return st.builds(
        Settings,
        commit=st.sampled_from(["eager", "strict"]),
        limits=st.builds(Limits, visits=st.integers(1, 9), extra=EXTRA),
        env=st.tuples(_TEXT) | st.just(()),
        vars=st.dictionaries(_TEXT, _VALUE, max_size=1),
        input=_VALUE,
        result=st.none() | _TEXT,
        invariants=st.dictionaries(
            KEYS,
            st.builds(Invariant, expr=_TEXT, on_breach=st.sampled_from(["fail", "ask"])),
            max_size=1,
        ),
        meters=st.dictionaries(
            KEYS,
            st.builds(Meter, limit=_SECONDS, measure=st.sampled_from(["spend", "calls"])),
            max_size=1,
        ),
        save=st.builds(
            Save,
            when=st.sampled_from(["every_commit", "adaptive"]),
            meters=st.dictionaries(KEYS, st.just(1.5), max_size=1),
            extra=EXTRA,
        ),
        extra=EXTRA,
    )


def _channels(name: str) -> st.SearchStrategy[Channel]:
    return st.builds(
        Channel,
        name=st.just(name),
        type=_TEXT,
        default=_VALUE,
        reduce=st.none() | _TEXT,
        schema=_VALUE,
        version=st.integers(1, 3),
        migrations=st.tuples(st.builds(Migration, version=st.integers(1, 2), expr=_TEXT))
        | st.just(()),
    )


def _boxes(cls: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    box = st.builds(cls, id=KEYS, x=_FLOAT, y=_FLOAT, width=_FLOAT, extra=EXTRA)
    return st.lists(box, max_size=2, unique_by=lambda item: item.id).map(tuple)


@st.composite
def workflows(draw: st.DrawFn, *, max_nodes: int = 5) -> Workflow:
    """Return a random document in canonical order, with every kind of content."""
    keys = sorted(draw(st.sets(KEYS, max_size=max_nodes)))
    found: dict[str, Edge] = {}
    if keys:
        ends = st.tuples(st.sampled_from(keys), PORTS, st.sampled_from(keys), PORTS)
        for source, out, target, port in draw(st.lists(ends, max_size=6)):
            edge = Edge(
                source=PortRef(source, out),
                target=PortRef(target, port),
                when=draw(st.none() | _TEXT),
                priority=draw(st.integers(-2, 2)),
                kind=draw(st.sampled_from(["normal", "otherwise", "fallback"])),
                extra=draw(EXTRA),
            )
            found[edge.id] = edge
    placed = draw(st.sets(st.sampled_from(keys))) if keys else set()
    names = sorted(draw(st.sets(KEYS, max_size=2)))
    return Workflow(
        id=draw(_TEXT),
        name=draw(_TEXT),
        settings=draw(_settings()),
        channels={name: draw(_channels(name)) for name in names},
        nodes={key: draw(nodes(key)) for key in keys},
        edges=tuple(sorted(found.values(), key=edge_order)),
        view=View(
            positions={
                key: draw(st.builds(Position, _FLOAT, _FLOAT, EXTRA)) for key in sorted(placed)
            },
            frames=draw(_boxes(Frame)),
            notes=draw(_boxes(Note)),
            extra=draw(EXTRA),
        ),
        extra=draw(EXTRA),
    )
