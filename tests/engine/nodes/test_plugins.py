"""Node types of other packages come by entry point; a broken one is reported (U21)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from engine.nodes.builtin import BUILTIN
from engine.nodes.functions import node
from engine.nodes.plugins import installed


@node("my.one")
def one() -> int:
    return 1


@node("my.two")
def two() -> int:
    return 2


@node("wait.twice")
def twice() -> int:
    return 2


@dataclass
class Point:
    name: str
    found: Callable[[], Any]
    value: str = "somewhere:types"

    def load(self) -> Any:
        return self.found()


def module() -> ModuleType:
    made = ModuleType("their_nodes")
    vars(made).update(one=one, again=one, two=two, other=3)
    return made


def leaves() -> None:
    sys.exit("goodbye")


def breaks() -> None:
    raise RuntimeError("no such library")


@pytest.mark.parametrize(
    "found",
    [lambda: [one, two], lambda: lambda: (one, two), module],
    ids=["a list", "a function", "a module"],
)
def test_an_entry_point_may_be(found: Callable[[], Any]) -> None:
    result = installed([Point("theirs", found)])
    assert result.plugins == {"theirs": ("my.one", "my.two")}
    assert result.broken == ()
    assert result.registry.get("my.two") is two


def test_a_single_type_is_enough() -> None:
    assert installed([Point("theirs", lambda: one)]).plugins == {"theirs": ("my.one",)}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (breaks, "RuntimeError: no such library"),
        (leaves, "SystemExit: goodbye"),
        (lambda: [one, 3], "3, which is no node type"),
        (list, "it holds no node type"),
        (lambda: [one, BUILTIN[0]], "trigger.manual is registered already"),
        (lambda: [one, one], "my.one is registered already"),
        (lambda: 3, "not iterable"),
    ],
)
def test_a_broken_one_is_reported_and_leaves_the_others_alone(
    found: Callable[[], Any], why: str
) -> None:
    result = installed([Point("bad", found), Point("good", lambda: two)])
    assert result.plugins == {"good": ("my.two",)}
    (problem,) = result.broken
    assert why in str(problem)
    assert "The plug-in bad (somewhere:types) is left out" in str(problem)
    assert "my.one" not in result.registry
