"""What must be equal when the same workflow runs again (SEMANTICS B8.3), for tests and by hand.

``python -m tests.engine.properties.determinism --cases 10000`` runs so many random cases in
one process and prints the seed of every case that fails.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from engine import events as ev
from engine.model.workflow import CommitPolicy, Workflow
from tests.engine.properties.driving import (
    NAMED,
    Driver,
    WatchedStore,
    check_history,
    leftovers,
)
from tests.engine.properties.random_flows import Kinds, random_flow

Json = Any
#: What no admission order can change: no people, no timers, no retry delays.
INSIDE = Kinds(external=False)
EVERYTHING = Kinds(wild=True, uneven=True)
#: Frames among everything that can fail in them.
FRAMED = Kinds(frames=True, uneven=True)
OTHERS = Kinds(others=True)


@dataclass(frozen=True)
class Told:
    """What a run did: its events without their times, and its last state."""

    events: list[str]
    state: Json
    problems: tuple[str, ...] = ()


def drawn(seed: int, kinds: Kinds, commit: CommitPolicy) -> Workflow | None:
    """Return the workflow of a seed, or None when what was drawn is not valid."""
    return random_flow(random.Random(seed), kinds, commit, size=4 + seed % 14)


def plain(event: ev.AnyEvent) -> str:
    """Return an event as text, without how long things took."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    for name in ("duration_s", "delay_s"):
        fields.pop(name, None)
    return f"{type(event).__name__} {msgspec.json.encode(fields).decode()}"


async def told(work: Workflow, schedule: int) -> Told:
    """Run once; `schedule` seeds when slow tasks end, who decides what and when time passes."""
    driver = Driver(random.Random(schedule), WatchedStore())
    async with driver.bench() as bench:
        handle = await bench.engine.start(work, 0)
        ended = await driver.finish(bench, handle)
        problems = await check_history(bench, handle.run, driver.store)
        facts = bench.engine.events(handle.run)
    if isinstance(ended, ev.RunFinished):
        problems += [f"{name} is left: {what}" for name, what in leftovers(handle.state).items()]
    elif isinstance(ended, ev.RunFailed) and ended.error.code not in NAMED:
        problems.append(f"it failed with {ended.error}")
    state = msgspec.to_builtins(handle.state)
    return Told([plain(fact.event) for fact in facts], state, tuple(problems))


def limited(work: Workflow, concurrency: int) -> Workflow:
    """Return the same workflow with another limit on what runs at once."""
    limits = replace(work.settings.limits, concurrency=concurrency)
    return replace(work, settings=replace(work.settings, limits=limits))


def difference(first: Told, second: Told) -> str:
    """Return the first difference in words; empty when there is none."""
    for number, (one, other) in enumerate(zip(first.events, second.events, strict=False)):
        if one != other and not one.startswith("RunStarted"):
            return f"event {number + 1}: {one} / {other}"
    if len(first.events) != len(second.events):
        return f"{len(first.events)} events / {len(second.events)}"
    for name in first.state:
        if first.state[name] != second.state[name]:
            return f"{name}: {first.state[name]} / {second.state[name]}"
    return ""


# --- the properties: each returns what is wrong, None when the case was not valid ------------


async def strict_is_blind(seed: int) -> str | None:
    """Strict, nothing from outside: completion order and concurrency change nothing."""
    work = drawn(seed, INSIDE, "strict")
    if work is None:
        return None
    first = await told(work, seed)
    for number, concurrency in enumerate((1, 2, 32), start=1):
        again = await told(limited(work, concurrency), seed + number * 7919)
        problems = first.problems + again.problems
        if problems:
            return problems[0]
        if found := difference(first, again):
            return f"concurrency {concurrency}: {found}"
    return ""


async def same_schedule_same_run(seed: int, commit: CommitPolicy) -> str | None:
    """Any workflow: the same arrivals give the same events and state.

    The same schedule gives the same admission log, and `told` replays every commit from what
    it admitted: that is the same log again, in a second engine that runs no node.
    """
    kinds = (Kinds(), EVERYTHING, FRAMED, OTHERS)[seed // 4 % 4]
    work = drawn(seed, kinds, commit)
    if work is None:
        return None
    first, again = await told(work, seed), await told(work, seed)
    if problems := first.problems + again.problems:
        return problems[0]
    return difference(first, again)


async def same_schedule_eager(seed: int) -> str | None:
    """See `same_schedule_same_run`."""
    return await same_schedule_same_run(seed, "eager")


async def same_schedule_strict(seed: int) -> str | None:
    """See `same_schedule_same_run`."""
    return await same_schedule_same_run(seed, "strict")


async def even_is_blind(seed: int) -> str | None:
    """Eager, no races and only reducers without an order: the result is always the same."""
    kinds = Kinds(external=False, races=False, ordered=False, failures=False)
    work = drawn(seed, kinds, "eager")
    if work is None:
        return None
    runs = [await told(limited(work, 1 + n * 5), seed + n) for n in range(3)]
    if problems := [problem for run in runs for problem in run.problems]:
        return problems[0]
    ends = {run.events[-1] for run in runs}
    return f"ends are {ends}" if len(ends) > 1 else ""


Property = Callable[[int], Coroutine[Any, Any, str | None]]
PROPERTIES: dict[str, Property] = {
    "strict_is_blind": strict_is_blind,
    "same_schedule_eager": same_schedule_eager,
    "same_schedule_strict": same_schedule_strict,
    "even_is_blind": even_is_blind,
}


def main(arguments: list[str] | None = None) -> int:
    """Run many cases and print the seeds of those that fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--only", choices=sorted(PROPERTIES))
    asked = parser.parse_args(arguments)
    names = [asked.only] if asked.only else list(PROPERTIES)
    done = failed = drawn_in_vain = 0
    began = time.perf_counter()
    seed = asked.seed
    while done < asked.cases:
        name = names[seed % len(names)]
        try:
            wrong = asyncio.run(PROPERTIES[name](seed))
        except AssertionError as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong is None:
            drawn_in_vain += 1
        else:
            done += 1
        if wrong:
            failed += 1
            print(f"FAILED {name} --only {name} --seed {seed}: {wrong}", flush=True)
        seed += 1
        if done and done % 1000 == 0 and wrong is not None:
            print(f"{done} cases, {failed} failed, next seed {seed}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{done} cases in {seconds:.0f} s, {failed} failed, {drawn_in_vain} drawn in vain; "
          f"seeds {asked.seed} to {seed - 1}")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
