"""What a kind of node does, from what it says of itself; and what this program is."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QMessageBox, QVBoxLayout, QWidget

from designer.theme import scaled_px
from designer.widgets.markdown_view import MarkdownView
from engine.model.node_types import NodeType

Json = Any


def help_text(kind: NodeType) -> str:
    """The help on a node type as Markdown: what it does, its ports, its parameters."""
    ports = kind.ports({})
    lines = [f"## {kind.title}", "", kind.description, "", f"Type: `{kind.id}`", ""]
    for title, found in (("In", ports.inputs), ("Out", ports.outputs)):
        names = ", ".join(f"**{port.name}** ({port.type})" for port in found)
        lines += [f"{title}: {names or 'none'}", ""]
    properties: dict[str, Json] = kind.params.model_json_schema().get("properties", {})
    if properties:
        lines += ["### Settings", ""]
    lines += [_setting(name, about) for name, about in properties.items()]
    return "\n".join(lines)


def _setting(name: str, about: dict[str, Json]) -> str:
    title = about.get("title") or name
    words = about.get("description", "")
    default = about.get("default")
    given = f" Otherwise: `{default}`." if default not in (None, "", [], {}) else ""
    return f"- **{title}** {words}{given}"


class HelpDialog(QDialog):
    """Help on one kind of node; it stays beside the work until it is closed."""

    def __init__(self, kind: NodeType, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Help: {kind.title}")
        self.resize(scaled_px(520), scaled_px(560))
        self.view = MarkdownView(self)
        self.view.setMarkdown(help_text(kind))
        self.view.setAccessibleName(f"Help on {kind.title}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.addWidget(self.view)


def show_about(parent: QWidget) -> None:
    """Say what this program is."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About Headgate")
    box.setText(f"Headgate {_version()}".strip())
    box.setInformativeText(
        "Draw the flow, hold the gate, replay any step.\n\nMIT licence. It works on this computer "
        "alone: no server, no account."
    )
    box.open()


def _version() -> str:
    """The version that is installed; empty in a folder that is none."""
    try:
        return metadata.version("headgate")
    except metadata.PackageNotFoundError:
        return ""
