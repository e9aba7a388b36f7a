"""What a run does when it is told to pause, go on, step, stop elsewhere, or end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from engine import events as ev
from engine.commands import (
    AddItems,
    AnyCommand,
    Cancel,
    CancelPart,
    Checkpoint,
    FinishItems,
    GiveUp,
    Pause,
    RetryChild,
    SetBreakpoints,
    Step,
    Unpause,
)
from engine.ids import TaskId
from engine.runtime import control, facts, superstep
from engine.runtime.environment import Driver
from engine.runtime.frontier import Frontier
from engine.runtime.limits import LimitHit
from engine.runtime.recovery import as_ready
from engine.state.status import RunStatus


class Commands:
    """The commands that one leg was given and has not obeyed.

    Args:
        loop: the run.
        frontier: its tasks.
        store: stores a commit.
        cancel_children: ends the runs that it waits for.
        retry_child: makes the commit that goes on with one that has failed.
        in_background: does what must not hold the loop.
    """

    def __init__(
        self,
        loop: Driver,
        frontier: Frontier,
        *,
        store: Callable[[facts.Step], Awaitable[None]],
        cancel_children: Callable[[str], Awaitable[None]],
        retry_child: Callable[[RetryChild], Awaitable[facts.Step | None]],
        in_background: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._loop = loop
        self._frontier = frontier
        self._store = store
        self._cancel_children = cancel_children
        self._retry_child = retry_child
        self._in_background = in_background
        self._queue: deque[tuple[AnyCommand, int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, command: AnyCommand, number: int) -> None:
        """Remember a command; to cancel goes before everything else."""
        if isinstance(command, Cancel):
            self._queue.appendleft((command, number))
        else:
            self._queue.append((command, number))

    async def obey(self) -> None:
        """Carry out the next command; what it changes is stored, with its number, in one commit."""
        command, number = self._queue.popleft()
        state = self._loop.state
        if number and number <= state.counters.get("commands", 0):
            return  # obeyed already, in an earlier leg
        step = await self._step(command)
        if number:
            step = step or control.report(state)
            step.delta.put_counters = {**step.delta.put_counters, "commands": number}
        if step is not None:
            await self._store(step)
            running = self._frontier.running
            gone = [task for task in map(TaskId, step.delta.drop_tasks) if task in running]
            if gone:
                await self._frontier.stop({task: running[task] for task in gone})

    async def _step(self, command: AnyCommand) -> facts.Step | None:
        """Return the commit that a command makes, or None when there is nothing to do."""
        state, frontier = self._loop.state, self._frontier
        match command:
            case Cancel(reason=reason):
                return await self._cancel(reason)
            case CancelPart():
                return self._cancel_part(command)
            case Pause(reason=reason) if not frontier.is_paused:
                paused = ev.RunPaused(reason=reason)
                return control.report(state, paused, status=RunStatus.PAUSED)
            case RetryChild():
                return await self._retry_child(command)
            case GiveUp(code=code, reason=reason):
                return control.give_up(self._loop.plan, state, code, reason)
            case AddItems() | FinishItems():
                return self._change_items(command)
            case Unpause() if frontier.is_paused:
                return self._go_on()
            case Step() if frontier.is_paused:
                return self._step_once()
            case Checkpoint():
                made = ev.CheckpointMade(request=command.request, name=command.name)
                step = control.report(state, made)
                step.name = command.name
                return step
            case SetBreakpoints(breakpoints=wanted):
                waiting = [as_ready(state.tasks[task]) for task in frontier.not_started()]
                plan, about = self._loop.plan, self._loop.facts
                return control.set_breakpoints(plan, state, about, wanted, waiting)
            case _:
                return None  # decisions reach the loop as stored records

    def _change_items(self, command: AddItems | FinishItems) -> facts.Step:
        loop = self._loop
        at, ids = loop.env.clock.now(), loop.env.ids
        text = f"There is no For each {command.node} at work here, so nothing was done"
        try:
            step = superstep.change_items(
                loop.plan, loop.state, loop.facts, command, at=at, ids=ids
            )
        except LimitHit as limit:
            step, text = None, f"Nothing was added: {limit}"
        return step or control.report(loop.state, ev.Warned(node="", message=text))

    def _go_on(self) -> facts.Step:
        frontier = self._frontier
        frontier.ready.extendleft(reversed(frontier.stepping))
        frontier.stepping.clear()
        status = RunStatus.RUNNING
        step = control.report(self._loop.state, ev.RunUnpaused(), status=status)
        self._let_go(step)
        return step

    def _step_once(self) -> facts.Step:
        """Let what is ready run once; where nothing leads to the run's node, what is held."""
        frontier = self._frontier
        let_go = not frontier.ready and frontier.wanted is not None
        if let_go:
            frontier.ready.extend(frontier.held)
            frontier.held.clear()
        frontier.stepping.extend(frontier.ready)
        frontier.ready.clear()
        stepped = ev.RunStepped(tasks=tuple(frontier.stepping))
        step = control.report(self._loop.state, stepped)
        if let_go:
            self._let_go(step)
        return step

    def _let_go(self, step: facts.Step) -> None:
        """Where the run went to a node: from here on it goes everywhere."""
        if self._frontier.wanted is not None:
            step.delta.until = ""
            self._frontier.go_everywhere()

    async def _cancel(self, reason: str) -> facts.Step:
        """End everything, and return the commit that holds nothing of what was cancelled."""
        state, frontier = self._loop.state, self._frontier
        await self._store(control.ask_cancel(state, list(frontier.running), reason))
        ended = await frontier.stop(frontier.running)
        await self._cancel_children(reason)
        return control.cancel(state, ended, reason)

    def _cancel_part(self, command: CancelPart) -> facts.Step:
        """Begin to end a part of the run; everything else goes on meanwhile."""
        state, frontier = self._loop.state, self._frontier
        part = control.part_of(state, command)
        if not part.tasks:
            text = f"Nothing to cancel: there is no {command.words} now"
            return control.report(state, ev.Warned(node="", message=text))
        frontier.drop(frozenset(part.tasks))
        running = {task: frontier.running[task] for task in part.tasks if task in frontier.running}
        if running:
            self._in_background(self._end_part(part, running, command.reason))
        else:
            frontier.done.extend(control.cancelled(part, {}, command.reason))
        return control.ask_end(state, part, command, list(running))

    async def _end_part(
        self, part: control.Part, running: Mapping[TaskId, asyncio.Task[None]], reason: str
    ) -> None:
        ended = await self._frontier.stop(running)
        self._frontier.done.extend(control.cancelled(part, ended, reason))
