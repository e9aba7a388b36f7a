"""Run again from here: the channels to begin with, and what would happen a second time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from designer.panels.checkpoints_effects import Effect, effects_ahead, grouped
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.runs.words import short_run
from designer.theme import scaled_px
from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.code_edit import CodeEdit
from designer.widgets.format import plural
from designer.widgets.highlighter import Language
from designer.widgets.icons import icon
from designer.widgets.json_value import json_text, same
from engine.run_view import RunView

Json = Any
#: The row of the run's own input, which is no channel.
INPUT = ""

_HEADINGS = {
    "once": ("Happens again and cannot be taken back", "warning"),
    "asks": ("Asks again", "barrier"),
    "idempotent": ("Happens again; repeating does no harm", "info"),
}


@dataclass(frozen=True, slots=True)
class _Moment:
    channels: dict[str, Json]
    view: RunView


def _read_moment(engine: Any, run: str, commit: int) -> _Moment:
    """Runs in a thread."""
    return _Moment(dict(engine.state_at(run, commit).channels), engine.view(run, commit))


class ForkDialog(QDialog):
    """Asks what a new run should begin with; it stays open beside the window until answered."""

    #: The id of the run that was started.
    started = Signal(str)

    def __init__(
        self, client: EngineClient, run_model: RunModel, commit: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        assert run_model.run is not None
        self._client = client
        self._run = run_model.run
        self._commit = commit
        self._workflow = run_model.workflow
        self._present = run_model.live
        self._before: dict[str, Json] = {}
        self._after: dict[str, Json] = {}
        self._broken: dict[str, str] = {}
        self._filling = False
        self._input = run_model.record.input if run_model.record is not None else None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Run again from here")
        self.resize(scaled_px(860), scaled_px(520))
        self._arrange()
        self._slot = f"fork/{self._run}/{commit}"
        client.read(
            self._slot,
            _read_moment,
            client.engine,
            self._run,
            commit,
            then=self._take_moment,
            what=f"Opening checkpoint {commit}",
        )

    # --- building -----------------------------------------------------------------------------

    def _arrange(self) -> None:
        title = QLabel(f"Run again from checkpoint {self._commit:,} of run {short_run(self._run)}")
        title.setProperty("tone", "title")
        text = QLabel(
            "A new run begins at this checkpoint and really runs: nodes are executed, people are "
            "asked. The run it comes from stays as it is."
        )
        text.setProperty("tone", "muted")
        text.setWordWrap(True)
        self.names = QListWidget(self)
        self.names.setAccessibleName("Channels")
        self.names.currentItemChanged.connect(self._on_row)
        self.editor = CodeEdit(Language.JSON, self)
        self.editor.setAccessibleName("Value of the channel")
        self.editor.textChanged.connect(self._on_text)
        self.problem = QLabel(self)
        self.problem.setProperty("tone", "error")
        self.problem.setWordWrap(True)
        self.effects = QLabel(self)
        self.effects.setTextFormat(Qt.TextFormat.RichText)
        self.effects.setWordWrap(True)
        self.effects.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addWidget(text)
        layout.addWidget(self._panes(), 1)
        layout.addWidget(self.problem)
        layout.addLayout(self._buttons())

    def _panes(self) -> QSplitter:
        panes = QSplitter(Qt.Orientation.Horizontal, self)
        for heading, widget in (
            ("Begin with", self.names),
            ("Value (JSON)", self.editor),
            ("What happens then", self.effects),
        ):
            pane = QWidget(panes)
            column = QVBoxLayout(pane)
            column.setContentsMargins(4, 0, 4, 0)
            label = QLabel(heading, pane)
            label.setProperty("tone", "small")
            column.addWidget(label)
            column.addWidget(widget, 1)
            panes.addWidget(pane)
        panes.setSizes([scaled_px(190), scaled_px(370), scaled_px(260)])
        panes.setChildrenCollapsible(False)
        return panes

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.note = QLabel(self)
        self.note.setProperty("tone", "muted")
        self.cancel = TextButton("Cancel", parent=self)
        self.cancel.clicked.connect(self.close)
        self.start = TextButton("Run again from here", ButtonKind.PRIMARY, "fork", self)
        self.start.setDefault(True)
        self.start.setEnabled(False)
        self.start.clicked.connect(self._on_start)
        row.addWidget(self.note, 1)
        row.addWidget(self.cancel)
        row.addWidget(self.start)
        return row

    # --- values -------------------------------------------------------------------------------

    def _take_moment(self, moment: _Moment) -> None:
        self._before = {INPUT: self._input, **moment.channels}
        self._after = dict(self._before)
        for name in (*sorted(moment.channels), INPUT):
            item = QListWidgetItem(name or "Input of the run", self.names)
            item.setData(Qt.ItemDataRole.UserRole, name)
        self.names.setCurrentRow(0)
        self._show_effects(moment.view)
        self._judge()

    def _current(self) -> str | None:
        item = self.names.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else None

    def _on_row(self) -> None:
        name = self._current()
        if name is None:
            return
        self._filling = True
        text = self._broken.get(name)
        self.editor.setPlainText(json_text(self._after[name]) if text is None else text)
        self._filling = False
        self._judge()

    def _on_text(self) -> None:
        name = self._current()
        if self._filling or name is None:
            return
        text = self.editor.toPlainText()
        try:
            self._after[name] = json.loads(text)
            self._broken.pop(name, None)
            self.editor.set_error_lines({})
        except json.JSONDecodeError as error:
            self._broken[name] = text
            self.editor.set_error_lines({error.lineno: error.msg})
        self._judge()

    @property
    def edited(self) -> dict[str, Json]:
        """The values that differ from those of the checkpoint; `INPUT` names the run's input."""
        return {
            name: value
            for name, value in self._after.items()
            if not same(value, self._before[name])
        }

    def _judge(self) -> None:
        """Say what is edited and what is wrong; a value that is not JSON cannot start."""
        edited = self.edited
        for row in range(self.names.count()):
            item = self.names.item(row)
            name = item.data(Qt.ItemDataRole.UserRole)
            changed = name in edited or name in self._broken
            item.setIcon(icon("edit" if changed else "dot", "accent" if changed else "disabled"))
        broken = [name or "the run's input" for name in self._broken]
        self.problem.setText(
            f"{broken[0].capitalize()} is not JSON yet; correct it to start." if broken else ""
        )
        self.problem.setVisible(bool(broken))
        self.note.setText(f"{plural(len(edited), 'value')} edited" if edited else "")
        self.start.setEnabled(not broken and bool(self._before))

    # --- effects ------------------------------------------------------------------------------

    def _show_effects(self, view: RunView) -> None:
        if self._workflow is None:
            return
        registry = self._client.engine.registry
        groups = grouped(effects_ahead(self._workflow, registry, view, self._present))
        if not groups:
            self.effects.setText("Nothing outside the run is touched from here on.")
            return
        parts: list[str] = []
        for sort, effects in groups.items():
            rows = "".join(f"<li>{_effect_words(effect)}</li>" for effect in effects)
            parts.append(
                f"<b>{_HEADINGS[sort][0]}</b><ul style='margin:2px 0 8px -18px'>{rows}</ul>"
            )
        self.effects.setText("".join(parts))

    # --- starting -----------------------------------------------------------------------------

    def _on_start(self) -> None:
        self.start.setEnabled(False)
        self._client.spawn(self._start(), "Running again from the checkpoint")

    async def _start(self) -> None:
        edited = self.edited
        options = {"input": edited.pop(INPUT)} if INPUT in edited else {}
        try:
            run = await self._client.fork(
                self._run, self._commit, channels=edited or None, **options
            )
        finally:
            if isValid(self):  # it may have been closed meanwhile
                self.start.setEnabled(True)
        if isValid(self):
            self.started.emit(run)
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Want nothing more from the store."""
        self._client.forget(self._slot)
        super().closeEvent(event)


def _effect_words(effect: Effect) -> str:
    name = effect.title.replace("&", "&amp;").replace("<", "&lt;")
    if effect.ran:
        times = "once" if effect.ran == 1 else f"{effect.ran:,} times"
        return f"{name} (ran {times} in the original)"
    return name
