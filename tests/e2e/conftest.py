"""Every test here works in folders of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.desk import put_settings_aside


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_settings_aside(monkeypatch, tmp_path)
