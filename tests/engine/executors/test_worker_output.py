from __future__ import annotations

from engine.executors.worker_output import BURST_BYTES, SENDS, Outlet, text_stream

Sent = list[tuple[int, int, bytes]]


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def outlet() -> tuple[Outlet, Sent, Time]:
    sent: Sent = []
    time = Time()
    return Outlet(lambda *item: sent.append(item), time), sent, time


def test_little_output_is_sent_at_once() -> None:
    out, sent, _ = outlet()
    out.write(0, b"a")
    out.write(1, b"b")
    assert sent == [(0, 0, b"a"), (1, 0, b"b")]


def test_much_output_is_gathered_in_its_order() -> None:
    out, sent, _ = outlet()
    for _ in range(SENDS):
        out.write(0, b".")
    sent.clear()
    for stream, data in ((0, b"a"), (0, b"b"), (1, b"c"), (0, b"d")):
        out.write(stream, data)
    assert sent == []
    out.flush()
    assert sent == [(0, 0, b"ab"), (1, 0, b"c"), (0, 0, b"d")]


def test_too_much_output_is_dropped_and_counted() -> None:
    out, sent, _ = outlet()
    for _ in range(3):
        out.write(0, b"x" * BURST_BYTES)
    out.flush()
    assert sum(len(text) for _, _, text in sent) == BURST_BYTES
    assert sum(dropped for _, dropped, _ in sent) == 2 * BURST_BYTES


def test_after_a_while_output_is_shown_again() -> None:
    out, sent, time = outlet()
    out.write(0, b"x" * 2 * BURST_BYTES)
    time.now += 0.001
    out.write(0, b"still too much")
    time.now += 1.0
    out.write(0, b"shown")
    out.flush()
    assert sent[1:] == [(0, BURST_BYTES + len(b"still too much"), b"shown")]


def test_a_stream_sends_whole_lines_and_bytes() -> None:
    out, sent, _ = outlet()
    stream = text_stream(out, 1, 2)
    print("a", "b", file=stream)
    stream.buffer.write(b"raw")
    assert sent == [(1, 0, b"a b\n"), (1, 0, b"raw")]
    assert stream.fileno() == 2
