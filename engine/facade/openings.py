"""The commits with which legs begin, on the document of the run or on an edited one."""

from __future__ import annotations

import msgspec

import engine
from engine import events as ev
from engine.facade import permissions
from engine.facade.core import Core
from engine.facade.options import EditedDocument
from engine.ids import RunId
from engine.model.plan import Plan
from engine.packing import unpack
from engine.runtime import editing, superstep
from engine.runtime.invariants import check_start
from engine.runtime.moving_fates import Move
from engine.runtime.ports import Loaded, RunRecord, SignalChanges
from engine.runtime.preparing import facts_of, first_state
from engine.runtime.superstep import RunFacts
from engine.state.run_state import RunState


class Beginning(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run begins with, beside its document and its input.

    It is stored with the run, and kept until the first commit holds all of it: so that a run
    that somebody was told of begins as it was meant to, also when another process has to.

    Attributes:
        state: before commit 0. `events`: what is told with it.
        turn: in its session: the number of the run, and of the supersteps before it.
    """

    state: RunState
    turn: tuple[int, int] = (0, 0)
    events: list[ev.AnyEvent] = []


_beginning_decoder = msgspec.msgpack.Decoder(Beginning)


def beginning_of(plan: Plan, record: RunRecord) -> Beginning:
    """Return what a stored run begins with."""
    if record.begins:
        return unpack(record.begins, _beginning_decoder)
    return Beginning(state=first_state(plan, {}, None))


def beginning(
    core: Core, plan: Plan, record: RunRecord, begun: Beginning
) -> tuple[RunFacts, superstep.Step]:
    """Return the facts of a run that begins so, and its first commit."""
    state = begun.state
    facts = facts_of(plan, record)
    check_start(plan, state.channels, facts.scope)
    at = core.clock.now()
    trigger = record.trigger or None
    opening = superstep.begin(plan, state, facts, trigger=trigger, at=at, ids=core.ids)
    started = ev.RunStarted(
        workflow=record.workflow,
        workflow_id=record.workflow_id,
        revision=plan.revision,
        input=record.input,
        seed=record.seed,
        engine=engine.__version__,
        session=record.session,
        turn=begun.turn[0],
        step=begun.turn[1],
        called_by=record.called_by,
    )
    opening.events[:0] = [
        started,
        ev.LegStarted(leg=1, reason="start", commit=0),
        *told(state),
    ]
    opening.events[2:2] = [*begun.events, *permissions.quota_warnings(core)]
    return facts, opening


def told(state: RunState) -> list[ev.AnyEvent]:
    """Return the event that says which breakpoints a run begins with, if it has any."""
    found = tuple(state.breaks.values())
    return [ev.BreakpointsSet(breakpoints=found)] if found else []


def edited_choice(core: Core, plan: Plan, edited: EditedDocument) -> editing.Edited | None:
    """Return the choice to go on with another document, or None when it is the same."""
    other = core.compile(edited.workflow)
    if other.revision == plan.revision:
        return None
    return editing.Edited(
        plan=other,
        document=core.plans.document(edited.workflow),
        names=edited.names,
        force=edited.force,
        by=core.user,
    )


def opening_of_move(
    core: Core, old: Plan, choice: editing.Edited, made: Move, loaded: Loaded
) -> superstep.Step:
    """Return the commit that begins a leg on another document."""
    facts = facts_of(choice.plan, loaded.record)
    opening = superstep.take_up(choice.plan, made.state, facts, at=core.clock.now(), ids=core.ids)
    begun = ev.LegStarted(leg=loaded.legs + 1, reason="resume", commit=made.state.commit)
    opening.events[:0] = [begun, *editing.events_of(old, choice, made)]
    opening.closed = [(request, "withdrawn") for request, *_ in made.withdrawn]
    opening.document = (choice.document, choice.plan.revision, choice.plan.workflow.name)
    opening.claims = [
        (made.renamed[task], attempt)
        for task, attempt in loaded.claims.items()
        if task in made.renamed
    ] + made.done
    opening.orphans = made.orphans
    if made.closed:
        opening.signals = SignalChanges(closed=made.closed)
    return opening


def opening_of_moved_fork(
    core: Core,
    old: Plan,
    choice: editing.Edited,
    made: Move,
    state: RunState,
    facts: RunFacts,
) -> superstep.Step:
    """Return the commit that begins a fork on another document than its parent's."""
    opening = superstep.take_up(choice.plan, state, facts, at=core.clock.now(), ids=core.ids)
    begun = ev.LegStarted(leg=1, reason="fork", commit=state.commit)
    made.withdrawn.clear()  # the parent goes on asking; the child asks everything anew
    opening.events[:0] = [begun, *editing.events_of(old, choice, made)]
    return opening


def fork_started(record: RunRecord, edited: tuple[str, ...]) -> ev.RunStarted:
    """Return the first fact of a fork; `edited` are the channels with other values."""
    return ev.RunStarted(
        workflow=record.workflow,
        workflow_id=record.workflow_id,
        revision=record.revision,
        input=record.input,
        seed=record.seed,
        engine=engine.__version__,
        parent=(record.parent or RunId(""), record.parent_commit or 0),
        edited=edited,
    )


def pass_over_commands(core: Core, run: RunId, state: RunState, opening: superstep.Step) -> None:
    """Note in a leg's first commit that commands from before it are not obeyed any more."""
    known = state.counters.get("commands", 0)
    if old := core.store.commands(run, after=known):
        opening.delta.put_counters = {**opening.delta.put_counters, "commands": old[-1][0]}
