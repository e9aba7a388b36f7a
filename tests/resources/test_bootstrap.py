from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resources import bootstrap

PROGRAM = """#!/bin/sh
echo "$@" >> calls
case "$3" in
  run) exit {code} ;;
  runs) echo '{{"run": "r2"}}'; echo '{{"run": "r1"}}' ;;
  inbox) echo '{{"run": "r1", "request": "q1", "title": "Old"}}'
         echo '{{"run": "r2", "request": "q2", "title": "Approve"}}' ;;
esac
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, so that nothing here touches the real `.venv`."""
    (tmp_path / "resources/examples").mkdir(parents=True)
    (tmp_path / "resources/constraints.txt").touch()
    (tmp_path / "resources/examples/invoice-approval.flow.json").write_text("{}")
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv/headgate.stamp")
    monkeypatch.setattr(bootstrap, "SYSLIBS", tmp_path / ".venv/syslibs")
    return tmp_path


def install_program(tree: Path, *, code: int) -> None:
    """Stand in for `python -m designer`, ending `run` with `code`."""
    program = tree / ".venv/bin/python"
    program.write_text(PROGRAM.format(code=code))
    program.chmod(0o755)


def calls(tree: Path) -> list[str]:
    return (tree / "calls").read_text().splitlines()


def test_packages_are_installed_once(tree: Path) -> None:
    install_program(tree, code=0)
    bootstrap.install_packages(with_tests=True)
    bootstrap.install_packages(with_tests=True)
    bootstrap.install_packages(with_tests=False)
    assert len(calls(tree)) == 1


def test_running_installs_no_test_tools(tree: Path) -> None:
    install_program(tree, code=0)
    bootstrap.install_packages(with_tests=False)
    assert calls(tree)[0].endswith(f"-e {tree}")


def test_changed_pins_are_installed(tree: Path) -> None:
    install_program(tree, code=0)
    bootstrap.install_packages(with_tests=True)
    (tree / "resources/constraints.txt").write_text("rich==15.0.0\n")
    bootstrap.install_packages(with_tests=True)
    assert len(calls(tree)) == 2


def test_a_failed_installation_is_tried_again(tree: Path) -> None:
    (tree / ".venv/bin/python").symlink_to("/bin/false")
    with pytest.raises(SystemExit, match="could not be installed"):
        bootstrap.install_packages(with_tests=True)
    assert not (tree / ".venv/headgate.stamp").exists()


def test_without_a_display_the_example_runs_to_its_barrier(
    tree: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    install_program(tree, code=5)
    assert bootstrap.run([]) == 0
    said = capfd.readouterr().err
    assert "There is no display" in said
    assert f"{tree}/.venv/bin/headgate decide q2 approve --resume" in said
    assert "q1" not in said


def test_a_failed_run_keeps_its_exit_code(tree: Path) -> None:
    install_program(tree, code=4)
    assert bootstrap.run([]) == 4


def test_an_unknown_example_is_answered_with_the_known_ones(tree: Path) -> None:
    with pytest.raises(SystemExit, match="no example 'lunch'; choose one of: invoice-approval"):
        bootstrap.run(["lunch"])


def test_without_root_libraries_are_unpacked_and_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(packages: list[str], target: Path) -> None:
        folder = bootstrap.library_folders()[0]
        folder.mkdir(parents=True)
        (folder / "libGL.so.1").touch()
        asked.append((packages, target))

    asked: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(bootstrap, "is_root", lambda: False)
    monkeypatch.setattr(bootstrap, "loadable", lambda library: library != "libGL.so.1")
    monkeypatch.setattr(bootstrap, "apt_unpack", unpack)
    environ: dict[str, str] = {}
    bootstrap.install_system_libraries(environ)
    bootstrap.install_system_libraries(environ)
    assert asked == [(["libgl1"], tree / ".venv/syslibs")]
    assert str(tree / ".venv/syslibs/usr/lib") in environ["LD_LIBRARY_PATH"]


def test_what_cannot_be_unpacked_is_asked_of_the_administrator(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(*_: Any) -> bool:
        return False

    monkeypatch.setattr(bootstrap, "loadable", lambda library: library != "libEGL.so.1")
    monkeypatch.setattr(bootstrap, "is_root", nothing)
    monkeypatch.setattr(bootstrap, "apt_unpack", nothing)
    bootstrap.install_system_libraries({})
    assert "ask the administrator for: apt-get install libegl1" in capsys.readouterr().err.lower()
    assert not (tree / ".venv/syslibs").exists()


def test_a_display_that_does_not_answer_is_none(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "PYTHON", tree / ".venv/bin/missing")
    assert not bootstrap.has_display({"DISPLAY": ":1"})


def test_an_unknown_command_is_answered_with_the_usage() -> None:
    script = Path(bootstrap.__file__).resolve()
    done = subprocess.run([script, "dance"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "bootstrap.py setup" in done.stdout


def test_json_lines_are_read_one_by_one(tree: Path) -> None:
    install_program(tree, code=0)
    assert bootstrap.json_lines({}, "runs") == [json.loads('{"run": "r2"}'), {"run": "r1"}]
