"""The canvas under test. Garbage is collected on this thread: see tests/designer/document."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.model.workflow import Workflow
from tests.designer.canvas.hand import Bench, bench, put_away

Open = Callable[[Workflow], Bench]


@pytest.fixture(autouse=True)
def _collect_on_this_thread() -> Iterator[None]:
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def open_canvas(qtbot: QtBot, tmp_path: Path) -> Iterator[Open]:
    opened: list[Bench] = []

    def make(workflow: Workflow) -> Bench:
        opened.append(bench(qtbot, workflow, tmp_path))
        return opened[-1]

    yield make
    for each in opened:
        put_away(each)
