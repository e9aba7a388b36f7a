"""Apache Burr, measured in a process of its own: ``burr_peer.py WORK KIND N SIZE FOLDER``.

``process`` stores the state after every action with its own SQLite persister, left as its
authors set it up (rollback journal); one action runs at a time, so that there is no fan-out.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import sys
from typing import Any

import measuring
from burr.core import ApplicationBuilder, State, action, default, expr
from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister
from measuring import Case, now


@action(reads=["count"], writes=["count"])
async def _inc(state: State) -> State:
    return state.update(count=state["count"] + 1)


@action(reads=["count"], writes=[])
async def _done(state: State) -> State:
    return state


def _chain(case: Case, actions: dict[str, Any]) -> Any:
    ways = [(f"n{number}", f"n{number + 1}") for number in range(case.n - 1)]
    return ApplicationBuilder().with_actions(**actions).with_transitions(*ways)


async def _persister(case: Case) -> Any:
    persister = await AsyncSQLitePersister.from_values(str(case.database))
    await persister.initialize()
    return persister


async def _timed(case: Case, builder: Any, entry: str, last: str) -> dict[str, float]:
    began = now()
    builder = builder.with_state(count=0, pad=measuring.text(case.size)).with_entrypoint(entry)
    persister = None
    if case.kind == "process":
        persister = await _persister(case)
        builder = builder.with_identifiers(app_id="bench").with_state_persister(persister)
    app = await builder.abuild()
    prepared = now()
    _, _, state = await app.arun(halt_after=[last])
    seconds = now() - prepared
    if state["count"] != case.n:
        raise AssertionError(f"{case.work} gave {state['count']!r}, not {case.n}")
    found = {"per_s": case.n / seconds, "prepare_ms": (prepared - began) * 1000}
    if persister is not None:
        await persister.cleanup()
        found["bytes_per_step"] = measuring.stored_bytes(case.database) / case.n
    return found


async def chain(case: Case) -> dict[str, float]:
    """A row of actions."""
    actions = {f"n{number}": _inc for number in range(case.n)}
    return await _timed(case, _chain(case, actions), "n0", f"n{case.n - 1}")


async def loop(case: Case) -> dict[str, float]:
    """One action, again and again."""
    ways = [("a", "a", expr(f"count < {case.n}")), ("a", "done", default)]
    builder = ApplicationBuilder().with_actions(a=_inc, done=_done).with_transitions(*ways)
    return await _timed(case, builder, "a", "done")


async def gates(case: Case) -> dict[str, float]:
    """From the answer to a halt until the action behind it runs, n times."""
    ran: list[float] = []

    @action(reads=[], writes=["answer"])
    async def gate(state: State, answer: str) -> State:
        return state.update(answer=answer)

    @action(reads=["count"], writes=["count"])
    async def behind(state: State) -> State:
        ran.append(now())
        return state.update(count=state["count"] + 1)

    persister = await _persister(case)
    ways = [("s", "gate"), ("gate", "behind")]
    ways += [("behind", "gate", expr(f"count < {case.n}")), ("behind", "done", default)]
    app = await (
        ApplicationBuilder()
        .with_actions(s=_done, gate=gate, behind=behind, done=_done)
        .with_transitions(*ways)
        .with_state(count=0)
        .with_entrypoint("s")
        .with_identifiers(app_id="bench")
        .with_state_persister(persister)
        .abuild()
    )
    _, _, state = await app.arun(halt_before=["gate"])
    delays: list[float] = []
    for _ in range(case.n):
        began = now()
        halts = {"halt_before": ["gate"], "halt_after": ["done"]}
        _, _, state = await app.arun(**halts, inputs={"answer": "yes"})
        delays.append(ran[-1] - began)
    await persister.cleanup()
    if state["count"] != case.n:
        raise AssertionError("a gate was lost")
    return measuring.spread(delays)


async def crash(case: Case) -> dict[str, float]:
    """The first half of a chain, or what a new process makes of it after kill -9."""
    first: list[float] = []

    def action_of(number: int) -> Any:
        @action(reads=["count"], writes=["count"])
        async def step(state: State) -> State:
            measuring.marked(case, number, first)
            return state.update(count=state["count"] + 1)

        return step

    persister = await _persister(case)
    app = await (
        _chain(case, {f"n{number}": action_of(number) for number in range(case.n)})
        .initialize_from(
            persister,
            resume_at_next_action=True,
            default_state={"count": 0, "pad": measuring.text(case.size)},
            default_entrypoint="n0",
        )
        .with_identifiers(app_id="bench")
        .with_state_persister(persister)
        .abuild()
    )
    _, _, state = await app.arun(halt_after=[f"n{case.n - 1}"])
    await persister.cleanup()
    if state["count"] != case.n:
        raise AssertionError("the run did not end as it should")
    return {"first_node_ms": first[0], "again": measuring.again(case)}


async def checkpoints(case: Case) -> dict[str, float]:
    """Load all states one after another (there is no call that lists them), and some."""
    await chain(case)
    persister = await _persister(case)
    began = now()
    for number in range(case.n):
        await persister.load(None, "bench", number)
    list_s = now() - began
    seconds: list[float] = []
    for number in measuring.some(case.n):
        began = now()
        loaded = await persister.load(None, "bench", number)
        seconds.append(now() - began)
        if loaded["state"]["count"] != number + 1:
            raise AssertionError("another state was loaded")
    await persister.cleanup()
    load_ms = measuring.spread(seconds)["p50_ms"]
    return {"list_ms": list_s * 1000, "listed": case.n, "load_ms": load_ms}


async def events(case: Case) -> dict[str, float]:
    """Hear of every action while the application runs."""
    actions = {f"n{number}": _inc for number in range(case.n)}
    app = await _chain(case, actions).with_state(count=0).with_entrypoint("n0").abuild()
    began, heard = now(), 0
    async for _ in app.aiterate(halt_after=[f"n{case.n - 1}"]):
        heard += 1
    return {"per_s": heard / (now() - began)}


WORKS = {
    "W1": chain,
    "W2": chain,
    "W4": loop,
    "W6": gates,
    "W7": crash,
    "W8": checkpoints,
    "W9": events,
    "W10": chain,
}


def main() -> None:
    """Measure what the command line names and print it as one JSON object."""
    logging.getLogger("burr").setLevel(logging.ERROR)
    case = measuring.case_from(sys.argv[1:])
    found = asyncio.run(WORKS[case.work](case))
    versions = {"apache-burr": importlib.metadata.version("apache-burr")}
    measuring.report({**found, "machine_ms": measuring.machine_ms(), "versions": versions})


if __name__ == "__main__":
    main()
