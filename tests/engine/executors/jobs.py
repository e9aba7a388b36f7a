"""Jobs for the tests of the executors; they run in worker processes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

Json = Any


def echo(payload: Json) -> Json:
    return payload


def pid(payload: Json) -> Json:
    del payload
    return os.getpid()


def printing(payload: Json) -> Json:
    for number in range(payload):
        print(number, file=sys.stderr if number % 3 == 0 else sys.stdout)
    return "done"


def raising(payload: Json) -> Json:
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise ValueError(f"outer {payload}") from error


def failing(payload: Json) -> Json:
    from engine.model.node_types import NodeFailure

    raise NodeFailure(
        "no money", code="money", retryable=False, nothing_happened=True, details={"left": payload}
    )


def waiting(payload: Json) -> Json:
    """Write the own pid, and that of a program that was started, then wait for ever."""
    child = subprocess.Popen(["sleep", "600"])
    Path(payload).write_text(f"{os.getpid()} {child.pid}", encoding="ascii")
    print("started", flush=True)
    threading.Event().wait()


def spinning(payload: Json) -> Json:
    """Hold the interpreter in C for long, as a costly regular expression does."""
    import re

    Path(payload).write_text(str(os.getpid()), encoding="ascii")
    re.match(r"(a*)*b", "a" * 40)


def exiting(payload: Json) -> Json:
    print("last words", file=sys.stderr)
    sys.stderr.flush()
    os.write(2, b"raw last words")
    os._exit(payload)


def sys_exiting(payload: Json) -> Json:
    sys.exit(payload)


def segfault(payload: Json) -> Json:
    del payload
    ctypes.string_at(0)


def greedy(payload: Json) -> Json:
    return len(bytearray(payload))


def flooding(payload: Json) -> Json:
    line = "x" * payload
    while True:
        print(line)


def raw_flooding(payload: Json) -> Json:
    del payload
    subprocess.run(["yes"], check=False)


def burst(payload: Json) -> Json:
    for _ in range(payload):
        print("y" * 99)


def raw_output(payload: Json) -> Json:
    print("before", flush=True)
    subprocess.run(["echo", payload], check=True)
    os.write(1, "é".encode()[:1])
    os.write(1, "é".encode()[1:])


def dirty(payload: Json) -> Json:
    os.environ["DIRTY"] = "1"
    os.chdir("/")
    sys.path.insert(0, "/nowhere")
    sys.stdout = sys.stderr
    return payload


def surroundings(payload: Json) -> Json:
    del payload
    print("seen")
    return [os.environ.get("DIRTY"), str(Path.cwd()), "/nowhere" in sys.path]


def environment(payload: Json) -> Json:
    return [os.environ.get(name) for name in payload]


def leaves_thread(payload: Json) -> Json:
    del payload
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return os.getpid()


def leaves_process(payload: Json) -> Json:
    del payload
    return [os.getpid(), subprocess.Popen(["sleep", "600"]).pid]


def reads_input(payload: Json) -> Json:
    del payload
    return sys.stdin.read()


def not_json(payload: Json) -> Json:
    del payload
    return {"value": object()}


def forks(payload: Json) -> Json:
    child = os.fork()
    if child == 0:
        print("in the child", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("in the parent")
    return payload


def closes_streams(payload: Json) -> Json:
    sys.stdout.close()
    os.close(2)
    return payload


def appends(payload: Json) -> Json:
    payload["rows"].append(2)
    return payload


def huge(payload: Json) -> Json:
    del payload
    return "x" * 4_000_000


def dozing(payload: Json) -> Json:
    threading.Event().wait(payload)


def dialling(payload: Json) -> Json:
    """Connect to a port of this machine, by ourselves or with a program."""
    import socket

    port, by_program = payload
    if not by_program:
        with socket.create_connection(("127.0.0.1", port), 5):
            return "connected"
    code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
    said = subprocess.run(
        [sys.executable, "-c", code, str(port)], capture_output=True, check=False, text=True
    )
    return "connected" if said.returncode == 0 else said.stderr


def pairing(payload: Json) -> Json:
    """Use what needs sockets, but no network: an event loop, and a pair of sockets."""
    import asyncio
    import socket

    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"still here")
        return [right.recv(100).decode(), asyncio.run(asyncio.sleep(0, payload))]
