"""The engine's rows and errors by name, for the panels: they know the engine through here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import DecisionRefused, EngineError, RunIsHeld
from engine.model.node_types import Option, Request
from engine.model.workflow import Workflow

if TYPE_CHECKING:
    from engine.runtime.replay import ReplayReport
from engine.runtime.ports import CommitSummary, DecisionRecord, RequestRecord, RunRecord

__all__ = [
    "CommitSummary",
    "DecisionRecord",
    "DecisionRefused",
    "EngineError",
    "Option",
    "ReplayReport",
    "Request",
    "RequestRecord",
    "RunIsHeld",
    "RunRecord",
    "Workflow",
]
