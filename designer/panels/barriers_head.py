"""The head of a barrier request: what is asked, by which node, until when; and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from designer.panels.barriers_parts import Explanation
from designer.runs.engine_client import EngineClient
from designer.runs.rows import DecisionRecord, RequestRecord, Workflow
from designer.runs.words import (
    choice_words,
    clock_text,
    default_words,
    local_time,
    short_run,
)
from designer.widgets.banner import BannerArea
from designer.widgets.countdown import CountdownLabel
from designer.widgets.format import format_relative


class RequestHead(QWidget):
    """Title with countdown, where the request comes from, messages about it, explanation."""

    #: The node was clicked.
    node_clicked = Signal()

    def __init__(self, client: EngineClient, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self.title = QLabel(self)
        self.title.setProperty("tone", "title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self.countdown = CountdownLabel(self, clock=lambda: local_time(client.now()))
        self.meta = QLabel(self)
        self.meta.setProperty("tone", "muted")
        self.meta.setTextFormat(Qt.TextFormat.RichText)
        self.meta.setWordWrap(True)
        self.meta.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.meta.linkActivated.connect(lambda _link: self.node_clicked.emit())
        self.banners = BannerArea(self)
        self.body = Explanation(self)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.countdown, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.meta)
        layout.addWidget(self.banners)
        layout.addWidget(self.body)

    def changeEvent(self, event: QEvent) -> None:
        """Draw the link in the colours of a new theme: a label keeps those it was set with."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "meta"):
            text = self.meta.text()
            self.meta.clear()
            self.meta.setText(text)

    def show_record(self, record: RequestRecord, workflow: Workflow | None) -> None:
        """Show the head of `record`; titles of nodes come with the workflow."""
        request = record.content
        self.title.setText(request.title)
        when = local_time(record.deadline) if record.deadline is not None else None
        self.countdown.set_deadline(when, default_words(request.default))
        self.countdown.setVisible(when is not None)
        self.body.show_text(request.body)
        self.show_origin(record, workflow)

    def show_origin(self, record: RequestRecord, workflow: Workflow | None) -> None:
        """Say who asks, who may decide and who has."""
        asked = format_relative(local_time(record.opened_at), local_time(self._client.now()))
        node = f"<a href='node'>{escape(node_title(workflow, record.node))}</a>"
        run = escape(short_run(record.run))
        parts = [f"{node} in {escape(record.workflow)}, run {run}, asked {asked}"]
        if path := self._client.paths.get(record.run):
            parts.append(f"called by {escape(path)}")
        request = record.content
        if request.assignees:
            parts.append(f"to be decided by {escape(', '.join(request.assignees))}")
        if request.quorum > 1:
            parts.append(escape(quorum_words(record, self._client.decisions)))
        parts.append(f"you sign as {escape(self._client.user)}")
        self.meta.setText(" · ".join(parts))


def node_title(workflow: Workflow | None, key: str) -> str:
    """The title of a node, its key where it has none or the workflow is not known yet."""
    node = workflow.nodes.get(key) if workflow is not None else None
    return (node.title if node is not None else "") or key


def quorum_words(record: RequestRecord, decisions: Iterable[DecisionRecord]) -> str:
    """How many must agree, and who has already."""
    voices = {
        decision.by: choice_words(decision.choice).removesuffix(":")
        for decision in decisions
        if decision.request == record.request and decision.accepted
    }
    said = ", ".join(f"{by} {words}" for by, words in voices.items())
    return f"{record.content.quorum} must agree" + (f" ({said})" if said else "")


def answer_words(record: RequestRecord, user: str) -> str:
    """How a request that is no longer open was answered, and by whom."""
    decision = record.decision
    if record.status == "withdrawn":
        return "This is no longer asked: the run went another way or was cancelled."
    if record.status == "expired" or (decision is not None and decision.through == "timeout"):
        default = record.content.default or "reject"
        return f"Time is up: {choice_words(default)}, as set."
    if decision is None:
        return "This has been answered."
    who = "you" if decision.by == user else decision.by
    words = choice_words(decision.choice).removesuffix(":").capitalize()
    comment = f": “{decision.comment}”" if decision.comment else ""
    how = _THROUGH.get(decision.through, f"through {decision.through}")
    return f"{words} by {who} {how} at {clock_text(decision.at)}{comment}."


_THROUGH = {"designer": "in a window", "cli": "on the command line"}
