"""A program whose disk is full for a while: ``python -m ... STORE fail|retry|continue disk|limit``.

Prints how its run ended. Not a test: it must be a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path
from typing import Any, cast

from engine import events as ev
from engine.app import Engine
from engine.errors import StoreError
from engine.model.node_types import Context, Output
from engine.model.workflow import Save
from engine.store.sqlite import SqliteStore
from tests.engine.flows import flow, node_type, registry

#: Room for so much more when the limit is set.
ROOM = 100_000


def _large(params: Any, ctx: Context) -> Output:
    del params
    return Output({"out": [ctx.random() for _ in range(3_000)]})


async def main(path: Path, policy: str, how: str) -> None:
    """Run a chain of nodes whose values do not fit."""
    names = [f"n{n}" for n in range(12)]
    wires = ", ".join(f"{a} > {b}" for a, b in zip(names, [*names[1:], "z"], strict=True))
    save = Save(on_failure=cast(Any, policy))
    work = flow({**dict.fromkeys(names, "large"), "z": "end"}, wires, save=save)
    async with Engine(SqliteStore(path), registry=registry(node_type("large", _large))) as engine:
        refused = asyncio.Event()

        def hear(news: ev.News) -> None:
            if isinstance(news, ev.Unsaved) and news.problem:
                refused.set()

        engine.subscribe(None, hear)
        fill, free = (_fill, _free) if how == "disk" else (_limit, _lift)
        fill(path)
        handle = await engine.start(work)
        try:
            if policy != "fail":
                await refused.wait()
                free(path)
            ended = await handle.leg()
        except StoreError as error:
            print("StoreError", error)
            free(path)
            return
        print("completed" if isinstance(ended.event, ev.RunFinished) else ended.event)


def _limit(path: Path) -> None:
    """Let no file of this process grow by more than ROOM."""
    size = max(path.stat().st_size, Path(f"{path}-wal").stat().st_size)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + ROOM, hard))


def _lift(path: Path) -> None:
    del path
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


def _fill(path: Path) -> None:
    """Leave ROOM on the disk that the store is on."""
    room = os.statvfs(path.parent)
    (path.parent / "filler").write_bytes(b"x" * (room.f_bavail * room.f_frsize - ROOM))


def _free(path: Path) -> None:
    (path.parent / "filler").unlink()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
