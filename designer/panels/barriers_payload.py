"""The payload of a barrier request: as table, form, tree, text or differences; edited in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from designer.panels.barriers_form import SchemaForm
from designer.widgets.buttons import ChipButton
from designer.widgets.format import plural
from designer.widgets.json_value import (
    ChangeKind,
    JsonChange,
    JsonPath,
    JsonValue,
    json_diff,
    path_text,
    preview,
)
from designer.widgets.value_view import ValueView, ViewMode
from engine.model.node_types import Request

_BEFORE_AFTER = (("before", "after"), ("old", "new"))
_MODES = {"table": ViewMode.TABLE, "text": ViewMode.TEXT, "json": ViewMode.TREE}


class Page(StrEnum):
    """The ways in which the payload is shown."""

    VALUES = "Values"
    FORM = "Form"
    CHANGES = "Changes"


def before_and_after(payload: JsonValue) -> tuple[JsonValue, JsonValue] | None:
    """The two sides of a payload that is itself a comparison, or None."""
    if isinstance(payload, dict):
        for before, after in _BEFORE_AFTER:
            if set(payload) == {before, after}:
                return payload[before], payload[after]
    return None


def first_page(request: Request) -> Page:
    """How a request is shown when it is opened."""
    if request.view == "form" and isinstance(request.payload, dict):
        return Page.FORM
    if request.view == "auto":
        if before_and_after(request.payload) is not None:
            return Page.CHANGES
        if request.form and isinstance(request.payload, dict):
            return Page.FORM
    return Page.VALUES


def _reading_order(path: JsonPath) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in path)


def change_words(changes: Mapping[JsonPath, JsonChange], most: int = 4) -> str:
    """The edits in one line: ``[3].amount: 120 → 95``."""
    parts: list[str] = []
    for path, change in list(changes.items())[:most]:
        name = path_text(path) or "the payload"
        if change.kind is ChangeKind.CHANGED:
            parts.append(f"{name}: {preview(change.old, 24)} → {preview(change.new, 24)}")
        else:
            parts.append(f"{name} {change.kind.value}")
    if len(changes) > most:
        parts.append(f"and {len(changes) - most:,} more")
    return "; ".join(parts)


class PayloadView(QWidget):
    """Shows what is asked, and lets it be edited where the request allows that."""

    #: The payload differs from what it was a moment ago, or can (not) be read any more.
    edited = Signal()
    #: The payload has been on the screen.
    seen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._request = Request(title="")
        self._value: JsonValue = None
        self._editing = False
        self._seen = False
        self._stale: set[Page] = set()
        self.values = ValueView(self)
        self.form = SchemaForm(self)
        self.changes_view = ValueView(self)
        self._pages: dict[Page, QWidget] = {
            Page.VALUES: self.values,
            Page.FORM: self.form,
            Page.CHANGES: self.changes_view,
        }
        self._stack = QStackedWidget(self)
        self._chips = {page: ChipButton(page.value, self) for page in self._pages}
        self._summary = QLabel(self)
        self._summary.setProperty("tone", "small")
        self._summary.setTextFormat(Qt.TextFormat.PlainText)
        self._summary.setWordWrap(True)
        self._page = Page.VALUES
        self._arrange()

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(2, 2, 2, 4)
        bar.setSpacing(5)
        group = QButtonGroup(self)
        for page, chip in self._chips.items():
            group.addButton(chip)
            bar.addWidget(chip)
            chip.clicked.connect(lambda _checked=False, page=page: self.show_page(page))
            self._stack.addWidget(self._pages[page])
        bar.addStretch(1)
        layout = QVBoxLayout(self)
        # Two pixels of our own, so that being seen is noticed under children that cover all.
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._summary)
        self.values.edited.connect(self._on_value)
        self.form.edited.connect(self._on_form)
        self.form.broken_changed.connect(self.edited)

    # --- state --------------------------------------------------------------------------------

    @property
    def value(self) -> JsonValue:
        """The payload with the edits made in it."""
        return self._value

    @property
    def changes(self) -> dict[JsonPath, JsonChange]:
        """How the payload differs from what was asked."""
        original = self._request.payload
        if self._value is original:
            return {}
        found = json_diff(original, self._value)
        return {path: found[path] for path in sorted(found, key=_reading_order)}

    @property
    def is_edited(self) -> bool:
        """Whether anything differs from what was asked."""
        return bool(self.changes)

    @property
    def is_broken(self) -> bool:
        """Whether something that was typed cannot be read."""
        return bool(self.form.broken)

    @property
    def is_editing(self) -> bool:
        """Whether the payload is open for typing."""
        return self._editing

    @property
    def is_seen(self) -> bool:
        """Whether the payload of this request has been on the screen."""
        return self._seen

    @property
    def page(self) -> Page:
        """How the payload is shown now."""
        return self._page

    @property
    def can_edit(self) -> bool:
        """Whether the request allows any edit."""
        return not self._request.system and self._request.editable != ()

    def show_request(
        self, request: Request, value: JsonValue = ..., *, editing: bool = False
    ) -> None:
        """Show another request; `value` brings a draft back."""
        self._request = request
        self._value = request.payload if value is ... else value
        self._editing = editing and self.can_edit
        self._seen = False
        self.values.set_mode(_MODES.get(request.view, ViewMode.AUTO))
        self._refill(first_page(request))
        self.update()

    def set_editing(self, editing: bool) -> None:
        """Open the payload for typing in place, or close it and keep what was typed."""
        if editing == self._editing or (editing and not self.can_edit):
            return
        self._editing = editing
        page = self._page
        if editing and page is Page.CHANGES:
            page = Page.VALUES
        self._refill(page)

    def discard(self) -> None:
        """Take all edits back."""
        self._value = self._request.payload
        self._refill(self._page)
        self.edited.emit()

    def focus_editor(self) -> None:
        """Go to the first thing that can be typed in."""
        if self._page is Page.FORM:
            self.form.focus_first()
        else:
            self.values.focus_value()

    def set_problems(self, problems: Sequence[tuple[str, str]]) -> None:
        """Show what is wrong where it is."""
        self.form.set_problems(problems)
        text = "; ".join(f"{path or 'the payload'}: {message}" for path, message in problems[:4])
        if len(problems) > 4:
            text += f"; and {len(problems) - 4} more"
        self._say(text, "error") if text else self._show_summary()

    # --- pages --------------------------------------------------------------------------------

    def show_page(self, page: Page) -> None:
        """Show the payload in that way."""
        self._page = page
        self._chips[page].setChecked(True)
        if page in self._stale:
            self._stale.discard(page)
            self._fill(page)
        self._stack.setCurrentWidget(self._pages[page])

    def _refill(self, page: Page) -> None:
        self._stale = set(self._pages)
        self._show_chips()
        self._show_summary()
        self.show_page(page if not self._chips[page].isHidden() else Page.VALUES)

    def _show_chips(self) -> None:
        comparable = before_and_after(self._request.payload) is not None
        changed = len(self.changes)
        self._chips[Page.FORM].setVisible(isinstance(self._value, dict) and bool(self._value))
        self._chips[Page.CHANGES].setVisible(bool(changed) or comparable)
        self._chips[Page.CHANGES].setText(f"Changes ({changed:,})" if changed else "Changes")
        others = (self._chips[Page.FORM], self._chips[Page.CHANGES])
        self._chips[Page.VALUES].setVisible(any(not chip.isHidden() for chip in others))

    def _fill(self, page: Page) -> None:
        allowed = self._request.editable
        fields = frozenset(allowed) if allowed is not None else None
        if page is Page.VALUES:
            self.values.set_value(
                self._value, editable=self._editing, fields=fields, changes=self.changes
            )
        elif page is Page.FORM:
            self.form.set_value(self._value, self._request.form, fields)
            self.form.set_editing(self._editing)
        else:
            pair = None if self.is_edited else before_and_after(self._request.payload)
            before, after = pair or (self._request.payload, self._value)
            self.changes_view.set_value(after, changes=json_diff(before, after))

    def _on_value(self) -> None:
        self._take(self.values.value, Page.VALUES)
        self.values.mark(self.changes)

    def _on_form(self) -> None:
        self._take(self.form.value, Page.FORM)

    def _take(self, value: JsonValue, page: Page) -> None:
        self._value = value
        self._stale = set(self._pages) - {page}
        self._show_chips()
        self._show_summary()
        self.edited.emit()

    def _show_summary(self) -> None:
        changes = self.changes
        if changes:
            self._say(f"{plural(len(changes), 'change')}: {change_words(changes)}", "warning")
        elif self._editing and self._request.editable is not None:
            self._say(f"You may change: {', '.join(self._request.editable)}", "small")
        else:
            self._say("", "small")

    def _say(self, text: str, tone: str) -> None:
        self._summary.setText(text)
        self._summary.setVisible(bool(text))
        self._summary.setProperty("tone", tone)
        self._summary.style().unpolish(self._summary)
        self._summary.style().polish(self._summary)

    @property
    def summary(self) -> str:
        """What is said under the payload."""
        return self._summary.text()

    # --- being seen, and keys -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Note that the payload is on the screen."""
        super().paintEvent(event)
        if not self._seen:
            self._seen = True
            self.seen.emit()

    def event(self, event: QEvent) -> bool:
        """While the payload is edited, letters are typed into it and are no shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and self._editing:
            assert isinstance(event, QKeyEvent)
            plain = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
            if event.text().isprintable() and event.text() and event.modifiers() in plain:
                event.accept()
                return True
        return super().event(event)
