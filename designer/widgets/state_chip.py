"""The chip that says how a node stands: colour, icon, words and border, as on the canvas."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from designer.theme import (
    STATE_STYLES,
    Border,
    NodeState,
    Theme,
    current_theme,
    scaled_px,
    tabular,
    ui_font,
)
from designer.widgets.icons import paint_icon

#: The item data role of a NodeState for `StateChipDelegate`; the words are the display text.
STATE_ROLE = Qt.ItemDataRole.UserRole + 100

_HEIGHT_PX = 22
_RADIUS_PX = 5.0
_PADDING_PX = 8.0
_GAP_PX = 6.0


def _icon_px(font: QFont) -> float:
    """The icon is as high as the capitals with a little air: 12 px beside 11 px of text."""
    return font.pixelSize() + 1.0


def chip_font() -> QFont:
    """The font of chips: 11 px, medium, figures of one width."""
    return tabular(ui_font(scaled_px(11), QFont.Weight.Medium))


def paint_state_chip(
    painter: QPainter, rect: QRectF, theme: Theme, state: NodeState, words: str, font: QFont
) -> None:
    """Draw the chip of `state` into `rect`; text that does not fit ends in an ellipsis.

    Args:
        painter: Its pen, brush and font are changed.
        rect: The chip's outside.
        theme: Colours.
        state: What decides colour, border and icon.
        words: What the chip says; empty for the state's own words.
        font: Usually `chip_font()`, kept by the caller.
    """
    style = STATE_STYLES[state]
    color = theme.color(style.role)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if style.is_filled:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        ink = theme.on(style.role)
        painter.drawRoundedRect(rect, _RADIUS_PX, _RADIUS_PX)
    else:
        pen = QPen(color, 1.25 * theme.line_px)
        if style.border is Border.DASHED:
            pen.setDashPattern([4.0, 3.0])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        ink = theme.color("text")
        inset = pen.widthF() / 2
        painter.drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), _RADIUS_PX, _RADIUS_PX)
    middle = rect.center().y()
    size = _icon_px(font)
    icon_rect = QRectF(rect.left() + _PADDING_PX, middle - size / 2, size, size)
    paint_icon(painter, style.icon, icon_rect, ink if style.is_filled else color)
    left = icon_rect.right() + _GAP_PX
    space = QRectF(left, rect.top(), rect.right() - _PADDING_PX - left, rect.height())
    painter.setFont(font)
    painter.setPen(ink)
    text = QFontMetricsF(font).elidedText(
        words or style.words, Qt.TextElideMode.ElideRight, space.width()
    )
    painter.drawText(space, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def chip_width(words: str, font: QFont) -> float:
    """How wide a chip must be to show all of `words`."""
    text = QFontMetricsF(font).horizontalAdvance(words)
    return 2 * _PADDING_PX + _icon_px(font) + _GAP_PX + text + 1


class StateChip(QWidget):
    """The chip as a widget, for headers of panels and dialogs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = NodeState.NOT_RUN
        self._words = ""
        self._font = chip_font()
        self.set_state(NodeState.NOT_RUN)

    @property
    def state(self) -> NodeState:
        """The state that is shown."""
        return self._state

    @property
    def words(self) -> str:
        """What the chip says."""
        return self._words or STATE_STYLES[self._state].words

    def set_state(self, state: NodeState, words: str = "") -> None:
        """Show `state`, with its own words unless `words` says more."""
        self._state = state
        self._words = words
        self.setAccessibleName(self.words)
        self.setToolTip(self.words)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Wide enough for the words."""
        return QSize(round(chip_width(self.words, self._font) + 1), scaled_px(_HEIGHT_PX))

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the icon and a few letters."""
        return QSize(scaled_px(56), scaled_px(_HEIGHT_PX))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the chip."""
        painter = QPainter(self)
        rect = QRectF(self.rect())
        width = min(rect.width(), chip_width(self.words, self._font) + 1)
        rect.setWidth(width)
        paint_state_chip(painter, rect, current_theme(), self._state, self._words, self._font)

    def changeEvent(self, event: QEvent) -> None:
        """Take the fonts and colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._font = chip_font()
            self.updateGeometry()
            self.update()


class StateChipDelegate(QStyledItemDelegate):
    """Draws cells that carry a NodeState under `STATE_ROLE` as chips."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw the cell's background, then the chip; cells without a state as usual."""
        value = index.data(STATE_ROLE)
        if value is None:
            super().paint(painter, option, index)
            return
        words = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        blank = QStyleOptionViewItem(option)
        self.initStyleOption(blank, index)
        blank.text = ""
        view = blank.widget
        if view is not None:
            view.style().drawControl(
                view.style().ControlElement.CE_ItemViewItem, blank, painter, view
            )
        state = NodeState(value)
        font = chip_font()
        rect = QRectF(option.rect).adjusted(4, 3, -4, -3)
        needed = chip_width(words or STATE_STYLES[state].words, font) + 1
        rect.setWidth(min(rect.width(), needed))
        painter.save()
        paint_state_chip(painter, rect, current_theme(), state, words, font)
        painter.restore()

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Room for the chip."""
        hint = super().sizeHint(option, index)
        if index.data(STATE_ROLE) is not None:
            words = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
            hint.setWidth(round(chip_width(words, chip_font())) + 10)
            hint.setHeight(max(hint.height(), scaled_px(_HEIGHT_PX + 6)))
        return hint
