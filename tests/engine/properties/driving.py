"""Drives random runs as people and time would, and checks what must hold at every commit."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine import events as ev
from engine import run_view
from engine.app import Breakpoint, RequestRecord, RunHandle
from engine.commands import Decide
from engine.errors import DecisionRefused, StoreError
from engine.events import Recorded
from engine.ids import RunId
from engine.model.plan import Plan
from engine.model.workflow import Workflow
from engine.run_view import RunView
from engine.runtime.ports import CommitRecord, Lease
from engine.state.run_state import (
    RunState,
    _frame_refs,
    _gate_refs,
    _item_refs,
    _task_refs,
    _token_refs,
    _zone_refs,
    base_of,
)
from engine.state.status import ENDED, RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, FakeClock
from tests.engine.properties.random_flows import Chance, node_types, pick
from tests.engine.properties.random_others import EVENTS

Json = Any
#: How a run may fail though nothing is wrong with the engine.
NAMED = {"broken", "shaky", "conflict", "reducer", "rejected", "unrouted", "no_fallback", "limit",
         "not_a_list", "condition", "deadline", "expression", "invariant", "budget",
         "late_arrival", "join_timeout", "timeout", "too_few", "no_majority",
         "deadlock", "child_failed", "no_transition", "join_short"}  # fmt: skip
PARKED = {"waiting", "timer", "retry"}


class Crash(StoreError):
    """The power went off."""


class WatchedStore(MemoryStore):
    """Keeps a copy of the live state and view at every commit; may stop writing at one."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1_000_000
        self.live: RunHandle | None = None
        self.states: dict[int, Json] = {}
        self.views: dict[int, Json] = {}
        self.problems: list[str] = []

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        if not self.left:
            raise Crash("The power went off.")
        self.left -= 1
        super().commit(lease, record)
        if self.live is not None and self.live.run == record.run:
            self.states[record.number] = msgspec.to_builtins(self.live.state)
            self.views[record.number] = shown(self.live.view)
            self.problems += check_commit(record.number, self.live.state, self.live.view)
            found = check_frames(self.live._loop.plan, self.live.state, self.live.view)
            self.problems += [f"commit {record.number}: {each}" for each in found]

    def again(self) -> WatchedStore:
        """Return the same store, watched from here on."""
        other = WatchedStore()
        watched = {name: getattr(other, name) for name in ("left", "live", "states", "views")}
        other.__dict__.update({**self.__dict__, **watched, "problems": []})
        return other


def shown(view: RunView) -> Json:
    """Return a view without what only updates tell."""
    whole = msgspec.to_builtins(view)  # what has its default is left out
    for entry in whole.get("frontier", {}).values():
        if entry.get("state") == "running":
            del entry["state"]
        leave_out(entry, "since", "text", "attempt")
    for node in whole.get("nodes", {}).values():
        leave_out(node, "started_at", "fraction", "attempt")
        if node.get("active"):  # which of its tasks it shows depends on which of them run
            leave_out(node, "state", "busy", "due_at", "request")
    return whole


def leave_out(row: dict[str, Json], *names: str) -> None:
    for name in names:
        row.pop(name, None)


def check_commit(number: int, state: RunState, view: RunView) -> list[str]:
    """Return what does not fit together at one commit."""
    found: list[str] = []
    if view.status != state.status.value:
        found.append(f"status is {state.status.value}, the view says {view.status}")
    if set(view.frontier) != set(state.tasks):
        found.append(f"tasks are {sorted(state.tasks)}, the view shows {sorted(view.frontier)}")
    for task, entry in view.frontier.items():
        if (entry.state in PARKED) != (task in state.waits):
            found.append(f"{task} is shown as {entry.state}")
    asked = {wait.request for wait in state.waits.values() if wait.request}
    if asked != set(view.requests):
        found.append(f"open are {asked}, the view shows {set(view.requests)}")
    active = Counter(task.node for task in state.tasks.values())
    for key, node in view.nodes.items():
        if node.active != active.get(key, 0):
            found.append(f"{key} has {active.get(key, 0)} tasks, the view shows {node.active}")
    found += check_ledger(state)
    return [f"commit {number}: {each}" for each in [*found, *check_refs(state)]]


def check_frames(plan: Plan, state: RunState, view: RunView) -> list[str]:
    """Return frames that count other tokens and tasks than there are in them."""
    if not plan.frames or state.status in ENDED:
        return []
    live: Counter[str] = Counter()
    for task in state.tasks.values():
        live.update(plan.frames[key].row(task.path) for key in plan.nodes[task.node].frames)
    for queue in state.arrivals.values():
        for token in queue:
            if token.value is not None:
                node = plan.nodes[plan.edges[token.edge].target]
                live.update(plan.frames[key].row(token.path) for key in node.frames)
    found = [
        f"{name} has {live[name]} in it and counts {row.live}"
        for name, row in state.frames.items()
        if row.live != live[name]
    ]
    found += [f"{name} has no row and {n} in it" for name, n in live.items()
              if name not in state.frames]  # fmt: skip
    opened = Counter(
        name.partition("@")[0] for name, row in state.frames.items() if row.opened_at is not None
    )
    shown = {key: frame.open for key, frame in view.frames.items() if frame.open}
    if shown != dict(opened):
        found.append(f"open are {dict(opened)}, the view shows {shown}")
    return found


def check_ledger(state: RunState) -> list[str]:
    """Return what is reserved and for nobody: each account holds its tasks and its shares."""
    found: list[str] = []
    for meter in {key.partition("@")[0] for key in state.ledger if "!" not in key}:
        total = sum(held.get(meter, 0.0) for held in state.holds.values())
        shares = {k: a for k, a in state.ledger.items() if k.startswith(f"{meter}@")}
        given = sum(account.limit or 0.0 for account in shares.values())
        inside = sum(account.reserved for account in shares.values())
        if abs(state.ledger[meter].reserved + inside - total - given) > 1e-6:
            found.append(f"{meter} has {state.ledger[meter]} and {shares}, held is {state.holds}")
    if any(task not in state.tasks and task not in state.children for task in state.holds):
        found.append(f"held is {state.holds} for {list(state.tasks)}")
    return found


def check_refs(state: RunState) -> list[str]:
    """Return values that nobody holds, and holders of values that are not there."""
    refs = [ref for task in state.tasks.values() for ref in _task_refs(task)]
    refs += [ref for queue in state.arrivals.values() for ref in _token_refs(queue)]
    refs += [ref for zone in state.zones.values() for ref in _zone_refs(zone)]
    refs += [ref for item in state.items.values() for ref in _item_refs(item)]
    refs += list(state.grown.values())
    refs += list(state.outputs.values())
    refs += [ref for gate in state.gates.values() for ref in _gate_refs(gate)]
    refs += [ref for frame in state.frames.values() for ref in _frame_refs(frame)]
    counted = dict(Counter(base_of(ref) for ref in refs))
    found: list[str] = []
    if counted != state.refs:
        found.append(f"holders are counted as {state.refs}, and are {counted}")
    if set(counted) != set(state.values):
        found.append(f"values are {sorted(state.values)}, held are {sorted(counted)}")
    return found


def leftovers(state: RunState) -> dict[str, Json]:
    """Return what a finished run should not have any more."""
    tables = (
        "holds", "tasks", "waits", "joins", "timers", "arrivals", "zones", "items", "cycles",
        "frames",
    )  # fmt: skip
    found = {name: getattr(state, name) for name in tables if getattr(state, name)}
    kept = {base_of(ref) for ref in state.outputs.values()}
    kept |= {base_of(ref) for gate in state.gates.values() for ref in _gate_refs(gate)}
    if extra := set(state.values) - kept:
        found["values"] = extra
    return found


@dataclass
class Driver:
    """One run with everything that decides what happens to it from outside."""

    chance: Chance
    store: WatchedStore = field(default_factory=WatchedStore)
    clock: FakeClock = field(default_factory=FakeClock)
    options: dict[str, Any] = field(default_factory=dict)
    breakpoints: tuple[Breakpoint, ...] = ()
    news: list[ev.News] = field(default_factory=list)

    def bench(self) -> Bench:
        bench = Bench(
            *node_types(lambda: self.chance.randint(0, 6)),
            store=self.store,
            clock=self.clock,
            **{"stay": True, **self.options},
        )
        bench.engine.subscribe(None, self.news.append)
        return bench

    async def run(self, work: Workflow, value: Json = 0) -> tuple[ev.Event, RunHandle]:
        """Run to the end; return the last event and the handle."""
        async with self.bench() as bench:
            handle = await bench.engine.start(work, value, breakpoints=self.breakpoints)
            return await self.finish(bench, handle), handle

    async def finish(self, bench: Bench, handle: RunHandle) -> ev.Event:
        self.store.live = handle
        leg = asyncio.get_running_loop().create_task(handle.leg())
        for _ in range(5000):
            await idle(bench, handle, leg)
            if leg.done():
                await self._rest(bench)
                return leg.result().event
            await self._from_outside(bench, handle)
        leg.cancel()
        raise AssertionError("the run goes on for ever")

    async def _from_outside(self, bench: Bench, handle: RunHandle) -> None:
        """Let a person go on, decide, or time pass: nothing else can move the run on."""
        if handle.status is RunStatus.PAUSED and handle._loop.frontier.ready:
            pick(self.chance, handle.unpause, handle.step)()
            return
        if handle.status is RunStatus.PAUSED:
            handle.unpause()
            if handle._loop.frontier.running:
                return  # a stream was held, too
        driven = driven_runs(bench, handle)
        heard = [w for each in driven for w in each.state.waits.values() if w.kind == "event"]
        if heard and self.chance.randint(0, 2):
            name = pick(self.chance, *EVENTS)
            to = pick(self.chance, None, *[each.run for each in driven])
            await bench.engine.signal(name, self.chance.randint(0, 11), run=to)
            return
        requests = bench.engine.inbox()
        due = [w.due_at for each in driven for w in each.state.waits.values() if w.due_at]
        due += [t.due_at for each in driven for t in each.state.timers.values() if not t.over]
        if requests and (not due or self.chance.randint(0, 2)):
            await decide(bench, requests[self.chance.randint(0, len(requests) - 1)], self.chance)
        elif due:
            self.clock.advance(max(0.0, min(due) - self.clock.now()))
        elif not self.store.left:
            raise Crash("The power went off while a child was running.")
        elif not heard:
            tasks = {key: key in handle.state.waits for key in handle.state.tasks}
            raise AssertionError(f"the run is stuck with {tasks}")

    async def _rest(self, bench: Bench) -> None:
        """Stop driving what the run has left behind: its children that nobody waits for."""
        for record in bench.engine.runs():
            left = bench.engine.handle(record.run)
            if left is not None and not left.has_ended:
                await left.stop()


def driven_runs(bench: Bench, handle: RunHandle) -> list[RunHandle]:
    """Return a run and the runs that it has called, as far as they are driven here."""
    if not (handle.plan.calls or handle.state.children):
        return [handle]
    found = [bench.engine.handle(record.run) for record in bench.engine.runs()]
    return [each for each in found if each is not None and not each.has_ended]


async def decide(bench: Bench, request: RequestRecord, chance: Chance) -> None:
    choices = {"": ("approve", "reject"), "outcome": ("happened", "again"),
               "invariant": ("accept", "again", "fail"),
               "budget": ("raise", "raise", "once", "stop")}  # fmt: skip
    choice = pick(chance, *choices[request.content.about])
    try:
        command = Decide(
            request=request.request, choice=choice, by="ada", through="api", digest=request.digest
        )
        await bench.engine.decide(command)
    except DecisionRefused as refusal:
        raise AssertionError("an open request refuses a decision") from refusal


async def idle(bench: Bench, handle: RunHandle, leg: asyncio.Future[Any]) -> None:
    """Wait until only people, events or time can go on."""
    quiet = 0
    driven = driven_runs(bench, handle)
    for number in range(100_000):
        await asyncio.sleep(0)
        if not number % 8:
            driven = driven_runs(bench, handle)
        quiet = quiet + 1 if all(map(_rests, driven)) else 0
        if leg.done() or quiet > 20:
            return
    raise AssertionError("the run never comes to rest")


def _rests(handle: RunHandle) -> bool:
    loop = handle._loop
    front = loop.frontier
    held = front.is_paused and not (front.is_working or front.stepping or loop._decisions)
    return (loop.is_idle or held) and not loop._commands


def check_events(facts: list[Recorded]) -> list[str]:
    """Return what is wrong with the order of a run's facts."""
    found: list[str] = []
    if [r.seq for r in facts] != list(range(1, len(facts) + 1)):
        found.append("sequence numbers have gaps")
    open_leg = False
    for record in facts:
        if isinstance(record.event, ev.LegStarted):
            open_leg = True
        elif not open_leg and not isinstance(record.event, ev.RunStarted):
            found.append(f"{record.event} is outside a leg")
        if isinstance(record.event, ev.TERMINAL):
            open_leg = False
    return found


async def check_history(bench: Bench, run: RunId, store: WatchedStore) -> list[str]:
    """Return where the stored history differs from what was live."""
    found = list(store.problems)
    facts = bench.engine.events(run)
    if not isinstance(facts[-1].event, ev.TERMINAL):
        found.append(f"the last event is {facts[-1].event}")
    for number, live in store.states.items():
        if msgspec.to_builtins(bench.engine.state_at(run, number)) != live:
            found.append(f"the stored state of commit {number} differs from the live one")
    if bench.engine.run(run).parent is not None:  # it begins with the view of its parent
        folded = bench.engine.view(run)
    else:
        folded = run_view.fold(facts, RunView(run=run))
    if shown(folded) != store.views[max(store.views)]:
        found.append("the folded view differs from the live one")
    for each in bench.engine.runs():  # its children too
        report = await bench.engine.replay(each.run)
        if not report.equal:
            where = f"commit {report.commit} of {each.run}"
            found.append(f"replay of {where}: {report.difference}")
        found += check_events(bench.engine.events(each.run))
    return found
