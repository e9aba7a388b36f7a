"""A section with a title that opens and closes, for long forms and inspectors."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from designer.theme import scaled_px, ui_font
from designer.widgets.icons import icon


class CollapsibleSection(QWidget):
    """A header with a chevron over one content widget; Space or a click toggles it."""

    toggled = Signal(bool)

    def __init__(self, title: str, parent: QWidget | None = None, *, expanded: bool = True) -> None:
        super().__init__(parent)
        self._content: QWidget | None = None
        self._header = QToolButton(self)
        self._header.setText(title)
        self._header.setCheckable(True)
        self._header.setChecked(expanded)
        self._header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._header.setAutoRaise(True)
        # A checked tool button is tinted; a header that is open is not a state to shout.
        self._header.setStyleSheet("QToolButton:checked:!hover { background: transparent; }")
        self._summary = QLabel(self)
        self._summary.setProperty("tone", "small")
        self._summary.setTextFormat(Qt.TextFormat.PlainText)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 6, 0)
        top.addWidget(self._header)
        top.addStretch(1)
        top.addWidget(self._summary)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addLayout(top)
        self._header.toggled.connect(self._on_toggled)
        self._take_theme()

    @property
    def is_expanded(self) -> bool:
        """Whether the content is shown."""
        return self._header.isChecked()

    def set_expanded(self, expanded: bool) -> None:
        """Show or hide the content."""
        self._header.setChecked(expanded)

    def set_content(self, content: QWidget) -> None:
        """Put `content` under the header; what was there before is deleted."""
        if self._content is not None:
            self._layout.removeWidget(self._content)
            self._content.deleteLater()
        self._content = content
        self._layout.addWidget(content)
        content.setVisible(self.is_expanded)

    def set_summary(self, text: str) -> None:
        """Say at the right of the header what is inside, such as ``3 fields``."""
        self._summary.setText(text)

    def _on_toggled(self, expanded: bool) -> None:
        if self._content is not None:
            self._content.setVisible(expanded)
        self._take_theme()
        self.toggled.emit(expanded)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        expanded = self._header.isChecked()
        self._header.setIcon(icon("chevron-down" if expanded else "chevron-right", "muted"))
        self._header.setIconSize(QSize(scaled_px(12), scaled_px(12)))
        self._header.setFont(ui_font(scaled_px(12), QFont.Weight.DemiBold))
        state = "expanded" if expanded else "collapsed"
        self._header.setAccessibleName(f"{self._header.text()}, {state}")
