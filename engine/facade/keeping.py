"""What stays of runs: named commits, pruning, the quota, the evidence."""

from __future__ import annotations

import functools

from engine.facade import permissions
from engine.facade.part import Part
from engine.ids import RunId
from engine.quota import Usage
from engine.runtime.kept_ports import KeptResult


class Keeping(Part):
    """What stays of runs."""

    async def name_commit(self, run: str, number: int, name: str) -> None:
        """Give a commit a name, so that pruning keeps it; an empty one takes it away."""
        record = self.store.run(RunId(run))
        await self._core.io(self.store.name_commit, record.run, number, name)
        self._audience.tell_watchers()

    async def prune(self, run: str, keep: int, *, older_than_s: float | None = None) -> int:
        """Drop old commits of a run; return the bytes that were given back.

        Args:
            run: its id.
            keep: how many commits stay, the last ones.
            older_than_s: drop only what is older than so many seconds.
        """
        record = self.store.run(RunId(run))
        before = None if older_than_s is None else self._core.clock.now() - older_than_s
        freed: int = await self._core.io(
            functools.partial(self.store.prune, record.run, keep, before=before)
        )
        return freed

    def kept_results(self, *, limit: int = 200) -> list[KeptResult]:
        """Return the results that are kept for equal work, the one used last first (U89)."""
        return self.store.kept_results(limit=limit)

    def kept_usage(self) -> tuple[int, Usage]:
        """Return how many results are kept for equal work, and what of their limit they take."""
        count, size = self.store.kept_size()
        return count, Usage(size, self.options.cache_bytes)

    async def forget_results(
        self, *, workflow_id: str | None = None, node: str | None = None
    ) -> int:
        """Drop what is kept of a workflow, of a node, or all; return how many there were."""
        work = functools.partial(self.store.forget_results, workflow_id=workflow_id, node=node)
        dropped: int = await self._core.io(work)
        return dropped

    def usage(self) -> Usage:
        """Return how much of its quota the history takes."""
        return permissions.usage(self._core)

    def verify_evidence(self) -> list[str]:
        """Check the hash chain of requests and decisions; return what is wrong."""
        return self.store.verify()
