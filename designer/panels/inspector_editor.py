"""What all editors of a form have in common: one value in, edits out.

What a person types is never lost: a text that is no value is handed on as it is where the
document can hold it (validation then says what is wrong), and kept in the field where not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from designer.panels.inspector_spec import FieldSpec

Json = Any


def mark_invalid(widget: QWidget, invalid: bool) -> None:
    """Outline an input as wrong, or no longer."""
    if bool(widget.property("invalid")) != invalid:
        widget.setProperty("invalid", invalid)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Editor(QWidget):
    """Base of all editors: one value in, edits out."""

    #: A new value (or `UNSET`), and whether it was typed, so that more may follow.
    edited = Signal(object, bool)
    #: What was typed is no value and stays in the field: why, or empty when it is mended.
    broke = Signal(str)

    def show_value(self, value: Json) -> None:
        """Show the value of the document; what shows it already is left alone."""
        raise TypeError(f"{type(self).__name__} shows nothing")

    def set_locked(self, locked: bool) -> None:
        """Let the value be read only."""
        for widget in self.inputs():
            lock(widget, locked)

    def set_problems(self, problems: Mapping[str, str]) -> None:
        """Outline what is wrong: path inside the value to sentence."""
        for widget in self.inputs():
            mark_invalid(widget, bool(problems))

    def inputs(self) -> list[QWidget]:
        """The widgets that take the keyboard, in order."""
        return []

    def draft(self) -> str:
        """The text as it was typed, for the time when it is no value."""
        return ""

    def take_draft(self, text: str) -> None:
        """Have what was typed earlier typed again."""


def lock(widget: QWidget, locked: bool) -> None:
    """Make an input read-only where it can be, so that its text can still be copied."""
    if isinstance(widget, QLineEdit | QPlainTextEdit):
        widget.setReadOnly(locked)
    else:
        widget.setEnabled(not locked)


class SingleEditor(Editor):
    """An editor of one widget over its whole width."""

    def _take(self, widget: QWidget) -> None:
        self._input = widget
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(widget)
        self.setFocusProxy(widget)

    def inputs(self) -> list[QWidget]:
        return [self._input]


def placeholder_of(spec: FieldSpec) -> str:
    """What an empty field shows: the default that then counts, or an example."""
    if isinstance(spec.default, int | float) and not isinstance(spec.default, bool):
        return number_text(spec.default)
    if isinstance(spec.default, str) and spec.default:
        return spec.default
    return spec.placeholder


def number_text(value: float) -> str:
    """A number as it is typed."""
    return str(int(value)) if float(value).is_integer() else repr(value)


def tab_stops(widget: QWidget) -> Iterator[QWidget]:
    """What Tab visits inside a widget: in the order of its layouts, small buttons last."""
    children = list(_children_of(widget))
    tab_last = getattr(widget, "tab_last", None)
    if isinstance(tab_last, tuple):
        last = [child for child in children if child in tab_last]
        children = [child for child in children if child not in last] + last
    if not children and widget.focusProxy() is None:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            yield widget
        return
    for child in children:
        yield from tab_stops(child)


def _children_of(widget: QWidget) -> Iterator[QWidget]:
    layout = widget.layout()
    if layout is not None and not isinstance(widget, QAbstractScrollArea):
        yield from _in_layout(layout)


def _in_layout(layout: QLayout) -> Iterator[QWidget]:
    for place in range(layout.count()):
        item = layout.itemAt(place)
        if item is None:
            continue
        if (inner := item.widget()) is not None:
            yield inner
        elif (deeper := item.layout()) is not None:
            yield from _in_layout(deeper)


def chain_tabs(page: QWidget) -> None:
    """Let Tab visit a page in the order in which it is seen.

    Qt appends what is made later to the end of the window's chain.
    """
    for before, after in pairwise(list(tab_stops(page))):
        QWidget.setTabOrder(before, after)
