"""One commit, as a pure function: results in, delta and events out.

Order of operations (SEMANTICS, order of operations C): canonical order of the results,
conflicts and reducers, routing on the state after the writes, tokens and joins, waits,
counters and limits, report. `commit` never changes its arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine import events as ev
from engine.errors import InvalidCommand
from engine.events import AnyEvent, ErrorInfo, TaskReady
from engine.ids import IdFactory, Path, TaskId, scope_key
from engine.model.expressions import ExpressionError
from engine.model.node_types import Request
from engine.model.plan import Plan, PlanEdge, PlanNode
from engine.model.workflow import Background
from engine.runtime import breakpoints, failures, invariants, looping, rounds, routing
from engine.runtime.budget import Budget
from engine.runtime.facts import RunFacts, Step
from engine.runtime.invariants import Breach
from engine.runtime.merging import WriteConflict, changed_channels, check_rights, merge_writes
from engine.runtime.others import Others
from engine.runtime.outcome import Outcome, ending_the_same
from engine.runtime.ports import RequestRecord
from engine.runtime.scope import loop_of
from engine.runtime.transition import REACHING, ItemLost, LimitHit, Transition
from engine.state.run_state import ChannelOp, Delta, GateState, ParkedWait, RunState, Task
from engine.state.status import RunStatus

Json = Any
__all__ = ["RunFacts", "Step", "begin", "commit", "limit_step", "request_digest", "summed_up"]
#: What a request is about to the kind of the wait.
_WAITS_FOR = {"": "approval", "outcome": "unknown_outcome", "invariant": "held", "budget": "budget"}
#: More zones than lie inside one another.
_DEEPEST = 1_000
#: The two ends of a Loop.
_LOOPS = frozenset({"loop", "until"})


def commit(
    plan: Plan,
    state: RunState,
    outcomes: Sequence[Outcome],
    facts: RunFacts,
    *,
    at: float,
    ids: IdFactory,
) -> Step:
    """Return the commit that admits `outcomes`.

    Each is of a task in ``state.tasks``, or says that a run in ``state.children`` ended.
    """
    work = _Commit(plan, state, facts, at=at, ids=ids)
    try:
        step = work.run(outcomes)
    except LimitHit as limit:
        return limit_step(state, limit)
    except ItemLost as lost:
        return _failed_step(state, lost.error)
    except Breach as breach:
        return work.rejected(breach)
    if state.breaks or state.until:
        return breakpoints.look(plan, state, facts, step, outcomes)
    return step


def begin(
    plan: Plan,
    state: RunState,
    facts: RunFacts,
    *,
    trigger: str | None,
    at: float,
    ids: IdFactory,
) -> Step:
    """Return commit 0: the sources get the run's input.

    Other triggers, and nodes that no run gets to, are ruled out, so that nothing waits for
    them.

    Raises:
        InvalidCommand: the channel that the input goes to refuses it.
    """
    work = _Commit(plan, state, facts, at=at, ids=ids)
    transition = work.transition
    if work.budget is not None:
        work.budget.open()
    transition.values["input"] = facts.input
    channel = plan.workflow.settings.input_to
    if channel is not None and facts.input is not None:
        work.take_input(channel)
    started = plan.sources if trigger is None or not plan.has_trigger else (trigger,)
    for key, node in plan.nodes.items():
        if key in started:
            transition.create(node, (), {"in": (("", "input"),)})
        elif not node.in_ports:
            by = f"the run was started by {trigger}" if node.role == "trigger" else "it is no start"
            transition.skip(node, (), by)
    work.carry()
    work.settle_budgets()
    step = work.report((), ended=work.ending(work.channels))
    return breakpoints.look(plan, state, facts, step) if state.breaks else step


def limit_step(state: RunState, limit: LimitHit) -> Step:
    """Return the commit that ends a run at a limit; it names the limit."""
    error = ErrorInfo(code="limit", message=str(limit), node=limit.node, retryable=False)
    return Step(
        delta=Delta(status=RunStatus.FAILED),
        events=[
            ev.LimitReached(limit=limit.limit, value=limit.value, node=limit.node),
            ev.SuperstepCommitted(commit=state.commit + 1),
            ev.RunFailed(error=error),
        ],
        status=RunStatus.FAILED,
    )


def _failed_step(state: RunState, error: ErrorInfo, *before: AnyEvent) -> Step:
    """Return the commit that ends a run and changes nothing, so that it can be made again."""
    return Step(
        delta=Delta(status=RunStatus.FAILED),
        events=[*before, ev.SuperstepCommitted(commit=state.commit + 1), ev.RunFailed(error=error)],
        status=RunStatus.FAILED,
    )


class _Commit:
    """The parts of one commit that need the same five things."""

    def __init__(
        self, plan: Plan, state: RunState, facts: RunFacts, *, at: float, ids: IdFactory
    ) -> None:
        self.plan = plan
        self.state = state
        self.facts = facts
        self.at = at
        self.ids = ids
        self.channels: Mapping[str, Json] = state.channels
        self.transition = Transition(plan, state, at=at, commit=state.commit + 1)
        self.ops: list[ChannelOp] = []
        self.changed: tuple[str, ...] = ()
        self.requests: list[RequestRecord] = []
        self.decisions: list[int] = []
        self.others = Others(self.transition, facts.run, at=at)
        self.routes: dict[TaskId, routing.Routes] = {}
        self.fatal: ErrorInfo | None = None
        self.abort: str | None = None
        self.final = False
        self.too_late: set[TaskId] = set()
        self.budget = (
            Budget(plan, self.transition, at=at) if plan.workflow.settings.meters else None
        )
        self.transition.budget = self.budget

    # --- the order of operations ------------------------------------------------------------

    def run(self, outcomes: Sequence[Outcome]) -> Step:
        """Admit the outcomes in canonical order and return the commit."""
        timers: list[TaskId] = []
        if self.plan.has_timers:
            timers = sorted(outcome.task for outcome in outcomes if outcome.kind == "timer")
            outcomes = [outcome for outcome in outcomes if outcome.kind != "timer"]
        if self.state.children:
            outcomes = self.others.without_children(outcomes)
        ordered = sorted(outcomes, key=self._canonical) if len(outcomes) > 1 else outcomes
        settled, channels = self._merge(ordered)
        if channels:
            self.transition.changed = frozenset(self.changed)
            self.transition.pin(channels)
            self.channels = {**self.state.channels, **channels}
        if self.plan.zones:
            self.transition.route_item = self._route_item
        if self.budget is not None:
            self.budget.count_superstep()
        self.transition.is_enough = self._is_enough
        for outcome in self._failed_items_last(settled):
            self._admit(outcome)
        if timers:
            self.transition.carry()  # what arrives in this commit has come in time
            for timer in timers:
                rounds.time_out(self.transition, timer)
        self.carry()
        self.settle_budgets()
        self.transition.route_item = None  # else every commit is a cycle for the collector
        late = self.too_late
        admitted = tuple([o.task for o in settled if not late or o.task not in late])
        return self.report(admitted, ended=self.ending(self.channels))

    def take_input(self, channel: str) -> None:
        """Merge the input into a channel as if a task had written it (U78)."""
        writes = ((channel, "reduce", self.facts.input),)
        outcome = Outcome(task=TaskId("input"), kind="output", writes=writes)
        try:
            self.ops, channels = merge_writes([outcome], self.state.channels, self.facts.specs)
            self.changed = changed_channels(self.state.channels, channels)
            self.channels = {**self.state.channels, **channels}
            if self.changed and self.plan.invariants:
                self._check_invariants([outcome], self.channels)
        except (WriteConflict, Breach) as refused:
            raise InvalidCommand(f"The input is refused: {refused}") from refused
        self.transition.changed = frozenset(self.changed)

    def settle_budgets(self) -> None:
        """Start what has room now; a breach ends the run whatever else has failed (T70)."""
        if self.budget is not None:
            self.budget.settle(self._ask_for_budget)
            self.fatal = self.budget.fatal or self.fatal
            self.transition.budget = None  # as above: no cycle

    def _ask_for_budget(self, node: PlanNode, task: Task, request: Request, wanted: Json) -> None:
        self._ask(node, task, request, kind="budget", payload=wanted)

    def carry(self) -> None:
        """Deliver the tokens. Where nothing is alive then, nothing more can come to a join."""
        transition = self.transition
        transition.carry()
        while transition.broken:
            self._break(*transition.broken.pop(0))
            transition.carry()
        if self.fatal is None and self.abort is None and not self.final:
            while not transition.tasks.size() and transition.rule_out_missing():
                transition.carry()

    def _break(self, name: TaskId, error: ErrorInfo) -> None:
        """Let a join fail for what came too late, or not in time, as any node fails."""
        transition = self.transition
        task = transition.tasks.get(name)
        if task is None:
            return  # its item has ended in this very commit
        failed = Outcome(task=name, kind="error", attempt=task.attempt, error=error)
        self._fail(self.plan.nodes[task.node], task, failed)
        if self.fatal is None:
            transition.ready = [each for each in transition.ready if each.task != name]

    def _canonical(self, outcome: Outcome) -> tuple[Any, ...]:
        task = self.state.tasks[outcome.task]
        path = tuple(index for _, index, _ in task.path)
        return self.plan.nodes[task.node].order, path, task.visit

    def _failed_items_last(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Let everything that has finished count, also where an item or a round ends now."""
        if len(outcomes) < 2:
            return outcomes
        places = [self._place(outcome) for outcome in outcomes]
        if not any(places):
            return outcomes
        pairs = sorted(zip(places, outcomes, strict=True), key=lambda pair: pair[0])
        return [outcome for _, outcome in pairs]

    def _place(self, outcome: Outcome) -> int:
        """Return 0 for an outcome that ends nothing else; inner rounds end before outer ones."""
        task = self.state.tasks[outcome.task]
        if self.plan.nodes[task.node].role == "until":
            return _DEEPEST - len(task.path)
        return _DEEPEST + 1 if self._fails_item(outcome) else 0

    def _fails_item(self, outcome: Outcome) -> bool:
        if outcome.kind != "error" or outcome.error is None:
            return False
        task = self.state.tasks[outcome.task]
        return self._judge(task, self._located(task, outcome, outcome.error)).kind == "item"

    def _merge(self, outcomes: Sequence[Outcome]) -> tuple[Sequence[Outcome], dict[str, Json]]:
        """Merge all writes; a task whose write or route fails is admitted as failed.

        Conditions see the state after the commit, so each failure starts the merge again
        without that task's writes.
        """
        current = list(outcomes)
        while True:
            try:
                if self.plan.limited:
                    check_rights(current, self._task_of, self.plan)
                ops, channels = merge_writes(
                    self._with_errors(current) if self.plan.error_channels else current,
                    self.state.channels,
                    self.facts.specs,
                    fleeting=self.plan.fleeting,
                )
            except WriteConflict as conflict:
                self._turn_into_failure(current, conflict.task, conflict.code, str(conflict))
                continue
            merged = {**self.state.channels, **channels} if channels else self.state.channels
            broken = self._first_unroutable(current, merged)
            if broken is not None:
                self._turn_into_failure(current, *broken)
                continue
            self.ops = ops
            self.changed = changed_channels(self.state.channels, channels) if ops else ()
            try:
                if self.changed and self.plan.invariants:
                    self._check_invariants(current, merged)
            except Breach as breach:
                self._hold_last_writer(current, breach)
                continue
            return current, channels

    def _check_invariants(self, outcomes: Sequence[Outcome], channels: Mapping[str, Json]) -> None:
        allowed = frozenset(name for outcome in outcomes for name in outcome.allowed)
        scope = invariants.scope_of(self.plan, channels, self.facts.scope)
        invariants.check(self.plan, scope, self.ops, self.changed, allowed)

    def _hold_last_writer(self, outcomes: list[Outcome], breach: Breach) -> None:
        """Park the last of those who broke an invariant, where the person is to be asked."""
        if not breach.invariant.asks or not breach.writers:
            raise breach
        for index, outcome in enumerate(outcomes):
            if outcome.task == breach.writers[-1]:
                node = self.plan.nodes[self._task_of(outcome).node]
                outcomes[index] = invariants.held(outcome, breach, node.node.title or node.key)

    def rejected(self, breach: Breach) -> Step:
        """Return the commit that keeps nothing and ends the run; it names the invariant."""
        task = breach.writers[-1] if breach.writers else TaskId("")
        node = self.state.tasks[task].node if task else ""
        event = ev.InvariantBroken(
            task=task,
            node=node,
            invariant=breach.invariant.name,
            message=str(breach),
            writers=breach.writers,
            handled="fail",
        )
        return _failed_step(self.state, breach.error(node), event)

    def _task_of(self, outcome: Outcome) -> Task:
        return self.state.tasks[outcome.task]

    def _with_errors(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Let each failure that is final be written to the channels of errors (U39, U83)."""
        return [
            msgspec.structs.replace(outcome, writes=self._error_writes(outcome, outcome.error))
            if outcome.kind == "error" and outcome.error is not None
            else outcome
            for outcome in outcomes
        ]

    def _error_writes(
        self, outcome: Outcome, error: ErrorInfo
    ) -> tuple[tuple[str, str, Json], ...]:
        task = self._task_of(outcome)
        error = self._located(task, outcome, error)
        if self._judge(task, error).kind in ("retry", "ask", "alternative"):
            return ()
        where = {"task": task.id, "commit": self.state.commit + 1, "attempt": error.attempt}
        value = {**where, **as_value(error)}
        return tuple([(name, "reduce", value) for name in self.plan.error_channels])

    def _turn_into_failure(
        self, outcomes: list[Outcome], task: TaskId, code: str, message: str
    ) -> None:
        for index, outcome in enumerate(outcomes):
            if outcome.task == task:
                error = ErrorInfo(
                    code=code,
                    message=message,
                    node=self.state.tasks[task].node,
                    attempt=outcome.attempt,
                    retryable=False,
                )
                failed = Outcome(
                    task=task,
                    kind="error",
                    attempt=outcome.attempt,
                    duration_s=outcome.duration_s,
                    error=error,
                )
                outcomes[index] = ending_the_same(outcome, failed)

    def _first_unroutable(
        self, outcomes: Sequence[Outcome], channels: Mapping[str, Json]
    ) -> tuple[TaskId, str, str] | None:
        for outcome in outcomes:
            if outcome.kind not in ("output", "fallback"):
                continue
            task = self.state.tasks[outcome.task]
            node = self.plan.nodes[task.node]
            try:
                if node.role == "split":
                    self._check_items(node, task, outcome, channels)
                elif node.role in _LOOPS:
                    self._check_round(node, task, outcome, channels)
                else:
                    self.routes[task.id] = self._route(node, task, outcome, channels)
            except routing.RouteFailure as failure:
                return outcome.task, failure.code, str(failure)
        return None

    def _route(
        self, node: PlanNode, task: Task, outcome: Outcome, channels: Mapping[str, Json]
    ) -> routing.Routes:
        if node.plain and outcome.route is None and not outcome.also and outcome.kind == "output":
            return routing.take_all(node, outcome.ports)
        if node.role == "barrier" and outcome.taken is not None:
            for port in outcome.ports:
                if port not in ("approved", "decision", "error") and not node.out.get(port):
                    raise routing.RouteFailure(
                        "rejected",
                        f"{node.node.title or node.key} was decided as {port} by "
                        f"{outcome.taken.by}, and no wire leads on from {port}."
                        + (f" Comment: {outcome.taken.comment}" if outcome.taken.comment else ""),
                    )
        asked = (outcome.text or "asked by the node") if outcome.kind == "fallback" else ""
        ports = outcome.ports
        if asked:
            pairs = next(iter(task.inputs.values()), ())
            ports = {"": self.transition.value(pairs[0][1]) if pairs else None}
        simple = all(
            edge.when is None and edge.kind == "normal"
            for port in ports
            for edge in node.out.get(port, ())
        )
        scope = {} if simple else self._scope(task, channels)
        return routing.route(node, ports, outcome.route, scope, also=outcome.also, fallback=asked)

    def _scope(self, task: Task, channels: Mapping[str, Json]) -> dict[str, Json]:
        return {
            "nodes": {name: self.transition.value(ref) for name, ref in task.nodes.items()},
            "state": channels,
            "vars": self.plan.workflow.settings.vars,
            "env": self.plan.env,
            "run": self.facts.scope,
            "loop": loop_of(task.path, self.state),
            "now": datetime.fromtimestamp(self.at, UTC),
        }

    def _check_items(
        self, split: PlanNode, task: Task, outcome: Outcome, channels: Mapping[str, Json]
    ) -> None:
        """Fail a For each that may lose no item when there is no way for one of them."""
        if split.plain or failures.may_lose_items(split):
            return
        items = outcome.ports["items"]
        for index, item in enumerate(items):
            path = (*task.path, (split.key, index, len(items)))
            self._routes_of_item(split, path, item, channels)

    def _route_item(self, split: PlanNode, path: Path, item: Json) -> routing.Routes:
        """Return the ways of an item that starts now.

        Raises:
            ItemLost: no way is for it.
        """
        try:
            return self._routes_of_item(split, path, item, self.channels)
        except routing.RouteFailure as failure:
            error = ErrorInfo(
                code=failure.code,
                message=str(failure),
                node=split.key,
                path=path,
                retryable=False,
            )
            raise ItemLost(error, stops=not failures.may_lose_items(split)) from failure

    def _routes_of_item(
        self, split: PlanNode, path: Path, item: Json, channels: Mapping[str, Json]
    ) -> routing.Routes:
        loop = {"index": path[-1][1], "of": path[-1][2], "item": item}
        scope = self._scope_at(split, path, loop, channels)
        port = split.out_ports[0]
        only = {port: split.out.get(port, ())}
        return routing.route(split, {port: item}, None, scope, out=only)

    def _is_enough(self, collect: PlanNode, path: Path, results: list[Json]) -> bool:
        """Return whether a zone may end with these results.

        Raises:
            ItemLost: the condition cannot be decided.
        """
        if collect.condition is None:
            return len(results) >= int(collect.raw["enough"])
        scope = self._scope_at(collect, path, loop_of(path, self.state), self.channels)
        try:
            found = collect.condition.evaluate({**scope, "input": results})
        except ExpressionError as failure:
            title = collect.node.title or collect.key
            text = f"Whether {title} has enough cannot be decided: {failure}"
            error = ErrorInfo(code="expression", message=text, retryable=False)
            raise ItemLost(error, stops=True) from failure
        if isinstance(found, bool) or not isinstance(found, int | float):
            return bool(found)
        return len(results) >= found

    def _scope_at(
        self, node: PlanNode, path: Path, loop: Mapping[str, Json], channels: Mapping[str, Json]
    ) -> dict[str, Json]:
        """Return what the conditions behind a node see in a scope that no task is in."""
        refs = {name: self.transition.output_for(name, path) for name in node.read_nodes}
        return {
            "nodes": {name: self.transition.value(ref) for name, ref in refs.items() if ref},
            "state": channels,
            "vars": self.plan.workflow.settings.vars,
            "env": self.plan.env,
            "run": self.facts.scope,
            "loop": loop,
            "now": datetime.fromtimestamp(self.at, UTC),
        }

    # --- one result -------------------------------------------------------------------------

    def _admit(self, outcome: Outcome) -> None:
        transition = self.transition
        task = transition.tasks.get(outcome.task)
        if task is None:
            self.too_late.add(outcome.task)  # its item has ended in this very commit
            return
        node = self.plan.nodes[task.node]
        for note in outcome.notes:
            transition.events.append(
                ev.InterceptorIgnored(task=task.id, node=node.key, message=note)
            )
        if outcome.kind == "cancelled":
            self._cancel(node, task, outcome)
            return
        self._close_wait(task, outcome)
        self._settle_attempt(node, task, outcome)
        match outcome.kind:
            case "output" | "fallback":
                self._succeed(node, task, outcome)
            case "wait":
                self._park(node, task, outcome)
            case "skip":
                transition.finish(task)
                reason = outcome.text or "the node had nothing to do"
                transition.skip(node, task.path, reason, task=task.id)
            case "abort":
                self._finished_event(task, outcome, {})
                transition.finish(task)
                self.abort = outcome.text
            case "woken" | "reserve":
                self._go_on(node, task, outcome)
            case "error":
                self._fail(node, task, outcome)
            case "timer":
                pass  # no task's; `run` has taken it out
            case "ended":
                pass  # taken in by `Others.without_children`

    def _settle_attempt(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        """Note what an attempt was allowed, has used, and was taken from."""
        for name in outcome.allowed:
            self.transition.events.append(_let_pass(task, name))
        if self.budget is not None and outcome.kind not in ("woken", "reserve"):
            self.budget.reconcile(node, task, outcome)
        if outcome.recorded and self.state.recordings:
            self.transition.recordings.drop(task.id)

    def _go_on(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        """A task may start, or has said what it needs before it may."""
        transition = self.transition
        wait = transition.waits.get(task.id)
        transition.waits.drop(task.id)
        if outcome.kind == "woken":
            task = msgspec.structs.replace(task, attempt=max(task.attempt, outcome.attempt))
            transition.tasks.put(task.id, task)
        else:
            transition.events.append(
                ev.Estimated(task=task.id, node=node.key, amounts=outcome.wanted)
            )
        if self._may_start(node, task, wait, outcome):
            transition.ready.append(TaskReady(task.id, task.node, task.path, task.visit))

    def _may_start(
        self, node: PlanNode, task: Task, wait: ParkedWait | None, outcome: Outcome
    ) -> bool:
        """Return whether a task that goes on may start: it may have to wait for a budget."""
        if self.budget is None:
            return True
        if outcome.kind == "reserve":
            return self.budget.reserve(node, task, outcome.wanted)
        if outcome.grant is not None and wait is not None:
            return self.budget.granted(node, task, wait, outcome.grant)
        return not node.metered or self.budget.start(node, task)

    def _cancel(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        """End a task that was cancelled by itself; what only it leads to is passed over."""
        for zone in outcome.zones:
            self.transition.drop_items(zone, outcome.text)
        path = task.path
        self.transition.end(task, outcome.text, how=outcome.how)
        if node.role == "until":
            looping.give_up(self.transition, node, task)
            path = path[:-1]
        self.transition.pass_over(node, path)

    def _close_wait(self, task: Task, outcome: Outcome) -> None:
        wait = self.state.waits.get(task.id)
        if wait is None:
            return
        taken = outcome.taken
        if wait.kind in REACHING:
            self.others.close(wait, outcome)
        if outcome.heard is not None:
            self.others.take(task, outcome.heard)
        elif outcome.child_end is not None:
            self.others.child_ended(task.id, task.node, outcome.child_end)
        elif taken is not None:
            self.decisions.append(taken.decision)
            if taken.expired:
                self.transition.events.append(
                    ev.BarrierExpired(
                        request=taken.request, task=task.id, node=task.node, default=taken.choice
                    )
                )
            self.transition.events.append(
                ev.BarrierDecided(
                    request=taken.request,
                    task=task.id,
                    node=task.node,
                    choice=taken.choice,
                    by=taken.by,
                    through=taken.through,
                    comment=taken.comment,
                    port=next(iter(outcome.ports), ""),
                    changed=taken.changed,
                    delay_s=taken.delay_s,
                )
            )
        else:
            self.transition.events.append(
                ev.WaitEnded(
                    task=task.id,
                    node=task.node,
                    kind=wait.kind,
                    reason="tried again" if wait.kind == "budget" else "due",
                )
            )

    def _finished_event(self, task: Task, outcome: Outcome, names: dict[str, str]) -> None:
        self.transition.events.append(
            ev.TaskFinished(
                task=task.id,
                node=task.node,
                ports=names,
                duration_s=round(outcome.duration_s, 6),
                attempt=outcome.attempt,
                recorded=outcome.recorded,
                route=outcome.route,
                also=outcome.also,
                note=outcome.text if outcome.kind in ("output", "abort") else "",
                gated=outcome.gated,
            )
        )

    def _succeed(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        transition = self.transition
        if node.role == "split":
            self._split(node, task, outcome)
            return
        if node.role in _LOOPS:
            self._round(node, task, outcome)
            return
        refs: dict[str, str] = {}
        names: dict[str, str] = {}
        for port, value in outcome.ports.items():
            own = f"{task.id}.{port}"
            refs[port] = ref = self._name(task, outcome, port, own, value)
            names[port] = "" if ref == own else ref
        self._finished_event(task, outcome, names)
        self.others.reach(task, outcome)
        if outcome.memory:
            transition.memory.put(self.plan.memory_key(node.key, task.path), outcome.memory[0])
        if node.kept and refs:
            transition.outputs.put(f"{node.key}@{scope_key(task.path)}", next(iter(refs.values())))
        if node.gated and not outcome.gated:
            transition.gates.put(
                self.plan.memory_key(node.key, task.path),
                GateState(task.versions, refs, outcome.route),
            )
        if node.role == "end":
            self._add_result(node, task, outcome)
        routes = self.routes[task.id]
        if routes.degraded:
            transition.events.append(
                ev.Degraded(task=task.id, node=node.key, reason=routes.degraded)
            )
        fallback_ref = next(
            iter(refs.values()), next((r for p in task.inputs.values() for _, r in p), "")
        )
        for edge in routes.taken:
            transition.send(edge, task.path, refs.get(edge.source_port, fallback_ref))
        for edge in routes.ruled_out:
            transition.rule_out(edge, task.path)
        transition.finish(task)

    def _name(self, task: Task, outcome: Outcome, port: str, own: str, value: Json) -> str:
        """Return the name of an output; what is made again has the name that it had."""
        if not outcome.names:
            return self.transition.name_value(task, own, value)
        name = outcome.names.get(port, own)
        if name == own:
            self.transition.values[own] = value
        return name

    def _split(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        """A For each: its list becomes a zone, at most `limit` items of it at once."""
        own = f"{task.id}.items"
        items = self._name(task, outcome, "items", own, outcome.ports["items"])
        limit = outcome.ports.get("limit", 1)
        self.transition.values[f"{task.id}.limit"] = limit
        self._finished_event(task, outcome, {"items": "" if items == own else items, "limit": ""})
        for edge in node.out.get("error", ()):
            self.transition.rule_out(edge, task.path)
        self.transition.open_zone(node, task.path, items, int(limit))
        self.transition.finish(task)

    def _check_round(
        self, node: PlanNode, task: Task, outcome: Outcome, channels: Mapping[str, Json]
    ) -> None:
        """Fail a Loop or an Until whose value has no way into the next round, or out."""
        loop, until = node, node
        path = task.path
        if node.role == "loop":
            until = self.plan.nodes[node.pair or ""]
            ahead = (*path, (node.key, 0, outcome.ports["of"]))
        else:
            loop = self.plan.nodes[node.pair or ""]
            key, index, of = path[-1]
            ahead, path = (*path[:-1], (key, index + 1, of)), path[:-1]
        value = outcome.ports[node.out_ports[0]]
        if outcome.ports["go"]:
            if not loop.plain:
                self._routes_of_item(loop, ahead, value, channels)
            return
        self.routes[task.id] = self._routes_out(until, task, path, value, channels)

    def _routes_out(
        self, until: PlanNode, task: Task, path: Path, value: Json, channels: Mapping[str, Json]
    ) -> routing.Routes:
        """Return the ways of the result of a loop."""
        ports = {until.out_ports[0]: value}
        if until.plain:
            return routing.take_all(until, ports)
        scope = self._scope_at(until, task.path, loop_of(path, self.state), channels)
        return routing.route(until, ports, None, scope)

    def _round(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        """A Loop begins its rounds; an Until ends one, and may end the loop."""
        transition = self.transition
        port = node.out_ports[0]
        own = f"{task.id}.{port}"
        ref = self._name(task, outcome, port, own, outcome.ports[port])
        others = [name for name in outcome.ports if name != port]
        for name in others:
            transition.values[f"{task.id}.{name}"] = outcome.ports[name]
        names = {port: "" if ref == own else ref, **dict.fromkeys(others, "")}
        self._finished_event(task, outcome, names)
        go = bool(outcome.ports["go"])
        if node.role == "loop":
            until = looping.start(transition, node, task, ref, int(outcome.ports["of"]), go=go)
            path = task.path
        else:
            over = looping.end_round(transition, node, task, ref, go=go)
            until, path = node.key if over else "", task.path[:-1]
        if until:
            self._leave_loop(self.plan.nodes[until], path, ref, self.routes[task.id])

    def _leave_loop(self, until: PlanNode, path: Path, ref: str, routes: routing.Routes) -> None:
        transition = self.transition
        if until.kept:
            transition.outputs.put(f"{until.key}@{scope_key(path)}", ref)
        for edge in routes.taken:
            transition.send(edge, path, ref)
        for edge in routes.ruled_out:
            transition.rule_out(edge, path)

    def _add_result(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        value = next(iter(outcome.ports.values()), None)
        key = node.key if not task.path else task.id
        self.transition.results[key] = value
        if outcome.route == ():
            self.final = True

    # --- waits ------------------------------------------------------------------------------

    def _park(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        wait = outcome.wait
        if wait is None:
            return
        if wait.request is not None:
            kind = _WAITS_FOR[wait.request.about]
            if kind == "held":
                self.transition.events.append(
                    invariants.breach_event(wait.request, task.id, node.key)
                )
            self._ask(node, task, wait.request, kind=kind, payload=wait.payload)
            return
        self.transition.waits.put(
            task.id,
            ParkedWait(
                task=task.id,
                kind=wait.kind,
                opened_at=self.at,
                due_at=wait.due_at,
                text=wait.text,
                payload=wait.payload,
            ),
        )
        if outcome.made is not None:
            self.others.child_made(task, outcome.made)
        if wait.kind == "event":
            self.others.listen(task, wait)
        self.transition.events.append(
            ev.WaitOpened(
                task=task.id, node=task.node, kind=wait.kind, due_at=wait.due_at, text=wait.text
            )
        )

    def _ask(
        self, node: PlanNode, task: Task, request: Request, *, kind: str, payload: Json = None
    ) -> None:
        """Open a barrier request: a row, not an exception."""
        name = self.ids.request_id()
        deadline = self.at + request.timeout_s if request.timeout_s else None
        digest = request_digest(request, self.plan.revision)
        self.requests.append(
            RequestRecord(
                request=name,
                run=self.facts.run,
                task=task.id,
                node=node.key,
                workflow=self.plan.workflow.name,
                revision=self.plan.revision,
                content=request,
                digest=digest,
                opened_at=self.at,
                deadline=deadline,
            )
        )
        self.transition.waits.put(
            task.id,
            ParkedWait(
                task=task.id,
                kind=kind,
                opened_at=self.at,
                due_at=deadline,
                request=name,
                text=request.title,
                payload=payload,
            ),
        )
        self.transition.events.append(
            ev.BarrierOpened(
                request=name,
                task=task.id,
                node=node.key,
                title=request.title,
                digest=digest,
                opened_at=self.at,
                deadline=deadline,
                default=request.default,
            )
        )

    # --- failures ---------------------------------------------------------------------------

    def _fail(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        error = outcome.error
        if error is None:
            return
        error = self._located(task, outcome, error)
        verdict = self._judge(task, error)
        match verdict.kind:
            case "retry":
                self._retry(node, task, error, verdict.due_at)
            case "alternative":
                self._try_alternative(node, task, error)
            case "ask":
                why = f"Attempt {error.attempt} failed: {error.message}."
                request = failures.outcome_unknown(node, task.id, why)
                self._ask(node, task, request, kind="unknown_outcome")
            case _:
                self.transition.events.append(
                    ev.TaskFailed(
                        task=task.id,
                        node=node.key,
                        error=error,
                        duration_s=round(outcome.duration_s, 6),
                        handled=verdict.kind,
                    )
                )
                self._handle(node, task, error, verdict)

    def _try_alternative(self, node: PlanNode, task: Task, error: ErrorInfo) -> None:
        """Let the next alternative do the work of a task."""
        number = task.using + 1
        self.transition.events.append(
            ev.AlternativeTaken(
                task=task.id,
                node=node.key,
                error=error,
                number=number,
                of=len(node.alternatives),
                node_type=node.alternatives[number - 1].type.id,
            )
        )
        again = msgspec.structs.replace(
            task, attempt=error.attempt + 1, using=number, since=error.attempt
        )
        self.transition.waits.drop(task.id)
        self.transition.tasks.put(task.id, again)
        self.transition.ready.append(TaskReady(task.id, task.node, task.path, task.visit))

    def _located(self, task: Task, outcome: Outcome, error: ErrorInfo) -> ErrorInfo:
        return msgspec.structs.replace(
            error, node=task.node, path=task.path, attempt=outcome.attempt
        )

    def _judge(self, task: Task, error: ErrorInfo) -> failures.Verdict:
        return failures.judge(
            self.plan,
            error,
            task=task,
            at=self.at,
            seed=self.facts.seed,
        )

    def _retry(self, node: PlanNode, task: Task, error: ErrorInfo, due_at: float) -> None:
        retry = self.plan.work_of(task.node, task.using).node.retry
        of = task.since + retry.attempts if retry else 1
        self.transition.tasks.put(task.id, msgspec.structs.replace(task, attempt=error.attempt + 1))
        self.transition.waits.put(
            task.id,
            ParkedWait(
                task=task.id,
                kind="retry",
                opened_at=self.at,
                due_at=due_at,
                error=error.message,
            ),
        )
        self.transition.events.append(
            ev.TaskRetried(
                task=task.id,
                node=node.key,
                error=error,
                attempt=error.attempt,
                of=of,
                due_at=due_at,
            )
        )

    def _handle(
        self, node: PlanNode, task: Task, error: ErrorInfo, verdict: failures.Verdict
    ) -> None:
        transition = self.transition
        value = {"error": as_value(error)}
        path = task.path[:-1] if node.role == "until" else task.path
        match verdict.kind:
            case "fail":
                self._fail_run(task, error)
                return
            case "item":
                depth = next(i for i, s in enumerate(task.path) if s[0] == verdict.zone) + 1
                self._drop_item(task, task.path[:depth])
                transition.fail_item(verdict.zone, task.path[:depth], value["error"])
                return
            case "continue" | "fallback_edge" if node.role in ("split", "loop"):
                go_on = self._split_error if node.role == "split" else self._loop_error
                go_on(node, task, value)
                return
            case "continue":
                taken = node.out.get(node.out_ports[0], ()) if node.out_ports else ()
            case "error_port":
                taken = node.out.get("error", ())
                value = value["error"]
            case "fallback_edge":
                taken = node.fallback
                transition.events.append(
                    ev.Degraded(task=task.id, node=node.key, reason=error.message)
                )
            case _:
                taken = ()
        self._go_on_after(node, task, path, taken, value)

    def _go_on_after(
        self,
        node: PlanNode,
        task: Task,
        path: Path,
        taken: Sequence[PlanEdge],
        value: Json,
    ) -> None:
        """End a task whose failure is handled: its error takes these wires."""
        transition = self.transition
        ref = f"{task.id}.error"
        transition.values[ref] = value
        names = {edge.id for edge in taken}
        opens = node.role in ("split", "loop")
        transition.finish(task)
        if opens:
            transition.skip(self.plan.nodes[node.pair or ""], path, f"{node.key} failed")
        elif node.role == "until":
            looping.give_up(transition, node, task)
        for edge in taken:
            transition.send(edge, path, ref)
        for edges in node.out.values():
            for edge in edges:
                inside = opens and edge.source_port != "error"
                if edge.id not in names and not inside:
                    transition.rule_out(edge, path)

    def _loop_error(self, loop: PlanNode, task: Task, error: Json) -> None:
        """A Loop that goes on without a round: the error is its result."""
        transition = self.transition
        ref = f"{task.id}.error"
        transition.values[ref] = error
        until = self.plan.nodes[loop.pair or ""]
        transition.finish(task)
        for edge in loop.out.get("error", ()):
            transition.rule_out(edge, task.path)
        result = until.out.get(until.out_ports[0], ())
        routes = routing.take_all(until, {until.out_ports[0]: error})
        kept = [edge for edge in routes.taken if edge in result]
        routes.taken = kept
        self._leave_loop(until, task.path, ref, routes)

    def _fail_run(self, task: Task, error: ErrorInfo) -> None:
        """Nothing handles a failure: the run ends, or others go on first as its settings say."""
        if self.plan.workflow.settings.on_failure == "fail_fast":
            self.fatal = self.fatal or error
        else:
            self.transition.failures.put(task.id, msgspec.to_builtins(error))
        self.transition.waits.drop(task.id)
        self.transition.tasks.put(
            task.id, msgspec.structs.replace(task, attempt=1, using=0, since=0)
        )

    def _split_error(self, split: PlanNode, task: Task, error: Json) -> None:
        """A For each that goes on without a list: the error is its only item."""
        transition = self.transition
        ref = f"{task.id}.error"
        transition.values[ref] = [error]
        for edge in split.out.get("error", ()):
            transition.rule_out(edge, task.path)
        transition.open_zone(split, task.path, ref, 1)
        transition.finish(task)

    def _drop_item(self, failed: Task, item: Path) -> None:
        """End the other tasks of an item that failed."""
        tasks = {**self.state.tasks, **self.transition.tasks.changes}
        for task in tasks.values():
            if task is None or task.path[: len(item)] != item:
                continue
            if task.id == failed.id:
                self.transition.finish(task)
            else:
                self.transition.end(task, "another task of its item failed")
        self.transition.forget(lambda _, path: path[: len(item)] == item)

    # --- the end ----------------------------------------------------------------------------

    @property
    def _background(self) -> Background:
        return self.plan.workflow.settings.background

    def ending(self, channels: Mapping[str, Json]) -> AnyEvent | None:
        """Return the event that ends the run, or None while something is alive."""
        transition = self.transition
        if self.fatal is not None:
            return ev.RunFailed(error=self.fatal)
        if self.abort is not None or self.final:
            self._end_others("the run was ended")
            self.others.leave_children(self._background, now=True)
            if self.abort is not None:
                return ev.RunCancelled(reason=self.abort)
        changes = transition.tasks.changes
        failures = self._failures()
        if failures:
            others = {**self.state.tasks, **changes}
            if any(row is not None and key not in failures for key, row in others.items()):
                return None
            return ev.RunFailed(error=summed_up(failures))
        alive = any(changes.get(key, task) is not None for key, task in self.state.tasks.items())
        if alive or any(task is not None for task in changes.values()):
            return None
        if self.others.leave_children(self._background, now=False):
            return None
        blocked = [] if self.final else transition.blocked()
        if blocked:
            text = "Nothing can run any more: " + "; ".join(blocked)
            return ev.RunFailed(error=ErrorInfo(code="deadlock", message=text, retryable=False))
        try:
            result = self._result(channels)
            transition.clear(everything=self.final)
            return ev.RunFinished(result=result)
        except ExpressionError as error:
            text = f"The result expression of the workflow failed: {error}"
            return ev.RunFailed(error=ErrorInfo(code="result", message=text, retryable=False))

    def _failures(self) -> dict[str, Json]:
        """Return the failures that the run goes on after, those of this commit too."""
        if self.plan.workflow.settings.on_failure == "fail_fast":
            return {}
        new = self.transition.failures.changes
        return {k: v for k, v in {**self.state.failures, **new}.items() if v is not None}

    def _end_others(self, reason: str) -> None:
        tasks = {**self.state.tasks, **self.transition.tasks.changes}
        for task in tasks.values():
            if task is not None:
                self.transition.end(task, reason)
        self.transition.ready.clear()

    def _result(self, channels: Mapping[str, Json]) -> Json:
        if self.plan.result is not None:
            scope = {
                "input": self.facts.input,
                "state": channels,
                "nodes": {
                    name: self.transition.value(ref)
                    for name in self.plan.kept
                    if (ref := self.transition.output_for(name, ())) is not None
                },
                "vars": self.plan.workflow.settings.vars,
                "env": self.plan.env,
                "run": self.facts.scope,
                "loop": {},
                "now": None,
            }
            return self.plan.result.evaluate(scope)
        results = {**self.state.results, **self.transition.results}
        return next(iter(results.values())) if len(results) == 1 else (results or None)

    def report(self, admitted: tuple[TaskId, ...], *, ended: AnyEvent | None) -> Step:
        """Count, check the limits, and write the report of the commit."""
        transition = self.transition
        limits = self.plan.workflow.settings.limits
        number = self.state.commit + 1
        executions = self.state.counters.get("executions", 0) + len(admitted)
        for wait in transition.left:
            self.others.close(wait)
        if ended is None and number >= limits.supersteps:
            raise LimitHit("supersteps", number, "", f"The run made {number} supersteps, its limit")
        if ended is None and executions >= limits.executions:
            raise LimitHit(
                "executions", executions, "", f"The run executed {executions} nodes, its limit"
            )
        events = transition.events
        if self.budget is not None and (moved := self.budget.changed()) is not None:
            events.append(moved)
        events.append(
            ev.SuperstepCommitted(
                commit=number,
                admitted=admitted,
                ready=tuple(transition.ready),
                taken=tuple(transition.taken),
                not_taken=tuple(transition.not_taken),
                changed=self.changed,
            )
        )
        status = self._status(ended)
        if ended is not None:
            events.append(ended)
        delta = transition.delta()
        if self.ops:
            delta.ops = self.ops
        delta.put_counters = {"executions": executions, "order": transition.order}
        if status is not self.state.status:
            delta.status = status
        return Step(
            delta=delta,
            events=events,
            ready=transition.ready,
            requests=self.requests,
            closed=transition.closed,
            decisions=self.decisions,
            signals=self.others.signals,
            children=self.others.children,
            orphans=self.others.orphans,
            status=status,
        )

    def _status(self, ended: AnyEvent | None) -> RunStatus:
        match ended:
            case ev.RunFinished():
                return RunStatus.COMPLETED
            case ev.RunFailed():
                return RunStatus.FAILED
            case ev.RunCancelled():
                return RunStatus.CANCELLED
            case _:
                pass
        if self.state.status is RunStatus.PAUSED:
            return RunStatus.PAUSED  # what runs may finish; only the person ends a pause
        if self.transition.ready:
            return RunStatus.RUNNING
        waits, tasks = self.transition.waits, self.transition.tasks
        parked = len(self.state.waits) + sum(
            (row is not None) - (key in self.state.waits) for key, row in waits.changes.items()
        )
        alive = len(self.state.tasks) + sum(
            (row is not None) - (key in self.state.tasks) for key, row in tasks.changes.items()
        )
        return RunStatus.WAITING if parked == alive else RunStatus.RUNNING


def _let_pass(task: Task, name: str) -> ev.InvariantBroken:
    return ev.InvariantBroken(
        task=task.id,
        node=task.node,
        invariant=name,
        message=f"The invariant {name} need not hold for {task.id}.",
        writers=(task.id,),
        handled="accepted",
    )


def as_value(error: ErrorInfo) -> dict[str, Json]:
    """Return a failure as the JSON that nodes and channels get."""
    value: dict[str, Json] = msgspec.to_builtins(error)
    return value


def summed_up(failures: Mapping[str, Json]) -> ErrorInfo:
    """Return one error that tells of all of them."""
    errors = [msgspec.convert(each, ErrorInfo) for each in failures.values()]
    if len(errors) == 1:
        return errors[0]
    words = "; ".join(error.message for error in errors[:5])
    more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
    return ErrorInfo(
        code="several",
        message=f"{len(errors)} tasks failed: {words}{more}",
        node=errors[0].node,
        retryable=False,
        details=list(failures.values()),
    )


def request_digest(request: Request, revision: str) -> str:
    """Return the SHA-256 of what a person is shown, with the plan that will act on it."""
    body = msgspec.json.encode([msgspec.to_builtins(request), revision], order="deterministic")
    return hashlib.sha256(body).hexdigest()
