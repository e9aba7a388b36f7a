"""Garbage is collected where Qt's objects live.

A document validates and a journal writes in threads. Python collects cycles in whatever
thread happens to allocate; a QObject that dies there takes the process along. The program
collects on its GUI thread only (`designer.event_loop`), and so do these tests.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _collect_on_this_thread() -> Iterator[None]:
    gc.disable()
    yield
    gc.collect()
    gc.enable()
