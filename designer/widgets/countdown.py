"""Countdowns that share one timer: a hundred of them tick once a second, together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import QCoreApplication, QDateTime, QEvent, QObject, QSize, QTimer, Signal
from PySide6.QtGui import QFont, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from designer.theme import scaled_px, tabular, ui_font
from designer.widgets.format import format_countdown, format_exact, spoken_duration
from designer.widgets.icons import pixmap

Clock = Callable[[], datetime]

#: From here on the countdown is shown as urgent.
URGENT_S = 60


def utc_now() -> datetime:
    """The time on this machine's clock, in UTC, for screens; the engine has its own clock."""
    return datetime.fromtimestamp(QDateTime.currentMSecsSinceEpoch() / 1000, UTC)


class SecondTicker(QObject):
    """Ticks once a second, just after the full second, while somebody listens."""

    ticked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._listeners: set[int] = set()
        self._watched: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)

    @property
    def is_running(self) -> bool:
        """Whether anybody listens."""
        return self._timer.isActive()

    def join(self, listener: QObject) -> None:
        """Tick for `listener`, which has connected itself, until it leaves."""
        key = id(listener)
        if key not in self._watched:
            self._watched.add(key)
            listener.destroyed.connect(partial(self._forget, key))
        self._listeners.add(key)
        if not self._timer.isActive():
            self._wait()

    def leave(self, listener: QObject) -> None:
        """Stop ticking when `listener` was the last one."""
        self._listeners.discard(id(listener))
        if not self._listeners:
            self._timer.stop()

    def _forget(self, key: int, *_gone: object) -> None:
        """A widget that is deleted while it is shown never says that it leaves."""
        self._watched.discard(key)
        self._listeners.discard(key)

    def _tick(self) -> None:
        if self._listeners:
            self._wait()
            self.ticked.emit()

    def _wait(self) -> None:
        # All clocks of the window change at the same moment, and with those of the system.
        self._timer.start(1010 - QDateTime.currentMSecsSinceEpoch() % 1000)


def shared_ticker() -> SecondTicker:
    """The ticker of this program; it lives as long as the QApplication."""
    app = QCoreApplication.instance()
    if app is None:
        raise RuntimeError("A countdown needs a QApplication; create that first.")
    found = app.findChild(SecondTicker)
    return found if found is not None else SecondTicker(app)


class CountdownLabel(QWidget):
    """An hourglass and what is left until a deadline; it emits `expired` once at zero."""

    expired = Signal()

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        clock: Clock = utc_now,
        ticker: SecondTicker | None = None,
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._ticker = ticker or shared_ticker()
        self._deadline: datetime | None = None
        self._told = False
        self._consequence = ""
        self._icon = QLabel(self)
        self._text = QLabel(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self._icon)
        layout.addWidget(self._text)
        layout.addStretch(1)
        self._ticker.ticked.connect(self.refresh)
        self._role = ""
        self.refresh()

    @property
    def text(self) -> str:
        """What the label says."""
        return self._text.text()

    def set_deadline(self, deadline: datetime | None, consequence: str = "") -> None:
        """Count down to `deadline`; `consequence` says what happens then (``then: reject``)."""
        self._deadline = deadline
        self._consequence = consequence
        self._told = False
        if self.isVisible():
            self._ticker.join(self)
        self.refresh()

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, negative after it; None without one."""
        if self._deadline is None:
            return None
        return (self._deadline - self._clock()).total_seconds()

    def refresh(self) -> None:
        """Show what is left now."""
        left = self.seconds_left()
        self._icon.setVisible(left is not None)
        if left is None or self._deadline is None:
            self._text.setText("")
            self.setAccessibleName("No deadline")
            return
        then = f", {self._consequence}" if self._consequence else ""
        self._text.setText(format_countdown(left) + then)
        self.setToolTip(f"Until {format_exact(self._deadline)}{then}")
        # Minutes only until it is urgent: a name that changes every second is read every second.
        spoken = left if left < URGENT_S else left // 60 * 60
        self.setAccessibleName(f"{spoken_duration(spoken)} left{then}")
        self._set_role("text_failed" if left < URGENT_S else "text_waiting")
        if left <= 0 and not self._told:
            self._told = True
            self.expired.emit()

    def _set_role(self, role: str) -> None:
        if role != self._role:
            self._role = role
            self._take_theme()

    def _take_theme(self) -> None:
        if not self._role:
            return
        self._text.setFont(tabular(ui_font(scaled_px(12), QFont.Weight.Medium)))
        self._text.setProperty("tone", "error" if self._role == "text_failed" else "warning")
        self._text.style().unpolish(self._text)
        self._text.style().polish(self._text)
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(pixmap("wait", scaled_px(13), self._role, ratio))

    def changeEvent(self, event: QEvent) -> None:
        """Take the fonts and colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def showEvent(self, event: QShowEvent) -> None:
        """Tick while somebody can see it."""
        super().showEvent(event)
        self._ticker.join(self)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest while nobody can see it."""
        super().hideEvent(event)
        self._ticker.leave(self)

    def minimumSizeHint(self) -> QSize:
        """As wide as the words, which must not be cut off."""
        return self.sizeHint()
