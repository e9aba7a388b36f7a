"""Why did this run, why is it waiting: what led to a node and what has not, in words."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from designer.panels.frontier_rows import Joins, why
from designer.runs.words import clock_text
from designer.theme import scaled_px
from designer.widgets.format import format_duration, plural
from designer.widgets.markdown_view import MarkdownView
from engine.model.workflow import Edge, Workflow
from engine.run_view import NodeView, RunView

_NODE = "node"
_STATES = {
    "idle": "has not run",
    "ready": "is ready",
    "running": "is running",
    "waiting": "waits for a decision",
    "timer": "waits",
    "retry": "is tried again",
    "done": "is done",
    "recorded": "is done, from a recording",
    "failed": "failed",
    "cancelled": "was cancelled",
    "skipped": "was skipped",
}


def why_text(key: str, workflow: Workflow, view: RunView, now: float) -> str:
    """The chain of reasons as Markdown; each node in it is a link."""
    seen = view.nodes.get(key, NodeView())
    lines = [f"### {_title(workflow, key)} {_STATES.get(seen.state, seen.state)}", ""]
    lines += _own_reason(key, seen, workflow, view, now)
    before = [edge for edge in workflow.edges if edge.target.node == key]
    if before:
        lines += ["**What leads here**", ""]
        lines += [f"- {_wire(edge, workflow, view)}" for edge in before]
    else:
        lines += ["Nothing leads here: it starts with the run."]
    return "\n".join(lines)


def _own_reason(
    key: str, seen: NodeView, workflow: Workflow, view: RunView, now: float
) -> list[str]:
    found: list[str] = []
    entries = [entry for entry in view.frontier.values() if entry.node == key]
    found += [f"It {why(entry, view, now)}." for entry in entries[:5] if why(entry, view, now)]
    if len(entries) > 5:
        found.append(f"And {plural(len(entries) - 5, 'more task')} like these.")
    if view.ended_at is None:
        gathering = [row for row in Joins(workflow).gathering(view) if row.node == key]
        found += [f"It {why(row, view, now)}." for row in gathering]
    if seen.error is not None and seen.state in ("failed", "retry"):
        found.append(_plain(seen.error.message))
        found += [f"Because of: {_plain(cause)}" for cause in seen.error.causes]
    elif seen.state == "skipped" and seen.text:
        found.append(f"{_plain(seen.text[:1].upper() + seen.text[1:])}.")
    elif seen.state == "done" and seen.done + seen.failed <= 1:
        found.append(f"It took {format_duration(seen.duration_s)}.")
    elif seen.done + seen.failed > 1:
        failed = f", {seen.failed:,} of them failed" if seen.failed else ""
        found.append(f"It ran {seen.done + seen.failed:,} times{failed}.")
    if seen.state == "idle" and view.ended_at is not None:
        found.append(f"The run was {view.status} at {clock_text(view.ended_at, now)}.")
    return [line for text in found for line in (text, "")]


def _wire(edge: Edge, workflow: Workflow, view: RunView) -> str:
    source = edge.source
    port = f", port {source.port}" if source.port != "out" else ""
    when = f" when `{edge.when}`" if edge.when else ""
    kind = {"otherwise": " if no other condition holds", "fallback": " if nothing else is taken"}
    carried, ruled_out = view.taken.get(edge.id, 0), view.not_taken.get(edge.id, 0)
    parts = [f"brought {plural(carried, 'value')}"] if carried else []
    if ruled_out:
        times = "" if ruled_out == 1 else f" {ruled_out:,} times"
        parts.append(f"was not taken{times}")
    if not parts:
        state = view.nodes.get(source.node, NodeView()).state
        parts.append(f"has brought nothing yet: it {_STATES.get(state, state)}")
    link = f"[{_title(workflow, source.node)}]({_NODE}:{source.node})"
    return f"{link}{port}{when}{kind.get(edge.kind, '')} {' and '.join(parts)}."


def _title(workflow: Workflow, key: str) -> str:
    node = workflow.nodes.get(key)
    return _plain((node.title if node is not None else "") or key)


def _plain(text: str) -> str:
    """A text of somebody else as Markdown shows it, not as Markdown means it."""
    for sign in r"\`*_[]<>#|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


class WhyDialog(QDialog):
    """The reasons; a click on a node leads to it, and to its reasons."""

    #: The key of a node that was clicked.
    node_chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Why this state?")
        self.resize(scaled_px(460), scaled_px(340))
        self.view = MarkdownView(self)
        self.view.setAccessibleName("Why the node is in this state")
        self.view.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.view.anchorClicked.connect(self._on_link)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.addWidget(self.view)

    def show_reasons(self, text: str) -> None:
        """Show the reasons of a node."""
        self.view.setMarkdown(text)
        self.show()
        self.raise_()

    def _on_link(self, link: QUrl) -> None:
        if link.scheme() == _NODE:
            self.node_chosen.emit(link.path())
