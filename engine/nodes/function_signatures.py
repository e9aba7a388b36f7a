"""What annotations and docstrings of a function say about the node that it is made of."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import (
    Callable,
    Mapping,
    Sequence,
)
from typing import (
    Annotated,
    Any,
    get_args,
    get_origin,
)

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from engine.model.node_types import Abort, Fallback, Output, Port, PortType, Skip, Wait

Json = Any
#: What a function may return beside a plain value.
RESULTS = (Output, Wait, Fallback, Skip, Abort)
_PORT_TYPES: Mapping[Any, PortType] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "bool",
    list: "list",
    tuple: "list",
    dict: "object",
}


def documented(kind: Any, default: Any, text: str) -> tuple[Any, Any]:
    """Return a pydantic field whose description is that of the docstring, unless it has one."""
    named = [each for each in (default, *get_args(kind)[1:]) if isinstance(each, FieldInfo)]
    if not text or any(each.description for each in named):
        return kind, default
    if isinstance(default, FieldInfo):
        default.description = text
        return kind, default
    return kind, FieldInfo(
        default=PydanticUndefined if default is ... else default, description=text
    )


def port_type(annotation: Any) -> PortType:
    """Return the type of a port whose values are annotated so."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin = get_origin(annotation) or annotation
    if origin in _PORT_TYPES:
        return _PORT_TYPES[origin]
    is_class = isinstance(origin, type)
    if is_class and (issubclass(origin, BaseModel | dict) or dataclasses.is_dataclass(origin)):
        return "any" if issubclass(origin, RESULTS) else "object"
    return "any"


def port_of(spec: str | Port, kind: PortType) -> Port:
    """Return the port that was named, or described, so."""
    return Port(name=spec, type=kind) if isinstance(spec, str) else spec


def name_of(spec: str | Port) -> str:
    """Return the name of a port."""
    return spec if isinstance(spec, str) else spec.name


def port_names(specs: Sequence[str | Port]) -> tuple[str, ...]:
    """Return the names of ports, in order."""
    return tuple(name_of(each) for each in specs)


def summary_of(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a docstring on one line, or nothing."""
    text = inspect.getdoc(function) or ""
    return " ".join(text.partition("\n\n")[0].split())


def argument_texts(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the docstring's ``Args:`` says of each parameter."""
    found: dict[str, str] = {}
    _, heading, rest = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    for line in rest.splitlines() if heading else ():
        if line and not line.startswith(" "):
            break
        match = re.match(r"    (\w+)(?: \([^)]*\))?: (.+)", line)
        if match:
            found[match[1]] = match[2].strip()
        elif found and line.strip():
            last = next(reversed(found))
            found[last] += f" {line.strip()}"
    return found
