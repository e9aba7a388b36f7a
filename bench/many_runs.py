"""Many runs wait at once in one engine, and two other processes decide on all of them.

    python bench/many_runs.py [runs] [--seed N] [--pause MS] [--threaded]

Starts the runs (200) on one SQLite store, each with a barrier, and keeps driving them. Two
processes then decide on the requests, each in a random order of its own: most requests belong to
one of them, two in five are decided by both, and of those the first half at the same moment.
Answers are approve, modify with a value of its own, and reject. Between two decisions a process
rests for up to 10 ms, so that runs go on while others are still decided; 0 goes flat out.

Afterwards it checks, from a second engine on the same file, that no decision was lost, doubled or
misdirected: each request has one accepted decision, the other is stored as refused, what the
processes were told is what is stored, each run has ended with exactly the value of its accepted
decision, and the evidence chain verifies. It prints the figures, and what is wrong if anything is;
then the exit code is 1. SEMANTICS U69, U71, C5 no. 8.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import events as ev
from engine.app import DecisionRecord, DecisionRefused, Engine, EngineOptions, RunHandle
from engine.commands import Decide
from engine.model.codec import loads
from engine.model.workflow import Workflow
from engine.state.status import RunStatus

Json = Any
ROOT = Path(__file__).resolve().parents[1]
SIDES = ("left", "right")
#: The longest rest of a process between two decisions, in milliseconds.
PAUSE_MS = 10.0
#: For how long anything is waited for.
WITHIN_S = 30
ASK = b"""{"format": 1, "id": "ask", "name": "Ask",
 "nodes": {
  "ask": {"type": "barrier", "version": 1, "params": {"title": "Pay {{ input.n }}?"}},
  "no": {"type": "end", "version": 1},
  "start": {"type": "trigger.manual", "version": 1},
  "yes": {"type": "end", "version": 1}},
 "edges": [{"from": "ask.approved", "to": "yes.in"}, {"from": "ask.rejected", "to": "no.in"},
           {"from": "start.out", "to": "ask.in"}],
 "view": {"nodes": {}}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and what is wrong.

    Attributes:
        figures: title to value, in the order of the printed lines.
        wrong: one sentence for each thing that is not as it must be.
    """

    figures: Mapping[str, str]
    wrong: Sequence[str]


@dataclass(slots=True)
class _Asked:
    """The runs, what each was asked with, and what each process was told of its decisions."""

    payloads: dict[str, Json] = field(default_factory=dict)
    told: dict[tuple[str, str], Json] = field(default_factory=dict)


def main() -> None:
    """Measure, check and print; the exit code is 1 when something is wrong."""
    if sys.argv[1:2] == ["--decide"]:
        asyncio.run(decide_all(*sys.argv[2:4]))
        return
    parser = argparse.ArgumentParser(description="Decide on many runs from two processes.")
    parser.add_argument("runs", nargs="?", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=PAUSE_MS, help="at most, in ms")
    parser.add_argument("--threaded", action="store_true", help="store as the designer does")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite"
        report = asyncio.run(
            measure(path, asked.runs, asked.seed, pause_ms=asked.pause, threaded=asked.threaded)
        )
    for title, figure in report.figures.items():
        print(f"{title:<28} {figure:>12}")
    for sentence in report.wrong:
        print(f"WRONG: {sentence}")
    sys.exit(bool(report.wrong))


async def measure(
    path: Path, runs: int, seed: int, *, pause_ms: float = PAUSE_MS, threaded: bool = False
) -> Report:
    """Run everything on a new store at `path`, then check what is stored there."""
    asked = _Asked()
    workflow = loads(ASK)
    began = time.perf_counter()
    options = EngineOptions(stay=True, threaded=threaded)
    async with Engine.open(str(path), options=options) as engine:
        handles = await _all_asked(engine, workflow, runs)
        asked.payloads = {handle.run: {"n": number} for number, handle in enumerate(handles)}
        requests = {str(each.run): str(each.request) for each in engine.inbox()}
        started = time.perf_counter()
        plans = plan_of(requests, asked.payloads, seed, pause_ms)
        deciders = [await _decider(path, side, plans[side]) for side in SIDES]
        ready = time.perf_counter()
        said = await _decided(deciders)
        decided = time.perf_counter()
        with contextlib.suppress(TimeoutError):  # those that have not ended are reported below
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(*(handle.leg() for handle in handles))
        ended = time.perf_counter()
    waits: list[float] = []
    for side, lines in zip(SIDES, said, strict=True):
        for line in lines:
            asked.told[side, line["request"]] = line
            waits.append(line["ms"])
    async with Engine.open(str(path)) as looking:
        stored = looking.decisions()
        wrong = _wrong(looking, asked, plans, stored)
        entries = len(looking.store.audit())
    waits.sort()
    reasons = Counter(each.reason or "accepted" for each in stored)
    choices = Counter(each.choice for each in stored if each.accepted)
    figures = {
        "runs at once": f"{runs:,}",
        "started and asked": f"{started - began:.2f} s",
        "decisions sent": f"{len(asked.told):,}",
        **{f"stored as {reason}": f"{count:,}" for reason, count in sorted(reasons.items())},
        **{f"accepted {choice}": f"{count:,}" for choice, count in sorted(choices.items())},
        "deciding took": f"{decided - ready:.2f} s",
        "a decision, median": f"{waits[len(waits) // 2]:.1f} ms",
        "a decision, worst": f"{waits[-1]:.1f} ms",
        "last run ended after": f"{ended - decided:.2f} s",
        "entries in the evidence": f"{entries:,}",
        "wrong": f"{len(wrong):,}",
    }
    return Report(figures=figures, wrong=wrong)


def plan_of(
    requests: Mapping[str, str], payloads: Mapping[str, Json], seed: int, pause_ms: float
) -> dict[str, list[Json]]:
    """Return what each process decides, in its order.

    Args:
        requests: run to request.
        payloads: run to what it asks about.
        seed: of everything that is random.
        pause_ms: the longest rest before a decision.
    """
    chance = random.Random(seed)
    runs = sorted(requests, key=lambda run: payloads[run]["n"])
    chance.shuffle(runs)
    fifth = len(runs) // 5
    at_once, both, own = runs[:fifth], runs[fifth : 2 * fifth], runs[2 * fifth :]
    plans: dict[str, list[Json]] = {}
    for index, side in enumerate(SIDES):
        later = [*both, *own[index::2]]
        chance.shuffle(later)
        plans[side] = [
            {
                "request": requests[run],
                "pause_ms": 0 if run in at_once else chance.uniform(0, pause_ms),
                **_answer(chance, side, payloads[run]),
            }
            for run in [*at_once, *later]
        ]
    return plans


def _answer(chance: random.Random, side: str, payload: Json) -> Json:
    (choice,) = chance.choices(["approve", "modify", "reject"], [4, 4, 2])
    edited = {**payload, "from": side, "pay": chance.randrange(1_000_000)}
    return {"choice": choice, "values": edited if choice == "modify" else None}


async def _all_asked(engine: Engine, workflow: Workflow, runs: int) -> list[RunHandle]:
    """Start the runs and wait until every one has asked."""
    asked: set[str] = set()
    all_have = asyncio.Event()

    def hear(news: ev.News) -> None:
        if isinstance(news, ev.Recorded) and isinstance(news.event, ev.BarrierOpened):
            asked.add(news.run)
            if len(asked) == runs:
                all_have.set()

    stop = engine.subscribe(None, hear)
    handles = [await engine.start(workflow, {"n": number}) for number in range(runs)]
    async with asyncio.timeout(WITHIN_S):
        await all_have.wait()
    stop()
    return handles


# --- the processes that decide -------------------------------------------------------------


async def _decider(path: Path, side: str, plan: Sequence[Json]) -> asyncio.subprocess.Process:
    """Start a process and wait until it is ready to decide."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--decide", str(path), side),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        limit=2**24,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(plan).encode() + b"\n")
    await process.stdin.drain()
    await process.stdout.readline()
    return process


async def _decided(deciders: Sequence[asyncio.subprocess.Process]) -> list[list[Json]]:
    """Let the processes go off together; return what each was told, decision by decision."""
    said = await asyncio.gather(*(process.communicate(b"go\n") for process in deciders))
    if any(process.returncode for process in deciders):
        raise AssertionError("a process that decides has failed; see what it printed")
    return [[json.loads(line) for line in out.splitlines()] for out, _ in said]


async def decide_all(path: str, side: str) -> None:
    """Read a plan from the input, wait for the word, decide, and print what came of it."""
    plan = json.loads(sys.stdin.readline())
    async with Engine.open(path, options=EngineOptions(user=side)) as engine:
        print("ready", flush=True)
        sys.stdin.readline()
        for each in plan:
            await asyncio.sleep(each["pause_ms"] / 1000)
            began = time.perf_counter()
            told = await _decide(engine, side, each)
            took_ms = (time.perf_counter() - began) * 1000
            print(json.dumps({**each, "told": told, "ms": took_ms}))


async def _decide(engine: Engine, side: str, answer: Json) -> str:
    """Decide as a person does who has seen the content; return why it does not count, if so."""
    command = Decide(
        request=answer["request"],
        choice=answer["choice"],
        by=side,
        through="api",
        digest=engine.request(answer["request"]).digest,
        comment=side,
        values=answer["values"],
    )
    try:
        await engine.decide(command)
    except DecisionRefused as refusal:
        return refusal.reason
    return ""


# --- what must be true afterwards ----------------------------------------------------------


def _wrong(
    engine: Engine,
    asked: _Asked,
    plans: Mapping[str, Sequence[Json]],
    stored: Sequence[DecisionRecord],
) -> list[str]:
    wrong = [f"the evidence: {sentence}" for sentence in engine.verify_evidence()]
    sent = {(side, each["request"]): each for side in SIDES for each in plans[side]}
    kept = Counter((each.by, str(each.request)) for each in stored)
    wrong += [
        f"the decision of {key[0]} on {key[1]} is stored {kept[key]} times"
        for key in sent.keys() | kept.keys()
        if kept[key] != (key in sent)
    ]
    for each in stored:
        wrong += _wrong_decision(each, sent, asked)
    for run, payload in asked.payloads.items():
        accepted = [each for each in stored if each.run == run and each.accepted]
        if len(accepted) != 1:
            wrong.append(f"run {run} has {len(accepted)} accepted decisions")
            continue
        wrong += _wrong_run(engine, run, payload, accepted[0])
    return wrong


def _wrong_decision(
    decision: DecisionRecord, sent: Mapping[tuple[str, str], Json], asked: _Asked
) -> list[str]:
    """Compare a stored decision with what was sent and with what the sender was told."""
    key = (decision.by, str(decision.request))
    name = f"the decision of {key[0]} on {key[1]}"
    answer, told = sent.get(key), asked.told.get(key)
    if answer is None or told is None:
        return [f"{name} was not sent, or its sender was told nothing"]
    wrong: list[str] = []
    if (decision.choice, decision.values) != (answer["choice"], answer["values"]):
        wrong.append(f"{name} is stored as {decision.choice} {decision.values}")
    if decision.reason != told["told"] or decision.reason not in ("", "late"):
        wrong.append(f"{name} is stored as {decision.reason!r}, its sender heard {told['told']!r}")
    if decision.accepted is not decision.admitted:
        wrong.append(f"{name}: accepted {decision.accepted}, taken in {decision.admitted}")
    return wrong


def _wrong_run(engine: Engine, run: str, payload: Json, decision: DecisionRecord) -> list[str]:
    """Compare the end of a run with its accepted decision."""
    facts = [each.event for each in engine.events(run)]
    ends = [fact.result for fact in facts if isinstance(fact, ev.RunFinished)]
    taken = [fact for fact in facts if isinstance(fact, ev.BarrierDecided)]
    wrong: list[str] = []
    if engine.run(run).status is not RunStatus.COMPLETED or ends != [value_of(decision, payload)]:
        wrong.append(f"run {run} ended with {ends}, not with {value_of(decision, payload)}")
    if [(fact.choice, fact.by) for fact in taken] != [(decision.choice, decision.by)]:
        wrong.append(f"run {run} took in {taken}, not {decision.choice} by {decision.by}")
    return wrong


def value_of(decision: DecisionRecord, payload: Json) -> Json:
    """Return what a run must end with after a decision."""
    match decision.choice:
        case "approve":
            return payload
        case "modify":
            return decision.values
        case choice:
            reply = {"choice": choice, "comment": decision.comment, "by": decision.by}
            return {**reply, "payload": payload}


if __name__ == "__main__":
    main()
