"""Programs end with the engine, however it ends (U66, U85; no orphan after kill -9)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.nodes.shell_guard import Guard
from tests.engine.executors.processes import alive, gone, written

ROOT = Path(__file__).parents[3]
SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from engine.nodes.shell_process import run_program

async def one(path):
    # The engine writes the numbers down: it has seen the program, and so has the guard.
    def said(text, stream):
        Path(path + ".new").write_text(text)
        os.replace(path + ".new", path)
    await run_program(["sh", "-c", "sleep 600 & echo $$ $!; wait"], folder=Path.cwd(),
                      environment=dict(os.environ), stdin=None, secrets=(), emit=said)

async def main():
    async with asyncio.TaskGroup() as group:
        for path in sys.argv[1:]:
            group.create_task(one(path))

asyncio.run(main())
"""


async def test_programs_and_their_children_end_when_the_engine_is_killed(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    engine = subprocess.Popen([sys.executable, "-c", SCRIPT, *map(str, paths)], cwd=ROOT)
    pids = [pid for path in paths for pid in await written(path)]
    assert all(alive(pid) for pid in pids)
    engine.kill()
    engine.wait()
    assert await gone(*pids)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no system shows environments elsewhere")
async def test_a_program_of_which_the_guard_never_heard_ends_too(tmp_path: Path) -> None:
    """The engine is killed between the start of the program and saying its number."""
    script = SCRIPT.replace(
        "async def main",
        "def watch(pid, mark):\n"
        "    Path(sys.argv[1] + '.new').write_text(str(pid))\n"
        "    os.replace(sys.argv[1] + '.new', sys.argv[1])\n"
        "    os.kill(os.getpid(), 9)\n"
        "shell_process._guard.watch = watch\n\n"
        "async def main",
    ).replace("import asyncio", "from engine.nodes import shell_process; import asyncio")
    path = tmp_path / "pid"
    engine = subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT)
    engine.wait()
    (pid,) = await written(path)
    assert await gone(pid)


@pytest.mark.parametrize("killed", ["sh", "guard"])
async def test_what_it_was_told_to_forget_lives_on(tmp_path: Path, killed: str) -> None:
    """The second half: a guard that somebody has ended is started again with the next program."""
    script = (
        "import os, signal, subprocess, sys\n"
        "from engine.nodes.shell_guard import Guard\n"
        "guard = Guard(); guard.start()\n"
        f"if {killed!r} == 'guard':\n"
        "    os.close(guard._pipe)\n"
        "    guard.watch(1); assert not guard.is_running; guard.start()\n"
        "def program():\n"
        "    made = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "    guard.watch(made.pid)\n"
        "    return made.pid\n"
        "kept, ended = program(), program()\n"
        "guard.forget(kept)\n"
        "open(sys.argv[1], 'w').write(f'{kept} {ended}')\n"
        "signal.pause()\n"
    )
    path = tmp_path / "pids"
    engine = subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT)
    kept, ended = await written(path)
    engine.kill()
    engine.wait()
    assert await gone(ended)
    assert alive(kept)
    os.kill(kept, signal.SIGKILL)


def test_it_is_started_once() -> None:
    guard = Guard()
    assert not guard.is_running
    guard.start()
    first = guard._pipe
    guard.start()
    assert guard.is_running and guard._pipe == first
