from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resources.examples import examples
from tests.engine.cli.program import END, ROOT, START, Terminal


@pytest.fixture
def stranger(headgate: Terminal) -> Path:
    """A workflow that wants to run a program."""
    echo = {"type": "shell.command", "params": {"command": ["echo", "hello"]}}
    nodes = {"start": START, "echo": echo, "end": END}
    return headgate.write("stranger", nodes, "start echo", "echo end")


def answer(headgate: Terminal, path: Path, text: str) -> tuple[int, str]:
    """Run a workflow on a terminal of its own and type an answer; what was seen there."""
    terminal, other = pty.openpty()
    command = [sys.executable, "-m", "engine", "run", str(path), "--store", headgate.store]
    program = subprocess.Popen(command, cwd=ROOT, stdin=other, stdout=other, stderr=other)
    os.close(other)
    seen = ""
    while select.select([terminal], [], [], 60)[0]:
        try:
            seen += os.read(terminal, 4096).decode()
        except OSError:  # so Linux says that the other side has closed
            break
        if seen.endswith("[y/N] "):
            os.write(terminal, f"{text}\n".encode())
    os.close(terminal)
    return program.wait(60), seen


def test_without_a_terminal_a_stranger_is_refused(headgate: Terminal, stranger: Path) -> None:
    said = headgate("run", stranger)
    assert (said.code, said.out) == (2, "")
    assert "process (echo)" in said.err
    assert "--allow process" in said.err
    assert headgate("runs", "--json").lines == []


@pytest.mark.parametrize("words", [["process"], ["all"], ["files,process"]])
def test_what_was_allowed_runs(headgate: Terminal, stranger: Path, words: list[str]) -> None:
    assert headgate("run", stranger, "--allow", *words).code == 0
    assert headgate("run", stranger, "--allow", "network").code == 2


def test_on_a_terminal_the_person_is_asked_once(headgate: Terminal, stranger: Path) -> None:
    code, seen = answer(headgate, stranger, "y")
    assert code == 0
    assert "run programs and code: echo" in seen
    code, seen = answer(headgate, stranger, "")
    assert code == 0
    assert "[y/N]" not in seen


def test_what_has_changed_is_asked_again(headgate: Terminal, stranger: Path) -> None:
    answer(headgate, stranger, "yes")
    stranger.write_text(stranger.read_text().replace("hello", "bye"))
    code, seen = answer(headgate, stranger, "no")
    assert code == 2
    assert "[y/N]" in seen


def test_examples_are_trusted_as_they_ship_and_not_when_changed(
    headgate: Terminal, tmp_path: Path
) -> None:
    mosaic = next(each for each in examples() if each.name == "scientific-workflow")
    folder = tmp_path / "copy"
    shutil.copytree(mosaic.path.parent, folder)
    words = ("--input", "{", "--allow", "all")  # stops before it runs
    assert "--input is not JSON" in headgate("run", folder / mosaic.path.name, *words).err
    copy = folder / mosaic.path.name
    copy.write_text(copy.read_text().replace('"sleep"', '"echo"', 1))
    assert "needs what nobody has allowed" in headgate("run", copy).err
