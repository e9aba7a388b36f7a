"""Random workflows that validation accepts, built of blocks with one way in and one way out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from engine.model import codec
from engine.model.diagnostics import Severity
from engine.model.node_types import (
    Context,
    Element,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Ports,
    Skip,
    Start,
    Stream,
)
from engine.model.validation import validate
from engine.model.workflow import (
    Cache,
    Channel,
    CommitPolicy,
    Draw,
    FrameLock,
    InBackground,
    Invariant,
    Limits,
    Meter,
    RateLimit,
    RetryPolicy,
    Workflow,
)
from engine.stops import Breakpoint, Place
from tests.engine.flows import flow, node_type, registry
from tests.engine.properties import random_others

Json = Any
T = TypeVar("T")

CHANNELS = (
    Channel(name="log", type="array", reducer="append", default=[]),
    Channel(name="seen", type="array", reducer="union", default=[]),
    Channel(name="best", type="number", reducer="max"),
    Channel(name="total", type="number", reducer="sum", default=0),
    Channel(name="note", type="any", reducer="replace", default=0),
)
LIMITS = Limits(visits=40, supersteps=600)
SIMPLE = flow({"a": "same", "z": "end"}, "a > z")
#: Channels whose value does not depend on the order of the writers.
EVEN = ("best", "total")


class Chance(Protocol):
    """What draws: `random.Random`, or Hypothesis' own that can be shrunk."""

    def randint(self, a: int, b: int) -> int: ...
    def random(self) -> float: ...


def pick(chance: Chance, *choices: T) -> T:
    return choices[chance.randint(0, len(choices) - 1)]


# --- node types ---------------------------------------------------------------------------


def digest(*parts: Json) -> int:
    """A small number that depends on everything it is given and on nothing else."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 12


def _work(params: Any, ctx: Context) -> Output | Skip:
    asked = params.model_extra
    if ctx.attempt <= asked.get("fails", 0):
        raise NodeFailure(f"attempt {ctx.attempt} of {ctx.task}", code="shaky")
    value = digest(ctx.task, ctx.input, asked.get("read"))
    if "spends" in asked:
        ctx.spend("tokens", value % 4)
    if value in asked.get("broken", ()):
        raise NodeFailure(f"{ctx.task} makes no {value}", code="broken", retryable=False)
    if value in asked.get("skips", ()):
        return Skip(f"{value} is nothing to do")
    memory = (ctx.memory or 0) + 1 if asked.get("counts") else None
    return Output({"out": value}, memory=memory)


def _many(params: Any, ctx: Context) -> Output:
    return Output({"out": [digest(ctx.task, ctx.input, n) for n in range(params.n)]})


def _table(params: Any, ctx: Context) -> Output:
    rows = {f"k{n}": digest(ctx.task, ctx.input, n) for n in range(params.n)}
    return Output({"out": rows})


def _grows(params: Any, ctx: Context) -> Output:
    """The first items of a For each add one more each."""
    value = digest(ctx.task, ctx.input)
    return Output({"out": value}, more=(value,) if ctx.path[-1][1] < params.n else ())


def _feed(params: Any, ctx: Context) -> Output:
    return Output({"out": {"n": params.n, "value": digest(ctx.task, ctx.input)}})


def _turn(params: Any, ctx: Context) -> Output:
    value = digest(ctx.task, ctx.input)
    again = value % 3 and ctx.visit % params.n != params.n - 1
    return Output({"again" if again else "done": value})


def node_types(rounds: Callable[[], int]) -> tuple[NodeType, ...]:
    """Return the types that random workflows use; a `slow` one gives way `rounds()` times."""
    import asyncio

    async def slow(params: Any, ctx: Context) -> Output | Skip:
        for _ in range(rounds()):
            await asyncio.sleep(0)
        return _work(params, ctx)

    async def pure(params: Any, ctx: Context) -> Output:
        for _ in range(rounds()):
            await asyncio.sleep(0)
        return Output({"out": digest(ctx.input, params.n)})

    async def elements(given: Json, ctx: Context, start: Start) -> AsyncGenerator[Element, None]:
        del ctx
        for number in range(start.count, given["n"]):
            for _ in range(rounds()):
                await asyncio.sleep(0)
            yield Element(digest(given["value"], number))

    feeds = Ports((Port(name="in"),), (Port(name="out", type="stream"),))
    stream = Stream(open=elements, again="seek")
    turns = Ports((Port(name="in"),), (Port(name="again"), Port(name="done")))
    return (
        node_type("work", _work),
        node_type("slow", slow),
        node_type("pure", pure),
        node_type("many", _many),
        node_type("table", _table),
        node_type("grows", _grows),
        node_type("feed", _feed, ports=lambda params: feeds, stream=stream),
        node_type("turn", _turn, ports=lambda params: turns),
    )


# --- workflows ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Kinds:
    """What a workflow may hold.

    Attributes:
        external: people and time: barriers, timers, retries.
        races: joins and reads whose result depends on who is first.
        ordered: channels whose value depends on the order of writers.
        failures: nodes that fail, skip, or ask for their fallback.
        wild: wires across the blocks, whatever they join.
        budgets: meters, and nodes that draw on them.
        uneven: joins of the mode each, and ways out of a loop in every round.
        background: nodes that work in the background.
        frames: frames that retry, take failures, end in time, or are cancelled.
        kept: nodes whose results are kept for equal work.
        others: other runs: calls, state machines, events; alternatives too.
    """

    external: bool = True
    races: bool = True
    ordered: bool = True
    failures: bool = True
    wild: bool = False
    budgets: bool = False
    uneven: bool = False
    background: bool = False
    frames: bool = False
    others: bool = False
    kept: bool = False


@dataclass
class _Drawing:
    chance: Chance
    kinds: Kinds
    nodes: dict[str, tuple[str, dict[str, Json], dict[str, Any]]] = field(default_factory=dict)
    wires: list[str] = field(default_factory=list)
    left: int = 12
    frames: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    level: int = 0

    def node(self, type: str, params: dict[str, Json] | None = None, **fields: Any) -> str:
        # Random letters first: the order of the document is not the order of running.
        key = f"{pick(self.chance, *'abcdef')}{len(self.nodes)}"
        self.nodes[key] = (type, params or {}, fields)
        self.left -= 1
        return key

    def wire(self, source: str, target: str, when: str = "") -> None:
        self.wires.append(f"{source} > {target}" + (f" [{when}]" if when else ""))

    def odds(self, percent: int) -> bool:
        return self.chance.randint(0, 99) < percent

    @property
    def has_time(self) -> bool:
        """Whether time passes, so that something may take too long."""
        return self.kinds.external

    def number(self, low: int, high: int) -> int:
        return self.chance.randint(low, high)

    def choose(self, *choices: Any) -> Any:
        return pick(self.chance, *choices)

    # --- in another workflow ----------------------------------------------------------------

    def inside(self, size: int) -> _Drawing:
        """Begin to draw a workflow that this one calls."""
        return _Drawing(self.chance, self.kinds, left=size, level=self.level + 1)

    def document(self) -> Json:
        """Return what was drawn as it stands inside another workflow; what is wrong is not."""
        end = self.block(f"{self.node('same')}.out")
        self.wire(end, self.node("end"))
        commit: CommitPolicy = pick(self.chance, "eager", "strict")
        wires = ",".join(dict.fromkeys(self.wires))
        work = flow(self.nodes, wires, channels=CHANNELS, commit=commit, limits=LIMITS,
                    frames=self.frames)  # fmt: skip
        return codec.workflow_to_json(work if _is_valid(work) else SIMPLE)

    # --- blocks: each takes the port it comes from and returns the port it leaves by --------

    def block(self, entry: str, when: str = "", depth: int = 0) -> str:
        """Add a random block behind a port."""
        if self.left <= 0 or depth > 3:
            return self.step(entry, when)
        makers = [self.step, self.step, self.chain, self.fork, self.loop, self.zone, self.rounds]
        makers += [self.gate, self.nap] if self.kinds.external else []
        makers += [self.caught] if self.kinds.failures else []
        makers += [self.framed] * 4 if self.kinds.frames else []
        if self.kinds.others:
            found = random_others.BLOCKS if self.kinds.external else random_others.ALONE
            makers += [partial(block, self) for block in found] * 2
        return pick(self.chance, *makers)(entry, when, depth)

    def step(self, entry: str, when: str = "", depth: int = 0) -> str:
        if self.kinds.kept and self.odds(60):
            fields = {"writes": {pick(self.chance, *EVEN): "output"}} if self.odds(50) else {}
            key = self.node("pure", {"n": self.chance.randint(0, 1)}, cache=Cache(), **fields)
            self.wire(entry, key, when)
            return f"{key}.out"
        key = self.node(pick(self.chance, "work", "slow"), {}, **self._fields())
        params = self.nodes[key][1]
        if self.kinds.races and self.odds(20):
            params["read"] = {"expr": pick(self.chance, "state.total", "state.log", "state.note")}
        if self.kinds.failures and self.odds(10):
            params[pick(self.chance, "broken", "skips")] = [self.chance.randint(0, 11)]
        if self.kinds.external and self.odds(10):
            params["fails"] = self.chance.randint(1, 2)
            self.nodes[key][2]["retry"] = RetryPolicy(attempts=3, delay_s=5.0)
        if self.odds(10):
            params["counts"] = True
        if self.kinds.budgets and self.odds(40):
            params["spends"] = True
        self.wire(entry, key, when)
        return f"{key}.out"

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        names = [c.name for c in CHANNELS if self.kinds.ordered or c.name in EVEN]
        if self.odds(60):
            fields["writes"] = {
                pick(self.chance, *names): "output" for _ in range(self.chance.randint(1, 2))
            }
        if self.kinds.budgets and self.odds(40):
            text = pick(self.chance, "1", "2", "len(str(input)) % 3")
            fields["meters"] = {"tokens": Draw(estimate=text)}
        if self.kinds.background and self.odds(30):
            share = {"tokens": float(self.chance.randint(0, 5))}
            fields["background"] = InBackground(
                at_end="wait",
                limit=self.chance.randint(1, 3),
                budget=share if self.kinds.budgets and self.odds(50) else {},
                own_budget=self.odds(20),
                on_failure="fail" if self.kinds.failures and self.odds(10) else "note",
            )
        if self.odds(5):
            fields["disabled"] = True
        if self.odds(10) and self.kinds.races:
            fields["gated"] = True
            fields["reads"] = (pick(self.chance, *names),)
        if self.odds(10):
            fields["effects"] = "once"
        if self.kinds.external and self.odds(8):
            fields["rate"] = RateLimit(per_s=float(self.chance.randint(1, 9)),
                                       burst=self.chance.randint(1, 2),
                                       key=pick(self.chance, None, "str(input)"))  # fmt: skip
        return fields

    def chain(self, entry: str, when: str, depth: int) -> str:
        middle = self.block(entry, when, depth + 1)
        return self.block(middle, "", depth + 1)

    def join(self, ports: list[str], modes: tuple[str, ...] = ("all_active",)) -> str:
        """Bring several ports together."""
        mode = pick(self.chance, *modes)
        join: dict[str, Json] = {"mode": mode, "n": self.chance.randint(1, len(ports))}
        if mode == "timed":
            join = {"mode": pick(self.chance, "all_active", "all", "n_of_m"), "n": len(ports),
                    "timeout_s": float(self.chance.randint(1, 30)),
                    "on_timeout": pick(self.chance, "fire", "skip", "fail")}  # fmt: skip
        if self.kinds.failures and self.odds(25) and mode not in ("each", "no_more"):
            join["on_short"] = "fail"
        if mode in ("any", "n_of_m", "timed"):
            join["rest"] = pick(self.chance, "ignore", "queue", "cancel", "error")
            join["reset"] = pick(self.chance, "at_once", "all_arrived")
        bare = mode == "all_active" and "on_short" not in join
        fields: dict[str, Any] = {} if bare else {"join": join}
        kind = pick(self.chance, "join", "work", "slow")
        key = self.node(kind, self._shape(ports) if kind == "join" else {}, **fields)
        for port in ports:
            self.wire(port, key)
        return f"{key}.out"

    def _shape(self, ports: list[str]) -> dict[str, Json]:
        """What a Join makes of what has come."""
        output = pick(
            self.chance, "by_source", "by_source", "list", "keys", "first", "last", "vote", "custom"
        )
        shape: dict[str, Json] = {"output": output}
        if output == "custom":
            shape["value"] = {"expr": "len(input)"}
        if output == "vote":
            shape["majority"] = pick(self.chance, "most", "half", "all")
            ties = ("first", "null", "fail") if self.kinds.failures else ("first", "null")
            shape["tie"] = pick(self.chance, *ties)
        if self.odds(30):
            shape["order"] = [ports[-1].partition(".")[0]]
        return shape

    def fork(self, entry: str, when: str, depth: int) -> str:
        head = self.step(entry, when)
        arms = self.chance.randint(2, 3)
        style = pick(self.chance, "all", "if", "first", "some")
        ends: list[str] = []
        for arm in range(arms):
            last = arm == arms - 1
            test = f"input % {arms} == {arm}"
            cond = {"all": "", "if": "else" if last else test, "first": "" if last else test,
                    "some": "" if last else f"input > {arm * 3}"}[style]  # fmt: skip
            first = self.step(head, cond)
            ends.append(self.block(first, "", depth + 1) if self.odds(60) else first)
        if style == "first":
            self.nodes[head.partition(".")[0]][2]["route"] = "first"
        modes: tuple[str, ...] = ("all_active",) * 3
        if self.kinds.races:
            modes += ("any", "n_of_m", "all") if style in ("all", "some") else ("any",)
            modes += ("first", "no_more", "timed")
        if self.kinds.uneven:
            modes += ("each",)
        return self.join(ends, modes)

    def loop(self, entry: str, when: str, depth: int) -> str:
        head = self.step(entry, when)
        header = head.partition(".")[0]
        body = self.block(head, "", depth + 1) if self.odds(70) else head
        leaves: list[str] = []
        if self.odds(30):  # a way out in the middle
            fork = self.step(body)
            self.wire(fork, broken := self.node("work"), "input % 4 == 0")
            leaves.append(f"{broken}.out")
            body = self.step(fork, "else")
        if self.odds(50):
            turn = self.node("turn", {"n": self.chance.randint(1, 4)})
            self.wire(body, turn)
            self.wire(f"{turn}.again", header)
            leaves.append(f"{turn}.done")
        else:
            last = self.step(body)
            self.wire(last, header, "input % 3 > 0")
            out = self.node("work")
            self.wire(last, out, "" if self.kinds.uneven and self.odds(30) else "else")
            leaves.append(f"{out}.out")
        return self.join(leaves) if len(leaves) > 1 else leaves[0]

    def zone(self, entry: str, when: str, depth: int) -> str:
        feeds = self.kinds.external and self.odds(25)
        source = "feed" if feeds else pick(self.chance, "many", "many", "table")
        many = self.node(source, {"n": self.chance.randint(0, 4)})
        policy = pick(self.chance, "stop", "continue", "collect")
        shares = {"budget": "even"} if self.kinds.budgets and self.odds(50) and not feeds else {}
        each: dict[str, Json] = {"limit": self.chance.randint(1, 3), "on_item_failure": policy}
        if self.odds(30):
            each["at_least"] = self.chance.randint(0, 3)
        split = self.node("for_each", each, **shares)
        self.wire(entry, many, when)
        self.wire(many, split)
        body = f"{split}.item"
        if self.kinds.races and self.odds(25):
            grows = self.node("grows", {"n": self.chance.randint(1, 3)})
            self.wire(body, grows)
            body = f"{grows}.out"
        body = self.block(body, "", depth + 1)
        order = pick(self.chance, "input", "arrival") if self.kinds.races else "input"
        params: dict[str, Json] = {"order": order, "skipped": pick(self.chance, "drop", "null")}
        if self.kinds.races and self.odds(25):
            params["enough"] = pick(self.chance, 1, 2, {"expr": "input[-1] > 6"},
                                    {"expr": "state.total > 9"})  # fmt: skip
            params["rest"] = pick(self.chance, "cancel", "leave", "all")
            if params["rest"] == "all" and self.odds(20):
                params["enough"] = 0
        collect = self.node("collect", params)
        self.wire(body, collect)
        if self.odds(30):
            return self.join([f"{collect}.out", f"{collect}.failed"])
        return f"{collect}.out"

    def rounds(self, entry: str, when: str, depth: int) -> str:
        """A Loop and its Until."""
        head: dict[str, Json] = {"count": self.chance.randint(0, 4)} if self.odds(60) else {}
        if not head or self.odds(30):
            head["condition"] = {"expr": "loop.index < 3 and input != 7"}
        loop = self.node("loop", head)
        self.wire(entry, loop, when)
        body = self.block(f"{loop}.round", "", depth + 1)
        ending: dict[str, Json] = {"condition": {"expr": "input == 5"}} if self.odds(50) else {}
        until = self.node("until", ending)
        self.wire(body, until)
        return f"{until}.out"

    def gate(self, entry: str, when: str, depth: int) -> str:
        params: dict[str, Json] = {}
        if self.odds(40):
            params = {"timeout_s": self.chance.randint(1, 30),
                      "default": pick(self.chance, "approve", "reject")}  # fmt: skip
        gate = self.node("ask", params)
        self.wire(entry, gate, when)
        ends = [self.block(f"{gate}.approved", "", depth + 1)]
        if self.odds(80):
            ends.append(self.step(f"{gate}.rejected"))
        return self.join(ends) if len(ends) > 1 else ends[0]

    def nap(self, entry: str, when: str, depth: int) -> str:
        key = self.node("nap", {"seconds": self.chance.randint(1, 30)})
        self.wire(entry, key, when)
        return f"{key}.out"

    def caught(self, entry: str, when: str, depth: int) -> str:
        """A node whose failure does not end the run."""
        handling = pick(self.chance, "error_port", "continue", "ignore", "fallback_edge", "asked")
        broken = list(range(self.chance.randint(3, 12)))
        if handling == "asked":
            key = self.node("give_up")
        else:
            key = self.node(
                pick(self.chance, "work", "slow"), {"broken": broken}, on_error=handling
            )
        self.wire(entry, key, when)
        ends = [self.step(f"{key}.out")]
        if handling == "error_port":
            ends.append(self.step(f"{key}.error"))
        if handling in ("fallback_edge", "asked"):
            ends.append(self.step(f"{key}.out", "fallback"))
        return self.join(ends) if len(ends) > 1 else ends[0]

    def framed(self, entry: str, when: str, depth: int) -> str:
        """A frame around a block, with what is beside it."""
        name = f"f{len(self.frames)}"
        self.frames[name] = ("", {})
        head = self.step(entry, when) if self.odds(30) else ""
        if head:
            entry, when = head, ""
        before = set(self.nodes)
        end = self.block(entry, when, depth + 1)
        if self.odds(50):
            end = self.block(end, "", depth + 1)
        inside = sorted(set(self.nodes) - before)
        members = " ".join(inside)
        for key in inside if self.odds(70) else ():
            kind, params, _ = self.nodes[key]
            if kind in ("work", "slow") and self.odds(50):
                params["broken"] = list(range(self.chance.randint(2, 7)))
        self.frames[name] = (members, self._behaviour())
        ends = [self.step(end)]
        if self.odds(60):
            caught = self.node("frame.error", {"frame": name})
            ends.append(self.step(f"{caught}.out"))
        if head:
            cancel = self.node("frame.cancel", {"frame": name})
            if self.kinds.external and self.odds(50):
                head = self.nap(head, "", depth)
            self.wire(head, cancel, pick(self.chance, "", "input % 2 == 0"))
        return self.join(ends) if len(ends) > 1 else ends[0]

    def _behaviour(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.odds(60):
            fields["retry"] = RetryPolicy(
                attempts=self.chance.randint(1, 3), delay_s=pick(self.chance, 0.0, 7.0)
            )
        if self.kinds.external and self.odds(30):
            fields["timeout_s"] = float(self.chance.randint(1, 40))
        if self.odds(30):
            fields["lock"] = FrameLock(name=pick(self.chance, "one", "other"))
        elif self.odds(20):
            fields["one_at_a_time"] = True
        if self.kinds.budgets and self.odds(30):
            fields["meters"] = {"tokens": float(self.chance.randint(2, 12))}
        return fields

    def cross(self) -> None:
        """Add wires between nodes that have nothing to do with one another."""
        keys = list(self.nodes)
        for _ in range(self.chance.randint(1, 4)):
            source, target = pick(self.chance, *keys), pick(self.chance, *keys)
            self.wire(f"{source}.out", target, pick(self.chance, "", "input % 2 == 0", "else"))


def _meters(chance: Chance) -> dict[str, Meter]:
    def breach() -> Literal["ask", "fail"]:
        return "fail" if chance.randint(0, 4) == 0 else "ask"

    limit = pick(chance, None, chance.randint(1, 9), chance.randint(10, 40))
    return {
        "tokens": Meter(limit=limit, on_breach=breach()),
        "calls": Meter(limit=chance.randint(3, 60), measure="calls", on_breach=breach()),
        "steps": Meter(limit=chance.randint(10, 90), measure="supersteps", on_breach=breach()),
    }


def random_breakpoints(chance: Chance, work: Workflow) -> tuple[Breakpoint, ...]:
    """Return a few breakpoints of a workflow, some of them with conditions."""
    found: list[Breakpoint] = []
    for _ in range(chance.randint(1, 4)):
        at: Place = pick(chance, "before", "after", "error", "commit")
        any_node = at == "commit" or (at == "error" and chance.randint(0, 1) == 0)
        condition = pick(chance, "", "state.total > 4", "run.input == 0", "input % 2 == 0")
        node = "" if any_node else pick(chance, *work.nodes)
        found.append(Breakpoint(node=node, at=at, condition=condition))
    return tuple(found)


def random_flow(
    chance: Chance, kinds: Kinds | None = None, commit: CommitPolicy = "eager", size: int = 12
) -> Workflow | None:
    """Return a workflow, or None when validation finds an error in what was drawn."""
    drawing = _Drawing(chance, kinds or Kinds(), left=size)
    start = f"{drawing.node('same')}.out"
    end = drawing.block(start)
    drawing.wire(end, drawing.node("end"))
    if drawing.kinds.wild:
        drawing.cross()
    limits = replace(
        LIMITS,
        concurrency=chance.randint(1, 4),
        by_type={"slow": chance.randint(1, 3)} if drawing.odds(30) else {},
    )
    rules = {}
    if drawing.kinds.external and drawing.odds(30):
        n = chance.randint(1, 3)
        expr = pick(chance, f"state.total < {n * 4}", f"len(state.log) < {n}", "not state.note")
        rules["cap"] = Invariant(expr=expr, on_breach=pick(chance, "ask", "fail"))
    work = flow(
        drawing.nodes,
        ",".join(dict.fromkeys(drawing.wires)),
        channels=CHANNELS,
        commit=commit,
        order=pick(chance, "breadth_first", "breadth_first", "depth_first"),
        limits=limits,
        invariants=rules,
        meters=_meters(chance) if drawing.kinds.budgets else {},
        frames=drawing.frames,
        background=pick(chance, "wait", "detach", "cancel") if drawing.kinds.others else "wait",
    )
    return work if _is_valid(work) else None


def _is_valid(work: Workflow) -> bool:
    problems = validate(work, registry(*node_types(lambda: 0)))
    return not any(problem.severity is Severity.ERROR for problem in problems)
