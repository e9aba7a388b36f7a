"""The Data tab: what went into the node in the run shown, and what came out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from designer.panels.inspector_tasks import TaskChoice
from designer.panels.run_panel import Pace
from designer.runs.engine_client import EngineClient
from designer.runs.rows import EngineError
from designer.runs.task_rows import TaskRow, read_failure, read_tasks
from designer.runs.words import short_run
from designer.widgets.empty_state import EmptyState
from designer.widgets.format import format_duration
from designer.widgets.inputs import ChoiceBox
from designer.widgets.value_view import ValueView

Json = Any
#: A task of a run that goes on is read again at most this often.
AGAIN_MS = 250
_NO_RUN = "Run the workflow (F5) to see what goes in and out."


@dataclass(frozen=True, slots=True)
class Shown:
    """What a task has seen and made; without `ended` nothing has come out yet."""

    inputs: Mapping[str, Json]
    outputs: Mapping[str, Json]
    ended: bool = False
    duration_s: float = 0.0
    attempt: int = 1
    attempts: int = 1
    error: Any = None
    cached: str = ""
    task: str = ""
    tasks: tuple[TaskRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the Data tab is to show.

    Attributes:
        task: empty when the node has not been reached.
        commit: the moment that is shown, None for the present.
        is_open: the task has not ended at that moment.
        mark: differs when the task may have moved on.
        attempt: 0 for the last one.
        open_tasks: tasks of the node in the frontier. `total`: items of its zone.
    """

    run: str
    node: str
    task: str
    commit: int | None = None
    is_open: bool = False
    mark: object = None
    attempt: int = 0
    open_tasks: tuple[str, ...] = ()
    total: int = 0


def read_wanted(engine: Any, wanted: Wanted) -> Shown:
    """Read the values of a task, and which others there are; called in a thread."""
    run, task, commit = wanted.run, wanted.task, wanted.commit
    rows = read_tasks(engine, run, wanted.node, commit, wanted.open_tasks, wanted.total)
    row = next((row for row in rows if row.task == task), None)
    shown = read_values(engine, run, task, commit, wanted.is_open)
    shown = replace(shown, task=task, tasks=rows, attempts=shown.attempt)
    if not wanted.attempt or row is None or wanted.attempt >= shown.attempt:
        return shown
    error = read_failure(engine, run, row, wanted.attempt)
    return replace(shown, outputs={}, ended=True, attempt=wanted.attempt, error=error)


def read_values(engine: Any, run: str, task: str, commit: int | None, is_open: bool) -> Shown:
    """Read the values of a task, of an open one what went in; called in a thread."""
    try:
        found = engine.values(run, task) if not is_open else None
    except EngineError:
        found = None
    if found is not None and (commit is None or found.commit <= commit):
        return Shown(
            found.inputs,
            found.outputs,
            True,
            found.duration_s,
            attempt=found.attempt,
            error=found.error,
            cached=found.cached,
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
    """Input above, output below, of one task of one node; read in a thread.

    It is the last task and its last attempt until the person chooses another of the node.
    """

    SLOT = "inspector/data"

    def __init__(self, client: EngineClient, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._wanted: Wanted | None = None
        self._last: Wanted | None = None
        #: What the person has chosen: run, node, task, attempt.
        self._chosen: tuple[str, str, str, int] | None = None
        self._pace = Pace(self._read, self, AGAIN_MS)
        self.choice = TaskChoice(self)
        self.choice.chosen.connect(self._on_chosen)
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
        self.nothing = EmptyState(_NO_RUN, parent=self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.choice)
        layout.addWidget(self.words)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.nothing, 1)
        self._say(_NO_RUN)

    def show_nothing(self, why: str = "") -> None:
        """Say why there is nothing to show."""
        self._last = self._wanted = None
        self._client.forget(self.SLOT)
        self._say(why or _NO_RUN)

    def show_task(self, wanted: Wanted) -> None:
        """Show the values of a task, or those of the one that was chosen instead."""
        self._last = wanted
        if self._chosen is not None:
            run, node, task, attempt = self._chosen
            if (run, node) == (wanted.run, wanted.node):
                is_open = task in wanted.open_tasks
                wanted = replace(wanted, task=task, attempt=attempt, is_open=is_open)
            else:
                self._chosen = None
        if wanted == self._wanted:
            return
        before, self._wanted = self._wanted, wanted
        if before is not None and (before.run, before.node) == (wanted.run, wanted.node):
            self._pace.ask()  # lists of many items are not made 30 times a second
        else:
            self._read()

    def _read(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        self._client.read(
            self.SLOT, read_wanted, self._client.engine, wanted,
            then=self._show, what="Reading the values of a node",
        )  # fmt: skip

    def _on_chosen(self, task: str, attempt: int) -> None:
        if self._last is not None:
            self._chosen = (self._last.run, self._last.node, task, attempt)
            self.show_task(self._last)

    def _say(self, sentence: str) -> None:
        self.nothing.set_text(sentence)
        self.nothing.show()
        self.splitter.hide()
        self.words.hide()
        self.choice.hide()

    def _show(self, found: Shown) -> None:
        self.nothing.hide()
        self.splitter.show()
        tried = found.attempt if found.attempt < found.attempts else 0
        self.choice.show_rows(found.tasks, found.task, tried, found.attempts)
        words = []
        if found.error is not None:
            words.append(error_text(found.error))
        elif found.cached:
            words.append(f"From cache, made by run {short_run(found.cached)}")
        elif found.ended:
            words.append(f"Took {format_duration(found.duration_s)}")
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
