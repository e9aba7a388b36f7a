"""A list to type into: command palette, go to, quick add, recent files. Enter picks, Esc leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
)
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QGraphicsDropShadowEffect,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from designer.theme import Theme, current_theme, scaled_px, ui_font
from designer.widgets.fuzzy import Match, rank
from designer.widgets.icons import has_icon, paint_icon
from designer.widgets.speech import announce

Index = QModelIndex | QPersistentModelIndex

_NO_PARENT = QModelIndex()
_ROW_ROLE = Qt.ItemDataRole.UserRole + 1
_WIDTH_PX = 560
_ROWS = 11
_ROW_PX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class PickEntry:
    """One thing that can be picked."""

    #: What the picker gets back.
    key: str
    title: str
    #: Smaller, after the title: a group, a path, a type.
    subtitle: str = ""
    #: At the right: the shortcut.
    keys: str = ""
    icon: str = ""
    icon_role: str = "muted"
    enabled: bool = True
    #: Further words under which it is found.
    keywords: str = ""

    @property
    def searched(self) -> str:
        """The text that a query is held against; the title comes first."""
        return f"{self.title} {self.subtitle} {self.keywords}".rstrip()


@dataclass(frozen=True, slots=True)
class _Row:
    entry: PickEntry
    match: Match


class _PickModel(QAbstractListModel):
    """What is left of the entries, best first."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: list[_Row] = []

    def show_rows(self, rows: list[_Row]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = _NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if not self.rows[index.row()].entry.enabled:
            flags &= ~Qt.ItemFlag.ItemIsEnabled
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.entry.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (row.entry.title, row.entry.subtitle, row.entry.keys)
            return ", ".join(part for part in parts if part)
        return row if role == _ROW_ROLE else None


class _PickDelegate(QStyledItemDelegate):
    """Icon, title with the letters found, subtitle, keys at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(100, scaled_px(_ROW_PX))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(_ROW_ROLE)
        if not isinstance(row, _Row):
            return
        theme = current_theme()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect).adjusted(4, 1, -4, -1)
        if option.state & QStyle.StateFlag.State_Selected:
            back = QPainterPath()
            back.addRoundedRect(rect, 6, 6)
            painter.fillPath(back, theme.color("selection"))
        entry = row.entry
        ink = theme.color("text" if entry.enabled else "disabled")
        inner = rect.adjusted(8, 0, -8, 0)
        if entry.icon and has_icon(entry.icon):
            size = scaled_px(16)
            place = QRectF(inner.left(), inner.center().y() - size / 2, size, size)
            color = theme.color(entry.icon_role) if entry.enabled else ink
            paint_icon(painter, entry.icon, place, color)
        inner.setLeft(inner.left() + scaled_px(16) + 10)
        inner.setRight(self._paint_keys(painter, inner, entry.keys, theme))
        x = self._paint_title(painter, inner, row, (ink, theme.color("accent")))
        painter.setFont(ui_font(scaled_px(12)))
        painter.setPen(theme.color("muted" if entry.enabled else "disabled"))
        space = QRectF(x + 10, inner.top(), max(0.0, inner.right() - x - 10), inner.height())
        text = QFontMetricsF(painter.font()).elidedText(
            entry.subtitle, Qt.TextElideMode.ElideRight, space.width()
        )
        painter.drawText(space, Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    @staticmethod
    def _paint_keys(painter: QPainter, rect: QRectF, keys: str, theme: Theme) -> float:
        """Draw the shortcut as a key cap; where it begins."""
        if not keys:
            return rect.right()
        font = ui_font(scaled_px(11))
        metrics = QFontMetricsF(font)
        width = metrics.horizontalAdvance(keys) + 12
        cap = QRectF(rect.right() - width, rect.center().y() - 10, width, 20)
        painter.setPen(QPen(theme.color("line_strong"), 1))
        painter.setBrush(theme.color("hover"))
        painter.drawRoundedRect(cap, 4, 4)
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, keys)
        return cap.left() - 10

    @staticmethod
    def _paint_title(
        painter: QPainter, rect: QRectF, row: _Row, inks: tuple[QColor, QColor]
    ) -> float:
        """Draw the title with the letters that were typed in the accent; where it ends."""
        plain = ui_font(scaled_px(13))
        strong = ui_font(scaled_px(13), QFont.Weight.DemiBold)
        found = set(row.match.positions) if row.entry.enabled else set[int]()
        x = rect.left()
        text = row.entry.title
        at = 0
        while at < len(text) and x < rect.right():
            end = at
            while end < len(text) and (end in found) == (at in found):
                end += 1
            hit = at in found
            font = strong if hit else plain
            painter.setFont(font)
            painter.setPen(inks[1] if hit else inks[0])
            piece = text[at:end]
            room = QRectF(x, rect.top(), rect.right() - x, rect.height())
            metrics = QFontMetricsF(font)
            painter.drawText(
                room,
                Qt.AlignmentFlag.AlignVCenter,
                metrics.elidedText(piece, Qt.TextElideMode.ElideRight, room.width()),
            )
            x += metrics.horizontalAdvance(piece)
            at = end
        return min(x, rect.right())


class QuickPick(QFrame):
    """The list over a window. It takes the focus, and gives it back when it closes."""

    #: The key of the entry that was picked.
    picked = Signal(str)
    #: It has closed, with or without a pick.
    closed = Signal()

    def __init__(self, window: QWidget, placeholder: str = "Type to search") -> None:
        super().__init__(window)
        self._window = window
        self._entries: tuple[PickEntry, ...] = ()
        self._before: QWidget | None = None
        self.setProperty("popup", True)
        self.setAccessibleName(placeholder)
        self._field = QLineEdit(self)
        self._field.setProperty("frameless", True)
        self._field.setPlaceholderText(placeholder)
        self._field.setAccessibleName(placeholder)
        self._field.textChanged.connect(self._filter)
        self._field.installEventFilter(self)
        self._model = _PickModel(self)
        self._list = QListView(self)
        self._list.setModel(self._model)
        self._list.setItemDelegate(_PickDelegate(self._list))
        self._list.setUniformItemSizes(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setAccessibleName("Results")
        self._list.setMouseTracking(True)
        self._list.clicked.connect(self._pick)
        self._empty = QLabel("Nothing matches.", self)
        self._empty.setProperty("tone", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setMinimumHeight(scaled_px(44))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self._field)
        layout.addWidget(self._list)
        layout.addWidget(self._empty)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(40)
        shadow.setOffset(0, 8)
        shadow.setColor(QColor(0, 0, 0, 110))
        self.setGraphicsEffect(shadow)
        self.hide()

    def set_placeholder(self, words: str) -> None:
        """Say what is being picked."""
        self.setAccessibleName(words)
        self._field.setPlaceholderText(words)
        self._field.setAccessibleName(words)

    # -- opening and closing -----------------------------------------------------------------

    def open_with(
        self, entries: Sequence[PickEntry], *, query: str = "", at: QPoint | None = None
    ) -> None:
        """Show `entries`; under the top edge of the window, or at a point of it."""
        self._entries = tuple(entries)
        if not self.isVisible():
            self._before = QApplication.focusWidget()
        self._field.setText(query)
        self._filter(query)
        self._place(at)
        self.show()
        self.raise_()
        self._field.setFocus(Qt.FocusReason.PopupFocusReason)
        self._field.selectAll()

    def dismiss(self) -> None:
        """Close without a pick and return the focus."""
        if self.isHidden():
            return
        self.hide()
        before, self._before = self._before, None
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)
        self.closed.emit()

    def _place(self, at: QPoint | None) -> None:
        window = self._window
        width = min(scaled_px(_WIDTH_PX), max(240, window.width() - 40))
        rows = max(1, min(_ROWS, len(self._entries)))
        room = rows * scaled_px(_ROW_PX) + 6
        self._list.setFixedHeight(min(room, max(60, window.height() - 120)))
        self.setFixedWidth(width)
        self.adjustSize()
        spot = at or QPoint((window.width() - width) // 2, max(20, window.height() // 9))
        inside = QRect(QPoint(8, 8), window.size() - self.size() - QSize(16, 16))
        self.move(
            max(inside.left(), min(spot.x(), inside.right())),
            max(inside.top(), min(spot.y(), inside.bottom())),
        )

    # -- filtering and picking ---------------------------------------------------------------

    @property
    def shown(self) -> tuple[PickEntry, ...]:
        """What is left of the entries, best first."""
        return tuple(row.entry for row in self._model.rows)

    @property
    def query(self) -> str:
        """What was typed."""
        return self._field.text()

    @property
    def current_entry(self) -> PickEntry | None:
        """The entry that Enter would pick."""
        index = self._list.currentIndex()
        return self._model.rows[index.row()].entry if index.isValid() else None

    def _filter(self, query: str) -> None:
        rows = [
            _Row(entry, match)
            for entry, match in rank(
                query, self._entries, lambda entry: entry.searched, lambda entry: entry.title
            )
        ]
        if query.strip():
            rows.sort(key=lambda row: not row.entry.enabled)
        self._model.show_rows(rows)
        self._empty.setVisible(not rows)
        self._list.setVisible(bool(rows))
        first = next((at for at, row in enumerate(rows) if row.entry.enabled), -1)
        self._list.setCurrentIndex(self._model.index(first, 0))
        self._list.scrollToTop()

    def _move(self, step: int) -> None:
        """Go to the next entry that can be picked, around the ends for single steps."""
        rows = self._model.rows
        able = [at for at, row in enumerate(rows) if row.entry.enabled]
        if not able:
            return
        current = self._list.currentIndex().row()
        place = able.index(current) if current in able else -1
        if abs(step) == 1:
            target = able[(place + step) % len(able)]
        else:
            target = able[max(0, min(len(able) - 1, place + step))]
        index = self._model.index(target, 0)
        self._list.setCurrentIndex(index)
        self._list.scrollTo(index)
        # The focus stays in the field, so a screen reader would not notice.
        announce(self._field, str(index.data(Qt.ItemDataRole.AccessibleTextRole)))

    def _pick(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        entry = self._model.rows[index.row()].entry
        if entry.enabled:
            self.dismiss()
            self.picked.emit(entry.key)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move in the list with the keys of the field; close when the focus goes elsewhere."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._on_key(Qt.Key(event.key()))
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            focus = QApplication.focusWidget()
            if focus is not None and not self.isAncestorOf(focus):
                self._before = None  # the person has chosen where the focus goes
                self.dismiss()
        return False

    def _on_key(self, key: Qt.Key) -> bool:
        keys = Qt.Key
        steps = {
            keys.Key_Down: 1,
            keys.Key_Up: -1,
            keys.Key_PageDown: _ROWS - 1,
            keys.Key_PageUp: 1 - _ROWS,
            keys.Key_Tab: 1,
            keys.Key_Backtab: -1,
        }
        if key in steps:
            self._move(steps[key])
        elif key in (keys.Key_Return, keys.Key_Enter):
            self._pick(self._list.currentIndex())
        elif key == keys.Key_Escape:
            self.dismiss()
        else:
            return False
        return True
