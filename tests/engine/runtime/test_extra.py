"""A map for what is not declared (U26), and schema versions on edited documents (U37)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.app import DocumentEdited, EditedDocument
from engine.commands import Decide
from engine.model.node_types import Context, Output, WriteOp
from engine.model.validation import validate
from engine.model.workflow import Channel, Migration, Workflow
from tests.engine.flows import Bench, flow, node_type, outcome, registry, settle

EXTRA = Channel(name="extra", type="object", reducer="keys", default={})
NUMBERS = Channel(
    name="extra", type="object", reducer="keys", default={},
    schema={"additionalProperties": {"type": "number"}},
)  # fmt: skip


def _scribble(params: Any, ctx: Context) -> Output:
    ops = tuple(WriteOp(*each) for each in params.writes)
    return Output({"out": ctx.input}, writes=ops)


SCRIBBLE = node_type("scribble", _scribble)


def work(*writes: list[list[Any]], channel: Channel = EXTRA, **more: Any) -> Workflow:
    """Nodes a, b, ... write at once what they are told, then the run returns the map."""
    names = "abcd"[: len(writes)]
    nodes: dict[str, Any] = {"s": "same", "z": "end", "j": "join"}
    nodes |= {n: ("scribble", {"writes": w}) for n, w in zip(names, writes, strict=True)}
    wires = ",".join(f"s > {n}, {n} > j" for n in names) + ", j > z"
    settings: dict[str, Any] = {
        "extra_to": "extra",
        "commit": "strict",
        "result": "state.extra",
        **more,
    }
    return flow(nodes, wires, channels=[channel], **settings)


async def result(workflow: Workflow) -> Any:
    async with Bench(SCRIBBLE) as bench:
        return outcome(await bench.run(workflow, 1))


async def test_what_is_not_declared_goes_to_the_map_that_is_named() -> None:
    assert await result(work([["x", 1], ["y", [2]]], [["z", None]])) == {
        "x": 1,
        "y": [2],
        "z": None,
    }


async def test_without_it_an_undeclared_name_is_refused() -> None:
    assert await result(work([["x", 1]], extra_to=None)) == "undeclared_channel"


async def test_two_writers_of_one_undeclared_name_conflict() -> None:
    async with Bench(SCRIBBLE) as bench:
        ended = await bench.run(work([["x", 1]], [["x", 2]]), 1)
    assert isinstance(ended, ev.RunFailed)
    assert ended.error.code == "conflict"
    assert "a and b both write extra.x" in ended.error.message


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ([[["x", 1]], [["x", 1]]], {"x": 1}),  # the same is no conflict
        ([[["x", {"p": 1}]], [["y", {"q": 2}]]], {"x": {"p": 1}, "y": {"q": 2}}),
        ([[["x", 1], ["x", 3]], [["y", 2]]], {"x": 3, "y": 2}),  # the last of one writer
        ([[["x", 1], ["x", None, "delete"]]], {"x": None}),
    ],
)
async def test_each_name_is_replaced_by_itself(writes: Any, expected: Any) -> None:
    assert await result(work(*writes)) == expected


async def test_writing_what_was_there_yields_to_a_change() -> None:
    """Three-way, key by key, whoever comes first."""
    old = Channel(name="extra", type="object", reducer="keys", default={"x": 1, "y": 1})
    assert await result(work([["x", 1]], [["x", 5]], channel=old)) == {"x": 5, "y": 1}
    assert await result(work([["x", 5]], [["x", 1]], channel=old)) == {"x": 5, "y": 1}


async def test_a_nested_value_is_replaced_and_not_merged() -> None:
    assert await result(work([["x", {"p": 1}]], [["x", {"q": 2}]])) == "conflict"


async def test_the_map_is_typed_by_its_schema() -> None:
    assert await result(work([["x", 1.5]], channel=NUMBERS)) == {"x": 1.5}
    assert await result(work([["x", "one"]], channel=NUMBERS)) == "reducer"


async def test_a_document_may_write_what_it_does_not_declare() -> None:
    written = flow(
        {"a": ("same", {}, {"writes": {"note": "output * 2"}}), "z": "end"}, "a > z",
        channels=[EXTRA], extra_to="extra", result="state.extra.note",
    )  # fmt: skip
    assert not [p for p in validate(written, registry()) if p.rule[0] == "E"]
    async with Bench() as bench:
        handle = await bench.engine.start(written, 4)
        assert outcome((await handle.leg()).event) == 8
        assert (await bench.engine.replay(handle.run)).equal
        assert bench.store.load(handle.run).state.channels == {"extra": {"note": 8}}


@pytest.mark.parametrize(
    ("channels", "rule"),
    [
        ([], "E007-unknown-channel"),
        ([Channel(name="extra", type="object")], "E022-channel"),
        ([Channel(name="extra", type="array", reducer="append")], "E022-channel"),
    ],
)
def test_the_map_must_be_one(channels: list[Channel], rule: str) -> None:
    found = validate(flow({"a": "same"}, "", channels=channels, extra_to="extra"), registry())
    assert (rule, "settings.extra_to") in {(p.rule, p.field) for p in found}


# --- schema versions on edited documents ---------------------------------------------------

DOUBLED = Migration(version=1, expr="value * 2")


def versions(version: int, *steps: Migration, **schema: Any) -> Workflow:
    """A question after the channel was written; what follows returns the channel."""
    total = Channel(name="total", type="number", reducer="sum", default=0, version=version,
                    schema=schema or None, migrations=steps)  # fmt: skip
    return flow(
        {"a": ("same", {}, {"writes": {"total": "5"}}), "q": "ask", "z": "end"},
        "a > q, q.approved > z",
        channels=[total],
        result="state.total",
    )


async def asked(bench: Bench) -> str:
    handle = await bench.engine.start(versions(1), 1)
    await handle.leg()
    await settle()
    return handle.run


async def approved(bench: Bench, run: str) -> Any:
    """Answer the question of a run and return its result."""
    (request,) = [each for each in bench.engine.inbox() if each.run == run]
    await bench.engine.decide(
        Decide(request=request.request, choice="approve", by="ann", through="api")
    )
    handle = bench.engine.handle(run) or await bench.engine.resume(run)
    return outcome((await handle.leg()).event)


@pytest.mark.parametrize("how", ["resume", "fork"])
async def test_an_edited_document_brings_channels_to_its_version(how: str) -> None:
    edited = EditedDocument(workflow=versions(2, DOUBLED, maximum=50), force=True)
    async with Bench() as bench:
        run = await asked(bench)
        if how == "resume":
            handle = await bench.engine.resume(run, edited=edited)
        else:
            handle = await bench.engine.fork(run, bench.engine.run(run).commit, edited=edited)
        await handle.leg()
        assert handle.state.channels == {"total": 10}
        assert handle.state.versions["total"] == 2
        (changed,) = [f for f in bench.facts if isinstance(f, ev.DocumentChanged)]
        assert "total" in changed.compatible
        assert await approved(bench, handle.run) == 10


@pytest.mark.parametrize(
    ("edited", "reason"),
    [
        (versions(3, DOUBLED), "the step from 2 is missing"),
        (versions(2, DOUBLED, maximum=7), "does not fit"),
        (versions(2, Migration(version=1, expr="value / 0")), "failed"),
    ],
)
async def test_what_cannot_be_brought_over_is_reported_and_must_be_forced(
    edited: Workflow, reason: str
) -> None:
    async with Bench() as bench:
        run = await asked(bench)
        with pytest.raises(DocumentEdited) as refused:
            await bench.engine.resume(run, edited=EditedDocument(workflow=edited))
        (fate,) = [f for f in refused.value.fates if getattr(f, "name", "") == "total"]
        assert getattr(fate, "fate", "") == "lost"
        assert reason in str(getattr(fate, "reason", fate))
        handle = await bench.engine.resume(run, edited=EditedDocument(workflow=edited, force=True))
        await handle.leg()
        assert handle.state.channels == {"total": 0}


async def test_a_run_never_goes_back_to_an_older_version_by_itself() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(versions(2, DOUBLED), 1)
        await handle.leg()
        with pytest.raises(DocumentEdited) as refused:
            await bench.engine.resume(handle.run, edited=EditedDocument(workflow=versions(1)))
        assert "leads back" in " ".join(str(fate) for fate in refused.value.fates)
