"""Where a workflow names its nodes in text, and how to rename them there (U2).

A reference is ``nodes.key`` or ``nodes["key"]`` in an expression or in the tags of a
template, or a key in a list called ``reroute_to``. A parameter that is a whole workflow
has nodes of its own, and is left alone. Expressions are rewritten by the
positions of the parsed syntax tree, templates by their tokens, so that text which only
looks the same stays as it is. What cannot be rewritten with certainty is listed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Any

from engine.model.processing import texts_of
from engine.model.shape import join_path
from engine.model.workflow import Draw, Edge, Node, Processing, Settings, Workflow

Json = Any
Names = Mapping[str, str]

_ROOT = "nodes"
#: Parameters whose texts are keys of nodes.
_KEY_LISTS = frozenset({"reroute_to"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A place that names a node, or may.

    Attributes:
        node: key of the node that it stands in, or empty for the settings.
        edge: id of the edge whose condition it stands in, or empty.
        field: path such as ``params.url``. `text`: the whole text there.
        certain: renaming rewrites it; otherwise only a person can tell.
    """

    text: str
    field: str
    certain: bool
    node: str = ""
    edge: str = ""


# --- one text -----------------------------------------------------------------------------


def rename_in_expression(source: str, names: Names) -> str:
    """Return an expression with nodes renamed; unchanged where that is not certain."""
    try:
        # In brackets, as line breaks mean nothing in our expressions.
        tree = ast.parse(f"({source}\n)", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    edits: list[tuple[int, int, bytes]] = []
    lines = f"({source}\n)".encode().split(b"\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    text = b"\n".join(lines)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == _ROOT and not isinstance(node.ctx, ast.Load):
            return source  # a loop variable hides the name
        if isinstance(node, ast.Attribute | ast.Subscript):
            edit = _edit(node, names, starts, text)
            if edit is not None:
                edits.append(edit)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text[1:-2].decode()


def _edit(
    node: ast.Attribute | ast.Subscript, names: Names, starts: list[int], text: bytes
) -> tuple[int, int, bytes] | None:
    """Return (start, end, new bytes) for ``nodes.old`` or ``nodes["old"]``."""
    root = node.value
    if not (isinstance(root, ast.Name) and root.id == _ROOT):
        return None
    key = node.attr if isinstance(node, ast.Attribute) else _constant(node.slice)
    if key is None or key not in names:
        return None
    begin = starts[root.lineno - 1] + root.col_offset
    start = starts[(root.end_lineno or 1) - 1] + (root.end_col_offset or 0)
    end = starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
    # Inside f-strings Python 3.11 gives places that are not those of the source.
    if text[begin:start] != _ROOT.encode():
        return None
    found = text[start:end]
    pattern = _ATTRIBUTE if isinstance(node, ast.Attribute) else _ITEM
    match = pattern.fullmatch(found.decode())
    if match is None or match["key"] != key:
        return None
    return start, end, _selector(names[key], match.groupdict().get("quote")).encode()


_ATTRIBUTE = re.compile(r"\s*\.\s*(?P<key>[A-Za-z_]\w*)")
_ITEM = re.compile(r"\s*\[\s*(?P<quote>['\"])(?P<key>[\w-]*)(?P=quote)\s*\]")


def _constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _selector(key: str, quote: str | None) -> str:
    if quote is None and key.isidentifier() and not iskeyword(key):
        return f".{key}"
    quote = quote or '"'
    return f"[{quote}{key}{quote}]"


#: A comment or a raw block of a template, or the beginning of a tag.
_TEMPLATE = re.compile(
    r"\{#.*?(?:#\}|\Z)|\{%[-+]?\s*raw\s*[-+]?%\}.*?(?:\{%[-+]?\s*endraw\s*[-+]?%\}|\Z)|(\{\{|\{%)",
    re.DOTALL,
)
#: One token inside a tag.
_TOKEN = re.compile(
    r"(?P<end>\}\}|%\})|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<space>\s+)|(?P<other>.)",
    re.DOTALL,
)
_SELECTED = re.compile(
    r"\s*(?:\.\s*(?P<name>[A-Za-z_]\w*)|\[\s*(?P<quote>['\"])(?P<key>[\w-]*)(?P=quote)\s*\])"
)


def rename_in_template(source: str, names: Names) -> str:
    """Return a template with nodes renamed in its tags; unchanged where not certain."""
    pieces: list[str] = []
    place = 0
    while match := _TEMPLATE.search(source, place):
        if match[1] is None:
            pieces.append(source[place : match.end()])
            place = match.end()
            continue
        pieces.append(source[place : match.end()])
        renamed = _rename_in_tag(source, match.end(), names)
        if renamed is None:
            return source
        text, place = renamed
        pieces.append(text)
    pieces.append(source[place:])
    return "".join(pieces)


def _rename_in_tag(source: str, place: int, names: Names) -> tuple[str, int] | None:
    """Return the rest of a tag, renamed, and where it ends; None: `nodes` is a local name."""
    pieces: list[str] = []
    before = ""
    while token := _TOKEN.match(source, place):
        place = token.end()
        pieces.append(token[0])
        if token.lastgroup == "end":
            break
        if token.lastgroup == "name" and token[0] == _ROOT and before != ".":
            if before in {"set", "for", ",", "import", "as"} and not _SELECTED.match(source, place):
                return None
            selected = _SELECTED.match(source, place)
            key = (selected["name"] or selected["key"]) if selected else None
            if selected is not None and key in names:
                pieces.append(_selector(names[key or ""], selected["quote"]))
                place = selected.end()
        if token.lastgroup != "space":
            before = token[0]
    return "".join(pieces), place


# --- a whole workflow ---------------------------------------------------------------------


def rename_in_node(node: Node, names: Names) -> Node:
    """Return the node with references renamed; the same object when there are none."""
    params = _rename_in_params(node.params, names)
    writes = {
        name: replace(write, expr=text)
        if (text := rename_in_expression(write.expr, names)) != write.expr
        else write
        for name, write in node.writes.items()
    }
    meters = {name: _rename_in_draw(draw, names) for name, draw in node.meters.items()}
    others = tuple(
        each
        if (new := _rename_in_params(each.params, names)) is each.params
        else replace(each, params=new)
        for each in node.alternatives
    )
    rate = node.rate
    if rate is not None and rate.key:
        key = rename_in_expression(rate.key, names)
        rate = rate if key == rate.key else replace(rate, key=key)
    processing = _rename_in_processing(node.processing, names)
    if (
        params is node.params
        and rate is node.rate
        and processing is node.processing
        and all(writes[name] is node.writes[name] for name in writes)
        and all(meters[name] is node.meters[name] for name in meters)
        and all(a is b for a, b in zip(others, node.alternatives, strict=True))
    ):
        return node
    return replace(
        node,
        params=params,
        writes=writes,
        meters=meters,
        rate=rate,
        alternatives=others,
        processing=processing,
    )


def _rename_in_processing(given: Processing | None, names: Names) -> Processing | None:
    if given is None:
        return None
    before, after = (
        tuple(
            replace(
                step,
                expr=rename_in_expression(step.expr, names) if step.expr else "",
                template=rename_in_template(step.template, names) if step.template else "",
            )
            for step in steps
        )
        for steps in (given.before, given.after)
    )
    checks = tuple(
        replace(each, expr=rename_in_expression(each.expr, names)) if each.expr else each
        for each in given.checks
    )
    new = replace(given, before=before, after=after, checks=checks)
    return given if new == given else new


def _rename_in_draw(draw: Draw, names: Names) -> Draw:
    estimate = rename_in_expression(draw.estimate, names)
    actual = rename_in_expression(draw.actual, names) if draw.actual else draw.actual
    if (estimate, actual) == (draw.estimate, draw.actual):
        return draw
    return replace(draw, estimate=estimate, actual=actual)


def rename_in_edge(edge: Edge, names: Names) -> Edge:
    """Return the edge with its condition renamed and its ends as they are."""
    when = rename_in_expression(edge.when, names) if edge.when else edge.when
    return edge if when == edge.when else replace(edge, when=when)


def rename_in_settings(settings: Settings, names: Names) -> Settings:
    """Return the settings with the result's references renamed."""
    result = rename_in_expression(settings.result, names) if settings.result else settings.result
    return settings if result == settings.result else replace(settings, result=result)


def find_references(workflow: Workflow, key: str) -> tuple[Reference, ...]:
    """Return every text that names a node, or may, in the order of the document.

    After a renaming, what is still found under the old key is what could not be rewritten.
    """
    names = {key: _other(key)}
    shape = re.compile(rf"\bnodes\b[\s\S]*(?<![\w-]){re.escape(key)}(?![\w-])")
    found: list[Reference] = []

    def look(text: str, rename: Callable[[str, Names], str], **place: str) -> None:
        certain = rename(text, names) != text
        if certain or shape.search(text):
            found.append(Reference(text=text, certain=certain, **place))

    for node in workflow.nodes.values():
        for field, rename, text in _texts_of(node):
            look(text, rename, node=node.key, field=field)
    for edge in workflow.edges:
        if edge.when:
            look(edge.when, rename_in_expression, edge=edge.id, node=edge.source.node, field="when")
    if workflow.settings.result:
        look(workflow.settings.result, rename_in_expression, field="settings.result")
    return tuple(found)


def _other(key: str) -> str:
    return f"{key}_" if key != "_" else "a"


def _rename_key(text: str, names: Names) -> str:
    return names.get(text, text)


def _leave(text: str, names: Names) -> str:
    del names
    return text


_RENAMERS: Mapping[str, Callable[[str, Names], str]] = {
    "expr": rename_in_expression,
    "template": rename_in_template,
    "key": _rename_key,
    "text": _leave,
}


def _kind_of(name: str | int, text: str, *, listed: bool) -> str:
    """Return what a text in the parameters is, by where it stands and what it holds."""
    if name in {"expr", "when"}:
        return "expr"
    if listed:
        return "key"
    return "template" if name == "template" or "{{" in text or "{%" in text else "text"


def _is_workflow(value: Json) -> bool:
    """Return whether a parameter is a document, which `NodeType.opaque` parameters may be."""
    return isinstance(value, Mapping) and {"format", "nodes"} <= value.keys()


def _texts(
    path: str, value: Json, name: str | int = "", *, listed: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Yield (path, kind, text) of every text in a parameter."""
    if isinstance(value, str):
        yield path, _kind_of(name, value, listed=listed), value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not name and _is_workflow(item):
                continue
            yield from _texts(join_path(path, str(key)), item, str(key), listed=key in _KEY_LISTS)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(join_path(path, index), item, index, listed=listed)


def _rename_in_params(
    value: Json, names: Names, name: str | int = "", *, listed: bool = False
) -> Json:
    """Return the value with every text renamed; the same object when nothing changes."""
    if isinstance(value, str):
        return _RENAMERS[_kind_of(name, value, listed=listed)](value, names)
    if isinstance(value, Mapping):
        changed = {
            key: item
            if not name and _is_workflow(item)
            else _rename_in_params(item, names, str(key), listed=key in _KEY_LISTS)
            for key, item in value.items()
        }
        return value if all(changed[key] is value[key] for key in value) else changed
    if isinstance(value, list | tuple):
        items = [
            _rename_in_params(item, names, index, listed=listed) for index, item in enumerate(value)
        ]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def _texts_of(node: Node) -> Iterator[tuple[str, Callable[[str, Names], str], str]]:
    """Yield (field, how it is renamed, text) of everything in a node that may name others."""
    for field, kind, text in _texts("params", node.params):
        yield field, _RENAMERS[kind], text
    for number, each in enumerate(node.alternatives):
        for field, kind, text in _texts(f"alternatives.{number}.params", each.params):
            yield field, _RENAMERS[kind], text
    for name, write in node.writes.items():
        yield f"writes.{name}", rename_in_expression, write.expr
    if node.rate is not None and node.rate.key:
        yield "rate.key", rename_in_expression, node.rate.key
    for place, kind, text, _ in texts_of(node) if node.processing is not None else ():
        yield place, rename_in_expression if kind == "expr" else rename_in_template, text
    for name, draw in node.meters.items():
        for part, text in (("estimate", draw.estimate), ("actual", draw.actual or "")):
            yield f"meters.{name}.{part}", rename_in_expression, text
