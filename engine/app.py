"""The facade: everything that the designer, the command line and scripts do with runs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

import engine
from engine import events as ev
from engine.commands import (
    AnyCommand,
    Cancel,
    CancelPart,
    Decide,
    Pause,
    SetBreakpoints,
    Step,
    Unpause,
)
from engine.errors import (
    DecisionRefused,
    DocumentEdited,
    EngineError,
    InvalidCommand,
    InvalidWorkflow,
    NotAllowed,
    RunIsHeld,
    SessionBusy,
    UnknownRun,
)
from engine.executors.services import LocalServices
from engine.ids import IdFactory, RandomIds, RequestId, RunId, TaskId
from engine.model import codec
from engine.model.node_types import Option, Registry, Request
from engine.model.plan import Plan
from engine.model.workflow import Workflow
from engine.nodes.plugins import BrokenPlugin, installed
from engine.quota import Usage, history_quota
from engine.run_handle import RunHandle, spawn
from engine.run_view import RunView
from engine.runtime import breakpoints as stops
from engine.runtime import called, decisions, editing, moving, partial, signals, standing, superstep
from engine.runtime.child_runs import StoredChildren
from engine.runtime.children import expected
from engine.runtime.context import Services
from engine.runtime.environment import Environment
from engine.runtime.history import History, TaskValues
from engine.runtime.interceptors import AbortRun, Alter, Interceptor, NodeCall, Veto
from engine.runtime.invariants import check_start
from engine.runtime.loop import RunLoop, opening_of_resume, recovered_outcomes, renamed_work
from engine.runtime.outcome import Outcome
from engine.runtime.partial import Trial
from engine.runtime.plans import Plans, without_collection
from engine.runtime.ports import (
    Clock,
    CommitSummary,
    DecisionRecord,
    JournalRecord,
    Lease,
    Listener,
    Loaded,
    RequestRecord,
    RuleRecord,
    RunRecord,
    RunStore,
    SignalChanges,
    SignalRecord,
    SystemClock,
)
from engine.runtime.preparing import (
    choose_trigger,
    facts_of,
    first_state,
    fork_state,
    fork_view,
    initial_channels,
)
from engine.runtime.replay import ReplayReport
from engine.runtime.scope import inputs_of
from engine.runtime.sessions import Turn, check_last, next_turn
from engine.runtime.superstep import RunFacts
from engine.runtime.writer import DirectWriter, ThreadWriter, Writer
from engine.sinks.hosts import QUEUE, VARIABLE, Sinks
from engine.sinks.sink import Sink
from engine.state.run_state import RunState
from engine.state.status import ENDED, RunStatus
from engine.stops import Breakpoint
from engine.store.leases import current_holder
from engine.store.open import open_store
from engine.store.trust import TrustedFiles

Json = Any
T = TypeVar("T")
News = ev.News
__all__ = [
    "ALL",
    "AbortRun",
    "Alter",
    "Breakpoint",
    "CommitSummary",
    "DecisionRecord",
    "DecisionRefused",
    "DocumentEdited",
    "EditedDocument",
    "Engine",
    "EngineError",
    "EngineOptions",
    "Interceptor",
    "InvalidCommand",
    "InvalidWorkflow",
    "Listener",
    "News",
    "NodeCall",
    "NotAllowed",
    "Option",
    "ReplayReport",
    "Request",
    "RequestRecord",
    "RuleRecord",
    "RunHandle",
    "RunIsHeld",
    "RunRecord",
    "SessionBusy",
    "SignalRecord",
    "TaskValues",
    "Trial",
    "TrustedFiles",
    "UnknownRun",
    "Veto",
    "Workflow",
]
#: Every capability that a node type may ask for.
ALL = frozenset({"network", "files", "process", "secrets"})
NONE: frozenset[str] = frozenset()
#: Seconds between two looks at what other processes wrote.
WATCH_S = 0.2
HEARTBEAT_S = 5.0
#: Seconds for which an event may be taken, where the sender says nothing.
KEEP_EVENTS_S = 7 * 86_400.0
_UNSET: Any = object()


@dataclass(slots=True)
class _Held:
    handle: RunHandle
    lease: Lease


@dataclass(slots=True, kw_only=True)
class EngineOptions:
    """How an engine behaves.

    Attributes:
        threaded: store writes go through a thread (the designer).
        stay: legs stay open while a run waits for people.
        leave_paused: legs end, as waiting, when a run is paused and nothing of it runs.
        early: node key to a choice given in advance.
        interceptors: may veto or alter attempts and commits, and abort runs.
        environ: environment variables that workflows may name.
        history_bytes: what the store may take on the disk before nothing new is started.
        user: who decides here.
    """

    threaded: bool = False
    stay: bool = False
    leave_paused: bool = False
    max_idle_s: float = 60.0
    early: Mapping[str, str] = field(default_factory=dict)
    interceptors: Sequence[Interceptor] = ()
    environ: Mapping[str, str] | None = None
    user: str = ""
    history_bytes: int = field(default_factory=history_quota)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedDocument:
    """A document that a run should go on with instead of its own.

    Attributes:
        force: go on whatever is asked again or lost; without it another revision is refused.
        names: nodes that have another key there, old to new.
    """

    workflow: Workflow
    force: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """Runs workflows and remembers everything about them in one store."""

    def __init__(
        self,
        store: RunStore,
        *,
        registry: Registry | None = None,
        clock: Clock | None = None,
        ids: IdFactory | None = None,
        services: Services | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        self.store = store
        self.broken_plugins: tuple[BrokenPlugin, ...] = ()
        if registry is None:
            found = installed()
            registry, self.broken_plugins = found.registry, found.broken
        self.registry = registry
        self.options = options or EngineOptions()
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._services = services or LocalServices()
        self._writer: Writer = ThreadWriter(store) if self.options.threaded else DirectWriter(store)
        self._history = History(store)
        self._plans = Plans(self.registry, self.options.environ)
        self._held: dict[str, _Held] = {}
        self._subscribers: list[tuple[str | None, Callable[[News], None]]] = []
        self.sinks = Sinks()
        self._watchers: list[Callable[[], None]] = []
        self._problems: list[Callable[[str, BaseException], None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._pending: set[asyncio.Task[Any]] = set()
        self._waking: set[asyncio.Task[Any]] = set()
        self._children = StoredChildren(
            store=store,
            registry=self.registry,
            clock=self._clock,
            ids=self._ids,
            io=self._io,
            compile=self._compile,
            resume=self.resume,
            cancel_run=self.cancel,
            holds=self._held.__contains__,
        )

    @classmethod
    def open(
        cls,
        url: str | None = None,
        *,
        registry: Registry | None = None,
        options: EngineOptions | None = None,
    ) -> Engine:
        """Open an engine on a store, with the sinks that HEADGATE_SINKS names.

        Args:
            url: SQLAlchemy URL; None is the person's own file.
            registry: node types; None are the built-in ones and those of plug-ins.
            options: how the engine behaves.

        Raises:
            StoreError: the store cannot be opened. UnsupportedVersion: it is newer.
        """
        made = cls(open_store(url), registry=registry, options=options)
        if asked := os.environ.get(VARIABLE, ""):
            from engine.sinks import choosing  # noqa: PLC0415 - only where sinks are asked for

            for sink in choosing.chosen(asked, queued=made.sinks.queued):
                made.add_sink(sink)
        return made

    @property
    def user(self) -> str:
        """Who decides in this process."""
        if self.options.user:
            return self.options.user
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "unknown"

    async def __aenter__(self) -> Engine:  # noqa: PYI034 - nobody derives from it
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop driving all runs, so that they can be resumed, and close the store."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        for task in list(self._waking):
            task.cancel()
        await self._children.stop()
        for held in list(self._held.values()):
            await held.handle.stop()
        await self._released()
        if self.sinks:
            await asyncio.to_thread(self.sinks.close)
        await self._services.close()
        self._writer.close()
        self.store.close()

    # --- starting and driving ---------------------------------------------------------------

    def prepare(self, workflow: Workflow) -> Plan:
        """Compile a workflow ahead of its runs; `start` of the same document uses the plan.

        Raises:
            InvalidWorkflow: it has errors.
        """
        plan = self._plans.compile(workflow)
        self._plans.document(workflow)
        return plan

    def capabilities(self, workflow: Workflow, source_path: str = "") -> dict[str, tuple[str, ...]]:
        """Return each capability that the workflow needs, with the nodes that need it.

        What a called workflow needs, the node that calls it needs.
        """
        return called.capabilities(workflow, self.registry, source_path)

    def trust_revision(self, workflow: Workflow, source_path: str = "") -> str:
        """Return what a person agrees to: the revision, with those of all that it calls."""
        return called.trust_revision(workflow, self.registry, source_path)

    async def start(  # noqa: PLR0913 - keywords, each with a default
        self,
        workflow: Workflow,
        input: Json = None,
        *,
        channels: Mapping[str, Json] | None = None,
        trigger: str | None = None,
        source_path: str = "",
        allow: frozenset[str] = ALL,
        title: str = "",
        breakpoints: Sequence[Breakpoint] = (),
        until: str = "",
        reuse: tuple[str, str] | None = None,
        session: str = "",
    ) -> RunHandle:
        """Start a run and begin to drive it.

        Args:
            workflow: what is run; the run is pinned to it.
            input: of the run; None is the example input of the workflow.
            channels: values of channels at the start.
            trigger: where it begins, if there are several.
            source_path: the file that the workflow is from.
            allow: the capabilities that it may use.
            title: of the run.
            breakpoints: where it is paused.
            until: key of a node: only what leads there is started, and when its result is in,
                the run is paused.
            reuse: (run, node): begin with that node and what is behind it; everything else
                takes the result that it had in that run, and is not run again.
            session: begin with the durable channels of the run before it in this session.

        Raises:
            InvalidWorkflow: it has errors. NotAllowed: it needs more than `allow`.
            InvalidCommand: the trigger must be chosen, a channel is unknown or refuses its
                value, or a breakpoint cannot work. SessionBusy: a run of the session is open.
            StoreError: the run cannot be stored.
        """
        plan = await self._io(self._compile, workflow)
        self._check_allowed(workflow, source_path, allow)
        self._check_quota()
        value = workflow.settings.input if input is None else input
        turn = await self._io(next_turn, self.store, session, plan) if session else None
        record = replace(
            self._record(plan, value, source_path=source_path, title=title),
            session=session,
            trigger=choose_trigger(plan, trigger) or "",
            allow=tuple(sorted(allow)),
        )
        state = first_state(plan, channels or {}, turn)
        state.breaks = stops.check(plan, breakpoints)
        state.until = partial.check_node(plan, until).key if until else ""
        if reuse is not None:
            partial.check_node(plan, reuse[1])
            state.recordings = await self._io(self._history.recordings, plan, *reuse)
        facts, opening = self._beginning(plan, record, state, turn)
        if reuse is not None:
            source, count = self.store.run(RunId(reuse[0])).run, len(state.recordings)
            used = ev.ResultsReused(source=source, node=reuse[1], tasks=count)
            opening.events.insert(2, used)
        await self._io(self.store.create_run, record)
        return await self._drive(plan, record, state, facts, opening, RunView(run=record.run))

    def _beginning(
        self, plan: Plan, record: RunRecord, state: RunState, turn: Turn | None = None
    ) -> tuple[RunFacts, superstep.Step]:
        """Return the facts of a run that begins in `state`, and its first commit."""
        facts = facts_of(plan, record)
        check_start(plan, state.channels, facts.scope)
        at = self._clock.now()
        trigger = record.trigger or None
        opening = superstep.begin(plan, state, facts, trigger=trigger, at=at, ids=self._ids)
        started = ev.RunStarted(
            workflow=record.workflow,
            workflow_id=record.workflow_id,
            revision=plan.revision,
            input=record.input,
            seed=record.seed,
            engine=engine.__version__,
            session=record.session,
            turn=turn.number if turn is not None else 0,
            step=turn.step if turn is not None else 0,
            called_by=record.called_by,
        )
        opening.events[:0] = [
            started,
            ev.LegStarted(leg=1, reason="start", commit=0),
            *_told(state),
        ]
        opening.events[2:2] = self._quota_warnings()
        return facts, opening

    async def resume(
        self,
        run: str,
        *,
        allow: frozenset[str] = NONE,
        commands: Sequence[AnyCommand] = (),
        edited: EditedDocument | None = None,
    ) -> RunHandle:
        """Go on with a run from its last commit; a paused one stays paused.

        Args:
            run: its id, or a unique beginning.
            allow: what a run that came from a file may use; asked for once only.
            commands: obeyed before anything of it is started, such as `Unpause`.
            edited: go on with this document instead of the one that the run is pinned to.

        Raises:
            NotAllowed: it came from a file and needs more than that.
            DocumentEdited: the document has another revision, and nobody has forced it.
            RunIsHeld: a live process drives it. InvalidCommand: it is completed.
            UnknownRun: there is no such run.
        """
        await self._let_go(run)
        run_id = self.store.run(RunId(run)).run
        if run_id in self._held:
            if edited is not None:
                raise RunIsHeld(f"Run {run_id} is being run here: stop it, then go on with it.")
            handle = self._held[run_id].handle
            for command in commands:
                handle.send(command)
            return handle
        await self._released()  # our own last leg may be giving its lease back
        lease = await self._io(self.store.acquire, run_id, current_holder(), self._clock.now())
        try:
            loaded = await self._io(self.store.load, run_id)
            if loaded.state.status is RunStatus.COMPLETED:
                raise InvalidCommand(
                    f"Run {run_id} is completed; use fork to run again from one of its commits."
                )
            if loaded.record.session:
                await self._io(check_last, self.store, loaded.record)
            plan = await self._io(self._compile_bytes, loaded.record.document)
            await self._check_trust(loaded.record, plan.workflow, allow)
            if loaded.state.commit < 0:  # it was stored, and nobody has begun to drive it
                if loaded.record.parent:
                    raise InvalidCommand(
                        f"Run {run_id} never began; fork run {loaded.record.parent} again from "
                        f"commit {loaded.record.parent_commit}."
                    )
                if edited is not None:
                    raise InvalidCommand(
                        f"Run {run_id} has not begun: start one on the edited workflow instead."
                    )
                state = first_state(plan, {}, None)
                facts, opening = self._beginning(plan, loaded.record, state)
                view = RunView(run=run_id)
                return await self._drive_with(
                    lease, plan, state, facts, opening, view, next_seq=1, commands=commands
                )
            plan, state, opening, recovered = await self._leg(plan, loaded, edited)
            facts = facts_of(plan, loaded.record)
            view = await self._io(self.view, run_id)
        except BaseException:
            self.store.release(lease)
            raise
        if loaded.state.status is RunStatus.CANCELLING:  # it ended before its attempts did
            commands = (Cancel(reason=view.reason or "asked by the person"), *commands)
        opening.events[1:1] = self._quota_warnings()
        if loaded.state.status in ENDED:  # what came too late for that leg is not for this one
            await self._io(self._pass_over_commands, run_id, loaded.state, opening)
        return await self._drive_with(
            lease,
            plan,
            state,
            facts,
            opening,
            view,
            next_seq=loaded.next_seq,
            recovered=recovered,
            commands=commands,
        )

    async def _leg(
        self, plan: Plan, loaded: Loaded, edited: EditedDocument | None
    ) -> tuple[Plan, RunState, superstep.Step, list[Outcome]]:
        """Return what a later leg begins with, on another document where that is chosen."""
        state = loaded.state
        journal: Sequence[JournalRecord] = loaded.journal
        claims: Mapping[TaskId, int] = loaded.claims
        choice = None if edited is None else await self._io(self._edited, plan, edited)
        if choice is None:
            facts = facts_of(plan, loaded.record)
            opening = opening_of_resume(plan, state, facts, loaded.legs + 1, "resume")
        else:
            run = loaded.record.run
            decided = frozenset(each.request for each in self.store.unadmitted(run))
            made = moving.move(plan, choice.plan, state, choice.names, decided)
            editing.check_choice(plan, choice, made, run)
            facts = facts_of(choice.plan, loaded.record)
            check_start(choice.plan, made.state.channels, facts.scope)
            journal, claims = renamed_work(journal, claims, made.renamed)
            claims = {**claims, **dict(made.done)}
            opening = self._opening_of_move(plan, choice, made, loaded)
            plan, state = choice.plan, made.state
        return plan, state, opening, recovered_outcomes(plan, state, journal, claims)

    def _edited(self, plan: Plan, edited: EditedDocument) -> editing.Edited | None:
        """Return the choice to go on with another document, or None when it is the same."""
        other = self._compile(edited.workflow)
        if other.revision == plan.revision:
            return None
        return editing.Edited(
            plan=other,
            document=self._plans.document(edited.workflow),
            names=edited.names,
            force=edited.force,
            by=self.user,
        )

    def _opening_of_move(
        self, old: Plan, choice: editing.Edited, made: moving.Move, loaded: Loaded
    ) -> superstep.Step:
        """Return the commit that begins a leg on another document."""
        facts = facts_of(choice.plan, loaded.record)
        opening = superstep.take_up(
            choice.plan, made.state, facts, at=self._clock.now(), ids=self._ids
        )
        begun = ev.LegStarted(leg=loaded.legs + 1, reason="resume", commit=made.state.commit)
        opening.events[:0] = [begun, *editing.events_of(old, choice, made)]
        opening.closed = [(request, "withdrawn") for request, *_ in made.withdrawn]
        opening.document = (choice.document, choice.plan.revision, choice.plan.workflow.name)
        opening.claims = [
            (made.renamed[task], attempt)
            for task, attempt in loaded.claims.items()
            if task in made.renamed
        ] + made.done
        opening.orphans = made.orphans
        if made.closed:
            opening.signals = SignalChanges(closed=made.closed)
        return opening

    async def fork(
        self,
        run: str,
        at: int,
        *,
        channels: Mapping[str, Json] | None = None,
        input: Json = _UNSET,
        allow: frozenset[str] = NONE,
        breakpoints: Sequence[Breakpoint] | None = None,
        edited: EditedDocument | None = None,
    ) -> RunHandle:
        """Start a new run from commit `at` of another one; that one is left as it is.

        Args:
            run: the parent.
            at: index of the commit.
            channels: new values of channels.
            input: a new run input (what `run.input` says); left out, the parent's.
            allow: what it may use, where the parent came from a file.
            breakpoints: of the new run; left out, the parent's.
            edited: run it on this document instead of the parent's.

        Raises:
            NotAllowed: the parent came from a file, and it needs more than that.
            DocumentEdited: the document has another revision, and nobody has forced it.
        """
        parent = self.store.run(RunId(run))
        self._check_quota()
        old = plan = await self._io(self._compile_bytes, self._document_at(parent, at))
        await self._check_trust(parent, plan.workflow, allow)
        then = await self._io(self.store.state_at, parent.run, at)
        choice = None if edited is None else await self._io(self._edited, plan, edited)
        made: moving.Move | None = None
        if choice is not None:
            made = moving.move(plan, choice.plan, then, choice.names)
            editing.check_choice(plan, choice, made, parent.run)
            plan = choice.plan
        value = parent.input if input is _UNSET else input
        record = replace(
            self._record(plan, value, source_path=parent.source_path, title=parent.title),
            parent=parent.run,
            parent_commit=at,
            trigger=parent.trigger,
            allow=tuple(sorted(allow)) if parent.untrusted else parent.allow,
            depth=parent.depth,
        )
        state = fork_state(plan, then if made is None else made.state, channels or {})
        view = fork_view(await self._io(self.view, parent.run, at), record.run, state)
        facts = facts_of(plan, record)
        check_start(plan, state.channels, facts.scope)
        if breakpoints is not None:
            state.breaks = stops.check(plan, breakpoints)
        await self._io(self.store.fork, parent.run, at, record)  # nothing of it is refused now
        opening = opening_of_resume(plan, state, facts, 1, "fork")
        if choice is not None and made is not None:
            opening = superstep.take_up(plan, state, facts, at=self._clock.now(), ids=self._ids)
            begun = ev.LegStarted(leg=1, reason="fork", commit=state.commit)
            made.withdrawn.clear()  # the parent goes on asking; the child asks everything anew
            opening.events[:0] = [begun, *editing.events_of(old, choice, made)]
        opening.events[1:1] = _told(state)
        opening.events[:0] = [
            ev.RunStarted(
                workflow=record.workflow,
                workflow_id=record.workflow_id,
                revision=record.revision,
                input=value,
                seed=record.seed,
                engine=engine.__version__,
                parent=(parent.run, at),
                edited=tuple(channels or ()),
            )
        ]
        return await self._drive(plan, record, state, facts, opening, view)

    async def try_node(
        self,
        workflow: Workflow,
        node: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        run: str | None = None,
        task: str | None = None,
        allow: frozenset[str] = ALL,
    ) -> Trial:
        """Run one node alone, once, and tell what came of it. No run is touched or made.

        Args:
            workflow: with the node as it is now.
            node: its key.
            inputs: input port to value; left out, what went in in `run`.
            run: where inputs, channels and the outputs of other nodes come from.
            task: which task of the node in that run; left out, the last one.
            allow: the capabilities that it may use.

        Raises:
            InvalidCommand: there is no such node, the run never came to it, or it needs inputs
                and has none. InvalidWorkflow, NotAllowed, UnknownRun: as for `start`.
        """
        plan = await self._io(self._compile, workflow)
        found = partial.check_node(plan, node)
        alone = replace(workflow, nodes={node: workflow.nodes[node]}, edges=())
        self._check_allowed(alone, "", allow)
        if run is not None:
            row, state = await self._io(self._history.captured, run, node, task)
            record = self.store.run(RunId(run))
        else:
            row, state = None, RunState(channels=initial_channels(plan, {}))
            record = self._record(plan, workflow.settings.input, source_path="", title="")
            if inputs is None and found.in_ports:
                raise InvalidCommand(
                    f"Say what goes into {node}: its inputs, or a run that has come to it."
                )
        return await partial.try_node(
            plan,
            found,
            state,
            facts_of(plan, record),
            row,
            inputs,
            services=self._services,
            clock=self._clock,
        )

    def inputs_of(self, run: str, node: str, task: str | None = None) -> Mapping[str, Json]:
        """Return what went into the last task of a node, or into the one that is named.

        Raises:
            InvalidCommand: the run never came to it. UnknownRun: there is no such run.
        """
        row, state = self._history.captured(run, node, task)
        plan = self._compile_bytes(self.store.run(RunId(run)).document)
        return inputs_of(plan.nodes[node], row, state)

    async def replay(self, run: str, *, at: int | None = None) -> ReplayReport:
        """Make the commits of a run again from its recorded outputs and compare."""
        report: ReplayReport = await self._io(self._history.replay, run, self._compile_bytes, at)
        return report

    def handle(self, run: str) -> RunHandle | None:
        """Return the handle of a run that this process drives."""
        held = self._held.get(run)
        return held.handle if held else None

    async def fire_due(self) -> list[RunHandle]:
        """Take over runs that nobody holds and whose time, or whose decision, has come."""
        taken: list[RunHandle] = []
        now = self._clock.now()
        for run, _ in await self._io(self.store.due_runs, now):
            if run in self._held:
                continue
            try:
                taken.append(await self.resume(run))
            except (RunIsHeld, InvalidCommand, NotAllowed):
                continue  # somebody was faster, or has to agree first
        return taken

    # --- deciding ---------------------------------------------------------------------------

    async def decide(self, command: Decide) -> DecisionRecord:
        """Store a decision, in any process, whoever drives the run.

        Raises:
            DecisionRefused: it was stored as refused; the reason says why.
            UnknownRun: there is no such request.
        """
        now = self._clock.now()
        record = await self._io(self.store.request, command.request)
        try:
            decisions.check(record, command)
        except DecisionRefused as refusal:
            await self._io(self.store.refuse, command, now, refusal.reason)
            raise
        stored: DecisionRecord = await self._io(self.store.decide, command, now)
        if not stored.accepted:
            raise DecisionRefused(_why_refused(record, stored), reason=stored.reason)
        held = self._held.get(record.run)
        if held is not None:
            held.handle.decided(stored)
        self._tell_watchers()
        return stored

    async def add_rule(
        self,
        *,
        workflow: Workflow,
        choice: str,
        scope: Mapping[str, str] = MappingProxyType({}),
        to: str = "",
        comment: str = "",
        max_uses: int | None = None,
        expires_at: float | None = None,
    ) -> RuleRecord:
        """Store a standing decision: it answers what will be asked, until it ends.

        Args:
            workflow: it answers requests of this workflow only.
            choice: as for `decide`, without an edited payload.
            scope: narrows it: ``run``, ``node``, ``task``, ``revision``.
            to: for ``reroute``: key of the target node.
            comment: kept with every decision that it makes.
            max_uses: how often it may answer; None is as often as it is asked.
            expires_at: when it ends, in seconds since the epoch; None is never.

        Raises:
            InvalidCommand: it could never answer anything.
        """
        rule = RuleRecord(
            id=str(self._ids.request_id()),
            workflow_id=workflow.id,
            workflow=workflow.name,
            choice=choice,
            by=self.user,
            at=self._clock.now(),
            to=to,
            comment=comment,
            max_uses=max_uses,
            expires_at=expires_at,
            run=scope.get("run", ""),
            node=scope.get("node", ""),
            task=scope.get("task", ""),
            revision=scope.get("revision", ""),
        )
        standing.check(workflow, rule, rule.at)
        stored: RuleRecord = await self._io(self.store.add_rule, rule)
        self._tell_watchers()
        return stored

    def rules(self) -> list[RuleRecord]:
        """Return the standing decisions, those that have ended too, newest first."""
        return self.store.rules()

    async def revoke_rule(self, rule: str) -> RuleRecord:
        """End a standing decision; what it has decided stays decided.

        Raises:
            UnknownRun: there is no such rule. InvalidCommand: it was revoked already.
        """
        ended: RuleRecord = await self._io(
            self.store.revoke_rule, rule, self.user, self._clock.now()
        )
        self._tell_watchers()
        return ended

    async def apply_rules(self, requests: Sequence[RequestRecord]) -> list[DecisionRecord]:
        """Let the rules answer requests that are open already; return what was accepted."""
        found: list[DecisionRecord] = []
        for record in requests:
            stored: DecisionRecord | None = await self._io(
                self.store.decide_by_rule, record.request, self._clock.now()
            )
            if stored is None or not stored.accepted:
                continue
            found.append(stored)
            held = self._held.get(record.run)
            if held is not None:
                held.handle.decided(stored)
        self._tell_watchers()
        return found

    def value_problems(self, request: Request, values: Json) -> list[tuple[str, str]]:
        """Return (path, what is wrong) of an edited payload, as `decide` would refuse it."""
        return decisions.value_problems(request, values)

    async def signal(
        self,
        name: str,
        payload: Json = None,
        *,
        run: str | None = None,
        id: str = "",
        keep_s: float = KEEP_EVENTS_S,
        through: str = "api",
    ) -> SignalRecord:
        """Send an event to a run, or to every run that listens, whoever drives it.

        It is stored first; a run takes it at once or, until it expires, when it listens.

        Args:
            name: of the event.
            payload: JSON.
            run: the run that it is for; None is every run.
            id: sending the same id again does nothing; empty for a new one.
            keep_s: seconds for which it may be taken.
            through: ``api``, ``cli`` or ``designer``.

        Raises:
            UnknownRun: there is no such run.
            InvalidCommand: the run has ended, the name is empty or the payload is no JSON.
        """
        signal = signals.signal_record(
            name,
            payload,
            id=id or self._ids.request_id(),
            at=self._clock.now(),
            keep_s=keep_s,
            by=self.user,
            through=through,
        )
        if run is not None:
            record = await self._io(self.store.run, RunId(run))
            if record.status in ENDED:
                raise InvalidCommand(
                    f"Run {record.run} is {record.status} and listens to nothing any more."
                )
            signal = replace(signal, run=record.run)
        stored: SignalRecord = await self._io(self.store.add_signal, signal)
        self._signalled()
        self._tell_watchers()
        return stored

    def listeners(self, name: str | None = None) -> list[Listener]:
        """Return the tasks that wait for an event (of that name), in all runs."""
        return self.store.listeners(name)

    def _signalled(self) -> None:
        for held in list(self._held.values()):
            held.handle.signalled()

    async def cancel(self, run: str, reason: str = "asked by the person") -> None:
        """Cancel a run, wherever it is driven."""
        record = self.store.run(RunId(run))
        await self._command(record, Cancel(reason=reason))

    async def cancel_part(
        self,
        run: str,
        *,
        task: str = "",
        item: str = "",
        nodes: Sequence[str] = (),
        reason: str = "asked by the person",
    ) -> None:
        """End a task, an item of a For each (``each.3``), or all tasks of some nodes.

        What only they lead to is skipped; everything else of the run goes on.
        """
        command = CancelPart(task=task, item=item, nodes=tuple(nodes), reason=reason)
        await self._command(self.store.run(RunId(run)), command)

    async def pause(self, run: str) -> None:
        """Start nothing new in a run."""
        await self._command(self.store.run(RunId(run)), Pause())

    async def unpause(self, run: str) -> None:
        """Let a paused run go on."""
        await self._command(self.store.run(RunId(run)), Unpause())

    async def step(self, run: str) -> None:
        """Make one superstep of a paused run."""
        await self._command(self.store.run(RunId(run)), Step())

    async def set_breakpoints(self, run: str, breakpoints: Sequence[Breakpoint]) -> None:
        """Replace the breakpoints of a run, wherever it is driven.

        Raises:
            InvalidCommand: the run has ended, a node does not exist, or a condition is no
                expression.
        """
        await self._io(self.check_breakpoints, run, breakpoints)
        record = self.store.run(RunId(run))
        await self._command(record, SetBreakpoints(breakpoints=tuple(breakpoints)))

    def check_breakpoints(self, run: str, breakpoints: Sequence[Breakpoint]) -> None:
        """Look whether breakpoints can work in a run.

        Raises:
            InvalidCommand: a node does not exist, or a condition is no expression.
        """
        stops.check(self._compile_bytes(self.store.run(RunId(run)).document), breakpoints)

    async def tell(self, run: str, command: AnyCommand) -> str:
        """Store a command for the other process that drives a run; return the run's id.

        Returns:
            Nothing when no other process drives it: then `resume` with the command.
        """
        run_id = self.store.run(RunId(run)).run
        try:
            lease = await self._io(self.store.acquire, run_id, current_holder(), self._clock.now())
        except RunIsHeld:
            await self._io(self.store.add_command, run_id, command, self._clock.now())
            return run_id
        await self._release(lease)
        return ""

    async def _command(self, record: RunRecord, command: AnyCommand) -> None:
        held = self._held.get(record.run)
        if held is not None:
            held.handle.send(command)
            return
        if record.status in ENDED:
            raise InvalidCommand(f"Run {record.run} is {record.status} already.")
        try:
            handle = await self.resume(record.run, commands=(command,))
        except RunIsHeld:
            await self._io(self.store.add_command, record.run, command, self._clock.now())
            return
        if isinstance(command, Cancel):
            await handle.leg()

    # --- looking ----------------------------------------------------------------------------

    def runs(self, *, limit: int = 200, session: str | None = None) -> list[RunRecord]:
        """Return the runs, newest first; of one session if it is named."""
        return self.store.runs(limit=limit, session=session)

    def run(self, run: str) -> RunRecord:
        """Return one run; a unique beginning of its id is enough."""
        return self.store.run(RunId(run))

    def workflow_of(self, run: str, at: int | None = None) -> Workflow:
        """Return the document that the run is pinned to, or was at commit `at`."""
        record = self.store.run(RunId(run))
        return codec.loads(self._document_at(record, record.commit if at is None else at))

    def _document_at(self, record: RunRecord, at: int) -> bytes:
        earlier = self.store.documents(record.run)
        return next((each for until, each in earlier if at < until), record.document)

    def history(self, run: str, *, after: int = -1) -> list[CommitSummary]:
        """Return one line per commit, oldest first."""
        return self.store.history(RunId(run), after=after)

    def events(self, run: str, *, after: int = 0, upto: int | None = None) -> list[ev.Recorded]:
        """Return facts in order."""
        return self.store.events(RunId(run), after=after, upto=upto)

    async def read_events(
        self, run: str, *, after: int = 0, upto: int | None = None
    ) -> list[ev.Recorded]:
        """Return facts in order, read where the store may block."""
        found: list[ev.Recorded] = await self._io(
            lambda: self.store.events(RunId(run), after=after, upto=upto)
        )
        return found

    def view(self, run: str, at: int | None = None) -> RunView:
        """Return how the run looks now, or looked at commit `at`. Raises `UnknownRun`."""
        return self._history.view(run, at)

    def state_at(self, run: str, at: int | None = None) -> RunState:
        """Return the exact state of a commit. Raises `UnknownRun`."""
        return self._history.state_at(run, at)

    def values(self, run: str, task: str) -> TaskValues:
        """Return what went into a task and what came out of it. Raises `UnknownRun`."""
        return self._history.values(run, task)

    def children(self, run: str) -> list[RunRecord]:
        """Return the runs that a run has called, oldest first."""
        return self.store.children(self.store.run(RunId(run)).run)

    def root_of(self, run: str) -> RunId:
        """Return the run that called the one that called this one, as far as they wait.

        To go on with it is to go on with all of them.
        """
        record = self.store.run(RunId(run))
        while record.called_by is not None and record.mode == "call":
            caller = self.store.run(record.called_by[0])
            if caller.status in ENDED:
                break
            record = caller
        return record.run

    def inbox(self) -> list[RequestRecord]:
        """Return the open barrier requests of all runs, the one due first at the top."""
        return self.store.requests()

    def request(self, request: str) -> RequestRecord:
        """Return one barrier request."""
        return self.store.request(RequestId(request))

    def decisions(self, run: str | None = None) -> list[DecisionRecord]:
        """Return the decision log, oldest first."""
        return self.store.decisions(run=RunId(run) if run else None)

    async def name_commit(self, run: str, number: int, name: str) -> None:
        """Give a commit a name, so that pruning keeps it; an empty one takes it away."""
        record = self.store.run(RunId(run))
        await self._io(self.store.name_commit, record.run, number, name)
        self._tell_watchers()

    async def prune(self, run: str, keep: int, *, older_than_s: float | None = None) -> int:
        """Drop old commits of a run; return the bytes that were given back.

        Args:
            run: its id.
            keep: how many commits stay, the last ones.
            older_than_s: drop only what is older than so many seconds.
        """
        record = self.store.run(RunId(run))
        before = None if older_than_s is None else self._clock.now() - older_than_s
        freed: int = await self._io(
            functools.partial(self.store.prune, record.run, keep, before=before)
        )
        return freed

    def usage(self) -> Usage:
        """Return how much of its quota the history takes."""
        return Usage(self.store.size_bytes(), self.options.history_bytes)

    def verify_evidence(self) -> list[str]:
        """Check the hash chain of requests and decisions; return what is wrong."""
        return self.store.verify()

    # --- listening --------------------------------------------------------------------------

    def subscribe(self, run: str | None, callback: Callable[[News], None]) -> Callable[[], None]:
        """Hear every stored fact and every update of runs driven here; None means all.

        A callback that fails is reported through `on_problem` and does not hurt the run.
        """
        entry = (run, callback)
        self._subscribers.append(entry)
        return lambda: self._subscribers.remove(entry) if entry in self._subscribers else None

    def subscribe_session(
        self, session: str, callback: Callable[[News], None]
    ) -> Callable[[], None]:
        """Hear the news of every run of a session that is driven here, of later ones too."""

        def hear(item: News) -> None:
            held = self._held.get(item.run)
            if held is not None and held.handle.view.session == session:
                callback(item)

        return self.subscribe(None, hear)

    def add_sink(self, sink: Sink, *, size: int = QUEUE) -> None:
        """Send every fact and update from now on to a sink; `sinks.health` says how it fares.

        Args:
            sink: closed with the engine.
            size: news that may wait for it; beyond it the oldest are dropped and counted.
        """
        if not self.sinks:
            self.subscribe(None, self.sinks.offer)
        self.sinks.add(sink, size=size)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Hear that any process has changed the store."""
        self._watchers.append(callback)
        self._start_watching()
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    def on_problem(self, callback: Callable[[str, BaseException], None]) -> None:
        """Hear of runs that stopped because of an error of the store or of ours."""
        self._problems.append(callback)

    def leg_ended(self, handle: RunHandle, task: asyncio.Task[ev.Recorded]) -> None:
        """Give the lease back when a leg is over. Called by the handle."""
        held = self._held.pop(handle.run, None)
        if held is not None:
            self._writer.forget(held.lease)
            self._later(self._release(held.lease))
        error = None if task.cancelled() else task.exception()
        if error is not None:
            for callback in self._problems:
                callback(handle.run, error)
        if not task.cancelled():
            self._tell_callers(handle.called_by)
        self._tell_watchers()
        if self._watching is not None and not self._held and not self._watchers:
            self._watching.cancel()

    def _tell_callers(self, called_by: tuple[RunId, TaskId] | None) -> None:
        """Let the runs that wait for one that has come to rest look at it."""
        for held in list(self._held.values()):
            held.handle.child_changed()
        if called_by is not None and called_by[0] not in self._held:
            task = spawn(self._wake(called_by[0]))
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

    async def _wake(self, caller: RunId) -> None:
        """Go on with a run that waits for a child, if that has ended and nobody drives it."""
        with contextlib.suppress(RunIsHeld, InvalidCommand, UnknownRun):
            record = await self._io(self.store.run, caller)
            if record.status is RunStatus.WAITING and await self._io(self._hears_child, caller):
                await self.resume(caller)

    def _hears_child(self, caller: RunId) -> bool:
        state = self.store.load(caller).state
        return any(self.store.run(run).status in ENDED for run in expected(state))

    async def settled(self) -> None:
        """Wait until this process drives no run any more; none waits for people for it."""
        while self._held or self._waking or self._children.is_starting:
            for held in list(self._held.values()):
                held.handle.hurry()
            legs = [held.handle.leg() for held in list(self._held.values())]
            await asyncio.gather(*legs, *self._waking, return_exceptions=True)
            await self._children.settled()
            await asyncio.sleep(0)

    # --- inside -----------------------------------------------------------------------------

    def _compile_bytes(self, document: bytes) -> Plan:
        with without_collection():
            return self._compile(codec.loads(document))

    def _compile(self, workflow: Workflow) -> Plan:
        return self._plans.compile(workflow)

    def _check_allowed(self, workflow: Workflow, source_path: str, allow: frozenset[str]) -> None:
        needed = self.capabilities(workflow, source_path)
        missing = {name: nodes for name, nodes in needed.items() if name not in allow}
        if missing:
            words = "; ".join(f"{name} ({', '.join(nodes)})" for name, nodes in missing.items())
            flags = " ".join(f"--allow {name}" for name in missing)
            raise NotAllowed(
                f"{workflow.name} needs what was not allowed: {words}. "
                f"If you trust it, allow it with {flags}."
            )

    async def _check_trust(
        self, record: RunRecord, workflow: Workflow, allow: frozenset[str]
    ) -> None:
        """Refuse a run from a file that needs more than was allowed; else trust it from now on."""
        if record.untrusted:
            self._check_allowed(workflow, record.source_path, allow)
            await self._io(self.store.trust, record.run, tuple(sorted(allow)))

    def _check_quota(self) -> None:
        """Refuse to start something new in a full store; what is there may go on."""
        usage = self.usage()
        if usage.is_over:
            raise InvalidCommand(f"Nothing new was started. {usage.words()}")

    def _quota_warnings(self) -> list[ev.AnyEvent]:
        usage = self.usage()
        return [ev.Warned(node="", message=usage.words())] if usage.is_near else []

    def _record(self, plan: Plan, value: Json, *, source_path: str, title: str) -> RunRecord:
        try:
            msgspec.json.encode(value)
        except (TypeError, ValueError) as error:
            raise InvalidCommand(f"The input is not JSON: {error}") from error
        now = self._clock.now()
        return RunRecord(
            run=self._ids.run_id(now),
            workflow_id=plan.workflow.id,
            workflow=plan.workflow.name,
            revision=plan.revision,
            document=self._plans.document(plan.workflow),
            input=value,
            seed=self._ids.seed(),
            started_at=now,
            source_path=source_path,
            title=title,
        )

    async def _drive(
        self,
        plan: Plan,
        record: RunRecord,
        state: RunState,
        facts: RunFacts,
        opening: superstep.Step,
        view: RunView,
    ) -> RunHandle:
        lease = await self._io(self.store.acquire, record.run, current_holder(), record.started_at)
        return await self._drive_with(lease, plan, state, facts, opening, view, next_seq=1)

    async def _drive_with(  # noqa: PLR0913 - everything that a leg begins with
        self,
        lease: Lease,
        plan: Plan,
        state: RunState,
        facts: RunFacts,
        opening: superstep.Step,
        view: RunView,
        *,
        next_seq: int,
        recovered: Sequence[Outcome] = (),
        commands: Sequence[AnyCommand] = (),
    ) -> RunHandle:
        options = self.options
        env = Environment(
            store=self.store,
            writer=self._writer,
            clock=self._clock,
            ids=self._ids,
            services=self._services,
            publish=self._publish,
            io=self._io,
            stay=options.stay,
            leave_paused=options.leave_paused,
            max_idle_s=options.max_idle_s,
            early=options.early,
            interceptors=options.interceptors,
            signalled=self._signalled,
            children=self._children,
        )
        loop = RunLoop(
            plan,
            state,
            facts,
            view,
            lease,
            env,
            next_seq=next_seq,
        )
        handle = RunHandle(self, loop)
        handle.commands_seen = opening.delta.put_counters.get("commands", handle.commands_seen)
        self._held[facts.run] = _Held(handle, lease)
        self._start_watching()
        for command in commands:
            handle.send(command)
        handle.drive(opening, recovered)
        if self.options.threaded:
            await handle.begun()
        return handle

    def _pass_over_commands(self, run: RunId, state: RunState, opening: superstep.Step) -> None:
        """Note in a leg's first commit that commands from before it are not obeyed any more."""
        known = state.counters.get("commands", 0)
        if old := self.store.commands(run, after=known):
            opening.delta.put_counters = {**opening.delta.put_counters, "commands": old[-1][0]}

    def _publish(self, news: Sequence[News]) -> None:
        if not self._subscribers or not news:
            return
        run = news[0].run
        for wanted, callback in list(self._subscribers):
            if wanted is None or wanted == run:
                for item in news:
                    try:
                        callback(item)
                    except Exception as error:  # noqa: BLE001 - a viewer never hurts a run (U110)
                        for report in self._problems:
                            report(run, error)

    def _tell_watchers(self) -> None:
        for callback in list(self._watchers):
            callback()

    def _start_watching(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = spawn(self._watch())

    async def _watch(self) -> None:
        """Look at what other processes wrote, and keep our leases alive."""
        beat = self._clock.monotonic()
        known = await self._io(self.store.data_version)
        await self._hear_others()
        while self._watchers or self._held:
            await asyncio.sleep(WATCH_S)
            version = await self._io(self.store.data_version)
            if version != known:
                known = version
                await self._hear_others()
                self._tell_watchers()
            if self._clock.monotonic() - beat >= HEARTBEAT_S:
                beat = self._clock.monotonic()
                for held in list(self._held.values()):
                    await self._io(self.store.heartbeat, held.lease, self._clock.now())

    async def _hear_others(self) -> None:
        for held in list(self._held.values()):
            handle = held.handle
            commands = await self._io(
                lambda handle=handle: self.store.commands(handle.run, after=handle.commands_seen)
            )
            for number, command in commands:
                handle.commands_seen = number
                handle.send(command, number)
            for decision in await self._io(self.store.unadmitted, handle.run):
                handle.decided(decision)
            handle.signalled()
            handle.child_changed()

    async def _release(self, lease: Lease) -> None:
        await self._services.run_over(lease.run)
        await self._io(self.store.release, lease)

    async def _let_go(self, run: str) -> None:
        """Wait for a leg whose end is told already; it is about to give its lease back."""
        held = self._held.get(run)
        if held is not None and held.handle.has_ended:
            await held.handle.leg()
            await asyncio.sleep(0)  # its callback has let go when we go on

    async def _released(self) -> None:
        """Wait until the leases of legs that have ended are free."""
        await asyncio.gather(*self._pending, return_exceptions=True)

    def _later(self, work: Any) -> None:
        task = spawn(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _io(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call the store: in a thread in the designer, in the loop otherwise."""
        if self.options.threaded:
            return await asyncio.to_thread(function, *args)
        return function(*args)


def _told(state: RunState) -> list[ev.AnyEvent]:
    """Return the event that says which breakpoints a run begins with, if it has any."""
    found = tuple(state.breaks.values())
    return [ev.BreakpointsSet(breakpoints=found)] if found else []


def _why_refused(record: RequestRecord, stored: DecisionRecord) -> str:
    title = record.content.title
    match stored.reason:
        case "late" | "duplicate":
            return f"{title} has been answered already; nothing was changed."
        case "stale":
            return (
                f"What {title} shows has changed since you saw it; look at the new "
                "content and decide again."
            )
        case reason:
            return f"The decision on {title} was refused: {reason}."
