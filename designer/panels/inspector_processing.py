"""What is done around the attempts of a node: processors before and after it, checks (U92)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from designer.panels.inspector_attributes import Attribute, spec
from designer.panels.inspector_spec import UNSET, FieldKind
from engine.model.workflow import Check, Node, Processing, Processor

Json = Any
THEN = {"retry": "Try again, and tell why", "fail": "Fail", "warn": "Warn, and let it pass"}


def processing_attributes() -> list[Attribute]:
    """The three lists, each in its order."""
    steps = (
        spec("expr", "Expression", FieldKind.SOURCE, placeholder="input.text"),
        spec("template", "or template", FieldKind.TEXT),
        spec("use", "or function", FieldKind.TEXT, placeholder="registered by code"),
        spec("port", "Port", FieldKind.TEXT, placeholder="the first one"),
    )
    checks = (
        spec("name", "Name", FieldKind.TEXT),
        spec("expr", "Expression", FieldKind.SOURCE, placeholder="len(output) < 100"),
        spec("schema", "or JSON Schema", FieldKind.ANY),
        spec("use", "or function", FieldKind.TEXT, placeholder="registered by code"),
        spec("message", "What to tell", FieldKind.TEXT),
        spec("then", "When it does not hold", FieldKind.CHOICE, choices=tuple(THEN), words=THEN,
             default="retry"),
    )  # fmt: skip
    lists: tuple[tuple[str, str, str, type[Any], Any, str], ...] = (
        ("before", "Before each attempt", "Change the input, one after the other.", Processor,
         steps, "step"),
        ("after", "After each attempt", "Change the output, one after the other.", Processor,
         steps, "step"),
        ("checks", "Check the output", "What it must satisfy to count.", Check, checks, "check"),
    )  # fmt: skip
    return [
        Attribute(
            spec=spec(f"processing_{name}", title, FieldKind.CARDS, text, default=(),
                      singular=singular, fields=fields, advanced=True),
            path=f"processing.{name}",
            read=_reader(name, [each.name for each in fields]),
            write=_writer(name, kind),
        )
        for name, title, text, kind, fields, singular in lists
    ]  # fmt: skip


def _reader(part: str, names: list[str]) -> Callable[[Node], Json]:
    def read(node: Node) -> Json:
        items = getattr(node.processing, part) if node.processing is not None else ()
        if not items:
            return UNSET
        return [
            {name: value for name in names if (value := getattr(each, name)) not in ("", None)}
            for each in items
        ]

    return read


def _writer(part: str, kind: type[Any]) -> Callable[[Node, Json], Node]:
    def write(node: Node, value: Json) -> Node:
        before = node.processing or Processing()
        known = getattr(before, part)
        made: list[Any] = []
        for number, each in enumerate(value if isinstance(value, list) else []):
            extra = known[number].extra if number < len(known) else {}
            given = {name: item for name, item in each.items() if item is not UNSET}
            made.append(kind(**given, extra=extra))
        after = replace(before, **cast("Any", {part: tuple(made)}))
        is_empty = not (after.before or after.after or after.checks or after.extra)
        return replace(node, processing=None if is_empty else after)

    return write
