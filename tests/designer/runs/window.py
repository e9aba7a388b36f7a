"""What tests of runs and panels share: a client that is closed, settings of their own, waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from PySide6.QtCore import QSettings, SignalInstance
from PySide6.QtWidgets import QVBoxLayout, QWidget

from designer.actions.registry import ActionRegistry
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.settings import Settings
from tests.designer.runs.fake_engine import START, FakeEngine


def own_settings(folder: Path) -> Settings:
    """Settings in a file of the test's own."""
    backend = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    settings = Settings(backend)
    settings.user_name = "Ada"
    return settings


@asynccontextmanager
async def open_client(engine: object, folder: Path) -> AsyncGenerator[EngineClient]:
    """A client of `engine` that is closed at the end."""
    settings = own_settings(folder)
    client = EngineClient(cast(Any, engine), settings, now=lambda: START + 100)
    try:
        yield client
    finally:
        await client.close()
        client.deleteLater()


@asynccontextmanager
async def open_model(engine: FakeEngine, folder: Path, run: str | None) -> AsyncGenerator[RunModel]:
    """A model that shows `run`, fully read."""
    async with open_client(engine, folder) as client:
        model = RunModel(client, client)
        client.refresh()
        await until(lambda: client.is_settled)
        if run is not None:
            model.show_run(run)
            await until(lambda: model.record is not None and bool(model.lanes))
            await until(lambda: all(lane.ticks for lane in model.lanes))
        yield model


P = TypeVar("P", bound=QWidget)


@asynccontextmanager
async def open_panel(
    kind: Callable[..., P], engine: FakeEngine, folder: Path, run: str | None = "run1"
) -> AsyncGenerator[P]:
    """A panel of that kind, shown, for a model that has read `run`."""
    async with open_model(engine, folder, run) as model:
        window = QWidget()
        panel = kind(model.client, model, model.client.settings, ActionRegistry(window), window)
        window.resize(900, 460)
        QVBoxLayout(window).addWidget(panel)
        window.show()
        window.activateWindow()
        await until(window.isActiveWindow)
        try:
            yield panel
        finally:
            window.close()
            window.deleteLater()


async def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Let the loop run until `condition` holds; the time is for a machine that is busy."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


class Heard:
    """Everything that a signal has said."""

    def __init__(self, *signals: SignalInstance) -> None:
        self.calls: list[tuple[Any, ...]] = []
        for signal in signals:
            signal.connect(self._hear)

    def _hear(self, *args: Any) -> None:
        self.calls.append(args)

    def __len__(self) -> int:
        return len(self.calls)
