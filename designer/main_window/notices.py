"""Messages of the system, for a person who looks at something else at the moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from designer.settings import Settings
from designer.widgets.icons import app_icon

#: How long a message stays where the system does not decide that itself.
STAY_MS = 10_000


class Desktop(Protocol):
    """Where messages appear. A real one is `TrayDesktop`."""

    def show(self, title: str, text: str) -> None:
        """Show a message."""
        ...


class TrayDesktop(QObject):
    """The system's tray; without one the entry of the window asks for attention alone."""

    #: The person has clicked the last message.
    clicked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self._tray: QSystemTrayIcon | None = None

    def show(self, title: str, text: str) -> None:
        """Show a message; the icon appears in the tray with the first one."""
        QApplication.alert(self._window)
        if not (QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages()):
            return
        if self._tray is None:
            self._tray = QSystemTrayIcon(app_icon(), self)
            self._tray.setToolTip("Headgate")
            self._tray.messageClicked.connect(self.clicked)
            self._tray.activated.connect(lambda _reason: self.clicked.emit())
            self._tray.show()
        self._tray.showMessage(title, text, app_icon(), STAY_MS)


class Notices(QObject):
    """Says what happened, but only while no window of the program is in front."""

    def __init__(
        self,
        desktop: Desktop,
        settings: Settings,
        parent: QObject | None = None,
        *,
        is_watched: Callable[[], bool] = lambda: QApplication.activeWindow() is not None,
    ) -> None:
        super().__init__(parent)
        self._desktop = desktop
        self._settings = settings
        self._is_watched = is_watched
        #: The request that the last message was about, empty when it was about none.
        self.request = ""

    def decision(self, request: str, title: str, workflow: str, waiting: int) -> None:
        """A decision is asked for."""
        if self._settings.notify_decisions and not self._is_watched():
            others = f" ({waiting} are waiting)" if waiting > 1 else ""
            self._show(f"Decision needed: {workflow}", f"{title}{others}", request)

    def failed(self, workflow: str, why: str) -> None:
        """A run has failed."""
        if self._settings.notify_failures and not self._is_watched():
            self._show(f"{workflow} failed", why)

    def ended(self, workflow: str, words: str) -> None:
        """A run has come to its end."""
        if self._settings.notify_run_end and not self._is_watched():
            self._show(workflow, words)

    def _show(self, title: str, text: str, request: str = "") -> None:
        self.request = request
        self._desktop.show(title, text)
