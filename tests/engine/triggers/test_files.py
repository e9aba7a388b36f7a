"""File watches: real files, looked at when the test says so (U76)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine.triggers import files
from tests.engine.flows import FakeClock
from tests.engine.triggers.triggering import TriggerBench, triggered

Json = Any


class Watched(TriggerBench):
    """A bench with a watched folder ``in`` beside the workflow."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(**more)
        self.source = str(folder / "flow.flow.json")
        self.folder = folder / "in"
        self.folder.mkdir(exist_ok=True)

    async def arm(self, **params: Json) -> None:
        settings = {"folder": "in", "settle_s": 2, "scan_s": 1, "overlap": "parallel", **params}
        await self.triggers.arm(triggered("file", settings), self.source)

    def write(self, name: str, text: str = "x") -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    async def settle(self) -> None:
        """Look until what is there now counts."""
        for _ in range(4):
            await self.look(1)

    @property
    def names(self) -> list[tuple[str, str]]:
        return [(each["name"], each["change"]) for each in self.inputs]


async def test_a_new_file_starts_a_run_and_a_changed_one_another(tmp_path: Path) -> None:
    async with Watched(tmp_path) as bench:
        bench.write("old.csv")
        await bench.arm(pattern="*.csv")
        path = bench.write("new.csv", "abc")
        bench.write("other.txt")
        await bench.settle()
        bench.write("old.csv", "changed")
        await bench.settle()
        assert bench.names == [("new.csv", "created"), ("old.csv", "changed")]
        assert bench.inputs[0] | {"modified_at": ""} == {
            "path": str(path), "name": "new.csv", "folder": str(bench.folder),
            "change": "created", "size": 3, "modified_at": "",
        }  # fmt: skip


async def test_a_file_counts_when_it_has_been_left_alone(tmp_path: Path) -> None:
    async with Watched(tmp_path) as bench:
        await bench.arm()
        await bench.look()
        for size in range(1, 6):
            bench.write("slow.csv", "x" * size)
            await bench.look(1)
        assert bench.inputs == []
        await bench.settle()
        assert [each["size"] for each in bench.inputs] == [5]


@pytest.mark.parametrize(
    ("on", "names"),
    [("created", ["b"]), ("changed", ["a"]), ("both", ["a", "b"])],
)
async def test_it_is_said_whether_new_or_changed_ones_count(
    tmp_path: Path, on: str, names: list[str]
) -> None:
    async with Watched(tmp_path) as bench:
        bench.write("a")
        await bench.arm(on=on)
        bench.write("a", "changed")
        bench.write("b")
        await bench.settle()
        assert sorted(name for name, _ in bench.names) == names


async def test_what_is_there_when_it_is_armed_counts_if_that_is_asked_for(tmp_path: Path) -> None:
    async with Watched(tmp_path) as bench:
        bench.write("a")
        await bench.arm(existing=True, missed="skip")
        await bench.settle()
        assert bench.names == [("a", "created")]


async def test_a_file_that_is_replaced_or_made_again_counts_again(tmp_path: Path) -> None:
    async with Watched(tmp_path) as bench:
        path = bench.write("a", "1")
        await bench.arm()
        times = path.stat().st_mtime_ns
        beside = bench.write("b.tmp", "2")
        os.utime(beside, ns=(times, times))
        beside.replace(path)  # same size, same time, another file
        await bench.settle()
        path.unlink()
        await bench.settle()
        bench.write("a", "3")
        await bench.settle()
        assert bench.names == [("a", "changed"), ("a", "created")]


async def test_folders_below_are_watched_if_the_pattern_says_so(tmp_path: Path) -> None:
    async with Watched(tmp_path) as bench:
        await bench.arm(pattern="**/*.csv")
        bench.write("sub/a.csv")
        bench.write("b.csv")
        await bench.settle()
        assert sorted(name for name, _ in bench.names) == ["a.csv", "b.csv"]


async def test_nothing_is_lost_between_two_looks(tmp_path: Path) -> None:
    async with Watched(tmp_path) as bench:
        await bench.arm(pattern="*", settle_s=0)
        for number in range(60):
            bench.write(f"f{number:02}")
            if number % 7 == 0:
                await bench.look(1)
        await bench.settle()
        assert sorted(name for name, _ in bench.names) == [f"f{n:02}" for n in range(60)]


@pytest.mark.parametrize(
    ("missed", "names", "skipped"),
    [("all", ["a", "b", "c"], 0), ("once", ["c"], 1), ("skip", [], 1)],
)
async def test_what_came_while_nobody_looked_follows_the_policy(
    tmp_path: Path, missed: str, names: list[str], skipped: int
) -> None:
    clock = FakeClock()
    url = str(tmp_path / "runs.sqlite")
    from engine.store.open import open_store

    async with Watched(tmp_path, store=open_store(url), clock=clock) as bench:
        await bench.arm(missed=missed)
        await bench.look()
    async with Watched(tmp_path, store=open_store(url), clock=clock) as bench:
        bench.ids.skip(1000)
        for number, name in enumerate("abc"):
            os.utime(bench.write(name), (number, number))
        await bench.arm(missed=missed)
        await bench.settle()
        assert [name for name, _ in bench.names] == names
        assert bench.statuses.count("skipped") == skipped
        bench.write("d")
        await bench.settle()
        assert [name for name, _ in bench.names] == [*names, "d"]


async def test_a_folder_that_is_away_is_told_and_what_is_in_it_is_not_new_again(
    tmp_path: Path,
) -> None:
    async with Watched(tmp_path) as bench:
        bench.write("a")
        await bench.arm()
        await bench.look()
        away = bench.folder.rename(tmp_path / "away")
        await bench.look(1)
        assert "there is no folder" in bench.triggers.armed()[0].problem
        assert bench.kinds == ["armed", "problem"]
        away.rename(bench.folder)
        await bench.settle()
        assert (bench.inputs, bench.triggers.armed()[0].problem) == ([], "")


async def test_a_folder_with_too_many_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_FILES", 2)
    async with Watched(tmp_path) as bench:
        await bench.arm()
        for name in "abc":
            bench.write(name)
        await bench.look(1)
        assert "more than 2 files" in bench.triggers.armed()[0].problem


async def test_two_processes_that_watch_a_folder_start_one_run_for_a_file(tmp_path: Path) -> None:
    from engine.store.open import open_store

    clock, url = FakeClock(), str(tmp_path / "runs.sqlite")
    async with (
        Watched(tmp_path, store=open_store(url), clock=clock) as one,
        Watched(tmp_path, store=open_store(url), clock=clock) as two,
    ):
        two.ids.skip(10_000)
        for bench in (one, two):
            await bench.arm(settle_s=0)
        for number in range(6):
            one.write(f"f{number}")
            clock.advance(1)
            for bench in (one, two) if number % 2 else (two, one):
                await bench.look()
        assert sorted(name for name, _ in one.names + two.names) == [f"f{n}" for n in range(6)]
