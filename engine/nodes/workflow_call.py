"""Call workflow: run another workflow as a run of its own, and go on with its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.model.expressions import OUTPUT_NAME, compile_expression
from engine.model.node_types import (
    Answer,
    Child,
    Context,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Ports,
    Skip,
    Wait,
)
from engine.nodes.fields import Duration, Params, hints, plain_text, shown, value_or_input

Json = Any
_compiled = lru_cache(maxsize=512)(compile_expression)
_TEN_YEARS_S = 10 * 366 * 86_400.0


class CallParams(Params):
    """Parameters of Call workflow."""

    path: str = Field(
        "",
        title="Workflow",
        description="A file in the folder of this workflow.",
        max_length=1000,
        json_schema_extra=hints("path", placeholder="parts/check.flow.json"),
    )
    document: dict[str, Json] | None = Field(
        None,
        title="Or a document",
        description="A whole workflow, kept inside this one instead of in a file.",
        json_schema_extra=hints("code", language="json", advanced=True),
    )
    input: Json = Field(
        None,
        title="Input",
        description="What the called workflow gets.",
        json_schema_extra=hints("expression", placeholder="the input"),
    )
    output: str | None = Field(
        None,
        title="Result",
        description="What is made of its result, which is called output.",
        json_schema_extra=hints("expression", placeholder="output"),
    )
    mode: Literal["sync", "async", "forget"] = Field(
        "sync",
        title="Go on",
        description=(
            "With the result; at once, while the run waits for it at its end; or at once, and "
            "never look back."
        ),
        json_schema_extra=hints("select"),
    )
    on_failure: Literal["fail", "skip", "default"] = Field(
        "fail",
        title="If it fails",
        description="Fail as well, skip what follows, or go on with a value.",
        json_schema_extra=hints("select", shown_when={"mode": ["sync"]}),
    )
    default: Json = Field(
        None,
        title="Value",
        description="What the result is if it fails.",
        json_schema_extra=hints("expression", shown_when={"on_failure": ["default"]}),
    )
    timeout_s: Duration | None = Field(
        None,
        title="Wait at most",
        description="Then it is cancelled, and has failed. Empty: without end.",
        gt=0,
        le=_TEN_YEARS_S,
        json_schema_extra=hints("duration", unit="s", advanced=True, placeholder="no limit"),
    )
    trigger: str = Field(
        "",
        title="Start at",
        description="Key of the trigger, where the called workflow has several.",
        json_schema_extra=hints(advanced=True),
    )

    @field_validator("output", mode="before")
    @classmethod
    def _source(cls, value: Json) -> Json:
        if isinstance(value, Mapping) and set(value) == {"expr"}:
            return value["expr"]
        return value or None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.path and self.document is not None:
            raise ValueError("choose a file or a document, not both")
        return self


def run(params: CallParams, ctx: Context) -> Output | Wait:
    """Ask for the child run, and wait for it where that is wanted."""
    called = params.path or params.document
    if not called:
        raise NodeFailure(
            "there is no workflow to call; choose one", code="params", retryable=False
        )
    modes: dict[str, Literal["call", "async", "detached"]] = {
        "sync": "call",
        "async": "async",
        "forget": "detached",
    }
    child = Child(
        called=called,
        input=value_or_input(params, "input", ctx),
        mode=modes[params.mode],
        trigger=params.trigger,
    )
    run_id = ctx.child_run()
    if params.mode != "sync":
        return Output({"out": {"run": run_id}}, child=child)
    due = None if params.timeout_s is None else ctx.now + params.timeout_s
    payload = {"run": run_id, "own": True}
    return Wait(kind="child", due_at=due, text=f"for {_name(called)}", payload=payload, child=child)


def resume(params: CallParams, ctx: Context, wait: Wait, answer: Answer) -> Output | Skip:
    """Go on with the result, or do what is to be done when there is none."""
    if answer.kind == "child" and answer.choice == "completed":
        if params.output is None:
            return Output({"out": answer.values})
        scope = {**ctx.scope, OUTPUT_NAME: answer.values}
        return Output({"out": _compiled(params.output).evaluate(scope)})
    run_id = wait.payload["run"]
    if answer.kind == "child":
        why = f"run {run_id} is {answer.choice}" + (f": {answer.comment}" if answer.comment else "")
    else:
        why = f"run {run_id} took too long"
    if params.on_failure == "skip":
        return Skip(why)
    if params.on_failure == "default":
        return Output({"out": params.default}, note=why)
    raise NodeFailure(
        why,
        code="child_failed" if answer.kind == "child" else "timeout",
        details={"run": run_id, "status": answer.choice or "timeout"},
    )


def _name(called: Json) -> str:
    if isinstance(called, str):
        return PurePosixPath(called).name
    name = called.get("name") if isinstance(called, Mapping) else ""
    return name if isinstance(name, str) and name else "a workflow"


def calls_of(params: Mapping[str, Json]) -> Sequence[Json]:
    """Return what a node calls, as it stands in the document."""
    path = plain_text(params, "path")
    document = params.get("document")
    return [path] if path else [document] if isinstance(document, Mapping) else []


def _summary(params: Mapping[str, Json]) -> str:
    called = calls_of(params)
    words = [shown(_name(called[0])) if called else ""]
    words += {"async": ["goes on at once"], "forget": ["and forget"]}.get(
        plain_text(params, "mode"), []
    )
    return ", ".join(word for word in words if word)


CALL = NodeType(
    id="workflow.call",
    title="Call workflow",
    category="call",
    description="Runs another workflow as a run of its own, and goes on with its result.",
    params=CallParams,
    run=run,
    resume=resume,
    raw=frozenset({"path", "document", "output", "mode", "trigger"}),
    opaque=frozenset({"document"}),
    own_names={"output": "output"},
    calls=calls_of,
    icon="node-workflow",
    keywords=("sub-workflow", "subflow", "child", "import", "run", "function", "reuse"),
    summary=_summary,
)


class ResultParams(Params):
    """Parameters of Result of a run."""

    run_id: str = Field(
        "",
        title="Run",
        description="Id of the run. Empty: the field run of the input.",
        json_schema_extra=hints("expression", placeholder="input.run"),
    )
    timeout_s: Duration | None = Field(
        None,
        title="Wait at most",
        description="Empty: without end.",
        gt=0,
        le=_TEN_YEARS_S,
        json_schema_extra=hints("duration", unit="s", placeholder="no limit"),
    )


def run_result(params: ResultParams, ctx: Context) -> Wait:
    """Wait for the end of a run."""
    run_id = params.run_id
    if not run_id and isinstance(ctx.input, Mapping):
        run_id = ctx.input.get("run") or ""
    if not isinstance(run_id, str) or not run_id:
        raise NodeFailure("there is no run to wait for", code="params", retryable=False)
    due = None if params.timeout_s is None else ctx.now + params.timeout_s
    return Wait(kind="child", due_at=due, text=f"for run {run_id}", payload={"run": run_id})


def resume_result(params: ResultParams, ctx: Context, wait: Wait, answer: Answer) -> Output:
    """Return the result; what is no result leaves through a port of its own."""
    del params, ctx
    run_id = wait.payload["run"]
    if answer.kind != "child":
        raise NodeFailure(f"run {run_id} has not ended in time", code="timeout", retryable=False)
    if answer.choice == "completed":
        return Output({"out": answer.values})
    ended = {"run": run_id, "status": answer.choice, "reason": answer.comment}
    return Output({"failed": ended}, note=f"the run is {answer.choice}")


def _result_ports(params: Mapping[str, Json]) -> Ports:
    del params
    return Ports((Port(name="in"),), (Port(name="out"), Port(name="failed", required=False)))


def _calls_nothing(params: Mapping[str, Json]) -> Sequence[Json]:
    del params
    return ()


RESULT = NodeType(
    id="workflow.result",
    title="Result of a run",
    category="call",
    description="Waits for a run that was called without waiting, and goes on with its result.",
    params=ResultParams,
    run=run_result,
    resume=resume_result,
    ports=_result_ports,
    calls=_calls_nothing,
    icon="subflow",
    keywords=("sub-workflow", "await", "join", "async", "child", "wait"),
    summary=lambda params: shown(params.get("run_id")) or "input.run",
)
