from __future__ import annotations

import pytest

from engine.model.expression_comparisons import contains, equal, hashable, order_key
from engine.model.expression_values import Budget, Fault


def test_shared_parts_do_not_make_equality_slow() -> None:
    left: list[object] = [0]
    right: list[object] = [0]
    for _ in range(40):
        left, right = [left, left], [right, right]
    with pytest.raises(Fault, match="steps"):
        equal(Budget(), left, right)


def test_long_texts_in_lists_are_compared_by_the_step() -> None:
    budget = Budget(10**5)
    with pytest.raises(Fault, match="steps"):
        contains(budget, "a" * 10**6 + "b", ["a" * 10**6 + "c"] * 1_000)
    assert not contains(Budget(10**4), "a" * 10**6, ["b"] * 1_000)


def test_numbers_that_could_collide_are_no_keys() -> None:
    assert hashable(2**61 - 2) == 2**61 - 2
    for number in (2**61 - 1, -(2**61 - 1) * 5):
        with pytest.raises(Fault, match="so large a number"):
            hashable(number)


def test_shared_parts_do_not_make_order_slow() -> None:
    shared: list[object] = [0] * 100
    for _ in range(5):
        shared = [shared] * 100
    with pytest.raises(Fault, match="steps"):
        order_key(Budget(), shared)


def test_the_same_value_is_equal_at_once() -> None:
    budget, value = Budget(1), [list(range(1_000))]
    assert equal(budget, value, value)
    assert budget.steps == 1
