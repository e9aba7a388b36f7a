"""Runs for tests of the store: records as the run loop makes them, without a run loop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine import run_view
from engine.commands import Decide
from engine.events import LegStarted, Recorded, RunStarted, SuperstepCommitted, TaskFinished
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import Request
from engine.run_view import RunView
from engine.runtime.holders import Holder
from engine.runtime.ports import (
    CommitRecord,
    Lease,
    RequestRecord,
    RunRecord,
    RunStore,
)
from engine.state.channels import ChannelSpecs
from engine.state.run_state import Delta, RunState, Task, apply
from engine.state.status import RunStatus
from engine.state.writes import ChannelOp
from engine.store.history import channels_in
from engine.store.leases import current_holder

Json = Any

CHANNELS: Mapping[str, Json] = {
    "count": {"type": "number", "reducer": "sum", "default": 0},
    "log": {"type": "array", "reducer": "append"},
    "data": {},
}
DOCUMENT = json.dumps({"format": 1, "channels": CHANNELS, "nodes": {"a": {}}}).encode()
SPECS: ChannelSpecs = channels_in(DOCUMENT)
RUN = RunId("run1")
#: A process that cannot be running: pid 0 is the kernel's.
DEAD = replace(current_holder(), pid=0)
START_S = 1_700_000_000.0


def run_record(run: str = RUN, **changes: Any) -> RunRecord:
    record = RunRecord(
        run=RunId(run),
        workflow_id="w1",
        workflow="Invoices",
        revision="rev1",
        document=DOCUMENT,
        input={"path": "in.csv"},
        seed=7,
        started_at=START_S,
    )
    return replace(record, **changes)


def request_record(request: str = "ask1", run: str = RUN, **changes: Any) -> RequestRecord:
    record = RequestRecord(
        request=RequestId(request),
        run=RunId(run),
        task=TaskId("ask"),
        node="ask",
        workflow="Invoices",
        revision="rev1",
        content=Request(title="Approve 3 invoices", payload=[{"id": 1, "total": 12.5}]),
        digest="digest1",
        opened_at=START_S,
    )
    return replace(record, **changes)


def decide(request: str = "ask1", choice: str = "approve", **changes: Any) -> Decide:
    fields = {"by": "ann", "through": "cli", "digest": "digest1", **changes}
    return Decide(request=RequestId(request), choice=choice, **fields)


@dataclass
class Chain:
    """Makes the commits of a run that executes one node after another.

    `state` and `view` are moved along, so that what the store gives back can be compared.
    """

    run: RunId = RUN
    frame_every: int = 50
    state: RunState = field(default_factory=RunState)
    view: RunView = field(default_factory=RunView)
    seq: int = 1

    def commit(
        self,
        status: RunStatus = RunStatus.RUNNING,
        *,
        values: Mapping[str, Json] | None = None,
        ops: Mapping[str, Json] | None = None,
        **fields: Any,
    ) -> CommitRecord:
        """Return the next commit. `values` are kept by outputs of their own."""
        number = self.state.commit + 1
        at = START_S + number
        name, after = f"n{number}", f"n{number + 1}"
        stored = {f"{name}.out": number, **(values or {})}
        delta = Delta(
            status=None if status is self.state.status else status,
            ops=[
                ChannelOp(key, value, "reduce", TaskId(name)) for key, value in (ops or {}).items()
            ],
            put_values=stored,
            put_outputs={f"{ref}@": ref for ref in stored},
            put_tasks={
                after: Task(
                    TaskId(after),
                    after,
                    (),
                    0,
                    number,
                    number,
                    at,
                    {"in": ((name, f"{name}.out"),)},
                )
            },
            drop_tasks=[name] if number else [],
            put_counters={"executions": number},
        )
        delta.ops = [
            *delta.ops,
            ChannelOp("count", 1 if number else 0, "reduce" if number else "set", TaskId(name)),
        ]
        facts = [
            *fields.pop("facts", ()),
            SuperstepCommitted(commit=number, admitted=(TaskId(name),), changed=("count",)),
        ]
        if number:
            facts.insert(
                0, TaskFinished(task=TaskId(name), node=name, ports={"out": ""}, duration_s=0.5)
            )
        else:
            facts.insert(0, LegStarted(leg=1, reason="start", commit=0))
            started = RunStarted(
                workflow="Invoices",
                workflow_id="w1",
                revision="rev1",
                input=None,
                seed=7,
                engine="t",
            )
            facts.insert(0, started)
        events = [
            Recorded(self.run, self.seq + place, at, fact) for place, fact in enumerate(facts)
        ]
        apply(self.state, delta, SPECS, number)
        run_view.fold(events, self.view)
        framed = number % self.frame_every == 0
        record = CommitRecord(
            run=self.run,
            number=number,
            at=at,
            first_seq=self.seq,
            events=events,
            delta=delta,
            status=status,
            frame=self.state.copy() if framed else None,
            view=run_view.encode(self.view) if framed else None,
            **fields,
        )
        self.seq += len(events)
        return record

    def commits(self, count: int) -> Iterator[CommitRecord]:
        """Yield the next so many commits."""
        for _ in range(count):
            yield self.commit()


def begin(store: RunStore, run: str = RUN, holder: Holder | None = None) -> tuple[Chain, Lease]:
    """Create a run, take its lease and store commit 0."""
    store.create_run(run_record(run))
    lease = store.acquire(RunId(run), holder or current_holder(), START_S)
    chain = Chain(RunId(run))
    store.commit(lease, chain.commit())
    return chain, lease


def asked(store: RunStore, run: str = RUN, **changes: Any) -> tuple[Chain, Lease]:
    """Create a run that waits at the request ``ask1``."""
    chain, lease = begin(store, run)
    request = request_record(run=run, **changes)
    store.commit(lease, chain.commit(RunStatus.WAITING, open_requests=[request]))
    return chain, lease
