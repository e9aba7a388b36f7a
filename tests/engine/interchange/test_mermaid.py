from __future__ import annotations

import re

from engine.interchange.mermaid import to_mermaid
from engine.model.workflow import Workflow
from engine.nodes.builtin import builtin_registry
from tests.engine.interchange.drawings import TITLES, awkward

NODE = re.compile(r'^ *(\w+)(\(\[|\{\{|\{|\[\[|\[)"(.*)"(\]\)|\}\}|\}|\]\]|\])$')


def text() -> str:
    return to_mermaid(awkward(), builtin_registry())


def nodes() -> dict[str, str]:
    """What stands on each node, as Mermaid shows it."""
    found = [NODE.match(line) for line in text().splitlines()]
    return {
        each[1]: re.sub(r"#(\d+);", lambda code: chr(int(code[1])), each[3])
        for each in found
        if each
    }


def test_a_label_shows_the_title_and_holds_nothing_that_ends_it() -> None:
    shown = sorted(nodes().values())
    titles = [title.replace("\n", "<br/>") for title in TITLES.values()]
    assert shown == sorted([*titles, "ask", "each", "body", "all"])
    inside = [match[3] for line in text().splitlines() if (match := NODE.match(line))]
    assert not any(re.search(r'["`<>;|&\\]', re.sub(r"#\d+;|<br/>", "", label)) for label in inside)


def test_names_avoid_the_words_of_the_language() -> None:
    names = set(nodes())
    assert not {"end", "class", "subgraph"} & names
    assert {"o", "plain", "ask"} <= names
    assert all(re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) for name in names)
    assert len(names) == len(awkward().nodes)


def test_edges_say_their_port_and_their_condition() -> None:
    assert '-->|"if input.a == #34;b#124;c#34;"|' in text()
    assert 'ask -->|"rejected"| each' in text()
    assert "nowhere" not in text()


def test_a_zone_is_a_subgraph_around_its_nodes() -> None:
    block = text().partition('  subgraph zone_each["each"]\n')[2].partition("\n  end")[0]
    keys = [match[1] for line in block.splitlines() if (match := NODE.match(line))]
    assert keys == ["each", "body", "all"]


def test_disabled_nodes_look_disabled() -> None:
    assert "  class ask disabled" in text()


def test_the_name_is_one_quoted_line_of_the_head() -> None:
    assert text().splitlines()[:4] == ["---", "title: 'It''s \"it\" ---'", "---", "flowchart LR"]


def test_an_empty_workflow_is_an_empty_flowchart() -> None:
    said = to_mermaid(Workflow(id="w", name="Nothing"), builtin_registry())
    assert said == "---\ntitle: 'Nothing'\n---\nflowchart LR\n"
