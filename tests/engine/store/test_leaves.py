from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from engine.events import ErrorInfo, RunFailed, RunFinished
from engine.ids import TaskId
from engine.model.node_types import Option, Request
from engine.state.run_state import Delta, ParkedWait, RunState, Task
from engine.state.writes import ChannelOp
from engine.store.encoding import EventPage
from engine.store.leaves import keep, map_leaves

Json = Any


def mark(value: Json) -> Json:
    return f"<{value}>"


def test_json_is_found_wherever_a_delta_holds_it() -> None:
    task = Task(TaskId("t"), "t", (), 0, 0, 0, 1.0, pinned={"c": 1})
    delta = Delta(
        put_values={"v": 1},
        put_memory={"m": 1},
        put_results={"r": 1},
        put_tasks={"t": task},
        put_waits={"w": ParkedWait(TaskId("w"), "timer", 0.0, payload=1)},
        ops=[ChannelOp("c", 1, "set", TaskId("t"))],
    )
    found = map_leaves(delta, mark, keep)
    assert [found.put_values, found.put_memory, found.put_results] == [
        {"v": "<1>"},
        {"m": "<1>"},
        {"r": "<1>"},
    ]
    assert found.put_tasks["t"].pinned == {"c": "<1>"}
    assert found.put_waits["w"].payload == "<1>"
    assert found.ops[0].value == "<1>"
    assert delta.put_values == {"v": 1}


def test_events_of_a_union_are_walked_by_what_they_are() -> None:
    failed = RunFailed(error=ErrorInfo(code="c", message="m", details=1))
    page = map_leaves(EventPage(None, [failed, RunFinished(result=2)]), mark, keep)
    assert isinstance(page.events[0], RunFailed)
    assert page.events[0].error.details == "<1>"
    assert page.events[1] == RunFinished(result="<2>")


def test_text_and_json_are_told_apart() -> None:
    request = Request(title="t", payload="p", options=(Option(key="k", title="o", port="x"),))
    found = map_leaves(request, mark, str.upper)
    assert (found.title, found.payload, found.options[0].title) == ("T", "<p>", "O")


def test_every_json_field_of_the_state_is_reached() -> None:
    one = {"k": 1}
    state = RunState(channels=one, memory=one, values=one, results=one, counters=one)
    found = map_leaves(state, mark, keep)
    assert [found.channels, found.memory, found.values, found.results] == [{"k": "<1>"}] * 4
    assert found.counters == one


class Fresh(msgspec.Struct):
    """A struct with a kind of field that no struct of ours has yet."""

    pairs: tuple[tuple[str, Json], ...] = ()
    maybe: dict[str, list[Json]] | None = None


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Fresh
    count: int = 0


def test_new_fields_need_no_word_here() -> None:
    value = Outer(Fresh(pairs=(("a", 1),), maybe={"x": [1, 2]}), 3)
    found = map_leaves(value, mark, keep)
    assert found == Outer(Fresh(pairs=(("a", "<1>"),), maybe={"x": ["<1>", "<2>"]}), 3)
