"""Banners: strips over the canvas that say what is shown and stay until it no longer is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from designer.theme import scaled_px
from designer.widgets.buttons import ButtonSpec, IconButton, make_button
from designer.widgets.icons import pixmap
from designer.widgets.kinds import Kind
from designer.widgets.speech import announce


class Banner(QFrame):
    """One strip: icon, text, its actions and, unless it must stay, a button to close it."""

    #: The person has closed it.
    closed = Signal()

    def __init__(
        self,
        text: str,
        kind: Kind = Kind.INFO,
        actions: Sequence[ButtonSpec] = (),
        parent: QWidget | None = None,
        *,
        closable: bool = True,
    ) -> None:
        super().__init__(parent)
        self._kind = kind
        self.setProperty("banner", kind.value)
        self.setAccessibleName(kind.spoken + text)
        self._icon = QLabel(self)
        self._words = QLabel(text, self)
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 5, 6, 5)
        layout.setSpacing(10)
        layout.addWidget(self._icon)
        layout.addWidget(self._words, 1)
        for spec in actions:
            layout.addWidget(make_button(spec, self))
        if closable:
            close = IconButton("close", "Close this message", self)
            close.clicked.connect(self.closed)
            layout.addWidget(close)
        self._take_theme()

    @property
    def text(self) -> str:
        """What the banner says."""
        return self._words.text()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        self._icon.setPixmap(
            pixmap(self._kind.icon, scaled_px(17), self._kind.role, self.devicePixelRatioF())
        )


class BannerArea(QWidget):
    """Where banners stack, newest on top; without one it takes no room."""

    #: The key of the banner that the person has closed.
    closed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._banners: dict[str, Banner] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        self.hide()

    def show_banner(
        self,
        key: str,
        text: str,
        kind: Kind = Kind.INFO,
        actions: Sequence[ButtonSpec] = (),
        *,
        closable: bool = True,
    ) -> Banner:
        """Show a banner; one with the same `key` is replaced in its place."""
        place = self._take(key)
        banner = Banner(text, kind, actions, self, closable=closable)
        banner.closed.connect(lambda: self._on_closed(key))
        self._banners[key] = banner
        self._layout.insertWidget(place, banner)
        self.show()
        announce(banner, kind.spoken + text, assertive=kind in {Kind.ERROR, Kind.WAITING})
        return banner

    def dismiss(self, key: str) -> None:
        """Take the banner away; nothing happens when it is not there."""
        self._take(key)

    def keys(self) -> tuple[str, ...]:
        """The keys of what is shown, oldest first."""
        return tuple(self._banners)

    def banner(self, key: str) -> Banner | None:
        """The banner shown under `key`."""
        return self._banners.get(key)

    def _on_closed(self, key: str) -> None:
        self._take(key)
        self.closed.emit(key)

    def _take(self, key: str) -> int:
        """Remove what is shown under `key`; the place where a new one belongs."""
        banner = self._banners.pop(key, None)
        if banner is None:
            return 0
        place = self._layout.indexOf(banner)
        self._layout.removeWidget(banner)
        banner.hide()
        banner.deleteLater()
        self.setVisible(bool(self._banners))
        return place
