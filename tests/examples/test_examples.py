from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.interchange.wfformat import load_wfformat
from engine.model import codec
from engine.model.validation import validate
from engine.nodes.builtin import builtin_registry
from resources import examples as shipped
from resources.examples import Example, example_in, examples, is_shipped, working_copy

FOLDER = Path(shipped.__file__).parent


def named(name: str) -> Example:
    return next(each for each in examples() if each.name == name)


@pytest.mark.parametrize("example", examples(), ids=lambda each: each.name)
def test_an_example_is_a_canonical_document_without_a_problem(example: Example) -> None:
    workflow = codec.load_file(example.path)
    assert validate(workflow, builtin_registry()) == ()
    assert codec.dumps(workflow) == example.path.read_bytes()
    assert set(workflow.view.positions) == set(workflow.nodes)
    assert workflow.settings.description


@pytest.mark.parametrize(
    ("script", "files"),
    [
        ("invoices/make_invoices.py", ["invoices.csv", "suppliers.csv"]),
        ("mosaic/make_mosaic.py", ["sky-mosaic.json"]),
    ],
)
def test_the_data_is_what_its_script_makes(script: str, files: list[str], tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER / script, tmp_path], check=True)
    for name in files:
        assert (tmp_path / name).read_bytes() == (FOLDER / script).with_name(name).read_bytes()


def test_the_scientific_workflow_is_its_imported_trace() -> None:
    imported = load_wfformat(FOLDER / "mosaic" / "sky-mosaic.json", scale=0.08)
    assert codec.dumps(imported) == named("scientific-workflow").path.read_bytes()


def test_a_copy_has_everything_and_is_trusted(tmp_path: Path) -> None:
    copy = working_copy(named("invoice-approval"), tmp_path)
    assert copy == tmp_path / "invoice-approval" / "invoice-approval.flow.json"
    assert (copy.parent / "invoices" / "invoices.csv").is_file()
    assert is_shipped(copy)
    assert example_in(copy) is None


def test_an_unchanged_copy_is_used_again_with_what_runs_have_written(tmp_path: Path) -> None:
    copy = working_copy(named("invoice-approval"), tmp_path)
    (copy.parent / "out").mkdir()
    assert working_copy(named("invoice-approval"), tmp_path) == copy


@pytest.mark.parametrize("file", ["service-health.flow.json", "services/service.py"])
def test_an_edited_copy_is_left_alone_and_no_longer_trusted(tmp_path: Path, file: str) -> None:
    first = working_copy(named("service-health"), tmp_path)
    edited = first.parent / file
    edited.write_text(edited.read_text() + "\n")
    before = edited.read_bytes()
    second = working_copy(named("service-health"), tmp_path)
    assert second == tmp_path / "service-health-2" / first.name
    assert edited.read_bytes() == before
    assert is_shipped(second)
    assert not is_shipped(first)


def test_a_copy_that_was_broken_off_is_made_again(tmp_path: Path) -> None:
    (tmp_path / ".service-health.new").mkdir()
    (tmp_path / ".service-health.new" / "half").touch()
    copy = working_copy(named("service-health"), tmp_path)
    assert is_shipped(copy)
    assert not (copy.parent / "half").exists()
