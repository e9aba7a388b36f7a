from __future__ import annotations

import ast

import pytest

from engine.model.expression_nodes import (
    ReadSet,
    is_atom,
    is_number,
    is_text,
    unpacked_levels,
    weight_of,
)


def node(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def test_atoms_are_written_out() -> None:
    assert [is_number(node(text)) for text in ("1", "-1.5", "True", "'1'", "x")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert [is_atom(node(text)) for text in ("None", "'a'", "-1", "x", "[1]")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert is_text(node("'a'"))


@pytest.mark.parametrize(
    ("source", "weight"), [("x", 1), ("[x, x, x, x]", 2), ("x" + " + x" * 20, 3), ("{}, {}, {}", 2)]
)
def test_weight_grows_with_the_body_and_what_it_makes(source: str, weight: int) -> None:
    assert weight_of([node(source)]) == weight


def test_levels_of_unpacking() -> None:
    assert [unpacked_levels(node(text)) for text in ("a", "(a, b)", "(a, (b, [c]))")] == [0, 1, 3]


def test_reads_of_unknown_fields_are_a_star() -> None:
    reads = ReadSet()
    reads.add("state", "a")
    reads.add("state", 5)
    reads.add("now")
    assert reads.of("state") == {"a", "*"}
    assert not reads.of("vars")
    assert reads.names == {"state", "now"}
