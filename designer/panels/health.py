"""The Health dock: the store, what waits to be stored, the sinks; what is wrong stands out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from designer.runs.health import Fact, HealthModel, queue_facts, sink_facts, store_facts

_LOOKING = "Looking at the store and the sinks…"
_WELL = "All is well: everything is saved, and no sink has lost anything."


class _Group(QWidget):
    """A title and its facts, a line each."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel(title, self)
        self.title.setProperty("tone", "strong")
        self._facts: list[Fact] = []
        self._labels: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addLayout(self._grid)

    @property
    def facts(self) -> list[Fact]:
        """What is shown."""
        return self._facts

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show other facts; labels are made once and used again."""
        self._facts = list(facts)
        while len(self._labels) < len(facts):
            row = len(self._labels)
            pair = QLabel(self), QLabel(self)
            for column, label in enumerate(pair):
                label.setTextFormat(Qt.TextFormat.PlainText)
                self._grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignTop)
            pair[0].setProperty("tone", "muted")
            pair[1].setWordWrap(True)
            # A path has nowhere to wrap: it is cut off rather than making the panel wider.
            pair[1].setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            pair[1].setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._labels.append(pair)
        for number, (name, value) in enumerate(self._labels):
            shown = number < len(facts)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown:
                name.setText(facts[number][0])
                value.setText(facts[number][1])
                value.setToolTip(facts[number][1])
                _set_tone(value, "error" if facts[number][2] else "")


class HealthPanel(QWidget):
    """How everything fares that runs depend on."""

    def __init__(self, model: HealthModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setAccessibleName("Health")
        self.words = QLabel(_LOOKING, self)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.store = _Group("Store", self)
        self.queue = _Group("Waiting to be stored", self)
        self.sinks = _Group("Sinks", self)
        inner = QWidget(self)
        column = QVBoxLayout(inner)
        column.setContentsMargins(12, 10, 12, 12)
        column.setSpacing(14)
        beside = QVBoxLayout()
        beside.setSpacing(14)
        for group in (self.queue, self.sinks):
            beside.addWidget(group)
        for group in (self.store, self.queue, self.sinks):
            group.hide()  # until there is something to say
        beside.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(24)
        row.addWidget(self.store, 1, Qt.AlignmentFlag.AlignTop)
        row.addLayout(beside, 1)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addStretch(1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self.setFocusProxy(area)
        model.changed.connect(self._show)

    def showEvent(self, event: QShowEvent) -> None:
        """Look while it can be seen."""
        super().showEvent(event)
        self._model.watch(True)
        self._show()

    def hideEvent(self, event: QHideEvent) -> None:
        """Look no more."""
        super().hideEvent(event)
        self._model.watch(False)

    def _show(self) -> None:
        health = self._model.health
        if health is None or not self.isVisible():
            return
        self.words.setText("\n".join(health.troubles) or _WELL)
        _set_tone(self.words, "error" if health.troubles else "")
        self.store.show_facts(store_facts(health))
        self.queue.show_facts(queue_facts(health))
        self.sinks.show_facts(sink_facts(health))
        for group in (self.store, self.queue, self.sinks):
            group.show()


def _set_tone(label: QLabel, tone: str) -> None:
    if label.property("tone") != tone:
        label.setProperty("tone", tone)
        label.style().unpolish(label)
        label.style().polish(label)
