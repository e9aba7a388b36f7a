"""bench/compare.py is a program; here it is imported as a module from its folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("compare", BENCH / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "compare", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def measured(compare: Any, headgate: list[float], langgraph: list[float]) -> Any:
    row = compare.rows_of(["W1"])[0]
    entry = {"versions": {"headgate": "1"}, "machine_ms": 9.0, "prepare_ms": 12.0}
    rounds = {"headgate": headgate, "langgraph": langgraph}
    return compare.Measured(
        row, {name: [{**entry, "per_s": each} for each in found] for name, found in rounds.items()}
    )


def test_ratios_are_taken_within_a_round(compare: Any) -> None:
    found = measured(compare, headgate=[100, 400, 100], langgraph=[10, 40, 20])
    assert found.ratio("headgate", "langgraph") == (10, 5, 10)


def test_a_subject_that_was_left_out_has_no_figures(compare: Any) -> None:
    found = measured(compare, headgate=[100.0], langgraph=[])
    assert found.median("langgraph") is None
    assert "| 100 |  |  |" in compare.summary([found], 1)


def test_figures_have_three_digits(compare: Any) -> None:
    figures = [compare.figure(each) for each in (0.98765, 12.345, 123.4, 1234.0, 98_765.0)]
    assert figures == ["0.988", "12.3", "123", "1,230", "98,800"]


def test_only_the_figures_of_the_page_are_replaced(compare: Any, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{compare.BEGIN}\nold\n{compare.END}\nafter\n")
    compare.write_page("new", page)
    assert page.read_text() == f"before\n{compare.BEGIN}\nnew\n{compare.END}\nafter\n"


def test_a_page_without_a_place_for_figures_is_left_alone(compare: Any, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("mine")
    with pytest.raises(SystemExit, match="no place for the figures"):
        compare.write_page("new", page)
    assert page.read_text() == "mine"


@pytest.mark.parametrize("work", ["W1", "W5", "W2", "W3", "W4", "W10"])
def test_every_row_runs_and_checks_its_result(
    compare: Any, work: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compare, "ENVIRONMENTS", tmp_path)
    rows = compare.rows_of([work], scale=0.005)
    pythons = {name: Path(sys.executable) for name in ("limit", "headgate")}
    for each in compare.measure_all(rows[:1], pythons, 1, lambda line: None):
        assert all(found[0]["per_s"] > 0 for found in each.rounds.values())
