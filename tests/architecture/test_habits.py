"""Habits that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for name in ("engine", "designer", "resources", "tests")
    for path in (ROOT / name).rglob("*.py")
)
IGNORE = re.compile(r"#\s*(noqa|type: ignore|pyright: ignore|ruff: noqa)")
IGNORE_WITH_REASON = re.compile(
    r"#\s*(noqa: [A-Z0-9, ]+|type: ignore\[[^\]]+\]|pyright: ignore\[[^\]]+\])\s*(#|-) *\w+"
)
NESTED_LOOPS = {"exec", "exec_", "processEvents"}
#: Qt's virtual methods of one word; the others are camelCase.
VIRTUALS = {
    "advance",
    "data",
    "event",
    "flags",
    "index",
    "paint",
    "parent",
    "redo",
    "shape",
    "type",
    "undo",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def ignores_without_reason() -> Iterator[str]:
    for path in SOURCES:
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if IGNORE.search(line) and not IGNORE_WITH_REASON.search(line):
                yield f"{name(path)}:{number}: {line.strip()}"


def nested_loops() -> Iterator[str]:
    """Calls of Qt's own loops; dragging is the one gesture that has no other form."""
    for path in SOURCES:
        if not path.is_relative_to(ROOT / "designer"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = ast.unparse(node.func.value)
            if node.func.attr in NESTED_LOOPS and "drag" not in owner.lower():
                yield f"{name(path)}:{node.lineno}: {owner}.{node.func.attr}()"


def undocumented_methods() -> Iterator[str]:
    """Public methods of the designer's public classes; camelCase ones are Qt's.

    A method that overrides one of ours has the docstring of that one.
    """
    classes = {
        node.name: (path, node)
        for path in (ROOT / "designer").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }

    def documented(owner: str, method: str) -> bool:
        if owner not in classes:
            return False
        _, node = classes[owner]
        return any(
            isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and each.name == method
            and ast.get_docstring(each) is not None
            for each in node.body
        ) or any(documented(ast.unparse(base).partition("[")[0], method) for base in node.bases)

    for path, node in classes.values():
        if node.name.startswith("_"):
            continue
        for method in node.body:
            if (
                isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
                and method.name.islower()
                and method.name not in VIRTUALS
                and not method.name.startswith("_")
                and not documented(node.name, method.name)
                and not any("setter" in ast.unparse(each) for each in method.decorator_list)
            ):
                yield f"{name(path)}:{method.lineno}: {node.name}.{method.name}"


def test_every_ignore_says_why() -> None:
    assert list(ignores_without_reason()) == []


def test_no_dialog_starts_a_loop_inside_the_loop() -> None:
    assert list(nested_loops()) == []


def test_every_method_that_qt_does_not_document_has_a_docstring() -> None:
    assert list(undocumented_methods()) == []


@pytest.mark.parametrize("package", ["engine", "designer"])
def test_packages_hold_a_docstring_and_at_most_the_version(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        docstring, *rest = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), name(path)
        assert all(ast.unparse(each).startswith("__version__ = ") for each in rest), name(path)


def test_bootstrap_is_read_by_the_python_it_refuses() -> None:
    source = (ROOT / "resources" / "bootstrap.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    roots = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert roots <= sys.stdlib_module_names


def test_bootstrap_explains_itself_before_anything_is_installed() -> None:
    command = [sys.executable, "-I", "-S", str(ROOT / "resources" / "bootstrap.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "bootstrap.py run" in done.stdout


def test_the_engine_starts_without_qt() -> None:
    script = (
        "import sys, engine.model.workflow, engine.runtime.ports; print('PySide6' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_importing_the_facade_loads_no_node_types_and_no_heavy_library() -> None:
    """DESIGN 7, W11: who lists runs, or brings node types of its own, does not wait for others."""
    script = (
        "import sys, engine.app\n"
        "heavy = {'pydantic', 'networkx', 'jinja2', 'sqlalchemy', 'httpx', 'typer', 'rich'}\n"
        "ours = ('engine.nodes.', 'engine.triggers.', 'engine.cli')\n"
        "found = {name for name in sys.modules if name in heavy or name.startswith(ours)}\n"
        "print(*sorted(found - {'engine.nodes.plugins'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
