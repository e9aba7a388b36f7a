"""Writes `engine.nodes.typed`: ``python -m engine.nodes.signatures`` after a type has changed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from engine.model.node_types import NodeType
from engine.nodes.builtin import BUILTIN

Json = Any
TARGET = Path(__file__).with_name("typed.py")
#: `Flow` has these by hand: their key need not be given.
BY_HAND = frozenset({"end"})
_WIDTH = 99
_HEAD = '''"""A method for each built-in node type, so that an editor completes its parameters.

Made by ``python -m engine.nodes.signatures``; do not edit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from engine.model.builder import NodeHandle

Json = Any
#: What `expr` and `template` return: a parameter that is computed when the node runs.
Computed = Mapping[str, str]
Text = str | Computed
Whole = int | Computed
Number = float | Computed
Flag = bool | Computed
#: Seconds, or such as ``"1h 30m"``.
Time = float | str | Computed
List = Sequence[Json] | Computed
Object = Mapping[str, Json]
#: The parameter is left out, and has its default.
UNSET: Any = object()


class Kinds:
    """Adds nodes of the built-in types. Every method returns the node, to be wired."""

    def add(self, key: str, type: str, /, **params: Json) -> NodeHandle:
        """Add a node of any type."""
        raise NotImplementedError

    def _kind(self, key: str, type: str, /, **params: Json) -> NodeHandle:
        given = {name: value for name, value in params.items() if value is not UNSET}
        return self.add(key, type, **given)
'''
_ALIASES = {
    "string": "Text",
    "integer": "Whole",
    "number": "Number",
    "boolean": "Flag",
    "array": "List",
    "object": "Object",
}


def source() -> str:
    """Return the text of the module."""
    return _HEAD + "".join(_method(each) for each in BUILTIN if each.id not in BY_HAND)


def _method(node_type: NodeType) -> str:
    fields = node_type.params.model_fields
    properties = node_type.params.model_json_schema().get("properties", {})
    lines = ["", f"    def {node_type.id.replace('.', '_')}("]
    lines += ["        self,", "        key: str,", "        /,"]
    if fields:
        lines.append("        *,")
    required = [name for name, field in fields.items() if field.is_required()]
    for name in [*required, *(name for name in fields if name not in required)]:
        default = "" if name in required else " = UNSET"
        lines += _parameter(f"{name}: {_annotation(properties[name])}{default},")
    lines.append("    ) -> NodeHandle:")
    lines += _docstring(node_type, fields)
    lines.append("        return self._kind(")
    lines += ["            key,", f'            "{node_type.id}",']
    lines += [f"            {name}={name}," for name in fields]
    return "\n".join([*lines, "        )", ""])


def _parameter(text: str) -> list[str]:
    if len(text) + 8 <= _WIDTH + 1:
        return [f"        {text}"]
    head, _, tail = text.rpartition(" | ")
    if len(head) + 8 <= _WIDTH + 1:
        return [f"        {head}", f"        | {tail}"]
    first, _, choices = head.removesuffix("]").partition("[")
    rows = [f"            {choice}," for choice in choices.split(", ")]
    return [f"        {first}[", *rows, "        ]", f"        | {tail}"]


def _docstring(node_type: NodeType, fields: dict[str, FieldInfo]) -> Iterator[str]:
    first = textwrap.wrap(node_type.description, _WIDTH - 11)
    if not fields and len(first) == 1:
        yield f'        """{first[0]}"""'
        return
    yield f'        """{first[0]}'
    yield from (f"        {line}" for line in first[1:])
    if fields:
        yield from ("", "        Args:", "            key: its identity in the document.")
    for name, field in fields.items():
        text = f"{name}: {field.description or field.title or ''}".strip()
        yield from textwrap.wrap(text, _WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 16)
    yield '        """'


def _annotation(schema: dict[str, Json]) -> str:
    """Return the type of a parameter as its JSON schema says it; ``Json`` where it is any."""
    options = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    nullable = len(options) < len(schema.get("anyOf", [schema]))
    if schema.get("widget") == "duration":
        return "Time | None" if nullable else "Time"
    found = list(dict.fromkeys(_single(each) for each in options))
    if "Json" in found:
        return "Json"
    return " | ".join([*found, *(["None"] if nullable else [])])


def _single(schema: dict[str, Json]) -> str:
    if "enum" in schema and all(isinstance(each, str) for each in schema["enum"]):
        listed = ", ".join(f'"{each}"' for each in schema["enum"])
        return f"Literal[{listed}] | Computed"
    if "const" in schema:
        return f'Literal["{schema["const"]}"] | Computed'
    return _ALIASES.get(schema.get("type", ""), "Json")


if __name__ == "__main__":
    TARGET.write_text(source(), encoding="utf-8")
