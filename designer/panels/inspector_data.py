"""The Data tab: what went into the node in the run shown, and what came out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from designer.runs.engine_client import EngineClient
from designer.runs.rows import EngineError
from designer.widgets.empty_state import EmptyState
from designer.widgets.format import format_duration
from designer.widgets.inputs import ChoiceBox
from designer.widgets.value_view import ValueView

Json = Any


@dataclass(frozen=True, slots=True)
class Shown:
    """What a task has seen and made; without `ended` nothing has come out yet."""

    inputs: Mapping[str, Json]
    outputs: Mapping[str, Json]
    ended: bool = False
    duration_s: float = 0.0
    attempt: int = 1
    error: Any = None


def read_values(engine: Any, run: str, task: str, commit: int | None, is_open: bool) -> Shown:
    """Read the values of a task, of an open one what went in; called in a thread."""
    try:
        found = engine.values(run, task) if not is_open else None
    except EngineError:
        found = None
    if found is not None and (commit is None or found.commit <= commit):
        return Shown(
            found.inputs, found.outputs, True, found.duration_s, found.attempt, found.error
        )
    state = engine.state_at(run, commit)
    row = state.tasks.get(task)
    inputs = {}
    for port, pairs in row.inputs.items() if row is not None else ():
        values = {source: state.value(ref) for source, ref in pairs}
        inputs[port] = next(iter(values.values())) if len(values) == 1 else values
    return Shown(inputs, {})


class _Side(QWidget):
    """The input or the output: a choice of port and the value."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: Mapping[str, Json] = {}
        self.title = QLabel(title, self)
        self.title.setProperty("tone", "strong")
        self.port = ChoiceBox(self)
        self.port.setAccessibleName(f"{title}: port")
        self.view = ValueView(self)
        self.nothing = QLabel(self)
        self.nothing.setProperty("tone", "muted")
        self.nothing.setWordWrap(True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.nothing.setTextFormat(Qt.TextFormat.PlainText)
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addStretch(1)
        top.addWidget(self.port)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.nothing, 1)
        self.port.activated.connect(lambda _index: self._show_port())

    def show_values(self, values: Mapping[str, Json], nothing: str) -> None:
        """Show the values of some ports, or why there is none."""
        kept = self.port.currentData()
        self._values = values
        self.port.clear()
        for name in values:
            self.port.addItem(name, name)
        self.port.setVisible(len(values) > 1)
        self.port.setCurrentIndex(max(0, self.port.findData(kept)) if values else -1)
        self.nothing.setText(nothing)
        self.nothing.setVisible(not values)
        self.view.setVisible(bool(values))
        self._show_port()

    def _show_port(self) -> None:
        name = self.port.currentData()
        if name in self._values:
            self.view.set_value(self._values[name])


class DataPage(QWidget):
    """Input above, output below, of the last task of one node; read in a thread."""

    SLOT = "inspector/data"

    def __init__(self, client: EngineClient, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._place: tuple[object, ...] = ()
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.setContentsMargins(12, 8, 12, 0)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.input = _Side("Input", self)
        self.output = _Side("Output", self)
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.input)
        self.splitter.addWidget(self.output)
        self.nothing = EmptyState("Run the workflow (F5) to see what goes in and out.", parent=self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.words)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.nothing, 1)
        self._say("Run the workflow (F5) to see what goes in and out.")

    def show_task(
        self,
        run: str | None,
        task: str = "",
        *,
        commit: int | None = None,
        is_open: bool = False,
        mark: object = None,
        why: str = "",
    ) -> None:
        """Show the values of a task.

        Args:
            run: None when no run is shown.
            task: empty when the node has not been reached.
            commit: the moment that is shown, None for the present.
            is_open: the task has not ended at that moment.
            mark: differs when the task may have moved on.
            why: what to say when there is no task.
        """
        place = (run, task, commit, is_open, mark)
        if place == self._place:
            return
        self._place = place
        if run is None or not task:
            self._client.forget(self.SLOT)
            self._say(why or "Run the workflow (F5) to see what goes in and out.")
            return
        self._client.read(
            self.SLOT, read_values, self._client.engine, run, task, commit, is_open,
            then=self._show, what="Reading the values of a node",
        )  # fmt: skip

    def _say(self, sentence: str) -> None:
        self.nothing.set_text(sentence)
        self.nothing.show()
        self.splitter.hide()
        self.words.hide()

    def _show(self, found: Shown) -> None:
        self.nothing.hide()
        self.splitter.show()
        words = []
        if found.error is not None:
            words.append(error_text(found.error))
        elif found.ended:
            words.append(f"Took {format_duration(found.duration_s)}")
        if found.attempt > 1:
            words.append(f"attempt {found.attempt}")
        self.words.setText(", ".join(words))
        self.words.setVisible(bool(words))
        self.words.setProperty("tone", "error" if found.error is not None else "muted")
        self.words.style().unpolish(self.words)
        self.words.style().polish(self.words)
        self.input.show_values(found.inputs, "Nothing goes into this node.")
        nothing = "It has not ended yet."
        if found.ended:
            nothing = "It failed, so nothing came out." if found.error else "Nothing came out."
        self.output.show_values(found.outputs, nothing)


def error_text(error: Any) -> str:
    """An error and what caused it, one line each."""
    lines = [error.message]
    lines += [f"because of: {cause}" for cause in error.causes]
    if error.kind:
        lines.append(f"({error.kind}, {error.code})")
    return "\n".join(lines)
