"""Cells of the tables that move with a run, painted ten times as fast as a style sheet does.

A table of forty rows that is painted at each commit would take most of the window's time
through Qt's own way: some ten questions to the model for each cell, each through C++, and
each line of text shaped anew. Here the model hands out a cell at once and texts are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol, cast

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPixmap, QStaticText, QTransform
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from designer.theme import current_theme, scaled_px, tabular, ui_font
from designer.widgets.icons import pixmap

_PADDING_PX = 8
_ICON_PX = 14
_GAP_PX = 7
#: Texts kept; more than two screens full.
_KEPT = 3000

# Plain numbers: asking an enumeration costs more than painting the background does.
_SELECTED: int = QStyle.StateFlag.State_Selected.value
_HOVERED: int = QStyle.StateFlag.State_MouseOver.value
_FOCUSED: int = QStyle.StateFlag.State_HasFocus.value


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows: a line of text in a colour, and an icon in another."""

    text: str
    role: str = "text"
    icon: str = ""
    icon_role: str = "muted"


class CellSource(Protocol):
    """A table model that hands out cells without going through Qt."""

    def cell(self, row: int, column: int) -> Cell:
        """The cell at that place."""
        ...


class PlainCells(QStyledItemDelegate):
    """Paints the cells of a `CellSource`."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self._view = view
        self._texts: OrderedDict[tuple[str, int], QStaticText] = OrderedDict()
        self._marks: dict[tuple[str, str], QPixmap] = {}
        self._take_theme()
        view.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Forget texts and icons of the old theme."""
        if watched is self._view and event.type() == QEvent.Type.StyleChange:
            self._take_theme()
        return False  # the base class would take the view for one of its editors

    def _take_theme(self) -> None:
        self._font: QFont = tabular(ui_font(scaled_px(13)))
        self._metrics = QFontMetrics(self._font)
        self._texts.clear()
        self._marks.clear()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw one cell."""
        cell = cast(CellSource, self._view.model()).cell(index.row(), index.column())
        theme = current_theme()
        rect: QRect = option.rect
        state: int = option.state.value
        selected = state & _SELECTED
        if selected:
            painter.fillRect(rect, theme.color("selection"))
        elif state & _HOVERED:
            painter.fillRect(rect, theme.color("hover"))
        left = rect.left() + _PADDING_PX
        middle = rect.top() + rect.height() // 2
        if cell.icon:
            mark = self._mark(cell.icon, cell.icon_role)
            painter.drawPixmap(left, middle - _ICON_PX // 2, mark)
            left += _ICON_PX + _GAP_PX
        if cell.text:
            text = self._text(cell.text, rect.right() - left - 2)
            painter.setFont(self._font)
            painter.setPen(theme.color("text" if selected else cell.role))
            painter.drawStaticText(left, middle - self._metrics.height() // 2, text)
        if state & _FOCUSED:
            painter.setPen(theme.color("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect.adjusted(0, 0, -1, -1))

    def _text(self, text: str, width: int) -> QStaticText:
        key = (text, width)
        found = self._texts.get(key)
        if found is not None:
            self._texts.move_to_end(key)
            return found
        made = QStaticText(self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, width))
        made.setTextFormat(Qt.TextFormat.PlainText)
        made.prepare(QTransform(), self._font)
        self._texts[key] = made
        if len(self._texts) > _KEPT:
            self._texts.popitem(last=False)
        return made

    def _mark(self, name: str, role: str) -> QPixmap:
        key = (name, role)
        found = self._marks.get(key)
        if found is None:
            found = pixmap(name, _ICON_PX, role, self._view.devicePixelRatioF())
            self._marks[key] = found
        return found
