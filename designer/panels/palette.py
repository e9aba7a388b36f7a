"""The Palette dock: every node type, to drag, double-click or insert with Enter."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QDrag, QFont, QKeyEvent, QShowEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QMenu, QTreeView, QVBoxLayout, QWidget

from designer.settings import Settings
from designer.theme import current_theme, scaled_px, ui_font
from designer.widgets.empty_state import EmptyState
from designer.widgets.fuzzy import match
from designer.widgets.icons import has_icon, icon, node_icon_name, pixmap
from designer.widgets.search_field import SearchField
from designer.widgets.tables import polish_tree
from engine.model.node_types import NodeType, Registry

#: What the canvas accepts in a drop (the canvas declares the same word).
NODE_TYPE_MIME = "application/x-headgate-node-type"
RECENT_SHOWN = 5
_NARROWEST_PX = 164
_TYPE_ROLE = Qt.ItemDataRole.UserRole + 1

#: The order in which a workflow is usually drawn.
_CATEGORIES = ("trigger", "data", "flow", "people", "call", "files", "code", "time")


class PaletteTree(QTreeView):
    """A tree of node types; a drag carries the type's id."""

    chosen = Signal(str)

    def startDrag(self, _actions: Qt.DropAction) -> None:
        """Carry the id of the type, with its icon under the pointer."""
        type_id = self.currentIndex().data(_TYPE_ROLE)
        if not type_id:
            return
        data = QMimeData()
        data.setData(NODE_TYPE_MIME, str(type_id).encode())
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(pixmap("node-generic", 24, "accent"))
        drag.exec(Qt.DropAction.CopyAction)  # the platform's own loop, not Qt's event loop

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Insert on Enter."""
        type_id = self.currentIndex().data(_TYPE_ROLE)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and type_id:
            self.chosen.emit(str(type_id))
            return
        super().keyPressEvent(event)


class PalettePanel(QWidget):
    """Favourites, recent ones and all categories, filtered by what is typed."""

    #: The id of a node type that the person wants on the canvas.
    insert_requested = Signal(str)

    def __init__(
        self, registry: Registry, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._registry = registry
        self._settings = settings
        self.setAccessibleName("Palette")
        self.search = SearchField("Search steps", self)
        self.tree = PaletteTree(self)
        self._model = QStandardItemModel(self)
        self.tree.setModel(self._model)
        self.tree.setHeaderHidden(True)
        self.tree.setDragEnabled(True)
        self.tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.tree.setAccessibleName("Kinds of steps")
        polish_tree(self.tree)
        self.empty = EmptyState("No step has that name. Try another word.", parent=self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.empty, 1)
        self.setFocusProxy(self.search)
        self.search.search_changed.connect(lambda _text: self._fill())
        self.search.left_downwards.connect(self._enter_list)
        self.search.returnPressed.connect(self._insert_first)
        self.tree.chosen.connect(self._insert)
        self.tree.doubleClicked.connect(self._on_double_click)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._open_menu)
        self._fill()

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the names of the steps."""
        return QSize(scaled_px(_NARROWEST_PX), super().minimumSizeHint().height())

    # --- filling ----------------------------------------------------------------------------

    def _fill(self) -> None:
        query = self.search.text().strip()
        current = self.tree.currentIndex().data(_TYPE_ROLE)
        self._model.clear()
        if query:
            for node_type in found_by(query, self._registry):
                self._model.appendRow(self._item(node_type))
        else:
            self._fill_sections()
        self.tree.expandAll()
        has_rows = self._model.rowCount() > 0
        self.tree.setVisible(has_rows)
        self.empty.setVisible(not has_rows)
        if query and has_rows:
            self.tree.setCurrentIndex(self._model.index(0, 0))
        elif current:
            self._go_to(str(current))

    def _go_to(self, type_id: str) -> None:
        """Make the last row of a type the current one: the one in its category."""
        root = QModelIndex()
        found = self._model.match(
            self._model.index(0, 0, root), _TYPE_ROLE, type_id, -1,
            Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive,
        )  # fmt: skip
        if found:
            self.tree.setCurrentIndex(found[-1])

    def _fill_sections(self) -> None:
        known = {node_type.id: node_type for node_type in self._registry}
        for title, ids in (
            ("Favourites", self._settings.palette_favourites),
            ("Recent", self._settings.palette_recent[:RECENT_SHOWN]),
        ):
            types = [known[type_id] for type_id in ids if type_id in known]
            if types:
                self._section(title, types)
        categories = {node_type.category for node_type in known.values()}
        order = [name for name in _CATEGORIES if name in categories]
        for category in [*order, *sorted(categories - set(order))]:
            types = [t for t in known.values() if t.category == category]
            self._section(category.capitalize(), sorted(types, key=lambda t: t.title))

    def _section(self, title: str, types: list[NodeType]) -> None:
        head = QStandardItem(title)
        head.setSelectable(False)
        head.setEnabled(True)
        head.setFont(ui_font(scaled_px(12), QFont.Weight.DemiBold))
        head.setForeground(current_theme().color("muted"))
        for node_type in types:
            head.appendRow(self._item(node_type))
        self._model.appendRow(head)

    def _item(self, node_type: NodeType) -> QStandardItem:
        item = QStandardItem(icon(icon_of(node_type), "text"), node_type.title)
        item.setData(node_type.id, _TYPE_ROLE)
        item.setToolTip(node_type.description)
        item.setData(f"{node_type.title}. {node_type.description}",
                     Qt.ItemDataRole.AccessibleTextRole)  # fmt: skip
        return item

    # --- inserting --------------------------------------------------------------------------

    def _insert(self, type_id: str) -> None:
        others = [known for known in self._settings.palette_recent if known != type_id]
        self._settings.palette_recent = (type_id, *others)[:12]
        if not self.search.text().strip():
            self._fill()
        self.insert_requested.emit(type_id)

    def _insert_first(self) -> None:
        self._fill()
        type_id = self.tree.currentIndex().data(_TYPE_ROLE)
        if type_id:
            self._insert(str(type_id))

    def _on_double_click(self, index: QModelIndex) -> None:
        type_id = index.data(_TYPE_ROLE)
        if type_id:
            self._insert(str(type_id))

    def _enter_list(self) -> None:
        self.tree.setFocus(Qt.FocusReason.TabFocusReason)
        if not self.tree.currentIndex().data(_TYPE_ROLE):
            first = self._model.index(0, 0)
            inner = self._model.index(0, 0, first)
            self.tree.setCurrentIndex(inner if inner.isValid() else first)

    def _open_menu(self, position: QPoint) -> None:
        index = self.tree.currentIndex()
        type_id = index.data(_TYPE_ROLE)
        if not type_id:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Insert", lambda: self._insert(str(type_id)))
        starred = type_id in self._settings.palette_favourites
        menu.addAction(
            "Remove from favourites" if starred else "Add to favourites",
            lambda: self._star(str(type_id)),
        )
        menu.popup(self.tree.viewport().mapToGlobal(position))

    def _star(self, type_id: str) -> None:
        known = self._settings.palette_favourites
        self._settings.palette_favourites = (
            tuple(name for name in known if name != type_id)
            if type_id in known
            else (*known, type_id)
        )
        self._fill()

    def showEvent(self, event: QShowEvent) -> None:
        """Lay the rows out again: what was made before the first showing had no style yet."""
        super().showEvent(event)
        self._fill()

    def changeEvent(self, event: QEvent) -> None:
        """Take the icons of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fill()


def icon_of(node_type: NodeType) -> str:
    """The icon of a node type, or of its category."""
    if has_icon(node_type.icon):
        return node_type.icon
    return node_icon_name(node_type.id, node_type.category)


def found_by(query: str, types: Iterable[NodeType]) -> list[NodeType]:
    """The types that a word finds, best first: by their names, then by what they are for."""
    found: list[tuple[int, float, str, NodeType]] = []
    low = query.lower()
    for node_type in types:
        words = [word.lower() for word in (*node_type.keywords, node_type.category)]
        hit = match(query, node_type.title) or match(query, node_type.id)
        score = -hit.score if hit is not None else 0.0
        if node_type.title.lower().startswith(low):
            found.append((0, score, node_type.title, node_type))
        elif low in words:
            found.append((1, score, node_type.title, node_type))
        elif hit is not None:
            found.append((2, score, node_type.title, node_type))
        elif any(word.startswith(low) for word in words):
            found.append((3, score, node_type.title, node_type))
    return [entry[3] for entry in sorted(found, key=lambda entry: entry[:3])]
