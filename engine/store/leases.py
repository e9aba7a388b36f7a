"""Who runs a run, and whether that process is still alive.

On the same machine that is known for certain: boot, process id and the time at which
the process started cannot all be the same by accident. Of other machines only the
heartbeat is known.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path

from engine.errors import LeaseLost, RunIsHeld
from engine.runtime.holders import Holder

#: A holder on another machine that was silent for so long has lost its lease.
HEARTBEAT_EXPIRY_S = 30.0
#: Inode of the pid namespace of the machine itself (PROC_PID_INIT_INO in Linux).
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"


def current_holder() -> Holder:
    """Return this process as the holder of a lease."""
    return _holder_of(os.getpid())  # a forked child is another process


@lru_cache(maxsize=2)
def _holder_of(pid: int) -> Holder:
    return Holder(host=_host(), pid=pid, boot=_boot(), started=process_started(pid) or 0.0)


def is_alive(holder: Holder, heartbeat_at: float, now: float) -> bool:
    """Return whether the holder still runs; times are seconds since the epoch."""
    here = current_holder()
    if holder.host != here.host:
        return now - heartbeat_at < HEARTBEAT_EXPIRY_S
    if holder.boot != here.boot:
        return False
    started = process_started(holder.pid)
    return started is not None and abs(started - holder.started) < 1.0


def process_started(pid: int) -> float | None:
    """Return when a process of this machine started, or None when it does not run.

    The zero of the time differs between systems and is the same for all processes of one
    boot; it is only good for comparing. A process that has ended and that nobody has
    reaped yet does not run.
    """
    if sys.platform == "win32":
        return _started_windows(pid)
    if sys.platform == "darwin":
        return _started_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None if Path("/proc/self").exists() else _started_ps(pid)
    # The name in parentheses may hold anything, so count from behind it (man 5 proc).
    state, *fields = stat.rpartition(b")")[2].split()
    if state in (b"Z", b"X"):
        return None
    return int(fields[18]) / os.sysconf("SC_CLK_TCK")


def _started_ps(pid: int) -> float | None:
    """Ask ps, where there is no /proc."""
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
    ).stdout.split(maxsplit=1)
    if len(answer) != 2 or answer[0].startswith("Z"):
        return None
    return time.mktime(time.strptime(answer[1].strip(), "%a %b %d %H:%M:%S %Y"))


def _started_windows(pid: int) -> float | None:
    if sys.platform != "win32":
        raise AssertionError("only for Windows")
    kernel = ctypes.windll.kernel32
    process = kernel.OpenProcess(0x1000, False, pid)  # noqa: FBT003 - PROCESS_QUERY_LIMITED_INFORMATION
    if not process:
        return None
    try:
        code = ctypes.c_ulong()
        times = [ctypes.c_ulonglong() for _ in range(4)]
        kernel.GetExitCodeProcess(process, ctypes.byref(code))
        kernel.GetProcessTimes(process, *[ctypes.byref(each) for each in times])
    finally:
        kernel.CloseHandle(process)
    still_active = 259
    return times[0].value / 1e7 if code.value == still_active else None


def _host() -> str:
    """Return the name of this machine; containers on it count as machines of their own."""
    name = socket.gethostname()
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return name
    return name if namespace == _INITIAL_PID_NAMESPACE else f"{name}/{namespace}"


def _boot() -> str:
    """Return what changes with every start of the machine, or nothing where it is unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def held(run: str, holder: Holder) -> RunIsHeld:
    """Return the error for a run that a live process has."""
    return RunIsHeld(
        f"Run {run} is being run by process {holder.pid} on {holder.host}: "
        "wait until it ends, or stop that process."
    )


def lost(run: str, holder: Holder | None = None) -> LeaseLost:
    """Return the error for a writer that is no longer the holder."""
    by = f" by process {holder.pid} on {holder.host}" if holder else ""
    return LeaseLost(
        f"Run {run} has been taken over{by}: nothing was written here; look at it there, "
        "or resume it when that process has ended."
    )
