"""The lists of the Barriers dock: what is open, and what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from designer.runs.rows import DecisionRecord, RequestRecord
from designer.runs.words import choice_words, default_words, local_time, short_run
from designer.theme import current_theme, scaled_px, tabular, ui_font
from designer.widgets.countdown import URGENT_S
from designer.widgets.format import format_countdown, format_relative, spoken_duration
from designer.widgets.icons import paint_icon

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
LINES_ROLE = Qt.ItemDataRole.UserRole + 1
_ROW_PX = 46
_ICON_PX = 16


@dataclass(frozen=True, slots=True)
class Lines:
    """What a row shows: two lines at the left, two at the right, and an icon."""

    title: str
    below: str
    right: str = ""
    right_below: str = ""
    icon: str = "barrier"
    role: str = "text_waiting"
    right_role: str = "text"

    @property
    def spoken(self) -> str:
        """The row for a screen reader."""
        parts = (self.title, self.below, self.right, self.right_below)
        return ", ".join(part for part in parts if part)


class LinesModel(QAbstractListModel):
    """Rows that are made into words when they are painted, so that clocks are right."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._makers: Sequence[Callable[[], Lines]] = ()

    def show(self, makers: Sequence[Callable[[], Lines]]) -> None:
        """Show these rows."""
        self.beginResetModel()
        self._makers = makers
        self.endResetModel()

    def tick(self) -> None:
        """Have the words made again."""
        if self._makers:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._makers) - 1, 0))

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """How many rows there are."""
        return 0 if parent.isValid() else len(self._makers)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The words of a row."""
        if not index.isValid():
            return None
        lines = self._makers[index.row()]()
        if role == LINES_ROLE:
            return lines
        if role == Qt.ItemDataRole.DisplayRole:
            return lines.title
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return lines.spoken
        return None


def request_lines(record: RequestRecord, node: str, now: float) -> Lines:
    """An open request as a row: what, where, how long, and what then."""
    system = record.content.system
    below = f"{node}, {record.workflow} {short_run(record.run)}"
    right, role = "", "text"
    if record.deadline is not None:
        left = record.deadline - now
        right = format_countdown(left)
        role = "text_failed" if left < URGENT_S else "text_waiting"
    return Lines(
        record.content.title,
        below,
        right,
        default_words(record.content.default) if record.deadline is not None else "",
        icon="warning" if system else "barrier",
        role="text_failed" if system else "text_waiting",
        right_role=role,
    )


def spoken_request(record: RequestRecord, now: float) -> str:
    """An open request for a screen reader: title, time left, what then, choices."""
    parts = [record.content.title]
    if record.deadline is not None:
        parts.append(f"{spoken_duration(record.deadline - now)} left")
        parts.append(default_words(record.content.default))
    own = [option.title for option in record.content.options]
    choices = own if record.content.system else ["Approve", "Reject", *own]
    parts.append(f"choices: {', '.join(choices)}")
    return ", ".join(part for part in parts if part)


def decision_lines(
    decision: DecisionRecord, asked: Mapping[str, RequestRecord], now: float
) -> Lines:
    """A decision of the past as a row: who, what, when, through what, and whether it counted."""
    record = asked.get(decision.request)
    title = record.content.title if record is not None else decision.request
    words = choice_words(decision.choice).removesuffix(":")
    who = "Nobody in time" if decision.through == "timeout" else decision.by
    below = f"through {decision.through}, run {short_run(decision.run)}"
    if decision.comment:
        below += f": “{decision.comment}”"
    if not decision.accepted:
        below = f"refused, {decision.reason}; {below}"
    icons = {"approve": ("check", "text_ok"), "modify": ("edit", "text_ok")}
    icon, role = icons.get(decision.choice, ("chevron-right", "muted"))
    if decision.choice == "reject":
        icon, role = "cross", "text_failed"
    if not decision.accepted:
        icon, role = "warning", "muted"
    return Lines(
        f"{who} {words}: {title}",
        below,
        format_relative(local_time(decision.at), local_time(now)),
        icon=icon,
        role=role,
        right_role="muted",
    )


class LinesDelegate(QStyledItemDelegate):
    """Paints `Lines`."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """One height for all."""
        return QSize(100, scaled_px(_ROW_PX))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw icon, two lines at the left and two at the right."""
        lines = index.data(LINES_ROLE)
        if not isinstance(lines, Lines):
            return
        theme = current_theme()
        painter.save()
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selection"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        size = scaled_px(_ICON_PX)
        middle = rect.center().y()
        icon_rect = QRectF(rect.left() + 10, middle - size / 2, size, size)
        paint_icon(painter, lines.icon, icon_rect, theme.color(lines.role))
        left = rect.left() + 18 + size
        width = self._paint_right(painter, rect, lines)
        room = max(20, rect.right() - 10 - width - left)
        strong = ui_font(scaled_px(13), QFont.Weight.DemiBold)
        small = ui_font(scaled_px(12))
        half = rect.height() // 2
        top = QRect(left, rect.top() + 4, room, half - 4)
        bottom = QRect(left, rect.top() + half, room, half - 4)
        self._text(painter, top, lines.title, strong, "text")
        self._text(painter, bottom, lines.below, small, "muted")
        painter.restore()

    def _paint_right(self, painter: QPainter, rect: QRect, lines: Lines) -> int:
        clock = tabular(ui_font(scaled_px(13), QFont.Weight.Medium))
        small = ui_font(scaled_px(11))
        width = max(
            QFontMetrics(clock).horizontalAdvance(lines.right),
            QFontMetrics(small).horizontalAdvance(lines.right_below),
        )
        if not width:
            return 0
        left = rect.right() - 8 - width
        half = rect.height() // 2
        top = QRect(left, rect.top() + 4, width + 2, half - 4)
        bottom = QRect(left, rect.top() + half, width + 2, half - 4)
        if not lines.right_below:
            top = QRect(left, rect.top(), width + 2, rect.height())
        right = Qt.AlignmentFlag.AlignRight
        self._text(painter, top, lines.right, clock, lines.right_role, right)
        self._text(painter, bottom, lines.right_below, small, "muted", right)
        return width + 12

    @staticmethod
    def _text(
        painter: QPainter,
        rect: QRect,
        text: str,
        font: QFont,
        role: str,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        painter.setFont(font)
        painter.setPen(current_theme().color(role))
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, shown)
