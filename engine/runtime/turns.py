"""How often a node may start: buckets of tokens by a key, kept with the run (U57).

A task asks for its turn when there is a place for it; the commit that takes the request in
gives it a token, or lets it wait until there will be one. What is kept of a bucket is one
number, the time at which it is full again (the generic cell rate algorithm, ATM Forum,
"Traffic Management Specification", 1996), so that a restart changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from engine import events as ev
from engine.events import TaskReady
from engine.model.plan import PlanNode
from engine.runtime.area import Area
from engine.runtime.outcome import Outcome
from engine.state.run_state import ParkedWait, Task

Json = Any
_LONGEST = 100
#: Above so many buckets those that are full are forgotten: that is as if they had never been.
_MANY = 1_000


def lacks_turn(node: PlanNode, task: Task) -> bool:
    """Return whether this attempt of a task has still to ask for its turn."""
    return bool(node.rates) and task.turn != task.attempt


def ask(node: PlanNode, task: Task, scope: Any) -> Outcome:
    """Return the outcome that asks for a turn; raises what the expression of a key raises."""
    keys = tuple(
        "" if rate.key is None else _words(rate.key.evaluate(scope)) for rate in node.rates
    )
    return Outcome(task=task.id, kind="turn", attempt=task.attempt, keys=keys)


def give(work: Area, node: PlanNode, task: Task, keys: tuple[str, ...]) -> None:
    """Let a task start now, or when there is a token for it; it has taken the token then."""
    names = [f"{node.key}/{place}/{key}" for place, key in enumerate(keys)]
    rates = list(zip(node.rates, names, strict=False))
    full = {name: work.buckets.get(name) or 0.0 for name in names}
    start = max(
        (full[name] - (rate.burst - 1) * rate.interval for rate, name in rates), default=0.0
    )
    start = max(start, work.at)
    if len(work.state.buckets) > _MANY:
        for name, at in work.state.buckets.items():
            if at <= work.at:
                work.buckets.drop(name)
    for rate, name in rates:
        work.buckets.put(name, max(start, full[name]) + rate.interval)
    work.tasks.put(task.id, msgspec.structs.replace(task, turn=task.attempt))
    work.events.append(ev.TurnTaken(task=task.id, node=node.key, keys=keys))
    if start <= work.at:
        work.ready.append(TaskReady(task.id, task.node, task.path, task.visit))
        return
    text = "for its turn"
    wait = ParkedWait(task=task.id, kind="rate", opened_at=work.at, due_at=start, text=text)
    work.waits.put(task.id, wait)
    work.events.append(
        ev.WaitOpened(task=task.id, node=task.node, kind="rate", due_at=start, text=text)
    )


def _words(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if len(text) <= _LONGEST:
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:32]
