"""How an engine behaves, and what a person may hand to it beside a workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.events import TriggerFired
from engine.ids import RunId
from engine.model.workflow import Workflow
from engine.quota import cache_quota, history_quota
from engine.runtime.interceptors import Interceptor

#: Every capability that a node type may ask for.
ALL = frozenset({"network", "files", "process", "secrets"})
NONE: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class EngineOptions:
    """How an engine behaves.

    Attributes:
        threaded: store writes go through a thread (the designer).
        stay: legs stay open while a run waits for people.
        leave_paused: legs end, as waiting, when a run is paused and nothing of it runs.
        early: node key to a choice given in advance.
        interceptors: may veto or alter attempts and commits, and abort runs.
        environ: environment variables that workflows may name.
        history_bytes: what the store may take on the disk before nothing new is started.
        cache_bytes: what results that are kept for equal work may take; 0 keeps none.
        user: who decides here.
        at_once: id of a node type to how many of its attempts run at once, in all runs.
    """

    threaded: bool = False
    stay: bool = False
    leave_paused: bool = False
    max_idle_s: float = 60.0
    early: Mapping[str, str] = field(default_factory=dict)
    interceptors: Sequence[Interceptor] = ()
    environ: Mapping[str, str] | None = None
    user: str = ""
    history_bytes: int = field(default_factory=history_quota)
    at_once: Mapping[str, int] = field(default_factory=dict)
    cache_bytes: int = field(default_factory=cache_quota)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedDocument:
    """A document that a run should go on with instead of its own.

    Attributes:
        force: go on whatever is asked again or lost; without it another revision is refused.
        names: nodes that have another key there, old to new.
    """

    workflow: Workflow
    force: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What starts a run whose id is known before it: a trigger that has fired, an evaluation."""

    run: RunId
    event: TriggerFired | None = None
