"""The run loop: admit what has finished, commit, start what became ready, wait.

`RunLoop.run` is the whole of it; everything that decides is in `superstep`, everything
that waits is here. One loop drives one leg of one run and alone writes its commits.
"""

from __future__ import annotations

import asyncio
import heapq
import os
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from engine import events as ev
from engine import run_view
from engine.commands import (
    AnyCommand,
    Cancel,
    CancelPart,
    Decide,
    Pause,
    SetBreakpoints,
    Step,
    Unpause,
)
from engine.ids import RequestId, TaskId
from engine.model.plan import Plan, PlanNode
from engine.packing import pack
from engine.run_view import RunView
from engine.runtime import control, gates, superstep, waits
from engine.runtime import partial as parts
from engine.runtime.attempts import Attempts
from engine.runtime.children import Family
from engine.runtime.context import AttemptContext
from engine.runtime.environment import Environment
from engine.runtime.hearing import Hearing, addressed
from engine.runtime.interceptors import Guards
from engine.runtime.limits import LimitHit
from engine.runtime.outcome import Outcome
from engine.runtime.ports import (
    CommitRecord,
    DecisionRecord,
    JournalRecord,
    Lease,
    RequestRecord,
    SignalChanges,
)
from engine.runtime.quick import quick_step
from engine.runtime.recovery import as_ready
from engine.runtime.superstep import RunFacts
from engine.runtime.task_runner import ask_for_room
from engine.runtime.transition import ready_tasks
from engine.state.run_state import Delta, RunState, Task, apply
from engine.state.status import RunStatus

Json = Any
K = TypeVar("K")
#: A key frame is stored with every so many commits, so that viewing folds few of them.
FRAME_EVERY = 50
#: Larger states get their frames less often, so that a commit's share of one is bounded.
ROWS_PER_COMMIT = 32
#: Seconds of work before the loop lets others run.
SLICE_S = 0.004
#: Seconds that a cancelled attempt has to end by itself.
GRACE_S = 5.0


class RunLoop:
    """Drives one leg of one run."""

    def __init__(
        self,
        plan: Plan,
        state: RunState,
        facts: RunFacts,
        view: RunView,
        lease: Lease,
        env: Environment,
        *,
        next_seq: int,
    ) -> None:
        self.plan = plan
        self.state = state
        self.facts = facts
        self.view = view
        self.lease = lease
        self.env = env
        self.terminal: ev.Recorded | None = None
        #: Sequence number of the first fact of this leg.
        self.first_seq = next_seq
        self._seq = next_seq
        self._done: deque[Outcome] = deque()
        self._ready: deque[TaskId] = deque()
        #: What a step of a paused run starts.
        self._stepping: deque[TaskId] = deque()
        #: Where the run goes to a node: what leads there, and what waits because it does not.
        self._wanted = parts.leading_to(plan, state.until) if state.until else None
        self._held: deque[TaskId] = deque()
        #: Whether nothing but the plan says what a commit does.
        self._simple = not (state.breaks or state.until or state.recordings)
        self._running: dict[TaskId, asyncio.Task[None]] = {}
        #: What is being cancelled by itself: no result and no decision of it counts any more.
        self._ending: set[TaskId] = set()
        self._cpu_running = 0
        self._decisions: deque[DecisionRecord] = deque()
        self._commands: deque[tuple[AnyCommand, int]] = deque()
        self._due: list[tuple[float, TaskId]] = []
        self._disarm: Callable[[], None] | None = None
        self._armed_for: float | None = None
        self._wake = asyncio.Event()
        #: Set when the first commit of this leg is stored.
        self.begun = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        self._slice_began = 0.0
        self._now = 0.0
        self._ends_at = facts.started_at + plan.workflow.settings.limits.run_seconds
        self._next_frame = 0
        self._strict = plan.workflow.settings.commit == "strict"
        self._power = plan.workflow.settings.durability == "power"
        self._limits = plan.workflow.settings.limits
        self._guards = Guards(env.interceptors) if env.interceptors else None
        self._attempts = Attempts(plan, env.clock, self._guards)
        #: A branch goes on before the next begins; a strict superstep is never split.
        self._depth_first = not self._strict and plan.workflow.settings.order == "depth_first"
        self._finishing = plan.workflow.settings.on_failure == "finish"
        #: Node to when it may start again, where it may not start as often as it likes.
        self._next_start: dict[str, float] = {}
        self._paced: list[tuple[float, TaskId]] = []
        self._granted: set[TaskId] = set()
        self._paces = any(node.node.min_interval_s for node in plan.nodes.values())
        self._hearing = Hearing(self) if plan.listens else None
        self._family: Family | None = None
        if (plan.calls or state.children) and env.children is not None:
            self._family = Family(self, env.children, self.child_changed)

    async def run(self, opening: superstep.Step, recovered: Sequence[Outcome] = ()) -> ev.Recorded:
        """Drive the run to the end of this leg; return its terminal event.

        Args:
            opening: the commit that begins the leg.
            recovered: what is known of tasks that were in flight when the last leg ended.

        Raises:
            StoreError: a commit could not be stored; nothing of it was published.
        """
        try:
            self._done.extend(recovered)
            await self._store(opening)
            self._take_up()
            while self.terminal is None:
                if self._broken is not None:
                    raise self._broken
                if self._commands:
                    await self._obey(*self._commands.popleft())
                    continue
                if self._hearing is not None and self._hearing.warnings:
                    await self._warn(self._hearing.warnings.pop())
                    continue
                if self._ends_at <= self._now:
                    await self._give_up()
                    continue
                self._launch()
                if outcomes := self._admissible():
                    await self._commit(outcomes)
                    if self._has_had_its_slice():
                        await self._let_others_run()
                elif self._stops_after_failure():
                    await self._store(control.fail(self.state))
                elif self._held and self._cannot_arrive():
                    await self._store(control.unreached(self.state))
                elif self._nothing_left_to_do():
                    await self._store(self._suspension())
                else:
                    await self._sleep()
            await self.env.writer.flush(self.lease)
            return self.terminal
        finally:
            if self._disarm is not None:
                self._disarm()
            await self._stop(self._running)
            await self._stop(dict(enumerate(self._background)))
            await self._attempts.close()

    # --- from outside -----------------------------------------------------------------------

    def send(self, command: AnyCommand, number: int = 0) -> None:
        """Give the loop a command; it is obeyed before anything else happens.

        Args:
            command: the command.
            number: its number in the store, when it comes from there.
        """
        if isinstance(command, Cancel):
            self._commands.appendleft((command, number))
        else:
            self._commands.append((command, number))
        self._wake.set()

    def decided(self, decision: DecisionRecord) -> None:
        """Tell the loop of a stored decision; telling it twice does no harm."""
        if all(known.id != decision.id for known in self._decisions):
            self._decisions.append(decision)
            self._wake.set()

    def signalled(self) -> None:
        """Tell the loop that there may be new events for its run."""
        if self._hearing is not None:
            self._in_background(self._hearing.look())

    def child_changed(self) -> None:
        """Tell the loop that a child of its run has ended, or come to rest."""
        if self._family is not None and self.terminal is None:
            self._in_background(self._look_after(self._family))

    async def _look_after(self, family: Family) -> None:
        self._done.extend(await family.look())

    def hurry(self) -> None:
        """End the leg as soon as only people or far timers can go on."""
        self.env.stay = False
        self._wake.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready, running or waiting to be admitted."""
        busy = self._running or self._ready or self._stepping or self._done or self._decisions
        return not (busy or self._background or self._paced)

    @property
    def is_paused(self) -> bool:
        """Whether nothing new may start until the person says so."""
        return self.state.status is RunStatus.PAUSED

    # --- starting ---------------------------------------------------------------------------

    def _take_up(self) -> None:
        """Queue what is ready, re-arm what waits."""
        recovered = {outcome.task for outcome in self._done}
        self._ready.clear()  # the opening has queued some of them
        self._held.clear()
        ready = [task for task in ready_tasks(self.state) if task not in recovered]
        if self._depth_first:
            ready.sort(key=lambda task: -self.state.tasks[task].ready_at)
        self._queue(ready)
        for wait in self.state.waits.values():
            if wait.due_at is not None:
                heapq.heappush(self._due, (wait.due_at, wait.task))
        self._done.extend(waits.tried_again(self.state))
        for name, timer in self.state.timers.items():
            if not timer.over:
                heapq.heappush(self._due, (timer.due_at, TaskId(name)))
        for decision in self.env.store.unadmitted(self.facts.run):
            self.decided(decision)
        self.signalled()
        if self._family is not None:
            self._family.take_up()
            self.child_changed()

    def _queue(self, tasks: Sequence[TaskId]) -> None:
        """Let tasks have their turn; what does not lead to where the run goes has none."""
        here: list[TaskId] = []
        for task in tasks:
            away = self._wanted is not None and self.state.tasks[task].node not in self._wanted
            (self._held if away else here).append(task)
        if self._depth_first:
            self._ready.extendleft(reversed(here))
        else:
            self._ready.extend(here)

    def _stops_after_failure(self) -> bool:
        """Whether something has failed after which nothing may start, and all else has ended."""
        return bool(self._finishing and self.state.failures) and not (self._running or self._done)

    def _cannot_arrive(self) -> bool:
        """Whether nothing is left that leads to the node that the run goes to."""
        wanted, tasks = self._wanted or (), self.state.tasks
        parked = any(tasks[task].node in wanted for task in map(TaskId, self.state.waits))
        return self.is_idle and not self.is_paused and not parked

    def _is_to_commit(self) -> bool:
        """Whether something has ended whose successors go first."""
        return self._depth_first and any(done.task in self.state.tasks for done in self._done)

    def _launch(self) -> None:
        """Start ready tasks up to the limits; plain functions are over at once."""
        if self._finishing or self._paced:
            self._look_at_queues()
        queue = self._stepping if self.is_paused else self._ready
        budget = len(queue)
        most = self._limits.concurrency
        while queue and budget and len(self._running) < most and not self._is_to_commit():
            budget -= 1
            task_id = queue.popleft()
            task = self.state.tasks.get(task_id)
            if task is None or task_id in self._running or task_id in self.state.waits:
                continue
            node = self.plan.nodes[task.node]
            if task.using:
                node = node.alternatives[task.using - 1]
            if (known := self._known_outcome(node, task)) is not None:
                self._done.append(known)
                continue
            if node.type.cpu and self._cpu_running >= self._processes():
                queue.append(task_id)
                continue
            ctx = AttemptContext(
                self.plan,
                node,
                task,
                self.state,
                facts=self.facts,
                services=self.env.services,
                publish=self._publish_update,
            )
            if node.metered and task_id not in self.state.holds:
                self._done.append(ask_for_room(node, task, ctx))
                continue
            if self._paces and not self._may_start(node, task_id):
                continue
            if node.effects == "once":
                self._spawn(task_id, self._once(task_id, ctx), cpu=node.type.cpu)
                continue
            outcome = self._attempts.begin(node, task, ctx)
            if isinstance(outcome, Outcome):
                self._done.append(outcome)
            else:
                self._spawn(task_id, outcome, cpu=node.type.cpu)

    def _look_at_queues(self) -> None:
        """Queue those whose time has come, or nobody any more after a failure."""
        if self._finishing and self.state.failures:
            for waiting in (self._ready, self._stepping, self._paced):
                waiting.clear()  # what has not been started runs when the run is resumed
        if self._paced:
            self._start_paced()

    def _known_outcome(self, node: PlanNode, task: Task) -> Outcome | None:
        """Return the outcome of a task that need not run: recorded, or passed over by a gate."""
        if self.state.recordings and task.id in self.state.recordings:
            return parts.recorded_outcome(self.state.recordings[task.id])
        return gates.pass_on(self.plan, self.state, task) if node.gated else None

    def _may_start(self, node: PlanNode, task: TaskId) -> bool:
        """Keep the least time between two starts of a node; who comes too early waits for it."""
        interval = node.node.min_interval_s
        if not interval or task in self._granted:
            self._granted.discard(task)
            return True
        now, at = self.env.clock.now(), self._next_start.get(node.key, 0.0)
        self._next_start[node.key] = max(now, at) + interval
        if at <= now:
            return True
        heapq.heappush(self._paced, (at, task))
        return False

    def _start_paced(self) -> None:
        """Queue what has waited for the time between two starts of its node."""
        now = self.env.clock.now()
        while self._paced and self._paced[0][0] <= now:
            _, task = heapq.heappop(self._paced)
            if task in self.state.tasks:
                self._granted.add(task)
                self._ready.append(task)

    async def _once(self, task_id: TaskId, ctx: AttemptContext) -> Outcome:
        """Claim durably, then run: after a crash nobody can think it never started."""
        task = self.state.tasks[task_id]
        claimed = self.env.writer.claim(self.lease, task_id, task.attempt, self.env.clock.now())
        if claimed is not None:
            await claimed
        node = self.plan.work_of(task.node, task.using)
        outcome = self._attempts.begin(node, task, ctx)
        return outcome if isinstance(outcome, Outcome) else await outcome

    def _spawn(self, task_id: TaskId, attempt: Coroutine[Any, Any, Outcome], *, cpu: bool) -> None:
        task = self.state.tasks[task_id]
        self._publish_update(
            ev.TaskStarted(
                run=self.facts.run,
                task=task_id,
                node=task.node,
                attempt=task.attempt,
                at=self.env.clock.now(),
            )
        )
        self._cpu_running += cpu
        running = asyncio.get_running_loop().create_task(self._collect(task_id, attempt))

        def over(finished: asyncio.Task[None]) -> None:
            attempt.close()  # one that is cancelled before its first step was never awaited
            self._attempt_over(task_id, finished, cpu=cpu)

        running.add_done_callback(over)
        self._running[task_id] = running

    async def _collect(self, task_id: TaskId, attempt: Coroutine[Any, Any, Outcome]) -> None:
        outcome = await attempt
        if task_id in self.state.tasks:
            self._done.append(outcome)
            if self._strict and (len(self._running) > 1 or self._rest_of_superstep()):
                await self._journal(outcome)

    def _attempt_over(self, task_id: TaskId, running: asyncio.Task[None], *, cpu: bool) -> None:
        self._cpu_running -= cpu
        if self._running.get(task_id) is running:
            del self._running[task_id]
        error = None if running.cancelled() else running.exception()
        if error is not None:  # its claim or its result could not be stored
            self._fail(error)
        self._wake.set()

    async def _journal(self, outcome: Outcome) -> None:
        """Keep a finished attempt whose commit must wait for its siblings."""
        record = JournalRecord(
            run=self.facts.run,
            task=outcome.task,
            attempt=outcome.attempt,
            at=self.env.clock.now(),
            result=pack(outcome),
        )
        written = self.env.writer.journal(self.lease, record)
        if written is not None:
            await written

    # --- what can be admitted ---------------------------------------------------------------

    def _admissible(self) -> list[Outcome]:
        """Return finished attempts and ended waits that the next commit takes in."""
        if self._due and self._due[0][0] <= self.env.clock.now():
            self._fire_due()
        while self._decisions:
            decision = self._decisions.popleft()
            outcome = waits.after_decision(self, decision)
            if outcome is not None:
                self._done.append(outcome)
        if self._hearing is not None and self._hearing.curious:
            self._done.extend(self._hearing.outcomes({o.task for o in self._done}))
        if self._ending:
            self._keep_only_the_end()
        if not self._done or self._waits_for_superstep():
            return []
        state = self.state
        outcomes = [
            o
            for o in self._done
            if o.task in state.tasks or o.task in state.timers or o.kind == "ended"
        ]
        self._done.clear()
        return outcomes

    def _keep_only_the_end(self) -> None:
        """Cancel beats every result and every decision on the same task."""
        ends = {o.task for o in self._done if o.kind == "cancelled"}
        kept = [o for o in self._done if o.task not in self._ending or o.kind == "cancelled"]
        self._done.clear()
        self._done.extend(kept)
        if not self._waits_for_superstep():
            self._ending -= ends

    def _waits_for_superstep(self) -> bool:
        """Whether what has ended is admitted only together with what has not."""
        return self._strict and bool(self._running or self._rest_of_superstep())

    def _rest_of_superstep(self) -> bool:
        """Whether tasks are still to be started, by a pause if need be only later."""
        return bool(self._ready or self._stepping or self._paced)

    def _fire_due(self) -> None:
        """End every wait whose time has come, in due order."""
        now = self.env.clock.now()
        while self._due and self._due[0][0] <= now:
            due_at, task_id = heapq.heappop(self._due)
            wait = self.state.waits.get(task_id)
            if wait is None or wait.due_at != due_at:
                timer = self.state.timers.get(task_id)
                if timer is not None and timer.due_at == due_at and not timer.over:
                    self._done.append(Outcome(task=task_id, kind="timer"))
                continue
            outcome = waits.when_due(self, wait)
            if outcome is not None:
                self._done.append(outcome)
            elif wait.request is not None:
                self._in_background(self._expire(wait.request))

    async def _expire(self, request: RequestId) -> None:
        """Apply the default of a barrier whose deadline has passed, unless somebody decided."""
        record = await self.env.io(self.env.store.request, request)
        await self._decide(waits.default_of(record))
        for decision in await self.env.io(self.env.store.unadmitted, self.facts.run):
            self.decided(decision)

    async def _decide(self, decide: Decide) -> None:
        stored = await self.env.io(self.env.store.decide, decide, self.env.clock.now())
        if stored.accepted:
            self.decided(stored)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that must not hold the loop; its error ends the run's driving."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)

        def over(finished: asyncio.Task[None]) -> None:
            self._background.discard(finished)
            error = None if finished.cancelled() else finished.exception()
            if error is not None:
                self._fail(error)
            self._wake.set()

        task.add_done_callback(over)

    def _fail(self, error: BaseException) -> None:
        """End the driving of this run, even if nothing else happens in it."""
        self._broken = error
        self._wake.set()

    # --- committing -------------------------------------------------------------------------

    async def _commit(self, outcomes: list[Outcome]) -> None:
        outcomes = await self._prepared(outcomes)
        at = self.env.clock.now()
        step = self._step(outcomes, at)
        if self._running and step.status is RunStatus.FAILED:
            await self._stop(self._running)
            late = [o for o in self._done if o.task in self.state.tasks]
            self._done.clear()
            if late:
                step = self._step([*outcomes, *await self._prepared(late)], at)
        await self._store(step, at)
        if self._running and step.status is not RunStatus.FAILED:
            ended = [task for task in step.delta.drop_tasks if task in self._running]
            await self._stop({task: self._running[TaskId(task)] for task in ended})

    async def _prepared(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Return outcomes as they may be admitted: with what they ask of other runs, and looked at.

        Each goes through here once, also one that comes in while a failed run is stopped.
        """
        if self.plan.sends:
            outcomes = await addressed(self, outcomes)
        if self._family is not None:
            outcomes = await self._family.made(outcomes)
        if self._guards is not None:
            outcomes = self._guards.before_commit(self.facts.run, self.state.commit + 1, outcomes)
        return outcomes

    def _step(self, outcomes: Sequence[Outcome], at: float) -> superstep.Step:
        if not self._simple:
            state = self.state
            self._simple = not (state.breaks or state.until or state.recordings)
        elif len(outcomes) == 1:
            step = quick_step(self.plan, self.state, outcomes[0], at=at)
            if step is not None:
                return step
        return superstep.commit(
            self.plan, self.state, outcomes, self.facts, at=at, ids=self.env.ids
        )

    async def _store(self, step: superstep.Step, at: float | None = None) -> None:
        """Apply, store and publish one commit, in this order and as one whole."""
        self._now = at = self.env.clock.now() if at is None else at
        run, seq = self.facts.run, self._seq
        records = [ev.Recorded(run, seq + n, at, event) for n, event in enumerate(step.events)]
        number = self.state.commit + 1
        apply(self.state, step.delta, self.facts.specs, number)
        run_view.fold(records, self.view)
        if step.delta.put_waits or step.requests or step.delta.put_timers:
            self._remember_due(step)
        if self._hearing is not None and step.signals is not None:
            self._hearing.admitted(number for number, _ in step.signals.taken)
            self._hearing.curious = True
        record = CommitRecord(
            run=run,
            number=number,
            at=at,
            first_seq=seq,
            events=records,
            delta=step.delta,
            status=self.state.status,
            open_requests=step.requests,
            close_requests=step.closed,
            admitted_decisions=step.decisions,
            next_due=self._next_due() if self._due else None,
            durable=self._power or bool(step.decisions) or step.signals is not None,
            signals=step.signals,
        )
        if number >= self._next_frame:
            self._next_frame = number + max(FRAME_EVERY, self._rows() // ROWS_PER_COMMIT)
            record.frame, record.view = self.state.copy(), run_view.encode(self.view)
        if step.document is not None:
            record.document, record.claims = step.document, step.claims
        self._seq = seq + len(records)
        waiter = self.env.writer.commit(
            self.lease, record, partial(self._stored, records, step.signals), self._fail
        )
        if waiter is not None:
            await waiter
        if step.children or step.orphans:
            await self._raise(step)
        if self._wanted is None and not self._depth_first:
            self._ready.extend([ready.task for ready in step.ready])
        else:
            self._queue([ready.task for ready in step.ready])
        if isinstance(records[-1].event, ev.TERMINAL):
            self.terminal = records[-1]
            return
        if step.requests:
            await self._answer_in_advance(step.requests, at)

    async def _answer_in_advance(self, requests: Sequence[RequestRecord], at: float) -> None:
        """Let what was decided before it was asked count; what is for this run beats rules."""
        ruled = await self.env.io(self.env.store.has_rules)
        for request in requests:
            early = waits.early_answer(self, request)
            if early is None and not ruled:
                continue
            await self.env.writer.flush(self.lease)  # nobody answers what is not stored yet
            if early is not None:
                await self._decide(early)
                continue
            stored = await self.env.io(self.env.store.decide_by_rule, request.request, at)
            if stored is not None and stored.accepted:
                self.decided(stored)

    async def _raise(self, step: superstep.Step) -> None:
        """Start the children of a commit, and look at once at those that are over already."""
        if self._family is None and self.env.children is not None:
            # The edited workflow calls no other, and the run had called some.
            self._family = Family(self, self.env.children, self.child_changed)
        if self._family is not None:
            await self._family.stored(step)
            self.child_changed()

    def _remember_due(self, step: superstep.Step) -> None:
        for request in step.requests:
            if request.deadline is not None:
                heapq.heappush(self._due, (request.deadline, request.task))
        for wait in step.delta.put_waits.values():
            if wait.due_at is not None and wait.request is None:
                heapq.heappush(self._due, (wait.due_at, wait.task))
        for name, timer in step.delta.put_timers.items():
            if not timer.over:
                heapq.heappush(self._due, (timer.due_at, TaskId(name)))

    def _rows(self) -> int:
        state = self.state
        return len(self.view.nodes) + len(state.values) + len(state.tasks) + len(state.outputs)

    def _stored(self, records: Sequence[ev.Recorded], signals: SignalChanges | None) -> None:
        self.begun.set()
        self.env.publish(records)
        if signals is not None and signals.sent:
            self.env.signalled()

    # --- waiting ----------------------------------------------------------------------------

    def _nothing_left_to_do(self) -> bool:
        """Whether this leg ends here because only people or far timers can go on."""
        if self._commands:
            return False
        if self.is_paused:
            working = self._running or self._stepping or self._decisions or self._background
            return self.env.leave_paused and not working
        if self.env.stay or not self.is_idle:
            return False
        if self._family is not None and self._family.is_busy():
            return False
        due = self._next_due()
        return due is None or due - self.env.clock.now() > self.env.max_idle_s

    def _suspension(self) -> superstep.Step:
        requests = tuple(wait.request for wait in self.state.waits.values() if wait.request)
        commit = ev.SuperstepCommitted(commit=self.state.commit + 1)
        waiting = ev.RunWaiting(requests=requests, next_due=self._next_due())
        status = RunStatus.PAUSED if self.is_paused else RunStatus.WAITING
        return superstep.Step(delta=Delta(status=status), events=[commit, waiting], status=status)

    async def _sleep(self) -> None:
        """Wait until something finishes, is decided, is commanded or is due."""
        due = min(self._next_due() or self._ends_at, self._ends_at)
        if self._paced:
            due = min(due, self._paced[0][0])
        if due != self._armed_for:  # mostly it is the end of the run's time, armed long ago
            if self._disarm is not None:
                self._disarm()
            self._armed_for = due
            self._disarm = self.env.clock.call_at(due, self._ring)
        await self._wake.wait()
        self._wake.clear()
        self._now = self.env.clock.now()
        self._slice_began = self.env.clock.monotonic()

    def _ring(self) -> None:
        self._armed_for = None
        self._wake.set()

    def _next_due(self) -> float | None:
        while self._due:
            due_at, task_id = self._due[0]
            wait = self.state.waits.get(task_id)
            if wait is not None and wait.due_at == due_at:
                return due_at
            timer = self.state.timers.get(task_id)
            if timer is not None and timer.due_at == due_at and not timer.over:
                return due_at
            heapq.heappop(self._due)
        return None

    def _has_had_its_slice(self) -> bool:
        late = self.env.clock.monotonic() - self._slice_began > SLICE_S
        return late or not self.state.commit % 256

    async def _let_others_run(self) -> None:
        await asyncio.sleep(0)
        self._slice_began = self.env.clock.monotonic()

    async def _give_up(self) -> None:
        """End a run that took longer than its limit."""
        await self._stop(self._running)
        seconds = self._limits.run_seconds
        text = f"The run took longer than {seconds:g} s, its limit run_seconds"
        hit = LimitHit("run_seconds", seconds, "", text)
        await self._store(superstep.limit_step(self.state, hit))

    # --- commands ---------------------------------------------------------------------------

    async def _obey(self, command: AnyCommand, number: int) -> None:
        """Carry out a command; what it changes is stored, with its number, in one commit."""
        if number and number <= self.state.counters.get("commands", 0):
            return  # obeyed already, in an earlier leg
        step: superstep.Step | None = None
        match command:
            case Cancel(reason=reason):
                step = await self._cancel(reason)
            case CancelPart():
                step = self._cancel_part(command)
            case Pause(reason=reason) if not self.is_paused:
                paused = ev.RunPaused(reason=reason)
                step = control.report(self.state, paused, status=RunStatus.PAUSED)
            case Unpause() if self.is_paused:
                self._ready.extendleft(reversed(self._stepping))
                self._stepping.clear()
                status = RunStatus.RUNNING
                step = control.report(self.state, ev.RunUnpaused(), status=status)
                self._let_go(step)
            case Step() if self.is_paused:
                let_go = not self._ready and self._wanted is not None
                if let_go:
                    self._ready.extend(self._held)
                self._stepping.extend(self._ready)
                self._ready.clear()
                step = control.report(self.state, ev.RunStepped(tasks=tuple(self._stepping)))
                if let_go:
                    self._held.clear()
                    self._let_go(step)
            case SetBreakpoints(breakpoints=wanted):
                waiting = [as_ready(self.state.tasks[task]) for task in self._not_started()]
                step = control.set_breakpoints(self.plan, self.state, self.facts, wanted, waiting)
            case _:
                pass  # nothing to do; decisions reach the loop as stored records
        if number:
            step = step or control.report(self.state)
            step.delta.put_counters = {**step.delta.put_counters, "commands": number}
        if step is not None:
            await self._store(step)
            self._simple = False  # looked at again with the next commit

    async def _cancel(self, reason: str) -> superstep.Step:
        """End everything, and return the commit that holds nothing of what was cancelled."""
        await self._store(control.ask_cancel(self.state, list(self._running), reason))
        ended = await self._stop(self._running)
        if self._family is not None:
            await self._family.cancel(reason)
        return control.cancel(self.state, ended, reason)

    def _let_go(self, step: superstep.Step) -> None:
        """Where the run went to a node: from here on it goes everywhere."""
        if self._wanted is not None:
            step.delta.until = ""
            self._ready.extend(self._held)
            self._held.clear()
            self._wanted = None

    async def _warn(self, warning: tuple[str, str]) -> None:
        node, message = warning
        await self._store(control.report(self.state, ev.Warned(node=node, message=message)))

    def _not_started(self) -> list[TaskId]:
        waits, tasks = self.state.waits, self.state.tasks
        return [task for task in self._ready if task in tasks and task not in waits]

    def _cancel_part(self, command: CancelPart) -> superstep.Step:
        """Begin to end a part of the run; everything else goes on meanwhile."""
        part = control.part_of(self.state, command)
        if not part.tasks:
            text = f"Nothing to cancel: there is no {command.words} now"
            return control.report(self.state, ev.Warned(node="", message=text))
        gone = frozenset(part.tasks)
        for queue in (self._ready, self._stepping, self._held):
            kept = [task for task in queue if task not in gone]
            queue.clear()
            queue.extend(kept)
        self._paced = [each for each in self._paced if each[1] not in gone]
        running = {task: self._running[task] for task in part.tasks if task in self._running}
        self._ending |= gone
        if running:
            self._in_background(self._end_part(part, running, command.reason))
        else:
            self._done.extend(control.cancelled(part, {}, command.reason))
        return control.ask_end(self.state, part, command, list(running))

    async def _end_part(
        self, part: control.Part, running: Mapping[TaskId, asyncio.Task[None]], reason: str
    ) -> None:
        ended = await self._stop(running)
        self._done.extend(control.cancelled(part, ended, reason))

    async def _stop(self, running: Mapping[K, asyncio.Task[None]]) -> dict[K, str]:
        """Cancel attempts and wait for them; return how each ended.

        Those that outlast the grace are left behind; nothing that they do counts.
        """
        tasks = {key: task for key, task in running.items() if task is not asyncio.current_task()}
        for task in tasks.values():
            task.cancel()
        if tasks:
            await asyncio.wait(tasks.values(), timeout=GRACE_S)
        for key in [key for key, task in tasks.items() if not task.done()]:
            if self._running.get(cast("TaskId", key)) is tasks[key]:
                del self._running[cast("TaskId", key)]
        return {k: "acknowledged" if t.done() else "killed" for k, t in tasks.items()}

    def _publish_update(self, update: ev.AnyUpdate) -> None:
        run_view.apply_update(self.view, update)
        self.env.publish((update,))

    def _processes(self) -> int:
        return self._limits.processes or os.cpu_count() or 1
