"""What a run may use: capabilities that a person allows, and room on the disk."""

from __future__ import annotations

from engine import events as ev
from engine.errors import InvalidCommand, NotAllowed
from engine.facade.core import Core
from engine.model.workflow import Workflow
from engine.quota import Usage
from engine.runtime import called
from engine.runtime.ports import RunRecord


def check_allowed(core: Core, workflow: Workflow, source_path: str, allow: frozenset[str]) -> None:
    """Refuse a workflow that needs more than was allowed. Raises `NotAllowed`."""
    needed = called.capabilities(workflow, core.registry, source_path)
    missing = {name: nodes for name, nodes in needed.items() if name not in allow}
    if missing:
        words = "; ".join(f"{name} ({', '.join(nodes)})" for name, nodes in missing.items())
        flags = " ".join(f"--allow {name}" for name in missing)
        raise NotAllowed(
            f"{workflow.name} needs what was not allowed: {words}. "
            f"If you trust it, allow it with {flags}."
        )


async def check_trust(
    core: Core, record: RunRecord, workflow: Workflow, allow: frozenset[str]
) -> None:
    """Refuse a run from a file that needs more than was allowed; else trust it from now on."""
    if record.untrusted:
        check_allowed(core, workflow, record.source_path, allow)
        await core.io(core.store.trust, record.run, tuple(sorted(allow)))


def usage(core: Core) -> Usage:
    """Return how much of its quota the history takes."""
    return Usage(core.store.size_bytes(), core.options.history_bytes)


def check_quota(core: Core) -> None:
    """Refuse to start something new in a full store; what is there may go on."""
    now = usage(core)
    if now.is_over:
        raise InvalidCommand(f"Nothing new was started. {now.words()}")


def quota_warnings(core: Core) -> list[ev.AnyEvent]:
    """Return the event that says that the store is nearly full, if it is."""
    now = usage(core)
    return [ev.Warned(node="", message=now.words())] if now.is_near else []
