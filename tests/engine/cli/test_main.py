from __future__ import annotations

import subprocess
import sys

import pytest

from engine.cli.commands import COMMANDS, command_in, split
from tests.engine.cli.program import ROOT, Terminal


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_the_version_is_told_without_loading_anything() -> None:
    code = "from engine.cli.main import main; import sys; main(['--version'])"
    heavy = "print([n for n in ('typer', 'rich', 'engine.app', 'PySide6') if n in sys.modules])"
    said = python(f"{code}; {heavy}").splitlines()
    assert said[0].startswith("headgate ")
    assert said[1] == "[]"


def test_commands_work_where_qt_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['PySide6'] = None; from engine.cli.main import main; "
        "sys.exit(main(['node-types', '--json']))"
    )
    assert '"type":"barrier"' in python(code)


def test_the_help_names_every_command(headgate: Terminal) -> None:
    said = headgate("--help")
    assert said.code == 0
    assert [name for name in COMMANDS if f"  {name} " not in said.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_the_global_options(headgate: Terminal, name: str) -> None:
    words = [name, "verify"] if name == "audit" else [name]
    said = headgate(*words, "--help")
    assert said.code == 0
    assert "--store URL" in said.out
    assert "--debug" in said.out
    assert "--allow CAPABILITY" in said.out


def test_a_mistyped_command_is_answered_with_the_right_one(headgate: Terminal) -> None:
    said = headgate("exampels")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "headgate: No such command 'exampels'. Did you mean 'examples'? See 'headgate --help'.\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "Missing argument 'FILE'. See 'headgate run --help'."),
        (["runs", "--bogus"], "No such option: --bogus"),
        (["runs", "--limit", "x"], "Invalid value for '--limit'"),
        (["runs", "--allow", "everything"], "There is no capability everything"),
        (["fork", "r1"], "Missing option '--at'"),
        (["decide", "q1", "modify"], "modify needs --values"),
        (["decide", "q1", "approve", "--values", "1"], "--values goes with modify"),
        (["decide", "q1", "reroute"], "reroute needs --to"),
        (["show", "nobody"], "There is no run nobody"),
        (["audit"], ""),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    headgate: Terminal, words: list[str], sentence: str
) -> None:
    said = headgate(*words)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.splitlines()) <= 1


def test_global_options_stand_before_the_command_or_behind_it(headgate: Terminal) -> None:
    from engine.cli.main import main

    assert main(["--store", headgate.store, "--debug", "runs"]) == 0
    assert main(["runs", f"--store={headgate.store}", "--debug"]) == 0
    assert (headgate.folder / "runs.sqlite").exists()


def test_the_command_is_found_behind_global_options() -> None:
    assert command_in(["--store", "run", "--debug", "--allow=all", "show", "x"]) == "show"
    assert command_in(["--store"]) is None
    assert split(["--store", "s", "a", "--allow=x", "-b"]) == (
        ["a", "-b"],
        {"--store": "s", "--allow": "x"},
    )


def test_an_unreadable_store_is_exit_code_3_and_stays_as_it_is(headgate: Terminal) -> None:
    file = headgate.folder / "runs.sqlite"
    file.write_text("no database at all")
    said = headgate("runs")
    assert said.code == 3
    assert "is not a run store" in said.err
    assert file.read_text() == "no database at all"


def test_only_debug_shows_a_traceback(headgate: Terminal) -> None:
    assert "Traceback" not in headgate("show", "nobody").err
    assert "Traceback" in headgate("show", "nobody", "--debug").err


def test_a_reader_that_has_enough_is_no_error(headgate: Terminal) -> None:
    reader = subprocess.Popen(
        f"{sys.executable} -m engine node-types --json | head -c 10",
        shell=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = reader.communicate(timeout=60)
    assert (len(out), err) == (10, b"")
