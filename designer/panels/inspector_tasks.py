"""The choice of a task and of an attempt of a node, for the Data tab."""

from __future__ import annotations

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from designer.runs.task_rows import TaskRow
from designer.widgets.buttons import IconButton
from designer.widgets.inputs import ChoiceBox

_LETTERS = 12


class TaskChoice(QWidget):
    """Steps through the items of a node and the attempts of one; hidden where there is one."""

    #: The person has chosen: a task, and an attempt (0 for the last one).
    chosen = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[TaskRow, ...] = ()
        self._shown: tuple[str, int] = ("", 0)
        self.task = ChoiceBox(self)
        self.task.setAccessibleName("Item whose data is shown")
        self.task.setMinimumContentsLength(_LETTERS)
        self._words = QStringListModel(self)
        self.task.setModel(self._words)
        self.before = IconButton("chevron-left", "Previous item", self)
        self.after = IconButton("chevron-right", "Next item", self)
        self.attempt = ChoiceBox(self)
        self.attempt.setAccessibleName("Attempt whose data is shown")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 12, 0)
        layout.setSpacing(2)
        for widget in (self.before, self.task, self.after):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self.attempt, 0, Qt.AlignmentFlag.AlignRight)
        self.task.activated.connect(self._on_task)
        self.before.clicked.connect(lambda: self._step(-1))
        self.after.clicked.connect(lambda: self._step(1))
        self.attempt.activated.connect(self._on_attempt)
        self.hide()

    def show_rows(self, rows: tuple[TaskRow, ...], task: str, attempt: int, attempts: int) -> None:
        """Offer the tasks of a node; `attempts` is how often `task` was tried."""
        if self.task.view().isVisible() or self.attempt.view().isVisible():
            return  # a list that is open does not change under the pointer
        here = next((i for i, row in enumerate(rows) if row.task == task), -1)
        if rows != self._rows:
            self._rows = rows
            self._words.setStringList([row.words for row in rows])
        self.task.setCurrentIndex(here)
        if attempts != self.attempt.count() or self._shown[0] != task:
            self.attempt.clear()
            for number in range(1, attempts + 1):
                self.attempt.addItem(f"attempt {number} of {attempts}")
        self.attempt.setCurrentIndex((attempt or attempts) - 1)
        self._shown = (task, attempt)
        several, tried = len(rows) > 1, attempts > 1
        for widget in (self.task, self.before, self.after):
            widget.setVisible(several)
        self.before.setEnabled(here > 0)
        self.after.setEnabled(-1 < here < len(rows) - 1)
        self.attempt.setVisible(tried)
        self.setVisible(several or tried)

    def _on_task(self, index: int) -> None:
        if 0 <= index < len(self._rows):
            self.chosen.emit(self._rows[index].task, 0)

    def _step(self, by: int) -> None:
        self._on_task(self.task.currentIndex() + by)

    def _on_attempt(self, index: int) -> None:
        last = index == self.attempt.count() - 1
        self.chosen.emit(self._shown[0], 0 if last else index + 1)
