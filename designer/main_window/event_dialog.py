"""Asks which event to send, to whom, and what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from designer.runs.words import short_run
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Language
from designer.widgets.inputs import ChoiceBox

Json = Any
#: Runs that are named where somebody listens.
_NAMED = 4


class EventDialog(QDialog):
    """One event. After it was accepted, `wanted` is what to send.

    Args:
        listening: event name to the runs that listen for it now.
        run: the run that is shown, or None.
    """

    def __init__(
        self, listening: Mapping[str, tuple[str, ...]], run: str | None, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Send an event")
        self.setMinimumWidth(460)
        self._listening = listening
        here = [name for name, runs in listening.items() if run in runs]
        self.name = QComboBox(self)
        self.name.setEditable(True)
        self.name.setAccessibleName("Name of the event")
        self.name.addItems([*here, *(name for name in listening if name not in here)])
        self.target = ChoiceBox(self)
        self.target.setAccessibleName("Who gets it")
        self.target.addItem("Every run that listens", "")
        if run is not None:
            self.target.addItem(f"Only run {short_run(run)}, which is shown", run)
            self.target.setCurrentIndex(1 if here else 0)
        self.payload = CodeEdit(Language.JSON, self)
        self.payload.setAccessibleName("What it says")
        self.payload.setPlaceholderText('{"order": 7}')
        self.payload.setFixedHeight(120)
        self.heard = QLabel(self)
        self.heard.setProperty("tone", "small")
        self._problem = QLabel(self)
        self._problem.setProperty("tone", "error")
        for label in (self.heard, self._problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        form = QFormLayout()
        form.addRow("&Event", self.name)
        form.addRow("", self.heard)
        form.addRow("&To", self.target)
        form.addRow("&Says", self.payload)
        button = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(button.Ok | button.Cancel, self)
        self.buttons.button(button.Ok).setText("Send")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._problem)
        layout.addWidget(self.buttons)
        self.name.editTextChanged.connect(lambda _text: self._check())
        self.target.currentIndexChanged.connect(lambda _index: self._check())
        self.payload.textChanged.connect(self._check)
        self._check()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def wanted(self) -> tuple[str, Json, str | None]:
        """Name, payload, and the run that it is for; None: every run that listens."""
        text = self.payload.toPlainText().strip()
        payload = json.loads(text) if text else None
        return self.name.currentText().strip(), payload, self.target.currentData() or None

    def _check(self) -> None:
        name, text = self.name.currentText().strip(), self.payload.toPlainText().strip()
        problem = ""
        if text:
            try:
                json.loads(text)
            except ValueError as error:
                problem = f"What it says is no JSON yet: {error}."
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self.heard.setText(self._who_listens(name) if name else "Type the name of the event.")
        self._make_room()
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        ok.setEnabled(bool(name) and not problem)

    def _make_room(self) -> None:
        """Grow, so that words that wrap do not lie over the field above them."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            wanted = layout.totalHeightForWidth(self.width())
            if wanted > self.height():
                self.resize(self.width(), wanted)

    def _who_listens(self, name: str) -> str:
        runs, target = self._listening.get(name, ()), self.target.currentData()
        if target and target not in runs:
            return "That run does not listen for it now; it gets it when it does."
        if not runs:
            return "No run listens for it now. It is kept for a week, for one that does later."
        named = ", ".join(short_run(run) for run in runs[:_NAMED])
        more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
        count = "Run" if len(runs) == 1 else f"{len(runs)} runs:"
        verb = "listens" if len(runs) == 1 else "listen"
        return f"{count} {named}{more} {verb} for it."
