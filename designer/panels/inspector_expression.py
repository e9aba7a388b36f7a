"""The editor of an expression: colours, completion of names, and its value on the run shown."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QStringListModel, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QLabel, QListView, QVBoxLayout, QWidget

from designer.panels.inspector_bench import Bench
from designer.panels.inspector_editor import Editor
from designer.panels.inspector_names import names_at, place_of
from designer.panels.inspector_scope import Preview, SourceKind
from designer.panels.inspector_spec import UNSET, FieldSpec
from designer.panels.inspector_texts import GrowingEdit, TextField
from designer.widgets.highlighter import Language

Json = Any
#: How long typing rests before the text is tried out.
_REST_MS = 200
_SHOWN_NAMES = 12


class ExpressionEdit(GrowingEdit):
    """One expression, with the names of the workflow offered while they are typed."""

    def __init__(self, bench: Bench, parent: QWidget | None = None, *, output: bool) -> None:
        super().__init__(Language.PYTHON, parent, lines=(1, 8))
        self._bench = bench
        self._output = output
        self._names = QStringListModel(self)
        self.popup = QListView()
        self.completer = QCompleter(self._names, self)
        self.completer.setPopup(self.popup)  # which owns it from now on
        self.completer.setWidget(self)
        self.completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.completer.setMaxVisibleItems(_SHOWN_NAMES)
        self.completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completer.activated[str].connect(self.complete)  # type: ignore[index] # of two

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Type, and offer what may come next; Ctrl+Space offers it at once."""
        popup = self.popup
        key = event.key()
        ends = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Escape)
        if popup.isVisible() and key in ends:
            event.ignore()  # the list takes it
            return
        asked = key == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if not asked:
            super().keyPressEvent(event)
        if self.isReadOnly():
            return
        typed = event.text()
        if asked or (typed and (typed.isalnum() or typed in "._")):
            self.offer(force=bool(asked))
        elif typed:
            popup.hide()

    def offer(self, *, force: bool = False) -> None:
        """Show the names that may stand at the cursor."""
        before = self.toPlainText()[: self.textCursor().position()]
        place = place_of(before)
        popup = self.popup
        if place is None or (not force and not place[0] and not place[1]):
            popup.hide()
            return
        path, word = place
        bench = self._bench
        names = names_at(path, bench.workflow, bench.sample(), output=self._output)
        fitting = [name for name in names if name.lower().startswith(word.lower())]
        if not fitting or fitting == [word]:
            popup.hide()
            return
        self._names.setStringList(fitting)
        self.completer.setCompletionPrefix(word)
        area = self.cursorRect()
        area.setWidth(max(180, popup.sizeHintForColumn(0) + 24))
        self.completer.complete(area)
        popup.setCurrentIndex(self.completer.completionModel().index(0, 0))

    def complete(self, name: str) -> None:
        """Put a name in place of the word before the cursor."""
        cursor = self.textCursor()
        before = self.toPlainText()[: cursor.position()]
        place = place_of(before)
        word = place[1] if place is not None else ""
        cut = len(word)
        if not name.isidentifier() and place is not None and place[0]:
            cut, name = cut + 1, f'["{name}"]'  # a key that is no name stands in brackets
        for _ in range(cut):
            cursor.deletePreviousChar()
        cursor.insertText(name)
        self.setTextCursor(cursor)


class PreviewLine(QLabel):
    """What a text gives on the values of the run shown, kept current."""

    def __init__(self, bench: Bench, kind: SourceKind, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._kind: SourceKind = kind
        self._slot = bench.new_slot()
        self._source = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("tone", "small")
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._ask)
        bench.scope_changed.connect(self._rest.start)
        self.destroyed.connect(_forgetting(bench, self._slot))

    def set_source(self, source: str) -> None:
        """Show what another text gives, as soon as typing rests."""
        if source != self._source:
            self._source = source
            self._rest.start()

    def _ask(self) -> None:
        source = self._source
        if self._kind == "template" and "{{" not in source and "{%" not in source:
            source = ""
        self._bench.preview(self._slot, source, self._kind, self._show)

    def _show(self, found: Preview | None) -> None:
        self.setVisible(found is not None)
        if found is None:
            self.setText("")
            return
        end = "" if found.text.endswith(("?", ".")) else "."
        self.setText(f"= {found.text}" if found.ok else f"On the run shown: {found.text}{end}")
        self.setProperty("tone", "small" if found.ok else "warning")
        self.setAccessibleName(f"Value on the run shown: {found.text}")
        self.style().unpolish(self)
        self.style().polish(self)


def _forgetting(bench: Bench, slot: str) -> Any:
    return lambda: bench.client.forget(slot)


class ExpressionField(Editor):
    """The source of an expression and what it gives."""

    def __init__(self, spec: FieldSpec, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self.edit = ExpressionEdit(bench, self, output=spec.sees_output)
        self.edit.setPlaceholderText(spec.placeholder or "an expression, such as input.total")
        self.edit.setAccessibleName(f"{spec.title}, expression")
        self.preview = PreviewLine(bench, "expr", self)
        self._shown = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.edit)
        layout.addWidget(self.preview)
        self.setFocusProxy(self.edit)
        self.edit.textChanged.connect(self._on_text)

    def inputs(self) -> list[QWidget]:
        return [self.edit]

    def show_value(self, value: Json) -> None:
        """Show the source of an expression, or nothing."""
        self._shown = value if isinstance(value, str) else ""
        self.edit.show_text(self._shown)
        self.preview.set_source(self._shown)

    def _on_text(self) -> None:
        text = self.edit.toPlainText()
        if text != self._shown:
            self._shown = text
            self.preview.set_source(text)
            self.edited.emit(text or UNSET, True)


class TemplateField(TextField):
    """A Jinja template and the text that it gives."""

    def __init__(
        self, spec: FieldSpec, bench: Bench, parent: QWidget | None = None, *, area: bool = False
    ) -> None:
        super().__init__(spec, parent, area=area)
        self.preview = PreviewLine(bench, "template", self)
        layout = self.layout()
        if layout is not None:
            layout.addWidget(self.preview)

    def show_value(self, value: Json) -> None:
        """Show the source of a template."""
        super().show_value(value)
        self.preview.set_source(self._shown)

    def _on_text(self) -> None:
        super()._on_text()
        self.preview.set_source(self._shown)
