"""The Setup of one node: what it is called, its parameters, and how it behaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from designer.panels.inspector_attributes import (
    Attribute,
    AttributeForm,
    is_below,
    problems_of,
    spec,
    text,
)
from designer.panels.inspector_behaviour import data_attributes, error_attributes
from designer.panels.inspector_bench import Bench
from designer.panels.inspector_editor import mark_invalid
from designer.panels.inspector_params import ParamForm
from designer.panels.inspector_rows import show_problems
from designer.panels.inspector_spec import UNSET, FieldKind
from designer.theme import scaled_px
from designer.widgets.format import plural
from designer.widgets.icons import has_icon, node_icon_name, pixmap
from designer.widgets.kinds import Kind
from designer.widgets.section import CollapsibleSection
from engine.model.changes import Change, Compound, RenameNode, ReplaceEdge, SetNode
from engine.model.diagnostics import Diagnostic
from engine.model.keys import MAX_KEY, is_key
from engine.model.node_types import NodeType
from engine.model.references import find_references
from engine.model.workflow import Node, PortRef, Workflow

Json = Any


_SHORT = {
    "continue": "goes on",
    "error_port": "error port",
    "fallback_edge": "fallback",
    "ignore": "ignored",
}


class NodeHead(QWidget):
    """The icon of the type, its name and what it does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = "node-generic"
        self._icon = QLabel(self)
        self._name = QLabel(self)
        self._name.setProperty("tone", "strong")
        self._words = QLabel(self)
        self._words.setProperty("tone", "muted")
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        right = QVBoxLayout()
        right.setSpacing(1)
        right.addWidget(self._name)
        right.addWidget(self._words)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(right, 1)

    def show_type(self, node: Node, node_type: NodeType | None) -> None:
        """Show the type of a node, also one that is not installed."""
        if node_type is None:
            self._icon_name = "node-generic"
            self._name.setText(node.type or "No type")
            self._words.setText("This kind of node is not installed. Its settings are kept.")
        else:
            known = has_icon(node_type.icon)
            self._icon_name = (
                node_type.icon if known else node_icon_name(node_type.id, node_type.category)
            )
            self._name.setText(node_type.title)
            self._words.setText(node_type.description)
        self._name.setToolTip(node.type)
        self.take_theme()

    def take_theme(self) -> None:
        """Draw the icon in the colours of the theme."""
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(pixmap(self._icon_name, scaled_px(22), "accent", ratio))


class KeyField(QWidget):
    """The key of a node; Enter renames it everywhere it is named."""

    #: The key that the person wants.
    renamed = Signal(str)

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._key = ""
        self.label = QLabel("Key", self)
        self.label.setToolTip("Names the node in expressions: nodes.key. Enter renames it.")
        self.line = QLineEdit(self)
        self.line.setMaxLength(MAX_KEY)
        self.line.setAccessibleName("Key")
        self.problem = QLabel(self)
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.label)
        layout.addWidget(self.line)
        layout.addWidget(self.problem)
        self.setFocusProxy(self.line)
        bench.watch(self.line)
        self.line.textEdited.connect(lambda _text: self._check())
        self.line.editingFinished.connect(self._finish)

    def show_key(self, key: str) -> None:
        """Show the key of a node."""
        if key != self._key:
            self._key = key
            self.line.setText(key)
            self.tell("")

    def tell(self, sentence: str, tone: str = "error") -> None:
        """Say something about the key under it."""
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))
        self.problem.setProperty("tone", tone)
        self.problem.style().unpolish(self.problem)
        self.problem.style().polish(self.problem)
        mark_invalid(self.line, bool(sentence) and tone == "error")

    def _check(self) -> str:
        new = self.line.text().strip()
        sentence = ""
        if new != self._key and not is_key(new):
            sentence = "Use letters, digits, _ and -, beginning with a letter or digit."
        elif new != self._key and new in self._bench.workflow.nodes:
            sentence = f"There is a node {new} already."
        self.tell(sentence)
        return sentence

    def _finish(self) -> None:
        new = self.line.text().strip()
        if new != self._key and not self._check():
            self.renamed.emit(new)


class NodePage(QWidget):
    """Everything about one node; refreshed in place when the document changes."""

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._node: Node | None = None
        self._shape: tuple[object, ...] = ()
        self.params: ParamForm | None = None
        self._forms: dict[str, ParamForm] = {}
        self._ports: tuple[str, ...] = ()
        self.head = NodeHead(self)
        self.top = AttributeForm([_title_attribute()], bench, self)
        self.key = KeyField(bench, self)
        self.problems = QLabel(self)
        self.problems.setProperty("tone", "error")
        self.problems.setWordWrap(True)
        self.problems.setTextFormat(Qt.TextFormat.PlainText)
        self.errors_section = CollapsibleSection("Errors and time", self, expanded=False)
        self.data_section = CollapsibleSection("Data and effects", self, expanded=False)
        errors = AttributeForm(error_attributes(), bench, self, folded=True)
        errors.edited.connect(self._on_attribute)
        self.errors_section.set_content(errors)
        self.behaviour = [errors]
        self.bottom = AttributeForm([_disabled_attribute()], bench, self)
        self._form_place = QVBoxLayout()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(12, 12, 12, 16)
        self._layout.setSpacing(10)
        for above in (self.head, self.top, self.key, self.problems):
            self._layout.addWidget(above)
        self._layout.addLayout(self._form_place)
        for below_it in (self.errors_section, self.data_section, self.bottom):
            self._layout.addWidget(below_it)
        self._layout.addStretch(1)
        self.top.edited.connect(self._on_attribute)
        self.bottom.edited.connect(self._on_attribute)
        self.key.renamed.connect(self._rename)

    @property
    def node(self) -> Node | None:
        """The node that is shown."""
        return self._node

    # --- showing --------------------------------------------------------------------------

    def show_node(self, node: Node) -> None:
        """Show a node; what is shown of it already stays as it is."""
        old = self._node
        if node is old:
            return
        registry = self._bench.registry
        node_type = registry.get(node.type)
        ports = registry.ports_of(node)
        shape = (node.type, node_type, tuple(port.name for port in ports.inputs))
        fresh = old is None or old.key != node.key
        if shape != self._shape:
            self._shape = shape
            self._build(node, node_type)
            fresh = True
        self._node = node
        self.head.show_type(node, node_type)
        self.key.show_key(node.key)
        for form in (self.top, self.bottom, *self.behaviour):
            form.show_part(node, fresh=fresh)
        if self.params is not None:
            self.params.show_params(node.params, fresh=fresh)
        self._summarise(node)

    def forget(self) -> None:
        """Another document is shown."""
        self._node = None

    def renamed(self, key: str) -> None:
        """The node that is shown has another key now: it is not another node."""
        if self._node is not None:
            self._node = replace(self._node, key=key)

    def _build(self, node: Node, node_type: NodeType | None) -> None:
        """Put the forms for another kind of node in place; each is made once."""
        if self.params is not None:
            self.params.hide()
        self.params = None
        if node_type is not None:
            self.params = self._forms.get(node_type.id) or self._make_form(node_type)
            self.params.show()
        inputs = self._bench.registry.ports_of(node).inputs
        names = tuple(port.name for port in inputs)
        if names != self._ports or len(self.behaviour) == 1:
            self._ports = names
            data = AttributeForm(data_attributes(inputs), self._bench, self, folded=True)
            data.edited.connect(self._on_attribute)
            self.data_section.set_content(data)
            self.behaviour = [self.behaviour[0], data]

    def _make_form(self, node_type: NodeType) -> ParamForm:
        form = ParamForm(node_type, self._bench, self)
        form.edited.connect(self._on_param)
        self._form_place.addWidget(form)
        self._forms[node_type.id] = form
        return form

    def _summarise(self, node: Node) -> None:
        words = []
        if node.on_error != "fail":
            words.append(_SHORT[node.on_error])
        if node.retry is not None:
            words.append(plural(node.retry.attempts, "attempt"))
        if node.timeout_s is not None:
            words.append(f"{node.timeout_s:g} s")
        self.errors_section.set_summary(", ".join(words))
        writes = plural(len(node.writes), "write") if node.writes else ""
        self.data_section.set_summary(writes)

    def set_locked(self, locked: bool) -> None:
        """Let everything be read only."""
        self.key.line.setReadOnly(locked)
        for form in (self.top, self.bottom, *self.behaviour):
            form.set_locked(locked)
        if self.params is not None:
            self.params.set_locked(locked)

    def set_problems(self, found: tuple[Diagnostic, ...]) -> None:
        """Show what is wrong with the node, each problem at its field."""
        prefix = f"{self._node.title or self._node.key}: " if self._node is not None else ""
        problems = problems_of(found, prefix)
        claimed = self.params.set_problems(problems) if self.params is not None else set()
        for form in (self.top, self.bottom, *self.behaviour):
            claimed |= form.set_problems(problems)
        show_problems(self.problems, [p for place, p in problems.items() if place not in claimed])

    def take_theme(self) -> None:
        """Draw what has colours of its own again."""
        self.head.take_theme()

    def reveal(self, field: str) -> QWidget | None:
        """Open what hides a field and return its row."""
        if self.params is not None:
            for name, row in self.params.rows.items():
                if is_below(field, f"params.{name}"):
                    if row.spec.advanced:
                        self.params.more.set_expanded(True)
                    return row
        sections = (self.errors_section, self.data_section)
        for section, form in zip(sections, self.behaviour, strict=False):
            for path in sorted(form.paths, key=len, reverse=True):
                if is_below(field, path):
                    section.set_expanded(True)
                    return form.rows[path]
        if field == "key":
            return self.key
        return next(iter(self.params.rows.values()), None) if self.params is not None else None

    # --- editing --------------------------------------------------------------------------

    def _on_param(self, name: str, value: Json, typed: bool) -> None:
        node = self._node
        if node is None or self.params is None:
            return
        params = {key: each for key, each in node.params.items() if key != name}
        if value is not UNSET:
            # In place, so that the order of the document stays.
            params = {**node.params, name: value}
        title = self.params.rows[name].spec.title
        self._put(replace(node, params=params), title, f"param.{name}", typed)

    def _on_attribute(self, node: Node, title: str, path: str, typed: bool) -> None:
        self._put(node, title, path, typed)

    def _put(self, node: Node, title: str, path: str, typed: bool) -> None:
        """Change the node in the document; wires follow a port that is called otherwise."""
        old = self._node
        if old is None:
            return
        change = following_wires(self._bench, old, node)
        self._node = node
        pushed = self._bench.push(
            change,
            f"Change {title.lower()} of {node.title or node.key}",
            merge=f"{node.key}.{path}" if typed else "",
        )
        if not pushed:
            self._node = old
            return
        if self.params is not None:
            self.params.show_params(node.params)
        self._summarise(node)

    def _rename(self, new: str) -> None:
        node = self._node
        if node is None:
            return
        old = node.key
        if not self._bench.push(RenameNode(old, new), f"Rename {old} to {new}"):
            return
        left = find_references(self._bench.workflow, old)
        if left:
            places = ", ".join(dict.fromkeys(f"{r.field} of {r.node or 'the workflow'}"
                                             for r in left))  # fmt: skip
            self.key.tell(
                f"{plural(len(left), 'text')} may still name {old}: {places}. Look there.",
                "warning",
            )
            self._bench.message.emit(
                f"{old} is now {new}; {plural(len(left), 'text')} may still name it.", Kind.WARNING
            )


def following_wires(bench: Bench, old: Node, new: Node) -> Change:
    """The change of a node; where one port got another name, its wires keep to it."""
    ports = bench.registry.ports_of
    edits: list[Change] = []
    for kind in ("outputs", "inputs"):
        before = [port.name for port in getattr(ports(old), kind)]
        after = [port.name for port in getattr(ports(new), kind)]
        moved = [(a, b) for a, b in zip(before, after, strict=False) if a != b]
        if len(before) != len(after) or len(moved) != 1 or len(set(after)) != len(after):
            continue
        was, now = moved[0]
        edits += _renamed_ends(bench.workflow, new.key, was, now, source=kind == "outputs")
    return Compound((SetNode(new), *edits)) if edits else SetNode(new)


def _renamed_ends(
    workflow: Workflow, key: str, was: str, now: str, *, source: bool
) -> list[Change]:
    end: Callable[..., PortRef] = partial(PortRef, key)
    name = "source" if source else "target"
    return [
        ReplaceEdge(edge.id, replace(edge, **{name: end(now)}))  # type: ignore[arg-type] # by name
        for edge in workflow.edges
        if getattr(edge, name) == end(was)
    ]


def _title_attribute() -> Attribute:
    return Attribute(
        spec=spec("title", "Title", FieldKind.TEXT),
        path="title",
        read=lambda node: node.title or UNSET,
        write=lambda node, value: replace(node, title=text(value)),
    )


def _disabled_attribute() -> Attribute:
    return Attribute(
        spec=spec("disabled", "Switched off", FieldKind.SWITCH,
                  "A node that is switched off hands its input on.", default=False),
        path="disabled",
        read=lambda node: node.disabled or UNSET,
        write=lambda node, value: replace(node, disabled=value is True),
    )  # fmt: skip
