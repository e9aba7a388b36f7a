from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.changes import unique_key
from engine.model.keys import free_key, is_key, slug
from tests.engine.model.kit import flow


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Read invoices", "read_invoices"),
        ("Prüfen & senden!", "prufen_senden"),
        ("http.request", "http_request"),
        ("__x__", "x"),
        ("日本", "node"),
        ("", "node"),
    ],
)
def test_slug_says_what_the_title_says(text: str, key: str) -> None:
    assert slug(text) == key


@given(st.text(), st.sets(st.sampled_from(["node", "node_2", "a", "a_2", "a_9"])))
def test_free_key_is_a_key_that_is_free(base: str, taken: set[str]) -> None:
    key = free_key(taken, base)
    assert is_key(key)
    assert key not in taken


@pytest.mark.parametrize(
    ("keys", "base", "key"),
    [
        ("a", "b", "b"),
        ("a", "a", "a_2"),
        ("a a_2", "a_2", "a_3"),
        ("a a_2 a_3", "a", "a_4"),
        ("x" * 50, "x" * 50, "x" * 48 + "_2"),
    ],
)
def test_taken_key_is_counted_on(keys: str, base: str, key: str) -> None:
    assert unique_key(flow(keys), base) == key
