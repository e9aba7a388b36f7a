"""What the panels of a run share: they follow one model, rest while hidden, and mark the past."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from designer.actions.registry import ActionRegistry
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.runs.words import local_time
from designer.settings import Settings
from designer.theme import current_theme, scaled_px
from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.format import format_exact
from designer.widgets.icons import pixmap

#: The shortest time between two paintings of a table that changes all the time.
PACE_MS = 100


class PastStrip(QFrame):
    """Says over a panel that it shows an old checkpoint, and leads back to the present."""

    def __init__(self, run_model: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = run_model
        self._icon = QLabel(self)
        self._words = QLabel(self)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._back = TextButton("Back to live", ButtonKind.QUIET, "run", self)
        self._back.clicked.connect(run_model.show_live)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 3, 6, 3)
        layout.setSpacing(8)
        layout.addWidget(self._icon)
        layout.addWidget(self._words, 1)
        layout.addWidget(self._back)
        run_model.viewing_changed.connect(self._refresh)
        run_model.run_changed.connect(self._refresh)
        run_model.lanes_changed.connect(self._refresh)
        self._take_theme()
        self._refresh()

    @property
    def text(self) -> str:
        """What the strip says; empty while the present is shown."""
        return self._words.text() if self._model.viewing is not None else ""

    def _refresh(self) -> None:
        commit = self._model.viewing
        self.setVisible(commit is not None)
        if commit is None:
            return
        lane = self._model.lane
        tick = lane.tick(commit) if lane is not None else None
        when = f", {format_exact(local_time(tick.at))[:19]}" if tick is not None else ""
        text = f"The past: checkpoint {commit:,} of {max(self._model.last_commit, 0):,}{when}"
        self._words.setText(text)
        self.setAccessibleName(text)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(pixmap("checkpoint", scaled_px(16), "text_waiting", ratio))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tint the strip, so that the past looks like no other state of the window."""
        theme = current_theme()
        painter = QPainter(self)
        tint = QColor(theme.color("waiting"))
        tint.setAlpha(46)
        painter.fillRect(self.rect(), tint)
        painter.fillRect(QRect(0, 0, 4, self.height()), theme.color("waiting"))


class Pace(QObject):
    """Calls back at once when it was quiet, else at most ten times a second, or as often as said.

    A table full of text costs up to thirty milliseconds to paint, and nobody reads thirty
    versions of it in a second; the canvas gets the time instead.
    """

    def __init__(
        self, callback: Callable[[], None], parent: QObject, every_ms: int = PACE_MS
    ) -> None:
        super().__init__(parent)
        self._callback = callback
        self._asked = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(every_ms)
        self._timer.timeout.connect(self._on_timeout)

    def ask(self) -> None:
        """Ask to be called back soon."""
        if self._timer.isActive():
            self._asked = True
        else:
            self._timer.start()
            self._callback()

    def _on_timeout(self) -> None:
        if self._asked:
            self._asked = False
            self._timer.start()
            self._callback()


class RunPanel(QWidget):
    """Base of the panels that show the run of `run_model`.

    A subclass fills `self.content` and implements `refresh`, which is called at the pace of a
    reader and only while somebody can see the panel.
    """

    def __init__(
        self,
        client: EngineClient,
        run_model: RunModel,
        settings: Settings,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.client = client
        self.model = run_model
        self.settings = settings
        self.actions_registry = actions
        self.past_strip = PastStrip(run_model, self)
        self.content = QVBoxLayout()
        self.content.setContentsMargins(0, 0, 0, 0)
        self.content.setSpacing(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.past_strip)
        layout.addLayout(self.content, 1)
        self._stale = True
        self._waiting: frozenset[str] | None = frozenset()
        self._has_waiting = False
        self._pace = Pace(self._catch_up, self)
        run_model.changed.connect(self._on_changed)

    def refresh(self, touched: frozenset[str] | None) -> None:
        """Show the model's view; for subclasses.

        Args:
            touched: Keys of the nodes that have changed, or None when everything may have.
        """

    def _on_changed(self, touched: frozenset[str] | None) -> None:
        if not self.isVisible():
            self._stale = True
            return
        known: frozenset[str] | None = self._waiting if self._has_waiting else frozenset()
        self._waiting = None if touched is None or known is None else known | touched
        self._has_waiting = True
        if touched is None:
            self._catch_up()  # another moment or run: the person has just asked for it
        else:
            self._pace.ask()

    def _catch_up(self) -> None:
        if not self._has_waiting:
            return
        touched, self._waiting, self._has_waiting = self._waiting, frozenset(), False
        if self.isVisible():
            self.refresh(touched)
        else:
            self._stale = True

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while the panel was hidden."""
        super().showEvent(event)
        if self._stale:
            self._stale = False
            self.refresh(None)
