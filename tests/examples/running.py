"""Runs examples as a person does: each command is a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = Any
ROOT = Path(__file__).parents[2]


@dataclass
class Person:
    """Somebody at a terminal, with a data folder of their own."""

    data: Path
    programs: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Start a command."""
        program = subprocess.Popen(
            [sys.executable, "-m", "engine", *map(str, words)],
            cwd=ROOT,
            env={**os.environ, "HEADGATE_DATA_DIR": str(self.data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.programs.append(program)
        return program

    def __call__(self, *words: object, code: int = 0) -> list[dict[str, Json]]:
        """Run a command with --json, check its exit code, and return what it said."""
        program = self.start(*words, "--json")
        out, err = program.communicate(timeout=100)
        assert program.returncode == code, err
        return [json.loads(line) for line in out.splitlines()]

    def leave(self) -> None:
        """End what is still running."""
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.communicate()


def up_to(program: subprocess.Popen[str], event: str) -> list[dict[str, Json]]:
    """Read the events of a program up to the first of a kind."""
    assert program.stdout is not None
    seen: list[dict[str, Json]] = []
    for line in program.stdout:
        seen.append(json.loads(line))
        if seen[-1]["event"] == event:
            return seen
    raise AssertionError(f"the run ended without {event}")
