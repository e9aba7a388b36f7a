"""Go to and find: one list for nodes, workflows and runs; F4 walks through what was found."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.runs.engine_client import EngineClient
from designer.runs.words import clock_text, short_run
from designer.settings import Settings
from designer.widgets.icons import has_icon, node_icon_name
from designer.widgets.quick_pick import PickEntry, QuickPick
from engine.model.node_types import Registry
from engine.model.workflow import Node

_NODE, _RUN, _TAB, _FILE = "node:", "run:", "tab:", "file:"
#: Letters of a node's settings that a search looks into.
_SEARCHED = 4000
_RUNS = 60


class Finder(QObject):
    """Opens the lists and goes where they lead."""

    def __init__(
        self,
        window: QMainWindow,
        tabs: WorkflowTabs,
        client: EngineClient,
        registry: Registry,
        settings: Settings,
        *,
        show_node: Callable[[str], None],
        show_run: Callable[[str], None],
        open_path: Callable[[Path], object],
    ) -> None:
        super().__init__(window)
        self._tabs = tabs
        self._client = client
        self._registry = registry
        self._settings = settings
        self._show_node, self._show_run, self._open_path = show_node, show_run, open_path
        self.pick = QuickPick(window)
        self.pick.picked.connect(self._on_picked)
        #: Keys of the nodes that were found last, and which of them is shown.
        self._hits: list[str] = []
        self._at = -1

    def bind(self, actions: ActionRegistry) -> None:
        """Say what the verbs do."""
        bind = actions.bind
        bind(A.APP_GO_TO, self.go_to)
        bind(A.FILE_OPEN_RECENT, self.open_recent)
        bind(A.RUN_CHOOSE, self.choose_run, enabled_when=lambda: bool(self._client.runs))
        bind(A.EDIT_FIND, self.find, enabled_when=lambda: self._tabs.current is not None)
        bind(A.EDIT_FIND_NEXT, partial(self.step, 1), enabled_when=lambda: self.has_hits)
        bind(A.EDIT_FIND_PREVIOUS, partial(self.step, -1), enabled_when=lambda: self.has_hits)
        find = (A.EDIT_FIND_NEXT, A.EDIT_FIND_PREVIOUS)
        self.pick.closed.connect(lambda: actions.refresh(find))
        self.pick.picked.connect(lambda _key: actions.refresh(find))

    # --- the lists --------------------------------------------------------------------------

    def go_to(self) -> None:
        """List nodes, open workflows, recent files and runs."""
        self._open("Go to a node, workflow or run", [
            *self._nodes(deep=False), *self._open_tabs(), *self._runs(), *self._files(),
        ])  # fmt: skip

    def find(self) -> None:
        """List the nodes of the workflow in front, to be found by anything that they say."""
        self._open("Find in this workflow: names, keys, settings, notes", self._nodes(deep=True))

    def open_recent(self) -> None:
        """List the recent files."""
        self._open("Open a recent file", self._files())

    def choose_run(self) -> None:
        """List the runs."""
        self._open("Show a run", self._runs())

    def _open(self, words: str, entries: list[PickEntry]) -> None:
        self.pick.set_placeholder(words)
        self.pick.open_with(entries)

    # --- entries ----------------------------------------------------------------------------

    def _nodes(self, *, deep: bool) -> list[PickEntry]:
        tab = self._tabs.current
        nodes = tab.document.workflow.nodes.values() if tab is not None else ()
        return [self._node(node, deep=deep) for node in nodes]

    def _node(self, node: Node, *, deep: bool) -> PickEntry:
        kind = self._registry.get(node.type)
        icon = kind.icon if kind is not None and has_icon(kind.icon) else ""
        says = f"{json.dumps(node.params, ensure_ascii=False)} {node.notes}" if deep else ""
        return PickEntry(
            key=_NODE + node.key,
            title=node.title or node.key,
            subtitle=node.key if node.title else node.type,
            icon=icon or node_icon_name(node.type, kind.category if kind is not None else ""),
            keywords=f"{node.type} {says[:_SEARCHED]}",
        )

    def _open_tabs(self) -> list[PickEntry]:
        return [
            PickEntry(
                key=f"{_TAB}{place}",
                title=tab.document.title,
                subtitle="open workflow",
                icon="node-workflow",
            )
            for place, tab in enumerate(self._tabs)
            if tab is not self._tabs.current
        ]

    def _files(self) -> list[PickEntry]:
        opened = {str(tab.document.path) for tab in self._tabs}
        return [
            PickEntry(
                key=_FILE + name,
                title=Path(name).name.removesuffix(".json"),
                subtitle=str(Path(name).parent),
                icon="file-open",
            )
            for name in self._settings.recent_files
            if name not in opened
        ]

    def _runs(self) -> list[PickEntry]:
        return [
            PickEntry(
                key=_RUN + str(record.run),
                title=f"Run {short_run(str(record.run))}",
                subtitle=f"{record.workflow}, {record.status}, {clock_text(record.started_at)}",
                icon="run",
                keywords=str(record.run),
            )
            for record in self._client.runs[:_RUNS]
        ]

    # --- going there ------------------------------------------------------------------------

    def _on_picked(self, key: str) -> None:
        kind, _, name = key.partition(":")
        if kind == "node":
            self._hits = [
                entry.key.removeprefix(_NODE)
                for entry in self.pick.shown
                if entry.key.startswith(_NODE)
            ]
            self._at = self._hits.index(name) if name in self._hits else -1
            self._show_node(name)
        elif kind == "run":
            self._show_run(name)
        elif kind == "tab":
            opened: list[Tab] = list(self._tabs)
            if int(name) < len(opened):
                self._tabs.show_tab(opened[int(name)])
        else:
            self._open_path(Path(name))

    @property
    def has_hits(self) -> bool:
        """Whether something was found that is still there."""
        return bool(self._known())

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) node that was found."""
        hits = self._known()
        if hits:
            here = self._hits[self._at] if 0 <= self._at < len(self._hits) else ""
            place = hits.index(here) if here in hits else -1
            target = hits[(place + by) % len(hits)]
            self._at = self._hits.index(target)
            self._show_node(target)

    def _known(self) -> list[str]:
        tab = self._tabs.current
        nodes = tab.document.workflow.nodes if tab is not None else {}
        return [key for key in self._hits if key in nodes]
