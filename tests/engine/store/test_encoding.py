from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineBug
from engine.events import ErrorInfo, RunFailed
from engine.ids import TaskId
from engine.model.node_types import Request
from engine.state.run_state import Delta
from engine.state.writes import ChannelOp
from engine.store import encoding
from engine.store.encoding import (
    Damaged,
    canonical_json,
    content_hash,
    decode,
    encode,
    pack,
    unpack,
)
from tests.engine.store.runs import Chain

# Every text that Python can hold, lone surrogates too, and numbers of any size.
TEXT = st.text(st.characters(codec=None), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_every_json_value_comes_back(value: Any) -> None:
    delta = Delta(put_values={"a.out": value}, ops=[])
    assert decode(Delta, encode(delta)) == delta


@given(JSON)
def test_the_hash_of_content_survives_storing(value: Any) -> None:
    content = Request(title="t", payload=value)
    assert content_hash(decode(Request, encode(content))) == content_hash(content)


def test_text_of_ours_stays_readable_whatever_is_in_it() -> None:
    event = RunFailed(error=ErrorInfo(code="x", message="bad \udc80", details={"n": 2**70}))
    page = decode(encoding.EventPage, encode(encoding.EventPage(None, [event])))
    assert isinstance(page.events[0], RunFailed)
    assert page.events[0].error.message == "bad \\udc80"
    assert page.events[0].error.details == {"n": 2**70}


@pytest.mark.parametrize("value", [object(), {1, 2}.__iter__(), [object()]])
def test_what_is_no_json_is_a_bug_and_names_no_value(value: Any) -> None:
    with pytest.raises(EngineBug, match="cannot be stored"):
        encode(Delta(put_values={"secret": value}))


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(EngineBug):
        encode(value)


@given(st.binary(max_size=3000))
def test_packing_loses_nothing(data: bytes) -> None:
    for each in (data, b"\x28\xb5\x2f\xfd" + data):
        assert unpack(pack(each)) == each


def test_a_row_that_would_inflate_too_far_is_refused_before_it_does() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < 10_000
    with pytest.raises(Damaged, match="inflate to 67108864 bytes"):
        unpack(bomb, limit=1024 * 1024)


def test_a_row_that_hides_its_size_is_refused() -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    with pytest.raises(Damaged):
        unpack(compressor.compress(bytes(1000)))


@pytest.mark.parametrize("data", [b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfdxxxxxxxxxxx"])
def test_a_broken_row_is_damage(data: bytes) -> None:
    with pytest.raises(Damaged):
        unpack(data)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\xc0", b"\xc7\x01\x63x", b"\x80"])
def test_bytes_that_are_no_page_are_refused(data: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, Damaged)):
        decode(encoding.EventPage, data)


def test_what_is_read_never_becomes_an_object_of_its_choice() -> None:
    hostile = {"__class__": "os.system", "py/object": "os.system", "__reduce__": ["rm"]}
    assert decode(Delta, encode(Delta(put_values={"a": hostile}))).put_values == {"a": hostile}


def test_the_dictionary_of_the_format_is_never_edited() -> None:
    data = Path(encoding.__file__).with_name("rows.zdict").read_bytes()
    assert hashlib.sha256(data).hexdigest() == (
        "d020401ee6bafe315fb695a6efd3eea571ee95c102b80f54cfa83fec1030b238"
    )


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": [1.5, None, "é"]}) == b'{"a":[1.5,null,"\\u00e9"],"b":1}'


def test_a_small_commit_is_stored_in_fewer_bytes() -> None:
    chain = Chain()
    record = [chain.commit() for _ in range(3)][-1]
    page = encode(encoding.EventPage(None, [each.event for each in record.events]))
    delta = encode(record.delta)
    assert len(pack(page)) + len(pack(delta)) < 0.7 * (len(page) + len(delta))


def test_reading_without_a_resolver_leaves_large_values_out() -> None:
    op = ChannelOp("c", msgspec.msgpack.Ext(encoding.EXT_BLOB, b"\0" * 32), "set", TaskId("t"))
    assert decode(Delta, encode(Delta(ops=[op]))).ops[0].value is None
