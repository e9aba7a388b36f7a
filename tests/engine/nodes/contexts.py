"""A context for testing one node alone: real processes and threads, no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Any

from engine.executors.process import ProcessPool
from engine.executors.thread import ThreadRunner
from engine.ids import Path, RunId, TaskId
from engine.model.node_types import Context, NodeFailure, NodeType, Output, Wait

Json = Any
#: 2026-01-05, 12:00 UTC.
NOON = 1_767_614_400.0
RUN, TASK = RunId("run1"), TaskId("node")


@dataclass(kw_only=True)
class FakeContext:
    """What a node sees of the engine. `emitted` and `told` keep what it shows."""

    input: Json = None
    inputs: Mapping[str, Json] = field(default_factory=dict)
    state: Mapping[str, Json] = field(default_factory=dict)
    variables: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    folder: FilePath | None = None
    memory: Json = None
    prepared: Any = None
    feedback: tuple[str, ...] = ()
    run: RunId = RUN
    node: str = "node"
    task: TaskId = TASK
    path: Path = ()
    visit: int = 0
    attempt: int = 1
    now: float = NOON
    idempotency_key: str = "key-1"
    emitted: list[tuple[str, str]] = field(default_factory=list)
    told: list[float | None] = field(default_factory=list)
    pool: ProcessPool | None = None
    spent: dict[str, float] = field(default_factory=dict)

    def spend(self, meter: str, amount: float) -> None:
        self.spent[meter] = self.spent.get(meter, 0.0) + amount

    def remaining(self, meter: str) -> float | None:
        return None

    @property
    def scope(self) -> dict[str, Json]:
        run: dict[str, Json] = {"id": self.run}
        if self.folder is not None:
            run["folder"] = str(self.folder)
        return {
            "input": self.input,
            "state": self.state,
            "vars": self.variables,
            "run": run,
            "nodes": {},
            "env": {},
            "loop": {},
            "now": datetime.fromtimestamp(self.now, UTC),
        }

    def child_run(self, step: int = 0) -> RunId:
        return RunId(f"{self.run}.{self.task}.{self.attempt}.{step}")

    def progress(self, fraction: float | None, text: str = "") -> None:
        del text
        self.told.append(fraction)

    def emit(self, text: str, stream: str = "stdout") -> None:
        self.emitted.append((stream, text))

    def random(self) -> float:
        return 0.5

    def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise NodeFailure(f"there is no secret {name}", code="secret")
        return self.secrets[name]

    async def run_process(
        self, job: str, payload: Json, *, memory_mb: int | None = None, network: bool = True
    ) -> Json:
        def show(stream: str, text: str) -> None:
            self.emit(text, stream)

        if self.pool is not None:
            return await self.pool.run(
                job, payload, on_output=show, memory_mb=memory_mb, network=network
            )
        async with ProcessPool(1) as pool:
            return await pool.run(
                job, payload, on_output=show, memory_mb=memory_mb, network=network
            )

    async def run_thread(self, function: Callable[..., Any], *args: object) -> Any:
        runner = ThreadRunner(1)
        try:
            return await runner.run(function, *args)
        finally:
            runner.close()

    async def resource(self, name: str, open: Callable[[], Any]) -> Any:
        raise NotImplementedError(f"{name} needs an engine, which opens and closes it")

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.emitted)


def context(fake: FakeContext) -> Context:
    """The fake, as mypy checks that it is a context."""
    return fake


def run_now(node_type: NodeType, params: Json, fake: FakeContext | None = None) -> Output | Wait:
    """Run a node that does no I/O."""
    assert node_type.run is not None
    checked = node_type.params.model_validate(params)
    result = node_type.run(checked, context(fake or FakeContext()))
    assert isinstance(result, (Output, Wait))
    return result


async def run_later(node_type: NodeType, params: Json, fake: FakeContext | None = None) -> Json:
    """Run a node that awaits; return the value of its port ``out``."""
    assert node_type.run is not None
    checked = node_type.params.model_validate(params)
    result = node_type.run(checked, context(fake or FakeContext()))
    assert not isinstance(result, Output)
    output = await result  # type: ignore[misc] # a node that awaits returns an awaitable
    assert isinstance(output, Output)
    return output.ports["out"]
