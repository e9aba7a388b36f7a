"""Prepares runs: facts, channels, triggers, and the first state of a fork. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.errors import InvalidCommand
from engine.ids import RunId
from engine.model.plan import Plan
from engine.run_view import RunView
from engine.runtime import background
from engine.runtime.ports import RunRecord
from engine.runtime.sessions import Turn
from engine.runtime.superstep import RunFacts
from engine.state.channels import ChannelSpecs, ReducerError, check_type, same, specs_from
from engine.state.run_state import RunState
from engine.state.status import RunStatus

Json = Any


def facts_of(plan: Plan, record: RunRecord) -> RunFacts:
    """Return what does not change during a run."""
    folder = str(Path(record.source_path).parent) if record.source_path else ""
    return RunFacts(
        run=record.run,
        seed=record.seed,
        started_at=record.started_at,
        specs=specs_from(plan.workflow.channels, plan.registry.reducers),
        scope={
            "id": record.run,
            "started_at": datetime.fromtimestamp(record.started_at, UTC),
            "input": record.input,
            "folder": folder,
        },
        input=record.input,
        called_by=record.called_by,
    )


def choose_trigger(plan: Plan, trigger: str | None) -> str | None:
    """Return the trigger that starts the run, or None when the workflow has none.

    Raises:
        InvalidCommand: there are several and none was chosen, or it is not one of them.
    """
    if not plan.has_trigger:
        return None
    names = ", ".join(plan.sources)
    if trigger is None:
        if len(plan.sources) > 1:
            raise InvalidCommand(f"Choose the trigger that starts the run: one of {names}.")
        return next(iter(plan.sources), None)
    if trigger not in plan.sources:
        raise InvalidCommand(f"{trigger} is not a trigger; choose {names}.")
    return trigger


def first_state(plan: Plan, given: Mapping[str, Json], turn: Turn | None) -> RunState:
    """Return the state before commit 0.

    The channels hold their defaults, what the session hands on, and what was set by hand.
    """
    channels = initial_channels(plan, given)
    if turn is None:
        return RunState(channels=channels)
    versions = dict(turn.versions)
    for name, value in turn.channels.items():
        if name not in given:
            channels[name] = value
        elif not same(given[name], value):
            versions[name] = versions.get(name, 0) + 1
    return RunState(channels=channels, versions=versions)


def initial_channels(plan: Plan, given: Mapping[str, Json]) -> dict[str, Json]:
    """Return the channels at the start: their defaults, and what was set by hand."""
    _check_channels(plan, given)
    specs = specs_from(plan.workflow.channels, plan.registry.reducers)
    _check_values(specs, given)
    return {name: given.get(name, spec.default) for name, spec in specs.items()}


#: Kinds of waits that a fork does not inherit: their tasks wait anew, for what comes then.
ASKED_ANEW = frozenset({"event", "child"})


def _check_channels(plan: Plan, given: Mapping[str, Json]) -> None:
    unknown = ", ".join(name for name in given if name not in plan.workflow.channels)
    if unknown:
        known = ", ".join(plan.workflow.channels) or "none"
        raise InvalidCommand(f"The workflow has no channel {unknown}; it has {known}.")


def _check_values(specs: ChannelSpecs, given: Mapping[str, Json]) -> None:
    for name, value in given.items():
        try:
            check_type(specs[name], value)
        except ReducerError as error:
            raise InvalidCommand(f"The value for {name} does not fit: {error}.") from error


def fork_state(
    plan: Plan,
    state: RunState,
    given: Mapping[str, Json],
    works: Mapping[str, RunId] = MappingProxyType({}),
) -> RunState:
    """Return the first state of a fork: channels edited, open questions asked anew.

    `works` are the runs that do again what works in the background have not done there.
    """
    _check_channels(plan, given)
    _check_values(specs_from(plan.workflow.channels, plan.registry.reducers), given)
    child = state.copy()
    for name, value in given.items():
        child.channels[name] = value
        child.versions[name] = child.versions.get(name, 0) + 1
    child.waits = {
        task: wait
        for task, wait in state.waits.items()
        if wait.request is None and wait.kind not in ASKED_ANEW
    }
    background.hand_on(child, works)
    child.recordings = {}
    child.until = ""
    child.failures = {}
    child.ending = {}
    child.status = RunStatus.RUNNING
    child.commit = -1
    return child


def fork_view(view: RunView, run: RunId, state: RunState) -> RunView:
    """Return the first view of a fork that begins in `state`."""
    child = view.copy()
    child.run = run
    child.seq = 0
    child.commit = -1
    child.requests.clear()
    for key in child.children.values():
        child.node(key).works = 0
    child.children.clear()
    child.called_by = None
    child.result = None
    for entry in child.frontier.values():
        if entry.task not in state.waits and entry.state != "ready":
            entry.state, entry.request, entry.due_at = "ready", None, None
            node = child.node(entry.node)
            node.state, node.request, node.due_at = "ready", None, None
    return child
