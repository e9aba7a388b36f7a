"""How one node, or what has been recorded, is run without a run being touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.errors import InvalidCommand
from engine.facade import permissions
from engine.facade.options import ALL
from engine.facade.part import Part
from engine.ids import RunId
from engine.model.workflow import Workflow
from engine.runtime import partial
from engine.runtime.partial import Trial
from engine.runtime.preparing import facts_of, initial_channels
from engine.runtime.replay import ReplayReport
from engine.state.run_state import RunState

Json = Any


class Trying(Part):
    """How one node, or what has been recorded, is run without a run being touched."""

    async def try_node(
        self,
        workflow: Workflow,
        node: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        run: str | None = None,
        task: str | None = None,
        allow: frozenset[str] = ALL,
    ) -> Trial:
        """Run one node alone, once, and tell what came of it. No run is touched or made.

        Args:
            workflow: with the node as it is now.
            node: its key.
            inputs: input port to value; left out, what went in in `run`.
            run: where inputs, channels and the outputs of other nodes come from.
            task: which task of the node in that run; left out, the last one.
            allow: the capabilities that it may use.

        Raises:
            InvalidCommand: there is no such node, the run never came to it, or it needs inputs
                and has none. InvalidWorkflow, NotAllowed, UnknownRun: as for `start`.
        """
        plan = await self._core.io(self._core.compile, workflow)
        found = partial.check_node(plan, node)
        alone = replace(workflow, nodes={node: workflow.nodes[node]}, edges=())
        permissions.check_allowed(self._core, alone, "", allow)
        if run is not None:
            row, state = await self._core.io(self._core.history.captured, run, node, task)
            record = self.store.run(RunId(run))
        else:
            row, state = None, RunState(channels=initial_channels(plan, {}))
            record = self._core.record(plan, workflow.settings.input, source_path="", title="")
            if inputs is None and found.in_ports:
                raise InvalidCommand(
                    f"Say what goes into {node}: its inputs, or a run that has come to it."
                )
        return await partial.try_node(
            plan,
            found,
            state,
            facts_of(plan, record),
            row,
            inputs,
            services=self._core.services,
            clock=self._core.clock,
        )

    async def replay(self, run: str, *, at: int | None = None) -> ReplayReport:
        """Make the commits of a run again from its recorded outputs and compare."""
        report: ReplayReport = await self._core.io(
            self._core.history.replay, run, self._core.compile_bytes, at
        )
        return report
