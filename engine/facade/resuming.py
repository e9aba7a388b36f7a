"""How a run goes on from its last commit, on its own document or on an edited one."""

from __future__ import annotations

from collections.abc import Sequence

from engine.commands import AnyCommand, Cancel
from engine.errors import InvalidCommand, NotAllowed, RunIsHeld
from engine.facade import openings, permissions
from engine.facade.legs import Leg
from engine.facade.options import NONE, EditedDocument
from engine.facade.part import Part
from engine.ids import RunId
from engine.model.plan import Plan
from engine.run_handle import RunHandle
from engine.run_view import RunView
from engine.runtime import editing, moving
from engine.runtime.invariants import check_start
from engine.runtime.ports import Loaded
from engine.runtime.preparing import facts_of
from engine.runtime.recovery import opening_of_resume, recovered_outcomes, renamed_work
from engine.runtime.sessions import check_last
from engine.runtime.superstep import RunFacts
from engine.state.status import ENDED, RunStatus
from engine.store.leases import current_holder


class Resuming(Part):
    """How a run goes on from its last commit."""

    async def resume(
        self,
        run: str,
        *,
        allow: frozenset[str] = NONE,
        commands: Sequence[AnyCommand] = (),
        edited: EditedDocument | None = None,
    ) -> RunHandle:
        """Go on with a run from its last commit; a paused one stays paused.

        Args:
            run: its id, or a unique beginning.
            allow: what a run that came from a file may use; asked for once only.
            commands: obeyed before anything of it is started, such as `Unpause`.
            edited: go on with this document instead of the one that the run is pinned to.

        Raises:
            NotAllowed: it came from a file and needs more than that.
            DocumentEdited: the document has another revision, and nobody has forced it.
            RunIsHeld: a live process drives it. InvalidCommand: it is completed.
            UnknownRun: there is no such run.
        """
        core, legs = self._core, self._legs
        run_id = self.store.run(RunId(run)).run
        await legs.let_go(run_id)
        handle = legs.handle(run_id)
        if handle is not None:
            if edited is not None:
                raise RunIsHeld(f"Run {run_id} is being run here: stop it, then go on with it.")
            for command in commands:
                handle.send(command)
            return handle
        await legs.released()  # our own last leg may be giving its lease back
        lease = await core.io(self.store.acquire, run_id, current_holder(), core.clock.now())
        try:
            loaded: Loaded = await core.io(self.store.load, run_id)
            if loaded.state.status is RunStatus.COMPLETED:
                raise InvalidCommand(
                    f"Run {run_id} is completed; use fork to run again from one of its commits."
                )
            if loaded.record.session:
                await core.io(check_last, self.store, loaded.record)
            plan = await core.io(core.compile_bytes, loaded.record.document)
            await permissions.check_trust(core, loaded.record, plan.workflow, allow)
            if loaded.state.commit < 0:  # it was stored, and nobody has begun to drive it
                leg = self._first_leg(plan, loaded, edited)
                leg.commands = commands
            else:
                leg = await self._later_leg(plan, loaded, edited, commands)
        except BaseException:
            self.store.release(lease)
            raise
        return await legs.drive(lease, leg)

    async def fire_due(self) -> list[RunHandle]:
        """Take over runs that nobody holds and whose time, or whose decision, has come."""
        taken: list[RunHandle] = []
        now = self._core.clock.now()
        for run, _ in await self._core.io(self.store.due_runs, now):
            if self._legs.handle(run) is not None:
                continue
            try:
                taken.append(await self.resume(run))
            except (RunIsHeld, InvalidCommand, NotAllowed):
                continue  # somebody was faster, or has to agree first
        return taken

    def _first_leg(self, plan: Plan, loaded: Loaded, edited: EditedDocument | None) -> Leg:
        """Return what a run begins with that was stored and never begun."""
        record = loaded.record
        if record.parent:
            raise InvalidCommand(
                f"Run {record.run} never began; fork run {record.parent} again from "
                f"commit {record.parent_commit}."
            )
        if edited is not None:
            raise InvalidCommand(
                f"Run {record.run} has not begun: start one on the edited workflow instead."
            )
        begun = openings.beginning_of(plan, record)
        facts, opening = openings.beginning(self._core, plan, record, begun)
        view = RunView(run=record.run)
        return Leg(plan=plan, state=begun.state, facts=facts, opening=opening, view=view)

    async def _later_leg(
        self,
        plan: Plan,
        loaded: Loaded,
        edited: EditedDocument | None,
        commands: Sequence[AnyCommand],
    ) -> Leg:
        """Return what a later leg begins with, on another document where that is chosen."""
        core, run = self._core, loaded.record.run
        choice: editing.Edited | None = None
        if edited is not None:
            choice = await core.io(openings.edited_choice, core, plan, edited)
        facts = facts_of(plan if choice is None else choice.plan, loaded.record)
        view = await core.io(core.history.view, run)
        if choice is None:
            opening = opening_of_resume(plan, loaded.state, facts, loaded.legs + 1, "resume")
            recovered = recovered_outcomes(plan, loaded.state, loaded.journal, loaded.claims)
            leg = Leg(plan=plan, state=loaded.state, facts=facts, opening=opening, view=view)
            leg.recovered = recovered
        else:
            leg = self._moved_leg(plan, loaded, choice, facts, view)
        leg.next_seq, leg.commands = loaded.next_seq, commands
        status = loaded.state.status
        if status is RunStatus.CANCELLING:  # it ended before its attempts did
            leg.commands = (Cancel(reason=view.reason or "asked by the person"), *commands)
        leg.opening.events[1:1] = permissions.quota_warnings(core)
        if status in ENDED:  # what came too late for that leg is not for this one
            await core.io(openings.pass_over_commands, core, run, loaded.state, leg.opening)
        return leg

    def _moved_leg(
        self, old: Plan, loaded: Loaded, choice: editing.Edited, facts: RunFacts, view: RunView
    ) -> Leg:
        """Return what a leg begins with on another document than the one before it."""
        run = loaded.record.run
        decided = frozenset(each.request for each in self.store.unadmitted(run))
        made = moving.move(old, choice.plan, loaded.state, choice.names, decided)
        editing.check_choice(old, choice, made, run)
        check_start(choice.plan, made.state.channels, facts.scope)
        journal, claims = renamed_work(loaded.journal, loaded.claims, made.renamed)
        claims = {**claims, **dict(made.done)}
        opening = openings.opening_of_move(self._core, old, choice, made, loaded)
        leg = Leg(plan=choice.plan, state=made.state, facts=facts, opening=opening, view=view)
        leg.recovered = recovered_outcomes(choice.plan, made.state, journal, claims)
        return leg
