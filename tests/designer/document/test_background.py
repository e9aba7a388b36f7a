"""Work in a thread: answered on the GUI thread, and harmless when nobody waits any more."""

from __future__ import annotations

import gc
import threading

from PySide6.QtCore import QCoreApplication, QObject
from pytestqt.qtbot import QtBot

from designer.document.background import Background


class Owner(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[object, object, object]] = []
        self.threads: list[int] = []
        self.background = Background("test", self.take)

    def take(self, tag: object, result: object, error: object) -> None:
        self.answers.append((tag, result, error))
        self.threads.append(threading.get_ident())


def test_answers_come_in_order_on_the_thread_of_the_owner(qtbot: QtBot) -> None:
    owner = Owner()
    for number in range(5):
        owner.background.submit(number, threading.get_ident)
    qtbot.waitUntil(lambda: len(owner.answers) == 5)
    assert [tag for tag, _, _ in owner.answers] == list(range(5))
    assert all(worker != threading.get_ident() for _, worker, _ in owner.answers)
    assert set(owner.threads) == {threading.get_ident()}
    owner.background.close(cancel=True)


def test_a_failure_is_an_answer_too(qtbot: QtBot) -> None:
    owner = Owner()
    owner.background.submit("x", lambda: 1 // 0)
    qtbot.waitUntil(lambda: len(owner.answers) == 1)
    assert isinstance(owner.answers[0][2], ZeroDivisionError)
    owner.background.close(cancel=True)


def test_an_owner_may_go_while_its_work_goes_on(qtbot: QtBot) -> None:
    for _ in range(20):
        owner = Owner()
        gate = threading.Event()
        owner.background.submit("late", gate.wait)
        background = owner.background
        del owner
        gc.collect()
        gate.set()
        background.close(cancel=False)
        QCoreApplication.sendPostedEvents()
    assert threading.active_count() < 20
