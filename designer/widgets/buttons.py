"""Buttons in the roles of the design: primary, danger, quiet, and icons that follow the theme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from designer.theme import current_theme, scaled_px
from designer.widgets.icons import icon, paint_icon

_ICON_GAP_PX = 3


class ButtonKind(StrEnum):
    """How much a button asks to be pressed."""

    NORMAL = ""
    #: The one action that is expected; at most one in view.
    PRIMARY = "primary"
    #: What refuses, stops or deletes.
    DANGER = "danger"
    #: An action among many, without a frame.
    QUIET = "quiet"
    #: An action inside a sentence.
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonSpec:
    """A button to be made: what it says and what it does."""

    text: str
    on_click: Callable[[], object]
    kind: ButtonKind = ButtonKind.NORMAL
    icon: str = ""


def icon_role(kind: ButtonKind) -> str:
    """The colour of an icon on a button of `kind`."""
    roles = {ButtonKind.PRIMARY: "on_accent", ButtonKind.DANGER: "on_failed"}
    return roles.get(kind, "accent" if kind is ButtonKind.LINK else "text")


def _spaced_icon(name: str, role: str, ratio: float) -> QIcon:
    """The icon with air at its right, which a style sheet cannot give it."""
    size = scaled_px(15)
    image = QPixmap(round((size + _ICON_GAP_PX) * ratio), round(size * ratio))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    paint_icon(painter, name, QRectF(0, 0, size, size), current_theme().color(role))
    painter.end()
    made = QIcon(image)
    made.addPixmap(image, QIcon.Mode.Disabled)
    return made


class TextButton(QPushButton):
    """A button with words and, where it helps, an icon in the colour of the words."""

    def __init__(
        self,
        text: str,
        kind: ButtonKind = ButtonKind.NORMAL,
        icon_name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._kind = kind
        self._icon_name = icon_name
        self.setProperty("kind", kind.value)
        self.setAutoDefault(False)  # Enter in a field of a dialog must not press it
        if kind is ButtonKind.LINK:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._take_theme()

    def set_icon(self, icon_name: str) -> None:
        """Show another icon before the words."""
        self._icon_name = icon_name
        self._take_theme()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.EnabledChange):
            self._take_theme()

    def _take_theme(self) -> None:
        if self._icon_name:
            role = icon_role(self._kind) if self.isEnabled() else "disabled"
            self.setIcon(_spaced_icon(self._icon_name, role, self.devicePixelRatioF()))
            self.setIconSize(QSize(scaled_px(15) + _ICON_GAP_PX, scaled_px(15)))


def make_button(spec: ButtonSpec, parent: QWidget | None = None) -> TextButton:
    """The button that `spec` describes, connected."""
    button = TextButton(spec.text, spec.kind, spec.icon, parent)
    button.clicked.connect(lambda _checked=False: spec.on_click())
    return button


class IconButton(QToolButton):
    """A small flat button with an icon only; its text is the tooltip and what is spoken."""

    def __init__(
        self, icon_name: str, text: str, parent: QWidget | None = None, *, role: str = "muted"
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._role = role
        self.setText(text)
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._take_theme()

    def set_icon(self, icon_name: str, role: str = "") -> None:
        """Show another icon, such as *pause* in place of *run*."""
        self._icon_name = icon_name
        self._role = role or self._role
        self._take_theme()

    def set_label(self, text: str) -> None:
        """Say something else in the tooltip and to screen readers."""
        self.setText(text)
        self.setToolTip(text)
        self.setAccessibleName(text)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        self.setIcon(icon(self._icon_name, self._role))
        self.setIconSize(QSize(scaled_px(16), scaled_px(16)))


class ChipButton(QToolButton):
    """A rounded switch for filters: on or off, with words."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setProperty("chip", True)
        self.setAccessibleName(text)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
