"""The rules of tests/conftest.py hold: what must not pass does not."""

from __future__ import annotations

from pathlib import Path

import pytest

PASSES = """
import asyncio, logging, pytest
async def test_runs_on_asyncio(tmp_path):
    await asyncio.sleep(0)
    assert type(asyncio.get_running_loop()).__module__.startswith("asyncio")
async def test_runs_on_the_loop_of_qt(qloop):
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is qloop
async def test_a_task_that_is_awaited(qloop):
    assert await qloop.create_task(asyncio.sleep(0, "done")) == "done"
@pytest.mark.expected_logs("disk is (almost )?full")
def test_a_log_that_is_expected():
    logging.getLogger("store").warning("the disk is full")
"""

FAILS = """
import asyncio, logging, socket, warnings, pytest
async def test_raises():
    raise ValueError
async def test_leaves_a_task():
    test_leaves_a_task.kept = asyncio.get_running_loop().create_task(asyncio.sleep(60))
async def test_leaves_a_task_on_the_loop_of_qt(qloop):
    test_leaves_a_task.kept = qloop.create_task(asyncio.sleep(60))
async def test_forgets_to_await():
    asyncio.sleep(0)
def test_warns():
    warnings.warn("old", DeprecationWarning)
def test_qt_warns(qapp):
    from PySide6.QtCore import qWarning
    qWarning("no such slot")
def test_connects_to_the_world():
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("192.0.2.1", 9), timeout=0.1)
"""

FAILS_AFTERWARDS = """
import logging, pytest
from PySide6.QtWidgets import QWidget
def test_logs():
    logging.getLogger("store").error("lost")
@pytest.mark.expected_logs("lost")
def test_does_not_log():
    pass
def test_leaves_a_window(qapp):
    test_logs.kept = QWidget()
"""


@pytest.fixture
def outcomes(pytester: pytest.Pytester, pytestconfig: pytest.Config) -> dict[str, int]:
    """What pytest says of the three files, run under the project's own settings."""
    conftest = Path(__file__).with_name("conftest.py").read_text(encoding="utf-8")
    pytester.path.joinpath("pyproject.toml").write_bytes(
        (pytestconfig.rootpath / "pyproject.toml").read_bytes()
    )
    folder = pytester.mkdir("tests")
    folder.joinpath("conftest.py").write_text(conftest, encoding="utf-8")
    designer = folder / "designer"
    designer.mkdir()
    for name, text in {"passes": PASSES, "fails": FAILS, "fails_late": FAILS_AFTERWARDS}.items():
        designer.joinpath(f"test_{name}.py").write_text(text, encoding="utf-8")
    return pytester.runpytest_subprocess("-q").parseoutcomes()


def test_what_must_not_pass_fails(outcomes: dict[str, int]) -> None:
    passed_but_for_the_teardown = 3
    assert outcomes == {"passed": 4 + passed_but_for_the_teardown, "failed": 7, "errors": 3}
