"""Keeps the scene showing the document and the run: when to resolve, and what.

The document is shown at once after each edit. A run may change faster than anybody can
see: its updates are collected and shown at most every 33 ms. Words that change with time
alone (countdowns) are resolved once a second, for the nodes in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from PySide6.QtCore import QDateTime, QElapsedTimer, QObject, QTimer, Signal

from designer.canvas.resolve import Facts, Resolved, resolve
from designer.canvas.scene import CanvasScene
from designer.canvas.visuals import ZoneVisual
from designer.canvas.zones import find_zones
from designer.document.document import WorkflowDocument
from engine.model.node_types import Registry
from engine.model.workflow import Workflow
from engine.run_view import RunView

#: A run is shown at most this often.
FRAME_MS = 33
TICK_MS = 1000
#: After an edit of its nodes or edges, the analysis of a large graph waits this long.
ANALYSE_AFTER_MS = 120
ANALYSE_AT_ONCE_NODES = 300

Clock = Callable[[], float]


def wall_clock() -> float:
    """Seconds since the epoch."""
    return QDateTime.currentMSecsSinceEpoch() / 1000


class Presenter(QObject):
    """Resolves and applies."""

    #: The scene shows something else now; carries the keys of nodes that look different.
    shown = Signal(object)

    def __init__(
        self,
        scene: CanvasScene,
        registry: Registry,
        *,
        clock: Clock = wall_clock,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._scene = scene
        self._registry = registry
        self._clock = clock
        self._document: WorkflowDocument | None = None
        self._resolved: Resolved | None = None
        self._facts = Facts()
        #: Nodes and edges that the zones were found in; compared by identity.
        self._analysed: tuple[object, object] = (None, None)
        self._touched: set[str] | None = set()
        #: What is drawn in place of the document while an older version is shown.
        self._pinned: Workflow | None = None
        self._shows_pinned = False
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.timeout.connect(self._show_run)
        self._since = QElapsedTimer()
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self.tick)
        self._analysis = QTimer(self)
        self._analysis.setSingleShot(True)
        self._analysis.setInterval(ANALYSE_AFTER_MS)
        self._analysis.timeout.connect(self._analyse)

    # --- what is shown ------------------------------------------------------------------

    @property
    def workflow(self) -> Workflow:
        """The workflow that is drawn: the document's, or the one that the run was started with."""
        if self._shows_pinned and self._pinned is not None:
            return self._pinned
        return self._document.workflow if self._document is not None else Workflow(id="")

    @property
    def run(self) -> RunView | None:
        """The run that is shown."""
        return self._facts.run

    @property
    def animated(self) -> bool:
        """Whether the run that is shown is going."""
        return self._resolved is not None and self._resolved.state.animated

    @property
    def is_ticking(self) -> bool:
        """Whether some words change with time alone."""
        return self._tick.isActive()

    def set_document(self, document: WorkflowDocument) -> None:
        """Show another document, without a run."""
        if self._document is not None:
            self._document.changed.disconnect(self._on_changed)
            self._document.reset.disconnect(self._on_reset)
            self._document.diagnostics_changed.disconnect(self._on_diagnostics)
        self._document = document
        document.changed.connect(self._on_changed)
        document.reset.connect(self._on_reset)
        document.diagnostics_changed.connect(self._on_diagnostics)
        self._on_reset()

    def set_run(
        self,
        run: RunView | None,
        *,
        touched: Collection[str] | None = None,
        pinned: Workflow | None = None,
        show_pinned: bool = False,
        is_past: bool = False,
    ) -> None:
        """Show `run`, or no run.

        Args:
            run: the view; its owner may go on folding facts into it.
            touched: keys of nodes that changed since the last call with the same view;
                None when anything may have changed.
            pinned: the workflow that the run was started with.
            show_pinned: draw that workflow instead of the document.
            is_past: the run is shown as it was: its clocks stand still.
        """
        other = (
            run is not self._facts.run
            or pinned is not self._pinned
            or show_pinned != self._shows_pinned
            or is_past != self._facts.is_past
        )
        self._pinned, self._shows_pinned = pinned, show_pinned and pinned is not None
        self._facts = replace(self._facts, run=run, pinned=pinned, is_past=is_past)
        if other:
            self._frame.stop()
            self._touched = None
            self._show_run()
            return
        if touched is None:
            self._touched = None
        elif self._touched is not None:
            self._touched.update(touched)
        if not self._frame.isActive():
            passed = self._since.elapsed() if self._since.isValid() else FRAME_MS
            self._frame.start(max(0, FRAME_MS - int(passed)))

    def set_breakpoints(self, breakpoints: Mapping[str, str]) -> None:
        """Mark these nodes as stopped at, with where and when in words."""
        self._facts = replace(self._facts, breakpoints=breakpoints)
        self._show(touched=())

    def set_armed(self, armed: Mapping[str, str]) -> None:
        """Say of these triggers when they fire next, in words."""
        if armed != self._facts.armed:
            self._facts = replace(self._facts, armed=armed)
            self._show(touched=())

    def refresh(self) -> None:
        """Resolve everything anew."""
        self._resolved = None
        self._analysed = (None, None)
        self._analyse_soon()
        self._show(touched=None)

    def close(self) -> None:
        """Stop all timers; the canvas is going."""
        for timer in (self._frame, self._tick, self._analysis):
            timer.stop()

    # --- why ----------------------------------------------------------------------------

    def _on_reset(self) -> None:
        self._facts = Facts(breakpoints=self._facts.breakpoints, armed=self._facts.armed)
        self._pinned, self._shows_pinned = None, False
        if self._document is not None:
            self._facts = replace(self._facts, diagnostics=self._document.diagnostics)
        self.refresh()

    def _on_changed(self, change: object) -> None:
        del change
        self._analyse_soon()
        self._show(touched=())

    def _on_diagnostics(self) -> None:
        if self._document is not None:
            self._facts = replace(self._facts, diagnostics=self._document.diagnostics)
            self._show(touched=())

    def _show_run(self) -> None:
        touched, self._touched = self._touched, set()
        self._since.restart()
        self._analyse_soon()
        self._show(touched=touched)

    def tick(self) -> None:
        """A second has passed: resolve the nodes whose words have changed by it."""
        if self._resolved is None:
            return
        nodes = self._resolved.state.nodes
        touched = [key for key in self._in_sight() if key in nodes and nodes[key].ticks]
        if touched:
            self._show(touched=touched)

    def _in_sight(self) -> Iterable[str]:
        views = self._scene.views()
        if not views:
            return ()
        view = views[0]
        return self._scene.nodes_in(view.mapToScene(view.viewport().rect()).boundingRect())

    # --- how ----------------------------------------------------------------------------

    def _analyse_soon(self) -> None:
        workflow = self.workflow
        nodes, edges = self._analysed
        if nodes is workflow.nodes and edges is workflow.edges:
            return
        if len(workflow.nodes) <= ANALYSE_AT_ONCE_NODES:
            self._analyse(show=False)
        else:
            self._analysis.start()

    def _analyse(self, *, show: bool = True) -> None:
        workflow = self.workflow
        self._analysed = workflow.nodes, workflow.edges
        zones: tuple[ZoneVisual, ...] = find_zones(workflow, self._registry)
        if zones != self._facts.zones:
            self._facts = replace(self._facts, zones=zones)
            if show:
                self._show(touched=())

    def _show(self, *, touched: Collection[str] | None) -> None:
        run = self._facts.run
        still = self._facts.is_past and run is not None
        now = run.updated_at if run and still else self._clock()
        facts = replace(self._facts, now=now, stopped=_stopped(run))
        if self._shows_pinned:
            # The problems are those of the document, which is not what is drawn.
            facts = replace(facts, diagnostics=(), pinned=None)
        self._resolved = resolve(
            self.workflow, self._registry, facts, previous=self._resolved, touched=touched
        )
        state = self._resolved.state
        changed = self._scene.apply(state)
        ticking = not still and any(node.ticks for node in state.nodes.values())
        if ticking != self._tick.isActive():
            if ticking:
                self._tick.start()
            else:
                self._tick.stop()
        self.shown.emit(changed)


def _stopped(run: RunView | None) -> frozenset[str]:
    """The nodes at which the run is paused."""
    if run is None or run.status != "paused":
        return frozenset()
    return frozenset(run.stopped_at)
