"""JSON values: differences, paths, previews and typed edits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.widgets.json_value import (
    ChangeKind,
    columns_of,
    find_paths,
    is_record_list,
    json_diff,
    parse_like,
    path_text,
    preview,
    read_json,
    same,
    value_at,
    with_value,
)

OLD = {"a": 1, "list": [1, {"x": 1}], "gone": None}
NEW = {"a": 2, "list": [1, {"x": 1}, 3], "new": {"y": 1}}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_a_difference_names_every_path_once() -> None:
    changes = json_diff(OLD, NEW)
    assert {path: change.kind for path, change in changes.items()} == {
        ("a",): ChangeKind.CHANGED,
        ("list", 2): ChangeKind.ADDED,
        ("gone",): ChangeKind.REMOVED,
        ("new",): ChangeKind.ADDED,
    }
    assert (changes["a",].old, changes["a",].new) == (1, 2)


def test_true_is_not_one() -> None:
    assert not same(True, 1)
    assert not same({"a": [True]}, {"a": [1]})
    assert same({"a": 1.0}, {"a": 1})
    assert list(json_diff([True], [1])) == [(0,)]


@given(values, values)
def test_no_difference_means_the_same(old: Any, new: Any) -> None:
    assert (json_diff(old, new) == {}) == same(old, new)


@given(values, values)
def test_a_difference_tells_old_and_new_truly(old: Any, new: Any) -> None:
    for path, change in json_diff(old, new).items():
        if change.kind is not ChangeKind.ADDED:
            assert same(value_at(old, path), change.old)
        if change.kind is not ChangeKind.REMOVED:
            assert same(value_at(new, path), change.new)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("invoice", "lines", 0, "amount"), "invoice.lines[0].amount"),
        (("a b", 1), '["a b"][1]'),
        (("x", "a b"), 'x["a b"]'),
        ((), ""),
    ],
)
def test_paths_read_like_expressions(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


def test_an_edit_copies_only_what_is_on_its_path() -> None:
    edited = with_value(NEW, ("list", 1, "x"), 9)
    assert edited["list"] == [1, {"x": 9}, 3]
    assert NEW["list"] == [1, {"x": 1}, 3]
    assert edited["new"] is NEW["new"]


def test_previews_are_short_and_read_no_further_than_needed() -> None:
    assert preview({"a": [1, "b"], "c": None}) == '{a: [1, "b"], c: null}'
    assert len(preview(["x" * 50] * 100_000)) <= 80
    assert len(preview("y" * 1_000_000)) <= 80


@pytest.mark.parametrize(
    ("old", "text", "new"),
    [
        (120, "95", 95),
        (120, " 95.5 ", 95.5),
        (1.5, "2", 2.0),
        ("120", "95", "95"),
        (True, "no", False),
        (None, "12", 12),
        (None, "twelve", "twelve"),
    ],
)
def test_what_is_typed_keeps_the_type(old: Any, text: str, new: Any) -> None:
    typed = parse_like(old, text)
    assert typed == new
    assert type(typed) is type(new)


@pytest.mark.parametrize(
    ("old", "text", "says"),
    [(120, "much", "a number"), (1.5, "nan", "a number"), (2, "inf", "a number"),
     (True, "perhaps", "true or false"), ([1], "1,", "JSON")],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_a_reason(old: Any, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_like(old, text)


def test_text_is_read_strictly_and_errors_name_the_line() -> None:
    assert read_json('{"a": [1, 2.5]}') == {"a": [1, 2.5]}
    with pytest.raises(json.JSONDecodeError, match="NaN is not JSON") as refused:
        read_json('{"a":\n NaN}')
    assert refused.value.lineno == 2


def test_search_finds_keys_and_values_in_reading_order() -> None:
    value = {"name": "Ada", "items": [{"sku": "adapter"}, {"sku": "b"}], "ADA": 1}
    assert find_paths(value, "ada") == [("name",), ("items", 0, "sku"), ("ADA",)]
    assert find_paths(list(range(1000)), "1", limit=5) == [(1,), (10,), (11,), (12,), (13,)]


def test_lists_of_objects_are_tables() -> None:
    assert is_record_list([{"a": 1}] * 9 + [None])
    assert not is_record_list([1, 2])
    assert not is_record_list([])
    assert columns_of([{"b": 1}, {"a": 1, "b": 2}, 7]) == ["b", "a"]
