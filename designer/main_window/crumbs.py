"""The way from the outermost run to the one that is shown, and the runs that it has called."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QWidget

from designer.runs.calls import MOST_CALLED, Calls
from designer.runs.rows import RunRecord
from designer.runs.words import short_run
from designer.theme import scaled_px
from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.format import shorten

#: Letters of the name of a workflow.
_NAME = 32


class Crumbs(QFrame):
    """Hidden where nobody has called the run shown and it has called nobody."""

    #: A run that the person wants to see, and the node to go to in it; empty for none.
    run_wanted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Where the run that is shown was called")
        self._parts: list[QWidget] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 2, 8, 2)
        self._row.setSpacing(4)
        self.setMinimumHeight(scaled_px(32))
        self.called = TextButton("", ButtonKind.QUIET, "subflow", self)
        self._menu = QMenu(self.called)
        self.called.setMenu(self._menu)
        self._row.addStretch(1)
        self._row.addWidget(self.called)
        self.hide()

    @property
    def words(self) -> list[str]:
        """What the way says, outermost first."""
        return [part.text() for part in self._parts if isinstance(part, QLabel | TextButton)]

    def links(self) -> list[TextButton]:
        """The runs on the way, outermost first."""
        return [part for part in self._parts if isinstance(part, TextButton)]

    def show_calls(self, calls: Calls | None) -> None:
        """Show the way to a run; None shows nothing."""
        for part in self._parts:
            self._row.removeWidget(part)
            part.deleteLater()
        self._parts = []
        if calls is None or not (calls.callers or calls.called):
            self.hide()
            return
        for record, task in calls.callers:
            self._add_link(record, task)
            self._add(QLabel(f"› {task} ›", self), "small")
        here = QLabel(_name(calls.record), self)
        self._add(here, "")
        self._fill(calls)
        self.show()

    def _add_link(self, record: RunRecord, task: str) -> None:
        link = TextButton(_name(record), ButtonKind.LINK, "", self)
        link.setToolTip(f"Show run {short_run(str(record.run))}, where {task} called")
        node = task.split("@", 1)[0].split("#", 1)[0]
        run = str(record.run)
        link.clicked.connect(lambda _checked=False: self.run_wanted.emit(run, node))
        self._add(link, "")

    def _add(self, part: QWidget, tone: str) -> None:
        if isinstance(part, QLabel):
            part.setTextFormat(Qt.TextFormat.PlainText)
            part.setProperty("tone", tone)
        self._row.insertWidget(len(self._parts), part)
        self._parts.append(part)

    def _fill(self, calls: Calls) -> None:
        self._menu.clear()
        count = len(calls.called)
        self.called.setVisible(count > 0)
        self.called.setText("1 called run" if count == 1 else f"{count} called runs")
        for record in reversed(calls.called[-MOST_CALLED:]):
            status = "interrupted" if record.interrupted else str(record.status)
            task = record.called_by[1] if record.called_by is not None else ""
            mode = ", in the background" if record.mode == "background" else ""
            text = f"{task}: {_name(record)}{mode}, {status}".replace("&", "&&")
            self._menu.addAction(text, self._opener(str(record.run)))

    def _opener(self, run: str) -> Callable[[], None]:
        return lambda: self.run_wanted.emit(run, "")


def _name(record: RunRecord) -> str:
    return f"{shorten(record.title or record.workflow, _NAME)} {short_run(str(record.run))}"
