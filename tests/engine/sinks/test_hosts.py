"""Sinks are isolated, bounded, drained, counted, and never hurt a run.

U106-U108, U110, U115; T26-T31, T90; C5 no. 6.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from engine import events as ev
from engine.events import News
from engine.ids import RunId
from engine.sinks.hosts import Sinks, troubles
from engine.sinks.sink import MemorySink, SinkHealth
from tests.engine.flows import Bench, flow

CHAIN = flow(
    {"start": "trigger.manual", "a": "asleep", "b": "plus", "end": "end"},
    "start > a, a > b, b > end",
)


def fact(seq: int, run: str = "r") -> ev.Recorded:
    return ev.Recorded(RunId(run), seq, float(seq), ev.RunUnpaused())


class Gated(MemorySink):
    """Writes only after `open` is set; says when it has begun."""

    name = "gated"

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.begun = threading.Event()

    def write(self, news: News) -> None:
        self.begun.set()
        self.open.wait(20)
        super().write(news)


class Failing(MemorySink):
    """Fails on every second fact, and when it is flushed or closed."""

    name = "failing"

    def write(self, news: News) -> None:
        assert isinstance(news, ev.Recorded)
        if news.seq % 2 == 0:
            raise OSError(f"disk full at {news.seq}")
        super().write(news)

    def flush(self) -> None:
        raise OSError("cannot flush")

    def close(self) -> None:
        raise OSError("cannot close")


@pytest.fixture
def sinks() -> Sinks:
    return Sinks()


def filled(sinks: Sinks, count: int, first: int = 1) -> None:
    for seq in range(first, first + count):
        sinks.offer(fact(seq))


def test_every_sink_gets_everything_in_order(sinks: Sinks) -> None:
    first, second = MemorySink(), MemorySink()
    sinks.add(first)
    sinks.add(second)
    filled(sinks, 2000)
    assert sinks.flush()
    expected = list(range(1, 2001))
    assert [each.seq for each in first.facts] == expected
    assert [each.seq for each in second.facts] == expected
    sinks.close()


def test_order_holds_for_each_run_when_many_threads_publish(sinks: Sinks) -> None:
    """T27."""
    memory = MemorySink()
    sinks.add(memory)

    def publish(run: str) -> None:
        for seq in range(1, 501):
            sinks.offer(fact(seq, run))

    threads = [threading.Thread(target=publish, args=(f"run {n}",)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sinks.flush()
    for n in range(4):
        seqs = [each.seq for each in memory.facts if each.run == f"run {n}"]
        assert seqs == list(range(1, 501))
    sinks.close()


def test_a_slow_sink_loses_its_oldest_and_they_are_counted(sinks: Sinks) -> None:
    """T28."""
    slow, quick = Gated(), MemorySink()
    sinks.add(slow, size=10)
    sinks.add(quick)
    sinks.offer(fact(1))
    assert slow.begun.wait(5)  # it has the first one in its hands
    filled(sinks, 100, first=2)
    assert len(quick.facts) <= 101
    slow.open.set()
    assert sinks.flush()
    assert [each.seq for each in slow.facts] == [1, *range(92, 102)]
    health = {each.name: each for each in sinks.close()}
    assert (health["gated"].written, health["gated"].dropped) == (11, 90)
    assert health["memory"].ok


def test_what_is_queued_is_written_when_it_is_closed(sinks: Sinks) -> None:
    """T29, without a sleep."""
    slow = Gated()
    sinks.add(slow)
    filled(sinks, 50)
    slow.open.set()
    (health,) = sinks.close()
    assert (len(slow.facts), health.written, health.ok) == (50, 50, True)


def test_a_sink_that_hangs_is_left_behind_at_the_deadline(sinks: Sinks) -> None:
    hung = Gated()
    sinks.add(hung)
    filled(sinks, 5)
    assert hung.begun.wait(5)
    (health,) = sinks.close(0.05)
    assert (health.stuck, health.dropped) == (True, 4)
    assert troubles([health]) == [
        "The sink gated was too slow for 4 of its news and did not end in time."
    ]
    hung.open.set()


def test_a_failing_sink_is_counted_with_its_last_error(sinks: Sinks) -> None:
    """T31, T90."""
    failing, other = Failing(), MemorySink()
    sinks.add(failing)
    sinks.add(other)
    filled(sinks, 10)
    assert sinks.flush()
    before = {each.name: each for each in sinks.health}["failing"]
    assert (before.written, before.failed) == (5, 5)
    assert len(other.facts) == 10
    (health, _) = sinks.close()
    assert health.last_error == "OSError: cannot close"
    assert troubles([before])[0].startswith("The sink failing failed on 5 of its news (OSError: ")


def test_a_closed_sink_takes_nothing_more(sinks: Sinks) -> None:
    """T30."""
    memory = MemorySink()
    sinks.add(memory)
    sinks.close()
    sinks.offer(fact(1))
    assert memory.facts == []
    assert sinks.queued() == 0


def test_health_without_trouble_says_nothing() -> None:
    assert troubles([SinkHealth(name="fine", written=3)]) == []


async def facts_with(*make: Callable[[], MemorySink]) -> tuple[list[ev.AnyEvent], list[MemorySink]]:
    sinks = [each() for each in make]
    async with Bench() as bench:
        for sink in sinks:
            bench.engine.add_sink(sink)
        assert isinstance(await bench.run(CHAIN, 1), ev.RunFinished)
        facts = bench.facts
    return facts, sinks


async def test_a_run_is_the_same_whatever_its_sinks_do() -> None:
    """U110: nobody who listens, fails or hangs changes a run."""
    alone, _ = await facts_with()
    watched, (memory, *_) = await facts_with(MemorySink, Failing)
    assert alone == watched
    assert [each.event for each in memory.facts] == alone


async def test_the_terminal_fact_is_the_last_and_only_one() -> None:
    """T26, U107."""
    _, (memory,) = await facts_with(MemorySink)
    terminal = [isinstance(each.event, ev.TERMINAL) for each in memory.facts]
    assert terminal == [False] * (len(terminal) - 1) + [True]


async def test_a_sink_that_hangs_does_not_slow_a_run() -> None:
    """C5 no. 6: the run ends while the sink still holds its first fact."""
    hung = Gated()
    async with Bench() as bench:
        bench.engine.add_sink(hung, size=3)
        assert isinstance(await bench.run(CHAIN, 1), ev.RunFinished)
        assert not hung.facts
        (health,) = bench.engine.sinks.health
        assert health.dropped > 0
        hung.open.set()


async def test_all_facts_of_a_run_have_one_run_id() -> None:
    """T58."""
    _, (memory,) = await facts_with(MemorySink)
    assert {each.run for each in memory.facts} == {"run1"}
