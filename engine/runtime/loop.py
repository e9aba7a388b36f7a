"""The run loop: admit what has finished, commit, start what became ready, wait.

`RunLoop.run` is the whole of it; everything that decides is in `superstep`, everything
that waits is here and in what it is made of: the `frontier` of tasks, what is `due`, the
commands that are `obeying`, the `recorder` of commits. One loop drives one leg of one run and
alone writes its commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from engine import events as ev
from engine import run_view
from engine.commands import AnyCommand, Cancel, Decide, RetryChild
from engine.ids import RequestId, TaskId
from engine.model.plan import Plan
from engine.model.workflow import Save
from engine.run_view import RunView
from engine.runtime import control, superstep, waits
from engine.runtime.children import Family
from engine.runtime.due import Due
from engine.runtime.environment import Environment
from engine.runtime.frontier import Frontier, stop
from engine.runtime.hearing import Hearing, addressed
from engine.runtime.interceptors import Guards
from engine.runtime.limits import LimitHit
from engine.runtime.obeying import Commands
from engine.runtime.outcome import Outcome
from engine.runtime.ports import DecisionRecord, Lease, RequestRecord
from engine.runtime.quick import quick_step
from engine.runtime.recorder import Recorder
from engine.runtime.saving import Saving, setting_of
from engine.runtime.superstep import RunFacts
from engine.state.run_state import Delta, ParkedWait, RunState
from engine.state.status import RunStatus

#: Seconds of work before the loop lets others run.
SLICE_S = 0.004


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
        self._guards = Guards(env.interceptors) if env.interceptors else None
        self._wake = asyncio.Event()
        self.frontier = Frontier(
            self,
            lease,
            guards=self._guards,
            publish=self._publish_update,
            failed=self._fail,
            changed=self._wake.set,
        )
        self._saving = self._saves_by(setting_of(plan, state))
        self._due = Due(state)
        self._recorder = Recorder(
            self, view, lease, self._due, next_seq=next_seq, failed=self._fail
        )
        self._commands = Commands(
            self,
            self.frontier,
            store=self._store,
            cancel_children=self._cancel_children,
            retry_child=self._retry_child,
            in_background=self._in_background,
        )
        self._decisions: deque[DecisionRecord] = deque()
        #: Whether nothing but the plan says what a commit does.
        self._simple = not (state.breaks or state.until or state.recordings)
        self._disarm: Callable[[], None] | None = None
        self._armed_for: float | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        self._slice_began = 0.0
        self._now = 0.0
        self._ends_at = facts.started_at + plan.workflow.settings.limits.run_seconds
        self._hearing = Hearing(self) if plan.listens else None
        self._family: Family | None = None
        if (plan.calls or state.children) and env.children is not None:
            self._family = Family(self, env.children, self.child_changed)

    @property
    def begun(self) -> asyncio.Event:
        """Set when the first commit of this leg is stored."""
        return self._recorder.begun

    async def run(self, opening: superstep.Step, recovered: Sequence[Outcome] = ()) -> ev.Recorded:
        """Drive the run to the end of this leg; return its terminal event.

        Args:
            opening: the commit that begins the leg.
            recovered: what is known of tasks that were in flight when the last leg ended.

        Raises:
            StoreError: a commit could not be stored; nothing of it was published.
        """
        try:
            self.frontier.done.extend(recovered)
            await self._store(opening)
            self._take_up()
            while self.terminal is None:
                if self._broken is not None:
                    raise self._broken
                if self._commands:
                    await self._commands.obey()
                    self._simple = False  # looked at again with the next commit
                    continue
                if self._hearing is not None and self._hearing.warnings:
                    await self._warn(self._hearing.warnings.pop())
                    continue
                if self._saving is not None and self._saving.is_restless:
                    await self._look_after(self._saving)
                    continue
                if self._ends_at <= self._now:
                    await self._give_up()
                    continue
                self.frontier.launch()
                if outcomes := self._admissible():
                    await self._commit(outcomes)
                    if self._has_had_its_slice():
                        await self._let_others_run()
                elif self.frontier.stops_after_failure:
                    await self._store(control.fail(self.plan, self.state))
                elif self.frontier.held and self._cannot_arrive():
                    await self._store(control.unreached(self.state))
                elif self._nothing_left_to_do():
                    await self._store(self._suspension())
                else:
                    await self._sleep()
            await self.env.writer.flush(self.lease)
            return self.terminal
        finally:
            await self._close()

    async def _close(self) -> None:
        """End everything that belongs to the leg."""
        if self._disarm is not None:
            self._disarm()
        await self.frontier.close()
        await stop(dict(enumerate(self._background)))
        await self.frontier.attempts.close()
        if self._saving is not None:
            await self._saving.stop()

    # --- from outside -----------------------------------------------------------------------

    def send(self, command: AnyCommand, number: int = 0) -> None:
        """Give the loop a command; it is obeyed before anything else happens.

        Args:
            command: the command.
            number: its number in the store, when it comes from there.
        """
        self._commands.add(command, number)
        if self._saving is not None and isinstance(command, Cancel):
            self._saving.give_up()
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
            self._in_background(self._look_at(self._family))

    async def _look_at(self, family: Family) -> None:
        self.frontier.done.extend(await family.look())

    def hurry(self) -> None:
        """End the leg as soon as only people or far timers can go on."""
        self.env.stay = False
        self._wake.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready, running or waiting to be admitted."""
        return self.frontier.is_idle and not (self._decisions or self._background)

    # --- taking up, and what can be admitted ------------------------------------------------

    def _take_up(self) -> None:
        """Queue what is ready, re-arm what waits."""
        self.frontier.take_up()
        self._due.take_up()
        self.frontier.done.extend(waits.tried_again(self.state))
        for decision in self.env.store.unadmitted(self.facts.run):
            self.decided(decision)
        self.signalled()
        if self._family is not None:
            self._family.take_up()
            self.child_changed()

    def _cannot_arrive(self) -> bool:
        """Whether nothing is left that leads to the node that the run goes to."""
        return self.is_idle and not self.frontier.is_paused and self.frontier.cannot_arrive

    def _admissible(self) -> list[Outcome]:
        """Return finished attempts and ended waits that the next commit takes in."""
        frontier = self.frontier
        if self._due and self._due.is_over(self.env.clock.now()):
            self._fire_due()
        while self._decisions:
            decision = self._decisions.popleft()
            outcome = waits.after_decision(self, decision)
            if outcome is not None:
                frontier.done.append(outcome)
        if self._hearing is not None and self._hearing.curious:
            frontier.done.extend(self._hearing.outcomes({o.task for o in frontier.done}))
        if frontier.ending:
            frontier.keep_only_the_end()
        if not frontier.has_done or frontier.waits_for_superstep:
            return []
        return frontier.take_done()

    def _fire_due(self) -> None:
        """End every wait whose time has come, in due order."""
        for each in self._due.pop(self.env.clock.now()):
            if not isinstance(each, ParkedWait):
                self.frontier.done.append(Outcome(task=each, kind="timer"))
                continue
            outcome = waits.when_due(self, each)
            if outcome is not None:
                self.frontier.done.append(outcome)
            elif each.request is not None:
                self._in_background(self._expire(each.request))

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
        frontier = self.frontier
        if self.plan.sends or self._family is not None or self._guards is not None:
            outcomes = await self._prepared(outcomes)
        at = self.env.clock.now()
        step = self._step(outcomes, at)
        if frontier.running and step.status is RunStatus.FAILED:
            await frontier.stop(frontier.running)
            late = [o for o in frontier.done if o.task in self.state.tasks]
            frontier.done.clear()
            if late:
                step = self._step([*outcomes, *await self._prepared(late)], at)
        await self._store(step, at)
        if frontier.running and step.status is not RunStatus.FAILED:
            ended = [
                task for task in map(TaskId, step.delta.drop_tasks) if task in frontier.running
            ]
            await frontier.stop({task: frontier.running[task] for task in ended})

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
            step = quick_step(self.plan, self.state, outcomes[0], self.facts.specs, at=at)
            if step is not None:
                return step
        return superstep.commit(
            self.plan, self.state, outcomes, self.facts, at=at, ids=self.env.ids
        )

    async def _store(self, step: superstep.Step, at: float | None = None) -> None:
        """Apply, store and publish one commit, in this order and as one whole."""
        if self._saving is not None and isinstance(step.events[-1], ev.TERMINAL):
            step.events[:0] = await self._saving.before_end()
        self._now = at = self.env.clock.now() if at is None else at
        records, waiter = self._recorder.write(step, at)
        if self._hearing is not None and step.signals is not None:
            self._hearing.admitted(number for number, _ in step.signals.taken)
            self._hearing.curious = True
        if self.frontier.feeds is not None:
            self.frontier.feeds.look()
            if self._hearing is not None:
                self._hearing.curious = True  # there may be room for another event
        if waiter is not None:
            await waiter
        if step.children or step.orphans:
            await self._raise(step)
        self.frontier.queue([ready.task for ready in step.ready])
        if isinstance(records[-1].event, ev.TERMINAL):
            self.terminal = records[-1]
            return
        if step.requests:
            await self._answer_in_advance(step.requests, at)

    def _saves_by(self, setting: Save | None) -> Saving | None:
        """Let commits be stored as the workflow says; None: each as it is made."""
        if setting is None:
            return None
        env, lease = self.env, self.lease
        saving = Saving(
            env.store, env.writer, lease, setting, env.clock,
            tell=self._publish_update, wake=self._wake.set,
        )  # fmt: skip
        env.writer = saving
        return saving

    async def _look_after(self, saving: Saving) -> None:
        """Store what is held when it is time, and tell how that goes."""
        if saving.news:
            await self._store(control.report(self.state, saving.news.popleft()))
        else:
            await saving.attend()

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

    async def _cancel_children(self, reason: str) -> None:
        if self._family is not None:
            await self._family.cancel(reason)

    async def _retry_child(self, command: RetryChild) -> superstep.Step | None:
        if self._family is None and self.env.children is not None:
            self._family = Family(self, self.env.children, self.child_changed)
        return None if self._family is None else await self._family.again(command)

    # --- waiting ----------------------------------------------------------------------------

    def _nothing_left_to_do(self) -> bool:
        """Whether this leg ends here because only people or far timers can go on."""
        if self._commands:
            return False
        if self.frontier.is_paused:
            working = (
                self.frontier.is_working
                or self.frontier.stepping
                or self._decisions
                or self._background
            )
            return self.env.leave_paused and not working
        if self.env.stay or not self.is_idle:
            return False
        if self._family is not None and self._family.is_busy():
            return False
        due = self._due.next()
        return due is None or due - self.env.clock.now() > self.env.max_idle_s

    def _suspension(self) -> superstep.Step:
        requests = tuple(wait.request for wait in self.state.waits.values() if wait.request)
        commit = ev.SuperstepCommitted(commit=self.state.commit + 1)
        waiting = ev.RunWaiting(requests=requests, next_due=self._due.next())
        status = RunStatus.PAUSED if self.frontier.is_paused else RunStatus.WAITING
        return superstep.Step(delta=Delta(status=status), events=[commit, waiting], status=status)

    async def _sleep(self) -> None:
        """Wait until something finishes, is decided, is commanded or is due."""
        due = min(self._due.next() or self._ends_at, self._ends_at)
        if due != self._armed_for:  # mostly it is the end of the run's time, armed long ago
            if self._disarm is not None:
                self._disarm()
            self._armed_for = due
            self._disarm = self.env.clock.call_at(due, self._ring)
        await self._wake.wait()
        self._wake.clear()
        self._slice_began = self._now = self.env.clock.now()

    def _ring(self) -> None:
        self._armed_for = None
        self._wake.set()

    def _has_had_its_slice(self) -> bool:
        # By the time of the commit, which is known; a clock that was set back ends the slice.
        in_time = 0.0 <= self._now - self._slice_began <= SLICE_S
        return not in_time or not self.state.commit % 256

    async def _let_others_run(self) -> None:
        await asyncio.sleep(0)
        self._slice_began = self.env.clock.now()

    async def _give_up(self) -> None:
        """End a run that took longer than its limit."""
        await self.frontier.stop(self.frontier.running)
        seconds = self.plan.workflow.settings.limits.run_seconds
        text = f"The run took longer than {seconds:g} s, its limit run_seconds"
        hit = LimitHit("run_seconds", seconds, "", text)
        await self._store(superstep.limit_step(self.plan, self.state, hit))

    async def _warn(self, warning: tuple[str, str]) -> None:
        node, message = warning
        await self._store(control.report(self.state, ev.Warned(node=node, message=message)))

    def _publish_update(self, update: ev.AnyUpdate) -> None:
        run_view.apply_update(self.view, update)
        self.env.publish((update,))
