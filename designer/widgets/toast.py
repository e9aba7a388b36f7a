"""Toasts: short messages at the bottom right that go by themselves and never take the focus."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QEasingCurve,
    QElapsedTimer,
    QEvent,
    QObject,
    QPoint,
    QPropertyAnimation,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QEnterEvent
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsDropShadowEffect,
    QHBoxLayout,
    QLabel,
    QWidget,
)

from designer.theme import scaled_px
from designer.widgets.buttons import ButtonKind, IconButton, TextButton
from designer.widgets.icons import pixmap
from designer.widgets.kinds import Kind
from designer.widgets.speech import announce

TIMEOUT_MS = 6000
LIMIT = 3

_GAP_PX = 10
_MARGIN_PX = 16
_WIDTH_PX = 420
_SLIDE_MS = 160


class Toast(QFrame):
    """One message. It stays while the mouse is over it and counts on afterwards."""

    #: The toast itself: it wants to leave, by itself, by its action or by the person.
    dismissed = Signal(object)

    def __init__(
        self,
        text: str,
        kind: Kind,
        host: QWidget,
        *,
        action_text: str = "",
        on_action: Callable[[], object] | None = None,
        timeout_ms: int = TIMEOUT_MS,
    ) -> None:
        super().__init__(host)
        self.text = text
        self._kind = kind
        self._on_action = on_action
        self._left_ms = timeout_ms
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._leave)
        self.setProperty("toast", True)
        self.setAccessibleName(kind.spoken + text)
        self._icon = QLabel(self)
        self._build(action_text)
        self._take_theme()
        self._count_down()

    def _build(self, action_text: str) -> None:
        words = QLabel(self.text, self)
        words.setWordWrap(True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 9, 8, 9)
        layout.setSpacing(10)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(words, 1)
        if action_text:
            button = TextButton(action_text, ButtonKind.LINK, parent=self)
            button.clicked.connect(self._act)
            layout.addWidget(button)
        close = IconButton("close", "Dismiss", self)
        close.clicked.connect(self._leave)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignVCenter)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(24)
        shadow.setOffset(0, 4)
        shadow.setColor(QColor(0, 0, 0, 90))
        self.setGraphicsEffect(shadow)

    def _act(self) -> None:
        if self._on_action is not None:
            self._on_action()
        self._leave()

    def _leave(self) -> None:
        self.dismissed.emit(self)

    def _count_down(self) -> None:
        if self._left_ms > 0:
            self._since.start()
            self._timer.start(self._left_ms)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stop the clock: the person is reading."""
        super().enterEvent(event)
        if self._timer.isActive():
            self._timer.stop()
            self._left_ms = max(1000, self._left_ms - self._since.elapsed())

    def leaveEvent(self, event: QEvent) -> None:
        """Let the clock run again."""
        super().leaveEvent(event)
        self._count_down()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        self._icon.setPixmap(
            pixmap(self._kind.icon, scaled_px(18), self._kind.role, self.devicePixelRatioF())
        )


class ToastStack(QObject):
    """The toasts of one window: at most three, the newest at the bottom."""

    def __init__(self, host: QWidget, *, animated: bool = True) -> None:
        super().__init__(host)
        self._host = host
        self._toasts: list[Toast] = []
        #: Whether a toast slides in; off with reduced motion.
        self.animated = animated
        host.installEventFilter(self)

    @property
    def toasts(self) -> tuple[Toast, ...]:
        """What is on the screen, oldest first."""
        return tuple(self._toasts)

    def show_toast(
        self,
        text: str,
        kind: Kind = Kind.INFO,
        *,
        action_text: str = "",
        on_action: Callable[[], object] | None = None,
        timeout_ms: int = TIMEOUT_MS,
    ) -> Toast:
        """Show `text` for `timeout_ms` (0: until dismissed), with at most one action.

        A fourth toast pushes the oldest out. The same text twice is shown once, anew.
        """
        for known in self.toasts:
            if known.text == text:
                self._remove(known)
        while len(self._toasts) >= LIMIT:
            self._remove(self._toasts[0])
        toast = Toast(
            text,
            kind,
            self._host,
            action_text=action_text,
            on_action=on_action,
            timeout_ms=timeout_ms,
        )
        toast.dismissed.connect(self._remove)
        self._toasts.append(toast)
        self._place()  # first, or it would appear for a moment under a mouse elsewhere
        toast.show()
        toast.raise_()
        self._place()  # again: only now do its buttons know their padding
        if self.animated and self._host.isVisible():
            self._slide_in(toast)
        announce(toast, kind.spoken + text, assertive=kind in {Kind.ERROR, Kind.WAITING})
        return toast

    def clear(self) -> None:
        """Dismiss everything."""
        for toast in self.toasts:
            self._remove(toast)

    def _remove(self, toast: Toast) -> None:
        if toast in self._toasts:
            self._toasts.remove(toast)
            toast.hide()
            toast.deleteLater()
            self._place()

    def _place(self) -> None:
        width = min(scaled_px(_WIDTH_PX), self._host.width() - 2 * _MARGIN_PX)
        bottom = self._host.height() - _MARGIN_PX
        for toast in reversed(self._toasts):
            height = max(toast.sizeHint().height(), toast.heightForWidth(width))
            bottom -= height
            toast.resize(QSize(width, height))
            toast.move(self._host.width() - width - _MARGIN_PX, bottom)
            bottom -= _GAP_PX

    def _slide_in(self, toast: Toast) -> None:
        slide = QPropertyAnimation(toast, b"pos", toast)
        slide.setDuration(_SLIDE_MS)
        slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        slide.setStartValue(toast.pos() + QPoint(0, 18))
        slide.setEndValue(toast.pos())
        slide.start(QPropertyAnimation.DeletionPolicy.DeleteWhenStopped)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the toasts in their corner when the window is resized."""
        if event.type() == QEvent.Type.Resize and watched is self._host:
            self._place()
        return False
