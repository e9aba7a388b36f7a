"""Countdowns: one timer, a clock that is passed in, zero told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from designer.widgets.countdown import CountdownLabel, SecondTicker, shared_ticker, utc_now


class FakeClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ticker(qtbot: QtBot) -> SecondTicker:
    return SecondTicker()


@pytest.fixture
def label(qtbot: QtBot, clock: FakeClock, ticker: SecondTicker) -> CountdownLabel:
    made = CountdownLabel(clock=clock, ticker=ticker)
    qtbot.addWidget(made)
    return made


def test_it_counts_with_the_clock(
    label: CountdownLabel, clock: FakeClock, ticker: SecondTicker
) -> None:
    label.set_deadline(clock.now + timedelta(seconds=598), "then: reject")
    assert label.text == "09:58, then: reject"
    assert label.accessibleName() == "9 minutes left, then: reject"
    clock.now += timedelta(seconds=560)
    ticker.ticked.emit()
    assert label.text == "00:38, then: reject"
    assert label.accessibleName() == "38 seconds left, then: reject"


def test_the_last_minute_looks_urgent(
    label: CountdownLabel, clock: FakeClock, ticker: SecondTicker
) -> None:
    label.set_deadline(clock.now + timedelta(seconds=61))
    words = label.findChildren(QLabel)[1]
    assert words.property("tone") == "warning"
    clock.now += timedelta(seconds=2)
    ticker.ticked.emit()
    assert words.property("tone") == "error"


def test_zero_is_told_once(label: CountdownLabel, clock: FakeClock, ticker: SecondTicker) -> None:
    told: list[int] = []
    label.expired.connect(lambda: told.append(1))
    label.set_deadline(clock.now + timedelta(seconds=1))
    clock.now += timedelta(seconds=1)
    for _ in range(3):
        ticker.ticked.emit()
    assert told == [1]
    assert label.text == "00:00"
    label.set_deadline(clock.now - timedelta(seconds=5))
    assert told == [1, 1]


def test_without_a_deadline_it_is_empty(label: CountdownLabel) -> None:
    label.set_deadline(None)
    assert label.text == ""
    assert label.seconds_left() is None
    assert label.accessibleName() == "No deadline"


def test_the_ticker_runs_only_while_somebody_can_see_it(
    label: CountdownLabel, ticker: SecondTicker, clock: FakeClock
) -> None:
    label.set_deadline(clock.now + timedelta(seconds=30))
    assert not ticker.is_running
    label.show()
    assert ticker.is_running
    label.hide()
    assert not ticker.is_running


def test_many_labels_share_one_ticker(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    labels = [CountdownLabel(parent) for _ in range(20)]
    parent.show()
    assert shared_ticker() is shared_ticker()
    assert shared_ticker().is_running
    parent.close()
    assert not shared_ticker().is_running
    assert len(labels) == 20


def test_the_ticker_ticks_just_after_the_full_second(qtbot: QtBot) -> None:
    ticker = SecondTicker()
    listener = QWidget()
    qtbot.addWidget(listener)
    with qtbot.waitSignal(ticker.ticked, timeout=2500):
        ticker.join(listener)
    assert utc_now().microsecond < 400_000
    ticker.leave(listener)
    assert not ticker.is_running


def test_a_label_that_is_deleted_while_shown_is_forgotten(
    qtbot: QtBot, ticker: SecondTicker, clock: FakeClock
) -> None:
    label = CountdownLabel(clock=clock, ticker=ticker)
    label.show()
    label.deleteLater()
    qtbot.waitUntil(lambda: not ticker.is_running, timeout=2500)
