"""Every example of docs/python.md and README.md runs and prints what its comments say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"print\(.*\)\s+# (.+)$", re.MULTILINE)


def examples() -> dict[str, str]:
    found: dict[str, str] = {}
    for page in ("docs/python.md", "README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            heading = text[: block.start()].rpartition("\n## ")[2].partition("\n")[0]
            found[f"{page}: {heading}"] = block[1]
    return found


@pytest.mark.parametrize("name", examples())
def test_the_example_runs_and_prints_what_it_says(name: str, tmp_path: Path) -> None:
    code = examples()[name]
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HEADGATE_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = SAID.findall(code)
    assert [line for line in done.stdout.splitlines() if line in expected] == expected


def test_every_mechanism_of_the_page_has_an_example() -> None:
    assert len(examples()) >= 6
