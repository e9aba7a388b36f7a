from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.store import leases
from engine.store.leases import HEARTBEAT_EXPIRY_S, current_holder, is_alive, process_started

SLEEPER = [sys.executable, "-c", "input()"]


def test_this_process_is_alive_and_always_the_same_holder() -> None:
    holder = current_holder()
    assert holder.pid == os.getpid()
    assert holder == current_holder()
    assert is_alive(holder, 0.0, now=1e12)  # on this machine no heartbeat is needed


def test_another_process_is_alive_until_it_is_killed() -> None:
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        started = process_started(process.pid)
        assert started is not None
        holder = replace(current_holder(), pid=process.pid, started=started)
        assert is_alive(holder, 0.0, now=0.0)
        process.kill()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{process.pid}/stat").read_text().split()[2] != "Z":
            assert time.monotonic() < deadline
        assert not is_alive(holder, 0.0, now=0.0)  # dead, though nobody has reaped it yet
        process.wait()
        assert process_started(process.pid) is None


def test_a_process_name_cannot_disguise_the_start_time(tmp_path: Path) -> None:
    program = tmp_path / ") R 1 1 1 (x"
    program.symlink_to(Path(sys.executable).resolve())
    with subprocess.Popen([program, "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_started(process.pid)
        process.kill()
    assert started is not None
    assert abs(started - (process_started(os.getpid()) or 0.0)) < 3600


@pytest.mark.parametrize(("silent_s", "alive"), [(0.0, True), (HEARTBEAT_EXPIRY_S, False)])
def test_of_other_machines_only_the_heartbeat_counts(silent_s: float, alive: bool) -> None:
    holder = replace(current_holder(), host="elsewhere")
    assert is_alive(holder, 1000.0, now=1000.0 + silent_s) is alive


def test_a_container_is_a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    name = leases._host()
    monkeypatch.setattr(Path, "readlink", lambda self: Path("pid:[4026532000]"))
    assert leases._host() not in (name, "")


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is not installed")
def test_ps_tells_the_start_time_where_there_is_no_proc() -> None:
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        started = leases._started_ps(process.pid)
        again = leases._started_ps(process.pid)
        process.kill()
    assert started is not None
    assert started == again
    assert leases._started_ps(process.pid) is None
