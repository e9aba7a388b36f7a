"""What a job may have changed in its worker process, and how the next one finds it as it was.

A warm worker saves the start of a process and of the libraries that jobs import. It must
not hand anything else from one job to the next: what cannot be put back retires it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

try:
    import resource
except ImportError:  # pragma: no cover - Windows has no such limits
    resource = None  # type: ignore[assignment] # where there is no such module

#: A worker that has grown beyond this is not kept.
MOST_RESIDENT_BYTES = 1_000_000_000
#: What leaks slowly is not kept for ever.
MOST_JOBS = 1_000

_SIGNALS = ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM", "SIGUSR1", "SIGUSR2")


class Surroundings:
    """The state of the process before the first job.

    Args:
        threads: those of the worker itself.
    """

    def __init__(self, threads: Iterable[threading.Thread]) -> None:
        self._threads = {threading.main_thread(), *threads}
        self._environment = dict(os.environ)
        self._folder = Path.cwd()
        self._path = list(sys.path)
        self._arguments = list(sys.argv)
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._handlers = {
            number: signal.getsignal(number)
            for name in _SIGNALS
            if (number := getattr(signal, name, None)) is not None
        }
        self._limit = resource.getrlimit(_MEMORY) if resource else (-1, -1)
        self._jobs = 0

    def limit_memory(self, memory_mb: int | None) -> None:
        """Cap the memory of the process, or lift the cap; the hard limit stays."""
        if resource is None:
            return
        soft, hard = self._limit
        if memory_mb is not None:
            wanted = memory_mb * 1_000_000
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(_MEMORY, (soft, hard))

    def restore(self) -> None:
        """Put back what can be put back."""
        self._jobs += 1
        self.limit_memory(None)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        os.chdir(self._folder)
        if sys.path != self._path:
            self._forget_modules({*sys.path} - {*self._path})
            sys.path[:] = self._path
        sys.argv[:] = self._arguments
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    def unclean(self) -> str:
        """Return why the worker must not run another job; empty when it may."""
        if any(thread not in self._threads for thread in threading.enumerate()):
            return "threads are left"
        if _has_children():
            return "processes are left"
        if _resident_bytes() > MOST_RESIDENT_BYTES:
            return "it has grown"
        return "it is old" if self._jobs >= MOST_JOBS else ""

    def _forget_modules(self, folders: set[str]) -> None:
        """Modules beside a workflow may be edited before the next job imports them."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and any(Path(file).is_relative_to(folder) for folder in folders if folder):
                del sys.modules[name]


def _memory_limit() -> int:
    """What the system can limit: private memory on Linux, addresses elsewhere.

    RLIMIT_DATA counts what a process really asks for; RLIMIT_AS also counts mapped
    libraries and the reserves of threads, and would have to be far larger.
    """
    if resource is None:
        return 0
    return resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS


_MEMORY = _memory_limit()


def _has_children() -> bool:
    if not hasattr(os, "waitpid"):
        return False
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass  # has ended, and nobody has asked for its exit code
    except ChildProcessError:
        return False
    return True


def _resident_bytes() -> int:
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGESIZE")


class Sweeper:
    """Frees what jobs leave in cycles, without looking through all libraries each time."""

    def __init__(self) -> None:
        self._modules = -1

    def sweep(self) -> None:
        """Collect; once more libraries were imported, take them out of the search."""
        gc.collect()
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            gc.freeze()
