"""docs/semantics.md is complete, and everything that it names is there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [UTC]\d+ \|", line)
]
NAMES = re.compile(r"`([^`]+)`")


@functools.cache
def defined(path: Path) -> frozenset[str]:
    """Return what a module defines: ``name`` and ``Class.name``."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Assign():
                found |= {ast.unparse(target) for target in node.targets}
            case ast.AnnAssign():
                found.add(ast.unparse(node.target))
            case _:
                pass
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(found)


def names(column: int) -> list[tuple[str, str]]:
    """Return (row, name) for every name in a column."""
    return [(row[0], name) for row in ROWS for name in NAMES.findall(row[column])]


@pytest.mark.parametrize(("letter", "last"), [("U", 127), ("T", 110), ("C", 13)])
def test_every_number_is_there_once_and_in_order(letter: str, last: int) -> None:
    numbers = [row[0] for row in ROWS if row[0].startswith(letter)]
    assert numbers == [f"{letter}{number}" for number in range(1, last + 1)]


def test_a_row_is_proved_or_says_why_not() -> None:
    silent = [row[0] for row in ROWS if not (NAMES.search(row[3]) and NAMES.search(row[2]))]
    assert [row[0] for row in ROWS if row[0] in silent and "*" not in row[3]] == []


def test_all_code_that_is_named_is_there() -> None:
    """A name that moved is to be put right in the page: that is all that this asks."""
    gone: list[str] = []
    for row, name in names(2):
        module, _, attribute = name.partition(":")
        path = ROOT / (module.replace(".", "/") + ".py")
        if not path.exists() or attribute not in defined(path):
            gone.append(f"{row}: {name}")
    assert gone == []


def test_all_tests_that_are_named_are_there() -> None:
    """A test that moved is to be put right in the page: that is all that this asks."""
    gone: list[str] = []
    for row, name in names(3):
        file, separator, test = name.partition("::")
        if not separator:
            continue
        path = ROOT / "tests" / file
        if not path.exists() or test not in defined(path):
            gone.append(f"{row}: {name}")
    assert gone == []
