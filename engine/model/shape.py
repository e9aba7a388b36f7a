"""The document as plain JSON values, and back: one table per kind of object.

Reading collects every problem with its place instead of stopping at the first.
Writing leaves out what equals its default. Fields that no table names go into `extra`
and come back from there. Bytes, files and versions are the business of `codec`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from engine.model.workflow import (
    Alternative,
    Background,
    Cache,
    Channel,
    Check,
    CommitPolicy,
    Draw,
    Durability,
    Edge,
    EdgeKind,
    Effects,
    Frame,
    FrameBehaviour,
    FrameLock,
    InBackground,
    Invariant,
    JoinMode,
    JoinPolicy,
    JoinReset,
    JoinRest,
    Limits,
    Meter,
    Migration,
    Node,
    Note,
    OnError,
    OnFailure,
    OnTimeout,
    Order,
    PortRef,
    Position,
    Processing,
    Processor,
    RateLimit,
    RetryPolicy,
    Save,
    SaveFailure,
    SaveWhen,
    Settings,
    View,
    Workflow,
    Write,
)

Json = Any
#: (place such as ``nodes.ask.retry.attempts``, what is wrong with it).
Problem = tuple[str, str]

Read = Callable[[Json, str, list[Problem]], Any]
Put = Callable[[Any], Json]

#: Objects and lists inside one another; more than any document of a person has.
MAX_DEPTH = 100

_BAD: Any = object()
_LARGEST_EXACT = 2.0**53


def kind_of(value: Json) -> str:
    """Return what a JSON value is, in words: ``a text``, ``a list``."""
    names: dict[type, str] = {
        type(None): "null",
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


def join_path(path: str, name: str | int) -> str:
    """Return the place of a field or of an item inside `path`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


# --- readers ------------------------------------------------------------------------------


def _refuse(problems: list[Problem], path: str, wanted: str, value: Json) -> Any:
    problems.append((path, f"must be {wanted}, not {kind_of(value)}"))
    return _BAD


def _text(value: Json, path: str, problems: list[Problem]) -> Any:
    return value if isinstance(value, str) else _refuse(problems, path, "a text", value)


def _flag(value: Json, path: str, problems: list[Problem]) -> Any:
    return value if isinstance(value, bool) else _refuse(problems, path, "true or false", value)


def _whole(value: Json, path: str, problems: list[Problem]) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        problems.append((path, f"must be a whole number, not {value}"))
        return _BAD
    return _refuse(problems, path, "a whole number", value)


def _number(value: Json, path: str, problems: list[Problem]) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return _refuse(problems, path, "a number", value)


def _any(value: Json, path: str, problems: list[Problem]) -> Any:
    del path, problems
    return value


def _object(value: Json, path: str, problems: list[Problem]) -> Any:
    return value if isinstance(value, dict) else _refuse(problems, path, "an object", value)


def _list_of(item: Read) -> Read:
    def read(value: Json, path: str, problems: list[Problem]) -> Any:
        if not isinstance(value, list):
            return _refuse(problems, path, "a list", value)
        found = [item(each, f"{path}[{index}]", problems) for index, each in enumerate(value)]
        return tuple(each for each in found if each is not _BAD)

    return read


def _named(item: Read) -> Read:
    def read(value: Json, path: str, problems: list[Problem]) -> Any:
        if not isinstance(value, dict):
            return _refuse(problems, path, "an object", value)
        found = {name: item(value[name], join_path(path, name), problems) for name in sorted(value)}
        return {name: each for name, each in found.items() if each is not _BAD}

    return read


def _nullable(inner: Read) -> Read:
    def read(value: Json, path: str, problems: list[Problem]) -> Any:
        return None if value is None else inner(value, path, problems)

    return read


def _one_of(choices: tuple[str, ...]) -> Read:
    listed = ", ".join(choices[:-1]) + f" or {choices[-1]}"

    def read(value: Json, path: str, problems: list[Problem]) -> Any:
        if isinstance(value, str) and value in choices:
            return value
        shown = f'"{value}"' if isinstance(value, str) else kind_of(value)
        problems.append((path, f"must be {listed}, not {shown}"))
        return _BAD

    return read


def _amounts(value: Json, path: str, problems: list[Problem]) -> Any:
    """Read name to number."""
    if not isinstance(value, dict):
        return _refuse(problems, path, "an object", value)
    found = {name: _number(value[name], join_path(path, name), problems) for name in sorted(value)}
    return {name: amount for name, amount in found.items() if amount is not _BAD}


def _port_ref(value: Json, path: str, problems: list[Problem]) -> Any:
    if not isinstance(value, str):
        return _refuse(problems, path, "a text such as node.port", value)
    try:
        return PortRef.parse(value)
    except ValueError:
        problems.append((path, f'must be of the form node.port, not "{value}"'))
        return _BAD


def _same(value: Any) -> Json:
    return value


def _listed(value: Any) -> Json:
    return list(value)


def _shortest(value: float) -> Json:
    """Return whole numbers without a point: positions read and compare better so."""
    if math.isfinite(value) and value == int(value) and abs(value) < _LARGEST_EXACT:
        return int(value)
    return value


def _shortest_of(amounts: Mapping[str, float]) -> Json:
    return {name: _shortest(amount) for name, amount in amounts.items()}


# --- tables -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object: its name in JSON, its attribute, and both ways."""

    name: str
    attribute: str
    read: Read
    write: Put = _same


def _field(name: str, read: Read, write: Put = _same, *, attribute: str | None = None) -> Field:
    return Field(name, attribute or name, read, write)


class Table:
    """How one class of the model is written as a JSON object.

    Args:
        name_field: attribute that holds the key under which the object stands, if any.
    """

    def __init__(self, cls: type, *fields: Field, name_field: str = "") -> None:
        self.cls = cls
        self.fields = fields
        self.names = frozenset(field.name for field in fields)
        self._name_field = name_field
        defaults = {
            field.name: field.default
            if field.default_factory is dataclasses.MISSING
            else field.default_factory()
            for field in dataclasses.fields(cls)
        }

        self._usual = tuple((each, defaults[each.attribute]) for each in fields)
        missing = dataclasses.MISSING
        self._needed = frozenset(each.name for each, usual in self._usual if usual is missing)

    @property
    def required(self) -> frozenset[str]:
        """The names of the fields that have no default."""
        return self._needed

    def read(self, value: Json, path: str, problems: list[Problem], name: str = "") -> Any:
        """Return an instance, or a marker after adding at least one problem."""
        if not isinstance(value, dict):
            return _refuse(problems, path, "an object", value)
        found: dict[str, Any] = {self._name_field: name} if self._name_field else {}
        complete = True
        # Most fields of most documents are left out: only those that are there cost time.
        wanted = [each for each in self.fields if each.name in value or each.name in self._needed]
        for field in wanted:
            if field.name in value:
                item = field.read(value[field.name], join_path(path, field.name), problems)
                if item is not _BAD:
                    found[field.attribute] = item
                    continue
            else:
                problems.append((join_path(path, field.name), "is missing"))
            complete = complete and field.name not in self._needed
        if not complete:
            return _BAD
        extra = {key: item for key, item in value.items() if key not in self.names}
        return self.cls(**found, extra=extra) if extra else self.cls(**found)

    def write(self, item: Any) -> dict[str, Json]:
        """Return the JSON object of an instance, without what equals its default."""
        result: dict[str, Json] = {
            key: value for key, value in item.extra.items() if key not in self.names
        }
        for field, default in self._usual:
            value = getattr(item, field.attribute)
            if value is not default and value != default:
                result[field.name] = field.write(value)
        return result

    def read_named(self, value: Json, path: str, problems: list[Problem]) -> Any:
        """Return name to instance, sorted by name."""
        if not isinstance(value, dict):
            return _refuse(problems, path, "an object", value)
        found = {
            name: self.read(value[name], join_path(path, name), problems, name)
            for name in sorted(value)
        }
        return {name: item for name, item in found.items() if item is not _BAD}

    def write_named(self, items: Mapping[str, Any]) -> dict[str, Json]:
        """Return the JSON object of a mapping of instances."""
        return {name: self.write(item) for name, item in items.items()}

    def write_list(self, items: tuple[Any, ...]) -> list[Json]:
        """Return the JSON list of some instances."""
        return [self.write(item) for item in items]


def _choice(name: str, *choices: str, nullable: bool = False) -> Field:
    read = _one_of(choices)
    return _field(name, _nullable(read) if nullable else read)


_TEXTS = _list_of(_text)
_SECONDS = _nullable(_number)

JOIN = Table(
    JoinPolicy,
    _choice("mode", *get_args(JoinMode)),
    _field("n", _whole),
    _choice("rest", *get_args(JoinRest)),
    _choice("reset", *get_args(JoinReset)),
    _field("timeout_s", _SECONDS, _shortest),
    _choice("on_timeout", *get_args(OnTimeout)),
    _choice("on_short", "skip", "fail"),
)
RETRY = Table(
    RetryPolicy,
    _field("attempts", _whole),
    _field("delay_s", _number, _shortest),
    _field("factor", _number, _shortest),
    _field("max_delay_s", _number, _shortest),
    _field("jitter", _flag),
    _field("on", _TEXTS, _listed),
    _field("give_up_on", _TEXTS, _listed),
)
ALTERNATIVE = Table(
    Alternative,
    _field("type", _text),
    _field("version", _whole),
    _field("params", _object),
    _field("retry", _nullable(RETRY.read), RETRY.write),
    _field("timeout_s", _SECONDS, _shortest),
)
WRITE = Table(Write, _field("expr", _text), _choice("op", "reduce", "set", "delete"))
DRAW = Table(
    Draw,
    _field("estimate", _text),
    _field("actual", _nullable(_text)),
    _field("limit", _SECONDS, _shortest),
)
BACKGROUND = Table(
    InBackground,
    _field("port", _text),
    _choice("at_end", *get_args(Background), nullable=True),
    _field("limit", _whole),
    _field("budget", _amounts, _shortest_of),
    _field("own_budget", _flag),
    _choice("on_failure", "note", "fail"),
    _field("stale_s", _SECONDS, lambda value: None if value is None else _shortest(value)),
)
RATE = Table(
    RateLimit,
    _field("count", _whole),
    _field("per_s", _number, _shortest),
    _field("burst", _whole),
    _field("key", _nullable(_text)),
)
CACHE = Table(
    Cache,
    _field("ttl_s", _SECONDS, _shortest),
    _field("despite_effects", _flag),
)
PROCESSOR = Table(
    Processor,
    _field("expr", _text),
    _field("template", _text),
    _field("use", _text),
    _field("port", _text),
)
CHECK = Table(
    Check,
    _field("name", _text),
    _field("expr", _text),
    _field("schema", _any),
    _field("use", _text),
    _field("message", _text),
    _choice("then", "retry", "fail", "warn"),
)
PROCESSING = Table(
    Processing,
    _field("before", _list_of(PROCESSOR.read), PROCESSOR.write_list),
    _field("after", _list_of(PROCESSOR.read), PROCESSOR.write_list),
    _field("checks", _list_of(CHECK.read), CHECK.write_list),
)
NODE = Table(
    Node,
    _field("type", _text),
    _field("version", _whole),
    _field("title", _text),
    _field("notes", _text),
    _field("params", _object),
    _field("writes", WRITE.read_named, WRITE.write_named),
    _field("joins", JOIN.read_named, JOIN.write_named),
    _choice("route", "all", "first"),
    _field("retry", _nullable(RETRY.read), RETRY.write),
    _field("timeout_s", _SECONDS, _shortest),
    _field("total_timeout_s", _SECONDS, _shortest),
    _field("idle_timeout_s", _SECONDS, _shortest),
    _field("min_interval_s", _SECONDS, _shortest),
    _field("rate", _nullable(RATE.read), RATE.write),
    _choice("undeclared", "fail", "ignore"),
    _field("processing", _nullable(PROCESSING.read), PROCESSING.write),
    _choice("on_error", *get_args(OnError)),
    _field("alternatives", _list_of(ALTERNATIVE.read), ALTERNATIVE.write_list),
    _choice("effects", *get_args(Effects), nullable=True),
    _field("reads", _TEXTS, _listed),
    _field("may_write", _nullable(_TEXTS), _listed),
    _field("meters", DRAW.read_named, DRAW.write_named),
    _choice("budget", "shared", "even"),
    _field("gated", _flag),
    _field("cache", _nullable(CACHE.read), CACHE.write),
    _field("background", _nullable(BACKGROUND.read), BACKGROUND.write),
    _field("disabled", _flag),
    name_field="key",
)
EDGE = Table(
    Edge,
    _field("from", _port_ref, str, attribute="source"),
    _field("to", _port_ref, str, attribute="target"),
    _field("when", _nullable(_text)),
    _field("priority", _whole),
    _choice("kind", *get_args(EdgeKind)),
)
MIGRATION = Table(
    Migration,
    _field("from", _whole, attribute="version"),
    _field("expr", _text),
)
CHANNEL = Table(
    Channel,
    _field("type", _text),
    _field("reducer", _text),
    _field("reduce", _nullable(_text)),
    _field("schema", _any),
    _field("version", _whole),
    _field("migrations", _list_of(MIGRATION.read), MIGRATION.write_list),
    _field("default", _any),
    _choice("lifecycle", "durable", "run", "superstep"),
    _field("description", _text),
    name_field="name",
)
LIMITS = Table(
    Limits,
    _field("supersteps", _whole),
    _field("executions", _whole),
    _field("visits", _whole),
    _field("items", _whole),
    _field("concurrency", _whole),
    _field("processes", _whole),
    _field("value_bytes", _whole),
    _field("run_seconds", _number, _shortest),
    _field("depth", _whole),
    _field("by_type", _named(_whole)),
)
INVARIANT = Table(
    Invariant,
    _field("expr", _text),
    _choice("on_breach", "fail", "ask"),
    _field("message", _text),
)
METER = Table(
    Meter,
    _field("limit", _SECONDS, _shortest),
    _choice("measure", "spend", "calls", "seconds", "supersteps"),
    _choice("on_breach", "fail", "ask"),
    _field("unit", _text),
)
SAVE = Table(
    Save,
    _choice("when", *get_args(SaveWhen)),
    _field("seconds", _number, _shortest),
    _field("meters", _named(_number)),
    _choice("on_failure", *get_args(SaveFailure)),
    _field("attempts", _whole),
)
SETTINGS = Table(
    Settings,
    _choice("commit", *get_args(CommitPolicy)),
    _choice("durability", *get_args(Durability)),
    _choice("on_failure", *get_args(OnFailure)),
    _choice("order", *get_args(Order)),
    _choice("background", *get_args(Background)),
    _field("limits", LIMITS.read, LIMITS.write),
    _field("env", _TEXTS, _listed),
    _field("vars", _object),
    _field("input", _any),
    _field("result", _nullable(_text)),
    _field("invariants", INVARIANT.read_named, INVARIANT.write_named),
    _field("meters", METER.read_named, METER.write_named),
    _field("input_to", _nullable(_text)),
    _field("extra_to", _nullable(_text)),
    _field("save", SAVE.read, SAVE.write),
    _field("description", _text),
)
FRAME_LOCK = Table(FrameLock, _field("name", _text), _field("permits", _whole))
FRAME_BEHAVIOUR = Table(
    FrameBehaviour,
    _field("nodes", _TEXTS, _listed),
    _field("retry", _nullable(RETRY.read), RETRY.write),
    _field("timeout_s", _SECONDS, _shortest),
    _field("lock", _nullable(FRAME_LOCK.read), FRAME_LOCK.write),
    _field("one_at_a_time", _flag),
    _field("meters", _amounts, _shortest_of),
)
POSITION = Table(
    Position,
    _field("x", _number, _shortest),
    _field("y", _number, _shortest),
)
_BOX = tuple(_field(name, _number, _shortest) for name in ("x", "y", "width", "height"))
FRAME = Table(Frame, _field("id", _text), _field("title", _text), *_BOX, _field("colour", _whole))
NOTE = Table(Note, _field("id", _text), _field("text", _text), *_BOX)
VIEW = Table(
    View,
    _field("nodes", POSITION.read_named, POSITION.write_named, attribute="positions"),
    _field("frames", _list_of(FRAME.read), FRAME.write_list),
    _field("notes", _list_of(NOTE.read), NOTE.write_list),
)
WORKFLOW = Table(
    Workflow,
    _field("id", _text),
    _field("name", _text),
    _field("settings", SETTINGS.read, SETTINGS.write),
    _field("channels", CHANNEL.read_named, CHANNEL.write_named),
    _field("nodes", NODE.read_named, NODE.write_named),
    _field("edges", _list_of(EDGE.read), EDGE.write_list),
    _field("frames", FRAME_BEHAVIOUR.read_named, FRAME_BEHAVIOUR.write_named),
    _field("view", VIEW.read, VIEW.write),
)


def edge_order(edge: Edge) -> tuple[str, str, str, str]:
    """Return the sort key of the one order in which a document keeps its edges."""
    source, target = edge.source, edge.target
    return (source.node, source.port, target.node, target.port)


# --- values that JSON cannot hold -----------------------------------------------------------

#: Where a container is: (the trail of the one around it, its name or index there).
_Trail = tuple[Any, "str | int"]


def check_values(root: Json, repeated: Mapping[int, str] | None = None) -> list[Problem]:
    """Return what in a tree of values could not be written and read back unchanged.

    Args:
        root: lists, objects and plain values.
        repeated: id of an object to the key that stands in it twice.
    """
    problems: list[Problem] = []
    stack: list[tuple[Json, _Trail | None, int]] = [([root], None, 0)]
    while stack:
        container, trail, depth = stack.pop()
        named = isinstance(container, dict)
        if repeated and named and id(container) in repeated:
            name = repeated[id(container)]
            problems.append((_place(trail), f'has the key "{name}" twice'))
        if depth > MAX_DEPTH:
            problems.append((_place(trail), f"is nested deeper than {MAX_DEPTH} levels"))
            continue
        for key, value in container.items() if named else enumerate(container):
            if named and (wrong := _wrong_key(key)):
                problems.append((_place(trail), wrong))
            if isinstance(value, dict | list | tuple):
                stack.append((value, (trail, key) if depth else None, depth + 1))
            elif wrong := _wrong_value(value):
                problems.append((_place((trail, key)), wrong))
    return problems


def _place(trail: _Trail | None) -> str:
    names: list[str | int] = []
    while trail is not None:
        trail, name = trail
        names.append(name)
    path = ""
    for name in reversed(names):
        path = join_path(path, name)
    return path


def _wrong_key(key: object) -> str:
    if not isinstance(key, str):
        return f"has a key that is {kind_of(key)}, not a text"
    if not key.isascii() and not _is_unicode(key):
        return "has a key with half a character in it (a lone surrogate)"
    return ""


def _wrong_value(value: Json) -> str:
    if isinstance(value, str):
        if value.isascii() or _is_unicode(value):
            return ""
        return "has half a character in it (a lone surrogate)"
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if -(2**63) <= value < 2**64 else "is a number of more than 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "is not a finite number"
    return f"is {kind_of(value)}, which JSON cannot hold"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
