"""Asks where a run stops at a node, and under which condition."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from designer.runs.rows import Breakpoint
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Language
from designer.widgets.inputs import ChoiceBox
from engine.model.expressions import ExpressionError, compile_expression

_PLACES = (
    ("before", "Before it starts"),
    ("after", "After it has finished"),
    ("error", "When it fails"),
)
_HINTS = {
    "before": "Names: input, loop, state, vars, env, run. Empty stops every time.",
    "after": "Names: output, input, loop, state, vars, env, run. Empty stops every time.",
    "error": "Names: output (the error), input, loop, state, vars. Empty stops every time.",
}


class BreakpointDialog(QDialog):
    """One breakpoint. After it was accepted, `wanted` is the new one, or None for none."""

    def __init__(self, point: Breakpoint, title: str, parent: QWidget, *, exists: bool) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Breakpoint at {title}")
        self.setMinimumWidth(460)
        self._node = point.node
        self._removed = False
        self.place = ChoiceBox(self)
        for value, words in _PLACES:
            self.place.addItem(words, value)
        self.place.setCurrentIndex(self.place.findData(point.at))
        self.place.setAccessibleName("Where the run stops")
        self.condition = CodeEdit(Language.PYTHON, self)
        self.condition.setPlainText(point.condition)
        self.condition.setAccessibleName("Condition")
        self.condition.setPlaceholderText("input.amount > 1000")
        self.condition.setFixedHeight(72)
        self._hint = QLabel(self)
        self._hint.setProperty("tone", "small")
        self._problem = QLabel(self)
        self._problem.setProperty("tone", "error")
        for label in (self._hint, self._problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        form = QFormLayout()
        form.addRow("&Stop", self.place)
        form.addRow("&If", self.condition)
        form.addRow("", self._hint)
        button = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(button.Ok | button.Cancel, self)
        self.buttons.button(button.Ok).setText("Set breakpoint")
        if exists:
            remove = self.buttons.addButton("Remove", QDialogButtonBox.ButtonRole.DestructiveRole)
            remove.clicked.connect(self._remove)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._problem)
        layout.addWidget(self.buttons)
        self.condition.textChanged.connect(self._check)
        self.place.currentIndexChanged.connect(lambda _index: self._check())
        self._check()
        self.condition.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def wanted(self) -> Breakpoint | None:
        """What the person chose."""
        if self._removed:
            return None
        condition = self.condition.toPlainText().strip()
        return Breakpoint(node=self._node, at=self.place.currentData(), condition=condition)

    def _remove(self) -> None:
        self._removed = True
        self.accept()

    def _check(self) -> None:
        problem = ""
        text = self.condition.toPlainText().strip()
        if text:
            try:
                compile_expression(text)
            except ExpressionError as error:
                problem = f"This cannot be used yet: {error}."
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self._hint.setText(_HINTS[self.place.currentData()])
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not problem)
