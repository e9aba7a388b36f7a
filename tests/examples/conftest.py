from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.running import Person


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """Somebody at a terminal, with a data folder of their own."""
    somebody = Person(tmp_path / "data")
    yield somebody
    somebody.leave()
