"""A small code editor: line numbers, colours, indentation, marks where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from designer.theme import current_theme, mono_font, scaled_px
from designer.widgets.highlighter import Highlighter, Language

INDENT = "    "

_OPENING = {"(": ")", "[": "]", "{": "}"}


class _LineNumbers(QWidget):
    """The strip to the left; the editor draws it."""

    def __init__(self, editor: CodeEdit) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        return QSize(self._editor.line_number_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_line_numbers(event)


class CodeEdit(QPlainTextEdit):
    """Plain text in a fixed font. Tab indents; Escape then Tab leaves the field."""

    def __init__(self, language: Language = Language.PLAIN, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._marks: dict[int, str] = {}
        self._tab_leaves = False
        self._numbers = _LineNumbers(self)
        self._highlighter = Highlighter(self.document(), language)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName(f"Code, {language.value}")
        self.blockCountChanged.connect(self._take_width)
        self.updateRequest.connect(self._scroll_numbers)
        self.cursorPositionChanged.connect(self._mark_lines)
        self._take_theme()

    # -- what it shows -----------------------------------------------------------------------

    @property
    def language(self) -> Language:
        """The language of the text."""
        return self._highlighter.language

    def set_language(self, language: Language) -> None:
        """Colour the text as `language`."""
        self._highlighter.set_language(language)

    def set_error_lines(self, messages: Mapping[int, str]) -> None:
        """Mark lines, counted from 1, with what is wrong in each; an empty mapping clears."""
        self._marks = dict(messages)
        self._numbers.update()
        self._mark_lines()

    def error_lines(self) -> Mapping[int, str]:
        """The lines that are marked, with their messages."""
        return dict(self._marks)

    def set_text_keeping_place(self, text: str) -> None:
        """Replace the text if it differs, leaving cursor and scroll bars where they were."""
        if text == self.toPlainText():
            return
        position = self.textCursor().position()
        across, down = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        self.setPlainText(text)
        cursor = self.textCursor()
        cursor.setPosition(min(position, len(text)))
        self.setTextCursor(cursor)
        self.horizontalScrollBar().setValue(across)
        self.verticalScrollBar().setValue(down)

    def insert_expression(self, text: str) -> None:
        """Put `text` in place of the selection, as a drop from the data tree does."""
        self.textCursor().insertText(text)
        self.setFocus()

    # -- keys --------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Indent, keep the indentation of the line before, and let the keyboard out again."""
        key = event.key()
        plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.ShiftModifier,
        )
        leaves, self._tab_leaves = self._tab_leaves, False
        if key == Qt.Key.Key_Escape:
            self._tab_leaves = True
            event.ignore()
        elif self.isReadOnly() or not plain:
            super().keyPressEvent(event)
        elif key == Qt.Key.Key_Tab and not leaves:
            self._indent()
        elif key == Qt.Key.Key_Backtab and not leaves:
            self._change_lines(dedent=True)
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            # The base class refuses to pass the focus on while Tab belongs to the text.
            self.setTabChangesFocus(True)
            self.focusNextPrevChild(key == Qt.Key.Key_Tab)
            self.setTabChangesFocus(False)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._new_line()
        elif key == Qt.Key.Key_Backspace and self._at_indent():
            self._backspace_indent()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Show the message of a marked line under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            line = self.cursorForPosition(event.pos()).blockNumber() + 1
            message = self._marks.get(line, "")
            if message:
                QToolTip.showText(event.globalPos(), message, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def _indent(self) -> None:
        cursor = self.textCursor()
        if cursor.hasSelection() and "\u2029" in cursor.selectedText():
            self._change_lines(dedent=False)
        else:
            column = cursor.positionInBlock()
            cursor.insertText(" " * (len(INDENT) - column % len(INDENT)))

    def _change_lines(self, *, dedent: bool) -> None:
        """Move the selected lines, or the one with the cursor, by one indentation."""
        cursor = self.textCursor()
        document = self.document()
        first = document.findBlock(cursor.selectionStart())
        last = document.findBlock(cursor.selectionEnd())
        block = first
        cursor.beginEditBlock()
        while block.isValid() and block.blockNumber() <= last.blockNumber():
            edit = QTextCursor(block)
            if not dedent:
                edit.insertText(INDENT)
            else:
                text = block.text()
                spaces = len(text) - len(text.lstrip(" "))
                for _ in range(min(spaces, len(INDENT))):
                    edit.deleteChar()
            block = block.next()
        cursor.endEditBlock()

    def _new_line(self) -> None:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        indent = before[: len(before) - len(before.lstrip(" "))]
        opened = before.rstrip()[-1:]
        after = cursor.block().text()[cursor.positionInBlock() :].lstrip()[:1]
        deeper = opened in _OPENING or (opened == ":" and self.language is Language.PYTHON)
        cursor.insertText("\n" + indent + (INDENT if deeper else ""))
        if deeper and after and _OPENING.get(opened) == after:
            position = cursor.position()
            cursor.insertText("\n" + indent)
            cursor.setPosition(position)
            self.setTextCursor(cursor)
        self.ensureCursorVisible()

    def _at_indent(self) -> bool:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        return not cursor.hasSelection() and bool(before) and not before.strip(" ")

    def _backspace_indent(self) -> None:
        cursor = self.textCursor()
        column = cursor.positionInBlock()
        for _ in range((column - 1) % len(INDENT) + 1):
            cursor.deletePreviousChar()

    # -- the strip of line numbers -----------------------------------------------------------

    def line_number_width(self) -> int:
        """The width of the strip, for the number of the last line."""
        digits = max(2, len(str(self.blockCount())))
        return scaled_px(18) + self.fontMetrics().horizontalAdvance("9") * digits

    def paint_line_numbers(self, event: QPaintEvent) -> None:
        """Draw the numbers of the lines in view, and a dot at those that are marked."""
        theme = current_theme()
        painter = QPainter(self._numbers)
        painter.fillRect(event.rect(), theme.color("input"))
        painter.setFont(self.font())
        current = self.textCursor().blockNumber()
        height = self.fontMetrics().height()
        width = self._numbers.width()
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            number = block.blockNumber()
            marked = number + 1 in self._marks
            role = "text_failed" if marked else "text" if number == current else "disabled"
            painter.setPen(theme.color(role))
            line = QRect(0, round(top), width - scaled_px(8), height)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight, str(number + 1))
            if marked:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("text_failed"))
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.drawEllipse(QRect(3, round(top) + height // 2 - 3, 6, 6))
            top += self.blockBoundingRect(block).height()
            block = block.next()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the strip as high as the text."""
        super().resizeEvent(event)
        self._place_numbers()

    def _place_numbers(self) -> None:
        area = self.contentsRect()
        self._numbers.setGeometry(
            QRect(area.left(), area.top(), self.line_number_width(), area.height())
        )

    def _scroll_numbers(self, rect: QRect, delta: int) -> None:
        if delta:
            self._numbers.scroll(0, delta)
        else:
            self._numbers.update(0, rect.y(), self._numbers.width(), rect.height())

    def _take_width(self) -> None:
        self.setViewportMargins(self.line_number_width(), 0, 0, 0)
        self._place_numbers()

    # -- marks and colours -------------------------------------------------------------------

    def _mark_lines(self) -> None:
        theme = current_theme()
        selections: list[QTextEdit.ExtraSelection] = []
        if not self.isReadOnly():
            line = QColor(theme.color("hover"))
            line.setAlpha(110)
            selections.append(self._whole_line(self.textCursor(), line))
        wave = QTextCharFormat()
        wave.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        wave.setUnderlineColor(theme.color("text_failed"))
        for number in self._marks:
            block = self.document().findBlockByNumber(number - 1)
            if block.isValid():
                cursor = QTextCursor(block)
                cursor.movePosition(
                    QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor
                )
                marked = QTextEdit.ExtraSelection()
                marked.cursor = cursor
                marked.format = wave
                selections.append(marked)
        self.setExtraSelections(selections)
        self._numbers.update()

    @staticmethod
    def _whole_line(cursor: QTextCursor, color: QColor) -> QTextEdit.ExtraSelection:
        selection = QTextEdit.ExtraSelection()
        background = QTextCharFormat()
        background.setBackground(color)
        background.setProperty(QTextFormat.Property.FullWidthSelection, True)
        selection.format = background
        cursor.clearSelection()
        selection.cursor = cursor
        return selection

    def changeEvent(self, event: QEvent) -> None:
        """Take the fonts and colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        self.setFont(mono_font(scaled_px(12)))
        self.setTabStopDistance(self.fontMetrics().horizontalAdvance(" ") * len(INDENT))
        self._highlighter.take_theme(current_theme())
        self._take_width()
        self._mark_lines()
