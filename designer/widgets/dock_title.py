"""The title bar of a dock: its name, room for its own buttons, float and close."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QWidget

from designer.theme import current_theme
from designer.widgets.buttons import IconButton


class DockTitle(QWidget):
    """Set it with `dock.setTitleBarWidget(DockTitle(dock))`.

    The style sheet's own title buttons stay too small for the eye and for the mouse.
    """

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self._dock = dock
        self._label = QLabel(dock.windowTitle())
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setProperty("tone", "dock")
        self._float = IconButton("external", "Detach this panel", self)
        self._close = IconButton("close", "Close this panel", self)
        self._tools = QHBoxLayout()
        self._tools.setSpacing(2)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 3, 4, 3)
        layout.setSpacing(2)
        layout.addWidget(self._label)
        layout.addStretch(1)
        layout.addLayout(self._tools)
        layout.addWidget(self._float)
        layout.addWidget(self._close)
        self._float.clicked.connect(self._toggle_floating)
        self._close.clicked.connect(dock.close)
        dock.windowTitleChanged.connect(self._label.setText)
        dock.featuresChanged.connect(self._take_features)
        self._take_features()

    def add_tool(self, widget: QWidget) -> None:
        """Put a button of the panel's own to the left of float and close."""
        self._tools.addWidget(widget)

    def _toggle_floating(self) -> None:
        self._dock.setFloating(not self._dock.isFloating())

    def _take_features(self) -> None:
        features, feature = self._dock.features(), QDockWidget.DockWidgetFeature
        self._float.setVisible(bool(features & feature.DockWidgetFloatable))
        self._close.setVisible(bool(features & feature.DockWidgetClosable))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar with a line under it."""
        theme = current_theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("panel"))
        line = self.rect()
        line.setTop(line.bottom() + 1 - theme.line_px)
        painter.fillRect(line, theme.color("line"))
