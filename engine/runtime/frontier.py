"""The frontier of a run: the tasks that are ready or in flight, their turn, their start, their end.

Nothing here decides what a result means: what has ended is kept in `done` until the loop
admits it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from engine import events as ev
from engine.ids import TaskId
from engine.model.plan import PlanNode
from engine.packing import pack
from engine.runtime import gates, turns
from engine.runtime import partial as parts
from engine.runtime.attempts import Attempts
from engine.runtime.context import AttemptContext
from engine.runtime.environment import Driver
from engine.runtime.feeding import Feeds
from engine.runtime.interceptors import Guards
from engine.runtime.keeper import Keeper
from engine.runtime.outcome import Outcome
from engine.runtime.places import Places
from engine.runtime.ports import JournalRecord, Lease
from engine.runtime.task_runner import ask_for_room, ask_for_turn
from engine.runtime.transition import ready_tasks
from engine.state.run_state import Task
from engine.state.status import RunStatus

K = TypeVar("K")
#: Seconds that a cancelled attempt has to end by itself.
GRACE_S = 5.0


class Frontier:
    """The tasks of one leg that are ready or in flight.

    Attributes:
        done: finished attempts and ended waits that no commit has taken in yet.
        ready: tasks whose turn comes next. `stepping`: what a step of a paused run starts.
        held: what waits because it does not lead to `wanted`, where the run goes to a node.
        running: attempts in flight.
        ending: what is being cancelled by itself: no result and no decision of it counts.
    """

    def __init__(
        self,
        loop: Driver,
        lease: Lease,
        *,
        guards: Guards | None,
        publish: Callable[[ev.AnyUpdate], None],
        failed: Callable[[BaseException], None],
        changed: Callable[[], None],
    ) -> None:
        self.plan = loop.plan
        self.state = loop.state
        self._facts = loop.facts
        self._env = loop.env
        self._lease = lease
        self._publish = publish
        self._failed = failed
        self._changed = changed
        settings = self.plan.workflow.settings
        self.done: deque[Outcome] = deque()
        self.ready: deque[TaskId] = deque()
        self.stepping: deque[TaskId] = deque()
        #: What a step has let ask for room or for a turn: it starts when it has got that.
        self._asking: set[TaskId] = set()
        self.held: deque[TaskId] = deque()
        self.wanted = parts.leading_to(self.plan, self.state.until) if self.state.until else None
        self.running: dict[TaskId, asyncio.Task[None]] = {}
        self.ending: set[TaskId] = set()
        self.attempts = Attempts(self.plan, self._env.clock, guards)
        #: Nothing is kept where interceptors may alter what a node gets or gives.
        self._keeper: Keeper | None = None
        if guards is None and any(node.cached for node in self.plan.nodes.values()):
            self._keeper = Keeper(self.plan, loop.facts, self._env)
        self._cpu_running = 0
        self._concurrency = settings.limits.concurrency
        self._processes = settings.limits.processes or os.cpu_count() or 1
        self._strict = settings.commit == "strict"
        #: A branch goes on before the next begins; a strict superstep is never split.
        self.depth_first = not self._strict and settings.order == "depth_first"
        self._finishing = settings.on_failure == "finish"
        self._places = [Places(settings.limits.by_type), self._env.places]
        self._scarce = self._places[0].kinds | self._places[1].kinds
        self.feeds = Feeds(self, changed) if self.plan.streams else None

    @property
    def is_paused(self) -> bool:
        """Whether nothing new may start until the person says so."""
        return self.state.status is RunStatus.PAUSED

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready, running or waiting to be admitted."""
        return not (self.is_working or self.ready or self.stepping or self.done)

    @property
    def is_working(self) -> bool:
        """Whether an attempt runs, and does not only wait for room for what it reads."""
        resting = 0 if self.feeds is None else self.feeds.resting(self.running)
        return len(self.running) > resting

    @property
    def waits_for_superstep(self) -> bool:
        """Whether what has ended is admitted only together with what has not."""
        if not (self._strict and (self._has_rest or self.running)):
            return False
        return self._has_rest or len(self.running) > self._reading

    @property
    def _reading(self) -> int:
        """How many attempts read a stream: they hold neither a commit nor a slot."""
        return 0 if self.feeds is None else self.feeds.count(self.running)

    @property
    def may_start(self) -> bool:
        """Whether something new may start: no pause, and no failure that stops it."""
        return not (self.is_paused or (self._finishing and self.state.failures))

    @property
    def has_done(self) -> bool:
        """Whether there is something that a commit could take in."""
        return bool(self.done) or (self.feeds is not None and self.feeds.have_come)

    @property
    def _has_rest(self) -> bool:
        """Whether tasks of this superstep are still to be started, by a pause if need be later."""
        return bool(self.ready or self.stepping)

    @property
    def stops_after_failure(self) -> bool:
        """Whether something has failed after which nothing may start, and all else has ended."""
        failed = self._finishing and self.state.failures
        return bool(failed) and not (len(self.running) > self._reading or self.done)

    @property
    def cannot_arrive(self) -> bool:
        """Whether nothing is left to run that leads to the node that the run goes to."""
        wanted, tasks = self.wanted or (), self.state.tasks
        return not any(tasks[task].node in wanted for task in map(TaskId, self.state.waits))

    # --- whose turn it is -------------------------------------------------------------------

    def take_up(self) -> None:
        """Queue what is ready when a leg begins."""
        recovered = {outcome.task for outcome in self.done}
        self.ready.clear()  # the opening has queued some of them
        self.held.clear()
        ready = [task for task in ready_tasks(self.state) if task not in recovered]
        if self.depth_first:
            ready.sort(key=lambda task: -self.state.tasks[task].ready_at)
        self.queue(ready)

    def queue(self, tasks: Sequence[TaskId]) -> None:
        """Let tasks have their turn; what does not lead to where the run goes has none."""
        if self._asking:
            tasks = self._go_on_stepping(tasks)
        if self.wanted is None and not self.depth_first:
            self.ready.extend(tasks)
            return
        here: list[TaskId] = []
        for task in tasks:
            away = self.wanted is not None and self.state.tasks[task].node not in self.wanted
            (self.held if away else here).append(task)
        if self.depth_first:
            self.ready.extendleft(reversed(here))
        else:
            self.ready.extend(here)

    def _go_on_stepping(self, tasks: Sequence[TaskId]) -> list[TaskId]:
        """Start what a step has let ask, as part of that step; return the others."""
        if not self.is_paused:
            self._asking.clear()
        self.stepping.extend(task for task in tasks if task in self._asking)
        rest = [task for task in tasks if task not in self._asking]
        self._asking.difference_update(tasks)
        return rest

    def go_everywhere(self) -> None:
        """Let what was held have its turn: from here on the run goes to no node any more."""
        self.ready.extend(self.held)
        self.held.clear()
        self.wanted = None

    def not_started(self) -> list[TaskId]:
        """Return the tasks that are ready and have not been started."""
        waits, tasks = self.state.waits, self.state.tasks
        return [task for task in self.ready if task in tasks and task not in waits]

    def drop(self, gone: frozenset[TaskId]) -> None:
        """Give the turn of tasks that are ended to nobody, and let no result of them count."""
        for queue in (self.ready, self.stepping, self.held):
            kept = [task for task in queue if task not in gone]
            queue.clear()
            queue.extend(kept)
        self.ending |= gone

    # --- starting ---------------------------------------------------------------------------

    def launch(self) -> None:
        """Start ready tasks up to the limits; plain functions are over at once."""
        if self._finishing and self.state.failures:
            self._start_no_more()
        queue = self.stepping if self.state.status is RunStatus.PAUSED else self.ready
        budget = len(queue)
        most = self._concurrency
        if self.feeds is not None:
            most += self._reading
        while queue and budget and len(self.running) < most:
            if self.depth_first and self._is_to_commit():
                return
            budget -= 1
            task_id = queue.popleft()
            task = self.state.tasks.get(task_id)
            if task is None or task_id in self.running or task_id in self.state.waits:
                continue
            node = self.plan.nodes[task.node]
            if task.using:
                node = node.alternatives[task.using - 1]
            if (self.state.recordings or node.gated) and (
                known := self._known_outcome(node, task)
            ) is not None:
                self.done.append(known)
            elif (node.type.cpu or self._scarce) and self._is_full(node):
                queue.append(task_id)
            else:
                self._start(node, task)

    def _is_full(self, node: PlanNode) -> bool:
        """Whether no more attempts of a kind of node may run, here or in all runs."""
        if node.type.cpu and self._cpu_running >= self._processes:
            return True
        kind = node.type.id
        return kind in self._scarce and not all(p.has(kind, self._changed) for p in self._places)

    def _is_to_commit(self) -> bool:
        """Whether something has ended whose successors go first."""
        return any(done.task in self.state.tasks for done in self.done)

    def _start_no_more(self) -> None:
        """Let nobody have a turn: what has not been started runs when the run is resumed."""
        self.ready.clear()
        self.stepping.clear()

    def _known_outcome(self, node: PlanNode, task: Task) -> Outcome | None:
        """Return the outcome of a task that need not run: recorded, or passed over by a gate."""
        if self.state.recordings and task.id in self.state.recordings:
            return parts.recorded_outcome(self.state.recordings[task.id])
        return gates.pass_on(self.plan, self.state, task) if node.gated else None

    def _start(self, node: PlanNode, task: Task) -> None:
        """Begin an attempt, unless the node has to wait for room in a budget or for its pace."""
        ctx = AttemptContext(
            self.plan,
            node,
            task,
            self.state,
            facts=self._facts,
            services=self._env.services,
            publish=self._publish,
        )
        if node.stream is not None and self.feeds is not None:
            ctx.feed = self.feeds.open(task, node.stream)
        if node.metered and task.id not in self.state.holds:
            self._ask(ask_for_room(node, task, ctx))
        elif node.cached and self._keeper is not None and not self._keeper.is_missing(task):
            self._spawn_look_up(task, self._keeper.look_up(node, task, ctx))
        elif node.rates and turns.lacks_turn(node, task):
            self._ask(ask_for_turn(node, task, ctx))
        else:
            self._attempt(node, task, ctx)

    def _ask(self, asked: Outcome) -> None:
        """Let the next commit say whether a task may start."""
        self.done.append(asked)
        if self.is_paused:
            self._asking.add(asked.task)

    def _attempt(self, node: PlanNode, task: Task, ctx: AttemptContext) -> None:
        attempt: Outcome | Coroutine[Any, Any, Outcome]
        if node.effects == "once":
            attempt = self._once(task.id, ctx)
        else:
            attempt = self.attempts.begin(node, task, ctx)
        if node.cached and self._keeper is not None:
            attempt = self._keeper.keep(node, task, attempt)
        if isinstance(attempt, Outcome):
            self.done.append(attempt)
        else:
            self._spawn(task, attempt, node)

    def _spawn_look_up(self, task: Task, look_up: Coroutine[Any, Any, Outcome | None]) -> None:
        """Look for a kept result, or follow equal work that is being done; else do it here."""
        queue = self.stepping if self.is_paused else self.ready
        found: list[Outcome] = []

        async def looked() -> None:
            outcome = await look_up
            if outcome is not None:
                found.append(outcome)

        def over(finished: asyncio.Task[None]) -> None:
            look_up.close()
            if task.id in self.state.tasks and not finished.cancelled():
                self.done.extend(found)
                if not found:
                    queue.appendleft(task.id)
            self._attempt_over(task.id, finished)

        running = asyncio.get_running_loop().create_task(looked())
        running.add_done_callback(over)
        self.running[task.id] = running

    async def _once(self, task_id: TaskId, ctx: AttemptContext) -> Outcome:
        """Claim durably, then run: after a crash nobody can think it never started."""
        task = self.state.tasks[task_id]
        claimed = self._env.writer.claim(self._lease, task_id, task.attempt, self._env.clock.now())
        if claimed is not None:
            await claimed
        node = self.plan.work_of(task.node, task.using)
        outcome = self.attempts.begin(node, task, ctx)
        return outcome if isinstance(outcome, Outcome) else await outcome

    def _spawn(self, task: Task, attempt: Coroutine[Any, Any, Outcome], node: PlanNode) -> None:
        self._publish(
            ev.TaskStarted(
                run=self._facts.run,
                task=task.id,
                node=task.node,
                attempt=task.attempt,
                at=self._env.clock.now(),
            )
        )
        self._cpu_running += node.type.cpu
        scarce = node.type.id if node.type.id in self._scarce else ""
        for places in self._places if scarce else ():
            places.take(scarce)
        running = asyncio.get_running_loop().create_task(self._collect(task.id, attempt))

        def over(finished: asyncio.Task[None]) -> None:
            attempt.close()  # one that is cancelled before its first step was never awaited
            if self._keeper is not None:
                self._keeper.ended(task.id)
            self._cpu_running -= node.type.cpu
            for places in self._places if scarce else ():
                places.give(scarce)
            self._attempt_over(task.id, finished)

        running.add_done_callback(over)
        self.running[task.id] = running

    async def _collect(self, task_id: TaskId, attempt: Coroutine[Any, Any, Outcome]) -> None:
        outcome = await attempt
        if task_id in self.state.tasks:
            self.done.append(outcome)
            if self._strict and (len(self.running) > 1 or self._has_rest):
                await self._journal(outcome)

    def _attempt_over(self, task_id: TaskId, running: asyncio.Task[None]) -> None:
        if self.running.get(task_id) is running:
            del self.running[task_id]
        error = None if running.cancelled() else running.exception()
        if error is not None:  # its claim or its result could not be stored
            self._failed(error)
        self._changed()

    async def _journal(self, outcome: Outcome) -> None:
        """Keep a finished attempt whose commit must wait for its siblings."""
        record = JournalRecord(
            run=self._facts.run,
            task=outcome.task,
            attempt=outcome.attempt,
            at=self._env.clock.now(),
            result=pack(outcome),
        )
        written = self._env.writer.journal(self._lease, record)
        if written is not None:
            await written

    # --- ending -----------------------------------------------------------------------------

    async def close(self) -> None:
        """End what belongs to the leg."""
        await self.stop(self.running)
        if self._keeper is not None:
            self._keeper.close()

    def take_done(self) -> list[Outcome]:
        """Return, and forget, what has ended and is still asked for by the state."""
        if self.feeds is not None:
            self.done.extend(self.feeds.outcomes(self.ending))
        tasks, timers = self.state.tasks, self.state.timers
        found = [o for o in self.done if o.task in tasks or o.task in timers or o.kind == "ended"]
        self.done.clear()
        return found

    def keep_only_the_end(self) -> None:
        """Cancel beats every result and every decision on the same task."""
        ends = {o.task for o in self.done if o.kind == "cancelled"}
        kept = [o for o in self.done if o.task not in self.ending or o.kind == "cancelled"]
        self.done.clear()
        self.done.extend(kept)
        if not self.waits_for_superstep:
            self.ending -= ends

    async def stop(self, running: Mapping[TaskId, asyncio.Task[None]]) -> dict[TaskId, str]:
        """Cancel attempts and wait for them; return how each ended.

        Those that outlast the grace are left behind; nothing that they do counts.
        """
        stopped = await stop(running)
        for key, task in stopped.items():
            if not task.done() and self.running.get(key) is task:
                del self.running[key]
        return {k: "acknowledged" if t.done() else "killed" for k, t in stopped.items()}


async def stop(running: Mapping[K, asyncio.Task[None]]) -> dict[K, asyncio.Task[None]]:
    """Cancel tasks and give them their grace; return those that are not the current one."""
    tasks = {key: task for key, task in running.items() if task is not asyncio.current_task()}
    for task in tasks.values():
        task.cancel()
    if tasks:
        await asyncio.wait(tasks.values(), timeout=GRACE_S)
    return tasks
