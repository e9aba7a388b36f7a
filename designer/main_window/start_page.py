"""What is shown while no workflow is open: new, open, recent files, examples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.icons import app_icon
from resources.examples import examples

RECENT_SHOWN = 8
ABOUT_WIDTH_PX = 400


class StartPage(QScrollArea):
    """The first screen. Everything on it can be reached with Tab and Enter."""

    new_wanted = Signal()
    open_wanted = Signal()
    file_wanted = Signal(object)
    example_wanted = Signal(str)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName("Start page")
        self.refresh()

    def refresh(self) -> None:
        """List the recent files and the examples again."""
        page = QWidget(self)
        outer = QVBoxLayout(page)
        outer.setContentsMargins(64, 48, 64, 48)
        outer.addLayout(self._headline(page))
        outer.addSpacing(28)
        columns = QGridLayout()
        columns.setHorizontalSpacing(56)
        columns.setVerticalSpacing(28)
        columns.addLayout(self._begin(page), 0, 0, Qt.AlignmentFlag.AlignTop)
        columns.addLayout(self._recent(page), 1, 0, Qt.AlignmentFlag.AlignTop)
        columns.addLayout(self._examples(page), 0, 1, 2, 1, Qt.AlignmentFlag.AlignTop)
        columns.setColumnStretch(2, 1)
        outer.addLayout(columns)
        outer.addStretch(1)
        old = self.takeWidget()
        if old is not None:
            # One of its buttons may be what was clicked to come here.
            old.deleteLater()
        self.setWidget(page)

    def _headline(self, page: QWidget) -> QVBoxLayout:
        layout = QVBoxLayout()
        mark = QLabel(page)
        mark.setPixmap(app_icon().pixmap(56, 56))
        title = QLabel("Headgate", page)
        title.setProperty("tone", "display")
        line = QLabel("Draw the flow, hold the gate, replay any step.", page)
        line.setProperty("tone", "muted")
        for widget in (mark, title, line):
            layout.addWidget(widget)
        return layout

    def _column(self, page: QWidget, title: str) -> QVBoxLayout:
        layout = QVBoxLayout()
        layout.setSpacing(4)
        head = QLabel(title, page)
        head.setProperty("tone", "title")
        layout.addWidget(head)
        return layout

    def _begin(self, page: QWidget) -> QVBoxLayout:
        layout = self._column(page, "Begin")
        self._link(layout, page, "New workflow", "file-new", self.new_wanted.emit)
        self._link(layout, page, "Open a file…", "file-open", self.open_wanted.emit)
        return layout

    def _examples(self, page: QWidget) -> QVBoxLayout:
        layout = self._column(page, "Examples")
        for example in examples():
            button = self._link(
                layout,
                page,
                example.title,
                "node-workflow",
                partial(self.example_wanted.emit, example.name),
            )
            about = QLabel(example.about, page)
            about.setProperty("tone", "small")
            about.setTextFormat(Qt.TextFormat.PlainText)
            about.setWordWrap(True)
            about.setFixedWidth(scaled_px(ABOUT_WIDTH_PX))
            about.setIndent(scaled_px(30))
            about.setBuddy(button)
            button.setAccessibleDescription(example.about)
            layout.addWidget(about)
            layout.addSpacing(10)
        return layout

    def _recent(self, page: QWidget) -> QVBoxLayout:
        layout = self._column(page, "Recent")
        paths = [Path(name) for name in self._settings.recent_files]
        found = [path for path in paths if path.exists()][:RECENT_SHOWN]
        for path in found:
            button = self._link(
                layout,
                page,
                path.name.removesuffix(".json"),
                "node-workflow",
                partial(self.file_wanted.emit, path),
            )
            button.setToolTip(str(path))
        if not found:
            none = QLabel("Files that you open are listed here.", page)
            none.setProperty("tone", "muted")
            layout.addWidget(none)
        return layout

    def _link(
        self,
        layout: QVBoxLayout,
        page: QWidget,
        text: str,
        icon_name: str,
        callback: Callable[[], object],
    ) -> TextButton:
        button = TextButton(text, ButtonKind.QUIET, icon_name, page)
        button.clicked.connect(lambda _checked=False: callback())
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return button
