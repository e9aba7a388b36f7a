"""`evaluate` in a terminal: results on disk, thresholds, kill -9 in the middle (U121)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.engine.cli.program import END, START, Terminal, finished

SUM = {"type": "set", "params": {"fields": {"sum": {"expr": "input.a + input.b"}}}}
RIGHT = "output.sum == input.expected"


def write_rows(headgate: Terminal, count: int) -> Path:
    path = headgate.folder / "rows.jsonl"
    rows = [{"a": number, "b": 1, "expected": number + 1} for number in range(count)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_the_command_writes_results_and_ends_with_1_below_a_threshold(headgate: Terminal) -> None:
    path = headgate.write("adds", {"start": START, "sum": SUM, "end": END}, "start sum", "sum end")
    rows, out = write_rows(headgate, 3), headgate.folder / "out.jsonl"
    words = ["evaluate", path, "--data", rows, "--out", out, "--score", f"right={RIGHT}"]
    said = headgate(*words, "--min", "right=1", "--json")
    assert (said.code, said.lines[-1]["scores"]["right"]["mean"]) == (0, 1.0)
    assert len(out.read_text().splitlines()) == 3
    said = headgate(*words, "--min", "right=1.5")
    assert said.code == 1
    assert "right is below 1.5" in said.out
    assert len(out.read_text().splitlines()) == 3
    assert len(headgate("runs", "--json").lines) == 3


def test_csv_is_read_and_what_is_wrong_is_refused(headgate: Terminal) -> None:
    path = headgate.write("adds", {"start": START, "sum": SUM, "end": END}, "start sum", "sum end")
    table = headgate.folder / "rows.csv"
    table.write_text("a,b\n1,2\n3,4\n")
    said = headgate("evaluate", path, "--data", table, "--score", "sum=output.sum", "--json")
    assert said.lines[-1]["scores"]["sum"]["mean"] == 5.0
    for words in (
        ["--data", table, "--score", "x"],
        ["--data", table, "--score", "x=output +"],
        ["--data", table, "--min", "x=much"],
    ):
        assert headgate("evaluate", path, *words).code == 2
    said = headgate("evaluate", path, "--data", headgate.folder / "no.csv")
    assert said.code == 3 and "no.csv cannot be read: No such file" in said.err


def test_killed_in_the_middle_it_goes_on_and_runs_no_row_twice(headgate: Terminal) -> None:
    mark = headgate.folder / "marks"
    code = f"open({str(mark)!r}, 'a').write(str(input['a']) + '\\n')\noutput = input"
    nodes = {"start": START, "mark": {"type": "python.code", "params": {"code": code}}, "end": END}
    path = headgate.write("slow", nodes, "start mark", "mark end")
    rows, out = write_rows(headgate, 12), headgate.folder / "out.jsonl"
    words = ["evaluate", path, "--data", rows, "--out", out, "--at-once", "1", "--allow", "all"]
    process: subprocess.Popen[str] = headgate.start(*words, "--json")
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    process.kill()
    process.communicate()
    again = finished(headgate.start(*words, "--json"))
    assert again.code == 0
    assert json.loads(again.out.splitlines()[-1])["completed"] == 12
    assert len(headgate("runs", "--json").lines) == 12
    done = mark.read_text().split()
    assert sorted(set(done), key=int) == [str(n) for n in range(12)]
    assert len(done) <= 13  # what was in flight when it was killed may have run again
    assert len({json.loads(line)["row"] for line in out.read_text().splitlines()}) == 12
