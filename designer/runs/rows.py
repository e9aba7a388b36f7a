"""The engine's rows and errors by name, for the panels: they know the engine through here."""

from __future__ import annotations

from engine.errors import DecisionRefused, EngineError, RunIsHeld
from engine.model.node_types import Option, Request
from engine.model.workflow import Workflow
from engine.runtime.ports import CommitSummary, DecisionRecord, RequestRecord, RunRecord

__all__ = [
    "CommitSummary",
    "DecisionRecord",
    "DecisionRefused",
    "EngineError",
    "Option",
    "Request",
    "RequestRecord",
    "RunIsHeld",
    "RunRecord",
    "Workflow",
]
