from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.cli.program import Terminal


@pytest.fixture
def headgate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """The command line, with a store and a data folder of its own."""
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path / "data"))
    return Terminal(tmp_path, capsys)
