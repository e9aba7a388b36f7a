"""Any JSON value, shown the way that suits it: table, tree or text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from designer.widgets.buttons import ChipButton, IconButton
from designer.widgets.code_edit import CodeEdit
from designer.widgets.format import format_bytes, plural
from designer.widgets.highlighter import Language
from designer.widgets.json_tree import JsonTreeView
from designer.widgets.json_value import (
    JsonChange,
    JsonPath,
    JsonValue,
    ValueEdit,
    is_container,
    is_record_list,
    json_text,
    read_json,
    same,
    scalar_text,
)
from designer.widgets.record_table import RecordTable

#: Characters of text that are shown; copying always copies everything.
TEXT_LIMIT = 400_000

#: How long typing rests before edited text is read as JSON.
_REST_MS = 250
_REFUSAL_MS = 6000


class ViewMode(StrEnum):
    """How a value is shown."""

    #: The way that suits it: a list of objects as a table, text as text, the rest as a tree.
    AUTO = "auto"
    TABLE = "table"
    TREE = "tree"
    TEXT = "text"


def suitable_mode(value: JsonValue) -> ViewMode:
    """The way of showing that suits `value` best."""
    if is_record_list(value):
        return ViewMode.TABLE
    return ViewMode.TREE if is_container(value) else ViewMode.TEXT


def describe(value: JsonValue) -> str:
    """What a value is, in a few words: ``128 items``, ``5 fields``, ``text, 1.2 KB``."""
    if isinstance(value, dict):
        return plural(len(value), "field")
    if isinstance(value, (list, tuple)):
        return plural(len(value), "item")
    if isinstance(value, str):
        return f"text, {format_bytes(len(value.encode('utf-8', 'surrogatepass')))}"
    if value is None:
        return "null"
    return "true or false" if isinstance(value, bool) else "number"


class ValueView(QWidget):
    """Shows a value; with `editable`, scalars can be changed and each change is told."""

    #: A ValueEdit; `value` already contains it.
    edited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: JsonValue = None
        self._changes: Mapping[JsonPath, JsonChange] = {}
        self._editable = False
        self._fields: frozenset[str] | None = None
        self._wanted = ViewMode.AUTO
        self._mode = ViewMode.TEXT
        self._stale: set[ViewMode] = set()
        self._filling = False
        self._table = RecordTable(self)
        self._tree = JsonTreeView(self)
        self._text = CodeEdit(Language.JSON, self)
        self._pages: dict[ViewMode, QWidget] = {
            ViewMode.TABLE: self._table,
            ViewMode.TREE: self._tree,
            ViewMode.TEXT: self._text,
        }
        self._stack = QStackedWidget(self)
        self._chips = {mode: ChipButton(mode.value.title(), self) for mode in self._pages}
        self._info = QLabel(self)
        self._info.setProperty("tone", "small")
        self._note = QLabel(self)
        self._note.setProperty("tone", "error")
        self._note.setWordWrap(True)
        self._note.hide()
        self._copy = IconButton("copy", "Copy the value", self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.setInterval(_REFUSAL_MS)
        self._arrange()
        self._connect()
        self.set_value(None)

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(6, 4, 4, 4)
        bar.setSpacing(5)
        group = QButtonGroup(self)
        for chip in self._chips.values():
            group.addButton(chip)
            bar.addWidget(chip)
        bar.addStretch(1)
        bar.addWidget(self._info)
        bar.addWidget(self._copy)
        for page in self._pages.values():
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._note)

    def _connect(self) -> None:
        for mode, chip in self._chips.items():
            chip.clicked.connect(lambda _checked=False, mode=mode: self.set_mode(mode))
        self._copy.clicked.connect(self.copy_value)
        self._table.edited.connect(self._on_edited)
        self._tree.edited.connect(self._on_edited)
        self._table.refused.connect(self._say)
        self._tree.refused.connect(self._say)
        self._text.textChanged.connect(self._on_text)
        self._rest.timeout.connect(self._read_text)
        self._forget.timeout.connect(self._note.hide)

    # -- value and mode ----------------------------------------------------------------------

    @property
    def value(self) -> JsonValue:
        """The value, with the edits made in it."""
        return self._value

    @property
    def mode(self) -> ViewMode:
        """How the value is shown now; never AUTO."""
        return self._mode

    @property
    def tree(self) -> JsonTreeView:
        """The tree page, to reveal a path in it."""
        return self._tree

    def set_value(
        self,
        value: JsonValue,
        *,
        editable: bool = False,
        fields: frozenset[str] | None = None,
        changes: Mapping[JsonPath, JsonChange] | None = None,
    ) -> None:
        """Show `value`, marking `changes`; the person's choice of mode stays where it fits.

        With `fields` only what stands under one of these keys can be changed; as text, which
        knows no fields, the value can then only be read.
        """
        self._value = value
        self._changes = dict(changes or {})
        self._editable = editable
        self._fields = fields
        self._rest.stop()
        self._note.hide()
        self._info.setText(describe(value))
        self._chips[ViewMode.TABLE].setVisible(isinstance(value, (list, tuple)) and bool(value))
        self._chips[ViewMode.TREE].setVisible(is_container(value))
        self._stale = set(self._pages)
        self._show(self._wanted)

    def mark(self, changes: Mapping[JsonPath, JsonChange]) -> None:
        """Mark other changes of the value that is shown; place and selection stay."""
        self._changes = dict(changes)
        if ViewMode.TABLE not in self._stale:
            self._table.mark(changes)
        if ViewMode.TREE not in self._stale:
            self._tree.mark(changes)

    def set_mode(self, mode: ViewMode) -> None:
        """Show the value as `mode` from now on; AUTO lets each value decide."""
        if self._rest.isActive():
            self._read_text()  # what was just typed comes along
        self._wanted = mode
        self._show(mode)

    def _show(self, mode: ViewMode) -> None:
        fits = mode is not ViewMode.AUTO and not self._chips[mode].isHidden()
        self._mode = mode if fits else suitable_mode(self._value)
        self._chips[self._mode].setChecked(True)
        if self._mode in self._stale:
            self._stale.discard(self._mode)
            self._filling = True
            self._fill(self._mode)
            self._filling = False
        self._stack.setCurrentWidget(self._pages[self._mode])

    def _fill(self, mode: ViewMode) -> None:
        """Give the value to the page that is about to be seen; the others wait."""
        if mode is ViewMode.TABLE:
            self._table.set_editable(self._editable, self._fields)
            self._table.set_value(list(self._value), self._changes)
        elif mode is ViewMode.TREE:
            self._tree.set_editable(self._editable, self._fields)
            self._tree.set_value(self._value, self._changes)
        else:
            self._fill_text()

    def _fill_text(self) -> None:
        bare = isinstance(self._value, str)
        text = scalar_text(self._value) if bare else json_text(self._value)
        cut = len(text) > TEXT_LIMIT
        self._text.set_language(Language.PLAIN if bare else Language.JSON)
        self._text.setReadOnly(not self._editable or cut or self._fields is not None)
        self._text.set_error_lines({})
        self._text.set_text_keeping_place(text[:TEXT_LIMIT])
        if cut:
            shown, whole = format_bytes(TEXT_LIMIT), format_bytes(len(text))
            self._info.setText(f"{describe(self._value)}, first {shown} of {whole}")

    def copy_value(self) -> None:
        """Put the whole value on the clipboard: text as it is, the rest as JSON."""
        text = self._value if isinstance(self._value, str) else json_text(self._value)
        QGuiApplication.clipboard().setText(text)

    def focus_value(self) -> None:
        """Give the keys to the page that is shown, in a table at the first cell to edit."""
        page = self._pages[self._mode]
        page.setFocus(Qt.FocusReason.OtherFocusReason)
        if not isinstance(page, QAbstractItemView):
            return
        model, current = page.model(), page.currentIndex()
        row = max(0, current.row())
        cells = [model.index(row, column) for column in range(model.columnCount())]
        editable = [cell for cell in cells if cell.flags() & Qt.ItemFlag.ItemIsEditable]
        if cells and current not in editable:
            page.setCurrentIndex((editable or cells)[0])

    # -- editing -----------------------------------------------------------------------------

    def _on_edited(self, edit: ValueEdit) -> None:
        page = self.sender()
        self._value = self._table.value if page is self._table else self._tree.value
        self._stale = set(self._pages) - {self._mode}
        self._note.hide()
        self.edited.emit(edit)

    def _on_text(self) -> None:
        if not self._filling and self._editable and not self._text.isReadOnly():
            self._rest.start()

    def _read_text(self) -> None:
        """Take edited text as the new value; while it is not JSON, say where it breaks."""
        self._rest.stop()
        text = self._text.toPlainText()
        new: JsonValue = text
        if not isinstance(self._value, str):
            try:
                new = read_json(text)
            except json.JSONDecodeError as error:
                self._text.set_error_lines({error.lineno: error.msg})
                self._say(f"Line {error.lineno}: {error.msg}. The value is as it was before.")
                return
        self._text.set_error_lines({})
        self._note.hide()
        old = self._value
        if same(old, new):
            return
        self._value = new
        self._stale = set(self._pages) - {ViewMode.TEXT}
        self._info.setText(describe(new))
        self.edited.emit(ValueEdit((), old, new))

    def _say(self, message: str) -> None:
        self._note.setText(message)
        self._note.show()
        self._forget.start()
