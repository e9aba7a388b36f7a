"""JSON values for the widgets that show them: paths, differences, searching, typed edits.

Pure functions over plain values; no Qt.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: A value as JSON has it: None, bool, int, float, str, list or dict of the same. The widgets
#: take whatever the engine hands out, so the type is not spelled out here.
JsonValue = Any

#: Where a value stands inside another: keys and indexes from the outside in.
JsonPath = tuple[str | int, ...]

#: Characters of a container that its one-line preview may take.
PREVIEW_LIMIT = 80


class ChangeKind(StrEnum):
    """How a value differs from the one before."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"

    @property
    def mark(self) -> str:
        """The sign beside the path."""
        return {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "~"}[self]

    @property
    def role(self) -> str:
        """The colour of the sign."""
        return {
            ChangeKind.ADDED: "diff_add",
            ChangeKind.REMOVED: "diff_remove",
            ChangeKind.CHANGED: "diff_change",
        }[self]


@dataclass(frozen=True, slots=True)
class JsonChange:
    """One difference: what stood at a path before and what stands there now."""

    kind: ChangeKind
    old: JsonValue = None
    new: JsonValue = None


@dataclass(frozen=True, slots=True)
class ValueEdit:
    """A person changed one value in place; `path` is relative to the value that is shown."""

    path: JsonPath
    old: JsonValue
    new: JsonValue


def is_container(value: JsonValue) -> bool:
    """Whether `value` has members of its own."""
    return isinstance(value, (dict, list, tuple))


def members(value: JsonValue) -> Iterator[tuple[str | int, JsonValue]]:
    """The members of a container with their keys or indexes; nothing for a scalar."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def same(one: JsonValue, other: JsonValue) -> bool:
    """Equality as JSON sees it: true is not 1."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if is_container(one) and is_container(other):
        if isinstance(one, dict) != isinstance(other, dict) or len(one) != len(other):
            return False
        theirs = dict(members(other))
        return all(key in theirs and same(value, theirs[key]) for key, value in members(one))
    return bool(one == other)


def json_diff(old: JsonValue, new: JsonValue) -> dict[JsonPath, JsonChange]:
    """Every path at which `new` differs from `old`, at the deepest level that tells.

    Lists are compared place by place: enough for appends and edits, which is what runs do.
    """
    found: dict[JsonPath, JsonChange] = {}
    pending: list[tuple[JsonPath, JsonValue, JsonValue]] = [((), old, new)]
    while pending:
        path, before, after = pending.pop()
        comparable = (isinstance(before, dict) and isinstance(after, dict)) or (
            isinstance(before, (list, tuple)) and isinstance(after, (list, tuple))
        )
        if not comparable:
            if not same(before, after):
                found[path] = JsonChange(ChangeKind.CHANGED, before, after)
            continue
        theirs, ours = dict(members(before)), dict(members(after))
        for key, value in ours.items():
            if key not in theirs:
                found[(*path, key)] = JsonChange(ChangeKind.ADDED, None, value)
            elif value is not theirs[key]:
                pending.append(((*path, key), theirs[key], value))
        for key in theirs.keys() - ours.keys():
            found[(*path, key)] = JsonChange(ChangeKind.REMOVED, theirs[key], None)
    return found


def path_text(path: Sequence[str | int]) -> str:
    """The path as one writes it in an expression: ``invoice.lines[0].amount``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def value_at(value: JsonValue, path: Sequence[str | int]) -> JsonValue:
    """The member of `value` at `path`.

    Raises:
        KeyError, IndexError, TypeError: There is nothing at that path.
    """
    for part in path:
        value = value[part]
    return value


def with_value(value: JsonValue, path: Sequence[str | int], new: JsonValue) -> JsonValue:
    """A copy of `value` with `new` at `path`; what is not on the path is shared."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, head: with_value(value[head], rest, new)}
    copied = list(value)
    copied[int(head)] = with_value(copied[int(head)], rest, new)
    return copied


def scalar_text(value: JsonValue) -> str:
    """A scalar for a cell: strings bare, the rest as JSON writes it."""
    return value if isinstance(value, str) else json_line(value)


def json_line(value: JsonValue) -> str:
    """`value` as JSON on one line; what JSON does not know as its text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def json_text(value: JsonValue) -> str:
    """`value` as indented JSON in the order that it has."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def preview(value: JsonValue, limit: int = PREVIEW_LIMIT) -> str:
    """A value on one line of at most `limit` characters, read no further than needed."""
    text = _preview(value, limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _preview(value: JsonValue, limit: int) -> str:
    if isinstance(value, str):
        return json.dumps(value[:limit], ensure_ascii=False)
    if not is_container(value):
        return json_line(value)
    named = isinstance(value, dict)
    parts: list[str] = []
    used = 2
    for key, member in members(value):
        if used > limit:
            parts.append("…")
            break
        text = _preview(member, limit - used)
        parts.append(f"{key}: {text}" if named else text)
        used += len(parts[-1]) + 2
    inside = ", ".join(parts)
    return f"{{{inside}}}" if named else f"[{inside}]"


def parse_like(old: JsonValue, text: str) -> JsonValue:
    """What a person typed over `old`, in the type that `old` had.

    Text stays text, a number must be a number, yes and no are understood; over null anything
    JSON goes, and otherwise text.

    Raises:
        ValueError: The text is not of that type; the message says what is expected.
    """
    typed = text.strip()
    if isinstance(old, str):
        return text
    if isinstance(old, bool):
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if typed.lower() not in known:
            raise ValueError(f"Type true or false, not {typed!r}.")
        return known[typed.lower()]
    if isinstance(old, (int, float)):
        try:
            return int(typed) if isinstance(old, int) else _number(typed)
        except ValueError:
            pass
        try:
            return _number(typed)
        except ValueError:
            raise ValueError(f"Type a number, not {typed!r}.") from None
    try:
        return read_json(typed)
    except ValueError:
        if old is None:
            return text
        raise ValueError(f"Type JSON as in {preview(old, 40)}.") from None


def read_json(text: str) -> JsonValue:
    """The value that `text` spells, strictly: NaN and Infinity are not JSON.

    Raises:
        json.JSONDecodeError: With the line and what is wrong there.
    """

    def refuse(name: str) -> None:
        raise json.JSONDecodeError(f"{name} is not JSON", text, max(0, text.find(name)))

    return json.loads(text, parse_constant=refuse)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def find_paths(value: JsonValue, needle: str, limit: int = 500) -> list[JsonPath]:
    """The paths whose key or scalar contains `needle`, in reading order, without case."""
    wanted = needle.casefold()
    found: list[JsonPath] = []
    pending: list[tuple[JsonPath, JsonValue]] = [((), value)]
    while pending and len(found) < limit:
        path, here = pending.pop()
        key = str(path[-1]) if path else ""
        hit = wanted in key.casefold()
        if not hit and not is_container(here):
            hit = wanted in scalar_text(here).casefold()
        if hit and path:
            found.append(path)
        children = [((*path, name), member) for name, member in members(here)]
        pending.extend(reversed(children))
    return found


def is_record_list(value: JsonValue) -> bool:
    """Whether `value` reads best as a table: a list of which nearly all members are objects."""
    if not isinstance(value, (list, tuple)) or not value:
        return False
    sample = value[:200]
    return sum(isinstance(row, dict) for row in sample) >= 0.9 * len(sample)


def columns_of(rows: Sequence[JsonValue], limit: int = 60) -> list[str]:
    """The keys of all records in the order in which they first appear, at most `limit`."""
    seen: dict[str, None] = {}
    for row in rows:
        if isinstance(row, Mapping):
            seen.update(dict.fromkeys(row))
            if len(seen) >= limit:
                break
    return list(seen)[:limit]
