"""Make a recorded run again on the document as it is now, and find the first difference.

Nothing outside is touched. What a node without effects and capabilities gives is computed
anew; of every other node the recorded result is used. A recording that ends alike at every
commit says that the change of the document changed nothing; the first difference says
where it did, and what was there before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from engine import events as ev
from engine.errors import InvalidCommand
from engine.ids import RequestId, TaskId, node_of
from engine.model.node_types import NodeFailure, Output
from engine.model.plan import Plan, PlanNode
from engine.model.workflow import Workflow
from engine.runtime import superstep
from engine.runtime.context import AttemptContext
from engine.runtime.differences import (
    Difference,
    Profile,
    compare_commits,
    compare_ends,
    same,
)
from engine.runtime.outcome import Outcome
from engine.runtime.ports import CommitRecord, RequestRecord, RunRecord, SystemClock
from engine.runtime.preparing import choose_trigger, facts_of
from engine.runtime.replay import RecordedCommit, RecordedIds, admits, outcomes_of
from engine.runtime.task_runner import declared_writes, start_attempt
from engine.state.channels import specs_from
from engine.state.run_state import Delta, RunState, apply
from engine.state.status import RunStatus

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A whole run as it was recorded, and the plan of the document that it was made with.

    Attributes:
        commits: without gaps; the first has the state in its frame.
    """

    record: RunRecord
    plan: Plan
    commits: Sequence[CommitRecord]
    requests: Mapping[RequestId, RequestRecord]

    @property
    def workflow(self) -> Workflow:
        """The document that the run was made with."""
        return self.plan.workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Retested:
    """What became of a recording on another document.

    Attributes:
        commits: how many commits were made again.
        difference: the first one, or None.
        unseen: nodes that have changed, but whose recorded results were used all the same.
    """

    commits: int
    difference: Difference | None = None
    unseen: tuple[str, ...] = ()


class _Differs(Exception):  # noqa: N818 - ends the retest, which reports it
    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.what)
        self.difference = difference


class NoServices:
    """What a node without effects and capabilities is given: nothing that it could use."""

    async def run_process(
        self,
        job: str,
        payload: Json,
        *,
        on_output: Callable[[str, str], None],
        memory_mb: int | None,
        network: bool,
    ) -> Json:
        """Refuse."""
        del payload, on_output, memory_mb, network
        raise NodeFailure(f"{job} is not run in a test")

    async def run_thread(self, function: Callable[..., Any], *args: object) -> Any:
        """Refuse."""
        del args
        raise NodeFailure(f"{function.__name__} is not run in a test")

    async def resource(self, run: str, name: str, open: Callable[[], Any]) -> Any:
        """Refuse."""
        del run, open
        raise NodeFailure(f"{name} is not opened in a test")

    async def run_over(self, run: str) -> None:
        """There is nothing to close."""

    def secret(self, name: str) -> str:
        """Refuse."""
        raise NodeFailure(f"the secret {name} is not read in a test")

    async def close(self) -> None:
        """There is nothing to close."""


def retest(plan: Plan, recording: Recording, profile: Profile) -> Retested:
    """Make a recording again on `plan`; stop at the first difference that `profile` sees.

    Args:
        plan: of the document as it is now.
        recording: what happened.
        profile: what is compared.
    """
    again = _Again(plan, recording, profile)
    try:
        if profile.follows:
            again.follow()
        else:
            again.run_free()
    except _Differs as found:
        return Retested(commits=again.done, difference=found.difference, unseen=again.unseen())
    return Retested(commits=again.done, unseen=again.unseen())


class _Again:
    """One recording on its way through another plan."""

    def __init__(self, plan: Plan, recording: Recording, profile: Profile) -> None:
        self.plan = plan
        self.recording = recording
        self.profile = profile
        self.end = RunState()
        self.facts = facts_of(plan, recording.record)
        self.old_specs = specs_from(recording.workflow.channels)
        self.then = RunState()
        self.now = RunState()
        self.done = 0
        self.used: set[str] = set()

    # --- following the recording commit by commit ---------------------------------------------

    def follow(self) -> None:
        """Admit at every commit what the recording admitted there, and compare."""
        first, *others = self.recording.commits
        self._begin(first)
        for commit in others:
            recorded = _as_recorded(commit)
            step = None
            if admits(recorded.events):
                outcomes = self._outcomes(recorded)
                step = self._commit(outcomes, recorded.at, recorded.events)
                self._compare(commit, step)
                apply(self.now, step.delta, self.facts.specs, commit.number)
            else:  # somebody has paused, cancelled or resumed: that is taken over
                apply(self.now, _of_people(recorded), self.facts.specs, commit.number)
            apply(self.then, recorded.delta, self.old_specs, commit.number)
            if step is not None:
                self._raise(compare_ends(commit.number, self.then, self.now, step, self.profile))
            self.done += 1

    def _begin(self, first: CommitRecord) -> None:
        """Start as the recording did; a fork or a pruned run is taken up as it was."""
        assert first.frame is not None
        self.then = first.frame.copy()
        if first.number or self.recording.record.parent is not None:
            self.now = first.frame.copy()
            self._check_known(first.number)
            return
        channels = self._first_channels(first.frame)
        self.now = RunState(channels=channels)
        trigger = self._trigger(first)
        step = superstep.begin(
            self.plan, self.now, self.facts, trigger=trigger, at=first.at, ids=_ids_in(first.events)
        )
        self._compare(first, step)
        apply(self.now, step.delta, self.facts.specs, 0)

    def _first_channels(self, frame: RunState) -> dict[str, Json]:
        """Return the channels at the start: what was set by hand then, else the defaults now."""
        old = self.recording.workflow.channels
        found: dict[str, Json] = {}
        for name, channel in self.plan.workflow.channels.items():
            then = frame.channels.get(name)
            by_hand = name in old and then != old[name].default
            found[name] = then if by_hand else channel.default
        return found

    def _trigger(self, first: CommitRecord) -> str | None:
        ready = {each.node for fact in first.events for each in _ready_in(fact.event)}
        chosen = next((key for key in self.plan.sources if key in ready), None)
        try:
            return choose_trigger(self.plan, chosen)
        except InvalidCommand as error:
            raise _Differs(
                Difference(commit=0, node="", what="the start", then=sorted(ready), now=str(error))
            ) from error

    def _check_known(self, number: int) -> None:
        for task in self.now.tasks.values():
            if task.node not in self.plan.nodes:
                raise _Differs(_gone(number, task.id))

    def _outcomes(self, recorded: RecordedCommit) -> list[Outcome]:
        found: list[Outcome] = []
        for outcome in outcomes_of(
            self.recording.plan, self.then, recorded, self.recording.requests
        ):
            task = self.now.tasks.get(outcome.task)
            if task is None or task.node not in self.plan.nodes:
                if self.profile.ignores(node_of(outcome.task)):
                    continue
                raise _Differs(_gone(recorded.number, outcome.task))
            found.append(self._now(outcome))
        return found

    def _commit(
        self, outcomes: Sequence[Outcome], at: float, events: Sequence[ev.AnyEvent]
    ) -> superstep.Step:
        opened = [each.request for each in events if isinstance(each, ev.BarrierOpened)]
        return superstep.commit(
            self.plan, self.now, outcomes, self.facts, at=at, ids=RecordedIds(iter(opened))
        )

    def _compare(self, commit: CommitRecord, step: superstep.Step) -> None:
        self._raise(
            compare_commits(
                commit, self.then, self.recording.requests, step, self.now, self.profile
            )
        )

    def _raise(self, difference: Difference | None) -> None:
        if difference is not None:
            raise _Differs(difference)

    # --- only how it ends -----------------------------------------------------------------------

    def run_free(self) -> None:
        """Let the document go its own way with the recorded results; compare how it ends.

        Results are taken in in the order in which they were recorded; what is new is computed
        as soon as it is ready.
        """
        first, *others = self.recording.commits
        waiting = self._all_outcomes(others)
        self._begin(first)
        step: superstep.Step | None = None
        for _ in range(self.plan.workflow.settings.limits.supersteps):
            found = self._next_outcome(waiting)
            if found is None or (step is not None and step.status not in _GOING):
                break
            at, outcome, events = found
            step = self._commit([outcome], at, events)
            apply(self.now, step.delta, self.facts.specs, self.now.commit + 1)
            self.done += 1
        self._raise(self._how_it_ends(step))

    def _all_outcomes(self, others: Sequence[CommitRecord]) -> dict[TaskId, deque[Any]]:
        """Return what was recorded of each task, in order; moves `then` to the end."""
        first = self.recording.commits[0]
        assert first.frame is not None
        state = first.frame.copy()
        found: dict[TaskId, deque[Any]] = {}
        for commit in others:
            recorded = _as_recorded(commit)
            if admits(recorded.events):
                for outcome in outcomes_of(
                    self.recording.plan, state, recorded, self.recording.requests
                ):
                    entry = (commit.number, commit.at, outcome, recorded.events)
                    found.setdefault(outcome.task, deque()).append(entry)
            apply(state, recorded.delta, self.old_specs, commit.number)
        self.end = state
        return found

    def _next_outcome(
        self, waiting: Mapping[TaskId, deque[Any]]
    ) -> tuple[float, Outcome, Sequence[ev.AnyEvent]] | None:
        best: Any = None
        for task in self.now.tasks.values():
            node = self.plan.nodes[task.node]
            queue = waiting.get(task.id)
            if queue:
                if best is None or queue[0][0] < best[0]:
                    best = queue[0]
            elif task.id not in self.now.waits and self._is_computed(node):
                outcome = self._computed(node, task.id)
                if outcome is not None:
                    return task.now, outcome, ()
        if best is None:
            return None
        _, at, outcome, events = waiting[best[2].task].popleft()
        return at, self._now(outcome), events

    def _how_it_ends(self, step: superstep.Step | None) -> Difference | None:
        last = self.recording.commits[-1]
        missing = [task.id for task in self.now.tasks.values() if task.id not in self.end.tasks]
        going_on = step is None or step.status in _GOING
        if going_on and missing:
            return Difference(
                commit=last.number,
                node=node_of(missing[0]),
                what="a node that was not run then, and has effects",
                then=None,
                now=missing[0],
            )
        ended = [fact for fact in step.events if isinstance(fact, ev.TERMINAL)] if step else []
        return compare_ends(last.number, self.end, self.now, step, self.profile) or _results(
            last, ended
        )

    # --- what a node gives now ------------------------------------------------------------------

    def _now(self, outcome: Outcome) -> Outcome:
        """Return what a task gives on this plan: computed where that touches nothing."""
        node = self.plan.nodes[self.now.tasks[outcome.task].node]
        parked = outcome.task in self.now.waits or outcome.kind in _NO_RESULT
        if not parked and self._is_computed(node):
            computed = self._computed(node, outcome.task)
            if computed is not None:
                return msgspec.structs.replace(
                    computed, duration_s=outcome.duration_s, taken=outcome.taken
                )
        self.used.add(node.key)
        return self._recorded(node, outcome)

    def _is_computed(self, node: PlanNode) -> bool:
        pure = node.effects == "none" and not node.type.capabilities(node.node.params)
        return self.profile.computes and pure and not node.awaits

    def _computed(self, node: PlanNode, task_id: TaskId) -> Outcome | None:
        task = self.now.tasks[task_id]
        outcome = start_attempt(self.plan, node, task, self._context(node, task_id), SystemClock())
        if asyncio.iscoroutine(outcome):
            outcome.close()
            return None
        return outcome if isinstance(outcome, Outcome) else None

    def _context(self, node: PlanNode, task_id: TaskId) -> AttemptContext:
        return AttemptContext(
            self.plan,
            node,
            self.now.tasks[task_id],
            self.now,
            facts=self.facts,
            services=NoServices(),
            publish=_nobody,
        )

    def _recorded(self, node: PlanNode, outcome: Outcome) -> Outcome:
        """Return a recorded result with the writes that the document declares now."""
        old = self.recording.workflow.nodes.get(node.key)
        names = outcome.names
        if any(ref not in self.now.values for ref in names.values() if _is_older(ref, outcome)):
            names = {}
        writes = outcome.writes
        declared = len(old.writes) if old is not None else 0
        if outcome.kind == "output" and (declared or node.writes):
            own = writes[: len(writes) - declared]
            scope = self._context(node, outcome.task).scope
            made = declared_writes(node, scope, Output(outcome.ports))
            writes = (*own, *((op.channel, op.op, op.value) for op in made))
        return msgspec.structs.replace(outcome, names=names, writes=writes)

    def unseen(self) -> tuple[str, ...]:
        """Return nodes that differ from the recorded document and were not computed."""
        old = self.recording.workflow.nodes
        changed = [
            key
            for key in self.used
            if key in old and _meaning(old[key]) != _meaning(self.plan.nodes[key].node)
        ]
        return tuple(sorted(changed))


#: What a task asks for before it gives anything.
_NO_RESULT = ("reserve", "turn", "item")
_GOING = (RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED)


def _meaning(node: Any) -> Any:
    return replace(node, title="")


def _is_older(ref: str, outcome: Outcome) -> bool:
    """Whether a value only passed through its task, under the name that it had before."""
    return not ref.startswith(f"{outcome.task}.")


def _nobody(update: object) -> None:
    del update


def _as_recorded(commit: CommitRecord) -> RecordedCommit:
    events = tuple(each.event for each in commit.events)
    return RecordedCommit(number=commit.number, at=commit.at, events=events, delta=commit.delta)


def _of_people(recorded: RecordedCommit) -> Delta:
    """Return the part of a delta that does not depend on the document.

    What a person has done to the items of a For each is taken over as it was.
    """
    delta = recorded.delta
    if any(isinstance(event, ev.ItemsAdded | ev.ItemsFinished) for event in recorded.events):
        return delta
    return Delta(status=delta.status, drop_waits=delta.drop_waits, drop_tasks=delta.drop_tasks)


def _ids_in(events: Sequence[ev.Recorded]) -> RecordedIds:
    opened: Iterator[RequestId] = (
        each.event.request for each in events if isinstance(each.event, ev.BarrierOpened)
    )
    return RecordedIds(opened)


def _ready_in(event: ev.AnyEvent) -> tuple[ev.TaskReady, ...]:
    return event.ready if isinstance(event, ev.SuperstepCommitted) else ()


def _gone(commit: int, task: TaskId) -> Difference:
    return Difference(
        commit=commit, node=node_of(task), what="a task that was run", then=task, now=None
    )


def _results(last: CommitRecord, ended: Sequence[ev.AnyEvent]) -> Difference | None:
    """Compare how a run ended, where both have ended."""
    then = next((e.event for e in reversed(last.events) if isinstance(e.event, ev.TERMINAL)), None)
    now = ended[-1] if ended else None
    if isinstance(then, ev.RunWaiting) or then is None:
        return None
    what = "how it ends"
    names = (type(then).__name__, None if now is None else type(now).__name__)
    if names[0] != names[1]:
        return Difference(commit=last.number, node="", what=what, then=names[0], now=names[1])
    result, again = getattr(then, "result", None), getattr(now, "result", None)
    if not same(result, again):
        return Difference(commit=last.number, node="", what="the result", then=result, now=again)
    return None
