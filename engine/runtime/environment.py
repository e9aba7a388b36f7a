"""What a run loop is given from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine import events as ev
from engine.ids import IdFactory
from engine.model.plan import Plan
from engine.runtime.child_runs import ChildRuns
from engine.runtime.context import Services
from engine.runtime.interceptors import Interceptor
from engine.runtime.kept import Flights
from engine.runtime.places import Places
from engine.runtime.ports import Clock, RunStore
from engine.runtime.superstep import RunFacts
from engine.runtime.writer import Writer
from engine.state.run_state import RunState


def _nobody_listens() -> None:
    """Events are sent, and no run of this process listens."""


@dataclass(slots=True, kw_only=True)
class Environment:
    """What a run loop is given from outside.

    Attributes:
        publish: called with facts that are stored, and with updates.
        io: ``await io(function, *args)`` calls the store from where it may block.
        stay: keep the leg open while only people or time can move the run on.
        leave_paused: end the leg when the run is paused and nothing runs any more.
        max_idle_s: without `stay`: a timer due within this time is waited for.
        interceptors: asked before and after each attempt, and before each commit.
        early: node key to the choice that answers its requests as soon as they open.
        children: makes and drives the runs that tasks ask for.
        places: how many attempts of a kind of node run at once in all runs of the engine.
        flights: the work that is being done in this engine and whose results are kept.
        cache_bytes: what kept results may take together.
        signalled: called when a commit that sends events is stored.
    """

    store: RunStore
    writer: Writer
    clock: Clock
    ids: IdFactory
    services: Services
    publish: Callable[[Sequence[ev.News]], None]
    io: Callable[..., Awaitable[Any]]
    stay: bool = False
    leave_paused: bool = False
    max_idle_s: float = 60.0
    early: Mapping[str, str] = field(default_factory=dict)
    interceptors: Sequence[Interceptor] = ()
    flights: Flights = field(default_factory=Flights)
    cache_bytes: int = 0
    signalled: Callable[[], None] = _nobody_listens
    children: ChildRuns | None = None
    places: Places = field(default_factory=lambda: Places({}))


class Driver(Protocol):
    """What ending a wait needs of the loop that drives the run."""

    plan: Plan
    state: RunState
    facts: RunFacts
    env: Environment
