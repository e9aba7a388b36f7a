"""Functions of the surroundings that look at a run's work before it counts (U111, U112).

An interceptor may let pass, alter, veto, or abort the run. It is a plain, quick function. One
that fails is left aside for that call, and an event says so: it never fails a node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from engine.events import ErrorInfo
from engine.ids import NodeKey, Path, RunId, TaskId
from engine.model.node_types import Output, Result
from engine.runtime.outcome import Outcome, ending_the_same

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCall:
    """One attempt that is about to begin, or has just ended."""

    run: RunId
    node: NodeKey
    type: str
    task: TaskId
    path: Path
    attempt: int
    inputs: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Alter:
    """Go on with these values in place of the inputs, or of the outputs."""

    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Veto:
    """Do not let it count: the task fails with the code ``vetoed``.

    Attributes:
        task: before a commit: only this task; empty stands for all of the commit.
    """

    reason: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class AbortRun:
    """End the run as cancelled."""

    reason: str


Verdict = Alter | Veto | AbortRun | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interceptor:
    """What is called, each at most once for an attempt or a commit.

    Attributes:
        name: for the events.
        before_node: with the attempt. `Alter` gives it other inputs.
        after_node: with the attempt and its outputs; only of attempts that succeeded.
        before_commit: with the run, the number of the commit, and the tasks that it would
            admit, with the channels that each would write.
    """

    name: str
    before_node: Callable[[NodeCall], Verdict] | None = None
    after_node: Callable[[NodeCall, Mapping[str, Json]], Verdict] | None = None
    before_commit: (
        Callable[[RunId, int, Mapping[TaskId, Sequence[tuple[str, str, Json]]]], Verdict] | None
    ) = None


class Guards:
    """The interceptors of one run. Notes of those that failed go with the next outcome."""

    def __init__(self, interceptors: Sequence[Interceptor]) -> None:
        self._all = tuple(interceptors)
        self._notes: dict[TaskId, list[str]] = {}

    def before(self, call: NodeCall) -> tuple[NodeCall, Outcome | None]:
        """Return the attempt as it may begin, or the outcome that it has instead."""
        for each in self._all:
            if each.before_node is None:
                continue
            verdict = self._ask(each, call.task, each.before_node, call)
            match verdict:
                case Alter(values):
                    call = replace(call, inputs=values)
                case Veto(reason) | AbortRun(reason):
                    outcome = _stopped(call.task, call.attempt, each.name, verdict, reason)
                    if outcome.error is not None:
                        error = msgspec.structs.replace(outcome.error, nothing_happened=True)
                        outcome = msgspec.structs.replace(outcome, error=error)
                    return call, self.noted(outcome)
                case _:
                    pass
        return call, None

    def review(self, call: NodeCall, result: Result) -> Result | Outcome:
        """Return a result as it may count, or the outcome that the attempt has instead."""
        if not isinstance(result, Output):
            return result
        for each in self._all:
            if each.after_node is None:
                continue
            verdict = self._ask(each, call.task, each.after_node, call, dict(result.ports))
            match verdict:
                case Alter(values):
                    result = msgspec.structs.replace(result, ports=dict(values))
                case Veto(reason) | AbortRun(reason):
                    return _stopped(call.task, call.attempt, each.name, verdict, reason)
                case _:
                    pass
        return result

    def before_commit(self, run: RunId, number: int, outcomes: list[Outcome]) -> list[Outcome]:
        """Return the outcomes as the commit may admit them."""
        for each in self._all:
            asked = [o for o in outcomes if o.kind in ("output", "fallback", "skip")]
            if each.before_commit is None or not asked:
                continue
            writes = {outcome.task: outcome.writes for outcome in asked}
            first = asked[0].task
            verdict = self._ask(each, first, each.before_commit, run, number, writes)
            if isinstance(verdict, Veto | AbortRun):
                aimed = verdict.task if isinstance(verdict, Veto) else first
                outcomes = [
                    ending_the_same(
                        o, _stopped(o.task, o.attempt, each.name, verdict, verdict.reason)
                    )
                    if o in asked and aimed in ("", o.task)
                    else o
                    for o in outcomes
                ]
        return [self.noted(outcome) for outcome in outcomes]

    def _ask(
        self, each: Interceptor, task: TaskId, function: Callable[..., Verdict], *args: Any
    ) -> Verdict:
        try:
            return function(*args)
        except Exception as error:  # noqa: BLE001 - it is isolated: the run goes on without it
            text = f"The interceptor {each.name} failed and was ignored: "
            self._notes.setdefault(task, []).append(f"{text}{type(error).__name__}: {error}")
            return None

    def noted(self, outcome: Outcome) -> Outcome:
        """Return an outcome with what is to be told of the interceptors that failed."""
        notes = self._notes.pop(outcome.task, None)
        if notes is None:
            return outcome
        return msgspec.structs.replace(outcome, notes=(*outcome.notes, *notes))


def _stopped(
    task: TaskId, attempt: int, name: str, verdict: Veto | AbortRun, reason: str
) -> Outcome:
    text = f"{name}: {reason}"
    if isinstance(verdict, AbortRun):
        return Outcome(task=task, kind="abort", attempt=attempt, text=text)
    error = ErrorInfo(
        code="vetoed", message=f"{task} was vetoed by {text}", kind="Veto", retryable=False
    )
    return Outcome(task=task, kind="error", attempt=attempt, error=error)
