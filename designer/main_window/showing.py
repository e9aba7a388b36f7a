"""The run that is shown over the workflow in front: which one, which moment, which version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.main_window.running import Running
from designer.main_window.status import StatusBar
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.panels.outline import OutlinePanel
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.runs.words import short_run
from designer.widgets.banner import BannerArea
from designer.widgets.buttons import ButtonSpec
from designer.widgets.inputs import ChoiceBox
from designer.widgets.kinds import Kind
from engine.model.node_types import Registry

if TYPE_CHECKING:
    from designer.runs.rows import Workflow
    from engine.run_view import RunView

#: Runs that the choice in the tool bar offers.
RUNS_OFFERED = 30
#: Letters of ``run #rzz9w2: completed``, and some room.
RUN_CHOICE_LETTERS = 26


class Showing(QObject):
    """Hands the run that is shown to the canvas, and says unmistakably what is shown.

    Attributes:
        choice: the runs of the workflow in front, for the tool bar.
    """

    def __init__(  # noqa: PLR0913 - the parts that show a run
        self,
        client: EngineClient,
        model: RunModel,
        registry: Registry,
        actions: ActionRegistry,
        *,
        tabs: WorkflowTabs,
        banners: BannerArea,
        outline: OutlinePanel,
        status: StatusBar,
        running: Running,
    ) -> None:
        super().__init__(tabs)
        self._client = client
        self._model = model
        self._registry = registry
        self._actions = actions
        self._tabs = tabs
        self._banners = banners
        self._outline = outline
        self._status = status
        self._running = running
        self._offered: list[tuple[str, str | None]] = []
        self.choice = ChoiceBox(tabs)
        self.choice.setMinimumContentsLength(RUN_CHOICE_LETTERS)
        self.choice.setSizeAdjustPolicy(
            ChoiceBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.setAccessibleName("Run shown on the canvas")
        self.choice.setToolTip("The run that the canvas and the panels show")
        self.choice.activated.connect(self._on_run_chosen)
        client.runs_changed.connect(self.list_runs)
        model.changed.connect(self._on_view)
        model.run_changed.connect(self._on_run_shown)
        model.viewing_changed.connect(self.on_viewing)
        model.banner_changed.connect(self._on_banner)

    def list_runs(self) -> None:
        """Offer the runs of the workflow in front, newest first."""
        tab = self._tabs.current
        wanted = tab.document.workflow.id if tab is not None else ""
        offered = [r for r in self._client.runs if r.workflow_id == wanted][:RUNS_OFFERED]
        shown = self._model.run
        if shown and all(str(record.run) != shown for record in offered):
            offered += [r for r in self._client.runs if str(r.run) == shown]
        entries: list[tuple[str, str | None]] = [("No run shown", None)]
        entries += [(f"run {short_run(r.run)}: {r.status}", str(r.run)) for r in offered]
        # The list may be open at this moment: it is made anew only when it would differ.
        if entries != self._offered:
            self._offered = entries
            self.choice.clear()
            for words, run in entries:
                self.choice.addItem(words, run)
        self.choice.setEnabled(len(entries) > 1)
        index = self.choice.findData(shown) if shown else 0
        self.choice.setCurrentIndex(max(index, 0))

    def _on_run_chosen(self, index: int) -> None:
        self._model.show_run(self.choice.itemData(index))

    def show_run(self, run: str) -> None:
        """Show a run; bring the tab of its workflow to the front if it is open."""
        record = next((r for r in self._client.runs if str(r.run) == run), None)
        tab = self._tabs.of_document(record.workflow_id) if record is not None else None
        if tab is not None:
            tab.run = run
            self._tabs.show_tab(tab)
        self._model.show_run(run)

    def _on_run_shown(self) -> None:
        self._running.on_run_shown()
        self.list_runs()
        self.on_viewing()

    def _on_view(self, touched: object) -> None:
        """The run shown looks different: hand it to the canvas."""
        tab = self._tabs.current
        if tab is not None:
            keys = set(touched) if isinstance(touched, frozenset | set) else None
            viewing = self._model.viewing
            tab.canvas.set_run_view(
                self.view_for(tab),
                read_only=viewing is not None,
                touched=keys,
                label=f"Viewing checkpoint {viewing}" if viewing is not None else "",
                pinned=self._pinned_for(tab),
            )
            self._outline.set_run_view(self.view_for(tab))
        self._status.set_run(self._model.status_text)
        self._actions.refresh(
            (A.RUN_START, A.RUN_WITHOUT_BREAKPOINTS, A.RUN_PAUSE, A.RUN_STOP, A.RUN_RESUME,
             A.DEBUG_STEP, A.NODE_CANCEL, A.VIEW_INTO_SUBFLOW)
        )  # fmt: skip

    def view_for(self, tab: Tab) -> RunView | None:
        """The view to show over a tab: of a run of its workflow."""
        record = self._model.record
        if record is not None and record.workflow_id != tab.document.workflow.id:
            return None
        return self._model.view

    def _pinned_for(self, tab: Tab) -> Workflow | None:
        """The version that the run used, where it is not what the tab shows."""
        workflow = self._model.workflow
        if workflow is None or workflow.id != tab.document.workflow.id or tab.pinned:
            return None
        return workflow

    def on_viewing(self) -> None:
        """Say unmistakably that the past is shown, and let nothing be edited meanwhile."""
        viewing = self._model.viewing
        tab = self._tabs.current
        if tab is not None and not tab.pinned:
            reason = "You are looking at an old checkpoint; go back to live to edit."
            tab.document.set_read_only(reason if viewing is not None else "")
        if viewing is None:
            self._banners.dismiss("past")
        else:
            self._banners.show_banner(
                "past",
                f"You are looking at checkpoint {viewing} of {self._model.last_commit}. "
                "Nothing runs, and nothing can be edited here.",
                Kind.WAITING,
                (
                    ButtonSpec(text="Back to live", on_click=self._model.show_live),
                    ButtonSpec(
                        text="Run again from here",
                        on_click=lambda: self._actions.trigger(A.HISTORY_FORK),
                    ),
                ),
                closable=False,
            )
        self._on_view(None)

    def _on_banner(self) -> None:
        text = self._model.banner
        if text:
            self._banners.show_banner(
                "version",
                text,
                Kind.INFO,
                (ButtonSpec(text="Show that version", on_click=self._show_pinned),),
            )
        else:
            self._banners.dismiss("version")

    def _show_pinned(self) -> None:
        """Open the version that the run used, in a tab that cannot be edited."""
        workflow, run = self._model.workflow, self._model.run
        if workflow is not None and run is not None:
            self.open_pinned(workflow, run)

    def open_pinned(self, workflow: Workflow, run: str) -> None:
        """Show a run over the document that it is pinned to, in a tab that cannot be edited."""
        from designer.document.document import WorkflowDocument  # noqa: PLC0415 - seldom needed

        document = WorkflowDocument(workflow, self._registry)
        document.set_read_only("This is the version that a run used; edit the workflow's own tab.")
        tab = self._tabs.add(document, pinned=True)
        tab.run = run
        tab.canvas.fit()
        self._model.show_run(run)
