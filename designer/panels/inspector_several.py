"""What the inspector shows for a wire, and for several things at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from designer.panels.inspector_attributes import (
    Attribute,
    AttributeForm,
    problems_of,
    spec,
    text,
    unless,
)
from designer.panels.inspector_behaviour import ON_ERROR
from designer.panels.inspector_bench import Bench
from designer.panels.inspector_rows import show_problems
from designer.panels.inspector_spec import UNSET, FieldKind
from designer.widgets.format import plural
from engine.model.changes import Compound, ReplaceEdge, SetNode
from engine.model.diagnostics import Diagnostic
from engine.model.workflow import Edge, Node

Json = Any
Nodes = tuple[Node, ...]

KINDS = {
    "normal": "Always, or if the condition holds",
    "otherwise": "When no other condition held",
    "fallback": "When nothing else was taken",
}


class _Page(QWidget):
    """A title, words under it, problems and one form."""

    def __init__(self, attributes: list[Attribute], bench: Bench, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._bench = bench
        self.title = QLabel(self)
        self.title.setProperty("tone", "strong")
        self.words = QLabel(self)
        self.words.setProperty("tone", "muted")
        self.problems = QLabel(self)
        for label in (self.title, self.words, self.problems):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.problems.hide()
        self.form = AttributeForm(attributes, bench, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 16)
        layout.setSpacing(10)
        for widget in (self.title, self.words, self.problems, self.form):
            layout.addWidget(widget)
        layout.addStretch(1)

    def set_locked(self, locked: bool) -> None:
        """Let everything be read only."""
        self.form.set_locked(locked)

    def set_problems(self, found: tuple[Diagnostic, ...]) -> None:
        """Show what is wrong."""
        problems = problems_of(found)
        claimed = self.form.set_problems(problems)
        show_problems(self.problems, [p for place, p in problems.items() if place not in claimed])

    def reveal(self, field: str) -> QWidget | None:
        """The row of a field."""
        rows = self.form.rows
        return rows.get(field) or next(iter(rows.values()), None)


class EdgePage(_Page):
    """Condition, priority and kind of one wire."""

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(_edge_attributes(), bench, parent)
        self._edge: Edge | None = None
        self.form.edited.connect(self._on_edited)

    def forget(self) -> None:
        """Another document is shown."""
        self._edge = None

    def show_edge(self, edge: Edge) -> None:
        """Show a wire."""
        nodes = self._bench.workflow.nodes
        ends = []
        for ref in (edge.source, edge.target):
            node = nodes.get(ref.node)
            ends.append((node.title if node is not None else "") or ref.node)
        self.title.setText(f"Wire from {ends[0]} to {ends[1]}")
        self.words.setText(f"{edge.source} to {edge.target}")
        if edge is not self._edge:
            fresh = self._edge is None or self._edge.id != edge.id
            self._edge = edge
            self.form.show_part(edge, fresh=fresh)

    def _on_edited(self, new: Edge, title: str, path: str, typed: bool) -> None:
        old = self._edge
        if old is not None:
            self._edge = new
            merge = f"{old.id}.{path}" if typed else ""
            self._bench.push(
                ReplaceEdge(old.id, new), f"Change {title.lower()} of a wire", merge=merge
            )


def _edge_attributes() -> list[Attribute]:
    return [
        Attribute(
            spec=spec("when", "Condition", FieldKind.SOURCE,
                      "The wire is taken if this is true. input is the value that it carries.",
                      placeholder="input.total > 1000"),
            path="when",
            read=lambda edge: edge.when or UNSET,
            write=lambda edge, value: replace(edge, when=text(value) or None),
        ),
        Attribute(
            spec=spec("priority", "Priority", FieldKind.NUMBER,
                      "The lower goes first where the node takes one wire only.",
                      whole=True, default=0),
            path="priority",
            read=lambda edge: unless(edge.priority, 0),
            write=lambda edge, value: replace(edge, priority=_any_whole(value)),
        ),
        Attribute(
            spec=spec("kind", "Is taken", FieldKind.CHOICE, choices=tuple(KINDS), words=KINDS,
                      default="normal"),
            path="kind",
            read=lambda edge: unless(edge.kind, "normal"),
            write=lambda edge, value: replace(edge, kind="normal" if value is UNSET else value),
        ),
    ]  # fmt: skip


def _any_whole(value: Json) -> int:
    if value is UNSET:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("Enter a whole number.")  # noqa: TRY004 - typed
    return value


class ManyPage(_Page):
    """How much is selected, and the fields that all selected nodes have."""

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(_many_attributes(), bench, parent)
        self._nodes: Nodes = ()
        self.form.edited.connect(self._on_edited)

    def forget(self) -> None:
        """Another document is shown."""
        self._nodes = ()

    def show_many(self, nodes: Nodes, edges: int, others: int) -> None:
        """Show some nodes, wires, and frames and notes."""
        parts = [
            plural(count, word)
            for count, word in ((len(nodes), "node"), (edges, "wire"), (others, "frame or note"))
            if count
        ]
        self.title.setText(f"{' and '.join(parts)} selected")
        names = [node.title or node.key for node in nodes[:12]]
        more = f" and {len(nodes) - 12} more" if len(nodes) > 12 else ""
        self.words.setText(", ".join(names) + more)
        self.words.setVisible(bool(names))
        self.form.setVisible(bool(nodes))
        if nodes != self._nodes:
            fresh = {node.key for node in nodes} != {node.key for node in self._nodes}
            self._nodes = nodes
            self.form.show_part(nodes, fresh=fresh)

    def _on_edited(self, new: Nodes, title: str, _path: str, _typed: bool) -> None:
        old = self._nodes
        changes = tuple(SetNode(b) for a, b in zip(old, new, strict=True) if a != b)
        self._nodes = new
        if changes:
            words = f"Change {title.lower()} of {plural(len(changes), 'node')}"
            self._bench.push(Compound(changes), words)


def _common(read: Callable[[Node], Json]) -> Callable[[Nodes], Json]:
    """What all nodes have; None when they differ."""

    def common(nodes: Nodes) -> Json:
        values = [read(node) for node in nodes]
        return values[0] if values and all(value == values[0] for value in values) else None

    return common


def _many_attributes() -> list[Attribute]:
    return [
        Attribute(
            spec=spec("disabled", "Switched off", FieldKind.SWITCH, default=False),
            path="disabled",
            read=_common(lambda node: node.disabled),
            write=lambda nodes, value: tuple(
                replace(node, disabled=value is True) for node in nodes
            ),
        ),
        Attribute(
            spec=spec("on_error", "When one fails", FieldKind.CHOICE, choices=tuple(ON_ERROR),
                      words=ON_ERROR, placeholder="They differ", default="fail"),
            path="on_error",
            read=_common(lambda node: node.on_error),
            write=lambda nodes, value: tuple(
                replace(node, on_error="fail" if value is UNSET else value) for node in nodes
            ),
        ),
    ]  # fmt: skip
