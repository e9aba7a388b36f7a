"""What differs between a recorded commit and the same commit made again. Pure.

Times, durations and ids never count: they are another in every run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from engine import events as ev
from engine.ids import RequestId, node_of
from engine.runtime.ports import CommitRecord, RequestRecord
from engine.runtime.superstep import Step
from engine.state.run_state import Delta, RunState

Json = Any
#: Fields that are another in every run.
_FLEETING = frozenset(
    {
        "at",
        "delay_s",
        "digest",
        "deadline",
        "due_at",
        "duration_s",
        "engine",
        "next_due",
        "opened_at",
        "recorded",
        "request",
        "requests",
        "revision",
        "seed",
        "workflow",
        "workflow_id",
    }
)
#: Of these fields only the path of a run is made.
_PATH = frozenset(
    {
        "admitted",
        "choice",
        "commit",
        "handled",
        "kind",
        "limit",
        "node",
        "not_taken",
        "port",
        "ports",
        "ready",
        "route",
        "taken",
        "task",
    }
)
#: They say who drove the run, not what it did.
_LEGS = (ev.RunStarted, ev.LegStarted, ev.RunWaiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is compared.

    Attributes:
        name: ``full``: events and values at every commit. ``path``: which nodes ran in which
            order and which wires were taken. ``result``: only how the run ends.
        computes: nodes that touch nothing are computed anew; else recorded results are used.
        nodes, channels: what is ignored.
    """

    name: Literal["full", "path", "result"] = "full"
    computes: bool = True
    nodes: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    @property
    def follows(self) -> bool:
        """Whether every commit is compared, and not only the end."""
        return self.name != "result"

    def ignores(self, node: str) -> bool:
        """Whether differences at a node do not count."""
        return node in self.nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first thing that is not as it was.

    Attributes:
        commit: index of the commit. `node`: where, empty for the run as a whole.
        what: what is compared, in words. `then`, `now`: both values, None for nothing.
    """

    commit: int
    node: str
    what: str
    then: Json
    now: Json


def compare_commits(
    commit: CommitRecord,
    before: RunState,
    requests: Mapping[RequestId, RequestRecord],
    step: Step,
    now: RunState,
    profile: Profile,
) -> Difference | None:
    """Return the first difference of a commit.

    Args:
        commit: as it was recorded.
        before: the recorded state before it.
        requests: the recorded barrier requests.
        step: the same commit made again.
        now: the state before that.
        profile: what counts.
    """
    facts = [each.event for each in commit.events]
    found: Iterator[Difference | None] = iter(())
    if profile.name == "full":
        found = itertools.chain(
            _outputs(commit, facts, before, step, now, profile),
            _questions(commit, facts, requests, step, profile),
            _writes(commit, step, profile),
        )
    if profile.follows:
        found = itertools.chain(found, _events(commit, facts, step, profile))
    return next((each for each in found if each is not None), None)


def compare_ends(
    number: int, then: RunState, now: RunState, step: Step | None, profile: Profile
) -> Difference | None:
    """Return the first difference of two states after a commit; channels and status only."""
    del step
    if profile.name != "path":
        for name in {**then.channels, **now.channels}:
            if name in profile.channels:
                continue
            old, new = then.channels.get(name), now.channels.get(name)
            if not same(old, new):
                return Difference(commit=number, node="", what=f"channel {name}", then=old, now=new)
    if profile.follows and then.status is not now.status:
        return Difference(
            commit=number, node="", what="status", then=then.status.value, now=now.status.value
        )
    return None


# --- values ---------------------------------------------------------------------------------


def _outputs(
    commit: CommitRecord,
    facts: Sequence[ev.AnyEvent],
    before: RunState,
    step: Step,
    now: RunState,
    profile: Profile,
) -> Iterator[Difference | None]:
    """Compare what each task gave on each port."""
    made = {event.task: event for event in step.events if isinstance(event, ev.TaskFinished)}
    for event in facts:
        again = made.get(event.task) if isinstance(event, ev.TaskFinished) else None
        if again is None or not isinstance(event, ev.TaskFinished) or profile.ignores(event.node):
            continue
        for port in event.ports:
            if port in again.ports:
                old = _value(event, port, commit.delta, before)
                new = _value(again, port, step.delta, now)
                if not same(old, new):
                    yield Difference(
                        commit=commit.number,
                        node=event.node,
                        what=f"{event.task}.{port}",
                        then=old,
                        now=new,
                    )


def _value(event: ev.TaskFinished, port: str, delta: Delta, before: RunState) -> Json:
    ref = event.ports[port] or f"{event.task}.{port}"
    return delta.put_values[ref] if ref in delta.put_values else before.value(ref)


def _questions(
    commit: CommitRecord,
    facts: Sequence[ev.AnyEvent],
    requests: Mapping[RequestId, RequestRecord],
    step: Step,
    profile: Profile,
) -> Iterator[Difference | None]:
    """Compare what people were asked."""
    asked = {record.task: record.content for record in step.requests}
    for event in facts:
        if not isinstance(event, ev.BarrierOpened) or profile.ignores(event.node):
            continue
        content = asked.get(event.task)
        record = requests.get(event.request)
        if content is None or record is None:
            continue
        for name in content.__dataclass_fields__:
            old = msgspec.to_builtins(getattr(record.content, name))
            new = msgspec.to_builtins(getattr(content, name))
            if not same(old, new):
                yield Difference(
                    commit=commit.number,
                    node=event.node,
                    what=f"the {name} of the question",
                    then=old,
                    now=new,
                )


def _writes(commit: CommitRecord, step: Step, profile: Profile) -> Iterator[Difference | None]:
    """Compare what was written to channels, in order."""
    old = [op for op in commit.delta.ops if op.channel not in profile.channels]
    new = [op for op in step.delta.ops if op.channel not in profile.channels]
    for then, now in itertools.zip_longest(old, new):
        was = None if then is None else [then.channel, then.op, then.value]
        is_now = None if now is None else [now.channel, now.op, now.value]
        either = then or now
        node = "" if either is None else node_of(either.writer)
        if not same(was, is_now) and not profile.ignores(node):
            yield Difference(commit=commit.number, node=node, what="a write", then=was, now=is_now)


# --- events ---------------------------------------------------------------------------------


def _events(
    commit: CommitRecord, facts: Sequence[ev.AnyEvent], step: Step, profile: Profile
) -> Iterator[Difference | None]:
    old = _telling([event for event in facts if _counts(event, profile)])
    new = _telling([event for event in step.events if _counts(event, profile)])
    for then, now in itertools.zip_longest(old, new):
        if then is None or now is None or type(then) is not type(now):
            one = then or now
            yield Difference(
                commit=commit.number,
                node=str(getattr(one, "node", "")),
                what="what happened",
                then=_words(then),
                now=_words(now),
            )
            return
        for name in then.__struct_fields__:
            was = _plain(then, name, profile)
            is_now = _plain(now, name, profile)
            if not same(was, is_now):
                yield Difference(
                    commit=commit.number,
                    node=str(getattr(then, "node", "")) or _first_node(was, is_now),
                    what=f"{type(then).__name__}.{name}",
                    then=was,
                    now=is_now,
                )


def _telling(events: list[ev.AnyEvent]) -> list[ev.AnyEvent]:
    """Put first what says most: results, then which way it went, then what follows from that."""
    results = (ev.TaskFinished, ev.TaskFailed, ev.TaskRetried)
    return sorted(
        events,
        key=lambda event: (
            0 if isinstance(event, results) else 1 + (not isinstance(event, ev.SuperstepCommitted))
        ),
    )


def _counts(event: ev.AnyEvent, profile: Profile) -> bool:
    if isinstance(event, _LEGS):
        return False
    return not profile.ignores(str(getattr(event, "node", "")))


def _plain(event: ev.AnyEvent, name: str, profile: Profile) -> Json:
    """Return a field as it is compared; None where it does not count."""
    if name in _FLEETING or (profile.name == "path" and name not in _PATH):
        return None
    value = getattr(event, name)
    match name:
        case "ports":
            return sorted(value)  # the values are compared on their own
        case "ready":
            return [each.task for each in value if not profile.ignores(each.node)]
        case "admitted":
            return [task for task in value if not profile.ignores(node_of(task))]
        case "changed":
            return [each for each in value if each not in profile.channels]
        case "taken" | "not_taken":
            return [edge for edge in value if not _touches(edge, profile)]
        case _:
            return msgspec.to_builtins(value)


def _touches(edge: str, profile: Profile) -> bool:
    return any(edge.startswith(f"{node}.") or f"->{node}." in edge for node in profile.nodes)


def _first_node(then: Json, now: Json) -> str:
    """Return the node of the first task in which two lists of tasks differ."""
    if not isinstance(then, list) or not isinstance(now, list):
        return ""
    for old, new in itertools.zip_longest(then, now):
        if old != new:
            return node_of(str(new if new is not None else old)).partition(".")[0]
    return ""


def _words(event: ev.AnyEvent | None) -> str | None:
    if event is None:
        return None
    where = getattr(event, "task", "") or getattr(event, "node", "")
    return f"{type(event).__name__}{f' of {where}' if where else ''}"


def same(then: Json, now: Json) -> bool:
    """Return whether two JSON values are the same: a yes is no 1, and 1 is 1.0."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        return then.keys() == now.keys() and all(same(then[key], now[key]) for key in then)
    if isinstance(then, list | tuple) and isinstance(now, list | tuple):
        return len(then) == len(now) and all(map(same, then, now))
    if isinstance(then, bool) is not isinstance(now, bool):
        return False
    return bool(then == now) or (then != then and now != now)  # noqa: PLR0124 - NaN is NaN
