"""A workflow with everything that is hard to write down in another language."""

from __future__ import annotations

from engine.model.workflow import Edge, Node, PortRef, Workflow

TITLES = {
    "end": 'say "hi"',
    "class": "a # b; c",
    "o": "`code`",
    "x-1": "<script>alert(1)</script>",
    "1st": "line\nbreak \\n",
    "node_3": "{{x}} [y] (z) |w|",
    "subgraph": "end",
    "plain": "ü 漢字 &amp; #quot; %% no",
}


def edge(source: str, target: str, when: str | None = None) -> Edge:
    return Edge(source=PortRef.parse(source), target=PortRef.parse(target), when=when)


def awkward() -> Workflow:
    nodes = {key: Node(key=key, type="set", title=title) for key, title in TITLES.items()}
    nodes["ask"] = Node(key="ask", type="barrier", disabled=True)
    nodes["each"] = Node(key="each", type="for_each")
    nodes["body"] = Node(key="body", type="set")
    nodes["all"] = Node(key="all", type="collect")
    edges = (
        edge("end.out", "class.in", 'input.a == "b|c"'),
        edge("ask.rejected", "each.in"),
        edge("each.item", "body.in"),
        edge("body.out", "all.in"),
        edge("all.out", "nowhere.in"),
    )
    return Workflow(id="w", name='It\'s "it"\n---', nodes=nodes, edges=edges)
