"""What the tasks of one commit write to channels (U29-U35; T1-T5, T38, T40, T59, T60, T73, T74)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from engine import events as ev
from engine.ids import TaskId
from engine.model.reducers import Reducer
from engine.model.workflow import Channel, Workflow
from engine.runtime.merging import WriteConflict, merge_writes
from engine.runtime.outcome import Outcome
from engine.state.channels import ChannelSpec, specs_from
from engine.state.run_state import Delta, RunState, apply
from engine.state.writes import Written, changed_by
from tests.engine.flows import Bench, flow, outcome, registry

Json = Any
CHANNELS = {
    channel.name: channel
    for channel in (
        Channel(name="one"),
        Channel(name="log", reducer="append", default=[]),
        Channel(name="total", type="number", reducer="sum", default=0),
        Channel(name="data", reducer="merge"),
        Channel(name="form", reducer="error_on_conflict"),
    )
}
SPECS = specs_from(CHANNELS)


def wrote(task: str, *writes: tuple[str, Json] | tuple[str, Json, str]) -> Outcome:
    ops = tuple((w[0], w[2] if len(w) > 2 else "reduce", w[1]) for w in writes)
    return Outcome(task=TaskId(task), kind="output", writes=ops)


def merged(*outcomes: Outcome, specs: dict[str, ChannelSpec] = SPECS, **base: Json) -> Json:
    return merge_writes(outcomes, base, specs).channels


def refusal(*outcomes: Outcome, **base: Json) -> WriteConflict:
    with pytest.raises(WriteConflict) as raised:
        merge_writes(outcomes, base, SPECS)
    return raised.value


def test_two_writers_of_one_value_are_both_named() -> None:
    """T59: the conflict names who wrote first and who failed."""
    error = refusal(wrote("a", ("one", 1)), wrote("b", ("one", 2)))
    assert (error.task, error.code) == ("b", "conflict")
    assert "a and b both write to one" in str(error)


def test_writers_of_equal_values_agree() -> None:
    """T74."""
    assert merged(wrote("a", ("one", {"x": 1})), wrote("b", ("one", {"x": 1}))) == {"one": {"x": 1}}


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_a_write_of_what_was_there_yields_to_a_change(order: tuple[str, ...]) -> None:
    """U32: the comparison has three ways, whoever comes first."""
    values = {"a": 1, "b": 5, "c": 1}
    assert merged(*(wrote(t, ("one", values[t])) for t in order), one=1) == {"one": 5}


def test_one_writer_may_write_twice() -> None:
    assert merged(wrote("a", ("one", 1), ("one", 2))) == {"one": 2}
    assert merged(wrote("a", ("form", 1), ("form", 2)), form=0) == {"form": 2}


def test_true_is_not_one() -> None:
    error = refusal(wrote("a", ("one", 1)), wrote("b", ("one", True)))
    assert error.code == "conflict"


def test_different_fields_of_one_form_are_merged() -> None:
    base = {"name": "x", "age": {"years": 1}}
    a = {"name": "y", "age": {"years": 1}}
    b = {"name": "x", "age": {"years": 2}}
    found = merged(wrote("a", ("form", a)), wrote("b", ("form", b)), form=base)
    assert found == {"form": {"name": "y", "age": {"years": 2}}}


def test_a_nested_conflict_names_the_place_and_both_writers() -> None:
    """T74, with a third writer between them who changed something else."""
    base = {"age": {"years": 1}, "name": "x"}
    error = refusal(
        wrote("a", ("form", {"age": {"years": 2}, "name": "x"})),
        wrote("m", ("form", {"age": {"years": 1}, "name": "y"})),
        wrote("b", ("form", {"age": {"years": 3}, "name": "x"})),
        form=base,
    )
    assert (error.task, error.code) == ("b", "conflict")
    assert "a and b both change form.age.years" in str(error)


def test_delete_is_an_operation_and_none_a_value() -> None:
    """U34: None is written like any other value; a delete gives the default back."""
    assert merged(wrote("a", ("one", None)), one=3) == {"one": None}
    assert merged(wrote("a", ("log", None)), log=[1]) == {"log": [1, None]}
    assert merged(wrote("a", ("log", None, "delete")), log=[1]) == {"log": []}


@pytest.mark.parametrize("op", ["set", "delete"])
def test_what_goes_past_a_reducer_meets_no_other_write(op: str) -> None:
    first = refusal(wrote("a", ("log", [9], op)), wrote("b", ("log", 1)), log=[1])
    then = refusal(wrote("a", ("log", 1)), wrote("b", ("log", [9], op)), log=[1])
    assert {first.code, then.code} == {"conflict"}


def test_set_is_not_merged() -> None:
    assert merged(wrote("a", ("total", 5), ("total", 1, "set")), total=7) == {"total": 1}


@pytest.mark.parametrize("name", ["log", "total", "data"])
def test_one_writer_equals_many(name: str) -> None:
    """T60, C5.7: reducers run for every write, of one writer or of several."""
    values: list[Json] = [{"a": 1}, {"b": 2}] if name == "data" else [1, 2]
    many = merged(*(wrote(f"t{n}", (name, value)) for n, value in enumerate(values)))
    assert many == {name: {"log": [1, 2], "total": 3, "data": {"a": 1, "b": 2}}[name]}
    assert merged(wrote("t", *((name, value) for value in values))) == many


def test_a_type_that_does_not_fit_fails_its_writer_only() -> None:
    error = refusal(wrote("a", ("one", 1)), wrote("b", ("total", "x")))
    assert (error.task, error.code) == ("b", "reducer")


def test_an_undeclared_channel_is_refused() -> None:
    """U26."""
    assert refusal(wrote("a", ("other", 1))).code == "undeclared_channel"


# --- versions -----------------------------------------------------------------------------


def applied(state: RunState, *outcomes: Outcome) -> tuple[str, ...]:
    found = merge_writes(outcomes, state.channels, SPECS)
    changed = changed_by(state.channels, found.ops, found.channels, SPECS)
    apply(state, Delta(ops=found.ops), SPECS, state.commit + 1)
    return changed


def test_a_version_rises_by_one_when_a_commit_changes_the_value() -> None:
    """U35, T1, T3: however many write, and however many keys."""
    state = RunState(channels={"data": {}, "one": 1})
    applied(state, wrote("a", ("data", {"x": 1}), ("data", {"y": 1})), wrote("b", ("data", {})))
    assert state.versions == {"data": 1}
    assert applied(state, wrote("a", ("data", {"x": 1}), ("one", 1))) == ()
    assert state.versions == {"data": 1}


def test_changed_channels_are_listed_in_canonical_order() -> None:
    """T2."""
    state = RunState(channels={"one": 0, "log": [], "total": 0})
    changed = applied(state, wrote("a", ("total", 1)), wrote("b", ("log", 1), ("one", 0)))
    assert changed == ("total", "log")


def test_an_old_snapshot_never_changes() -> None:
    """T38: values are shared, and nobody changes them."""
    state = RunState(channels={"log": [1], "data": {"a": {"b": 1}}})
    then = state.copy()
    applied(state, wrote("a", ("log", 2), ("data", {"a": 2})))
    assert then.channels == {"log": [1], "data": {"a": {"b": 1}}}


class Counting(str):
    """A text that counts how often one of its kind is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counting.compared += 1
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def test_a_commit_compares_what_was_written_and_not_what_a_channel_holds() -> None:
    """A value of a megabyte costs what changes in it."""
    state = RunState(channels={"data": {f"k{n}": Counting(n) for n in range(1000)}})
    found = merge_writes([wrote("a", ("data", {"k7": Counting("new")}))], state.channels, SPECS)
    Counting.compared = 0
    changed = changed_by(state.channels, found.ops, found.channels, SPECS)
    delta = Delta(ops=found.ops)
    apply(state, delta, SPECS, 0, Written(found.channels, changed))
    assert (changed, state.versions) == (("data",), {"data": 1})
    assert state.channels["data"] is found.channels["data"]
    assert Counting.compared == 1


def test_a_restore_compares_what_was_written_and_not_what_a_channel_holds() -> None:
    state = RunState(channels={"data": {f"k{n}": Counting(n) for n in range(1000)}})
    found = merge_writes([wrote("a", ("data", {"k7": Counting("7")}))], state.channels, SPECS)
    Counting.compared = 0
    apply(state, Delta(ops=found.ops), SPECS, 0)
    assert state.versions == {}
    assert Counting.compared == 1


# --- in a run -----------------------------------------------------------------------------


def both(channel: Channel, a: str, b: str, **settings: Any) -> Workflow:
    return flow(
        {"s": "same", "a": ("same", {}, {"writes": {channel.name: a}}),
         "b": ("same", {}, {"writes": {channel.name: b}}), "z": "end"},
        "s > a, s > b, a > z, b > z",
        channels=[channel], result=f"state.{channel.name}", **settings,
    )  # fmt: skip


async def test_an_expression_of_the_document_merges() -> None:
    channel = Channel(name="c", reducer="custom", reduce="old * 10 + new", default=0)
    async with Bench() as bench:
        assert outcome(await bench.run(both(channel, "1", "2"))) == 12


async def test_a_reducer_of_code_merges_and_its_results_are_kept() -> None:
    """A store restores what was merged by code that it does not have."""
    longest = Reducer("longest", lambda old, new: max(old or "", new, key=len))
    channel = Channel(name="c", reducer="longest")
    async with Bench() as bench:
        bench.engine.registry.add_reducer(longest)
        handle = await bench.start(both(channel, "'ab'", "'c'"))
        assert handle.state.channels == {"c": "ab"}
        assert bench.engine.state_at(handle.run).channels == {"c": "ab"}
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_reducer_that_is_not_there_is_an_error_of_the_document() -> None:
    from engine.model.validation import validate

    found = validate(both(Channel(name="c", reducer="longest"), "1", "1"), registry())
    assert [(p.rule, p.field) for p in found if p.rule.startswith("E")] == [
        ("E022-channel", "channels.c.reducer")
    ]


async def test_the_declared_order_wins_not_that_of_finishing() -> None:
    """T73: under strict, whoever finishes first."""
    work = both(Channel(name="c", reducer="last"), "'a'", "'b'", commit="strict")
    async with Bench() as bench:
        assert outcome(await bench.run(work)) == "b"


async def test_errors_of_one_commit_come_in_canonical_order() -> None:
    """T4."""
    work = flow({"s": "same", "b": ("boom", {}, {"on_error": "ignore"}),
                 "a": ("boom", {}, {"on_error": "ignore"})}, "s > b, s > a")  # fmt: skip
    async with Bench() as bench:
        await bench.run(work)
        assert bench.order(ev.TaskFailed) == ["a", "b"]
