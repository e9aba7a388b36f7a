"""The status bar: counts that lead somewhere, the run shown, what was saved, where the mouse is."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QPointF, Signal
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from designer.widgets.buttons import ButtonKind, TextButton


class StatusBar(QStatusBar):
    """Shows what the window tells it; the two counts are buttons."""

    problems_clicked = Signal()
    barriers_clicked = Signal()
    health_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(True)
        self._problems = TextButton("No problems", ButtonKind.QUIET, "check", self)
        self._barriers = TextButton("Nothing waits", ButtonKind.QUIET, "barrier", self)
        self._health = TextButton("", ButtonKind.QUIET, "error", self)
        self._health.hide()
        self._run = QLabel(self)
        self._saved = QLabel(self)
        self._place = QLabel(self)
        self._zoom = 1.0
        self._point = QPointF()
        self._problems.clicked.connect(self.problems_clicked)
        self._barriers.clicked.connect(self.barriers_clicked)
        self._health.clicked.connect(self.health_clicked)
        for widget in (self._problems, self._barriers, self._health):
            self.addWidget(widget)
        self.addWidget(self._run, 1)
        for label in (self._saved, self._place):
            self.addPermanentWidget(label)
        self.set_place(zoom=1.0)

    def set_problems(self, errors: int, warnings: int) -> None:
        """Show how many errors and warnings the document in front has."""
        if errors:
            words = f"Problems {errors}" + (f" + {warnings}" if warnings else "")
        else:
            words = f"Warnings {warnings}" if warnings else "No problems"
        self._problems.setText(words)
        self._problems.set_icon("error" if errors else "warning" if warnings else "check")
        self._problems.setAccessibleName(f"{errors} errors and {warnings} warnings")

    def set_barriers(self, count: int) -> None:
        """Show how many decisions wait."""
        self._barriers.setText(f"Barriers {count}" if count else "Nothing waits")

    def set_health(self, words: str, troubles: str) -> None:
        """Show a badge while something is wrong with saving or sinks; else none."""
        self._health.setVisible(bool(words))
        self._health.setText(words)
        self._health.setToolTip(troubles)
        self._health.setAccessibleName(f"{words}: {troubles}")

    def set_run(self, text: str) -> None:
        """Say how the run shown stands."""
        self._run.setText(text)

    def set_saved(self, words: str) -> None:
        """Say what was saved, with the time: ``autosaved 14:02``."""
        time = QDateTime.currentDateTime().toString("HH:mm")
        self._saved.setText(f"{words} {time}" if words else "")

    def set_place(self, *, point: QPointF | None = None, zoom: float | None = None) -> None:
        """Show where the pointer is on the canvas, and the zoom."""
        self._point = point if point is not None else self._point
        self._zoom = zoom if zoom is not None else self._zoom
        self._place.setText(
            f"x {self._point.x():.0f}  y {self._point.y():.0f}   {self._zoom * 100:.0f} %"
        )
