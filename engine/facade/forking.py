"""How a run begins at a commit of another one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine import events as ev
from engine.errors import UnknownRun
from engine.facade import openings, permissions
from engine.facade.legs import Leg
from engine.facade.options import NONE, EditedDocument
from engine.facade.part import Part
from engine.ids import RunId, child_run_id
from engine.model.plan import Plan
from engine.run_handle import RunHandle
from engine.runtime import breakpoints as stops
from engine.runtime import editing, moving
from engine.runtime.background import MODE
from engine.runtime.invariants import check_start
from engine.runtime.moving_fates import Move
from engine.runtime.outcome import Outcome
from engine.runtime.ports import RunRecord
from engine.runtime.preparing import facts_of, fork_state, fork_view
from engine.runtime.recovery import asked_again, opening_of_resume, recovered_outcomes
from engine.state.run_state import RunState
from engine.state.status import RunStatus
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
        made: Move | None = None
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
        works = await core.io(self._works_again, start, record)
        names = {old: work.run for old, work in works.items()}
        state = fork_state(plan, start, channels or {}, names)
        view = fork_view(await core.io(core.history.view, parent.run, at), record.run, state)
        facts = facts_of(plan, record)
        check_start(plan, state.channels, facts.scope)
        if breakpoints is not None:
            state.breaks = stops.check(plan, breakpoints)
        recovered = await core.io(self._open_questions, plan, start, made)
        await core.io(self.store.fork, parent.run, at, record)  # nothing of it is refused now
        for work in works.values():
            await core.io(self.store.create_run, work)
        if choice is None or made is None:
            opening = opening_of_resume(plan, state, facts, 1, "fork")
        else:
            opening = openings.opening_of_moved_fork(core, old, choice, made, state, facts)
        opening.claims = [(each.task, each.attempt) for each in recovered]
        opening.events[1:1] = [*openings.told(state), *_begun(state, works.values())]
        opening.events.insert(0, openings.fork_started(record, tuple(channels or ())))
        rows = state.children.items()
        opening.children = [RunId(run) for run, row in rows if row.status == "running"]
        lease = await core.io(self.store.acquire, record.run, current_holder(), record.started_at)
        leg = Leg(plan=plan, state=state, facts=facts, opening=opening, view=view)
        leg.recovered = recovered
        return await self._legs.drive(lease, leg)

    def _open_questions(self, plan: Plan, start: RunState, made: Move | None) -> list[Outcome]:
        """Return what a fork asks again, so that no work is done twice because of it."""
        asked = asked_again(plan, start, lambda request: self.store.request(request).content)
        if made is None or not made.done:
            return asked
        return [*asked, *recovered_outcomes(plan, start, (), dict(made.done))]

    def _works_again(self, start: RunState, fork: RunRecord) -> dict[str, RunRecord]:
        """Return the runs that do again what works in the background had not done at a commit.

        Each is a copy of the work that it is done in place of, from its start.
        """
        core = self._core
        found: dict[str, RunRecord] = {}
        for run, row in start.children.items():
            if row.mode != MODE:
                continue
            with contextlib.suppress(UnknownRun):  # it was deleted meanwhile
                record = self.store.run(RunId(run))
                found[run] = replace(
                    record,
                    run=child_run_id(fork.run, row.task, 0, 0, fork.started_at),
                    called_by=(fork.run, row.task),
                    seed=core.ids.seed(),
                    started_at=fork.started_at,
                    status=RunStatus.CREATED,
                    commit=-1,
                    ended_at=None,
                    interrupted=False,
                    parent=None,
                    parent_commit=None,
                    allow=fork.allow,
                    untrusted=False,
                )
        return found


def _begun(state: RunState, works: Iterable[RunRecord]) -> list[ev.AnyEvent]:
    """Return the events that tell of the works that a fork begins with."""
    return [
        ev.ChildStarted(
            task=row.task,
            node=row.node,
            child=work.run,
            workflow=work.workflow,
            revision=work.revision,
            mode=MODE,
            queued=row.status == "queued",
        )
        for work in works
        for row in [state.children[work.run]]
    ]
