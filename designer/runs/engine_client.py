"""The engine behind Qt's signals: news once a frame, verbs as coroutines, reads in a thread.

One client serves the whole process. It holds no truth of its own: views come from the run's
handle, rows from the store, and both are read again when the store says that it changed.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QDateTime, QElapsedTimer, QObject, QTimer, Signal

from designer.runs.calls import Part, path_words
from designer.runs.reader import Reader
from designer.runs.rows import (
    Breakpoint,
    DecisionRecord,
    EngineError,
    InvalidCommand,
    RequestRecord,
    RunIsHeld,
    RunRecord,
    Trial,
    Workflow,
)
from designer.runs.tasks import TaskKeeper
from designer.runs.timeline import Tick
from designer.runs.touched import touched_nodes
from designer.runs.words import short_run
from designer.settings import Settings
from engine import events as ev
from engine.commands import Decide, Unpause

if TYPE_CHECKING:
    from engine.app import Engine, ReplayReport
    from engine.run_view import RunView

Json = Any
T = TypeVar("T")
#: A run and a node in it, with the title that the node has there.
Titles = dict[tuple[str, str], str]

#: The shortest time between two repaints of what a run does.
FRAME_MS = 33

#: Decisions of the past that the inbox shows.
DECISIONS_SHOWN = 200

WORKFLOWS_KEPT = 32

_ENDED: dict[type[ev.Event], str] = {
    ev.RunFinished: "completed",
    ev.RunFailed: "failed",
    ev.RunCancelled: "cancelled",
    ev.RunWaiting: "waiting",
}
_RUN_LIST: tuple[type[ev.Event], ...] = (
    ev.RunStarted,
    ev.LegStarted,
    ev.RunPaused,
    ev.RunStepped,
    ev.RunUnpaused,
    ev.BarrierOpened,
    ev.BarrierDecided,
    ev.BarrierExpired,
    ev.BarrierWithdrawn,
    *_ENDED,
)
_INBOX: tuple[type[ev.Event], ...] = (
    ev.BarrierOpened,
    ev.BarrierDecided,
    ev.BarrierExpired,
    ev.BarrierWithdrawn,
    ev.RunCancelled,
    ev.RunFailed,
)


def _utc_now() -> float:
    return QDateTime.currentMSecsSinceEpoch() / 1000


class EngineClient(QObject):
    """The engine as the window uses it.

    Args:
        engine: The facade; it is not closed with the client.
        settings: For the name signed under decisions and what follows a decision.
        parent: Owner.
        now: Seconds since the epoch, for countdowns.
    """

    #: A run of this process has moved: its id, and a frozenset of the nodes that look different.
    run_changed = Signal(str, object)
    #: What happened since the last frame, oldest first: a list of `engine.events.News`.
    news = Signal(object)
    #: Commits that a run of this process has made: its id and a list of ticks.
    commits_added = Signal(str, object)
    inbox_changed = Signal()
    #: A request that the inbox did not hold before: a RequestRecord.
    request_opened = Signal(object)
    runs_changed = Signal()
    #: This or another process has written to the store.
    store_changed = Signal()
    #: The id of a run that a verb has set going in this process.
    run_started = Signal(str)
    #: A leg has ended in this process: the run's id and ``completed failed cancelled waiting``.
    run_ended = Signal(str, str)
    #: A run has come to a breakpoint: its id and the key of a node, empty for none.
    run_stopped = Signal(str, str)
    #: One sentence for the person about something that did not work.
    failed = Signal(str)

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        parent: QObject | None = None,
        *,
        now: Callable[[], float] = _utc_now,
    ) -> None:
        super().__init__(parent)
        self.engine = engine
        self.settings = settings
        self.now = now
        self.runs: list[RunRecord] = []
        self.inbox: list[RequestRecord] = []
        self.decisions: list[DecisionRecord] = []
        #: The requests that `decisions` answer, by id.
        self.asked: dict[str, RequestRecord] = {}
        #: What was typed into open requests and not sent, by request; all screens share it.
        self.drafts: dict[str, Any] = {}
        #: Titles of the nodes that ask, by run and key.
        self.titles: Titles = {}
        #: By run that asks and that others have called: how they called one another, in words.
        self.paths: dict[str, str] = {}
        self._workflows: dict[str, Workflow] = {}
        self._inbox_known = False
        self._batch: list[ev.News] = []
        self._ticks: dict[str, list[Tick]] = {}
        self._tasks = TaskKeeper(self)
        self._tasks.failed.connect(self.failed)
        self._reader = Reader(self._tasks)
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.timeout.connect(self._flush)
        self._since_frame = QElapsedTimer()
        self._unsubscribe = [engine.subscribe(None, self._hear), engine.watch(self._on_store)]
        engine.on_problem(self._on_problem)

    # --- what is known ----------------------------------------------------------------------

    @property
    def user(self) -> str:
        """The name that is signed under decisions."""
        return self.settings.user_name.strip() or getpass.getuser()

    def live_view(self, run: str) -> RunView | None:
        """The view of a run that this process drives; it changes as the run goes on."""
        handle = self.engine.handle(run)
        return handle.view if handle is not None else None

    def is_driven(self, run: str) -> bool:
        """Whether this process drives the run."""
        return self.engine.handle(run) is not None

    def request(self, request: str) -> RequestRecord | None:
        """The open request of that id."""
        return next((record for record in self.inbox if record.request == request), None)

    def with_workflow(self, slot: str, run: str, then: Callable[[Workflow], None]) -> None:
        """Call `then` with the workflow that `run` is pinned to, at once when it is known."""

        def keep(workflow: Workflow) -> None:
            if len(self._workflows) >= WORKFLOWS_KEPT:
                del self._workflows[next(iter(self._workflows))]
            self._workflows[run] = workflow
            then(workflow)

        known = self._workflows.get(run)
        if known is not None:
            self.forget(slot)
            then(known)
        else:
            self.read(slot, self.engine.workflow_of, run, then=keep, what="Opening the workflow")

    def refresh(self) -> None:
        """Read the lists of runs, open requests and decisions again."""
        self._read_runs()
        self._read_inbox()

    # --- work in the background ---------------------------------------------------------------

    def spawn(self, coroutine: Coroutine[Any, Any, object], what: str = "") -> None:
        """Run a coroutine; it is kept until it ends, and its error becomes `failed`."""
        self._tasks.spawn(coroutine, what)

    def read(
        self,
        slot: str,
        function: Callable[..., T],
        *args: Any,
        then: Callable[[T], None],
        what: str = "Reading the store",
    ) -> None:
        """Call `function` in a thread and then `then`; see `Reader.read`. Not when closed."""
        if self._unsubscribe:
            self._reader.read(slot, function, *args, then=then, what=what)

    def forget(self, slot: str) -> None:
        """Deliver nothing more of what has been asked for `slot` until now."""
        self._reader.forget(slot)

    def is_reading(self, slot: str) -> bool:
        """Whether something asked for `slot` is still to come."""
        return self._reader.is_reading(slot)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is being read or done, and all that was heard has been passed on."""
        return self._tasks.is_idle and not self._batch

    async def close(self) -> None:
        """Stop listening and end what this client has started. The engine lives on."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        self._frame.stop()
        await self._tasks.close()

    # --- verbs --------------------------------------------------------------------------------

    async def start(self, workflow: Any, input_value: Json = None, **options: Any) -> str:
        """Start a run and return its id; `options` are those of `Engine.start`."""
        handle = await self.engine.start(workflow, input_value, **options)
        return self._begun(str(handle.run))

    async def resume(self, run: str, *, unpause: bool = False) -> str:
        """Go on with a run from its last commit; with `unpause` also with a paused one.

        The run that work in the background belongs to hears of it, unless that has ended.
        """
        record = await asyncio.to_thread(self.engine.run, run)
        if record.mode == "background" and str(record.status) in ("failed", "cancelled"):
            await self.engine.retry_child(run)
            return self._begun(run)
        commands = (Unpause(),) if unpause else ()
        handle = await self.engine.resume(run, commands=commands)
        return self._begun(str(handle.run))

    async def fork(
        self, run: str, at: int, *, channels: Mapping[str, Json] | None = None, **options: Any
    ) -> str:
        """Start a new run at commit `at` of `run` and return its id."""
        handle = await self.engine.fork(run, at, channels=channels, **options)
        return self._begun(str(handle.run))

    async def replay(self, run: str, *, at: int | None = None) -> ReplayReport:
        """Run again with the recorded outputs; nothing outside is touched."""
        return await self.engine.replay(run, at=at)

    async def decide(
        self,
        record: RequestRecord,
        choice: str,
        *,
        comment: str = "",
        values: Json = None,
        to: str = "",
    ) -> DecisionRecord:
        """Answer a request as it was shown, in the name of the user.

        Raises:
            DecisionRefused: It does not count; the reason is in the error.
        """
        decision = await self.engine.decide(
            Decide(
                request=record.request,
                choice=choice,
                by=self.user,
                through="designer",
                digest=record.digest,
                comment=comment,
                values=values,
                to=to,
            )
        )
        self._read_inbox()
        if self.settings.resume_after_decision and not self.is_driven(record.run):
            self.spawn(self._go_on(record), "Going on after the decision")
        return decision

    async def _go_on(self, record: RequestRecord) -> None:
        """Take over a run that nobody drives, unless others must agree first."""
        fresh = await asyncio.to_thread(self.engine.request, record.request)
        if fresh.status == "open":
            return
        try:
            await self.resume(record.run)
        except (RunIsHeld, InvalidCommand):
            return  # whoever drives the run, or drove it to its end, hears of the decision

    async def cancel(self, run: str, reason: str = "asked by the person") -> None:
        """End a run; this wins over everything else."""
        await self.engine.cancel(run, reason)

    async def cancel_part(self, run: str, part: Part) -> None:
        """End a task, an item or all of a node; everything else of the run goes on."""
        await self.engine.cancel_part(run, task=part.task, item=part.item, nodes=part.nodes)

    async def signal(self, name: str, payload: Json, *, run: str | None = None) -> None:
        """Send an event to a run, or to every run that listens."""
        await self.engine.signal(name, payload, run=run, through="designer")

    async def pause(self, run: str) -> None:
        """Start nothing new in a run."""
        await self.engine.pause(run)

    async def unpause(self, run: str) -> None:
        """Go on after a pause."""
        await self.engine.unpause(run)

    async def step(self, run: str) -> None:
        """Let a paused run make one superstep."""
        await self.engine.step(run)

    async def inputs_of(self, run: str, node: str) -> tuple[Mapping[str, Json] | None, str | None]:
        """Return what went into a node in a run, and the run; None twice if it never did."""
        try:
            return await asyncio.to_thread(self.engine.inputs_of, run, node), run
        except EngineError:
            return None, None

    async def try_node(
        self, workflow: Workflow, node: str, inputs: Mapping[str, Json] | None, run: str | None
    ) -> Trial:
        """Run one node alone; no run is touched."""
        return await self.engine.try_node(workflow, node, inputs=inputs, run=run)

    async def set_breakpoints(self, run: str, breakpoints: Sequence[Breakpoint]) -> None:
        """Replace the breakpoints of a run."""
        await self.engine.set_breakpoints(run, breakpoints)

    def _begun(self, run: str) -> str:
        self._read_runs()
        self.run_started.emit(run)
        return run

    # --- hearing ------------------------------------------------------------------------------

    def _hear(self, news: ev.News) -> None:
        """Called by the engine for every fact and update; must be quick."""
        self._batch.append(news)
        if type(news) is ev.Recorded and type(news.event) is ev.SuperstepCommitted:
            self._note_commit(news, news.event)
        if not self._frame.isActive():
            waited = self._since_frame.elapsed() if self._since_frame.isValid() else FRAME_MS
            self._frame.start(max(0, FRAME_MS - int(waited)))

    def _note_commit(self, record: ev.Recorded, event: ev.SuperstepCommitted) -> None:
        tick = Tick(event.commit, record.at, event.admitted, event.changed)
        self._ticks.setdefault(record.run, []).append(tick)

    def _with_status(self, run: str, ticks: list[Tick]) -> list[Tick]:
        """The ticks of a frame, the last one with the status that the run has after it.

        The view may be ahead of what was heard: then the run has gone on.
        """
        view = self.live_view(run)
        last = ticks[-1]
        if view is not None and view.commit == last.number:
            ticks[-1] = Tick(last.number, last.at, last.tasks, last.changed, view.status)
        return ticks

    def _flush(self) -> None:
        """Pass on what was heard since the last frame."""
        self._since_frame.start()
        batch, self._batch = self._batch, []
        ticks, self._ticks = self._ticks, {}
        by_run: dict[str, list[ev.News]] = {}
        runs_moved = inbox_moved = False
        ended: list[tuple[str, str]] = []
        stopped: dict[str, str] = {}
        for news in batch:
            by_run.setdefault(news.run, []).append(news)
            if isinstance(news, ev.Recorded):
                event = news.event
                runs_moved = runs_moved or isinstance(event, _RUN_LIST)
                inbox_moved = inbox_moved or isinstance(event, _INBOX)
                if type(event) is ev.BreakpointHit:
                    stopped.setdefault(news.run, event.node)
                if (status := _ENDED.get(type(event))) is not None:
                    ended.append((news.run, status))
        for run, added in ticks.items():
            self.commits_added.emit(run, self._with_status(run, added))
        for run, heard in by_run.items():
            self.run_changed.emit(run, frozenset(touched_nodes(heard)))
        self.news.emit(batch)
        for run, node in stopped.items():
            self.run_stopped.emit(run, node)
        for run, status in ended:
            self.run_ended.emit(run, status)
        if runs_moved:
            self._read_runs()
        if inbox_moved:
            self._read_inbox()

    def _on_problem(self, run: str, error: BaseException) -> None:
        if self._unsubscribe:
            self.failed.emit(f"Run {short_run(run)} stopped: {error} It can be resumed.")

    def _on_store(self) -> None:
        self._read_runs()
        self._read_inbox()
        self.store_changed.emit()

    # --- lists --------------------------------------------------------------------------------

    def _read_runs(self) -> None:
        self.read("client/runs", self.engine.runs, then=self._take_runs, what="Listing the runs")

    def _take_runs(self, runs: list[RunRecord]) -> None:
        if runs != self.runs:
            self.runs = runs
            self.runs_changed.emit()

    def _read_inbox(self) -> None:
        self.read(
            "client/inbox",
            _inbox_and_decisions,
            self.engine,
            dict(self.asked),
            dict(self.titles),
            dict(self.paths),
            then=self._take_inbox,
            what="Reading the inbox",
        )

    def _take_inbox(self, lists: _Lists) -> None:
        inbox, decisions = lists.inbox, lists.decisions
        self.asked, self.titles, self.paths = lists.asked, lists.titles, lists.paths
        known = {record.request for record in self.inbox}
        first_time = not self._inbox_known
        self._inbox_known = True
        if inbox == self.inbox and decisions == self.decisions and not first_time:
            return
        self.inbox, self.decisions = inbox, decisions
        still_open = {str(record.request) for record in inbox}
        self.drafts = {key: draft for key, draft in self.drafts.items() if key in still_open}
        self.inbox_changed.emit()
        if not first_time:
            for record in inbox:
                if record.request not in known:
                    self.request_opened.emit(record)


@dataclass(frozen=True, slots=True)
class _Lists:
    inbox: list[RequestRecord]
    decisions: list[DecisionRecord]
    asked: dict[str, RequestRecord]
    titles: Titles
    paths: dict[str, str]


def _inbox_and_decisions(
    engine: Engine,
    known: dict[str, RequestRecord],
    known_titles: Titles,
    known_paths: dict[str, str],
) -> _Lists:
    """Runs in a thread."""
    inbox = list(engine.inbox())
    decisions = list(engine.decisions())[-DECISIONS_SHOWN:]
    asked: dict[str, RequestRecord] = {}
    for decision in decisions:
        key = str(decision.request)
        if key not in asked:
            asked[key] = known.get(key) or engine.request(key)
    titles: Titles = {}
    for record in inbox:
        place = (str(record.run), record.node)
        if place in known_titles:
            titles[place] = known_titles[place]
        elif place not in titles:
            node = engine.workflow_of(record.run).nodes.get(record.node)
            titles[place] = (node.title if node is not None else "") or record.node
    runs = {str(record.run) for record in inbox}
    paths = {run: known_paths[run] for run in runs if run in known_paths}
    paths |= {run: path_words(engine, run) for run in runs if run not in known_paths}
    return _Lists(inbox, decisions, asked, titles, paths)
