"""The keys of decisions: one set of verbs, carried out by the place that has the focus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.panels.barriers_detail import RequestDetail


class Desk(Protocol):
    """A place where requests are decided: the dock or the dialog."""

    detail: RequestDetail

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) request."""
        ...


class BarrierVerbs(QObject):
    """Binds the verbs once and hands each to the desk in use.

    An answer must never reach a request that nobody looks at: without a desk that has the
    focus, nothing happens.
    """

    def __init__(self, registry: ActionRegistry) -> None:
        super().__init__(registry)
        self._desks: list[tuple[QWidget, Desk]] = []
        for verb, act in _VERBS.items():
            registry.bind(verb, partial(self._do, act))

    def add(self, widget: QWidget, desk: Desk) -> None:
        """Let `desk` have the verbs while `widget` or a child of it has the focus."""
        self._desks.append((widget, desk))

    def _do(self, act: Callable[[Desk], None]) -> None:
        self._desks = [(widget, desk) for widget, desk in self._desks if isValid(widget)]
        focus = QApplication.focusWidget()
        for widget, desk in self._desks:
            if focus is not None and (widget is focus or widget.isAncestorOf(focus)):
                act(desk)
                return


def verbs_of(registry: ActionRegistry) -> BarrierVerbs:
    """The verbs of this registry's window, bound at the first call."""
    found = registry.findChild(BarrierVerbs)
    return found if found is not None else BarrierVerbs(registry)


_VERBS: dict[ActionId, Callable[[Desk], None]] = {
    ActionId.BARRIER_NEXT: lambda desk: desk.step(1),
    ActionId.BARRIER_PREVIOUS: lambda desk: desk.step(-1),
    ActionId.BARRIER_APPROVE: lambda desk: desk.detail.choose("approve"),
    ActionId.BARRIER_REJECT: lambda desk: desk.detail.choose("reject"),
    ActionId.BARRIER_EDIT: lambda desk: desk.detail.edit(),
    ActionId.BARRIER_COMMENT: lambda desk: desk.detail.write_comment(),
    ActionId.BARRIER_CONFIRM: lambda desk: desk.detail.confirm(),
}
