"""An engine that runs nothing: its runs are told, event by event, and folded as real ones are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from engine import events as ev
from engine import run_view
from engine.commands import AnyCommand, Decide
from engine.errors import DecisionRefused
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import Registry, Request
from engine.model.workflow import Edge, Node, PortRef, Workflow
from engine.runtime.decisions import check, value_problems
from engine.runtime.ports import CommitSummary, DecisionRecord, RequestRecord, RunRecord
from engine.state.run_state import RunState
from engine.state.status import RunStatus

START = 1_763_700_000.0


def workflow(**wires: Sequence[str]) -> Workflow:
    """A workflow from ``name=[names it leads to]``; titles are the names, capitalised."""
    keys = dict.fromkeys([*wires, *(target for targets in wires.values() for target in targets)])
    nodes = {
        key: Node(key=key, type="set", title=key.replace("_", " ").capitalize()) for key in keys
    }
    edges = tuple(
        Edge(source=PortRef(source, "out"), target=PortRef(target, "in"))
        for source, targets in wires.items()
        for target in targets
    )
    return Workflow(id="w1", name="Invoice approval", nodes=nodes, edges=edges)


@dataclass
class Story:
    """One run as it is told. `say` folds and publishes, `commit` ends a superstep."""

    engine: FakeEngine
    run: str
    document: Workflow
    parent: tuple[str, int] | None = None
    driven: bool = True
    now: float = START
    records: list[ev.Recorded] = field(default_factory=list)
    summaries: list[CommitSummary] = field(default_factory=list)
    states: dict[int, RunState] = field(default_factory=dict)
    view: run_view.RunView = field(default_factory=run_view.RunView)

    def say(self, *events: ev.AnyEvent) -> Story:
        for event in events:
            record = ev.Recorded(RunId(self.run), len(self.records) + 1, self.now, event)
            self.records.append(record)
            run_view.apply(self.view, record)
            self.engine.publish(record)
        return self

    def update(self, *updates: ev.AnyUpdate) -> Story:
        for update in updates:
            run_view.apply_update(self.view, update)
            self.engine.publish(update)
        return self

    def commit(
        self,
        *events: ev.AnyEvent,
        ready: Sequence[str | ev.TaskReady] = (),
        changed: Sequence[str] = (),
        taken: Sequence[str] = (),
        after: Sequence[ev.AnyEvent] = (),
        channels: Mapping[str, Any] | None = None,
    ) -> Story:
        """Say `events` and the commit that holds them, then `after`."""
        number = len(self.summaries)
        first = len(self.records) + 1
        admitted = tuple(task for event in events if (task := getattr(event, "task", None)))
        tasks = tuple(
            item if isinstance(item, ev.TaskReady) else ev.TaskReady(TaskId(item), item)
            for item in ready
        )
        self.say(
            *events,
            ev.SuperstepCommitted(
                commit=number,
                admitted=admitted,
                ready=tasks,
                changed=tuple(changed),
                taken=tuple(taken),
            ),
            *after,
        )
        self.summaries.append(
            CommitSummary(
                run=RunId(self.run),
                number=number,
                at=self.now,
                tasks=admitted,
                changed=tuple(changed),
                status=RunStatus(self.view.status),
                first_seq=first,
                last_seq=len(self.records),
            )
        )
        before = self.states.get(number - 1, RunState())
        self.states[number] = RunState(
            commit=number, channels={**before.channels, **(channels or {})}
        )
        self.now += 1.0
        return self

    def start(self, *ready: str) -> Story:
        """The first commit."""
        return self.commit(
            ev.RunStarted(
                workflow=self.document.name,
                workflow_id=self.document.id,
                revision="rev1",
                input={"path": "invoices.csv"},
                seed=1,
                engine="0",
                parent=(RunId(self.parent[0]), self.parent[1]) if self.parent else None,
            ),
            ev.LegStarted(leg=1, reason="start", commit=-1),
            ready=ready,
        )

    def finish(self, task: str, *ready: str | ev.TaskReady, **more: Any) -> Story:
        """One commit in which `task` succeeds."""
        done = ev.TaskFinished(
            task=TaskId(task), node=task.partition("@")[0], ports={"out": ""}, duration_s=0.25
        )
        return self.commit(done, ready=ready, **more)

    def ask(self, request: str, node: str, content: Request, **more: Any) -> RequestRecord:
        """One commit in which `node` opens a request."""
        record = RequestRecord(
            request=RequestId(request),
            run=RunId(self.run),
            task=TaskId(node),
            node=node,
            workflow=self.document.name,
            revision="rev1",
            content=content,
            digest=f"digest of {request}",
            opened_at=self.now,
            **more,
        )
        self.engine.requests[request] = record
        self.commit(
            ev.BarrierOpened(
                request=record.request,
                task=record.task,
                node=node,
                title=content.title,
                digest=record.digest,
                opened_at=self.now,
                deadline=record.deadline,
                default=content.default,
            )
        )
        return record

    def record(self) -> RunRecord:
        """The row of this run."""
        parent, at = self.parent or (None, None)
        return RunRecord(
            run=RunId(self.run),
            workflow_id=self.document.id,
            workflow=self.document.name,
            revision="rev1",
            document=b"",
            input=None,
            seed=1,
            started_at=self.view.started_at or START,
            status=RunStatus(self.view.status),
            commit=self.view.commit,
            parent=RunId(parent) if parent else None,
            parent_commit=at,
            ended_at=self.view.ended_at,
        )


class FakeEngine:
    """What `EngineClient` needs of the facade, with runs that tests tell."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.stories: dict[str, Story] = {}
        self.requests: dict[str, RequestRecord] = {}
        self.decided: list[DecisionRecord] = []
        self.calls: list[tuple[Any, ...]] = []
        self.refuse: DecisionRefused | None = None
        self.report = SimpleNamespace(equal=True, commits=3, difference=None, commit=None)
        self._listeners: list[Callable[[ev.News], None]] = []
        self._watchers: list[Callable[[], None]] = []
        self.problems: list[Callable[[str, BaseException], None]] = []

    def tell(self, run: str, document: Workflow | None = None, **more: Any) -> Story:
        story = Story(self, run, document or workflow(read=["ask"], ask=["pay"]), **more)
        self.stories[run] = story
        return story

    def publish(self, news: ev.News) -> None:
        story = self.stories.get(news.run)
        if story is not None and not story.driven:
            return
        for listener in self._listeners:
            listener(news)

    def touch(self) -> None:
        """Another process has written."""
        for watcher in self._watchers:
            watcher()

    # --- the facade ---------------------------------------------------------------------------

    def subscribe(self, run: str | None, callback: Callable[[ev.News], None]) -> Callable[[], None]:
        assert run is None
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def on_problem(self, callback: Callable[[str, BaseException], None]) -> None:
        self.problems.append(callback)

    def handle(self, run: str) -> Story | None:
        story = self.stories.get(run)
        return story if story is not None and story.driven else None

    def runs(self, *, limit: int = 200) -> list[RunRecord]:
        return [story.record() for story in reversed(self.stories.values())][:limit]

    def run(self, run: str) -> RunRecord:
        return self.stories[run].record()

    def history(self, run: str, *, after: int = -1) -> list[CommitSummary]:
        return [line for line in self.stories[run].summaries if line.number > after]

    def events(self, run: str, *, after: int = 0, upto: int | None = None) -> list[ev.Recorded]:
        found = self.stories[run].records[after:]
        return found if upto is None else [record for record in found if record.seq <= upto]

    def view(self, run: str, at: int | None = None) -> run_view.RunView:
        story = self.stories[run]
        if at is None:
            return run_view.fold(story.records)
        upto = next(line.last_seq for line in story.summaries if line.number == at)
        return run_view.fold(story.records[:upto])

    def state_at(self, run: str, at: int | None = None) -> RunState:
        states = self.stories[run].states
        return states[max(states) if at is None else at]

    def callers_of(self, run: str) -> list[Any]:
        """Nobody has called any of these runs."""
        return []

    def workflow_of(self, run: str) -> Workflow:
        return self.stories[run].document

    def inbox(self) -> list[RequestRecord]:
        found = [record for record in self.requests.values() if record.status == "open"]
        return sorted(found, key=lambda record: (record.deadline or 1e12, record.opened_at))

    def request(self, request: str) -> RequestRecord:
        return self.requests[request]

    def value_problems(self, request: Request, values: Any) -> list[tuple[str, str]]:
        return value_problems(request, values)

    def decisions(self, run: str | None = None) -> list[DecisionRecord]:
        return [entry for entry in self.decided if run is None or entry.run == run]

    async def decide(self, command: Decide) -> DecisionRecord:
        self.calls.append(("decide", command))
        if self.refuse is not None:
            raise self.refuse
        record = self.requests[command.request]
        if record.status != "open":
            raise DecisionRefused("somebody was faster.", reason="late")
        check(record, command)
        decision = self.settle(record, command.choice, command.by, command.through, command.comment)
        story = self.stories[record.run]
        story.commit(
            ev.BarrierDecided(
                request=record.request,
                task=record.task,
                node=record.node,
                choice=command.choice,
                by=command.by,
                through=command.through,
                comment=command.comment,
            )
        )
        return decision

    def settle(
        self, record: RequestRecord, choice: str, by: str, through: str, comment: str = ""
    ) -> DecisionRecord:
        """Store a decision as whoever drives the run would."""
        decision = DecisionRecord(
            id=len(self.decided) + 1,
            request=record.request,
            run=record.run,
            choice=choice,
            by=by,
            through=through,
            at=START + 60,
            digest_seen=record.digest,
            accepted=True,
            comment=comment,
        )
        self.decided.append(decision)
        self.requests[record.request] = replace(record, status="decided", decision=decision)
        return decision

    async def start(self, document: Workflow, value: Any = None, **options: Any) -> Story:
        self.calls.append(("start", document.name, value, options))
        return self.tell(f"run{len(self.stories) + 1}", document).start(next(iter(document.nodes)))

    async def resume(self, run: str, *, commands: Sequence[AnyCommand] = ()) -> Story:
        self.calls.append(("resume", run, *commands))
        self.stories[run].driven = True
        return self.stories[run]

    async def fork(
        self, run: str, at: int, *, channels: Mapping[str, Any] | None = None, **options: Any
    ) -> Story:
        self.calls.append(("fork", run, at, dict(channels or {}), options))
        return self.tell(f"fork{len(self.stories)}", self.stories[run].document, parent=(run, at))

    async def replay(self, run: str, *, at: int | None = None) -> Any:
        self.calls.append(("replay", run, at))
        return self.report

    async def cancel(self, run: str, reason: str = "") -> None:
        self.calls.append(("cancel", run, reason))

    async def pause(self, run: str) -> None:
        self.calls.append(("pause", run))

    async def unpause(self, run: str) -> None:
        self.calls.append(("unpause", run))

    async def step(self, run: str) -> None:
        self.calls.append(("step", run))
