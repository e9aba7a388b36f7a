"""The services of a desktop: processes and threads of this machine, secrets of its keychain."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from engine.executors.process import ProcessPool
from engine.executors.protocol import Executor
from engine.executors.resources import Open, Resources
from engine.executors.thread import ThreadRunner
from engine.model.node_types import NodeFailure

Json = Any
#: Under which name the secrets of this program are in the keychain.
KEYCHAIN = "headgate"


class LocalServices:
    """What the nodes of all runs of one engine share. Pools start with their first job.

    Args:
        executor: runs the jobs of nodes; None is a pool of processes. An `InlineExecutor`
            lets a debugger stop in a Python code node.
    """

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor
        self._threads: ThreadRunner | None = None
        self._resources = Resources()

    async def run_process(
        self,
        job: str,
        payload: Json,
        *,
        on_output: Callable[[str, str], None],
        memory_mb: int | None,
        network: bool,
    ) -> Json:
        """Run ``module:function`` in a process of its own; cancelling kills it."""
        if self._executor is None:
            self._executor = ProcessPool()
        return await self._executor.run(
            job, payload, on_output=on_output, memory_mb=memory_mb, network=network
        )

    async def run_thread(self, function: Callable[..., Any], *args: object) -> Any:
        """Run a short blocking function in a thread."""
        if self._threads is None:
            self._threads = ThreadRunner()
        return await self._threads.run(function, *args)

    async def resource(self, run: str, name: str, open: Open) -> Any:
        """Return what a run has opened under that name, or open it."""
        return await self._resources.get(run, name, open)

    async def run_over(self, run: str) -> None:
        """Close what a run has opened."""
        await self._resources.close_run(run)

    def secret(self, name: str) -> str:
        """Return a secret from the keychain, or from the environment where there is none.

        The variable is ``HEADGATE_SECRET_`` and the name in capitals.

        Raises:
            NodeFailure: there is no secret of that name.
        """
        variable = "HEADGATE_SECRET_" + name.upper().replace("-", "_").replace(".", "_")
        if variable in os.environ:
            return os.environ[variable]
        import keyring  # noqa: PLC0415 - heavy, seldom needed
        from keyring.errors import KeyringError  # noqa: PLC0415 - as above

        try:
            found = keyring.get_password(KEYCHAIN, name)
        except KeyringError as error:
            raise NodeFailure(
                f"the keychain cannot be read ({error}); set {variable} instead",
                code="secret",
                retryable=False,
                nothing_happened=True,
            ) from error
        if found is None:
            raise NodeFailure(
                f"there is no secret {name}; store it with "
                f"'keyring set {KEYCHAIN} {name}' or set {variable}",
                code="secret",
                retryable=False,
                nothing_happened=True,
            )
        return found

    async def close(self) -> None:
        """Close what runs have opened; end every process and thread."""
        await self._resources.close()
        if self._executor is not None:
            await self._executor.close()
        if self._threads is not None:
            self._threads.close()
