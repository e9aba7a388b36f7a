"""Runs: start, pause, step, stop, resume, fork; what the Run menu does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.document.document import WorkflowDocument
from designer.main_window import dialogs
from designer.main_window.debugging import Debugging
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.main_window.trial_dialog import TrialDialog
from designer.runs.engine_client import EngineClient
from designer.runs.rows import EngineError, InvalidWorkflow, RunRecord, TrustedFiles
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.widgets.kinds import Kind
from engine.model.diagnostics import Severity
from resources.examples import is_shipped

Json = Any
#: A run in one of these does not start again by itself.
_OVER = ("completed", "failed", "cancelled")


class Running(QObject):
    """Joins the document in front with the runs of it."""

    message = Signal(str, object)
    #: The document has errors: show them.
    problems_wanted = Signal()

    def __init__(
        self,
        window: QWidget,
        tabs: WorkflowTabs,
        client: EngineClient,
        model: RunModel,
        settings: Settings,
        debugging: Debugging,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._tabs = tabs
        self._client = client
        self._model = model
        self._settings = settings
        self._debugging = debugging
        self._own: set[str] = set()
        self._starting = False
        client.run_started.connect(self._on_started)

    def bind(self, actions: ActionRegistry) -> None:
        """Say what the verbs do."""
        bind, can_start, part = actions.bind, self.can_start, self.can_run_part
        bind(A.RUN_START, self.start, enabled_when=can_start)
        bind(A.RUN_WITH_INPUT, self.start_with_input, enabled_when=can_start)
        bind(A.RUN_AGAIN, self.start, enabled_when=can_start)
        bind(A.RUN_PAUSE, self.pause, enabled_when=self.can_pause)
        bind(A.RUN_STOP, self.stop, enabled_when=self.can_stop)
        bind(A.RUN_RESUME, self.resume, enabled_when=self.can_resume)
        bind(A.RUN_WITHOUT_BREAKPOINTS, self.start_without_breakpoints, enabled_when=can_start)
        bind(A.DEBUG_STEP, self.step, enabled_when=self.can_step)
        bind(A.RUN_TO_HERE, self.run_to_here, enabled_when=part)
        bind(A.RUN_FROM_HERE, self.run_from_here, enabled_when=self.can_run_from)
        bind(A.RUN_NODE_ONLY, self.run_node_only, enabled_when=part)

    # --- what can be done -------------------------------------------------------------------

    @property
    def status(self) -> str:
        """Status of the run shown as it is now, whatever moment of it is shown; or empty."""
        return self._model.live.status if self._model.run and self._model.live else ""

    @property
    def is_driven(self) -> bool:
        """Whether this process drives the run shown."""
        return self._model.run is not None and self._client.is_driven(self._model.run)

    def can_start(self) -> bool:
        """Whether the document in front may be run, or its paused run continued."""
        tab = self._tabs.current
        return tab is not None and not tab.pinned and bool(tab.document.workflow.nodes)

    def can_pause(self) -> bool:
        """Whether the run shown is going."""
        return self.is_driven and self.status in ("running", "waiting")

    def can_stop(self) -> bool:
        """Whether the run shown can be cancelled."""
        return self._model.run is not None and self.status not in ("", *_OVER)

    def can_step(self) -> bool:
        """Whether a paused run can be moved on by one superstep."""
        return self.status == "paused" and self._shows_document()

    def can_resume(self) -> bool:
        """Whether the run shown can go on in this process."""
        return (
            self._model.run is not None
            and not self.is_driven
            and self.status not in ("", "completed")
        )

    def _shows_document(self) -> bool:
        """Whether the run shown is one of the document in front."""
        tab, record = self._tabs.current, self._model.record
        if tab is None or record is None:
            return False
        return record.workflow_id == tab.document.workflow.id

    # --- verbs ------------------------------------------------------------------------------

    def start(self) -> None:
        """Run the workflow in front; a paused run goes on instead."""
        if self.can_step() and self._model.run is not None:
            self._client.spawn(self._client.unpause(self._model.run))
            return
        tab = self._tabs.current
        if tab is not None and self.can_start():
            self._client.spawn(self._start(tab, None), "Starting the run")

    def start_without_breakpoints(self) -> None:
        """Run the workflow in front past every breakpoint; a paused run goes on so."""
        run, tab = self._model.run, self._tabs.current
        if self.can_step() and run is not None:
            self._client.spawn(self._go_on_freely(run), "Going on without breakpoints")
        elif tab is not None and self.can_start():
            self._client.spawn(self._start(tab, None, stops=False), "Starting the run")

    async def _go_on_freely(self, run: str) -> None:
        await self._client.set_breakpoints(run, ())
        await self._client.unpause(run)

    def start_with_input(self) -> None:
        """Ask for the input, then run the workflow in front."""
        tab = self._tabs.current
        if tab is not None and self.can_start():
            self._client.spawn(self._ask_and_start(tab), "Starting the run")

    async def _ask_and_start(self, tab: Tab) -> None:
        go, value = await dialogs.ask_input(self._window, tab.document.workflow.settings.input)
        if go:
            await self._start(tab, value)

    # --- parts of a workflow ------------------------------------------------------------------

    def can_run_part(self) -> bool:
        """Whether one node is selected that may be run to, from, or alone."""
        return self._chosen() is not None

    def can_run_from(self) -> bool:
        """Whether one node is selected, and there is a run with results to begin on."""
        return self._chosen() is not None and self._earlier() is not None

    def run_to_here(self) -> None:
        """Run what leads to the selected node, and pause when its result is in."""
        tab, node = self._tabs.current, self._chosen()
        if tab is not None and node is not None:
            self._client.spawn(self._start(tab, None, until=node), "Starting the run")

    def run_from_here(self) -> None:
        """Run from the selected node on, on the results of the run shown, or the last one."""
        tab, node, earlier = self._tabs.current, self._chosen(), self._earlier()
        if tab is not None and node is not None and earlier is not None:
            self._client.spawn(
                self._start(tab, earlier.input, reuse=(str(earlier.run), node)), "Starting the run"
            )

    def run_node_only(self) -> None:
        """Run the selected node alone, with what went into it or something else."""
        tab, node = self._tabs.current, self._chosen()
        if tab is not None and node is not None:
            self._client.spawn(self._try(tab, node), "Running the node")

    async def _try(self, tab: Tab, key: str) -> None:
        document, earlier = tab.document, self._earlier()
        node = document.workflow.nodes[key]
        run = str(earlier.run) if earlier is not None else None
        inputs: Mapping[str, Json] | None = None
        if run is not None:
            inputs, run = await self._client.inputs_of(run, key)
        if inputs is None and document.registry.ports_of(node).inputs:
            inputs = {"in": None}
        dialog = TrialDialog(node.title or key, inputs, self._window)

        async def once(given: Mapping[str, Json] | None) -> None:
            if not await self.may_run(document):
                dialog.show_problem("It may not run on this computer.")
                return
            try:
                trial = await self._client.try_node(document.workflow, key, given, run)
            except EngineError as error:
                dialog.show_problem(str(error))
            else:
                dialog.show_trial(trial)

        dialog.run_wanted.connect(lambda given: self._client.spawn(once(given), "Running the node"))
        dialog.open()

    def _chosen(self) -> str | None:
        tab = self._tabs.current
        if tab is None or tab.pinned or len(tab.document.selection.nodes) != 1:
            return None
        (key,) = tab.document.selection.nodes
        return key if key in tab.document.workflow.nodes else None

    def _earlier(self) -> RunRecord | None:
        """The run shown, if it is one of the document in front; else the newest of those."""
        tab = self._tabs.current
        if tab is None:
            return None
        if self._shows_document() and self._model.record is not None:
            return self._model.record
        wanted = tab.document.workflow.id
        return next((r for r in self._client.runs if r.workflow_id == wanted), None)

    async def _start(
        self,
        tab: Tab,
        value: Json,
        *,
        stops: bool = True,
        until: str = "",
        reuse: tuple[str, str] | None = None,
    ) -> None:
        if self._starting:
            return
        self._starting = True
        try:
            document = tab.document
            if not await self.may_run(document):
                return
            path = str(document.path) if document.path else ""
            points = self._debugging.points(document.workflow) if stops else ()
            await self._client.start(
                document.workflow,
                value,
                source_path=path,
                breakpoints=points,
                until=until,
                reuse=reuse,
            )
        except InvalidWorkflow:
            document = tab.document
            document.validate_now()
            errors = [d for d in document.diagnostics if d.severity is Severity.ERROR]
            self.message.emit(_cannot_run(document, len(errors)), Kind.ERROR)
            self.problems_wanted.emit()
        finally:
            self._starting = False

    async def may_run(self, document: WorkflowDocument) -> bool:
        """Ask once before a workflow that came from a file does anything outside."""
        path = document.path
        source = str(path) if path else ""
        engine = self._client.engine
        needs: Mapping[str, tuple[str, ...]] = engine.capabilities(document.workflow, source)
        # What was drawn in this window is the person's own; so is what ships with the program.
        if not needs or path is None or document.workflow.id in self._own or is_shipped(path):
            self._own.add(document.workflow.id)
            return True
        revision = engine.trust_revision(document.workflow, source)
        known = TrustedFiles()
        if known.has(path, revision):
            return True
        if not await dialogs.ask_trust(self._window, document.title, needs):
            return False
        self._own.add(document.workflow.id)
        try:
            known.add(path, revision)
        except OSError as error:
            text = (
                f"Your answer could not be remembered ({error.strerror}); you will be asked again."
            )
            self.message.emit(text, Kind.WARNING)
        return True

    def pause(self) -> None:
        """Start nothing new."""
        self._with_run(self._client.pause)

    def step(self) -> None:
        """Make one superstep of a paused run."""
        self._with_run(self._client.step)

    def stop(self) -> None:
        """Cancel the run shown."""
        self._with_run(self._client.cancel)

    def resume(self) -> None:
        """Go on with the run shown, in this process; a paused one goes on too."""
        self._with_run(partial(self._client.resume, unpause=True))

    def _with_run(self, verb: Callable[[str], Any]) -> None:
        if self._model.run is not None:
            self._client.spawn(verb(self._model.run))

    # --- which run belongs to which tab --------------------------------------------------------

    def on_tab(self, tab: Tab | None) -> None:
        """Show the run that belongs to the tab in front."""
        if tab is not None:
            self._model.show_run(tab.run)

    def on_run_shown(self) -> None:
        """Remember which run the tab in front shows."""
        tab = self._tabs.current
        if tab is not None:
            tab.run = self._model.run

    def _on_started(self, run: str) -> None:
        self._model.show_run(run)


def _cannot_run(document: WorkflowDocument, errors: int) -> str:
    count = "1 problem has" if errors == 1 else f"{errors} problems have"
    return f"{document.title} cannot run yet: {count} to be solved first."
