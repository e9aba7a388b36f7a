from __future__ import annotations

import datetime as dt
from types import MappingProxyType

import pytest

from engine.model.expression_values import (
    MAX_ITEMS,
    MAX_TEXT,
    Budget,
    Fault,
    MissingFault,
    items_of,
    json_text,
    kind_of,
    plain,
    set_items,
    suggestion,
    take_search,
    text_of,
)


def test_budget_ends_with_its_last_step() -> None:
    budget = Budget(3)
    budget.take(3)
    with pytest.raises(Fault, match="steps"):
        budget.take(1)


def test_sizes_are_limited_whatever_is_left() -> None:
    with pytest.raises(Fault, match="characters"):
        Budget(10**12).take_text(MAX_TEXT + 1)
    with pytest.raises(Fault, match="items"):
        Budget(10**12).take_items(MAX_ITEMS + 1)


def test_items_are_paid_for_before_the_first_is_seen() -> None:
    budget = Budget(10)
    assert list(items_of(budget, {"a": 1, "b": 2}, weight=2)) == ["a", "b"]
    assert budget.steps == 6
    with pytest.raises(Fault, match="steps"):
        items_of(budget, [0] * 100)
    with pytest.raises(Fault, match="null has no items"):
        items_of(budget, None)


def test_sets_have_one_order() -> None:
    day = dt.date(2030, 1, 2)
    assert set_items({"b", 2, None, "a", day, True}) == [None, True, 2, "a", "b", day]


def test_plain_values_are_handed_back_themselves() -> None:
    value = {"a": [1, "b", {"c": None}], "d": 1.5}
    assert plain(Budget(), value) is value


def test_only_what_is_not_plain_is_copied() -> None:
    inner = [1]
    value: dict[str, object] = {
        "keep": inner,
        "set": {2, 1},
        "day": dt.date(2030, 1, 2),
        "t": (1,),
        "r": range(2),
    }
    clean = plain(Budget(), value)
    assert clean == {"keep": [1], "set": [1, 2], "day": "2030-01-02", "t": [1], "r": [0, 1]}
    assert isinstance(clean, dict)
    assert clean["keep"] is inner
    assert value["set"] == {1, 2}
    assert plain(Budget(), MappingProxyType({"a": {1}})) == {"a": [1]}


@pytest.mark.parametrize("value", [float("inf"), [float("nan")], {1: 2}, [object()], {"a": b"x"}])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(Fault):
        plain(Budget(), value)


def test_shared_parts_count_as_often_as_they_are_mentioned() -> None:
    shared: list[object] = [0] * 100
    for _ in range(5):
        shared = [shared] * 100
    with pytest.raises(Fault, match="steps"):
        plain(Budget(), shared)


def test_text_of_values() -> None:
    budget = Budget()
    assert [text_of(budget, value) for value in ("a", None, True, 1.0, [None, "é"], {1})] == [
        "a", "None", "True", "1.0", '[null, "é"]', "[1]",
    ]  # fmt: skip
    assert text_of(budget, dt.date(2030, 1, 2)) == "2030-01-02"
    assert text_of(budget, dt.timedelta(minutes=1)) == "60.0"


def test_canonical_json_has_sorted_keys_and_no_spaces() -> None:
    assert json_text(Budget(), {"b": {2, 1}, "a": None}, canonical=True) == '{"a":null,"b":[1,2]}'


def test_searching_backwards_costs_the_product_of_the_lengths() -> None:
    forwards, backwards = Budget(), Budget()
    take_search(forwards, "a" * 10**5, "b" * 1_000)
    take_search(backwards, "a" * 10**5, "b" * 1_000, backwards=True)
    assert backwards.steps < forwards.steps


def test_suggestions_name_the_nearest_key_or_what_there_is() -> None:
    assert suggestion("totl", {"total": 1, "a": 2}) == "; did you mean 'total'?"
    assert suggestion("zzz", ["a", "b"]) == "; there is 'a', 'b'"
    assert suggestion("zzz", "abcdefg") == "; there is 'a', 'b', 'c', 'd', 'e', ..."
    assert suggestion(5, {"a": 1}) == ""


def test_missing_keys_describe_themselves_when_read() -> None:
    assert str(MissingFault({"total": 1}, "totl")).endswith("did you mean 'total'?")
    assert str(MissingFault([1], 3)) == "index 3 is beyond 1 items"
    assert str(MissingFault(None, "a")) == "null has no 'a'"


def test_kinds_have_words() -> None:
    values = [None, True, 1, "a", [], (), {}, set[int](), dt.date(2030, 1, 1), object()]
    assert [kind_of(value) for value in values] == [
        "null", "true or false", "a number", "text", "a list", "a list", "an object", "a set",
        "a date", "a value of type object",
    ]  # fmt: skip
