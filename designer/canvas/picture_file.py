"""Pictures of workflows without a window: what `headgate export --to svg` asks for."""

from __future__ import annotations

import os
import sys

from PySide6.QtWidgets import QApplication

from designer.canvas.picture import Picture
from designer.theme import LIGHT, load_fonts
from engine.model.node_types import Registry
from engine.model.workflow import Workflow


def draw(workflow: Workflow, registry: Registry, kind: str) -> bytes:
    """Return the picture of a workflow, with the workflow inside, as a file.

    Args:
        workflow: what is drawn.
        registry: the node types.
        kind: ``svg`` or ``png``.
    """
    if QApplication.instance() is None and sys.platform == "linux":
        # Nothing is shown, so that it works on a server as well.
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    owner = QApplication.instance() or QApplication(["headgate"])
    load_fonts()
    picture = Picture(workflow, registry, LIGHT)
    data = picture.svg() if kind == "svg" else picture.png()
    del picture  # before its application goes
    del owner
    return data
