"""bench/compare.py is a program; here it is imported as a module from its folder."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    for name in ("rows", "tables", "compare"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("compare")


@pytest.fixture
def tables(compare: Any) -> Any:
    del compare  # it puts the folder on the path
    return importlib.import_module("tables")


def measured(compare: Any, headgate: list[float], langgraph: list[float], work: str = "W1") -> Any:
    row = compare.rows_of([work])[0]
    entry = {"versions": {"headgate": "1"}, "machine_ms": 9.0, "prepare_ms": 12.0}
    rounds = {"headgate": headgate, "langgraph": langgraph}
    return compare.Measured(
        row, {name: [{**entry, row.name: each} for each in found] for name, found in rounds.items()}
    )


def test_ratios_are_taken_within_a_round(compare: Any) -> None:
    found = measured(compare, headgate=[100, 400, 100], langgraph=[10, 40, 20])
    assert found.ratio("headgate", "langgraph") == (10, 5, 10)


def test_a_subject_that_was_left_out_has_no_figures(compare: Any) -> None:
    found = measured(compare, headgate=[100.0], langgraph=[])
    assert found.median("langgraph") is None
    assert "|  |  |  |  | 100 |  | ≥ 11.1 |  |" in compare.summary([found], 1)


def test_a_budget_is_met_by_a_greater_speed_or_a_shorter_time(compare: Any, tables: Any) -> None:
    def met(work: str, ours: float) -> str:
        line: str = tables.speeds([measured(compare, [ours], [100.0], work)])[-1]
        return line.split("|")[-2].strip()

    assert [met("W1", 1200.0), met("W1", 1000.0)] == ["yes", "**no**"]
    assert [met("W6", 50.0), met("W6", 60.0)] == ["yes", "**no**"]


def test_the_page_says_when_the_machine_was_busy(compare: Any) -> None:
    found = measured(compare, [100.0], [10.0])
    assert "was not quiet" in compare.summary([found], 1, load=3.0)
    assert "was not quiet" not in compare.summary([found], 1, load=0.1)


def test_figures_have_three_digits(tables: Any) -> None:
    figures = [tables.figure(each) for each in (0.98765, 12.345, 123.4, 1234.0, 98_765.0)]
    assert figures == ["0.988", "12.3", "123", "1,230", "98,800"]


def test_only_the_figures_of_the_page_are_replaced(tables: Any, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    tables.write_page("new", page)
    assert page.read_text() == f"before\n{tables.BEGIN}\nnew\n{tables.END}\nafter\n"


def test_a_page_without_a_place_for_figures_is_left_alone(tables: Any, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("mine")
    with pytest.raises(SystemExit, match="no place for the figures"):
        tables.write_page("new", page)
    assert page.read_text() == "mine"


@pytest.mark.parametrize("work", [f"W{number}" for number in range(1, 12)])
def test_every_workload_runs_and_checks_its_result(
    compare: Any, work: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compare, "ENVIRONMENTS", tmp_path)
    rows = compare.rows_of([work], scale=0.005)[:1]
    pythons = {name: Path(sys.executable) for name in ("limit", "headgate")}
    (found,) = compare.measure_all(rows, pythons, 1, lambda line: None)
    for subject in pythons:
        assert found.rounds[subject][0][found.row.name] > 0
