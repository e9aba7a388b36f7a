"""Triggers: armed for a saved workflow, served while the window is open, shown on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.main_window.running import Running
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.runs.engine_client import EngineClient
from designer.runs.rows import EngineError, TriggerNews, TriggerRecord, TrustedFiles, Workflow
from designer.widgets.kinds import Kind
from engine.model import codec
from resources.examples import is_shipped

_DAY_S = 86_400.0
#: What a person is told of triggers by name; the rest is seen in the list of runs.
_TOLD = {"refused": Kind.ERROR, "problem": Kind.WARNING}


class Arming(QObject):
    """Arms and disarms the triggers of the document in front."""

    message = Signal(str, object)

    def __init__(self, tabs: WorkflowTabs, client: EngineClient, running: Running) -> None:
        super().__init__(tabs)
        self._tabs = tabs
        self._client = client
        self._running = running
        self._actions: ActionRegistry | None = None
        #: What is armed in the store, by file.
        self._armed: dict[str, list[TriggerRecord]] = {}
        self._heard = False
        client.store_changed.connect(self.refresh)
        tabs.current_changed.connect(self.show_armed)

    def bind(self, actions: ActionRegistry) -> None:
        """Say what the verbs do."""
        self._actions = actions
        actions.bind(A.RUN_ARM, self.arm, enabled_when=self.can_arm)
        actions.bind(A.RUN_DISARM, self.disarm, enabled_when=self.can_disarm)

    def can_arm(self) -> bool:
        """Whether the document in front has a trigger that fires by itself."""
        tab = self._tabs.current
        if tab is None or tab.pinned:
            return False
        return any(
            node.type != "trigger.manual"
            and (found := tab.document.registry.get(node.type)) is not None
            and found.role == "trigger"
            for node in tab.document.workflow.nodes.values()
        )

    def can_disarm(self) -> bool:
        """Whether triggers of the document in front are armed."""
        tab = self._tabs.current
        return tab is not None and _source(tab) in self._armed

    # --- verbs ------------------------------------------------------------------------------

    def arm(self) -> None:
        """Arm the triggers of the saved workflow in front, and serve them from now on."""
        tab = self._tabs.current
        if tab is None or not self.can_arm():
            return
        if tab.document.path is None or tab.document.is_modified:
            text = "Save the workflow first: its triggers start what is in the file."
            self.message.emit(text, Kind.WARNING)
            return
        self._client.spawn(self._arm(tab), "Arming the triggers")

    async def _arm(self, tab: Tab) -> None:
        if not await self._running.may_run(tab.document):
            return
        try:
            armed = await self._serve(tab.document.workflow, _source(tab))
        except EngineError as error:
            self.message.emit(str(error), Kind.ERROR)
            return
        nodes = tab.document.workflow.nodes
        names = ", ".join(nodes[each.node].title or each.node for each in armed)
        it = "It starts" if len(armed) == 1 else "They start"
        text = f"Armed: {names}. {it} runs while Headgate is open, here or as a service."
        self.message.emit(text, Kind.SUCCESS)
        self.refresh()

    def on_saved(self, what: str) -> None:
        """Arm what was saved anew, if it is armed: runs start what is in the file."""
        if what == "saved" and self.can_disarm():
            self.arm()

    def disarm(self) -> None:
        """Let the triggers of the workflow in front fire no more."""
        tab = self._tabs.current
        if tab is not None and self.can_disarm():
            self._client.spawn(self._disarm(_source(tab)), "Disarming the triggers")

    async def _disarm(self, source: str) -> None:
        await self._client.engine.triggers.disarm(source)
        self.refresh()

    async def restore(self) -> None:
        """Serve again what was armed when Headgate was closed, if it may still run."""
        engine = self._client.engine
        known = TrustedFiles()
        for source in {each.source for each in engine.triggers.armed()}:
            path = Path(source)
            try:
                workflow = codec.load_file(path)
                needs = engine.capabilities(workflow, source)
                revision = engine.trust_revision(workflow, source)
                if not needs or is_shipped(path) or known.has(path, revision):
                    await self._serve(workflow, source)
            except (EngineError, OSError) as error:
                text = f"The triggers of {path.name} are not served: {error}"
                self.message.emit(text, Kind.WARNING)
        self.refresh()

    async def _serve(self, workflow: Workflow, source: str) -> list[TriggerRecord]:
        triggers = self._client.engine.triggers
        if not self._heard:
            self._heard = True
            triggers.listen(self._hear)
        armed = await triggers.arm(workflow, source)
        triggers.serve()
        if triggers.has_webhooks and not triggers.is_listening:
            await triggers.listen_http()
        return armed

    def _hear(self, news: TriggerNews) -> None:
        if news.kind in _TOLD:
            trigger = f"{news.trigger.workflow} · {news.trigger.node}"
            self.message.emit(f"{trigger}: {news.text}", _TOLD[news.kind])
        self.refresh()

    # --- what is shown ------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read again what is armed."""
        self._client.read(
            "arming", self._client.engine.triggers.armed, then=self._take, what="Listing triggers"
        )

    def _take(self, armed: Sequence[TriggerRecord]) -> None:
        self._armed = {}
        for each in armed:
            self._armed.setdefault(each.source, []).append(each)
        self.show_armed()

    def show_armed(self) -> None:
        """Say on the nodes of the document in front when they fire next."""
        tab = self._tabs.current
        if tab is None:
            return
        now = self._client.now()
        found = self._armed.get(_source(tab), ())
        tab.canvas.set_armed({each.node: words_of(each, now) for each in found})
        if self._actions is not None:
            self._actions.refresh((A.RUN_ARM, A.RUN_DISARM))


def words_of(trigger: TriggerRecord, now: float) -> str:
    """Return what a node says while it is armed: ``next: Mon 09:00``."""
    if trigger.problem:
        return f"armed, but {trigger.problem}"
    if trigger.next_due is None:
        return "armed"
    when = datetime.fromtimestamp(trigger.next_due, UTC).astimezone()
    near = trigger.next_due - now < 6 * _DAY_S
    return f"next: {when:%a %H:%M}" if near else f"next: {when:%Y-%m-%d %H:%M}"


def _source(tab: Tab) -> str:
    return str(tab.document.path.resolve()) if tab.document.path is not None else ""
