"""What is shown while no workflow is open: new, open, recent files, examples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from designer.main_window.thumbnails import Thumbnails
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.icons import app_icon
from engine.model.node_types import Registry
from resources.examples import examples

RECENT_SHOWN = 8
ABOUT_WIDTH_PX = 460
FOLDER_WIDTH_PX = 150
#: A page narrower than this has the examples below the rest.
NARROW_PX = 720
#: Pictures of examples and of recent files.
_LARGE = (190, 106)
_SMALL = (96, 54)


class PictureLink(QLabel):
    """A picture that opens what it shows; the words beside it do the same by keyboard."""

    clicked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the press, so that the release comes here as well."""
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open it."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            self.clicked.emit()


class StartPage(QScrollArea):
    """The first screen. Everything on it can be reached with Tab and Enter."""

    new_wanted = Signal()
    open_wanted = Signal()
    file_wanted = Signal(object)
    example_wanted = Signal(str)

    def __init__(
        self, settings: Settings, registry: Registry, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._thumbnails = Thumbnails(registry, self)
        self._is_narrow = False
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName("Start page")
        self.refresh()

    def refresh(self) -> None:
        """List the recent files and the examples again."""
        page = QWidget(self)
        outer = QVBoxLayout(page)
        outer.setContentsMargins(48, 32, 48, 24)
        outer.addLayout(self._headline(page))
        outer.addSpacing(18)
        columns = QGridLayout()
        columns.setHorizontalSpacing(40)
        columns.setVerticalSpacing(28)
        columns.addLayout(self._begin(page), 0, 0, Qt.AlignmentFlag.AlignTop)
        columns.addLayout(self._recent(page), 1, 0, Qt.AlignmentFlag.AlignTop)
        if self._is_narrow:
            columns.addLayout(self._examples(page), 2, 0)
        else:
            columns.addLayout(self._examples(page), 0, 1, 2, 1)
            columns.setColumnStretch(1, 1)
            columns.setRowStretch(1, 1)
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
        layout.setSpacing(12)
        for example in examples():
            opened = partial(self.example_wanted.emit, example.name)
            row = self._row(layout, page, example.path, _LARGE, opened)
            button = self._link(row, page, example.title, "", opened)
            about = QLabel(example.about, page)
            about.setProperty("tone", "small")
            about.setTextFormat(Qt.TextFormat.PlainText)
            about.setWordWrap(True)
            about.setMaximumWidth(scaled_px(ABOUT_WIDTH_PX))
            about.setIndent(scaled_px(10))
            about.setBuddy(button)
            button.setAccessibleDescription(example.about)
            row.addWidget(about)
            row.addStretch(1)
        return layout

    def _recent(self, page: QWidget) -> QVBoxLayout:
        layout = self._column(page, "Recent")
        layout.setSpacing(8)
        paths = [Path(name) for name in self._settings.recent_files]
        found = [path for path in paths if path.exists()][:RECENT_SHOWN]
        for path in found:
            opened = partial(self.file_wanted.emit, path)
            row = self._row(layout, page, path, _SMALL, opened)
            button = self._link(row, page, path.name.removesuffix(".json"), "", opened)
            button.setToolTip(str(path))
            where = QLabel(page)
            where.setProperty("tone", "small")
            where.setIndent(scaled_px(10))
            where.setText(_elided(_short_folder(path), where))
            row.addWidget(where)
            row.addStretch(1)
        if not found:
            none = QLabel("Files that you open are listed here.", page)
            none.setProperty("tone", "muted")
            layout.addWidget(none)
        return layout

    def _row(
        self,
        layout: QVBoxLayout,
        page: QWidget,
        path: Path,
        size: tuple[int, int],
        callback: Callable[[], object],
    ) -> QVBoxLayout:
        """A picture of a workflow; returns the place for the words beside it."""
        picture = PictureLink(page)
        picture.setFixedSize(scaled_px(size[0]), scaled_px(size[1]))
        picture.clicked.connect(callback)
        self._thumbnails.want(path, picture)
        words = QVBoxLayout()
        words.setSpacing(2)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words)
        layout.addLayout(row)
        return words

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the examples where there is room for them."""
        super().resizeEvent(event)
        narrow = self.viewport().width() < scaled_px(NARROW_PX)
        if narrow != self._is_narrow:
            self._is_narrow = narrow
            QTimer.singleShot(0, self, self.refresh)

    def changeEvent(self, event: QEvent) -> None:
        """Draw the pictures in the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self.isVisible():
            QTimer.singleShot(0, self, self.refresh)  # the style is on its way through the widgets


def _elided(text: str, label: QLabel) -> str:
    """As much of a path as there is room for, its end before all."""
    metrics = QFontMetrics(label.font())
    return metrics.elidedText(text, Qt.TextElideMode.ElideLeft, scaled_px(FOLDER_WIDTH_PX))


def _short_folder(path: Path) -> str:
    """The folder of a file, the person's own as ``~``."""
    try:
        return f"~/{path.parent.relative_to(Path.home())}"
    except ValueError:
        return str(path.parent)
