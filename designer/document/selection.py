"""What is selected in one document; shared by the canvas, the outline and the inspector."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from engine.model.workflow import Workflow


class Selection(QObject):
    """Keys and ids of what is selected. Assigning what is selected already says nothing."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._nodes: frozenset[str] = frozenset()
        self._edges: frozenset[str] = frozenset()
        self._frames: frozenset[str] = frozenset()
        self._notes: frozenset[str] = frozenset()
        self._current: str | None = None

    @property
    def nodes(self) -> frozenset[str]:
        """Keys of the selected nodes."""
        return self._nodes

    @property
    def edges(self) -> frozenset[str]:
        """Ids of the selected edges."""
        return self._edges

    @property
    def frames(self) -> frozenset[str]:
        """Ids of the selected frames."""
        return self._frames

    @property
    def notes(self) -> frozenset[str]:
        """Ids of the selected notes."""
        return self._notes

    @property
    def current(self) -> str | None:
        """The node that has the keyboard's focus; it may be outside the selection."""
        return self._current

    @property
    def is_empty(self) -> bool:
        """Whether nothing is selected."""
        return not (self._nodes or self._edges or self._frames or self._notes)

    @property
    def node(self) -> str | None:
        """The selected node when there is exactly one."""
        return next(iter(self._nodes)) if len(self._nodes) == 1 else None

    def set(
        self,
        *,
        nodes: Iterable[str] = (),
        edges: Iterable[str] = (),
        frames: Iterable[str] = (),
        notes: Iterable[str] = (),
        current: str | None = None,
    ) -> None:
        """Select exactly these. `current` is the only selected node when it is not named."""
        keys = frozenset(nodes)
        if current is None and len(keys) == 1:
            current = next(iter(keys))
        if current is None and self._current in keys:
            current = self._current
        new = (keys, frozenset(edges), frozenset(frames), frozenset(notes), current)
        old = (self._nodes, self._edges, self._frames, self._notes, self._current)
        if new != old:
            self._nodes, self._edges, self._frames, self._notes, self._current = new
            self.changed.emit()

    def add(
        self,
        *,
        nodes: Iterable[str] = (),
        edges: Iterable[str] = (),
        frames: Iterable[str] = (),
        notes: Iterable[str] = (),
    ) -> None:
        """Select these besides what is selected."""
        self.set(
            nodes=self._nodes.union(nodes),
            edges=self._edges.union(edges),
            frames=self._frames.union(frames),
            notes=self._notes.union(notes),
            current=self._current,
        )

    def toggle(self, *, node: str = "", edge: str = "", frame: str = "", note: str = "") -> None:
        """Select what is named if it is not, otherwise take it out."""
        self.set(
            nodes=self._nodes ^ ({node} - {""}),
            edges=self._edges ^ ({edge} - {""}),
            frames=self._frames ^ ({frame} - {""}),
            notes=self._notes ^ ({note} - {""}),
            current=node or self._current,
        )

    def only(self, *, node: str = "", edge: str = "", frame: str = "", note: str = "") -> None:
        """Select what is named and nothing else."""
        self.set(
            nodes={node} - {""}, edges={edge} - {""}, frames={frame} - {""}, notes={note} - {""}
        )

    def set_current(self, key: str | None) -> None:
        """Give the keyboard's focus to a node without selecting it."""
        if key != self._current:
            self._current = key
            self.changed.emit()

    def clear(self) -> None:
        """Select nothing; the keyboard's focus stays."""
        self.set(current=self._current)

    def prune(self, workflow: Workflow) -> None:
        """Take out what `workflow` does not have."""
        edges = {edge.id for edge in workflow.edges} if self._edges else set()
        self.set(
            nodes=self._nodes & workflow.nodes.keys(),
            edges=self._edges & edges,
            frames=self._frames & {frame.id for frame in workflow.view.frames},
            notes=self._notes & {note.id for note in workflow.view.notes},
            current=self._current if self._current in workflow.nodes else None,
        )
