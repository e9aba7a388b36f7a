"""One node alone: what goes in, what comes out. Nothing of it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from designer.runs.rows import Trial
from designer.widgets.code_edit import CodeEdit
from designer.widgets.format import format_duration
from designer.widgets.highlighter import Language

Json = Any


class TrialDialog(QDialog):
    """Runs one node as often as the person likes, with an input that can be edited."""

    #: The person wants to run it: input port to value, or None for a node without inputs.
    run_wanted = Signal(object)

    def __init__(self, title: str, inputs: Mapping[str, Json] | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Run {title} alone")
        self.resize(640, 520)
        self.input = CodeEdit(Language.JSON, self)
        self.input.setAccessibleName("What goes in, as JSON")
        self.output = CodeEdit(Language.JSON, self)
        self.output.setAccessibleName("What came out")
        self.output.setReadOnly(True)
        self._has_input = inputs is not None
        if inputs is not None:
            value = inputs["in"] if set(inputs) == {"in"} else dict(inputs)
            self.input.setPlainText(json.dumps(value, indent=2, ensure_ascii=False))
        self._names_ports = inputs is not None and bool(inputs) and set(inputs) != {"in"}
        self._said = _label(self)
        self._problem = _label(self, "error")
        upper, lower = QWidget(self), QWidget(self)
        for half, text, edit in ((upper, "Goes in (JSON)", self.input),
                                 (lower, "Came out", self.output)):  # fmt: skip
            column = QVBoxLayout(half)
            column.setContentsMargins(0, 0, 0, 0)
            column.addWidget(QLabel(text, half))
            column.addWidget(edit, 1)
        upper.setVisible(self._has_input)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(upper)
        split.addWidget(lower)
        split.setChildrenCollapsible(False)
        note = _label(self)
        note.setText(
            "Runs once, without retries. Its side effects are real; no run is touched or made."
        )
        self.run = QPushButton("Run once", self)
        self.run.setDefault(True)
        self.run.clicked.connect(self._ask)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.addButton(self.run, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(note)
        layout.addWidget(split, 1)
        for each in (self._said, self._problem, buttons):
            layout.addWidget(each)
        self._busy = False
        self.run.setFocus(Qt.FocusReason.OtherFocusReason)
        self.input.textChanged.connect(self._check)
        self._check()

    def show_trial(self, trial: Trial) -> None:
        """Show what came of it."""
        self._busy = False
        words = [f"Took {format_duration(trial.duration_s)}."]
        words += [f"Would write {name} ({op})." for name, op, _ in trial.writes]
        if trial.asks is not None:
            words.append(f"Would ask: {trial.asks.title}")
        if trial.waits:
            words.append(f"Would wait: {trial.waits}")
        value: Json = trial.outputs
        if set(trial.outputs) == {"out"}:
            value = trial.outputs["out"]
        elif trial.asks is not None:
            value = trial.asks.payload
        log = "".join(text if text.endswith("\n") else f"{text}\n" for _, text in trial.log)
        made = "" if trial.error else json.dumps(value, indent=2, ensure_ascii=False, default=str)
        self.output.setPlainText(log + made)
        self._say(" ".join(words), trial.error.message if trial.error is not None else "")

    def show_problem(self, text: str) -> None:
        """Say why it could not be run at all."""
        self._busy = False
        self._say("", text)

    def _say(self, said: str, problem: str) -> None:
        self._said.setText(said)
        self._said.setVisible(bool(said))
        self._check()
        if problem:
            self._problem.setText(problem)
            self._problem.show()

    def _ask(self) -> None:
        self._busy = True
        self.run.setEnabled(False)
        if not self._has_input:
            self.run_wanted.emit(None)
            return
        value = json.loads(self.input.toPlainText() or "null")
        self.run_wanted.emit(value if self._names_ports else {"in": value})

    def _check(self) -> None:
        problem = ""
        if self._has_input:
            try:
                value = json.loads(self.input.toPlainText() or "null")
                if self._names_ports and not isinstance(value, dict):
                    problem = "Give an object with one field for each input."
            except ValueError as error:
                problem = f"This is not JSON yet: {error}."
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self.run.setEnabled(not problem and not self._busy)


def _label(parent: QWidget, tone: str = "small") -> QLabel:
    label = QLabel(parent)
    label.setProperty("tone", tone)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setVisible(tone == "small")
    return label
