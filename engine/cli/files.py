"""`validate`, `export` and `import`: workflows as files."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.codes import ExitCode
from engine.cli.options import AsJson, Globals, UsageError
from engine.cli.printing import clean, console, count, json_line, styled
from engine.cli.workflow_files import readable
from engine.errors import StoreError
from engine.interchange.dot import to_dot
from engine.interchange.mermaid import to_mermaid
from engine.interchange.wfformat import load_wfformat
from engine.model import codec
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.validation import validate as find_problems
from engine.model.workflow import Workflow
from engine.nodes.plugins import installed
from resources.examples import SUFFIX

Json = Any

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A workflow, or the name of an example.")
]
#: The rule of what is no document at all, so that the others cannot be asked.
_SHAPE = "E000-document"
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


class Format(StrEnum):
    """What a workflow can be written as."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    PNG = "png"


def validate(settings: Globals, file: FileArgument, as_json: AsJson = False) -> int:
    """List everything that is wrong with a workflow, all at once.

    Exit code 4 when it has errors; warnings do not count.
    """
    del settings
    try:
        workflow = codec.load_file(readable(file))
    except codec.BrokenDocument as error:
        name, problems = str(file), tuple(_misshapen(*each) for each in error.problems)
    else:
        size = f"{count(len(workflow.nodes), 'node')}, {count(len(workflow.edges), 'edge')}"
        name, problems = f"{workflow.name} ({size})", find_problems(workflow, installed().registry)
    for each in problems:
        if as_json:
            json_line(_problem_json(each))
        else:
            _print_problem(each)
    errors = sum(each.severity is Severity.ERROR for each in problems)
    if not as_json:
        verdict = f"{count(errors, 'error')}" if errors else "It can run"
        others = len(problems) - errors
        more = f", {others:,} more to know" if others else ""
        console().print(f"{clean(name)}: {verdict}{more}.")
    return ExitCode.INVALID if errors else ExitCode.OK


def export(
    settings: Globals,
    file: FileArgument,
    to: Annotated[Format, typer.Option("--to", help="The format.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: stdout.")
    ] = None,
) -> int:
    """Write a workflow as Mermaid, as a graph in DOT, or as a picture with the workflow inside."""
    workflow = codec.load_file(readable(file))
    data = _exported(settings, workflow, to)
    if output is None:
        if to is Format.PNG and sys.stdout.isatty():
            raise UsageError("A PNG is nothing to read in a terminal; name a file with -o.")
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        _write(output, data)
    return ExitCode.OK


def _exported(settings: Globals, workflow: Workflow, to: Format) -> bytes:
    if to in (Format.SVG, Format.PNG):
        if settings.draw is None:
            raise UsageError(
                "Pictures are drawn by the designer: install it, and use the command headgate."
            )
        return settings.draw(workflow, installed().registry, to.value)
    write = {Format.MERMAID: to_mermaid, Format.DOT: to_dot}[to]
    return write(workflow, installed().registry).encode()


def import_(
    settings: Globals,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A WfFormat 1.5 trace.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help=f"Default: beside it, with {SUFFIX}."),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            "--scale",
            metavar="X",
            min=0.0,
            help="Multiply the recorded run times. Default: a run takes less than a minute.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the workflow if it is there.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make a workflow of a WfFormat 1.5 trace: one node for each task.

    Each task starts a process that lasts as long as it took in the trace, scaled.
    """
    del settings
    target = output or file.with_name(f"{file.name.removesuffix('.json')}{SUFFIX}")
    if target.exists() and not force:
        raise UsageError(
            f"{target} is there already; name another with -o or replace it with --force."
        )
    workflow = load_wfformat(file, scale=scale)
    codec.save_file(target, workflow)
    sizes = {"nodes": len(workflow.nodes), "edges": len(workflow.edges)}
    if as_json:
        json_line({"file": str(target), "name": workflow.name, **sizes})
    else:
        words = ", ".join(count(number, name[:-1]) for name, number in sizes.items())
        console().print(f"{target}: {words}. Run it with: headgate run {target}")
    return ExitCode.OK


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StoreError(
            f"{path} was not written: {error.strerror}; choose another place."
        ) from error


def _misshapen(place: str, what: str) -> Diagnostic:
    """Return a problem of a file whose values are not those of a document."""
    parts = place.split(".")
    node = parts[1] if parts[0] == "nodes" and len(parts) > 1 else ""
    return Diagnostic(
        rule=_SHAPE,
        severity=Severity.ERROR,
        message=f"{place or 'The document'} {what}.",
        fix="See docs/document.md for what a document holds.",
        node=node,
        field=".".join(parts[2:]) if node else place,
    )


def _problem_json(problem: Diagnostic) -> dict[str, Json]:
    return {
        "rule": problem.rule,
        "severity": problem.severity,
        "node": problem.node,
        "message": problem.message,
        "fix": problem.fix,
        "edge": problem.edge,
        "field": problem.field,
    }


def _print_problem(problem: Diagnostic) -> None:
    place = problem.node or problem.edge or "workflow"
    where = f"{place}.{problem.field}" if problem.field else place
    fix = f" {clean(problem.fix)}" if problem.fix else ""
    console().print(
        styled(
            (f"{problem.severity:7}", _STYLES[problem.severity]),
            f" {clean(where)}: {clean(problem.message)}{fix} ",
            (problem.rule, "dim"),
        )
    )
