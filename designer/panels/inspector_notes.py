"""The Notes tab: what the author wants the reader of a node to know, as Markdown."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from designer.panels.inspector_bench import Bench
from designer.widgets.buttons import ChipButton
from designer.widgets.empty_state import EmptyState
from designer.widgets.markdown_view import MarkdownView
from engine.model.changes import SetNode
from engine.model.workflow import Node

_HINT = "What should the next reader know about this node? Markdown: **bold**, - lists, [links](https://…)"
_NO_NODE = "Select one node to read or write notes about it."


class NotesPage(QWidget):
    """Reads when there is something to read, writes when there is not."""

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._key = ""
        self.reader = MarkdownView(self)
        self.reader.setAccessibleName("Notes on the node")
        self.editor = QPlainTextEdit(self)
        self.editor.setPlaceholderText(_HINT)
        self.editor.setTabChangesFocus(True)
        self.editor.setAccessibleName("Notes on the node, as Markdown")
        self.read = ChipButton("Read", self)
        self.write = ChipButton("Write", self)
        self.nothing = EmptyState(_NO_NODE, icon_name="note", parent=self)
        self._pages = QStackedWidget(self)
        for page in (self.reader, self.editor):
            self._pages.addWidget(page)
        bar = QHBoxLayout()
        bar.setSpacing(5)
        group = QButtonGroup(self)
        for chip in (self.read, self.write):
            group.addButton(chip)
            bar.addWidget(chip)
        bar.addStretch(1)
        self._filled = QWidget(self)
        inner = QVBoxLayout(self._filled)
        inner.setContentsMargins(12, 10, 12, 12)
        inner.setSpacing(8)
        inner.addLayout(bar)
        inner.addWidget(self._pages, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._filled, 1)
        layout.addWidget(self.nothing, 1)
        self.read.clicked.connect(lambda: self._show_page(writing=False))
        self.write.clicked.connect(self._start)
        self.editor.textChanged.connect(self._on_text)
        self.reader.viewport().installEventFilter(self)
        self.reader.installEventFilter(self)
        bench.watch(self.editor)
        self.show_node(None)

    def show_node(self, node: Node | None) -> None:
        """Show the notes of a node; None says that there is none."""
        key = node.key if node is not None else ""
        text = node.notes if node is not None else ""
        fresh, self._key = key != self._key, key
        self._filled.setVisible(node is not None)
        self.nothing.setVisible(node is None)
        if self.editor.toPlainText() != text:
            blocked = self.editor.blockSignals(True)
            self.editor.setPlainText(text)
            self.editor.blockSignals(blocked)
        if fresh:
            self._show_page(writing=not text.strip())
        elif not self._is_writing:
            self.reader.setMarkdown(text)

    def set_locked(self, locked: bool) -> None:
        """Let the notes be read only."""
        self.editor.setReadOnly(locked)

    @property
    def _is_writing(self) -> bool:
        return self._pages.currentWidget() is self.editor

    def _show_page(self, *, writing: bool) -> None:
        (self.write if writing else self.read).setChecked(True)
        if not writing:
            self.reader.setMarkdown(self.editor.toPlainText())
        page = self.editor if writing else self.reader
        self._pages.setCurrentWidget(page)
        self.setFocusProxy(page)

    def _start(self) -> None:
        self._show_page(writing=True)
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_text(self) -> None:
        node = self._bench.workflow.nodes.get(self._key)
        if node is not None:
            self._change(node, self.editor.toPlainText())

    def _change(self, node: Node, text: str) -> None:
        change = SetNode(replace(node, notes=text))
        title = node.title or node.key
        if not self._bench.push(change, f"Write notes on {title}", merge=f"notes {node.key}"):
            self.show_node(node)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A double click on the text, or Enter, writes."""
        wanted = event.type() == QEvent.Type.MouseButtonDblClick or (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        )
        if wanted:
            self._start()
        return wanted
