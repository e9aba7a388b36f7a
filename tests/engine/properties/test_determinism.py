"""The same arrivals give the same events and state; in strict runs whatever the order (B8.3).

U30, U42, U44, U98, U116; T6, T7, T34, T40. Random workflows with forks, joins of every mode,
loops, For each, barriers, timers, retries, failures and wires across. `determinism.py` runs
ten thousand cases by hand; here each property is asked on seeds of its own.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.flows import flow
from tests.engine.properties.determinism import (
    PROPERTIES,
    difference,
    main,
    told,
)

ROOT = Path(__file__).parents[3]
SEEDS = 40
ARMS = flow(
    {"s": "same", "a": "slow", "b": "slow", "c": "slow", "j": "join", "z": "end"},
    "s > a, s > b, s > c, a > j, b > j, c > j, j > z",
)


@pytest.mark.parametrize("name", PROPERTIES)
async def test_it_holds_for_random_workflows(name: str) -> None:
    found = {seed: await PROPERTIES[name](seed) for seed in range(100_000, 100_000 + SEEDS)}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}
    assert sum(wrong is not None for wrong in found.values()) > SEEDS / 2


async def test_an_eager_run_does_depend_on_who_is_first() -> None:
    """So the property of strict runs could fail: the order of arrival is really another one."""
    runs = [await told(ARMS, schedule) for schedule in range(6)]
    assert any(difference(runs[0], other) for other in runs[1:])


async def test_the_difference_of_two_runs_is_named() -> None:
    one, other = await told(ARMS, 1), await told(flow({"s": "same", "z": "end"}, "s > z"), 1)
    assert difference(one, other).startswith("event ")
    assert difference(one, one) == ""


def test_it_does_not_depend_on_the_hash_seed_of_python() -> None:
    script = (
        "import asyncio, hashlib\n"
        "from tests.engine.properties.determinism import EVERYTHING, drawn, told\n"
        "works = [w for seed in range(30) if (w := drawn(seed, EVERYTHING, 'eager'))]\n"
        "runs = [asyncio.run(told(work, 7)) for work in works]\n"
        "print(hashlib.sha256(repr([(r.events, r.state) for r in runs]).encode()).hexdigest())\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert len(said.pop().strip()) == len(hashlib.sha256().hexdigest())


def test_the_cases_by_hand_say_how_many_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cases", "8", "--seed", "50"]) == 0
    assert "8 cases" in capsys.readouterr().out
