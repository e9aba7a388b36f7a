"""Shell command: run a program."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from engine.model.node_types import Context, NodeFailure, NodeType, Output, Port, Ports
from engine.nodes.fields import Params, folder_of, hints, path_of, shown
from engine.nodes.shell_process import Finished, run_program

Json = Any
_TAIL_CHARACTERS = 2_000
#: Variables of the engine, secrets among them, are not for programs.
_OWN_PREFIX = "HEADGATE_"


class ShellCommandParams(Params):
    """Parameters of a shell command."""

    command: tuple[str, ...] = Field(
        title="Program and arguments",
        description=(
            "A list: the program, then one argument each. No shell reads it, so nothing needs "
            "quotes and nothing can break out; for pipes name a shell: sh, -c, …"
        ),
        min_length=1,
        json_schema_extra=hints(placeholder="git"),
    )
    cwd: str = Field(
        "",
        title="Folder",
        description="Where it runs; relative to the folder of the workflow. A Jinja template.",
        json_schema_extra=hints("path"),
    )
    env: dict[str, str] = Field(
        default_factory=dict,
        title="Environment",
        description="Added to the variables of this program.",
        json_schema_extra=hints("table"),
    )
    secret_env: dict[str, str] = Field(
        default_factory=dict,
        title="Secrets in the environment",
        description="Variable and name of the secret; taken out of all output.",
        json_schema_extra=hints("table", placeholder="TOKEN = invoice-api"),
    )
    stdin: str | None = Field(
        None,
        title="Input",
        description="Text for its standard input.",
        json_schema_extra=hints("multiline", advanced=True),
    )
    exit_codes: tuple[int, ...] = Field(
        (0,),
        title="Exit codes of success",
        description="Any other exit code is a failure.",
        json_schema_extra=hints(advanced=True),
    )

    @field_validator("command", mode="before")
    @classmethod
    def _is_a_list(cls, value: Json) -> Json:
        match value:
            case str():
                raise ValueError("write the program and each argument as an item of a list")
            case _:
                return value

    @field_validator("command")
    @classmethod
    def _can_start(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value[0].strip():
            raise ValueError("the first item is the program; it is empty")
        if any("\0" in item for item in value):
            raise ValueError("an argument holds a zero byte")
        return value


async def run(params: ShellCommandParams, ctx: Context) -> Output:
    """Run the program and return its exit code and output."""
    secrets = {
        name: await ctx.run_thread(ctx.secret, secret) for name, secret in params.secret_env.items()
    }
    folder = path_of(params.cwd, folder_of(ctx)) if params.cwd else folder_of(ctx)
    if not await ctx.run_thread(folder.is_dir):
        raise _cannot_start(f"there is no folder {folder}; check it", "not_found")
    began = time.perf_counter()
    try:
        done = await run_program(
            params.command,
            folder=folder,
            environment=_environment(params, ctx, secrets),
            stdin=params.stdin,
            secrets=tuple(secrets.values()),
            emit=ctx.emit,
        )
    except OSError as error:
        raise _not_started(params.command[0], error) from error
    seconds = round(time.perf_counter() - began, 3)
    if done.exit_code not in params.exit_codes:
        raise _unexpected(params, done)
    return Output(
        {
            "out": {
                "exit_code": done.exit_code,
                "stdout": done.stdout,
                "stderr": done.stderr,
                "seconds": seconds,
                "left_out": done.left_out,
            }
        },
        note=f"exit code {done.exit_code} in {seconds:g} s",
    )


def _environment(
    params: ShellCommandParams, ctx: Context, secrets: Mapping[str, str]
) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIX)}
    about = {
        "HEADGATE_RUN": ctx.run,
        "HEADGATE_NODE": ctx.node,
        "HEADGATE_IDEMPOTENCY_KEY": ctx.idempotency_key,
    }
    return {**kept, **about, **params.env, **secrets}


def _not_started(program: str, error: OSError) -> NodeFailure:
    match error:
        case FileNotFoundError():
            text = f"there is no program {program}; install it, or write its whole path"
            return _cannot_start(text, "not_found")
        case PermissionError():
            return _cannot_start(f"{program} may not be run; make it executable", "permission")
        case _:
            text = f"{program} cannot be started ({error.strerror})"
            return NodeFailure(text, code="not_started", nothing_happened=True)


def _cannot_start(text: str, code: str) -> NodeFailure:
    return NodeFailure(text, code=code, retryable=False, nothing_happened=True)


def _unexpected(params: ShellCommandParams, done: Finished) -> NodeFailure:
    program = Path(params.command[0]).name
    if done.exit_code < 0:
        text = f"{program} was ended by {_signal_name(-done.exit_code)}"
    else:
        text = f"{program} ended with exit code {done.exit_code}"
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    if said:
        text += f": {said[-1][:200]}"
    return NodeFailure(
        text,
        code="exit_code",
        details={
            "exit_code": done.exit_code,
            "stdout": done.stdout[-_TAIL_CHARACTERS:],
            "stderr": done.stderr[-_TAIL_CHARACTERS:],
        },
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _capabilities(params: Mapping[str, Json]) -> tuple[str, ...]:
    return ("process", "secrets") if params.get("secret_env") else ("process",)


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    result = Port(name="out", type="object", description="exit_code, stdout, stderr, seconds.")
    return Ports((Port(name="in"),), (result,))


def _summary(params: Mapping[str, Json]) -> str:
    command = params.get("command")
    if not isinstance(command, (list, tuple)):
        return shown(command)
    return shown(" ".join(shlex.quote(shown(item)) for item in command))


SHELL_COMMAND = NodeType(
    id="shell.command",
    title="Shell command",
    category="code",
    description="Runs a program with a list of arguments and returns what it prints.",
    params=ShellCommandParams,
    run=run,
    icon="node-shell",
    ports=_ports,
    effects=lambda params: "once",
    capabilities=_capabilities,
    templates=frozenset({"cwd"}),
    keywords=("run", "program", "bash", "script", "exec", "process", "command", "terminal", "cli"),
    summary=_summary,
)
