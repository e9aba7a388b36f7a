"""The command line as tests use it: in this process, or as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.cli.main import main
from engine.model import codec

ROOT = Path(__file__).parents[3]
Json = Any

START = {"type": "trigger.manual"}
END = {"type": "end"}
ASK = {"type": "barrier", "params": {"title": "Go on with {{ input.n }}?"}}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Json]]:
        """The JSON objects that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Terminal:
    """Runs commands on one store, in this process."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.store = f"sqlite:///{folder / 'runs.sqlite'}"
        self._capture = capture

    def __call__(self, *words: object) -> Said:
        """Run a command."""
        self._capture.readouterr()
        code = main([*map(str, words), "--store", self.store])
        out, err = self._capture.readouterr()
        return Said(code, out, err)

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Start a command as a program of its own, on the same store."""
        return start(*words, "--store", self.store)

    def write(self, name: str, nodes: Mapping[str, Json], *wires: str, **more: Json) -> Path:
        """Write a workflow; a wire is ``a.out b.in``, or ``a b`` for those two ports."""
        path = self.folder / f"{name}.flow.json"
        path.write_bytes(
            codec.dumps(codec.workflow_from_json(document(name, nodes, *wires, **more)))
        )
        return path

    def newest(self) -> str:
        """Return the id of the run that was started last."""
        return str(self("runs", "--json").lines[0]["run"])

    def request(self) -> str:
        """Return the id of the one open request."""
        (request,) = self("inbox", "--json").lines
        return str(request["request"])


def document(name: str, nodes: Mapping[str, Json], *wires: str, **more: Json) -> dict[str, Json]:
    """Return a document as plain values."""
    edges: list[Json] = []
    for wire in wires:
        source, target = wire.split()
        edges.append(
            {
                "from": source if "." in source else f"{source}.out",
                "to": target if "." in target else f"{target}.in",
            }
        )
    return {"format": 1, "id": name, "name": name, "nodes": dict(nodes), "edges": edges, **more}


def start(*words: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command line as a program of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], within_s: float = 60) -> Said:
    """Wait for a program and return what it said."""
    out, err = process.communicate(timeout=within_s)
    return Said(process.returncode, out, err)
