"""The State dock: channels, outputs and memory of a run, with what the last commit changed."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from designer.actions.registry import ActionRegistry
from designer.panels.run_panel import RunPanel
from designer.panels.state_reading import CHANNELS, PARTS, Part, Reading, read_state
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.buttons import ChipButton, IconButton
from designer.widgets.empty_state import EmptyState
from designer.widgets.json_value import ChangeKind, JsonPath, find_paths
from designer.widgets.search_field import SearchField
from designer.widgets.value_view import ValueView, ViewMode

_EMPTY = "Run the workflow (F5) to see what its channels and nodes hold."
_SLOT = "state/reading"
#: The shortest time between two readings of a run that goes on.
_REST_MS = 250
#: The store is written behind the run; a state that lags is read again after this long.
_LAG_MS = 80


class StatePanel(RunPanel):
    """What a run holds at the moment that is shown."""

    def __init__(
        self,
        client: EngineClient,
        run_model: RunModel,
        settings: Settings,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(client, run_model, settings, actions, parent)
        self.reading: Reading | None = None
        self._part = CHANNELS
        self._asked: tuple[str, int] | None = None
        self._just_searched = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._read)
        self.view = ValueView(self)
        self.view.set_mode(ViewMode.TREE)
        self.empty = EmptyState(_EMPTY, icon_name="tree", parent=self)
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._make_bar())
        column.addWidget(self.view, 1)
        self._stack = QStackedLayout()
        self._stack.addWidget(page)
        self._stack.addWidget(self.empty)
        self.content.addLayout(self._stack)
        self._stack.setCurrentWidget(self.empty)
        run_model.run_changed.connect(self._on_run)

    def _make_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 5, 8, 0)
        bar.setSpacing(5)
        group = QButtonGroup(self)
        self.chips: dict[str, ChipButton] = {}
        for name in PARTS:
            chip = ChipButton(name, self)
            chip.clicked.connect(partial(self.show_part, name))
            group.addButton(chip)
            self.chips[name] = chip
            bar.addWidget(chip)
        self.chips[CHANNELS].setChecked(True)
        bar.addStretch(1)
        self.marks = QLabel(self)
        self.marks.setProperty("tone", "small")
        self.next_change = IconButton("arrow-down", "Next change", self)
        self.next_change.clicked.connect(self.show_next_change)
        self.search = SearchField("Search paths and values", self)
        self.search.setMaximumWidth(scaled_px(220))
        self.search.search_changed.connect(self._on_search)
        self.search.returnPressed.connect(self._on_return)
        self.search.left_downwards.connect(self.view.focus_value)
        for widget in (self.marks, self.next_change, self.search):
            bar.addWidget(widget)
        return bar

    # --- reading ------------------------------------------------------------------------------

    def refresh(self, touched: frozenset[str] | None) -> None:
        """Read the state again when another commit is shown."""
        if self.model.run is None or self.model.shown_commit < 0:
            return
        if touched is None:
            self._read()
        elif not self._rest.isActive():
            self._rest.start(_REST_MS)

    def _on_run(self) -> None:
        self.reading = None
        self._asked = None
        self._rest.stop()
        self.client.forget(_SLOT)
        self._stack.setCurrentWidget(self.empty)

    def _read(self) -> None:
        run, commit = self.model.run, self.model.shown_commit
        if run is None or commit < 0 or self._asked == (run, commit):
            return
        self._asked = (run, commit)
        lane = self.model.lane
        place = lane.index(commit) if lane is not None else -1
        before = None
        if lane is not None and place >= 0:
            # Older commits may have been pruned; then there is nothing to compare with.
            before = lane.ticks[place - 1].number if place else -1
        self.client.read(
            _SLOT,
            read_state,
            self.client.engine,
            run,
            self.model.viewing,
            before if self.model.viewing is not None else None,
            then=self._take,
            what=f"Reading the state at checkpoint {commit}",
        )

    def _take(self, reading: Reading) -> None:
        self.reading = reading
        self._show()
        if self.model.is_live and reading.commit < self.model.shown_commit:
            self._asked = None
            self._rest.start(_LAG_MS)

    # --- showing ------------------------------------------------------------------------------

    @property
    def part(self) -> Part | None:
        """The part that is shown."""
        return self.reading.parts[self._part] if self.reading is not None else None

    def show_part(self, name: str) -> None:
        """Show channels, outputs, memory or results."""
        self._part = name
        self._show()

    def _show(self) -> None:
        reading = self.reading
        if reading is None:
            return
        self._stack.setCurrentIndex(0)
        for name, chip in self.chips.items():
            part = reading.parts[name]
            chip.setVisible(bool(part.value) or bool(part.changes) or name == CHANNELS)
        if self.chips[self._part].isHidden():
            self._part = CHANNELS
        self.chips[self._part].setChecked(True)
        part = reading.parts[self._part]
        self.view.set_value(part.value, changes=part.changes)
        self._show_marks(reading, part)

    def _show_marks(self, reading: Reading, part: Part) -> None:
        counts = [
            f"{kind.mark}{part.count(kind):,}"
            for kind in (ChangeKind.ADDED, ChangeKind.REMOVED, ChangeKind.CHANGED)
            if part.count(kind)
        ]
        if reading.before < 0:
            text = "the first checkpoint"
        elif counts:
            text = f"{' '.join(counts)} since checkpoint {reading.before:,}"
        else:
            text = f"unchanged since checkpoint {reading.before:,}"
        self.marks.setText(text)
        self.next_change.setEnabled(bool(part.changes))

    # --- finding ------------------------------------------------------------------------------

    def show_next_change(self) -> None:
        """Go to the next place that differs from the commit before."""
        part = self.part
        if part is not None:
            self._reveal_next(sorted(part.changes, key=str))

    def _on_search(self, text: str) -> None:
        self._just_searched = True
        QTimer.singleShot(0, self, self._on_rest)
        if text:
            self.show_next_hit()

    def _on_rest(self) -> None:
        self._just_searched = False

    def _on_return(self) -> None:
        # Enter after typing finds the first hit, which the search has just shown.
        if not self._just_searched:
            self.show_next_hit()

    def show_next_hit(self) -> None:
        """Go to the next path or value that contains what was typed."""
        part, text = self.part, self.search.text().strip()
        if part is None or not text:
            return
        hits = find_paths(part.value, text)
        self.search.setProperty("invalid", not hits)
        self.search.style().unpolish(self.search)
        self.search.style().polish(self.search)
        self._reveal_next(hits)

    def _reveal_next(self, paths: list[JsonPath]) -> None:
        if not paths:
            return
        self.view.set_mode(ViewMode.TREE)
        tree = self.view.tree
        current = tree.current_path()
        place = paths.index(current) + 1 if current in paths else 0
        tree.reveal(paths[place % len(paths)])
