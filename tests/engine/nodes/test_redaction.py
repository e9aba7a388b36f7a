from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.nodes.redaction import STARS, Redactor


@given(st.lists(st.integers(1, 7), max_size=30))
def test_a_secret_is_hidden_however_the_text_is_cut(sizes: list[int]) -> None:
    text = "ab secret se sec secretsecret cret"
    redactor, shown, start = Redactor(["secret"]), "", 0
    for size in sizes:
        shown += redactor.feed(text[start : start + size])
        assert "secret" not in shown
        start += size
    shown += redactor.feed(text[start:]) + redactor.finish()
    assert shown == text.replace("secret", STARS)


@pytest.mark.parametrize("text", ["", "plain", "abc"])
def test_other_text_is_left_alone(text: str) -> None:
    redactor = Redactor(["hushhush", "xy"])
    assert redactor.feed(text) + redactor.finish() == text


def test_of_two_secrets_the_longer_one_is_hidden_whole() -> None:
    redactor = Redactor(["token", "token-extra"])
    assert redactor.feed("a token-extra b token c") + redactor.finish() == "a ••• b ••• c"
