"""How runs are controlled, whoever drives them: cancel, pause, step, breakpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.commands import (
    AddItems,
    AnyCommand,
    Cancel,
    CancelPart,
    Checkpoint,
    FinishItems,
    Pause,
    SetBreakpoints,
    Step,
    Unpause,
)
from engine.errors import InvalidCommand, RunIsHeld
from engine.facade.resuming import Resuming
from engine.ids import RunId
from engine.runtime import breakpoints as stops
from engine.runtime.ports import RunRecord
from engine.state.status import ENDED
from engine.stops import Breakpoint
from engine.store.leases import current_holder

Json = Any


class Controlling(Resuming):
    """How runs are controlled, whoever drives them."""

    async def cancel(self, run: str, reason: str = "asked by the person") -> None:
        """Cancel a run, wherever it is driven."""
        record = self.store.run(RunId(run))
        await self._command(record, Cancel(reason=reason))

    async def cancel_part(
        self,
        run: str,
        *,
        task: str = "",
        item: str = "",
        nodes: Sequence[str] = (),
        reason: str = "asked by the person",
    ) -> None:
        """End a task, an item of a For each (``each.3``), or all tasks of some nodes.

        What only they lead to is skipped; everything else of the run goes on.
        """
        command = CancelPart(task=task, item=item, nodes=tuple(nodes), reason=reason)
        await self._command(self.store.run(RunId(run)), command)

    async def add_items(
        self, run: str, node: str, items: Sequence[Json], *, within: str = ""
    ) -> None:
        """Add items to a For each that is at work; it is open until all its items have ended.

        Args:
            run: its id.
            node: key of the For each.
            items: the items.
            within: the item around it, of a For each in another one: ``each.3``; empty: every
                one that is at work gets them.
        """
        command = AddItems(node=node, items=tuple(items), within=within)
        await self._command(self.store.run(RunId(run)), command)

    async def finish_items(
        self, run: str, node: str, *, within: str = "", reason: str = "asked by the person"
    ) -> None:
        """Let the Collect of a For each go on with the results that there are.

        Its setting `rest` says what becomes of the other items.
        """
        command = FinishItems(node=node, within=within, reason=reason)
        await self._command(self.store.run(RunId(run)), command)

    async def pause(self, run: str) -> None:
        """Start nothing new in a run."""
        await self._command(self.store.run(RunId(run)), Pause())

    async def unpause(self, run: str) -> None:
        """Let a paused run go on."""
        await self._command(self.store.run(RunId(run)), Unpause())

    async def step(self, run: str) -> None:
        """Make one superstep of a paused run."""
        await self._command(self.store.run(RunId(run)), Step())

    async def checkpoint(self, run: str, name: str = "") -> int | None:
        """Store a run as it is now, whatever its workflow says about saving (U94, T64).

        Args:
            run: its id.
            name: what the commit is called from then on, so that pruning keeps it.

        Returns:
            The commit that holds it; None: another process drives the run and was told.

        Raises:
            StoreError: it cannot be stored. UnknownRun: there is no such run.
        """
        record = self.store.run(RunId(run))
        command = Checkpoint(request=str(self._core.ids.request_id()), name=name)
        handle = self._legs.handle(record.run)
        if handle is not None and not handle.has_ended:
            return await handle.checkpoint(command)
        if await self.tell(record.run, command):
            return None
        if name:
            await self._core.io(self.store.name_commit, record.run, record.commit, name)
        return record.commit

    async def set_breakpoints(self, run: str, breakpoints: Sequence[Breakpoint]) -> None:
        """Replace the breakpoints of a run, wherever it is driven.

        Raises:
            InvalidCommand: the run has ended, a node does not exist, or a condition is no
                expression.
        """
        await self._core.io(self.check_breakpoints, run, breakpoints)
        record = self.store.run(RunId(run))
        await self._command(record, SetBreakpoints(breakpoints=tuple(breakpoints)))

    def check_breakpoints(self, run: str, breakpoints: Sequence[Breakpoint]) -> None:
        """Look whether breakpoints can work in a run.

        Raises:
            InvalidCommand: a node does not exist, or a condition is no expression.
        """
        stops.check(self._core.compile_bytes(self.store.run(RunId(run)).document), breakpoints)

    async def tell(self, run: str, command: AnyCommand) -> str:
        """Store a command for the other process that drives a run; return the run's id.

        Returns:
            Nothing when no other process drives it: then `resume` with the command.
        """
        run_id = self.store.run(RunId(run)).run
        try:
            lease = await self._core.io(
                self.store.acquire, run_id, current_holder(), self._core.clock.now()
            )
        except RunIsHeld:
            await self._core.io(self.store.add_command, run_id, command, self._core.clock.now())
            return run_id
        await self._legs.release(lease)
        return ""

    async def _command(self, record: RunRecord, command: AnyCommand) -> None:
        handle = self._legs.handle(record.run)
        if handle is not None:
            handle.send(command)
            return
        if record.status in ENDED:
            raise InvalidCommand(f"Run {record.run} is {record.status} already.")
        try:
            handle = await self.resume(record.run, commands=(command,))
        except RunIsHeld:
            await self._core.io(self.store.add_command, record.run, command, self._core.clock.now())
            return
        if isinstance(command, Cancel):
            await handle.leg()
