from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.executors import frames


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 20))
def test_frames_arrive_whole_however_the_bytes_are_cut(bodies: list[bytes], size: int) -> None:
    data = b"".join(frames.frame(frames.RESULT, body) for body in bodies)
    reader = frames.FrameReader()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [body for piece in pieces for _, body in reader.feed(piece)] == bodies


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(frames.BadFrame, match="no kind of frame"):
        list(frames.FrameReader().feed(b"hello world"))


def test_an_output_frame_tells_stream_dropped_bytes_and_text() -> None:
    ((kind, body),) = frames.FrameReader().feed(frames.output_frame(1, 7, b"text"))
    assert kind == frames.OUTPUT
    assert frames.read_output(body) == (1, 7, b"text")
