"""Fuzzy matching puts first what a person means."""

from __future__ import annotations

import pytest

from designer.widgets.fuzzy import match, rank


def best(query: str, *texts: str) -> list[str]:
    return [text for text, _match in rank(query, texts, str)]


@pytest.mark.parametrize("query", ["", "run", "RUN", "r h", "here run", "rth"])
def test_what_matches(query: str) -> None:
    assert match(query, "Run to here") is not None


@pytest.mark.parametrize("query", ["rx", "here where", "nur z"])
def test_what_does_not_match(query: str) -> None:
    assert match(query, "Run to here") is None


def test_positions_are_the_letters_found() -> None:
    found = match("rth", "Run to here")
    assert found is not None
    assert found.positions == (0, 4, 7)


def test_a_piece_in_one_go_beats_scattered_letters() -> None:
    assert best("set", "Seven tests", "Reset", "Set") == ["Set", "Reset", "Seven tests"]


def test_the_start_of_a_word_beats_its_middle() -> None:
    assert best("port", "Import", "Export port list")[0] == "Export port list"


def test_equals_are_sorted_by_length_then_keep_their_order() -> None:
    assert best("ru", "Run again", "Run", "Run b now", "Run a now") == [
        "Run", "Run again", "Run b now", "Run a now",
    ]  # fmt: skip


def test_without_a_query_everything_stays_in_order() -> None:
    assert best("  ", "b", "a") == ["b", "a"]


def test_letters_that_fold_to_two_keep_positions_right() -> None:
    found = match("ma", "Straße malen")
    assert found is not None
    assert found.positions == (7, 8)
