"""Every reducer keeps the promises that it makes (U31, U33, U34, T40).

What it claims in its own record is tested for each one: a new reducer is tested by being
declared.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.expressions import ExpressionError
from engine.model.node_types import Registry
from engine.model.reducers import (
    REDUCERS,
    Reducer,
    ReducerError,
    merge_three_way,
    reducer_of,
    same,
)

Json = Any
_NAMES = st.sampled_from(["a", "b", "c"])
_WHOLE = st.integers(-99, 99)
_LEAF = st.none() | st.booleans() | _WHOLE | st.sampled_from(["", "x", "y"])
JSON: st.SearchStrategy[Json] = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)
_OBJECTS = st.dictionaries(_NAMES, JSON, max_size=3)
#: Sums of these are exact, so that their order cannot show.
_NUMBERS = _WHOLE | st.integers(-99, 99).map(lambda n: n / 4)
_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "tool"]), "content": _LEAF}, optional={"id": _NAMES}
    ),
    max_size=3,
)
#: What each reducer is written with, and what its channel then holds.
WRITES: dict[str, tuple[st.SearchStrategy[Json], type | tuple[type, ...]]] = {
    "replace": (JSON, object),
    "error_on_conflict": (JSON, object),
    "last": (JSON, object),
    "first": (JSON.filter(lambda value: value is not None), object),
    "append": (JSON, list),
    "extend": (st.lists(JSON, max_size=3), list),
    "union": (st.lists(JSON, max_size=3), list),
    "messages": (_MESSAGES, list),
    "keys": (_OBJECTS, dict),
    "merge": (_OBJECTS, dict),
    "deep_merge": (_OBJECTS, dict),
    "sum": (_NUMBERS, (int, float)),
    "min": (_NUMBERS, (int, float)),
    "max": (_NUMBERS, (int, float)),
}
NAMES = list(REDUCERS)


def fold(reducer: Reducer, old: Json, writes: list[Json]) -> Json:
    for write in writes:
        old = reducer.reduce(old, write)
    return old


def some_writes(name: str, *, at_least: int = 1, at_most: int = 4) -> st.SearchStrategy[Any]:
    return st.lists(WRITES[name][0], min_size=at_least, max_size=at_most)


def test_every_reducer_is_tested_here() -> None:
    assert set(WRITES) == set(REDUCERS)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_reducer_never_changes_a_value_in_place(name: str, data: st.DataObject) -> None:
    writes = data.draw(some_writes(name))
    value: Json = None
    for write in writes:
        old, before = value, copy.deepcopy((value, write))
        value = REDUCERS[name].reduce(old, write)
        assert same(old, before[0]) and same(write, before[1])


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_reducer_keeps_the_type_of_its_channel(name: str, data: st.DataObject) -> None:
    writes = data.draw(some_writes(name))
    value = fold(REDUCERS[name], None, writes)
    assert isinstance(value, WRITES[name][1]) and (value is not True or name not in "sum min max")


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in ("append", "extend", "union", "messages")]
)
@given(data=st.data())
def test_the_first_write_to_nothing_is_the_result(name: str, data: st.DataObject) -> None:
    """U33: the identity of an absent value is the first operand, with its type."""
    write = data.draw(WRITES[name][0])
    assert same(REDUCERS[name].reduce(None, write), write)


@pytest.mark.parametrize("name", [n for n in NAMES if REDUCERS[n].associative])
@given(data=st.data())
def test_a_reducer_is_associative_where_it_says_so(name: str, data: st.DataObject) -> None:
    a, b, c = data.draw(some_writes(name, at_least=3, at_most=3))
    reduce = REDUCERS[name].reduce
    assert same(reduce(reduce(a, b), c), reduce(a, reduce(b, c)))


@pytest.mark.parametrize("name", [n for n in NAMES if not REDUCERS[n].associative])
def test_the_others_say_rightly_that_they_are_not(name: str) -> None:
    reduce = REDUCERS[name].reduce
    shown = {
        "append": ([], [1], [2]),
        "deep_merge": ({"a": {"x": 1}}, {"a": 1}, {"a": {"y": 2}}),
    }
    if name in shown:
        a, b, c = shown[name]
        assert reduce(reduce(a, b), c) != reduce(a, reduce(b, c))
    else:  # writes of one commit are never folded into one another
        assert REDUCERS[name].three_way or not REDUCERS[name].combines


_COMPARED = {n for n in NAMES if REDUCERS[n].three_way or REDUCERS[n].by_key}
_UNORDERED = [n for n in NAMES if not REDUCERS[n].ordered and n not in _COMPARED]


@pytest.mark.parametrize("name", _UNORDERED)
@given(data=st.data())
def test_an_unordered_result_does_not_depend_on_who_is_first(
    name: str, data: st.DataObject
) -> None:
    writes = data.draw(some_writes(name))
    results = [fold(REDUCERS[name], None, list(order)) for order in itertools.permutations(writes)]
    assert all(same(result, results[0]) for result in results)


@given(old=st.lists(JSON, max_size=3), new=st.lists(JSON, max_size=3))
def test_a_union_holds_everything_once_in_order_of_arrival(old: Json, new: Json) -> None:
    union = REDUCERS["union"].reduce(REDUCERS["union"].reduce(None, old), new)
    for index, item in enumerate(union):
        assert not any(same(item, other) for other in union[:index])
    for item in [*old, *new]:
        assert sum(same(item, other) for other in union) == 1


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("append", 1, 2),
        ("extend", [], 1),
        ("merge", {}, [1]),
        ("merge", [1], {}),
        ("sum", 1, True),
        ("sum", "a", 1),
        ("sum", 1e308, 1e308),
        ("min", 1, "a"),
        ("max", 1, True),
        ("max", None, [1]),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_words(name: str, old: Json, new: Json) -> None:
    with pytest.raises(ReducerError, match=r"\w+ \w+"):
        REDUCERS[name].reduce(old, new)


# --- three ways ---------------------------------------------------------------------------


@given(base=JSON, value=JSON)
def test_a_write_of_what_was_there_is_no_change(base: Json, value: Json) -> None:
    """U32: a value that equals the base does not meet anybody else's."""
    assert same(merge_three_way(base, value, base), value)
    assert same(merge_three_way(base, base, value), value)
    assert same(merge_three_way(base, value, value), value)


@given(base=_OBJECTS, one=_OBJECTS, other=_OBJECTS)
def test_three_ways_agree_whoever_is_first(base: Json, one: Json, other: Json) -> None:
    def merged(first: Json, second: Json) -> Json:
        try:
            return merge_three_way(base, merge_three_way(base, base, first), second)
        except ReducerError:
            return "conflict"

    assert same(merged(one, other), merged(other, one))


def test_different_fields_are_merged_in_depth() -> None:
    base = {"a": {"x": 1, "y": 1}, "b": 1}
    one = {"a": {"x": 2, "y": 1}, "b": 1}
    other = {"a": {"x": 1, "y": 1, "z": 3}}
    assert merge_three_way(base, one, other) == {"a": {"x": 2, "y": 1, "z": 3}}


def test_a_nested_conflict_names_its_place() -> None:
    """T74."""
    with pytest.raises(ReducerError) as raised:
        merge_three_way({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 3}})
    assert raised.value.path == "a.x"


def test_numbers_of_different_types_are_different_values() -> None:
    assert not same(1, True) and not same(1, 1.0) and not same([{"a": 0}], [{"a": False}])


# --- rules of one's own -------------------------------------------------------------------


def test_a_custom_rule_is_an_expression_over_old_and_new() -> None:
    rule = reducer_of("new if old is None else old + new[::-1]")
    assert fold(rule, None, ["ab", "cd"]) == "abdc"


def test_a_custom_rule_may_use_no_other_name() -> None:
    with pytest.raises(ExpressionError):
        reducer_of("old + state.total")


def test_a_custom_rule_that_fails_says_why() -> None:
    with pytest.raises(ReducerError, match="its reducer failed"):
        reducer_of("old + new").reduce(1, "a")


def test_code_may_add_a_reducer_but_not_replace_one() -> None:
    longest = Reducer("longest", lambda old, new: max(old or "", new, key=len))
    registry = Registry(reducers=[longest])
    assert registry.reducers["longest"].recorded
    for taken in ("longest", "sum", "custom"):
        with pytest.raises(ValueError, match=taken):
            registry.add_reducer(Reducer(taken, longest.reduce))


@pytest.mark.parametrize("name", [n for n in NAMES if REDUCERS[n].changed is not None])
@given(data=st.data())
def test_a_reducer_that_tells_what_has_changed_is_right(name: str, data: st.DataObject) -> None:
    """U35: a version rises where the value changed, and only there."""
    reducer = REDUCERS[name]
    before = fold(reducer, None, data.draw(some_writes(name, at_least=0)))
    writes = data.draw(some_writes(name))
    after = fold(reducer, before, writes)
    assert reducer.changed is not None
    assert reducer.changed(before, after, writes) == (not same(before, after))


def plainly_same(a: Json, b: Json) -> bool:
    """Compare as the rule says it, however long it takes."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(plainly_same(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(plainly_same, a, b))
    return bool(a == b)


_ALIKE = st.sampled_from([0, 0.0, False, 1, 1.0, True, "", "1", None])
_NESTED: st.SearchStrategy[Json] = st.recursive(
    _ALIKE,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=4,
)


@given(a=_NESTED, b=_NESTED)
def test_values_are_the_same_when_they_are_equal_and_of_equal_types(a: Json, b: Json) -> None:
    """U32, U33: 1, 1.0 and true are three values, however deep they lie."""
    assert same(a, b) == plainly_same(a, b)
    assert same(a, copy.deepcopy(a))
    assert same({"x": [a]}, {"x": [b]}) == plainly_same(a, b)
