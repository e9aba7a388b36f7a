from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QSettings

from designer import __main__ as program
from designer.canvas.picture import workflow_in
from engine.model.codec import load_file
from resources.examples import examples

ROOT = Path(__file__).parents[2]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], str | None]]:
    """What windows would be opened with: files and store."""
    opened: list[tuple[list[str], str | None]] = []

    def main(files: Sequence[str], *, store: str | None = None) -> int:
        opened.append((list(files), store))
        return 0

    monkeypatch.setitem(sys.modules, "designer.app", SimpleNamespace(main=main))
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path))
    return opened


def test_a_command_is_carried_out_without_qt() -> None:
    code = (
        "import sys; from designer.__main__ import main; code = main(['--version']); "
        "print(code, 'PySide6' in sys.modules, 'typer' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "0 False False"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_without_a_display_it_says_so_and_ends() -> None:
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    bare = {name: value for name, value in os.environ.items() if name not in named}
    command = [sys.executable, "-m", "designer"]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("headgate: There is no display") and "Qt" not in done.stderr


def test_files_open_windows(windows: list[Any], tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert program.main([]) == 0
    assert program.main(["--store", "runs.sqlite", "new.flow.json", "b.json"]) == 0
    assert program.main([str(tmp_path / "plain")]) == 0
    assert windows == [
        ([], None),
        (["new.flow.json", "b.json"], "runs.sqlite"),
        ([str(tmp_path / "plain")], None),
    ]


def test_an_example_is_opened_as_a_copy(windows: list[Any], tmp_path: Path) -> None:
    example = examples()[0]
    program.main([str(example.path)])
    copy = tmp_path / "examples" / example.name / example.path.name
    assert windows == [([str(copy)], None)]
    assert copy.read_bytes() == example.path.read_bytes()


@pytest.mark.parametrize("words", [["runz"], ["--bogus"], ["--store", "x", "opne"]])
def test_a_mistyped_command_opens_no_window(
    windows: list[Any], capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert program.main(words) == 2
    assert "No such" in capsys.readouterr().err
    assert windows == []


def test_without_qt_the_window_is_refused_with_a_sentence(
    windows: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert program.main([]) == 2
    assert "needs PySide6" in capsys.readouterr().err
    assert windows == []


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_picture_is_drawn_without_a_screen_and_opens_again(tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"picture.{kind}"
    words = ["export", examples()[0].name, "--to", kind, "-o", str(target)]
    code = f"import sys; from designer.__main__ import main; sys.exit(main({words!r}))"
    without = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "QT_QPA_PLATFORM")}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=without, check=True)
    assert workflow_in(target) == load_file(examples()[0].path)


def test_without_qt_a_picture_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert program.main(["export", examples()[0].name, "--to", "svg"]) == 2
    assert "needs PySide6" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is no signal of its own there")
def test_a_file_of_the_command_line_is_shown_whole(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    places = {f"HEADGATE_{name}_DIR": str(tmp_path) for name in ("DATA", "CONFIG")}
    surroundings = {
        **os.environ,
        **places,
        "QT_QPA_PLATFORM": "offscreen",
        "HEADGATE_READY_FILE": str(ready),
    }
    command = [sys.executable, "-m", "designer", str(examples()[0].path)]
    with subprocess.Popen(command, cwd=ROOT, env=surroundings) as opened:
        try:
            _wait_for(ready)
            opened.send_signal(signal.SIGINT)
            assert opened.wait(30) == 0
        finally:
            opened.kill()
    kept = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    (tab,) = json.loads(str(kept.value("files/session")))["tabs"]
    assert tab["selection"] == []  # too small to be read, it would begin at its first node
    assert 0.5 <= tab["zoom"] < 0.9


def _wait_for(file: Path) -> None:
    """Wait until another process has written a file."""
    give_up = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < give_up
        threading.Event().wait(0.05)
