"""How long the history of 100,000 executions takes to be asked (U101).

    nice .venv/bin/python bench/executions.py [EXECUTIONS]

Makes runs of 1,000 supersteps of their commits as the run loop does, then asks for the first
page (which makes the index), for a page far behind, and for the failures of one node.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from engine.events import ErrorInfo, TaskFailed
from engine.ids import RunId, TaskId
from engine.runtime.ports import ExecutionQuery
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import DEAD, START_S, Chain, run_record

PER_RUN = 1_000


def fill(store: SqliteStore, count: int) -> None:
    """Store so many executions."""
    error = ErrorInfo(code="http_status", message="the server answered 503")
    fails = TaskFailed(
        task=TaskId("pay"), node="pay", error=error, duration_s=0.1, handled="continue"
    )
    for number in range(count // PER_RUN):
        run = RunId(f"run{number:06}")
        store.create_run(run_record(run, started_at=START_S + number * PER_RUN))
        lease = store.acquire(run, DEAD, START_S)
        chain = Chain(run=run)
        records = [chain.commit() for _ in range(PER_RUN)]
        records.append(chain.commit(facts=[fails]))
        for record in records:
            record.at += number * PER_RUN
            record.events = [
                type(each)(each.run, each.seq, each.at + number * PER_RUN, each.event)
                for each in record.events
            ]
        store.commit_all(lease, records)


def timed(what: str, store: SqliteStore, query: ExecutionQuery) -> ExecutionQuery:
    """Ask once, print how long it took, and return the query of the next page."""
    began = time.perf_counter()
    found = store.executions(query)
    took = (time.perf_counter() - began) * 1000
    print(f"{what:<44} {took:10.2f} ms  {len(found)} rows")
    return ExecutionQuery(node=query.node, status=query.status, after=found[-1].place)


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "runs.sqlite")
        fill(store, count)
        before = store.size_bytes()
        timed("first page, and the index is made", store, ExecutionQuery())
        grown = store.size_bytes() - before
        print(f"the index takes {grown / count:.0f} bytes an execution")
        following = timed("first page", store, ExecutionQuery())
        for _ in range(count // 100 // 2):
            found = store.executions(following)
            following = ExecutionQuery(after=found[-1].place)
        timed("a page in the middle", store, following)
        timed("first page of one node", store, ExecutionQuery(node="n500"))
        timed("failures of one node", store, ExecutionQuery(node="pay", status="failed"))
        timed("one run", store, ExecutionQuery(run=RunId("run000007")))
        store.close()


if __name__ == "__main__":
    main()
