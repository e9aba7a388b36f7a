"""What the engine asks of an executor: run one job, hand on its output, end it when told to.

Executors are dumb: they know nothing of workflows, tasks or retries. Whatever goes wrong
comes back as one `NodeFailure`; a conformance suite holds every executor to this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

Json = Any

#: Called in the loop with (stream, text) while a job runs; must be quick and never fail.
OutputSink = Callable[[str, str], None]


#: What an executor can do beyond running a job; the conformance suite asks for each.
#: ``at_once``: several jobs at the same time. ``cancel``: a cancelled or late job returns at
#: once. ``kill``: it is then really ended, with everything it has started. ``memory``: the
#: limit is kept. ``output``: what it prints is handed on. ``isolation``: a job that crashes or
#: changes its surroundings harms no other. ``offline``: the network can be taken from it.
Ability = Literal["at_once", "cancel", "kill", "memory", "output", "isolation", "offline"]


class Executor(Protocol):
    """Runs jobs, each as far away from the loop as its abilities say."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do; anything else is ignored rather than refused."""
        ...

    async def run(
        self,
        job: str,
        payload: Json,
        *,
        on_output: OutputSink,
        memory_mb: int | None = None,
        network: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the time of the job, not of the queue
    ) -> Json:
        """Run ``module:function`` with `payload` and return its JSON result.

        With ``cancel`` cancelling returns at once; with ``kill`` it ends the job, with every
        process that it has started.

        Args:
            job: names our own code, never the person's: ``engine.nodes.sql_job:run``.
            payload: a JSON value.
            on_output: gets what the job prints, in order.
            memory_mb: the job may not use more memory than this (with ``memory``).
            network: False takes the network from it (with ``offline``).
            timeout: seconds from the moment the job starts.

        Raises:
            NodeFailure: the job raised (its own code and causes), or ended without a result:
                code ``crashed killed memory flood timeout``.
        """
        ...

    async def close(self) -> None:
        """End all jobs and everything that was kept warm. Running jobs fail as ``killed``."""
        ...
