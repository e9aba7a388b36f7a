"""Python code: the person's own code, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.nodes.fields import Params, hints

Json = Any
_EXAMPLE = "output = [row for row in input if row['total'] > 100]"


class PythonCodeParams(Params):
    """Parameters of Python code."""

    code: str = Field(
        title="Code",
        description=(
            "Finds input, state, vars, loop, memory and ctx. Its result is the variable "
            "output, or what main(input) returns. What it leaves in memory it finds there the "
            "next time. What it prints is shown while it runs."
        ),
        min_length=1,
        json_schema_extra=hints("code", language="python", placeholder=_EXAMPLE),
    )
    memory_mb: int = Field(
        1024,
        title="Memory limit",
        description="The code may use so much memory.",
        ge=64,
        le=1_000_000,
        json_schema_extra=hints(unit="MB", advanced=True),
    )
    network: bool = Field(
        default=False,
        title="Network",
        description="The code, and programs that it starts, may use the network.",
        json_schema_extra=hints(advanced=True),
    )
    local_imports: bool = Field(
        default=True,
        title="Import from the workflow's folder",
        description="Modules beside the workflow's file can be imported.",
        json_schema_extra=hints(advanced=True),
    )


async def run(params: PythonCodeParams, ctx: Context) -> Output:
    """Run the code and return its result."""
    scope = ctx.scope
    about = scope.get("run")
    folder = about.get("folder", "") if isinstance(about, Mapping) else ""
    now = scope.get("now")
    names = {
        "input": ctx.input,
        "state": dict(scope.get("state") or {}),
        "vars": dict(scope.get("vars") or {}),
        "loop": dict(scope.get("loop") or {}),
        "memory": {} if ctx.memory is None else ctx.memory,
        "now": now.isoformat() if isinstance(now, datetime) else now,
        "ctx": {
            "run": ctx.run,
            "node": ctx.node,
            "task": ctx.task,
            "attempt": ctx.attempt,
            "idempotency_key": ctx.idempotency_key,
            "env": dict(scope.get("env") or {}),
        },
    }
    payload = {
        "code": params.code,
        "name": ctx.node,
        "folder": folder if params.local_imports else "",
        "names": names,
    }
    answer = await ctx.run_process(
        "engine.nodes.python_job:run",
        payload,
        memory_mb=params.memory_mb,
        network=params.network,
    )
    if "error" not in answer:
        memory = answer.get("memory")
        return Output(
            {"out": answer["output"]}, memory=None if memory == names["memory"] else memory
        )
    error = answer["error"]
    raise NodeFailure(
        error["message"],
        code="exception",
        kind=error["kind"],
        retryable=error["kind"] not in {"SyntaxError", "IndentationError", "TabError"},
        details={"traceback": error["traceback"], "line": error["line"]},
        causes=tuple(error["causes"]),
    )


def _capabilities(params: Mapping[str, Json]) -> tuple[str, ...]:
    return ("network", "process") if params.get("network") else ("process",)


def _summary(params: Mapping[str, Json]) -> str:
    """The first line that says something: a comment's text, or code that imports nothing."""
    code = params.get("code")
    for line in code.splitlines() if isinstance(code, str) else ():
        text = line.strip()
        if text.startswith("#") and text.strip("# "):
            return text.strip("# ")[:60]
        if text and not text.startswith(("#", "import ", "from ")):
            return text[:60]
    return ""


PYTHON_CODE = NodeType(
    id="python.code",
    title="Python code",
    category="code",
    description="Runs your own Python in a process of its own that can be ended at any time.",
    params=PythonCodeParams,
    run=run,
    icon="node-python",
    effects=lambda params: "idempotent",
    capabilities=_capabilities,
    raw=frozenset({"code"}),
    cpu=True,
    keywords=("script", "function", "code", "transform", "compute", "pandas", "numpy"),
    summary=_summary,
)
