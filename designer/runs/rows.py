"""The engine's rows and errors by name, for the panels: they know the engine through here."""

from __future__ import annotations

from engine.app import (
    Breakpoint,
    CommitSummary,
    DecisionRecord,
    DecisionRefused,
    EngineError,
    InvalidCommand,
    InvalidWorkflow,
    NotAllowed,
    Option,
    ReplayReport,
    Request,
    RequestRecord,
    RunIsHeld,
    RunRecord,
    Trial,
    TriggerNews,
    TriggerRecord,
    TrustedFiles,
    UnknownRun,
    Workflow,
)

__all__ = [
    "Breakpoint",
    "CommitSummary",
    "DecisionRecord",
    "DecisionRefused",
    "EngineError",
    "InvalidCommand",
    "InvalidWorkflow",
    "NotAllowed",
    "Option",
    "ReplayReport",
    "Request",
    "RequestRecord",
    "RunIsHeld",
    "RunRecord",
    "Trial",
    "TriggerNews",
    "TriggerRecord",
    "TrustedFiles",
    "UnknownRun",
    "Workflow",
]
