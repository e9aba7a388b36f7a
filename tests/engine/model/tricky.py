"""Documents of built-in nodes that a check may be wrong about."""

from __future__ import annotations

from typing import Any

from engine.model.validation import validate
from engine.model.workflow import Workflow
from engine.nodes.builtin import builtin_registry

REGISTRY = builtin_registry()
CASES = [{"name": "a", "when": "input > 1"}, {"name": "b", "when": "input > 2"}]
SWITCH: Any = ("switch", {"cases": CASES})
ALL_CASES: Any = ("switch", {"cases": CASES, "mode": "all"})
BARRIER: Any = ("barrier", {"title": "Go on?"})
RECORDING: Any = ("barrier", {"title": "Go on?", "record": True})


def step(**fields: Any) -> Any:
    return ("template", {"text": "x"}, fields)


def join(mode: str = "all", **policy: Any) -> Any:
    return ("join", {}, {"join": {"mode": mode, **policy}})


def broken(workflow: Workflow, *rules: str) -> list[str]:
    """Return ``rule node`` of every error and warning, or of those rules only."""
    found = [p for p in validate(workflow, REGISTRY) if p.rule[0] in "EW"]
    kept = [p for p in found if not rules or p.rule[:4] in rules]
    assert all(problem.message and problem.fix for problem in found)
    return sorted(f"{problem.rule[:4]} {problem.node}" for problem in kept)
