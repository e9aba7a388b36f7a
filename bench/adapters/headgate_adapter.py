"""Headgate in the harness that measures other engines (an adapter as its README describes).

Every workload goes through the public facade and checks its result. Variants: ``mem`` keeps
runs in memory; ``normal`` stores every commit in SQLite (WAL, NORMAL); ``full`` waits for
the disk at every commit; ``items`` fans out over a list instead of drawn branches.
Compiling the workflow counts as building it, as the other adapters do.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import benchlib as bl  # noqa: E402 - the path above leads to what is imported below
from benchlib import BaseAdapter, Params, now  # noqa: E402 - as above

HELLO = (
    "import asyncio\n"
    "from engine.app import Engine\n"
    "from engine.model.workflow import Edge, Node, PortRef, Workflow\n"
    "flow = Workflow(id='w', nodes={'s': Node(key='s', type='trigger.manual'),\n"
    "  'n': Node(key='n', type='set', params={'fields': {'count': {'expr': 'input.count+1'}}}),\n"
    "  'z': Node(key='z', type='end')}, edges=tuple(Edge(source=PortRef.parse(a),\n"
    "  target=PortRef.parse(b)) for a, b in [('s.out', 'n.in'), ('n.out', 'z.in')]))\n"
    "async def main():\n"
    "  engine = OPEN\n"
    "  print(await (await engine.start(flow, {'count': 0})).result())\n"
    "  await engine.close()\n"
    "asyncio.run(main())"
)


def _flows() -> Any:
    """Return our workflows; imported late, because imports are measured apart."""
    import flows  # noqa: PLC0415 - see above

    return flows


class Headgate(BaseAdapter):
    """One peer among the others."""

    name = "headgate"
    dists: ClassVar = ["headgate", "msgspec", "pydantic", "SQLAlchemy", "sqlmodel", "networkx"]
    variants: ClassVar = {
        "W2": ["normal", "full"],
        "W3": ["normal"],
        "W4": ["mem", "normal"],
        "W5": ["mem", "normal", "items", "items-db"],
        "W6": ["normal", "full"],
        "W7": ["normal", "full"],
        "W8": ["normal"],
        "W9": ["live", "stored"],
        "W10": ["normal"],
    }
    import_stmt = "import engine.app"
    hello_code = HELLO.replace(
        "OPEN",
        "Engine(__import__('engine.store.memory', fromlist=['MemoryStore']).MemoryStore())",
    )
    hello_db_code = HELLO.replace("OPEN", "Engine.open('sqlite:///{db}')")

    def config(self, p: Params) -> dict[str, Any]:
        """Say what is measured."""
        store = "memory" if self._in_memory(p) else "sqlite WAL"
        return {"store": store, "synchronous": "FULL" if p.variant == "full" else "NORMAL"}

    def _in_memory(self, p: Params) -> bool:
        return p.variant in ("default", "mem", "items", "live")

    def _engine(self, p: Params, *, stay: bool = False, **more: Any) -> Any:
        from engine.app import Engine, EngineOptions  # noqa: PLC0415 - measured apart
        from engine.store.memory import MemoryStore  # noqa: PLC0415 - as above

        registry, options = _flows().registry(**more), EngineOptions(stay=stay)
        if self._in_memory(p):
            return Engine(MemoryStore(), registry=registry, options=options)
        return Engine.open(f"sqlite:///{p.db}", registry=registry, options=options)

    def _settings(self, p: Params, **limits: int) -> Any:
        return _flows().settings(power=p.variant == "full", **limits)

    def _padded(self, p: Params) -> dict[str, Any]:
        from engine.model.workflow import Channel  # noqa: PLC0415 - measured apart

        return {"pad": Channel(name="pad", type="string", default=bl.pad(p.size))}

    async def _run(
        self, p: Params, work: Any, given: Any, wanted: Any, **more: Any
    ) -> dict[str, float]:
        """Build, run and check; return the times and what was stored."""
        engine = self._engine(p, **more)
        began = now()
        engine.prepare(work)
        built = now()
        io = bl.proc_io()
        handle = await engine.start(work, given)
        result = await handle.result()
        ended = now()
        io = bl.io_delta(io, bl.proc_io())
        steps = handle.state.commit
        await engine.close()
        assert result == wanted, (result, wanted)
        found = {"build_s": built - began, "run_s": ended - built, "commits": steps}
        if p.db.exists():
            size = bl.db_bytes_compact(p.db)
            found |= {"db_bytes": size, "db_bytes_per_step": size / max(1, steps)}
            found |= {f"run_{name}": value for name, value in io.items()}
        return found

    async def chain(self, p: Params) -> dict[str, float]:
        """W1: n nodes in a row."""
        found = await self._run(p, _flows().chain(p.n), 0, p.n)
        return {**found, "steps_per_s": p.n / found["run_s"]}

    async def stored_chain(self, p: Params) -> dict[str, float]:
        """W2 and W10: the same, with a state that does not change, stored at each step."""
        more = {"settings": self._settings(p), "channels": self._padded(p)}
        found = await self._run(p, _flows().chain(p.n, **more), 0, p.n)
        return {**found, "steps_per_s": p.n / found["run_s"]}

    async def large_state(self, p: Params) -> dict[str, float]:
        """W3: a large state of which 100 bytes change."""
        from engine.model.workflow import Channel  # noqa: PLC0415 - measured apart

        data = Channel(name="data", type="object", reducer="merge", default=bl.chunks(p.size))
        more = {"settings": self._settings(p), "channels": {"data": data}}
        work = _flows().chain(p.n, "write", **more)
        found = await self._run(p, work, 0, p.n, size=p.size)
        return {**found, "steps_per_s": p.n / found["run_s"]}

    async def loop(self, p: Params) -> dict[str, float]:
        """W4: one node again and again."""
        room = p.n + 10
        work = _flows().loop(p.n, settings=self._settings(p, visits=room, supersteps=room))
        found = await self._run(p, work, 0, p.n, last=p.n)
        return {**found, "steps_per_s": p.n / found["run_s"]}

    async def fan_out(self, p: Params) -> dict[str, float]:
        """W5: one to many to one, drawn or as the items of a list."""
        stages, branches = (int(part) for part in p.shape.split("x"))
        flows = _flows()
        if p.variant.startswith("items"):
            if stages > 1:
                raise bl.Unsupported("items are measured in one stage")
            work, given = flows.for_each(branches, settings=self._settings(p)), [0] * branches
            wanted = branches
        else:
            work, given = flows.fan_out(stages, branches, settings=self._settings(p)), 0
            wanted = 0
            for _ in range(stages):
                wanted = branches * (wanted + 1)
        found = await self._run(p, work, given, wanted)
        return {**found, "branches_per_s": stages * branches / found["run_s"]}

    async def gates(self, p: Params) -> dict[str, float]:
        """W6: from a decision to the start of the node behind it, n times."""
        from engine import events as ev  # noqa: PLC0415 - measured apart
        from engine.commands import Decide  # noqa: PLC0415 - as above

        started: list[float] = []
        asked: asyncio.Queue[Any] = asyncio.Queue()

        def hear(news: Any) -> None:
            if isinstance(news, ev.Recorded) and isinstance(news.event, ev.BarrierOpened):
                asked.put_nowait(news.event)

        engine = self._engine(p, stay=True, last=p.n, mark=lambda _: started.append(now()))
        engine.subscribe(None, hear)
        room = 4 * p.n + 10
        work = _flows().gates(p.n, settings=self._settings(p, visits=room, supersteps=room))
        handle = await engine.start(work, 0)
        delays: list[float] = []
        cycles: list[float] = []
        for number in range(p.n):
            event = await asked.get()
            began = now()
            await engine.decide(
                Decide(
                    request=event.request,
                    choice="approve",
                    by="bench",
                    through="api",
                    digest=event.digest,
                )
            )
            while len(started) == number:  # noqa: ASYNC110 - an event would be measured too
                await asyncio.sleep(0)
            delays.append(started[-1] - began)
            cycles.append(now() - began)
        assert await handle.result() == p.n
        await engine.close()
        found = {f"latency_ms_{name}": each * 1e3 for name, each in bl.quantiles(delays).items()}
        return {**found, "cycle_ms_p50": bl.quantiles(cycles)["p50"] * 1e3, "total_s": sum(cycles)}

    async def crash(self, p: Params) -> dict[str, float]:
        """W7: kill -9 in the middle, then on in a new process."""
        kill_at = p.n // 2 if p.phase == "crash" else -1
        first: list[float] = []

        def mark(index: int) -> None:
            if not first:
                first.append(now())
            bl.append_index(p, index)
            if index == kill_at:
                bl.kill_self()

        began = now()
        engine = self._engine(p, mark=mark)
        if p.phase == "crash":
            more = {"settings": self._settings(p), "channels": self._padded(p)}
            handle = await engine.start(_flows().chain(p.n, "marked", **more), 0)
        else:
            handle = await engine.resume(engine.runs(limit=1)[0].run)
        opened = now()
        assert await handle.result() == p.n
        ended = now()
        await engine.close()
        wall = time.time()  # noqa: TID251 - the harness tells when it started us in this clock
        since_start = wall - (now() - first[0]) - float(os.environ["PEERS_T0"])
        return {
            "resume_to_first_node_ms": (first[0] - began) * 1e3,
            "open_and_compile_ms": (opened - began) * 1e3,
            "finish_s": ended - opened,
            "process_to_first_node_ms": since_start * 1e3,
        }

    async def checkpoints(self, p: Params) -> dict[str, float]:
        """W8: list all checkpoints of a run, and load some of them."""
        await self.stored_chain(p)
        engine = self._engine(p)
        run = engine.runs(limit=1)[0].run
        began = now()
        listed = engine.history(run)
        list_s = now() - began
        assert len(listed) >= p.n
        chance = random.Random(p.seed)
        loads = {"load": engine.state_at, "view": engine.view}
        found = {"list_full_ms": list_s * 1e3, "listed": len(listed)}
        for name, load in loads.items():
            found |= {
                f"{name}_ms_{part}": each * 1e3
                for part, each in self._timed(load, run, chance, p.n).items()
            }
        assert len(engine.state_at(run, p.n // 2).channels["pad"]) == p.size
        await engine.close()
        return found

    def _timed(
        self, load: Callable[[str, int], Any], run: str, chance: random.Random, n: int
    ) -> dict[str, float]:
        seconds: list[float] = []
        for _ in range(100):
            number = chance.randrange(n)
            began = now()
            found = load(run, number)
            seconds.append(now() - began)
            assert found.commit == number
        return bl.quantiles(seconds)

    async def events(self, p: Params) -> dict[str, float]:
        """W9: hear every fact while the run goes on, or read them all afterwards."""
        engine = self._engine(p)
        work = _flows().chain(p.n)
        engine.prepare(work)
        began = now()
        await (await engine.start(work, 0)).result()
        alone = now() - began
        heard: list[Any] = []
        engine.subscribe(None, heard.append)
        began = now()
        handle = await engine.start(work, 0)
        await handle.result()
        seconds = now() - began
        if p.variant == "stored":
            began = now()
            stored = engine.events(handle.run)
            seconds = now() - began
            assert stored == heard
        count = len(heard)
        await engine.close()
        assert count >= 2 * p.n
        return {
            "base_s": alone,
            "events_s": seconds,
            "events": count,
            "events_per_s": count / seconds,
            "overhead_pct": (seconds / alone - 1) * 100,
        }

    # The harness calls a workload by its number.
    W1, W2, W3, W4, W5 = chain, stored_chain, large_state, loop, fan_out
    W6, W7, W8, W9, W10 = gates, crash, checkpoints, events, stored_chain


ADAPTER = Headgate()
