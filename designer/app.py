"""The composition root: Qt, the event loop, the engine and the window, wired once."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from designer.event_loop import collect_garbage_on_gui_thread, install_signal_handlers, make_loop
from designer.main_window.dialogs import show_failure
from designer.main_window.window import MainWindow
from designer.runs.engine_client import EngineClient
from designer.settings import Settings, data_dir
from designer.theme import ThemeController, load_fonts
from designer.widgets.icons import app_icon
from designer.widgets.kinds import Kind
from engine.app import Engine, EngineError, EngineOptions

log = logging.getLogger("headgate")
#: Seconds between two looks for runs whose time has come and that nobody drives.
FIRE_EVERY_S = 5.0
#: Platforms of Qt on which nobody could read a message.
NO_SCREEN = ("offscreen", "minimal")
SWITCH_INTERVAL_S = 0.0005


def main(arguments: Sequence[str] | None = None, *, store: str | None = None) -> int:
    """Open the designer on the files in `arguments`; return the exit code.

    Args:
        arguments: paths of workflow files; None takes those of the process.
        store: SQLAlchemy URL of the store; None is the person's own file.
    """
    files = [Path(name) for name in (sys.argv[1:] if arguments is None else arguments)]
    app = QApplication.instance() or QApplication(["headgate"])
    assert isinstance(app, QApplication)
    app.setApplicationName("Headgate")
    app.setDesktopFileName("headgate")
    app.setQuitOnLastWindowClosed(False)
    qInstallMessageHandler(_on_qt_message)
    load_fonts()
    app.setWindowIcon(app_icon())
    loop = make_loop(app)
    asyncio.set_event_loop(loop)
    # Threads that write and read give way to the window sooner than after Python's 5 ms.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    collector = collect_garbage_on_gui_thread(app)
    try:
        return loop.run_until_complete(_session(app, loop, files, store))
    finally:
        collector.stop()
        loop.close()
        asyncio.set_event_loop(None)


async def _session(
    app: QApplication, loop: asyncio.AbstractEventLoop, files: Sequence[Path], store: str | None
) -> int:
    settings = Settings()
    theme = ThemeController(app, settings)
    options = EngineOptions(threaded=True, stay=True)
    try:
        engine = Engine.open(store, options=options)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        if app.platformName() not in NO_SCREEN:
            await show_failure("Headgate cannot open its store.", str(error))
        return 3
    client = EngineClient(engine, settings)
    window = MainWindow(client, engine.registry, settings, theme)
    done = asyncio.Event()
    window.closed.connect(done.set)
    _catch_everything(loop, window)
    install_signal_handlers(loop, lambda number: _on_signal(number, window, done))
    window.show()  # first, so that what is opened knows how large the canvas is
    for path in files:
        window.filing.open_path(path)
    if not files and settings.restore_session:
        window.restore_session()
    window.offering.offer_recovery(window.filing.find_unsaved())
    client.spawn(_fire_due(engine), "Looking for runs that are due")
    client.spawn(window.arming.restore(), "Serving triggers")
    client.spawn(asyncio.to_thread(import_module, "networkx"), "Getting ready to check graphs")
    # What is alive now stays: full collections need not walk it while a run goes on.
    gc.collect()
    gc.freeze()
    _say_ready()
    await done.wait()
    window.filing.end()
    await client.close()
    await engine.close()
    window.hide()
    window.deleteLater()
    settings.sync()
    return 0


async def _fire_due(engine: Engine) -> None:
    """Fire timers and deadlines of runs that nobody drives, for as long as we live."""
    while True:
        await engine.fire_due()
        await asyncio.sleep(FIRE_EVERY_S)


def _on_signal(number: int, window: MainWindow, done: asyncio.Event) -> None:
    """SIGINT closes like the person would; SIGTERM leaves at once, with everything stored."""
    if number == signal.SIGTERM:
        done.set()
    else:
        window.close()


def _catch_everything(loop: asyncio.AbstractEventLoop, window: MainWindow) -> None:
    """Show what nobody caught: it never vanishes and never closes the window."""

    def report(error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        log.error("unexpected error\n%s", text)
        folder = data_dir()
        try:
            with (folder / "errors.log").open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError:
            log.exception("the error could not be written down")
        window.tell(
            f"Something unexpected happened: {error}. Your work is still here; the details are "
            f"in errors.log in {folder}.",
            Kind.ERROR,
        )

    def from_slot(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
            return
        report(error.with_traceback(trace))

    def from_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        report(error if isinstance(error, BaseException) else RuntimeError(context["message"]))

    sys.excepthook = from_slot
    loop.set_exception_handler(from_loop)


def _on_qt_message(kind: QtMsgType, _context: object, text: str) -> None:
    level = {
        QtMsgType.QtDebugMsg: logging.DEBUG,
        QtMsgType.QtInfoMsg: logging.INFO,
        QtMsgType.QtWarningMsg: logging.WARNING,
    }.get(kind, logging.ERROR)
    log.log(level, "Qt: %s", text)


def _say_ready() -> None:
    """Tell a program that started us, and waits for it, that the window is there."""
    name = os.environ.get("HEADGATE_READY_FILE")
    if name:
        Path(name).write_text("ready\n", encoding="utf-8")
