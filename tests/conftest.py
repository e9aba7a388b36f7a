"""What every test relies on: no screen, no network, no trace in the user's folders.

A test that is a coroutine runs on a plain asyncio loop, or on the designer's when it asks for
the fixture `qloop`. It fails after 30 seconds and when it leaves a task behind. Fixtures are
plain functions; what must be awaited is an async context manager that the test enters.

A test fails on Python warnings, on Qt's warnings, on logged warnings (see `expected_logs`)
and, under tests/designer, on windows that it leaves open.
"""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import logging
import os
import re
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

# Before Qt is imported, by whatever imports it first.
os.environ["QT_QPA_PLATFORM"] = os.environ.get("HEADGATE_TEST_PLATFORM", "offscreen")
os.environ["PYTEST_QT_API"] = "pyside6"

import hypothesis
import pytest

DESIGNER_TESTS = Path(__file__).parent / "designer"
TEST_TIMEOUT_S = 30

# A machine that is busy is not a bug, so nothing is timed; CI tries the same examples each time.
BUSY = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("here", deadline=None, suppress_health_check=BUSY)
hypothesis.settings.register_profile(
    "ci", deadline=None, suppress_health_check=BUSY, derandomize=True, database=None
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


# --- nothing outside the test is touched -----------------------------------------------


def _refuse_the_network(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: only loopback and local sockets are connected to."""
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = str(args[1][0])
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = host == "localhost"
        if not local:
            raise PermissionError(f"A test connects to {host}; tests use loopback only.")


sys.addaudithook(_refuse_the_network)


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings, stores and secrets of the person who runs the tests stay as they are."""
    base = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "CONFIG", "DATA", "RUNTIME", "STATE"):
            folder = base / name.lower()
            folder.mkdir(mode=0o700)
            variable = "XDG_RUNTIME_DIR" if name == "RUNTIME" else f"XDG_{name}_HOME"
            patch.setenv(variable, str(folder))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "HEADGATE_STORE"):
            patch.delenv(name, raising=False)
        yield


# --- coroutines ------------------------------------------------------------------------


async def _limited(test: Coroutine[Any, Any, None]) -> list[str]:
    """Await the test; the names of the tasks that it left running."""
    async with asyncio.timeout(TEST_TIMEOUT_S):
        await test
    # What the test has just cancelled or finished gets the passes it needs to end.
    for _ in range(5):
        await asyncio.sleep(0)
    me = asyncio.current_task()
    return sorted(repr(task) for task in asyncio.all_tasks() if task is not me)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    test = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    loop = pyfuncitem.funcargs.get("qloop")
    if isinstance(loop, asyncio.AbstractEventLoop):
        leaked = loop.run_until_complete(_limited(test))
    else:
        with asyncio.Runner() as runner:
            leaked = runner.run(_limited(test))
    if leaked:
        pytest.fail("The test leaves tasks behind: " + "; ".join(leaked))
    return True


@pytest.fixture
def qloop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """The designer's loop; a coroutine that asks for it runs there, beside Qt."""
    from designer.event_loop import make_loop

    qapp = request.getfixturevalue("qapp")
    qapp.setQuitOnLastWindowClosed(False)
    loop = make_loop(qapp)
    asyncio.set_event_loop(loop)
    yield loop
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    asyncio.set_event_loop(None)


# --- nothing is left unsaid ------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_unexpected_logs(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """A warning in the log fails the test, unless `expected_logs` names it.

    ``@pytest.mark.expected_logs("store is full")`` takes regular expressions; each must be met.
    """
    marker = request.node.get_closest_marker("expected_logs")
    patterns: tuple[str, ...] = marker.args if marker else ()
    yield
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    texts = [record.getMessage() for record in records if record.levelno >= logging.WARNING]
    surprises = [text for text in texts if not any(re.search(each, text) for each in patterns)]
    missing = [each for each in patterns if not any(re.search(each, text) for text in texts)]
    if surprises:
        pytest.fail("The test logs what it does not expect: " + "; ".join(surprises))
    if missing:
        pytest.fail("The test expects logs that never came: " + "; ".join(missing))


@pytest.fixture(autouse=True)
def _no_windows_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of the designer that leaves a top-level widget fails.

    The usual cause is a lambda or a partial that holds `self`, or a dialog without a parent.
    """
    if not request.path.is_relative_to(DESIGNER_TESTS):
        yield
        return
    from PySide6.QtCore import QCoreApplication, QEvent
    from PySide6.QtWidgets import QApplication

    before = {id(widget): widget for widget in QApplication.topLevelWidgets()}
    yield
    if QApplication.instance() is None:
        return
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [widget for widget in QApplication.topLevelWidgets() if id(widget) not in before]
    names = [f"{type(widget).__name__} {widget.objectName()!r}" for widget in left]
    for widget in left:
        widget.close()
        widget.deleteLater()
    if names:
        pytest.fail("The test leaves windows behind: " + ", ".join(names))
