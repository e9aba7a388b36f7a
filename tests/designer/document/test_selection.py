"""What is selected: told once, pruned, with one node in focus."""

from __future__ import annotations

import pytest

from designer.document.selection import Selection

pytestmark = pytest.mark.usefixtures("qapp")


def test_selecting_what_is_selected_says_nothing() -> None:
    selection, told = Selection(), []
    selection.changed.connect(lambda: told.append(1))
    selection.set(nodes=("a",))
    selection.set(nodes=["a"])
    assert len(told) == 1


def test_the_only_selected_node_has_the_focus() -> None:
    selection = Selection()
    selection.set(nodes=("a",))
    assert selection.current == "a"
    assert selection.node == "a"


def test_toggling_adds_and_takes_out() -> None:
    selection = Selection()
    selection.set(nodes=("a",))
    selection.toggle(node="b")
    assert selection.nodes == {"a", "b"}
    selection.toggle(node="a")
    assert selection.nodes == {"b"}


def test_clearing_keeps_the_focus() -> None:
    selection = Selection()
    selection.set(nodes=("a",))
    selection.clear()
    assert selection.is_empty
    assert selection.current == "a"
