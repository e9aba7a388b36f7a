"""Identities: what a run, a task, a request is called. Nothing else lives here.

A task's identity is (node key, path, visit). It does not depend on the branch of
history it is on, so that a resumed or forked run names the same work the same way.
"""

from __future__ import annotations

import hashlib
import random
import secrets
from typing import NewType, Protocol

RunId = NewType("RunId", str)
RequestId = NewType("RequestId", str)
TaskId = NewType("TaskId", str)
NodeKey = str

#: One scope that a token is in: (key of the zone's first node, index, number of items or -1).
Scope = tuple[str, int, int]
Path = tuple[Scope, ...]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u


def task_id(node: NodeKey, path: Path = (), visit: int = 0) -> TaskId:
    """Return the id of a task, such as ``flag``, ``flag@each.3`` or ``ask@each.3#2``."""
    text = node
    if path:
        text += "@" + ",".join([f"{zone}.{index}" for zone, index, _ in path])
    if visit:
        text += f"#{visit}"
    return TaskId(text)


def node_of(task: str) -> NodeKey:
    """Return the key of the node that a task id belongs to."""
    return task.split("@", 1)[0].split("#", 1)[0]


def path_of(task: str) -> Path:
    """Return the scopes that a task id names; how many items there are it does not tell (-1)."""
    _, at, rest = task.partition("@")
    parts = rest.partition("#")[0].split(",") if at else []
    found = [part.rpartition(".") for part in parts]
    return tuple((zone, int(index), -1) for zone, _, index in found)


def scope_key(path: Path) -> str:
    """Return a path without the item counts, as one string: ``each.3,inner.0``."""
    if not path:
        return ""
    return ",".join([f"{zone}.{index}" for zone, index, _ in path])


def _base32(number: int, width: int) -> str:
    digits: list[str] = []
    for _ in range(width):
        number, low = divmod(number, 32)
        digits.append(_ALPHABET[low])
    return "".join(reversed(digits))


def signal_id(run: RunId, task: TaskId, place: int = 0) -> str:
    """Return the id of an event that a task sends: the same whenever it is sent again."""
    digest = hashlib.sha256(f"{run}/{task}/{place}".encode()).digest()
    return _base32(int.from_bytes(digest[:10], "big"), 16)


def child_run_id(run: RunId, task: TaskId, attempt: int, step: int, at: float) -> RunId:
    """Return the id of the run that a task starts: the same whenever it is asked for.

    `step` tells several children of one attempt apart; `at` is when the task became ready,
    so that ids sort by time.
    """
    digest = hashlib.sha256(f"{run}/{task}/{attempt}/{step}".encode()).digest()
    mark = int.from_bytes(digest[:8], "big") >> 4
    return RunId(_base32(int(at * 1000), 9)[1:] + _base32(mark, 12))


class IdFactory(Protocol):
    """Makes the ids that must be unique. Injected, so that tests can predict them."""

    def run_id(self, now: float) -> RunId:
        """Return a new run id; ids sort by the time they were made."""
        ...

    def request_id(self) -> RequestId:
        """Return a new id for a barrier request."""
        ...

    def seed(self) -> int:
        """Return a new seed for a run's random numbers."""
        ...


class RandomIds:
    """Ids from the operating system's random source."""

    def run_id(self, now: float) -> RunId:
        """Return eight characters of time and six random ones."""
        return RunId(_base32(int(now * 1000), 9)[1:] + _base32(secrets.randbits(30), 6))

    def request_id(self) -> RequestId:
        """Return ten random characters."""
        return RequestId(_base32(secrets.randbits(50), 10))

    def seed(self) -> int:
        """Return 48 random bits."""
        return secrets.randbits(48)


class SeededIds:
    """Predictable ids for tests and replays."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - predictable on purpose
        self._count = 0

    def run_id(self, now: float) -> RunId:
        """Return ``run1``, ``run2`` and so on."""
        del now
        self._count += 1
        return RunId(f"run{self._count}")

    def request_id(self) -> RequestId:
        """Return ``request1``, ``request2`` and so on."""
        self._count += 1
        return RequestId(f"request{self._count}")

    def seed(self) -> int:
        """Return the next number of a seeded generator."""
        return self._random.getrandbits(48)
