"""The run that a window shows: live, or as it was at one of its commits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from designer.runs.engine_client import EngineClient
from designer.runs.rows import CommitSummary, RunRecord, Workflow
from designer.runs.timeline import Lane, Tick, family, tick_of
from designer.runs.words import run_status, short_run

if TYPE_CHECKING:
    from engine.app import Engine
    from engine.run_view import RunView

#: The reader's slot for the view of the commit that is shown.
_VIEW = "model/view"


@dataclass(frozen=True, slots=True)
class _Loaded:
    record: RunRecord
    workflow: Workflow
    view: RunView
    ticks: list[Tick]


def _load(engine: Engine, run: str) -> _Loaded:
    """Runs in a thread."""
    history = engine.history(run)
    return _Loaded(
        engine.run(run),
        engine.workflow_of(run),
        engine.view(run),
        [tick_of(summary) for summary in history],
    )


def _load_news(engine: Engine, run: str, after: int) -> tuple[RunView, list[CommitSummary]]:
    """Runs in a thread."""
    return engine.view(run), engine.history(run, after=after)


class RunModel(QObject):
    """Which run is shown, at which moment, and what is known of its family.

    Panels read `view` and repaint at `changed`; they never ask whether it is live, except to
    say so.
    """

    #: The view shown has moved: a frozenset of node keys, or None when everything may differ.
    changed = Signal(object)
    #: Another moment is shown: `viewing` has changed.
    viewing_changed = Signal()
    #: Another run is shown, or none.
    run_changed = Signal()
    #: Commits or forks were added; also while the past is shown.
    lanes_changed = Signal()
    #: `banner` has changed.
    banner_changed = Signal()

    def __init__(self, client: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.client = client
        self.run: str | None = None
        self.record: RunRecord | None = None
        self.workflow: Workflow | None = None
        self.viewing: int | None = None
        #: The commit that is being read, to be shown next.
        self._going: int | None = None
        self._live: RunView | None = None
        self._past: RunView | None = None
        self._lanes: list[Lane] = []
        self._document = ("", "")
        self._banner = ""
        client.run_changed.connect(self._on_run_changed)
        client.commits_added.connect(self._on_commits)
        client.run_ended.connect(self._on_ended)
        client.runs_changed.connect(self._on_runs)
        client.store_changed.connect(self._on_store)

    # --- what is shown ------------------------------------------------------------------------

    @property
    def view(self) -> RunView | None:
        """The run as it is shown: live, or at the commit `viewing`."""
        return self._live if self.viewing is None else self._past

    @property
    def live(self) -> RunView | None:
        """The run as it is now, whatever is shown."""
        return self._live

    @property
    def is_live(self) -> bool:
        """Whether the present is shown."""
        return self.viewing is None

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The run shown with its forks and ancestors; do not change them."""
        return tuple(self._lanes)

    @property
    def lane(self) -> Lane | None:
        """The lane of the run shown."""
        return self._lane(self.run)

    @property
    def commits(self) -> list[Tick]:
        """The commits of the run shown, oldest first; do not change the list."""
        lane = self.lane
        return lane.ticks if lane is not None else []

    @property
    def last_commit(self) -> int:
        """The index of the newest commit of the run shown, -1 before the first."""
        lane = self.lane
        known = lane.last if lane is not None else -1
        return max(known, self._live.commit) if self._live is not None else known

    @property
    def shown_commit(self) -> int:
        """The index of the commit that is shown, -1 when there is none."""
        if self.viewing is not None:
            return self.viewing
        return self._live.commit if self._live is not None else -1

    @property
    def status_text(self) -> str:
        """How the run shown stands, for the status bar; empty without a run."""
        if self.run is None:
            return ""
        name = f"run {short_run(self.run)}"
        if self.viewing is not None:
            return f"Viewing checkpoint {self.viewing:,} of {max(self.last_commit, 0):,} of {name}"
        if self._live is None:
            return f"Opening {name}"
        total = len(self.workflow.nodes) if self.workflow is not None else 0
        return f"{name}: {run_status(self._live, total)}"

    @property
    def banner(self) -> str:
        """What the person must know about the document in front; empty when all is well."""
        return self._banner

    def title_of(self, node: str) -> str:
        """The title of a node in the workflow that the run is pinned to."""
        found = self.workflow.nodes.get(node) if self.workflow is not None else None
        return (found.title or found.key) if found is not None else node

    # --- choosing -----------------------------------------------------------------------------

    def show_run(self, run: str | None, at: int | None = None) -> None:
        """Show another run, live or at commit `at`; None shows none."""
        if run != self.run:
            self.run = run
            self.record = None
            self.workflow = None
            self._live = self.client.live_view(run) if run is not None else None
            self._past = None
            self._lanes = self._family()
            self._leave_past()
            for slot in ("model/run", "model/follow"):
                self.client.forget(slot)
            self.run_changed.emit()
            self.changed.emit(None)
            self.lanes_changed.emit()
            self._check_banner()
            if run is not None:
                self._read_run(run)
                self._read_lanes()
        if at is not None:
            self.show_commit(at)
        else:
            self.show_live()

    def show_commit(self, commit: int) -> None:
        """Show the run as it was at `commit`. What is shown changes when it has been read."""
        if self.run is None or commit == self.viewing:
            self._stay()
            return
        self._going = commit
        self.client.read(
            _VIEW,
            self.client.engine.view,
            self.run,
            commit,
            then=lambda view: self._take_past(view, commit),
            what=f"Opening checkpoint {commit}",
        )

    def show_live(self) -> None:
        """Show the present again."""
        self._stay()
        if self.viewing is not None:
            self._leave_past()
            self.viewing_changed.emit()
            self.changed.emit(None)

    def step_commit(self, by: int) -> None:
        """Show the commit that is `by` places later (or earlier, when negative) than this one."""
        ticks = self.commits
        lane = self.lane
        if lane is None or not ticks:
            return
        # From where the last key led, though it is still being read: keys come faster than reads.
        going = self._going if self.client.is_reading(_VIEW) else None
        here = lane.index(self.shown_commit if going is None else going)
        target = max(0, min(len(ticks) - 1, (here if here >= 0 else len(ticks) - 1) + by))
        self.show_commit(ticks[target].number)

    def show_first(self) -> None:
        """Show the first commit that is kept."""
        if self.commits:
            self.show_commit(self.commits[0].number)

    def show_last(self) -> None:
        """Show the newest commit; unlike `show_live` it stays there."""
        if self.commits:
            self.show_commit(self.commits[-1].number)

    def set_document(self, workflow_id: str, revision: str) -> None:
        """Say which document is in front, so that `banner` can warn about another version."""
        self._document = (workflow_id, revision)
        self._check_banner()

    # --- reading ------------------------------------------------------------------------------

    def _read_run(self, run: str) -> None:
        self.client.read(
            "model/run",
            _load,
            self.client.engine,
            run,
            then=self._take_run,
            what=f"Opening run {short_run(run)}",
        )

    def _take_run(self, loaded: _Loaded) -> None:
        run = str(loaded.record.run)
        if run != self.run:
            return
        self.record = loaded.record
        self.workflow = loaded.workflow
        self._live = self.client.live_view(run) or loaded.view
        if self._lane(run) is None:
            self._lanes = family([*self.client.runs, loaded.record], run)
        lane = self._lane(run)
        if lane is not None:
            lane.merge(_older_first(loaded.ticks, lane))
            lane.end(self._live.status, self._live.commit)
        self.lanes_changed.emit()
        self.changed.emit(None)
        self._check_banner()

    def _take_past(self, view: RunView, commit: int) -> None:
        self._past = view
        self.viewing, self._going = commit, None
        self.viewing_changed.emit()
        self.changed.emit(None)

    def _stay(self) -> None:
        """Read no other commit."""
        self._going = None
        self.client.forget(_VIEW)

    def _leave_past(self) -> None:
        self._stay()
        self.viewing = None
        self._past = None

    def _read_lanes(self) -> None:
        for lane in self._lanes:
            if lane.run != self.run and not lane.ticks:
                self._read_lane(lane)

    def _read_lane(self, lane: Lane) -> None:
        self.client.read(
            f"model/lane/{lane.run}",
            self.client.engine.history,
            lane.run,
            then=partial(self._take_lane, lane.run),
            what=f"Reading the history of run {short_run(lane.run)}",
        )

    def _take_lane(self, run: str, history: list[CommitSummary]) -> None:
        lane = self._lane(run)
        if lane is not None and history:
            lane.merge([tick_of(summary) for summary in history])
            self.lanes_changed.emit()

    def _take_news(self, run: str, news: tuple[RunView, list[CommitSummary]]) -> None:
        lane = self._lane(run)
        if run != self.run or lane is None or self.client.is_driven(run):
            return
        view, history = news
        moved = self._live is None or view.seq != self._live.seq
        self._live = view
        grown = lane.merge([tick_of(summary) for summary in history])
        if lane.end(view.status, view.commit) or grown:
            self.lanes_changed.emit()
        if moved and self.viewing is None:
            self.changed.emit(None)

    # --- hearing ------------------------------------------------------------------------------

    def _on_run_changed(self, run: str, touched: frozenset[str]) -> None:
        if run != self.run:
            return
        view = self.client.live_view(run)
        if view is not None:
            self._live = view
        if self.viewing is None:
            self.changed.emit(touched)

    def _on_commits(self, run: str, ticks: list[Tick]) -> None:
        lane = self._lane(run)
        if lane is not None:
            lane.merge(ticks)
            lane.status = ticks[-1].status
            self.lanes_changed.emit()

    def _on_ended(self, run: str, status: str) -> None:
        lane = self._lane(run)
        if lane is not None:
            lane.end(status)
            self.lanes_changed.emit()

    def _on_runs(self) -> None:
        if self.run is None:
            return
        known = {lane.run: lane for lane in self._lanes}
        lanes = self._family()
        if not lanes:
            return  # the run is older than the list of runs reaches
        for lane in lanes:
            if lane.run in known:
                lane.ticks = known[lane.run].ticks
        if lanes != self._lanes:
            self._lanes = lanes
            self.lanes_changed.emit()
            self._read_lanes()

    def _on_store(self) -> None:
        """Another process may have moved the run."""
        if self.run is None or self.client.is_driven(self.run) or self._live is None:
            return
        run, lane = self.run, self.lane
        self.client.read(
            "model/follow",
            _load_news,
            self.client.engine,
            run,
            (lane.last if lane is not None else -1) - 1,  # the last one's status may differ now
            then=partial(self._take_news, run),
            what=f"Following run {short_run(run)}",
        )

    # --- helpers ------------------------------------------------------------------------------

    def _lane(self, run: str | None) -> Lane | None:
        return next((lane for lane in self._lanes if lane.run == run), None)

    def _family(self) -> list[Lane]:
        return family(self.client.runs, self.run) if self.run is not None else []

    def _check_banner(self) -> None:
        text = ""
        record = self.record
        workflow_id, revision = self._document
        if record is not None and workflow_id:
            name = f"Run {short_run(str(record.run))}"
            if record.workflow_id != workflow_id:
                text = f"{name} belongs to another workflow, {record.workflow}."
            elif revision and record.revision != revision:
                text = f"{name} used another version of this workflow."
        if text != self._banner:
            self._banner = text
            self.banner_changed.emit()


def _older_first(stored: list[Tick], lane: Lane) -> list[Tick]:
    """The stored ticks that are not known better from the live run."""
    known = {tick.number for tick in lane.ticks}
    return [tick for tick in stored if tick.number not in known]
