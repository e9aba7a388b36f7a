"""What people and other runs say to runs: decisions, standing ones, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from engine.commands import Decide
from engine.errors import DecisionRefused, InvalidCommand
from engine.facade.part import Part
from engine.ids import RunId
from engine.model.node_types import Request
from engine.model.workflow import Workflow
from engine.runtime import decisions, signals, standing
from engine.runtime.ports import DecisionRecord, RequestRecord, RuleRecord, SignalRecord
from engine.state.status import ENDED

Json = Any
#: Seconds for which an event may be taken, where the sender says nothing.
KEEP_EVENTS_S = 7 * 86_400.0


class Deciding(Part):
    """What people and other runs say to runs."""

    async def decide(self, command: Decide) -> DecisionRecord:
        """Store a decision, in any process, whoever drives the run.

        Raises:
            DecisionRefused: it was stored as refused; the reason says why.
            UnknownRun: there is no such request.
        """
        now = self._core.clock.now()
        record = await self._core.io(self.store.request, command.request)
        try:
            decisions.check(record, command)
        except DecisionRefused as refusal:
            await self._core.io(self.store.refuse, command, now, refusal.reason)
            raise
        stored: DecisionRecord = await self._core.io(self.store.decide, command, now)
        if not stored.accepted:
            raise DecisionRefused(_why_refused(record, stored), reason=stored.reason)
        self._legs.decided(stored, record.run)
        self._audience.tell_watchers()
        return stored

    async def add_rule(
        self,
        *,
        workflow: Workflow,
        choice: str,
        scope: Mapping[str, str] = MappingProxyType({}),
        to: str = "",
        comment: str = "",
        max_uses: int | None = None,
        expires_at: float | None = None,
    ) -> RuleRecord:
        """Store a standing decision: it answers what will be asked, until it ends.

        Args:
            workflow: it answers requests of this workflow only.
            choice: as for `decide`, without an edited payload.
            scope: narrows it: ``run``, ``node``, ``task``, ``revision``.
            to: for ``reroute``: key of the target node.
            comment: kept with every decision that it makes.
            max_uses: how often it may answer; None is as often as it is asked.
            expires_at: when it ends, in seconds since the epoch; None is never.

        Raises:
            InvalidCommand: it could never answer anything.
        """
        rule = RuleRecord(
            id=str(self._core.ids.request_id()),
            workflow_id=workflow.id,
            workflow=workflow.name,
            choice=choice,
            by=self.user,
            at=self._core.clock.now(),
            to=to,
            comment=comment,
            max_uses=max_uses,
            expires_at=expires_at,
            run=scope.get("run", ""),
            node=scope.get("node", ""),
            task=scope.get("task", ""),
            revision=scope.get("revision", ""),
        )
        standing.check(workflow, rule, rule.at)
        stored: RuleRecord = await self._core.io(self.store.add_rule, rule)
        self._audience.tell_watchers()
        return stored

    async def revoke_rule(self, rule: str) -> RuleRecord:
        """End a standing decision; what it has decided stays decided.

        Raises:
            UnknownRun: there is no such rule. InvalidCommand: it was revoked already.
        """
        ended: RuleRecord = await self._core.io(
            self.store.revoke_rule, rule, self.user, self._core.clock.now()
        )
        self._audience.tell_watchers()
        return ended

    async def apply_rules(self, requests: Sequence[RequestRecord]) -> list[DecisionRecord]:
        """Let the rules answer requests that are open already; return what was accepted."""
        found: list[DecisionRecord] = []
        for record in requests:
            stored: DecisionRecord | None = await self._core.io(
                self.store.decide_by_rule, record.request, self._core.clock.now()
            )
            if stored is None or not stored.accepted:
                continue
            found.append(stored)
            self._legs.decided(stored, record.run)
        self._audience.tell_watchers()
        return found

    def value_problems(self, request: Request, values: Json) -> list[tuple[str, str]]:
        """Return (path, what is wrong) of an edited payload, as `decide` would refuse it."""
        return decisions.value_problems(request, values)

    async def signal(
        self,
        name: str,
        payload: Json = None,
        *,
        run: str | None = None,
        id: str = "",
        keep_s: float = KEEP_EVENTS_S,
        through: str = "api",
    ) -> SignalRecord:
        """Send an event to a run, or to every run that listens, whoever drives it.

        It is stored first; a run takes it at once or, until it expires, when it listens.

        Args:
            name: of the event.
            payload: JSON.
            run: the run that it is for; None is every run.
            id: sending the same id again does nothing; empty for a new one.
            keep_s: seconds for which it may be taken.
            through: ``api``, ``cli`` or ``designer``.

        Raises:
            UnknownRun: there is no such run.
            InvalidCommand: the run has ended, the name is empty or the payload is no JSON.
        """
        signal = signals.signal_record(
            name,
            payload,
            id=id or self._core.ids.request_id(),
            at=self._core.clock.now(),
            keep_s=keep_s,
            by=self.user,
            through=through,
        )
        if run is not None:
            record = await self._core.io(self.store.run, RunId(run))
            if record.status in ENDED:
                raise InvalidCommand(
                    f"Run {record.run} is {record.status} and listens to nothing any more."
                )
            signal = replace(signal, run=record.run)
        stored: SignalRecord = await self._core.io(self.store.add_signal, signal)
        self._legs.signalled()
        self._audience.tell_watchers()
        return stored


def _why_refused(record: RequestRecord, stored: DecisionRecord) -> str:
    title = record.content.title
    match stored.reason:
        case "late" | "duplicate":
            return f"{title} has been answered already; nothing was changed."
        case "stale":
            return (
                f"What {title} shows has changed since you saw it; look at the new "
                "content and decide again."
            )
        case reason:
            return f"The decision on {title} was refused: {reason}."
