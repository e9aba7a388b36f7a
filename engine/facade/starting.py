"""How runs start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine import events as ev
from engine.facade import openings, permissions
from engine.facade.legs import Leg
from engine.facade.options import ALL, Fired
from engine.facade.part import Part
from engine.ids import RunId
from engine.model.plan import Plan
from engine.model.workflow import Save, Workflow
from engine.packing import pack
from engine.run_handle import RunHandle
from engine.run_view import RunView
from engine.runtime import breakpoints as stops
from engine.runtime import partial
from engine.runtime.preparing import choose_trigger, first_state
from engine.runtime.sessions import next_turn
from engine.state.run_state import RunState
from engine.stops import Breakpoint
from engine.store.leases import current_holder

Json = Any


class Starting(Part):
    """How runs start."""

    async def start(  # noqa: PLR0913 - keywords, each with a default
        self,
        workflow: Workflow,
        input: Json = None,
        *,
        channels: Mapping[str, Json] | None = None,
        trigger: str | None = None,
        source_path: str = "",
        allow: frozenset[str] = ALL,
        title: str = "",
        breakpoints: Sequence[Breakpoint] = (),
        until: str = "",
        reuse: tuple[str, str] | None = None,
        session: str = "",
        save: Save | None = None,
        fired: Fired | None = None,
    ) -> RunHandle:
        """Start a run and begin to drive it.

        Args:
            workflow: what is run; the run is pinned to it.
            input: of the run; None is the example input of the workflow.
            channels: values of channels at the start.
            trigger: where it begins, if there are several.
            source_path: the file that the workflow is from.
            allow: the capabilities that it may use.
            title: of the run.
            breakpoints: where it is paused.
            until: key of a node: only what leads there is started, and when its result is in,
                the run is paused.
            reuse: (run, node): begin with that node and what is behind it; everything else
                takes the result that it had in that run, and is not run again.
            session: begin with the durable channels of the run before it in this session.
            save: when its commits are stored; None is as its workflow says.
            fired: what starts it by itself, with the id that it gets; the input may be None.

        Raises:
            InvalidWorkflow: it has errors. NotAllowed: it needs more than `allow`.
            InvalidCommand: the trigger must be chosen, a channel is unknown or refuses its
                value, or a breakpoint cannot work. SessionBusy: a run of the session is open.
            StoreError: the run cannot be stored.
        """
        core = self._core
        plan = await core.io(core.compile, workflow)
        permissions.check_allowed(core, workflow, source_path, allow)
        permissions.check_quota(core)
        value = workflow.settings.input if input is None and fired is None else input
        turn = await core.io(next_turn, self.store, session, plan) if session else None
        record = replace(
            core.record(plan, value, source_path=source_path, title=title),
            session=session,
            trigger=choose_trigger(plan, trigger) or "",
            allow=tuple(sorted(allow)),
        )
        if fired is not None:
            record = replace(record, run=fired.run)
        state = first_state(plan, channels or {}, turn)
        state.breaks = stops.check(plan, breakpoints)
        state.until = partial.check_node(plan, until).key if until else ""
        state.save = save
        begun = openings.Beginning(state=state)
        if turn is not None:
            begun.turn = (turn.number, turn.step)
        if fired is not None and fired.event is not None:
            begun.events.append(fired.event)
        if reuse is not None:
            begun.events.append(await core.io(self._reuse, plan, state, *reuse))
        facts, opening = openings.beginning(core, plan, record, begun)
        if channels or breakpoints or until or save or begun.events or turn is not None:
            record = replace(record, begins=pack(begun))
        await core.io(self.store.create_run, record)
        lease = await core.io(self.store.acquire, record.run, current_holder(), record.started_at)
        leg = Leg(
            plan=plan, state=state, facts=facts, opening=opening, view=RunView(run=record.run)
        )
        return await self._legs.drive(lease, leg)

    def _reuse(self, plan: Plan, state: RunState, run: str, node: str) -> ev.ResultsReused:
        """Take the results of another run along; return the event that says so."""
        partial.check_node(plan, node)
        state.recordings = self._core.history.recordings(plan, run, node)
        source = self.store.run(RunId(run)).run
        return ev.ResultsReused(source=source, node=node, tasks=len(state.recordings))
