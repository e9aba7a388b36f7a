"""The form of a node's parameters, drawn from the model of its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from designer.panels.inspector_attributes import below, is_below
from designer.panels.inspector_bench import Bench
from designer.panels.inspector_rows import FieldRow, Problems
from designer.panels.inspector_spec import UNSET, fields_of, is_shown
from designer.widgets.section import CollapsibleSection
from engine.model.node_types import NodeType

Json = Any


class ParamForm(QWidget):
    """One row per parameter; the advanced ones are folded away."""

    #: Name of the parameter, its value or UNSET, and whether it was typed.
    edited = Signal(str, object, bool)

    def __init__(self, node_type: NodeType, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._specs = fields_of(node_type)
        self._defaults = {spec.name: spec.default for spec in self._specs}
        self.rows: dict[str, FieldRow] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        inside = QWidget(self)
        advanced = QVBoxLayout(inside)
        advanced.setContentsMargins(0, 2, 0, 6)
        advanced.setSpacing(10)
        self.more = CollapsibleSection("More", self, expanded=False)
        for spec in self._specs:
            row = FieldRow(spec, bench, f"params.{spec.name}", self)
            row.edited.connect(
                lambda value, typed, name=spec.name: self.edited.emit(name, value, typed)
            )
            self.rows[spec.name] = row
            (advanced if spec.advanced else layout).addWidget(row)
        self.more.set_content(inside)
        layout.addWidget(self.more)
        self.more.setVisible(any(spec.advanced for spec in self._specs))

    def show_params(self, params: Mapping[str, Json], *, fresh: bool = False) -> None:
        """Show the parameters of a node."""
        changed = 0
        for spec in self._specs:
            row = self.rows[spec.name]
            row.show_value(params.get(spec.name, UNSET), fresh=fresh)
            row.setVisible(is_shown(spec, params, self._defaults))
            changed += spec.advanced and spec.name in params
        self.more.set_summary(f"{changed} set" if changed else "")

    def set_locked(self, locked: bool) -> None:
        """Let the values be read only."""
        for row in self.rows.values():
            row.set_locked(locked)

    def set_problems(self, problems: Problems) -> set[str]:
        """Show what is wrong; returns the places that some row has shown."""
        claimed: set[str] = set()
        for name, row in self.rows.items():
            path = f"params.{name}"
            found = below(problems, path)
            row.set_problems(found)
            claimed |= {where for where in problems if is_below(where, path)}
        return claimed
