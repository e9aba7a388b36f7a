"""What differs between two moments of runs: nodes, state, and what happened. Read in a thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from designer.runs.words import kind, sentence, short_run
from engine import events as ev

if TYPE_CHECKING:
    from engine.app import Engine
    from engine.run_view import NodeView, RunView

Json = Any

#: What differs between any two runs and says nothing about them.
_BY_CHANCE = frozenset(
    {"duration_s", "due_at", "request", "requests", "next_due", "opened_at", "deadline", "delay_s"}
    | {"seed", "engine", "leg", "commit", "parent", "by", "through", "recorded", "digest"}
)
#: Kinds of events that two runs are compared by; commits may fall differently each time.
_TOLD = frozenset({"error", "warning", "retry", "task", "decision", "wait"})


@dataclass(frozen=True, slots=True)
class Side:
    """One side: a run at one of its commits."""

    run: str
    commit: int

    @property
    def words(self) -> str:
        """``#rzz9w2 at checkpoint 30``."""
        return f"{short_run(self.run)} at checkpoint {self.commit:,}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same on both sides; an empty text: it is not there at all."""

    node: str
    title: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, and how they differ.

    Attributes:
        nodes: nodes that stand differently, in the order of the workflow.
        events: what happened on one side only, or otherwise; the first divergence first.
        left_state, right_state: channels, outputs and results by name.
        notes: what the person should know about the comparison itself.
    """

    left: Side
    right: Side
    nodes: tuple[Difference, ...]
    events: tuple[Difference, ...]
    left_state: dict[str, Json]
    right_state: dict[str, Json]
    notes: tuple[str, ...] = ()


def compare(engine: Engine, left: Side, right: Side) -> Comparison:
    """Read both sides and compare them; called in a thread."""
    views = engine.view(left.run, left.commit), engine.view(right.run, right.commit)
    flows = engine.workflow_of(left.run), engine.workflow_of(right.run)
    titles = {key: node.title or key for flow in flows for key, node in flow.nodes.items()}
    records = engine.run(left.run), engine.run(right.run)
    notes: list[str] = []
    if records[0].revision != records[1].revision:
        notes.append("The runs used different versions of the workflow.")
    since = [0, 0]
    for child, parent in ((0, 1), (1, 0)):
        young, old = records[child], records[parent]
        if young.parent == old.run and young.run != old.run:
            since[parent] = young.parent_commit or 0
            notes.append(
                f"{short_run(young.run)} is a fork of {short_run(old.run)} at checkpoint "
                f"{since[parent]:,}; what happened is compared from there."
            )
    facts = tuple(
        _facts(engine, side, after) for side, after in zip((left, right), since, strict=True)
    )
    return Comparison(
        left,
        right,
        _nodes(views[0], views[1], titles),
        _events(facts[0], facts[1], titles),
        _state(engine, left),
        _state(engine, right),
        tuple(notes),
    )


# --- nodes ----------------------------------------------------------------------------------


def _nodes(left: RunView, right: RunView, titles: dict[str, str]) -> tuple[Difference, ...]:
    keys = dict.fromkeys([*titles, *left.nodes, *right.nodes])
    found = [
        Difference(key, titles.get(key, key), *pair)
        for key in keys
        if (pair := (node_words(left.nodes.get(key)), node_words(right.nodes.get(key))))
        and pair[0] != pair[1]
    ]
    return tuple(found)


def node_words(node: NodeView | None) -> str:
    """How a node stands, without times: ``done × 87, 3 failed``."""
    if node is None or node.state == "idle":
        return "not run"
    parts = [node.state]
    if node.done + node.failed > 1:
        parts[0] += f" × {node.done + node.failed:,}"
    if node.failed and node.done:
        parts.append(f"{node.failed:,} failed")
    if node.state == "failed" and node.error is not None:
        parts.append(node.error.message)
    if node.ports and node.state == "done" and node.ports != ("out",):
        parts.append(f"through {', '.join(node.ports)}")
    return ", ".join(parts)


# --- what happened --------------------------------------------------------------------------


def _facts(engine: Engine, side: Side, after: int) -> list[ev.Recorded]:
    """The facts of a run up to a commit, from those of commit `after` on."""
    history = engine.history(side.run)
    last = next((s.last_seq for s in history if s.number == side.commit), None)
    first = next((s.last_seq for s in history if s.number == after), 0) if after else 0
    return [fact for fact in engine.events(side.run, after=first, upto=last) if kind(fact) in _TOLD]


def _events(
    left: Iterable[ev.Recorded], right: Iterable[ev.Recorded], titles: dict[str, str]
) -> tuple[Difference, ...]:
    """What differs, whatever the order in which parallel tasks came to an end."""
    sides = [_by_name(left), _by_name(right)]
    found: list[Difference] = []
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        one, other = sides[0].get(name), sides[1].get(name)
        if one is not None and other is not None and _meaning(one) == _meaning(other):
            continue
        node = name[1].partition("@")[0].partition("#")[0]
        found.append(
            Difference(node, titles.get(node, node), _words(one, titles), _words(other, titles))
        )
    return tuple(found)


def _by_name(facts: Iterable[ev.Recorded]) -> dict[tuple[str, str, int], ev.Recorded]:
    """Each fact under the group it belongs to, its task, and how many of that came before."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    found: dict[tuple[str, str, int], ev.Recorded] = {}
    for fact in facts:
        group = "task" if kind(fact) in ("task", "error") else kind(fact)
        name = (group, str(getattr(fact.event, "task", "") or getattr(fact.event, "node", "")))
        found[(*name, counts[name])] = fact
        counts[name] += 1
    return found


def _meaning(fact: ev.Recorded) -> tuple[object, ...]:
    event = fact.event
    return (
        type(event).__name__,
        *(repr(getattr(event, name)) for name in event.__struct_fields__ if name not in _BY_CHANCE),
    )


def _words(fact: ev.Recorded | None, titles: dict[str, str]) -> str:
    return sentence(fact, lambda key: titles.get(key, key)) if fact is not None else ""


# --- state ----------------------------------------------------------------------------------


def _state(engine: Engine, side: Side) -> dict[str, Json]:
    state = engine.state_at(side.run, side.commit)
    outputs = {
        key.removesuffix("@"): state.value(ref)
        for key, ref in state.outputs.items()
        if ref.partition("[")[0] in state.values
    }
    parts = {
        "channels": dict(state.channels),
        "outputs": outputs,
        "results": dict(state.results),
    }
    return {name: value for name, value in parts.items() if value}
