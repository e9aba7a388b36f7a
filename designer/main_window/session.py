"""What was open when the program ended, and how it was looked at: kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF

from designer.main_window.tabs import Tab, WorkflowTabs

Json = Any


def session_text(tabs: WorkflowTabs) -> str:
    """The files that are open, in their order, with zoom, place, selection and run."""
    kept = [tab for tab in tabs if tab.document.path is not None and not tab.pinned]
    current = tabs.current
    return json.dumps(
        {
            "tabs": [_tab_json(tab) for tab in kept],
            "current": kept.index(current) if current in kept else -1,
        }
    )


def _tab_json(tab: Tab) -> Json:
    sight = tab.canvas.camera.sight.center()
    return {
        "path": str(tab.document.path),
        "zoom": round(tab.canvas.zoom, 3),
        "x": round(sight.x(), 1),
        "y": round(sight.y(), 1),
        "selection": sorted(tab.document.selection.nodes),
        "run": tab.run,
    }


def restore_session(
    text: str, tabs: WorkflowTabs, open_path: Callable[[Path], Tab | None]
) -> list[tuple[Tab, str]]:
    """Open the files again that are still there; returns tabs with the run each showed.

    What cannot be read any more is passed over: a session is a comfort, never a problem.
    """
    try:
        session = json.loads(text or "{}")
        entries = list(session["tabs"])
        current = session.get("current", -1)
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
    runs: list[tuple[Tab, str]] = []
    front: Tab | None = None
    for place, entry in enumerate(entries):
        path = Path(str(entry.get("path", ""))) if isinstance(entry, dict) else Path()
        tab = open_path(path) if path.is_file() else None
        if tab is None:
            continue
        _show(tab, entry)
        if entry.get("run"):
            runs.append((tab, str(entry["run"])))
        if place == current:
            front = tab
    if front is not None:
        tabs.show_tab(front)
    return runs


def _show(tab: Tab, entry: dict[str, Json]) -> None:
    numbers = [n for name in ("zoom", "x", "y") if isinstance(n := entry.get(name), int | float)]
    if len(numbers) == 3:
        zoom, x, y = numbers
        tab.canvas.camera.look_at(QPointF(x, y), zoom)
    chosen = entry.get("selection")
    nodes = tab.document.workflow.nodes
    known = [key for key in chosen if key in nodes] if isinstance(chosen, list) else []
    if known:
        tab.document.selection.set(nodes=known)
