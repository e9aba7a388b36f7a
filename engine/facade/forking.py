"""How a run begins at a commit of another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.facade import openings, permissions
from engine.facade.legs import Leg
from engine.facade.options import NONE, EditedDocument
from engine.facade.part import Part
from engine.ids import RunId
from engine.model.plan import Plan
from engine.run_handle import RunHandle
from engine.runtime import breakpoints as stops
from engine.runtime import editing, moving
from engine.runtime.invariants import check_start
from engine.runtime.outcome import Outcome
from engine.runtime.preparing import facts_of, fork_state, fork_view
from engine.runtime.recovery import asked_again, opening_of_resume, recovered_outcomes
from engine.state.run_state import RunState
from engine.stops import Breakpoint
from engine.store.leases import current_holder

Json = Any
_UNSET: Any = object()


class Forking(Part):
    """How a run begins at a commit of another one."""

    async def fork(
        self,
        run: str,
        at: int,
        *,
        channels: Mapping[str, Json] | None = None,
        input: Json = _UNSET,
        allow: frozenset[str] = NONE,
        breakpoints: Sequence[Breakpoint] | None = None,
        edited: EditedDocument | None = None,
    ) -> RunHandle:
        """Start a new run from commit `at` of another one; that one is left as it is.

        Args:
            run: the parent.
            at: index of the commit.
            channels: new values of channels.
            input: a new run input (what `run.input` says); left out, the parent's.
            allow: what it may use, where the parent came from a file.
            breakpoints: of the new run; left out, the parent's.
            edited: run it on this document instead of the parent's.

        Raises:
            NotAllowed: the parent came from a file, and it needs more than that.
            DocumentEdited: the document has another revision, and nobody has forced it.
        """
        core = self._core
        parent = self.store.run(RunId(run))
        permissions.check_quota(core)
        old = plan = await core.io(core.compile_bytes, core.document_at(parent, at))
        await permissions.check_trust(core, parent, plan.workflow, allow)
        then = await core.io(self.store.state_at, parent.run, at)
        choice = (
            None if edited is None else await core.io(openings.edited_choice, core, plan, edited)
        )
        made: moving.Move | None = None
        if choice is not None:
            made = moving.move(plan, choice.plan, then, choice.names)
            editing.check_choice(plan, choice, made, parent.run)
            plan = choice.plan
        value = parent.input if input is _UNSET else input
        record = replace(
            core.record(plan, value, source_path=parent.source_path, title=parent.title),
            parent=parent.run,
            parent_commit=at,
            trigger=parent.trigger,
            allow=tuple(sorted(allow)) if parent.untrusted else parent.allow,
            depth=parent.depth,
        )
        start = then if made is None else made.state
        state = fork_state(plan, start, channels or {})
        view = fork_view(await core.io(core.history.view, parent.run, at), record.run, state)
        facts = facts_of(plan, record)
        check_start(plan, state.channels, facts.scope)
        if breakpoints is not None:
            state.breaks = stops.check(plan, breakpoints)
        recovered = await core.io(self._open_questions, plan, start, made)
        await core.io(self.store.fork, parent.run, at, record)  # nothing of it is refused now
        if choice is None or made is None:
            opening = opening_of_resume(plan, state, facts, 1, "fork")
        else:
            opening = openings.opening_of_moved_fork(core, old, choice, made, state, facts)
        opening.claims = [(each.task, each.attempt) for each in recovered]
        opening.events[1:1] = openings.told(state)
        opening.events.insert(0, openings.fork_started(record, tuple(channels or ())))
        lease = await core.io(self.store.acquire, record.run, current_holder(), record.started_at)
        leg = Leg(plan=plan, state=state, facts=facts, opening=opening, view=view)
        leg.recovered = recovered
        return await self._legs.drive(lease, leg)

    def _open_questions(
        self, plan: Plan, start: RunState, made: moving.Move | None
    ) -> list[Outcome]:
        """Return what a fork asks again, so that no work is done twice because of it."""
        asked = asked_again(plan, start, lambda request: self.store.request(request).content)
        if made is None or not made.done:
            return asked
        return [*asked, *recovered_outcomes(plan, start, (), dict(made.done))]
