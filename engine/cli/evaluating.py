"""`evaluate`: run a workflow over a data set and score its outputs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from engine.app import Engine
from engine.cli.codes import ExitCode
from engine.cli.driving import end_on_signals
from engine.cli.options import AsJson, Globals, UsageError
from engine.cli.printing import clean, console, json_line, table
from engine.cli.trust import allowed
from engine.cli.workflow_files import runnable
from engine.errors import UnreadableFile
from engine.evaluation import Evaluation, Report, RowResult, Scoring
from engine.model import codec
from engine.model.expressions import ExpressionError
from engine.model.node_types import NodeFailure
from engine.nodes.files import parse_csv

Json = Any


def evaluate(
    settings: Globals,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The workflow.")],
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="Rows: .jsonl, .json (a list) or .csv.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Results as JSON lines; rows in it are done."),
    ] = None,
    score: Annotated[
        list[str] | None,
        typer.Option(
            "--score", metavar="NAME=EXPRESSION", help="input is the row, output its result."
        ),
    ] = None,
    scorer: Annotated[
        Path | None, typer.Option("--scorer", metavar="FILE", help="A workflow that scores.")
    ] = None,
    least: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="NAME=NUMBER", help="Exit code 1 when a mean is below."),
    ] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", metavar="N", min=1, help="Rows that run at once.")
    ] = 4,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Another name runs every row again.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Run a workflow for each row of a data set, and score what comes out.

    Killed or stopped, the same command goes on where it was: no row is run twice.
    """
    file = runnable(file)
    workflow = codec.load_file(file)
    rows = _rows(data)
    minima = {key: _number(text) for key, text in _pairs(least, "--min").items()}
    scoring = Scoring(
        expressions=_pairs(score, "--score"),
        workflow=codec.load_file(scorer) if scorer is not None else None,
    )

    async def act() -> Report:
        end_on_signals()
        async with Engine.open(settings.store) as engine:
            allow = allowed(engine, workflow, file, settings)
            if scoring.workflow is not None and scorer is not None:
                allowed(engine, scoring.workflow, scorer, settings)
            try:
                evaluation = Evaluation(
                    engine,
                    workflow,
                    scoring=scoring,
                    name=name,
                    at_once=at_once,
                    source_path=str(file.resolve()),
                    allow=allow,
                )
            except ExpressionError as error:
                raise UsageError(f"--score: {error}.") from error
            return await evaluation.run(
                rows, known=_known(out), on_row=lambda result: _keep(out, result, as_json=as_json)
            )

    try:
        report = asyncio.run(act())
    except asyncio.CancelledError:
        return ExitCode.TERMINATED
    return _conclude(report, minima, as_json=as_json)


def _rows(path: Path) -> list[Json]:
    """Return the rows of a file. Raises `UnreadableFile`: it is none, or holds no rows."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"The data in {path} cannot be read: it is no UTF-8 text.") from error
    except OSError as error:
        raise UnreadableFile(f"The data in {path} cannot be read: {error.strerror}.") from error
    try:
        if path.suffix == ".csv":
            return list(parse_csv(path, text, delimiter="", header=True, typed=True))
        if path.suffix == ".json":
            found = json.loads(text)
            if isinstance(found, list):
                return found
            raise UnreadableFile(f"The data in {path} is no list of rows.")
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, NodeFailure) as error:
        raise UnreadableFile(f"The data in {path} cannot be read: {error}.") from error


def _known(out: Path | None) -> list[RowResult]:
    """Return the results that are in the file already; a half line at its end is none."""
    if out is None or not out.exists():
        return []
    found: list[RowResult] = []
    for line in out.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line, type=RowResult))
        except msgspec.MsgspecError:
            continue
    return found


def _keep(out: Path | None, result: RowResult, *, as_json: bool) -> None:
    line = msgspec.json.encode(result) + b"\n"
    if out is not None:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
    if as_json:
        json_line(msgspec.to_builtins(result))


def _pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in given or ():
        key, equals, text = pair.partition("=")
        if not (key and equals and text):
            raise UsageError(f"{option} {pair} is not of the form NAME=VALUE.")
        found[key.strip()] = text.strip()
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"--min takes a number, not {text}.") from error


def _conclude(report: Report, minima: Mapping[str, float], *, as_json: bool) -> int:
    means = {name: measure.mean for name, measure in report.scores.items()}
    below = sorted(name for name, least in minima.items() if means.get(name, 0.0) < least)
    if as_json:
        json_line({**msgspec.to_builtins(report), "below": below})
    else:
        console().print(
            f"{report.rows} rows: {report.completed} completed, {report.failed} failed, "
            f"{report.waiting} waiting."
        )
        rows = [
            (name, f"{each.mean:.4g}", each.scored, f"{each.lowest:.4g}", f"{each.highest:.4g}")
            for name, each in report.scores.items()
        ]
        if rows:
            console().print(table(("score", "mean", "rows", "lowest", "highest"), rows))
        for name in below:
            console().print(f"{clean(name)} is below {minima[name]:g}.")
    return ExitCode.FAILED if below else ExitCode.OK
