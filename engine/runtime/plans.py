"""Plans of the documents that were run last, so that running one again compiles nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.model import codec
from engine.model.node_types import Registry
from engine.model.plan import Plan, compile_workflow
from engine.model.shortcuts import shortcuts_of
from engine.model.workflow import Workflow
from engine.runtime.collector import without_collection

__all__ = ["KEPT", "Plans", "without_collection"]
#: Documents whose plans are kept.
KEPT = 4


@dataclass(slots=True)
class _Kept:
    plan: Plan
    document: bytes = b""


class Plans:
    """Compiles documents and keeps the last few plans.

    Documents are never mutated, so the same object has the same plan as long as the
    environment variables that it lists keep their values. Any thread may ask: what is
    kept is replaced as a whole, and two threads at worst compile the same document.
    """

    def __init__(self, registry: Registry, environ: Mapping[str, str] | None = None) -> None:
        self._registry = registry
        self._environ = environ
        self._kept: tuple[_Kept, ...] = ()

    def compile(self, workflow: Workflow) -> Plan:
        """Return the plan of a document.

        Raises:
            InvalidWorkflow: validation found errors; all of them are in the exception.
        """
        known = self._find(workflow)
        if known is not None and self._is_current(known.plan):
            return known.plan
        with without_collection():
            plan = compile_workflow(workflow, self._registry, environ=self._environ)
            plan = replace(plan, shortcuts=shortcuts_of(plan))
        others = [kept for kept in self._kept if kept is not known]
        self._kept = (_Kept(plan), *others[: KEPT - 1])
        return plan

    def document(self, workflow: Workflow) -> bytes:
        """Return the bytes that pin a document to a run."""
        known = self._find(workflow)
        if known is None:
            return codec.dumps(workflow)
        if not known.document:
            known.document = codec.dumps(workflow)
        return known.document

    def _find(self, workflow: Workflow) -> _Kept | None:
        for kept in self._kept:
            if kept.plan.workflow is workflow:
                return kept
        return None

    def _is_current(self, plan: Plan) -> bool:
        environ = os.environ if self._environ is None else self._environ
        names = plan.workflow.settings.env
        return all(environ.get(name) == plan.env.get(name) for name in names)
