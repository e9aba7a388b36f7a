"""The code editor: indentation, marks, and a way out for the keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from designer.theme import DARK, LIGHT, apply_theme
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Language


@pytest.fixture
def edit(qtbot: QtBot) -> CodeEdit:
    made = CodeEdit(Language.PYTHON)
    qtbot.addWidget(made)
    made.resize(400, 200)
    made.show()
    return made


def put(edit: CodeEdit, text: str, position: int | None = None) -> None:
    edit.setPlainText(text)
    cursor = edit.textCursor()
    cursor.setPosition(len(text) if position is None else position)
    edit.setTextCursor(cursor)


def test_tab_goes_to_the_next_stop(edit: CodeEdit) -> None:
    put(edit, "ab")
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    assert edit.toPlainText() == "ab  "
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    assert edit.toPlainText() == "ab      "


def test_selected_lines_move_together_in_one_undo_step(edit: CodeEdit) -> None:
    put(edit, "a\n  b\nc")
    edit.selectAll()
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    assert edit.toPlainText() == "    a\n      b\n    c"
    edit.selectAll()
    QTest.keyClick(edit, Qt.Key.Key_Backtab)
    assert edit.toPlainText() == "a\n  b\nc"
    edit.undo()
    assert edit.toPlainText() == "    a\n      b\n    c"


def test_enter_keeps_the_indentation_and_a_colon_deepens_it(edit: CodeEdit) -> None:
    put(edit, "    if x:")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    QTest.keyClicks(edit, "pass")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert edit.toPlainText() == "    if x:\n        pass\n        "


def test_enter_between_brackets_opens_them(edit: CodeEdit) -> None:
    put(edit, "f({})", 3)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert edit.toPlainText() == "f({\n    \n})"
    assert edit.textCursor().positionInBlock() == 4


def test_backspace_removes_one_indentation(edit: CodeEdit) -> None:
    put(edit, "        x", 8)
    QTest.keyClick(edit, Qt.Key.Key_Backspace)
    assert edit.toPlainText() == "    x"
    put(edit, "    ab", 6)
    QTest.keyClick(edit, Qt.Key.Key_Backspace)
    assert edit.toPlainText() == "    a"


def test_escape_then_tab_leaves_the_field(qtbot: QtBot) -> None:
    form = QWidget()
    qtbot.addWidget(form)
    edit, after = CodeEdit(Language.JSON, form), QLineEdit(form)
    layout = QVBoxLayout(form)
    layout.addWidget(edit)
    layout.addWidget(after)
    form.show()
    edit.setFocus()
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    assert form.focusWidget() is after
    assert edit.toPlainText() == ""


def test_a_read_only_text_cannot_be_indented(edit: CodeEdit) -> None:
    put(edit, "a")
    edit.setReadOnly(True)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert edit.toPlainText() == "a"


def test_wrong_lines_are_marked_and_say_why(edit: CodeEdit) -> None:
    put(edit, "one\ntwo\nthree", 0)
    edit.set_error_lines({2: "name two is not defined", 99: "beyond the end"})
    marked = [
        selection.cursor.selectedText()
        for selection in edit.extraSelections()
        if selection.cursor.hasSelection()
    ]
    assert marked == ["two"]
    assert edit.error_lines()[2] == "name two is not defined"
    edit.set_error_lines({})
    assert all(not selection.cursor.hasSelection() for selection in edit.extraSelections())


def test_the_tooltip_of_a_marked_line_is_its_message(edit: CodeEdit) -> None:
    put(edit, "one\ntwo", 0)
    edit.set_error_lines({1: "wrong"})
    event = QHelpEvent(QEvent.Type.ToolTip, QPoint(60, 6), edit.mapToGlobal(QPoint(60, 6)))
    assert QApplication.sendEvent(edit, event)


def test_replacing_the_text_keeps_the_place(edit: CodeEdit) -> None:
    put(edit, "\n".join(f"line {n}" for n in range(200)), 1200)
    edit.verticalScrollBar().setValue(50)
    before = edit.toPlainText()
    edit.set_text_keeping_place(before.replace("line 3\n", "LINE 3\n"))
    assert edit.verticalScrollBar().value() == 50
    assert edit.textCursor().position() == 1200
    assert "LINE 3" in edit.toPlainText()


def test_an_expression_replaces_the_selection(edit: CodeEdit) -> None:
    put(edit, "x = OLD")
    cursor = edit.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.PreviousWord, QTextCursor.MoveMode.KeepAnchor)
    edit.setTextCursor(cursor)
    edit.insert_expression("nodes.read.output")
    assert edit.toPlainText() == "x = nodes.read.output"


def test_the_strip_grows_with_the_line_numbers(edit: CodeEdit) -> None:
    put(edit, "a")
    narrow = edit.line_number_width()
    put(edit, "a\n" * 12_000)
    assert edit.line_number_width() > narrow
    assert edit.viewport().geometry().left() >= edit.line_number_width()


def test_it_takes_a_new_theme(
    edit: CodeEdit, qapp: QApplication, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path))
    put(edit, "return 1")
    for theme in (LIGHT, DARK):
        apply_theme(qapp, theme)
        formats = edit.document().firstBlock().layout().formats()
        assert formats[0].format.foreground().color() == theme.color("code_keyword")
    assert edit.font().family() == "JetBrains Mono"
    assert not edit.grab().isNull()
    qapp.setStyleSheet("")
