"""A whole run in one file (U100, U117, T92): out of one store, into another, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.commands import Cancel, Decide, Pause, Unpause
from engine.errors import EngineError, NotAllowed, StoreError, UnreadableFile, UnsupportedVersion
from engine.ids import RunId
from engine.interchange.run_file import check_whole, export_run, import_run
from engine.model.node_types import Context, Output
from engine.model.workflow import Channel
from engine.runtime.ports import RunStore
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle

Json = Any
AT = 1_700_000_000.0
RUN = RunId("run1")
LOG = Channel(name="log", type="array", reducer="append", default=[])
WORK = flow(
    {"a": ("plus", {}, {"writes": {"log": "output"}}), "g": "ask", "b": "plus", "z": "end"},
    "a > g, g.approved > b, b > z",
    channels=[LOG],
)
#: JSON values that are easily lost: beyond 64 bits, lone surrogates, what looks like ours.
ODD = {
    "big": 10**30,
    "text": "\ud800",
    "inf": float("inf"),
    "ours": [{"$blob": "x"}, {"$literal": {"$blob": 1}}, {"$": 1}],
    "large": ["y" * 70_000, {"deep": ["y" * 70_000]}],
}
STORES: dict[str, Callable[[Path], RunStore]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "other.sqlite"),
}


@pytest.fixture(params=sorted(STORES))
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


async def decided(bench: Bench, choice: str = "approve") -> None:
    [request] = bench.engine.inbox()
    await bench.engine.decide(
        Decide(request=request.request, choice=choice, by="ada", through="api",
               digest=request.digest, comment="fine")
    )  # fmt: skip
    await settle()


async def written(folder: Path, name: str = "a.run.jsonl", value: Json = 1, **how: Any) -> Path:
    """Run WORK in a store on disk up to its end, or its gate, and export it."""
    store = SqliteStore(folder / "one.sqlite")
    async with Bench(store=store, stay=how.get("decide", True)) as bench:
        handle = await bench.start(how.get("work", WORK), value)
        if how.get("decide", True):
            await decided(bench)
            await handle.leg()
        export_run(store, store.run(RUN), folder / name, at=AT)
    return folder / name


def whole(store: RunStore, run: RunId = RUN) -> dict[str, Json]:
    """Return everything that a store says of a run, apart from places in its chain."""
    record = store.run(run)
    loaded = store.load(run)
    return {
        "record": replace(record, untrusted=False, allow=()),
        "legs": (loaded.legs, loaded.next_seq, loaded.next_due, loaded.journal, loaded.claims),
        "events": store.events(run),
        "history": [msgspec.structs.replace(each, bytes=0) for each in store.history(run)],
        "states": [
            msgspec.to_builtins(store.state_at(run, each.number)) for each in store.history(run)
        ],
        "requests": [
            replace(each, decision=None) for each in store.requests(run=run, open_only=False)
        ],
        "decisions": [replace(each, id=0, hash="") for each in store.decisions(run=run)],
    }


@pytest.mark.parametrize("name", ["a.run.jsonl", "a.run.jsonl.zst"])
async def test_an_imported_run_is_the_run_that_was_exported(
    tmp_path: Path, other: RunStore, name: str
) -> None:
    path = await written(tmp_path, name)
    first = SqliteStore(tmp_path / "one.sqlite")
    assert import_run(other, path, at=AT).untrusted
    assert whole(other) == whole(first)
    assert other.verify() == []
    first.close()


async def test_every_json_value_comes_back_as_it_was(tmp_path: Path, other: RunStore) -> None:
    odd = node_type("odd", lambda params, ctx: Output({"out": ODD}, memory=ODD))
    work = flow({"a": "odd", "b": "same", "z": "end"}, "a > b, b > z")
    store = SqliteStore(tmp_path / "one.sqlite")
    async with Bench(odd, store=store) as bench:
        assert outcome(await bench.run(work)) == ODD
        export_run(store, store.run(RUN), tmp_path / "odd", at=AT)
        import_run(other, tmp_path / "odd", at=AT)
        assert whole(other) == whole(store)
    assert other.values_at(RUN, 1, ["a.out"]) == {"a.out": ODD}


async def test_a_large_value_is_in_the_file_once(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(20)]
    copy = node_type("copy", lambda params, ctx: Output({"out": "y" * 90_000 + ctx.input[:0]}))
    wires = ", ".join(f"{a} > {b}" for a, b in pairwise([*names, "z"]))
    work = flow({**dict.fromkeys(names, "copy"), "z": "end"}, wires)
    store = SqliteStore(tmp_path / "one.sqlite")
    async with Bench(copy, store=store) as bench:
        await bench.run(work, "")
        export_run(store, store.run(RUN), tmp_path / "large", at=AT)
    assert (tmp_path / "large").stat().st_size < 200_000


async def test_every_commit_of_an_imported_run_can_be_viewed_replayed_and_forked(
    tmp_path: Path, other: RunStore
) -> None:
    path = await written(tmp_path)
    import_run(other, path, at=AT)
    first = Bench(store=SqliteStore(tmp_path / "one.sqlite"))
    async with first, Bench(store=other) as bench:
        for number in range(other.run(RUN).commit + 1):
            assert bench.engine.view(RUN, number) == first.engine.view(RUN, number)
        report = await bench.engine.replay(RUN)
        assert report.equal and report.commits == other.run(RUN).commit
        bench.engine._core.ids.run_id(0)  # this one is taken
        handle = await bench.engine.fork(RUN, 1)
        await settle()
        assert (await handle.leg()).run != RUN
        assert bench.engine.inbox()[0].run == handle.run


async def test_a_run_that_waits_goes_on_in_the_other_store(tmp_path: Path, other: RunStore) -> None:
    path = await written(tmp_path, decide=False)
    import_run(other, path, at=AT)
    async with Bench(store=other, stay=True) as bench:
        handle = await bench.engine.resume(RUN)
        await settle()
        await decided(bench)
        assert outcome((await handle.leg()).event) == 3
        assert (await bench.engine.replay(RUN)).equal
    assert other.verify() == []


async def test_what_was_pruned_is_not_missed(tmp_path: Path, other: RunStore) -> None:
    store = SqliteStore(tmp_path / "one.sqlite")
    work = flow({"s": "same", "a": "plus", "b": ("below", {"n": 100}), "z": "end"},
                "s > a, a > b, b.again > a, b.done > z")  # fmt: skip
    async with Bench(store=store) as bench:
        await bench.run(work, 0)
        store.name_commit(RUN, 7, "seven")
        store.name_commit(RUN, 8, "eight")
        store.prune(RUN, 60)
        assert (await bench.engine.replay(RUN)).equal
        export_run(store, store.run(RUN), tmp_path / "pruned", at=AT)
        import_run(other, tmp_path / "pruned", at=AT)
        assert whole(other) == whole(store)


async def test_a_run_from_a_file_uses_nothing_until_somebody_agrees(
    tmp_path: Path, other: RunStore
) -> None:
    def send(params: Any, ctx: Context) -> Output:
        return Output({"out": "sent"})

    mail = node_type("mail", send, capabilities=lambda params: ("network",))
    work = flow({"g": "ask", "m": "mail", "z": "end"}, "g.approved > m, m > z")
    store = SqliteStore(tmp_path / "one.sqlite")
    async with Bench(mail, store=store) as bench:
        await bench.run(work, 1)
        export_run(store, store.run(RUN), tmp_path / "mail", at=AT)
    import_run(other, tmp_path / "mail", at=AT)
    async with Bench(mail, store=other) as bench:
        with pytest.raises(NotAllowed, match=r"network \(m\)"):
            await bench.engine.resume(RUN)
        with pytest.raises(NotAllowed, match="network"):
            await bench.engine.fork(RUN, 0)
        handle = await bench.engine.resume(RUN, allow=frozenset({"network"}))
        await handle.leg()
        assert not other.run(RUN).untrusted
        await (await bench.engine.resume(RUN)).leg()  # once is enough


# --- what is refused --------------------------------------------------------------------------


def changed(path: Path, change: Callable[[list[Json]], None]) -> Path:
    """Change the lines of a file and give it the right hash again."""
    import hashlib

    found = [json.loads(line) for line in path.read_text().splitlines()][:-1]
    change(found)
    text = [json.dumps(line, separators=(",", ":")) + "\n" for line in found]
    digest = hashlib.sha256("".join(text).encode()).hexdigest()
    end = json.dumps({"end": {"lines": len(text), "sha256": digest}}) + "\n"
    path.write_text("".join([*text, end]))
    return path


async def test_a_run_can_be_imported_once(tmp_path: Path, other: RunStore) -> None:
    path = await written(tmp_path)
    import_run(other, path, at=AT)
    before = whole(other)
    with pytest.raises(StoreError, match="already in the store"):
        import_run(other, path, at=AT)
    assert whole(other) == before and other.verify() == []


async def test_a_file_that_ends_anywhere_else_is_refused(tmp_path: Path) -> None:
    path = await written(tmp_path)
    data = path.read_bytes()
    for size in {0, 1, 20, len(data) // 3, len(data) // 2, len(data) - 80, len(data) - 1}:
        path.write_bytes(data[:size])
        with pytest.raises(UnreadableFile):
            check_whole(path)


async def test_a_file_of_which_a_byte_has_changed_is_refused(tmp_path: Path) -> None:
    path = await written(tmp_path)
    data = path.read_bytes()
    for place in range(30, len(data) - 1, 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(UnreadableFile):
            check_whole(path)


async def test_a_newer_file_is_refused(tmp_path: Path, other: RunStore) -> None:
    path = changed(await written(tmp_path), lambda found: found[0].update(headgate_run=2))
    with pytest.raises(UnsupportedVersion, match="format 2"):
        import_run(other, path, at=AT)


def _line(found: list[Json], kind: str, which: int = 0) -> Json:
    return [line for line in found if kind in line][which]


BROKEN: dict[str, tuple[Callable[[list[Json]], Any], str]] = {
    "an unknown event": (
        lambda found: _line(found, "commit", 1)["events"][0].__setitem__(0, "TaskDreamt"),
        "TaskDreamt",
    ),
    "an unknown part": (
        lambda found: _line(found, "commit", 1)["delta"].update(put_dreams={}),
        "put_dreams",
    ),
    "a delta that does not fit": (
        lambda found: _line(found, "commit", 1)["delta"].update(
            drop_outputs=["a@"], put_waits={}, ops=[["nothing", 1, "reduce", "a"]]
        ),
        "does not fit together",
    ),
    "a commit that is gone": (
        lambda found: found.remove(_line(found, "commit", 2)),
        "out of order",
    ),
    "a decision that was changed": (
        lambda found: _line(found, "decision")["decision"].update(by="eve"),
        "not what was stored",
    ),
    "another document": (
        lambda found: _line(found, "document").update(document="[]"),
        "line 3",
    ),
    "a lost request": (
        lambda found: found.remove(_line(found, "request")),
        "belongs to something else",
    ),
    "a status that is not its own": (
        lambda found: _line(found, "run")["run"].update(status="running"),
        "the run is running",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_does_not_fit_together_is_refused_whole(
    tmp_path: Path, other: RunStore, what: str
) -> None:
    change, words = BROKEN[what]
    path = changed(await written(tmp_path), change)
    check_whole(path)
    with pytest.raises(EngineError, match=words):
        import_run(other, path, at=AT)
    assert other.runs() == [] and other.requests(open_only=False) == []
    assert other.decisions() == [] and other.verify() == []


async def test_an_arrival_is_in_the_chain_of_the_store(tmp_path: Path) -> None:
    path = await written(tmp_path)
    store = SqliteStore(tmp_path / "other.sqlite")
    import_run(store, path, at=AT)
    rows = store._database.writer.execute("SELECT seq, kind, note FROM evidence").fetchall()
    assert [row[1] for row in rows] == ["arrival", "request", "decision"]
    store._database.writer.execute("UPDATE evidence SET note = replace(note, 'run1', 'run2')")
    assert "arrival" in store.verify()[0]
    store.close()


async def test_an_imported_run_obeys_commands_although_it_has_obeyed_others_elsewhere(
    tmp_path: Path, other: RunStore
) -> None:
    """Commands are numbered by store; what a run has obeyed, it has obeyed by number."""
    store = SqliteStore(tmp_path / "one.sqlite")
    async with Bench(store=store, stay=True) as bench:
        handle = await bench.start(WORK, 1)
        for command in (Pause(), Unpause(), Pause(), Unpause()):
            handle.send(command, store.add_command(handle.run, command, AT))
        await settle()
        export_run(store, store.run(RUN), tmp_path / "file", at=AT)
    import_run(other, tmp_path / "file", at=AT)
    async with Bench(store=other, stay=True) as bench:
        handle = await bench.engine.resume(RUN)
        other.add_command(RUN, Cancel(), AT)
        await bench.engine._legs.hear_others()
        await settle()
        assert handle.status is RunStatus.CANCELLED
