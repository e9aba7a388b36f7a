"""Random blocks that reach other runs: calls, state machines, work in the background, events."""

from __future__ import annotations

from typing import Any, Protocol

from engine.model.workflow import Alternative

Json = Any
#: Names of the events that random workflows emit and listen for.
EVENTS = ("e0", "e1")
#: How deep workflows are put into one another.
DEEPEST = 2


class Drawing(Protocol):
    """What these blocks need of `random_flows._Drawing`."""

    left: int
    level: int

    @property
    def has_time(self) -> bool: ...
    def node(self, type: str, params: dict[str, Json] | None = None, **fields: Any) -> str: ...
    def wire(self, source: str, target: str, when: str = "") -> None: ...
    def odds(self, percent: int) -> bool: ...
    def number(self, low: int, high: int) -> int: ...
    def choose(self, *choices: Any) -> Any: ...
    def inside(self, size: int) -> Drawing: ...
    def step(self, entry: str, when: str = "", depth: int = 0) -> str: ...
    def join(self, ports: list[str]) -> str: ...
    def document(self) -> Json: ...


def call(drawing: Drawing, entry: str, when: str, depth: int) -> str:
    """A workflow that is called: waited for, later, or never."""
    del depth
    if drawing.level >= DEEPEST:
        return drawing.step(entry, when)
    params: dict[str, Json] = {
        "document": drawing.inside(drawing.number(1, 5)).document(),
        "mode": drawing.choose("sync", "sync", "async", "forget"),
        "on_failure": drawing.choose("fail", "skip", "default", "default"),
        "default": 3,
    }
    if params["mode"] != "sync":
        params["on_failure"] = "fail"
    if drawing.has_time and drawing.odds(20) and params["mode"] == "sync":
        params["timeout_s"] = drawing.number(1, 40)
    key = drawing.node("workflow.call", params)
    drawing.wire(entry, key, when)
    return drawing.step(f"{key}.out")  # whatever came of it is a number again


def machine(drawing: Drawing, entry: str, when: str, depth: int) -> str:
    """States that are workflows of a few nodes."""
    del depth
    if drawing.level >= DEEPEST:
        return drawing.step(entry, when)
    names = [f"s{n}" for n in range(drawing.number(1, 3))]
    states = [{"name": each, "document": drawing.inside(2).document()} for each in names]
    rules: list[Json] = [
        {"source": drawing.choose("*", *names), "to": drawing.choose("end", *names),
         "on": drawing.choose("completed", "completed", "failed"),
         "when": drawing.choose("", "output % 2 == 0", "output.no")}
        for _ in range(drawing.number(0, 3))
    ]  # fmt: skip
    rules += [{"source": "*", "to": "end", "on": on} for on in ("completed", "failed")]
    params = {"states": states, "transitions": rules, "max_transitions": drawing.number(2, 5)}
    key = drawing.node("state_machine", params, on_error=drawing.choose("fail", "ignore"))
    drawing.wire(entry, key, when)
    return drawing.step(f"{key}.out")


def says(drawing: Drawing, entry: str, when: str, depth: int) -> str:
    """An event that this run, and every other one, may hear."""
    del depth
    key = drawing.node("emit", {"event": drawing.choose(*EVENTS), "payload": {"expr": "input"}})
    drawing.wire(entry, key, when)
    return f"{key}.out"


def hears(drawing: Drawing, entry: str, when: str, depth: int) -> str:
    """Wait for an event, some time at most."""
    del depth
    params: dict[str, Json] = {"event": drawing.choose(*EVENTS)}
    if drawing.odds(40):
        params |= {"timeout_s": drawing.number(1, 30), "default": 5,
                   "on_timeout": drawing.choose("fail", "timeout", "default")}  # fmt: skip
    if drawing.odds(30):
        params["match"] = "event % 2 == 0"
    key = drawing.node("listen", params)
    drawing.wire(entry, key, when)
    ends = [drawing.step(f"{key}.out")]
    if params.get("on_timeout") == "timeout":
        ends.append(drawing.step(f"{key}.timeout"))
    return drawing.join(ends) if len(ends) > 1 else ends[0]


def alternatives(drawing: Drawing, entry: str, when: str, depth: int) -> str:
    """A node that fails for some inputs, and others that do its work then."""
    del depth
    others = tuple(
        Alternative(type=drawing.choose("work", "slow"), params={"broken": list(range(0, 12, n))})
        for n in range(2, 2 + drawing.number(1, 2))
    )
    key = drawing.node("work", {"broken": list(range(8))}, alternatives=others)
    drawing.wire(entry, key, when)
    return f"{key}.out"


#: Blocks that need nobody else.
ALONE = (call, machine, says, alternatives)
BLOCKS = (*ALONE, hears)
