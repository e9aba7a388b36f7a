"""What docs/nodes.md says is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.model.node_types import NodeType, Output, Registry
from engine.nodes.builtin import BUILTIN
from tests.engine.nodes.contexts import run_now

PAGE = (Path(__file__).parents[3] / "docs" / "nodes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("node_type", BUILTIN, ids=lambda each: each.id)
def test_the_table_names_every_type_with_all_its_parameters(node_type: NodeType) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{node_type.id}` |")]
    words = set(re.findall(r"\w+", row))
    assert set(node_type.params.model_fields) <= words
    assert {port.name for port in node_type.ports({}).outputs} <= words


def test_the_node_in_ten_lines_works() -> None:
    short, whole = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    decorated: dict[str, Any] = {"__name__": "docs"}
    exec(short, decorated)
    assert decorated["slug"]("A b") == "a-b"
    by_hand: dict[str, Any] = {"__name__": "docs"}
    exec(whole, by_hand)
    assert "my.slug" in Registry([by_hand["SLUG"]])
    result = run_now(by_hand["SLUG"], {"text": "Hello big World"})
    assert isinstance(result, Output)
    assert result.ports == {"out": "hello-big-world"}
    assert len([line for line in short.splitlines() if line.strip()]) <= 10
