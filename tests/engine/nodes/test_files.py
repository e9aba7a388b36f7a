"""Read file and Write file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.model.node_types import NodeFailure
from engine.nodes import files
from engine.nodes.file_read import FILE_READ
from engine.nodes.file_write import FILE_WRITE
from tests.engine.nodes.contexts import FakeContext, run_later

ROWS = [{"id": 1, "name": "Ann", "paid": True}, {"id": 2, "name": 'B "x", c', "paid": None}]


@pytest.fixture
def fake(tmp_path: Path) -> FakeContext:
    return FakeContext(folder=tmp_path)


async def read(fake: FakeContext, path: str, **params: Any) -> Any:
    return await run_later(FILE_READ, {"path": path, **params}, fake)


async def write(fake: FakeContext, path: str, content: Any, **params: Any) -> Any:
    return await run_later(FILE_WRITE, {"path": path, "content": content, **params}, fake)


async def refused(attempt: Any) -> NodeFailure:
    with pytest.raises(NodeFailure) as caught:
        await attempt
    return caught.value


# --- reading ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "params", "value"),
    [
        ("a.txt", "häh\n", {}, "häh\n"),
        ("a.txt", "\ufeffbom", {}, "bom"),
        ("a.json", '{"a": [1, 2.5, null]}', {}, {"a": [1, 2.5, None]}),
        ("a.jsonl", '{"a": 1}\n\n[2]\n', {}, [{"a": 1}, [2]]),
        ("a.txt", "a\nb\n", {"format": "lines"}, ["a", "b"]),
        ("a.csv", "id,name\n1,Ann\n2,\n", {}, [{"id": 1, "name": "Ann"}, {"id": 2, "name": None}]),
        ("a.csv", "id;name\n1;A,B\n", {}, [{"id": 1, "name": "A,B"}]),
        ("a.tsv", "id\tname\n1\tAnn\n", {}, [{"id": 1, "name": "Ann"}]),
        ("a.csv", "id,x\n1,2\n", {"typed": False}, [{"id": "1", "x": "2"}]),
        ("a.csv", "1,2\n3,4\n", {"header": False}, [[1, 2], [3, 4]]),
        ("a.csv", "a,a,\n1,2,3\n", {}, [{"a": 1, "a_2": 2, "column_3": 3}]),
        ("a.csv", 'a,b\n"x\ny",1\n\n2\n', {}, [{"a": "x\ny", "b": 1}, {"a": 2, "b": None}]),
        ("a.csv", "", {}, []),
    ],
)
async def test_files_are_read_by_their_format(
    fake: FakeContext, tmp_path: Path, name: str, text: str, params: Any, value: Any
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert await read(fake, name, **params) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0), ("-7", -7), ("3.50", 3.5), ("007", "007"), ("+49", "+49"), ("1e5", "1e5"),
        ("00.5", "00.5"), ("true", True), ("FALSE", False), ("", None), ("  ", None),
        ("nan", "nan"), ("1,5", "1,5"), ("٣", "٣"), ("-", "-"),
        ("12345678901234567890", "12345678901234567890"),
    ],
)  # fmt: skip
def test_only_what_is_surely_a_number_becomes_one(cell: str, value: Any) -> None:
    assert files.typed_cell(cell) == value
    assert type(files.typed_cell(cell)) is type(value)


@pytest.mark.parametrize(
    ("name", "content", "words", "code"),
    [
        ("a.json", b"{a}", "is not JSON", "bad_content"),
        ("a.json", b"[NaN]", "NaN is no JSON number", "bad_content"),
        ("a.jsonl", b"1\n{", "line 2", "bad_content"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", "3 cells in line 3", "bad_content"),
        ("a.csv", b'a\n"open', "line 2", "bad_content"),
        ("a.txt", b"\xff", "is not utf-8 text (byte 1)", "bad_content"),
        ("a.txt", b"x" * 2_000, "larger than 0.001 MB", "too_large"),
    ],
)
async def test_what_cannot_be_read_says_where(
    fake: FakeContext, tmp_path: Path, name: str, content: bytes, words: str, code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    failure = await refused(read(fake, name, max_mb=0.001))
    assert (failure.code, failure.retryable) == (code, False)
    assert words in str(failure)
    assert name in str(failure)


async def test_other_encodings_can_be_read(fake: FakeContext, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    assert await read(fake, "a.txt", encoding="latin-1") == "é"


async def test_a_missing_file_and_a_folder_are_told_apart(
    fake: FakeContext, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    missing, folder = await refused(read(fake, "no.txt")), await refused(read(fake, "folder"))
    assert (missing.code, folder.code) == ("not_found", "not_a_file")
    assert missing.nothing_happened
    assert not missing.retryable


async def test_an_endless_file_is_not_read_to_its_end(fake: FakeContext) -> None:
    assert (await refused(read(fake, "/dev/zero", max_mb=0.01))).code == "too_large"


async def test_paths_start_at_home_or_at_the_folder_of_the_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "a.txt").write_text("home", encoding="utf-8")
    (tmp_path / "a.txt").write_text("here", encoding="utf-8")
    assert await read(FakeContext(folder=tmp_path), "~/a.txt") == "home"
    assert await read(FakeContext(folder=tmp_path), "a.txt") == "here"
    monkeypatch.chdir(tmp_path)
    assert await read(FakeContext(), "a.txt") == "here"


# --- writing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "params", "text", "rows"),
    [
        ("a.txt", "häh", {}, "häh", None),
        ("a.txt", 5, {}, "5", None),
        ("a.json", {"b": "é"}, {}, '{\n  "b": "é"\n}\n', None),
        ("a.jsonl", [{"a": 1}, 2], {}, '{"a": 1}\n2\n', 2),
        ("a.txt", ["a", "b"], {"format": "lines"}, "a\nb\n", 2),
        ("a.csv", ROWS, {}, 'id,name,paid\n1,Ann,true\n2,"B ""x"", c",\n', 2),
        ("a.csv", [{"a": 1}, {"b": [1]}], {}, "a,b\n1,\n,[1]\n", 2),
        ("a.csv", ROWS, {"columns": ["name", "id"]}, 'name,id\nAnn,1\n"B ""x"", c",2\n', 2),
        ("a.tsv", {"a": 1, "b": 2}, {}, "a\tb\n1\t2\n", 1),
        ("a.csv", [[1, 2]], {"columns": ["x", "y"]}, "x,y\n1,2\n", 1),
        ("a.csv", [], {}, "", 0),
    ],
)
async def test_values_are_written_by_the_format(
    fake: FakeContext, tmp_path: Path, name: str, content: Any, params: Any, text: str, rows: Any
) -> None:
    done = await write(fake, name, content, **params)
    assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert done == {"path": str(tmp_path / name), "bytes": len(text.encode()), "rows": rows}


async def test_the_input_is_written_when_no_content_is_given(tmp_path: Path) -> None:
    fake = FakeContext(folder=tmp_path, input=[1])
    await run_later(FILE_WRITE, {"path": "new/folder/a.json"}, fake)
    assert (tmp_path / "new" / "folder" / "a.json").read_text(encoding="utf-8") == "[\n  1\n]\n"


async def test_a_file_is_replaced_as_a_whole_and_keeps_its_permissions(
    fake: FakeContext, tmp_path: Path
) -> None:
    target, link = tmp_path / "a.txt", tmp_path / "link.txt"
    target.write_text("a long old text", encoding="utf-8")
    target.chmod(0o640)
    link.symlink_to(target)
    await write(fake, "link.txt", "new")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "link.txt"]


async def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    fake: FakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    failure = await refused(write(fake, "a.txt", "new"))
    assert "No space left" in str(failure)
    assert failure.retryable
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["old"]


async def test_a_new_file_never_replaces_one(fake: FakeContext, tmp_path: Path) -> None:
    await write(fake, "a.txt", "first", mode="new")
    failure = await refused(write(fake, "a.txt", "second", mode="new"))
    assert (failure.code, failure.nothing_happened) == ("exists", True)
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["first"]


async def test_appending_adds_lines_and_rows(fake: FakeContext, tmp_path: Path) -> None:
    for number in (1, 2):
        await write(fake, "a.txt", [f"line {number}"], format="lines", mode="append")
        await write(fake, "a.csv", [{"id": number, "x": "y"}], mode="append")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "line 1\nline 2\n"
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "id,x\n1,y\n2,y\n"


async def test_appended_rows_fit_the_columns_that_are_there(
    fake: FakeContext, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("b,a\n1,2\n", encoding="utf-8")
    await write(fake, "a.csv", [{"a": 4, "b": 3}], mode="append")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "b,a\n1,2\n3,4\n"
    failure = await refused(write(fake, "a.csv", [{"a": 4, "c": 3}], mode="append"))
    assert "has no column c" in str(failure)
    assert failure.nothing_happened


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", {"a": 1}, "choose the format json"),
        ("a.csv", "text", "needs a list"),
        ("a.csv", [{"a": 1}, [2]], "make the rows alike"),
        ("a.json", float("nan"), "not JSON"),
        ("a.txt", "\ud800", "does not fit the encoding"),
        ("folder", "text", "is a folder"),
    ],
)
async def test_what_cannot_be_written_changes_nothing(
    fake: FakeContext, tmp_path: Path, name: str, content: Any, words: str
) -> None:
    (tmp_path / "folder").mkdir()
    failure = await refused(write(fake, name, content))
    assert words in str(failure)
    assert failure.nothing_happened
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@given(
    st.lists(
        st.fixed_dictionaries({"a": st.integers(-(10**17), 10**17), "b": st.booleans()}),
        min_size=1,
    )
)
def test_rows_survive_a_csv_file(rows: list[dict[str, Any]]) -> None:
    text, count = files.as_csv(rows, delimiter="", columns=None, header=True)
    read_back = files.parse_csv(Path("x"), text, delimiter="", header=True, typed=True)
    assert (read_back, count) == (rows, len(rows))


@pytest.mark.parametrize("node_type", [FILE_READ, FILE_WRITE])
@pytest.mark.parametrize(
    "params",
    [{}, {"path": ""}, {"path": "a", "encoding": "klingon"}, {"path": "a", "format": "xml"}],
)
def test_parameters_that_cannot_work_are_refused(node_type: Any, params: Any) -> None:
    with pytest.raises(ValidationError):
        node_type.params.model_validate(params)
