"""What a run leaves to say when it is over (U115)."""

from __future__ import annotations

import pytest

from tests.engine.cli.program import END, START, Terminal


def test_the_command_line_says_what_a_sink_lost(
    headgate: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_SINKS", "kafka")
    path = headgate.write("chain", {"start": START, "end": END}, "start end")
    said = headgate("run", path)
    assert said.code == 0
    assert "The sink kafka failed on" in said.err
    assert "no such sink" in headgate("doctor").out
