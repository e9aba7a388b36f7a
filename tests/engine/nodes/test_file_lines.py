"""Read lines: a stream that goes on at a byte (U51)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.model.node_types import NodeFailure, Output, Start
from engine.nodes import file_lines
from engine.nodes.file_lines import FILE_LINES
from engine.nodes.file_write import FILE_WRITE
from tests.engine.flows import Bench, flow, outcome
from tests.engine.nodes.contexts import FakeContext, context, run_now

Json = Any


async def lines(path: Path, start: Start | None = None, **params: Any) -> list[tuple[Json, Json]]:
    fake = FakeContext(folder=path.parent)
    result = run_now(FILE_LINES, {"path": path.name, **params}, fake)
    assert isinstance(result, Output) and FILE_LINES.stream and FILE_LINES.stream.open
    elements = FILE_LINES.stream.open(result.ports["out"], context(fake), start or Start())
    return [(each.value, each.position) async for each in elements]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
async def test_every_line_comes_with_the_place_behind_it(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lines, "_CHUNK", chunk)
    path = tmp_path / "a.txt"
    path.write_bytes("eins\r\nzwö\n\nlast".encode())
    found = await lines(path)
    assert [value for value, _ in found] == ["eins", "zwö", "last"]
    for place in range(3):
        rest = await lines(path, Start(count=place + 1, position=found[place][1]))
        assert rest == found[place + 1 :]


async def test_lines_are_json_where_the_name_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n\n2\n')
    assert [value for value, _ in await lines(path)] == [{"n": 1}, 2]
    assert [value for value, _ in await lines(path, empty=True)] == [{"n": 1}, None, 2]
    assert [value for value, _ in await lines(path, format="text")] == ['{"n": 1}', "2"]


@pytest.mark.parametrize(
    ("text", "start", "why"),
    [("{]\n", Start(), "cannot be read"), ("1\n", Start(count=9, position=99), "shorter")],
)
async def test_what_cannot_be_read_is_named(
    tmp_path: Path, text: str, start: Start, why: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(NodeFailure, match=why):
        await lines(path, start)


def test_an_encoding_whose_lines_are_no_bytes_is_refused() -> None:
    with pytest.raises(ValidationError, match="use utf-8"):
        FILE_LINES.params.model_validate({"path": "x", "encoding": "utf-16"})


async def test_a_file_goes_through_a_for_each(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_text("".join(f"{n}\n" for n in range(300)))
    work = flow(
        {"s": ("file.lines", {"path": str(path)}), "e": ("for_each", {"batch": 100}), "a": "same",
         "c": "collect", "z": "end"},
        "s > e, e.item > a, a > c, c > z",
    )  # fmt: skip
    async with Bench(FILE_LINES, FILE_WRITE) as bench:
        handle = await bench.start(work)
        found = outcome((await handle.leg()).event)
        assert [len(each) for each in found] == [100, 100, 100] and found[2][99] == "299"
        assert (await bench.engine.replay(handle.run)).equal
