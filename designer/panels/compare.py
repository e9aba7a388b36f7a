"""Compare with…: two runs or two moments of one side by side, and only what differs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from designer.runs.comparison import Comparison, Difference, Side, compare
from designer.runs.engine_client import EngineClient
from designer.runs.rows import RunRecord
from designer.runs.words import clock_text, short_run
from designer.theme import current_theme, scaled_px
from designer.widgets.buttons import ChipButton, IconButton
from designer.widgets.empty_state import EmptyState
from designer.widgets.format import shorten
from designer.widgets.inputs import ChoiceBox, IntegerBox
from designer.widgets.json_value import ChangeKind, json_diff, json_line, path_text
from designer.widgets.tables import polish_table

#: Differences that a table lists; a comparison of strangers has more than anybody reads.
MOST_ROWS = 2000
_REST_MS = 120
_TOOLTIP = 1200
_RUNS = 100
_NODE_ROLE = Qt.ItemDataRole.UserRole + 1


class SideChoice(QWidget):
    """A run and one of its checkpoints."""

    changed = Signal()

    def __init__(self, title: str, runs: Sequence[RunRecord], parent: QWidget) -> None:
        super().__init__(parent)
        self._last = {str(record.run): max(0, record.commit) for record in runs}
        head = QLabel(title, self)
        head.setProperty("tone", "strong")
        self.run = ChoiceBox(self)
        self.run.setMinimumContentsLength(24)
        self.run.setAccessibleName(f"{title}: run")
        for record in runs:
            run = str(record.run)
            when = clock_text(record.started_at)
            self.run.addItem(f"{short_run(run)}, {record.status}, {when}", run)
        self.commit = IntegerBox(0, 0, self)
        self.commit.setPrefix("checkpoint ")
        self.commit.setAccessibleName(f"{title}: checkpoint")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(head)
        layout.addWidget(self.run, 1)
        layout.addWidget(self.commit)
        self.run.currentIndexChanged.connect(self._on_run)
        self.commit.valueChanged.connect(lambda _value: self.changed.emit())

    @property
    def side(self) -> Side | None:
        """What is chosen."""
        run = self.run.currentData()
        return Side(run, self.commit.value()) if run else None

    def choose(self, run: str, commit: int | None = None) -> None:
        """Choose a run, at its last checkpoint if no other is given."""
        self.run.setCurrentIndex(self.run.findData(run))
        self._on_run()
        if commit is not None:
            self.commit.setValue(commit)

    def _on_run(self) -> None:
        last = self._last.get(self.run.currentData() or "", 0)
        self.commit.setMaximum(last)
        self.commit.setSuffix(f" of {last:,}")
        self.commit.setValue(last)
        self.changed.emit()


class CompareDialog(QDialog):
    """Stays open beside the window: what is chosen in it leads to the canvas."""

    #: A node that differs: its key.
    node_activated = Signal(str)

    def __init__(
        self, client: EngineClient, left: Side, right: Side, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._client = client
        self.found: Comparison | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Compare")
        self.resize(scaled_px(920), scaled_px(600))
        runs = _comparable(client.runs, left.run, right.run)
        self.left = SideChoice("Left", runs, self)
        self.right = SideChoice("Right", runs, self)
        self.swap = IconButton("compare", "Swap left and right", self)
        self.note = QLabel(self)
        self.note.setProperty("tone", "muted")
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.nodes = self._make_table("Nodes that differ")
        self.events = self._make_table("What happened otherwise")
        self.state = self._make_table("Values that differ")
        self.same = EmptyState("Both sides are the same here.", icon_name="check", parent=self)
        self.pages = QStackedWidget(self)
        self.chips: dict[str, ChipButton] = {}
        self._tables: dict[str, QTableView] = {
            "Nodes": self.nodes,
            "Events": self.events,
            "State": self.state,
        }
        self._counts = dict.fromkeys(self._tables, 0)
        self._page = "Nodes"
        self._arrange()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._read)
        self.left.choose(left.run, left.commit)
        self.right.choose(right.run, right.commit)
        for choice in (self.left, self.right):
            choice.changed.connect(self._rest.start)
        self.swap.clicked.connect(self._on_swap)
        self._read()

    def _arrange(self) -> None:
        sides = QGridLayout()
        sides.setHorizontalSpacing(12)
        sides.addWidget(self.left, 0, 0)
        sides.addWidget(self.swap, 0, 1)
        sides.addWidget(self.right, 0, 2)
        sides.setColumnStretch(0, 1)
        sides.setColumnStretch(2, 1)
        bar = QHBoxLayout()
        bar.setSpacing(5)
        group = QButtonGroup(self)
        for name, page in self._tables.items():
            chip = ChipButton(name, self)
            chip.clicked.connect(lambda _checked=False, name=name: self.show_page(name))
            group.addButton(chip)
            bar.addWidget(chip)
            self.chips[name] = chip
            self.pages.addWidget(page)
        self.pages.addWidget(self.same)
        bar.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(sides)
        layout.addWidget(self.note)
        layout.addLayout(bar)
        layout.addWidget(self.pages, 1)

    def _make_table(self, name: str) -> QTableView:
        table = QTableView(self)
        table.setModel(QStandardItemModel(0, 3, table))
        table.setAccessibleName(name)
        table.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        polish_table(table)
        table.setColumnWidth(0, scaled_px(190))
        table.setColumnWidth(1, scaled_px(330))
        table.doubleClicked.connect(self._on_row)
        return table

    # --- showing ----------------------------------------------------------------------------

    def show_page(self, name: str) -> None:
        """Show nodes, events or state."""
        self._page = name
        self.chips[name].setChecked(True)
        page = self._tables[name] if self._counts[name] else self.same
        self.pages.setCurrentWidget(page)

    def _read(self) -> None:
        left, right = self.left.side, self.right.side
        if left is None or right is None:
            return
        self._client.read(
            f"compare/{id(self)}", compare, self._client.engine, left, right,
            then=self._take, what="Comparing",
        )  # fmt: skip

    def _take(self, found: Comparison) -> None:
        if not isValid(self):
            return
        self.found = found
        self._fill(self.nodes, found, found.nodes)
        self._fill(self.events, found, found.events)
        changes = _value_rows(found)
        self._fill(self.state, found, changes, head="Path")
        self._counts = {
            "Nodes": len(found.nodes),
            "Events": len(found.events),
            "State": len(changes),
        }
        for name, count in self._counts.items():
            self.chips[name].setText(f"{name} ({count:,})" if count else name)
        self.note.setText(" ".join([*found.notes, self._first(found)]))
        self.show_page(self._page)

    @staticmethod
    def _first(found: Comparison) -> str:
        """Where the two part ways, in a sentence."""
        if not found.events:
            return "The same happened on both sides."
        first = found.events[0]
        left, right = first.left or "nothing", first.right or "nothing"
        return f"They part at {first.title}: left {left}; right {right}."

    @staticmethod
    def _fill(
        table: QTableView, found: Comparison, rows: Sequence[Difference], head: str = "Node"
    ) -> None:
        model = table.model()
        assert isinstance(model, QStandardItemModel)
        model.removeRows(0, model.rowCount())
        model.setHorizontalHeaderLabels([head, found.left.words, found.right.words])
        changed = current_theme().color("diff_change")
        for row in rows[:MOST_ROWS]:
            items = [QStandardItem(text) for text in (row.title, row.left or "-", row.right or "-")]
            items[0].setData(row.node, _NODE_ROLE)
            for item, text in zip(items[1:], (row.left, row.right), strict=True):
                item.setToolTip(shorten(text, _TOOLTIP))
                item.setForeground(changed)
            model.appendRow(items)
        if len(rows) > MOST_ROWS:
            more = QStandardItem(f"and {len(rows) - MOST_ROWS:,} more")
            model.appendRow([more, QStandardItem(), QStandardItem()])

    # --- choosing ---------------------------------------------------------------------------

    def _on_row(self, index: QModelIndex) -> None:
        node = index.siblingAtColumn(0).data(_NODE_ROLE)
        if node:
            self.node_activated.emit(node)

    def _on_swap(self) -> None:
        left, right = self.left.side, self.right.side
        if left is not None and right is not None:
            self.left.choose(right.run, right.commit)
            self.right.choose(left.run, left.commit)


def _comparable(runs: Sequence[RunRecord], *wanted: str) -> list[RunRecord]:
    """The runs of the same workflow, newest first, with those that are wanted."""
    workflows = {record.workflow_id for record in runs if str(record.run) in wanted}
    same = [record for record in runs if record.workflow_id in workflows]
    first = [record for record in same if str(record.run) in wanted]
    others = [record for record in same if str(record.run) not in wanted]
    return [*first, *others[:_RUNS]]


def _value_rows(found: Comparison) -> list[Difference]:
    """Every place at which the states differ; a text that is empty is not there."""
    changes = json_diff(found.left_state, found.right_state)
    return [
        Difference(
            str(path[1]) if path[0] == "outputs" and len(path) > 1 else "",
            path_text(path),
            "" if change.kind is ChangeKind.ADDED else json_line(change.old),
            "" if change.kind is ChangeKind.REMOVED else json_line(change.new),
        )
        for path, change in sorted(changes.items(), key=lambda pair: path_text(pair[0]))
    ]


def other_side(runs: Sequence[RunRecord], left: Side) -> Side:
    """What a moment is compared with at first: its parent, else the run before, else its start."""
    record = next((each for each in runs if str(each.run) == left.run), None)
    if record is None:
        return Side(left.run, max(0, left.commit - 1))
    known = {str(each.run): each for each in runs}
    if record.parent is not None and str(record.parent) in known:
        parent = known[str(record.parent)]
        return Side(str(parent.run), max(0, parent.commit))
    before = [
        each
        for each in runs
        if each.workflow_id == record.workflow_id
        and each.run != record.run
        and each.started_at <= record.started_at
    ]
    if before:
        newest = max(before, key=lambda each: each.started_at)
        return Side(str(newest.run), max(0, newest.commit))
    return Side(left.run, max(0, left.commit - 1))
