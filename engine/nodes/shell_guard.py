"""Ends the programs of an engine that was killed: a small process that outlives it.

The death signal of Linux would spare what a program has started, and asks for a function
between fork and exec. So one guard for all programs of this process reads a pipe that only
this process writes: ``+12`` and ``-12`` for a process group that begins and ends. When the
pipe ends, the engine is gone, and the groups that are left are ended, too.

A program runs before its number is known here. So ``?name`` says before that one is about to
start, with that name in its environment, and ``!name`` that its number was told or that it was
not started. Of a name that is left, the guard looks for the program among all processes, where
the system shows their environments (Linux). The pipe does not end before a program has the
environment that it was given, for a process that is about to become one holds it open.

This file is also the guard's program; it imports nothing but Python's own modules.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

#: Between asking a program to end and ending it.
GRACE_S = 2.0
_LOOK_S = 0.05
#: In the environment of every program that is guarded so: its name.
VARIABLE = "HEADGATE_PROGRAM"
_PROCESSES = Path("/proc")


class Guard:
    """The guard of this process, started with its first program."""

    def __init__(self) -> None:
        self._pipe: int | None = None
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether it was started. Where there are no process groups it never is."""
        return self._pipe is not None or not hasattr(os, "killpg")

    def start(self) -> None:
        """Start it, unless it runs. Blocks for some milliseconds."""
        with self._lock:
            if self.is_running:
                return
            # Isolated and without site-packages: it starts in 10 ms and imports no stranger.
            command = [sys.executable, "-I", "-S", __file__]
            with subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in a terminal is not for it
            ) as first:
                assert first.stdin is not None
                self._pipe = os.dup(first.stdin.fileno())

    def expect(self) -> dict[str, str]:
        """Say that a program is about to start; return what its environment must have."""
        if self._pipe is None or not _PROCESSES.is_dir():
            return {}
        name = os.urandom(8).hex()
        self._tell(f"?{name}\n")
        return {VARIABLE: name}

    def expect_no_more(self, mark: Mapping[str, str]) -> None:
        """Say that a program has not started, or has ended before anybody knew its number."""
        if mark:
            self._tell(f"!{mark[VARIABLE]}\n")

    def watch(self, group: int, mark: Mapping[str, str] | None = None) -> None:
        """Have a process group ended when this process is gone; it had this mark if any."""
        name = f"!{mark[VARIABLE]}\n" if mark else ""
        self._tell(f"+{group}\n{name}")

    def forget(self, group: int) -> None:
        """Leave alone what a program that has finished has left in the background."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        if self._pipe is None:
            return
        try:
            os.write(self._pipe, line.encode())
        except OSError:  # somebody has ended it; the next program starts a new one
            with contextlib.suppress(OSError):
                os.close(self._pipe)
            self._pipe = None


def _serve() -> None:
    groups: set[int] = set()
    names: set[bytes] = set()
    rest = b""
    while data := os.read(0, 1 << 12):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            match line[:1]:
                case b"+":
                    groups.add(int(line[1:]))
                case b"-":
                    groups.discard(int(line[1:]))
                case b"?":
                    names.add(line[1:])
                case _:
                    names.discard(line[1:])
    if names:
        groups |= _groups_of(names)
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    for _ in range(int(GRACE_S / _LOOK_S)):
        left = {group for group in left if _signal(group, 0)}
        if not left:
            return
        threading.Event().wait(_LOOK_S)
    for group in left:
        _signal(group, signal.SIGKILL)


def _groups_of(names: set[bytes]) -> set[int]:
    """Return the process groups of the programs that have these names."""
    marks = {VARIABLE.encode() + b"=" + name for name in names}
    found: set[int] = set()
    for process in _PROCESSES.iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # somebody else's, or it has just ended
                if not marks.isdisjoint((process / "environ").read_bytes().split(b"\0")):
                    found.add(os.getpgid(int(process.name)))
    return found


def _signal(group: int, number: int) -> bool:
    """Return whether anybody is left in the group."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # nobody waits for a guard, so it is nobody's child
    _serve()
