"""Where the panels stand, and the three perspectives that remember it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.dock_title import DockTitle

#: Rises when docks are added or removed, so that an older layout is not forced upon them.
LAYOUT_VERSION = 2
#: In a window narrower than this the bars of the bottom docks do not fit between the others.
NARROW_PX = 1240

LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea


@dataclass(frozen=True, slots=True)
class DockSpec:
    """One dock: its stable name, title, the verb that shows it, and its first place."""

    name: str
    title: str
    verb: A
    area: Qt.DockWidgetArea


DOCKS: tuple[DockSpec, ...] = (
    DockSpec("palette", "Palette", A.WINDOW_PALETTE, LEFT),
    DockSpec("outline", "Outline", A.WINDOW_OUTLINE, LEFT),
    DockSpec("inspector", "Inspector", A.WINDOW_INSPECTOR, RIGHT),
    DockSpec("barriers", "Barriers", A.WINDOW_BARRIERS, RIGHT),
    DockSpec("frontier", "Frontier", A.WINDOW_FRONTIER, BOTTOM),
    DockSpec("checkpoints", "Checkpoints", A.WINDOW_CHECKPOINTS, BOTTOM),
    DockSpec("event_log", "Event log", A.WINDOW_EVENT_LOG, BOTTOM),
    DockSpec("state", "State", A.WINDOW_STATE, BOTTOM),
    DockSpec("problems", "Problems", A.WINDOW_PROBLEMS, BOTTOM),
    DockSpec("health", "Health", A.WINDOW_HEALTH, BOTTOM),
)

#: Which docks are open in a perspective, and which of the bottom ones is in front.
PERSPECTIVES: dict[str, tuple[frozenset[str], str]] = {
    "design": (frozenset({"palette", "inspector", "barriers", "frontier", "checkpoints",
                          "event_log", "state", "problems"}), "problems"),
    "run": (frozenset({"inspector", "barriers", "frontier", "checkpoints", "event_log",
                       "state", "problems"}), "checkpoints"),
    "debug": (frozenset({"outline", "inspector", "barriers", "frontier", "checkpoints",
                         "event_log", "state", "problems"}), "state"),
}  # fmt: skip


class Docks:
    """Makes the docks of a window and arranges them."""

    def __init__(
        self,
        window: QMainWindow,
        panels: dict[str, QWidget],
        actions: ActionRegistry,
        settings: Settings,
    ) -> None:
        self._window = window
        self._settings = settings
        self._docks: dict[str, QDockWidget] = {}
        for spec in DOCKS:
            dock = QDockWidget(spec.title, window)
            dock.setObjectName(f"dock.{spec.name}")
            dock.setWidget(panels[spec.name])
            dock.setTitleBarWidget(DockTitle(dock))
            self._docks[spec.name] = dock
            actions.bind(
                spec.verb,
                partial(self.toggle, spec.name),
                checked_when=partial(_is_open, dock),
            )
            dock.visibilityChanged.connect(
                lambda _visible, verb=spec.verb: actions.refresh((verb,))
            )
        window.setDockNestingEnabled(True)
        self.fit()
        self.perspective = (
            settings.perspective if settings.perspective in PERSPECTIVES else "design"
        )
        self.arrange()

    def dock(self, name: str) -> QDockWidget:
        """The dock of that name."""
        return self._docks[name]

    def show(self, name: str, *, focus: bool = False) -> None:
        """Open a dock and bring it to the front of its tabs."""
        dock = self._docks[name]
        dock.show()
        dock.raise_()
        if focus:
            (dock.widget().focusProxy() or dock.widget()).setFocus(
                Qt.FocusReason.ShortcutFocusReason
            )

    def is_in_front(self, name: str) -> bool:
        """Whether a dock can be seen: open, and not behind another."""
        dock = self._docks[name]
        return dock.isVisible() and not dock.visibleRegion().isEmpty()

    def toggle(self, name: str) -> None:
        """Close a dock that is in front, show any other."""
        if self.is_in_front(name):
            self._docks[name].close()
        else:
            self.show(name, focus=True)

    def arrange(self) -> None:
        """Put every dock where the program came with it, for the perspective in use."""
        window = self._window
        opened, front = PERSPECTIVES[self.perspective]
        for spec in DOCKS:
            dock = self._docks[spec.name]
            dock.setFloating(False)
            window.addDockWidget(spec.area, dock)
            dock.setVisible(spec.name in opened)
        window.splitDockWidget(
            self._docks["palette"], self._docks["outline"], Qt.Orientation.Vertical
        )
        # Beside each other they would be too narrow: Barriers comes forward when it is asked.
        window.tabifyDockWidget(self._docks["inspector"], self._docks["barriers"])
        self._docks["inspector"].raise_()
        bottom = [spec.name for spec in DOCKS if spec.area == BOTTOM]
        for first, second in pairwise(bottom):
            window.tabifyDockWidget(self._docks[first], self._docks[second])
        self._docks[front].raise_()
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        window.resizeDocks(
            [self._docks["palette"], self._docks["inspector"]], [220, 380], horizontal
        )
        window.resizeDocks([self._docks[front]], [230], vertical)

    def fit(self) -> None:
        """Let the bottom docks have the whole width of a narrow window, else the middle."""
        corner = Qt.Corner
        narrow = self._window.width() < scaled_px(NARROW_PX)
        self._window.setCorner(corner.BottomLeftCorner, BOTTOM if narrow else LEFT)
        self._window.setCorner(corner.BottomRightCorner, BOTTOM if narrow else RIGHT)

    def restore(self) -> None:
        """Take the layout that was saved for the perspective, if there is one."""
        state = self._settings.window_state(self.perspective)
        if not state or not self._window.restoreState(QByteArray(state), LAYOUT_VERSION):
            self.arrange()

    def save(self) -> None:
        """Remember the layout of the perspective in use."""
        state = self._window.saveState(LAYOUT_VERSION)
        self._settings.set_window_state(self.perspective, bytes(state.data()))
        self._settings.perspective = self.perspective

    def choose(self, perspective: str) -> None:
        """Change to another perspective; each remembers its own layout."""
        self.save()
        self.perspective = perspective
        self.restore()
        self._settings.perspective = perspective

    def next_panel(self, centre: QWidget, by: int) -> None:
        """Move the focus to the next panel that can be seen, `centre` being the first of all."""
        stops = [centre]
        stops += [self._docks[s.name].widget() for s in DOCKS if self.is_in_front(s.name)]
        focus = self._window.focusWidget()
        here = next(
            (i for i, w in enumerate(stops) if focus and (w is focus or w.isAncestorOf(focus))), 0
        )
        target = stops[(here + by) % len(stops)]
        inner = target.focusProxy() or target
        if inner.focusPolicy() == Qt.FocusPolicy.NoFocus:
            inner = next(
                (c for c in target.findChildren(QWidget)
                 if c.isVisible() and c.focusPolicy() & Qt.FocusPolicy.TabFocus), target,
            )  # fmt: skip
        inner.setFocus(Qt.FocusReason.TabFocusReason)

    def dock_all(self) -> None:
        """Take every panel that floats back into the window."""
        for dock in self._docks.values():
            dock.setFloating(False)

    def reset(self) -> None:
        """Forget every saved layout."""
        self._settings.forget_window_states()
        self.arrange()


def _is_open(dock: QDockWidget) -> bool:
    return not dock.isHidden()
