"""What a panel says while it has nothing to show: never a blank rectangle."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from designer.theme import scaled_px
from designer.widgets.buttons import ButtonSpec, make_button
from designer.widgets.icons import pixmap

_TEXT_WIDTH_PX = 300
#: Below this height the sentence is all there is room for.
_ICON_FROM_PX = 130


class EmptyState(QWidget):
    """An icon, a sentence that says what would be here and how to get it, and actions."""

    def __init__(
        self,
        text: str,
        *,
        icon_name: str = "",
        title: str = "",
        actions: Sequence[ButtonSpec] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._icon = QLabel(self)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = self._label(title, "strong")
        self._text = self._label(text, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 20)
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._title, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._text, 0, Qt.AlignmentFlag.AlignHCenter)
        if actions:
            row = QHBoxLayout()
            row.setSpacing(8)
            row.addStretch(1)
            for spec in actions:
                row.addWidget(make_button(spec, self))
            row.addStretch(1)
            layout.addSpacing(4)
            layout.addLayout(row)
        layout.addStretch(3)
        self.set_text(text, title)
        self._take_theme()

    def _label(self, text: str, tone: str) -> QLabel:
        label = QLabel(text, self)
        label.setProperty("tone", tone)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        label.setWordWrap(True)
        return label

    def set_text(self, text: str, title: str = "") -> None:
        """Say something else."""
        self._text.setText(text)
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self._fit()
        self.setAccessibleName(f"{title}. {text}" if title else text)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        if self._icon_name:
            ratio = self.devicePixelRatioF()
            self._icon.setPixmap(pixmap(self._icon_name, scaled_px(36), "line_strong", ratio))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the words the width that there is."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = min(scaled_px(_TEXT_WIDTH_PX), max(120, self.width() - 40))
        for label in (self._title, self._text):
            # A wrapping label that is centred gets no size of its own otherwise.
            label.setMinimumWidth(width)
            label.setMinimumHeight(max(0, label.heightForWidth(width)))
        self._icon.setVisible(bool(self._icon_name) and self.height() >= scaled_px(_ICON_FROM_PX))
