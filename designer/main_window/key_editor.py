"""Change keys: a preset, and every command's keys, checked for conflicts while they are typed."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QKeySequence, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from designer.actions.ids import ActionId
from designer.actions.keymap import (
    Keymap,
    Preset,
    keymap,
    own_keys,
    own_text,
    plain_key,
    refusal_of,
    taken_by,
)
from designer.actions.registry import ActionRegistry
from designer.actions.spec import ACTIONS, ActionContext, plain_text
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.fuzzy import match
from designer.widgets.inputs import ChoiceBox
from designer.widgets.search_field import SearchField
from designer.widgets.tables import polish_table, stretch_column

_VERB_ROLE = Qt.ItemDataRole.UserRole + 1
_PRESET_WORDS = {
    Preset.HEADGATE: "Headgate",
    Preset.BLENDER: "Blender",
    Preset.VS_CODE: "VS Code",
}
_PLACES = {
    ActionContext.WINDOW: "everywhere",
    ActionContext.CANVAS: "on the canvas",
    ActionContext.BARRIERS: "while deciding",
    ActionContext.TIMELINE: "on the timeline",
}


class KeyEditor(QDialog):
    """Every change is in use at once; *Reset all* returns to the preset."""

    def __init__(self, registry: ActionRegistry, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Change keys")
        self.resize(scaled_px(720), scaled_px(560))
        self._registry, self._settings = registry, settings
        self.preset = ChoiceBox(self)
        self.preset.setAccessibleName("Preset")
        for each, words in _PRESET_WORDS.items():
            self.preset.addItem(words, each.value)
        self.preset.setCurrentIndex(max(0, self.preset.findData(settings.keys_preset)))
        self.search = SearchField("Search commands and keys", self)
        self._model = QStandardItemModel(0, 3, self)
        self.table = self._make_table()
        self.keys = QKeySequenceEdit(self)
        self.keys.setMaximumSequenceLength(1)
        self.keys.setClearButtonEnabled(True)
        self.keys.setAccessibleName("Keys for the chosen command")
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.assign = TextButton("Assign", ButtonKind.PRIMARY, parent=self)
        self.clear = TextButton("No keys", parent=self)
        self.reset = TextButton("Reset", parent=self)
        self.reset_all = TextButton("Reset all", ButtonKind.QUIET, parent=self)
        self.close_button = TextButton("Close", parent=self)
        self._arrange()
        self._connect()
        self._fill()

    def _make_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self._model)
        table.setAccessibleName("Commands and their keys")
        table.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        polish_table(table)
        return table

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(QLabel("Preset", self))
        top.addWidget(self.preset)
        top.addSpacing(12)
        top.addWidget(self.search, 1)
        row = QHBoxLayout()
        row.addWidget(self.keys, 1)
        for button in (self.assign, self.clear, self.reset):
            row.addWidget(button)
        bottom = QHBoxLayout()
        bottom.addWidget(self.reset_all)
        bottom.addStretch(1)
        bottom.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        layout.addWidget(self.note)
        layout.addLayout(bottom)

    def _connect(self) -> None:
        self.preset.activated.connect(self._on_preset)
        self.search.search_changed.connect(lambda _text: self._fill())
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self.table.doubleClicked.connect(lambda _index: self.keys.setFocus())
        self.keys.keySequenceChanged.connect(lambda _keys: self._check())
        self.assign.clicked.connect(self._on_assign)
        self.clear.clicked.connect(partial(self._give, ()))
        self.reset.clicked.connect(self._on_reset)
        self.reset_all.clicked.connect(self._on_reset_all)
        self.close_button.clicked.connect(self.accept)

    # --- showing ----------------------------------------------------------------------------

    @property
    def verb(self) -> ActionId | None:
        """The command that is chosen."""
        index = self.table.currentIndex().siblingAtColumn(0)
        name = index.data(_VERB_ROLE) if index.isValid() else None
        return ActionId(name) if name else None

    def choose(self, verb: ActionId) -> None:
        """Choose a command."""
        for row in range(self._model.rowCount()):
            if self._model.item(row, 0).data(_VERB_ROLE) == verb.value:
                self.table.setCurrentIndex(self._model.index(row, 0))
                return

    def _fill(self) -> None:
        kept, query = self.verb, self.search.text().strip()
        own = own_keys(self._settings.keys_own)
        self._model.removeRows(0, self._model.rowCount())
        self._model.setHorizontalHeaderLabels(["Command", "Keys", "Where"])
        for verb, spec in ACTIONS.items():
            if not self._registry.is_bound(verb):
                continue
            name, keys = plain_text(spec.text), self._registry.shown_keys(verb, every=True)
            if query and match(query, f"{name} {keys} {spec.group}") is None:
                continue
            mark = " (changed)" if verb in own else ""
            place = _PLACES[spec.context]
            items = [QStandardItem(text) for text in (f"{spec.group}: {name}", keys + mark, place)]
            items[0].setData(verb.value, _VERB_ROLE)
            self._model.appendRow(items)
        stretch_column(self.table, 0)
        self.table.setColumnWidth(1, scaled_px(210))
        self.table.setColumnWidth(2, scaled_px(130))
        if kept is not None:
            self.choose(kept)
        if not self.table.currentIndex().isValid() and self._model.rowCount():
            self.table.setCurrentIndex(self._model.index(0, 0))
        self._check()

    def _on_row(self, _index: QModelIndex) -> None:
        verb = self.verb
        held = self._registry.keys.get(verb, ()) if verb is not None else ()
        self.keys.setKeySequence(QKeySequence(held[0]) if held else QKeySequence())
        self._check()

    def _check(self) -> None:
        """Say what the keys that are typed mean already."""
        verb, typed = self.verb, self._typed
        for button in (self.clear, self.reset):
            button.setEnabled(verb is not None)
        if verb is None:
            self._say("", can=False)
            return
        held = {plain_key(key) for key in self._registry.keys.get(verb, ())}
        if not typed or typed in held:
            self._say("", can=False)
            return
        refused = refusal_of(verb, typed)
        if refused:
            self._say(refused, can=False, tone="error")
            return
        others = taken_by(verb, typed, self._registry.keys)
        fixed = [each for each in others if typed not in _plain(self._registry.keys, each)]
        names = " and ".join(plain_text(ACTIONS[each].text) for each in others)
        if fixed:
            self._say(f"{typed} means {names} there, always.", can=False, tone="error")
        elif others:
            text = f"{typed} means {names} now. Assign takes it away there."
            self._say(text, can=True, tone="warning")
        else:
            self._say(f"{typed} is free.", can=True)

    def _say(self, text: str, *, can: bool, tone: str = "muted") -> None:
        self.note.setText(text)
        self.note.setProperty("tone", tone)
        self.note.style().unpolish(self.note)
        self.note.style().polish(self.note)
        self.assign.setEnabled(can)

    @property
    def _typed(self) -> str:
        return self.keys.keySequence().toString(QKeySequence.SequenceFormat.PortableText)

    # --- changing ---------------------------------------------------------------------------

    def _on_preset(self, _index: int) -> None:
        self._settings.keys_preset = self.preset.currentData()
        self._fill()

    def _on_assign(self) -> None:
        verb, typed = self.verb, self._typed
        if verb is None:
            return
        own = own_keys(self._settings.keys_own)
        for other in taken_by(verb, typed, self._registry.keys):
            held = self._registry.keys[other]
            own[other] = tuple(key for key in held if plain_key(key) != typed)
        own[verb] = (typed,)
        self._store(own)

    def _give(self, keys: tuple[str, ...]) -> None:
        if self.verb is not None:
            self._store({**own_keys(self._settings.keys_own), self.verb: keys})

    def _on_reset(self) -> None:
        """Return one command to the preset; what has its keys meanwhile gives them back."""
        verb = self.verb
        if verb is None:
            return
        own = own_keys(self._settings.keys_own)
        own.pop(verb, None)
        before = keymap(self._settings.keys_preset, "")
        for key in before.get(verb, ()):
            for other in taken_by(verb, key, self._registry.keys):
                own.pop(other, None)
        self._store(own)

    def _on_reset_all(self) -> None:
        self._store({})

    def _store(self, own: Keymap) -> None:
        self._settings.keys_own = own_text(own) if own else ""
        self._fill()
        self._on_row(self.table.currentIndex())


def _plain(keys: Keymap, verb: ActionId) -> set[str]:
    return {plain_key(key) for key in keys.get(verb, ())}
