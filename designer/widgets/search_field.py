"""A field that filters: a lens, a button to clear, and a signal when typing rests."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from designer.widgets.icons import icon

#: How long typing rests before the filter is applied.
DELAY_MS = 120


class SearchField(QLineEdit):
    """Emits `search_changed` when typing rests or on Enter; Escape clears it."""

    search_changed = Signal(str)
    #: Down was pressed: the list below the field takes over.
    left_downwards = Signal()

    def __init__(self, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told = ""
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self._lens = QAction(self)
        self.addAction(self._lens, QLineEdit.ActionPosition.LeadingPosition)
        self._clear = QAction("Clear", self)
        self._clear.triggered.connect(self.clear)
        self._clear.setVisible(False)
        self.addAction(self._clear, QLineEdit.ActionPosition.TrailingPosition)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(DELAY_MS)
        self._rest.timeout.connect(self._tell)
        self.textChanged.connect(self._on_text)
        self.returnPressed.connect(self._tell)
        self._take_theme()

    def _on_text(self, text: str) -> None:
        self._clear.setVisible(bool(text))
        if text:
            self._rest.start()
        else:
            self._tell()  # an emptied field shows everything at once

    def _tell(self) -> None:
        self._rest.stop()
        text = self.text().strip()
        if text != self._told:
            self._told = text
            self.search_changed.emit(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Clear on Escape; hand over to the list on Down."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() == Qt.Key.Key_Down:
            self._tell()
            self.left_downwards.emit()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        self._lens.setIcon(icon("search", "muted"))
        self._clear.setIcon(icon("close", "muted"))
