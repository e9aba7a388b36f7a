"""The whole window on a real store, and a hand that uses mouse and keyboard."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget

from designer.actions.ids import ActionId
from designer.canvas.view import CanvasView
from designer.main_window.tabs import Tab
from designer.main_window.window import MainWindow
from designer.panels.barriers_detail import RequestDetail
from designer.runs.engine_client import EngineClient
from designer.settings import Settings
from designer.theme import ThemeController, load_fonts
from engine.app import Engine, EngineOptions
from tests.designer.runs.real_engine import store_url
from tests.designer.runs.window import own_settings, until

NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton


class Desk:
    """A window that is open, and what a person does with it. Each gesture counts as one."""

    def __init__(self, window: MainWindow, engine: Engine) -> None:
        self.window = window
        self.engine = engine
        self.actions = 0

    # --- what there is ----------------------------------------------------------------------

    @property
    def client(self) -> EngineClient:
        return self.window.client

    @property
    def tab(self) -> Tab:
        assert self.window.tab is not None
        return self.window.tab

    @property
    def canvas(self) -> CanvasView:
        return self.tab.canvas

    @property
    def status(self) -> str:
        """Status of the run shown."""
        live = self.window.run_model.live
        return live.status if live is not None else ""

    @property
    def result(self) -> object:
        """What the run shown gave."""
        live = self.window.run_model.live
        return live.result if live is not None else None

    @property
    def decisions(self) -> list[str]:
        """What was decided on this store, in order."""
        return [record.choice for record in self.engine.decisions() if record.accepted]

    @property
    def asked(self) -> RequestDetail:
        """What the barrier dialog shows."""
        return self.window.barrier_dialog.detail

    async def field(self, name: str) -> QWidget:
        """The input of the selected node that a screen reader calls by this name."""
        page, selected = self.window.inspector.node_page, self.tab.document.selection.node
        await until(lambda: page.isVisible() and page.node and page.node.key == selected)
        found = [w for w in page.findChildren(QWidget) if w.accessibleName() == name]
        shown = [widget for widget in found if widget.isVisible()]
        assert shown, f"{name} cannot be seen"
        await until(lambda: _is_on_screen(shown[0]))
        if not self.window.isActiveWindow():
            # Completions have closed; the offscreen platform does not give the focus back.
            self.window.activateWindow()
            await until(self.window.isActiveWindow)
        return shown[0]

    def place(self, node: str) -> QPoint:
        """A place in the title of a node, on the viewport."""
        body = self.canvas.board.nodes[node].body
        return self.canvas.mapFromScene(body.topLeft() + QPointF(90, 14))

    # --- what a person does -----------------------------------------------------------------

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
        self.actions += 1
        QTest.keyClick(QApplication.focusWidget() or self.window, key, keys)

    def type(self, text: str) -> None:
        self.actions += 1
        QTest.keyClicks(QApplication.focusWidget() or self.window, text)

    @property
    def focus(self) -> QWidget:
        """What has the keyboard."""
        return QApplication.focusWidget() or self.window

    async def tab_leads_to(self, name: str) -> None:
        """Tab goes from here to the input of that name."""
        await until(lambda: _next_stop(self.focus).accessibleName() == name)
        self.key(Qt.Key.Key_Tab)

    def click(self, target: QWidget) -> None:
        self.actions += 1
        target.window().activateWindow()  # as a window manager does
        QTest.mouseClick(_inside(target), LEFT)

    def click_node(self, node: str) -> None:
        self.actions += 1
        QTest.mouseClick(self.canvas.viewport(), LEFT, NONE, self.place(node))

    def add(self, words: str) -> None:
        """Quick add on the canvas: Tab, a few letters, Enter."""
        self.key(Qt.Key.Key_Tab)
        self.type(words)
        self.key(Qt.Key.Key_Return)

    # --- what happens then ------------------------------------------------------------------

    async def can(self, verb: ActionId) -> None:
        """The window offers a verb: its keys and buttons are alive."""
        await until(self.window.actions_.action(verb).isEnabled)

    async def waits_for_decision(self) -> None:
        await until(self.window.barrier_dialog.isVisible)
        await until(self.asked.approve.isEnabled)

    async def ended(self, status: str = "completed") -> None:
        await until(lambda: self.status == status)
        await until(lambda: self.client.is_settled)


def _next_stop(here: QWidget) -> QWidget:
    """Where Tab goes from here."""
    there = here.nextInFocusChain() or here
    while not (there.isVisible() and there.focusPolicy() & Qt.FocusPolicy.TabFocus):
        there = there.nextInFocusChain() or here
    return there


def _inside(widget: QWidget) -> QWidget:
    """The part of a widget that takes clicks."""
    return widget.viewport() if isinstance(widget, QPlainTextEdit) else widget


def _is_on_screen(widget: QWidget) -> bool:
    """Whether a click in the middle of a widget meets it: laid out, and not scrolled away."""
    widget, window = _inside(widget), widget.window()
    parent = widget.parentWidget()
    if parent is not None and not parent.rect().contains(widget.geometry()):
        return False
    below = window.childAt(widget.mapTo(window, widget.rect().center()))
    return below is not None and (below is widget or widget.isAncestorOf(below))


def put_settings_aside(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the program keep what it keeps in this folder."""
    for name in ("config", "data"):
        (folder / name).mkdir(exist_ok=True)
        patch.setenv(f"HEADGATE_{name.upper()}_DIR", str(folder / name))


@asynccontextmanager
async def open_desk(
    folder: Path, *, settings: Settings | None = None
) -> AsyncGenerator[Desk, None]:
    """Open the window on the store in `folder`; close it at the end."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    load_fonts()
    settings = settings or own_settings(folder)
    engine = Engine.open(store_url(folder), options=EngineOptions(threaded=True, stay=True))
    client = EngineClient(engine, settings)
    theme = ThemeController(app, settings)
    window = MainWindow(client, engine.registry, settings, theme)
    window.toasts.animated = False
    window.show()
    window.activateWindow()
    try:
        await until(window.isActiveWindow)
        await until(lambda: client.is_settled)
        yield Desk(window, engine)
    finally:
        await client.close()
        await engine.close()
        for tab in window.tabs:
            window.filing.drop(tab)
        window.filing.end()
        window.hide()
        window.deleteLater()
        theme.deleteLater()
        client.deleteLater()
