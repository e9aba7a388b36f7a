"""Every import contract of pyproject.toml holds, and every one of them can fail.

A contract that cannot fail protects nothing: a misspelt module or a pattern that matches
nothing looks like a clean tree. So each line of the architecture has a probe here, an import
that breaks it, written into a copy of the tree.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "designer", "resources")


@dataclass(frozen=True)
class Probe:
    """Imports that the contract must refuse."""

    contract: str
    imports: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return ", ".join(f"{importer} -> {imported}" for importer, imported in self.imports)


def probes(contract: str, *imports: str) -> list[Probe]:
    """One probe for each text `"importer -> imported"`; several imports are parted by `;`."""
    found = []
    for text in imports:
        pairs = [each.split(" -> ") for each in text.split("; ")]
        found.append(Probe(contract, tuple((importer, imported) for importer, imported in pairs)))
    return found


PROBES = [
    *probes(
        "engine-layers",
        "engine.errors -> engine.ids",
        "engine.ids -> engine.errors",
        "engine.errors -> engine.events",
        "engine.ids -> engine.commands",
        "engine.events -> engine.commands",
        "engine.commands -> engine.events",
        "engine.events -> engine.run_view",
        "engine.run_view -> engine.model.workflow",
        "engine.model.workflow -> engine.state.status",
        "engine.state.status -> engine.runtime.ports",
        "engine.runtime.ports -> engine.store",
        "engine.runtime.ports -> engine.executors",
        "engine.runtime.ports -> engine.nodes",
        "engine.store -> engine.run_handle",
        "engine.run_handle -> engine.facade",
        "engine.facade -> engine.triggers",
        "engine.triggers -> engine.app",
        "engine.store -> engine.executors",
        "engine.executors -> engine.nodes",
        "engine.nodes -> engine.store",
        "engine.store -> engine.app",
        "engine.sinks -> engine.store",
        "engine.nodes -> engine.sinks",
        "engine.app -> engine.interchange",
        "engine.app -> engine.flow",
        "engine.interchange -> engine.flow",
        "engine.flow -> engine.cli",
        "engine.evaluation -> engine.flow",
        "engine.interchange -> engine.evaluation",
        "engine.interchange -> engine.cli",
        "engine.cli -> engine.__main__",
        "engine.unheard_of -> engine.ids",
    ),
    *probes("events-ids", "engine.events -> engine.errors"),
    *probes(
        "engine-without-qt",
        "engine.cli -> designer",
        "engine.app -> designer.settings",
        "engine.nodes -> PySide6.QtCore",
        "engine.runtime.ports -> qasync",
    ),
    *probes(
        "engine-acyclic",
        "engine.nodes.one -> engine.nodes.two; engine.nodes.two -> engine.nodes.one",
    ),
    *probes(
        "sqlmodel-in-store",
        "engine.app -> sqlmodel",
        "engine.runtime.ports -> sqlmodel",
        "designer.runs -> sqlmodel",
    ),
    *probes(
        "networkx-in-graph-work",
        "engine.model.validation -> networkx",
        "engine.runtime.superstep -> networkx",
        "designer.canvas -> networkx",
    ),
    *probes(
        "designer-layers",
        "designer.theme -> designer.actions",
        "designer.actions -> designer.document",
        "designer.actions -> designer.runs",
        "designer.document -> designer.runs",
        "designer.runs -> designer.document",
        "designer.document -> designer.canvas",
        "designer.runs -> designer.panels",
        "designer.canvas -> designer.panels",
        "designer.panels -> designer.canvas",
        "designer.panels -> designer.main_window",
        "designer.main_window -> designer.app",
        "designer.app -> designer.__main__",
        "designer.unheard_of -> designer.theme",
    ),
    *probes(
        "designer-acyclic",
        "designer.panels.one -> designer.panels.two; designer.panels.two -> designer.panels.one",
        "designer.theme -> designer.settings; designer.settings -> designer.theme",
    ),
    *probes(
        "designer-doors-to-engine",
        "designer.document -> engine.app",
        "designer.document -> engine.events",
        "designer.document.files -> engine.store",
        "designer.runs -> engine.store",
        "designer.runs -> engine.runtime.ports",
        "designer.runs -> engine.model.workflow",
        "designer.canvas -> engine.app",
        "designer.panels.state -> engine.state.run_state",
        "designer.theme -> engine.model.workflow",
        "designer.app -> engine.nodes",
        "designer.__main__ -> engine.app",
    ),
    *probes("qasync-in-event-loop", "designer.app -> qasync", "designer.runs -> qasync"),
    *probes("resources-are-data", "resources -> engine.model", "resources.bootstrap -> PySide6"),
    *probes(
        "opentelemetry-in-telemetry",
        "engine.app -> opentelemetry",
        "engine.sinks.spans -> opentelemetry",
        "designer.runs -> opentelemetry",
    ),
]

# Runs in the copy, in a process of its own: import-linter asks Python where a package lies, and
# here `engine` is the real one already.
RUNNER = """
import contextlib, io, json, sys
from pathlib import Path
from importlinter.cli import lint_imports

def report(*contracts):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        lint_imports(limit_to_contracts=contracts, no_cache=True, no_logo=True)
    return output.getvalue()

def file_of(module):
    folder = Path(*module.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")

def report_with(probe):
    ours = ("engine", "designer", "resources")
    modules = [m for pair in probe["imports"] for m in pair if m.split(".")[0] in ours]
    for parent in sorted({m.rpartition(".")[0] for m in modules} - {""}):
        package = Path(*parent.split("."))
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
    before = {file_of(m): file_of(m).read_text() if file_of(m).exists() else None for m in modules}
    for path in before:
        path.touch()
    for importer, imported in probe["imports"]:
        with file_of(importer).open("a") as file:
            file.write(f"\\nimport {imported}\\n")
    text = report(probe["contract"])
    for path, content in before.items():
        path.unlink() if content is None else path.write_text(content)
    return text

print(json.dumps([report(), *map(report_with, json.load(sys.stdin))]))
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What import-linter says of the tree, then of the tree with each probe in it."""
    copy = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        skip = shutil.ignore_patterns("__pycache__", "fonts", "icons", "examples")
        shutil.copytree(ROOT / package, copy / package, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", copy)
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        cwd=copy,
        input=json.dumps([asdict(probe) for probe in PROBES]),
        capture_output=True,
        check=True,
        text=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_the_tree_keeps_every_contract(reports: list[str]) -> None:
    assert " 0 broken." in reports[0], reports[0]


@pytest.mark.parametrize("index", range(len(PROBES)), ids=[f"{p.contract}: {p}" for p in PROBES])
def test_a_forbidden_import_breaks_its_contract(reports: list[str], index: int) -> None:
    assert "0 kept, 1 broken." in reports[index + 1], reports[index + 1]


def test_every_contract_has_a_probe() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["id"] for each in config["tool"]["importlinter"]["contracts"]}
    assert {probe.contract for probe in PROBES} == contracts
