"""How works in the background are tried again, and given up when nobody drives them."""

from __future__ import annotations

from engine.commands import GiveUp, RetryChild
from engine.errors import InvalidCommand, NotAllowed, RunIsHeld, UnknownRun
from engine.facade.controlling import Controlling
from engine.ids import RunId, node_of
from engine.model import codec
from engine.model.workflow import InBackground
from engine.run_handle import RunHandle
from engine.runtime.background import MODE
from engine.runtime.ports import RunRecord
from engine.state.status import ENDED, RunStatus
from engine.store.leases import current_holder

#: How many runs are looked through for works that nobody drives, the newest first.
MOST_RUNS = 2_000


class Working(Controlling):
    """How works in the background are looked after."""

    def works(self, run: str) -> list[RunRecord]:
        """Return the works of a run in the background, oldest first. Raises `UnknownRun`."""
        record = self.store.run(RunId(run))
        return [each for each in self.store.children(record.run) if each.mode == MODE]

    async def retry_child(self, run: str) -> RunHandle | None:
        """Go on with a work that has failed, or was cancelled.

        The run that it belongs to hears of its result if it has not ended.

        Returns:
            The run that is driven here for it: the one that it belongs to, or, where that has
            ended, the work alone. None where another process was told to do it.

        Raises:
            UnknownRun: there is no such run.
            InvalidCommand: it is no work in the background, or it has not failed.
        """
        record = self.store.run(RunId(run))
        if record.mode != MODE or record.called_by is None:
            raise InvalidCommand(
                f"Run {record.run} is no work of a node in the background; resume it instead."
            )
        if record.status not in ENDED or record.status is RunStatus.COMPLETED:
            raise InvalidCommand(f"Run {record.run} is {record.status}; it needs no retry.")
        try:
            caller: RunRecord | None = self.store.run(record.called_by[0])
        except UnknownRun:
            caller = None
        if caller is None or caller.status in ENDED:
            return await self.resume(record.run)
        command = RetryChild(child=record.run, by=self.user)
        try:
            return await self.resume(caller.run, commands=(command,))
        except RunIsHeld:
            now = self._core.clock.now()
            await self._core.io(self.store.add_command, caller.run, command, now)
            return None

    async def fire_due(self) -> list[RunHandle]:
        """Take over runs that nobody holds and whose time, or whose decision, has come.

        Works in the background that nobody has driven for too long are given up before.
        """
        await self.give_up_stale()
        return await super().fire_due()

    async def give_up_stale(self) -> list[RunId]:
        """Let works fail that nobody drives, and has not driven for as long as their node says.

        They can be tried again (T84).
        """
        found: list[RunId] = []
        records: list[RunRecord] = await self._core.io(lambda: self.store.runs(limit=MOST_RUNS))
        for record in records:
            unfinished = record.status in (RunStatus.CREATED, RunStatus.RUNNING)
            if record.mode != MODE or not unfinished or self._legs.handle(record.run) is not None:
                continue
            seconds = await self._core.io(self._stale_after, record)
            if seconds is None or not await self._is_left(record, seconds):
                continue
            reason = f"nobody has driven it for {seconds:g} s, the time stale_s of its node"
            try:
                handle = await self.resume(
                    record.run, commands=(GiveUp(code="stale", reason=reason),)
                )
                await handle.leg()
            except (RunIsHeld, InvalidCommand, NotAllowed):
                continue  # somebody drives it, or was faster
            found.append(record.run)
        return found

    async def _is_left(self, record: RunRecord, seconds: float) -> bool:
        """Return whether nobody drives a work, or the run that would give it its turn."""
        last = record.started_at
        if record.commit >= 0:
            last = (await self._core.io(self._core.history.view, record.run)).updated_at
        if self._core.clock.now() - last < seconds:
            return False
        caller = record.called_by[0] if record.called_by is not None else RunId("")
        if self._legs.handle(caller) is not None:
            return False
        now = self._core.clock.now()
        try:
            lease = await self._core.io(self.store.acquire, caller, current_holder(), now)
        except RunIsHeld:
            return False
        except UnknownRun:
            return True
        await self._legs.release(lease)
        return True

    def _stale_after(self, record: RunRecord) -> float | None:
        """Return the seconds after which a work that nobody drives has failed."""
        usual = InBackground().stale_s
        if record.called_by is None:
            return usual
        run, task = record.called_by
        try:
            workflow = codec.loads(self.store.run(run).document)
        except UnknownRun:
            return usual
        node = workflow.nodes.get(node_of(task))
        given = node.background if node is not None else None
        return usual if given is None else given.stale_s
