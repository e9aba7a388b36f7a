"""One barrier request, and everything a person needs to decide it. Dock and dialog share it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from shiboken6 import isValid

from designer.panels.barriers_consequences import consequences
from designer.panels.barriers_head import RequestHead, answer_words, node_title
from designer.panels.barriers_parts import (
    AnswerButtons,
    CommentField,
    ConfirmBar,
    ConsequenceList,
)
from designer.panels.barriers_payload import PayloadView
from designer.runs.engine_client import EngineClient
from designer.runs.rows import DecisionRecord, DecisionRefused, RequestRecord, Workflow
from designer.runs.words import choice_words, refusal
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Language
from designer.widgets.kinds import Kind
from designer.widgets.speech import announce
from engine.model.node_types import Option

Json = Any
_STATUS = "status"
_SEEN_FIRST = "Look at the payload first: it has not been on the screen yet."


@dataclass(slots=True)
class Draft:
    """What was typed into a request and not sent."""

    comment: str = ""
    value: Json = None
    edited: bool = False
    editing: bool = False


#: What a request of the system's own lets a person enter, by what it is about.
_ASKS_FOR = {
    "outcome": "Output to go on with, if it happened (JSON)",
    "budget": "New limit, if it is raised",
}


class RequestDetail(QWidget):
    """Title, payload, consequences, comment and answers of one request."""

    #: The run and the node of the request: centre it.
    node_activated = Signal(str, str)
    #: An answer of ours was stored: the request's id and the DecisionRecord.
    decided = Signal(str, object)
    #: The request shown is no longer open, and why has been said: its RequestRecord.
    answered = Signal(object)
    #: Escape: the keys go back to where they came from.
    left = Signal()

    def __init__(self, client: EngineClient, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._record: RequestRecord | None = None
        self._workflow: Workflow | None = None
        self._armed: tuple[str, str] | None = None  # choice and reroute target
        self._sending = False
        self._closed = False
        self._slot = f"detail/{id(self)}"
        self._make_widgets()
        self._arrange()
        self._connect()
        self.show_record(None)

    # --- building -----------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self.head = RequestHead(self._client, self)
        self.payload = PayloadView(self)
        self.output_label = QLabel("Output to go on with, if it happened (JSON)", self)
        self.output_label.setProperty("tone", "small")
        self.output = CodeEdit(Language.JSON, self)
        self.output.setAccessibleName("Output to go on with")
        self.consequences = ConsequenceList(self)
        self.comment = CommentField(self)
        self.note = QLabel(self)
        self.note.setProperty("tone", "small")
        self.note.setWordWrap(True)
        self.confirm_bar = ConfirmBar(self)
        self.buttons = AnswerButtons(self)
        self.reject, self.approve = self.buttons.reject, self.buttons.approve
        self.modify, self.more_menu = self.buttons.modify, self.buttons.menu

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(6)
        layout.addWidget(self.head)
        layout.addWidget(self.payload, 1)
        layout.addWidget(self.output_label)
        layout.addWidget(self.output, 1)
        for widget in (self.consequences, self.comment, self.note, self.confirm_bar, self.buttons):
            layout.addWidget(widget)

    def _connect(self) -> None:
        self.head.node_clicked.connect(self._on_node)
        self.reject.clicked.connect(lambda: self.choose("reject"))
        self.approve.clicked.connect(lambda: self.choose("approve"))
        self.modify.toggled.connect(self._on_modify)
        self.buttons.chosen.connect(self.choose)
        self.payload.edited.connect(self._on_edited)
        self.payload.seen.connect(self._on_seen)
        self.comment.textChanged.connect(self._keep_draft)
        self.comment.left.connect(self.left)
        self.confirm_bar.confirmed.connect(self.confirm)
        self.confirm_bar.cancelled.connect(self.disarm)
        self.output.textChanged.connect(self._on_output)
        self._client.inbox_changed.connect(self._on_inbox)

    # --- showing ------------------------------------------------------------------------------

    @property
    def record(self) -> RequestRecord | None:
        """The request that is shown."""
        return self._record

    @property
    def is_open(self) -> bool:
        """Whether an answer can be given now."""
        return self._record is not None and not self._closed and not self._sending

    def show_record(self, record: RequestRecord | None) -> None:
        """Show a request; what was typed into it before comes back. None shows nothing."""
        if record is not None and _same(record, self._record):
            return
        self._keep_draft()
        self._record = None  # nothing typed from here on belongs to the old one
        self.head.banners.dismiss(_STATUS)
        self.disarm()
        self._closed = self._sending = False
        self.note.clear()
        self.note.hide()
        self._workflow = None
        self.setEnabled(record is not None)
        if record is None:
            return
        self._fill(record)
        self._record = record
        self._client.with_workflow(f"{self._slot}/workflow", record.run, self._take_workflow)
        self._refresh_buttons()

    def _fill(self, record: RequestRecord) -> None:
        request = record.content
        draft = self._client.drafts.get(record.request, Draft())
        self.head.show_record(record, None)
        self.payload.setVisible(not request.system)
        asks_for = _ASKS_FOR.get(request.about, "")
        self.output.setVisible(bool(asks_for))
        self.output_label.setVisible(bool(asks_for))
        self.output_label.setText(asks_for)
        self.modify.setChecked(draft.editing)
        if request.about == "budget":
            self.output.setPlainText(f"{request.payload['raise_to']:g}")
        elif request.system:
            self.output.setPlainText("null")
        elif draft.edited:
            self.payload.show_request(request, draft.value, editing=draft.editing)
        else:
            self.payload.show_request(request, editing=draft.editing)
        self.comment.setPlainText(draft.comment)
        self._fill_options(record)
        self._fill_more(record)
        self.consequences.show_lines(())
        name = f"{request.title}, asked by {record.node} of {record.workflow}"
        self.setAccessibleName(name)

    def _fill_options(self, record: RequestRecord) -> None:
        system = record.content.system
        self.buttons.set_options(record.content.options, system=system)
        for widget in (self.reject, self.modify, self.approve):
            widget.setVisible(not system)
        self.modify.setVisible(not system and self.payload.can_edit)

    def _fill_more(self, record: RequestRecord) -> None:
        self.more_menu.clear()
        for target in record.content.reroute_to:
            self.more_menu.addAction(
                f"Send to {node_title(self._workflow, target)}…",
                partial(self.choose, "reroute", target),
            )
        if record.content.reroute_to:
            self.more_menu.addSeparator()
        clipboard = QGuiApplication.clipboard()
        self.more_menu.addAction("Copy the request's id", lambda: clipboard.setText(record.request))

    def _take_workflow(self, workflow: Workflow) -> None:
        record = self._record
        if record is None:
            return
        self._workflow = workflow
        self.head.show_origin(record, workflow)
        self._fill_more(record)
        registry = self._client.engine.registry
        self.consequences.show_lines(consequences(workflow, registry, record.node, record.content))

    def _on_node(self) -> None:
        if self._record is not None:
            self.node_activated.emit(self._record.run, self._record.node)

    # --- what can be done ---------------------------------------------------------------------

    def _refresh_buttons(self) -> None:
        open_now = self.is_open
        readable = not self.payload.is_broken
        seen = self.payload.is_seen
        for widget in (self.reject, self.buttons.more, self.modify, *self.buttons.options):
            widget.setEnabled(open_now)
        self.comment.setEnabled(open_now)
        self.approve.setEnabled(open_now and seen and readable)
        self.approve.setDefault(open_now and seen and readable)
        edited = self.payload.is_edited
        self.approve.setText("Approve with changes" if edited else "Approve")
        self.approve.setToolTip("" if seen else _SEEN_FIRST)

    def _on_seen(self) -> None:
        self._refresh_buttons()

    def _on_modify(self, on: bool) -> None:
        self.payload.set_editing(on)
        self._keep_draft()
        self._refresh_buttons()
        if on and self._record is not None and self.isVisible():
            self.payload.focus_editor()

    def _on_edited(self) -> None:
        self._keep_draft()
        self._refresh_buttons()
        record = self._record
        if record is None or self.payload.is_broken:
            return
        self._client.read(
            f"{self._slot}/problems",
            self._client.engine.value_problems,
            record.content,
            self.payload.value,
            then=self._take_problems,
            what="Checking the payload",
        )

    def _take_problems(self, problems: list[tuple[str, str]]) -> None:
        self.payload.set_problems(problems if self.payload.is_edited else ())

    def _keep_draft(self) -> None:
        record = self._record
        if record is None or self._closed or record.content.system:
            return
        edited = self.payload.is_edited
        draft = Draft(
            self.comment.toPlainText(),
            self.payload.value if edited else None,
            edited,
            self.payload.is_editing,
        )
        if draft == Draft():
            self._client.drafts.pop(record.request, None)
        else:
            self._client.drafts[record.request] = draft

    def _on_output(self) -> None:
        self.output.set_error_lines({})

    # --- verbs --------------------------------------------------------------------------------

    def edit(self) -> None:
        """Open the payload for typing, or go back to what can be typed in it.

        It never closes it: what is typed after the key must not miss the payload.
        """
        if not (self.is_open and self.modify.isVisibleTo(self)):
            return
        if self.modify.isChecked():
            self.payload.focus_editor()
        else:
            self.modify.setChecked(True)

    def write_comment(self) -> None:
        """Go to the comment."""
        self.comment.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def choose(self, choice: str, to: str = "") -> None:
        """Give an answer, or ask for Ctrl+Enter when it cannot be taken back."""
        record = self._record
        if record is None or not self.is_open:
            return
        if choice == "approve" and not self._may_approve():
            return
        option = self._option(choice)
        if choice == "approve" and self.payload.is_edited:
            choice = "modify"
        if self._needs_confirmation(choice, option):
            self._arm(choice, to, option)
        else:
            self._send(choice, to)

    def confirm(self) -> None:
        """Do what waits for Ctrl+Enter; an edited payload counts as such."""
        if self._armed is not None:
            choice, to = self._armed
            self._send(choice, to)
        elif self.payload.is_editing and self.payload.is_edited:
            self.choose("approve")
        elif self.is_open:
            self._say("Choose first: A approves, R rejects.")

    def disarm(self) -> None:
        """Take an answer back that has not been confirmed."""
        self._armed = None
        self.confirm_bar.hide()
        self.buttons.show()

    def _may_approve(self) -> bool:
        if not self.payload.is_seen:
            self._say(_SEEN_FIRST)
        elif self.payload.is_broken:
            self._say("Correct what cannot be read first.")
        else:
            return True
        return False

    def _option(self, choice: str) -> Option | None:
        options = self._record.content.options if self._record is not None else ()
        return next((option for option in options if option.key == choice), None)

    def _needs_confirmation(self, choice: str, option: Option | None) -> bool:
        assert self._record is not None
        if self._record.content.system or choice in ("reject", "reroute"):
            return True
        return option is not None and (option.danger or option.needs_comment)

    def _arm(self, choice: str, to: str, option: Option | None) -> None:
        assert self._record is not None
        self._armed = (choice, to)
        title = {"reject": "Reject", "reroute": "Send"}.get(choice) or (
            option.title if option is not None else choice
        )
        lines = consequences(
            self._workflow,
            self._client.engine.registry,
            self._record.node,
            self._record.content,
        )
        text = next((line.text for line in lines if line.choice == choice), "")
        said = f"{title}: {text}." if text else f"{title}?"
        if choice == "reroute":
            said = f"Send to {to}?"
        self.buttons.hide()
        self.confirm_bar.ask(title, said)
        announce(self.confirm_bar, self.confirm_bar.text)
        if choice == "reject" or (option is not None and option.needs_comment):
            self.write_comment()
        else:
            self.confirm_bar.confirm.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- sending ------------------------------------------------------------------------------

    def _send(self, choice: str, to: str) -> None:
        record = self._record
        if record is None or not self.is_open:
            return
        option = self._option(choice)
        comment = self.comment.toPlainText().strip()
        if option is not None and option.needs_comment and not comment:
            self._say(f"{option.title} needs a comment.")
            self.write_comment()
            return
        values: Json = self.payload.value if choice == "modify" else None
        if choice in ("happened", "raise") and self.output.isVisibleTo(self):
            try:
                values = json.loads(self.output.toPlainText())
            except json.JSONDecodeError as error:
                self.output.set_error_lines({error.lineno: error.msg})
                what = "output" if choice == "happened" else "limit"
                self._say(f"The {what} is not JSON, line {error.lineno}: {error.msg}.")
                return
        self._sending = True
        self._refresh_buttons()
        self._client.spawn(
            self._decide(record, choice, comment, values, to), "Sending the decision"
        )

    async def _decide(
        self, record: RequestRecord, choice: str, comment: str, values: Json, to: str
    ) -> None:
        refused: DecisionRefused | None = None
        decision: DecisionRecord | None = None
        try:
            decision = await self._client.decide(
                record, choice, comment=comment, values=values, to=to
            )
        except DecisionRefused as error:
            refused = error
        finally:
            shown = isValid(self) and self._record is record
            if shown:
                self._sending = False
                self.disarm()
        if decision is not None:
            self._client.drafts.pop(record.request, None)
        if shown and refused is not None:
            self._on_refused(record, refused)
        elif shown and decision is not None:
            self._on_decided(record, decision)

    def _on_decided(self, record: RequestRecord, decision: DecisionRecord) -> None:
        self._close()
        words = choice_words(decision.choice).removesuffix(":").capitalize()
        more = record.content.quorum > 1 and decision.choice != "reject"
        others = " Others must agree too." if more else ""
        self._show_status(f"{words} by you.{others}", Kind.SUCCESS)
        self.decided.emit(record.request, decision)

    def _close(self) -> None:
        """Nothing can be answered any more, so nothing is counted down either."""
        self._closed = True
        self.head.countdown.set_deadline(None)
        self.head.countdown.hide()

    def _on_refused(self, record: RequestRecord, error: DecisionRefused) -> None:
        self._show_status(refusal(error), Kind.ERROR)
        if error.problems:
            self.modify.setChecked(True)
            self.payload.set_problems(error.problems)
        self._refresh_buttons()
        if error.reason != "invalid":
            self._look_again(record)

    def _show_status(self, text: str, kind: Kind) -> None:
        self.head.banners.show_banner(_STATUS, text, kind, closable=False)
        self._refresh_buttons()

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        announce(self.note, text)

    # --- answered elsewhere ---------------------------------------------------------------------

    def _on_inbox(self) -> None:
        record = self._record
        if record is None or self._closed or self._sending:
            return
        fresh = self._client.request(record.request)
        if fresh is None:
            self._look_again(record)
        elif fresh.digest != record.digest:
            self.show_record(fresh)
            self._show_status(
                "What is asked has changed since you saw it; look again.", Kind.WARNING
            )

    def _look_again(self, record: RequestRecord) -> None:
        self._client.read(
            f"{self._slot}/again",
            self._client.engine.request,
            record.request,
            then=self._take_again,
            what="Looking at the request again",
        )

    def _take_again(self, fresh: RequestRecord) -> None:
        record = self._record
        if record is None or fresh.request != record.request or self._closed:
            return
        if fresh.status == "open":
            if fresh.digest != record.digest:
                self.show_record(fresh)
            return
        self._close()
        self.disarm()
        self._show_status(answer_words(fresh, self._client.user), Kind.INFO)
        self.answered.emit(fresh)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape takes back what is not confirmed, then gives the keys back."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self._armed is not None:
            self.disarm()
        else:
            self.left.emit()


def _same(record: RequestRecord, other: RequestRecord | None) -> bool:
    """Whether both show the same content of the same request."""
    return other is not None and record.request == other.request and record.digest == other.digest
