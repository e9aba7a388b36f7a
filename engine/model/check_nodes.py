"""What can be said of one node alone: key, type, parameters, expressions, times.

The result depends on nothing but the node and the registry, so that it may be kept
between two validations while the node is the same object.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from engine.model import rules
from engine.model.check_processing import check_processing
from engine.model.diagnostics import Diagnostic
from engine.model.expressions import (
    EVENT_NAME,
    OUTPUT_NAME,
    Expression,
    ExpressionError,
    Reads,
    compile_expression,
)
from engine.model.keys import MAX_KEY, is_key
from engine.model.node_types import NodeType, Ports, Registry
from engine.model.processing import texts_of
from engine.model.shape import check_values, join_path
from engine.model.templates import (
    Template,
    TemplateError,
    ValueTemplate,
    compile_template,
    compile_value_template,
)
from engine.model.workflow import Edge, Effects, Node, RetryPolicy, variants_of

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = Any

#: Where a text stands decides which names it may use.
Place = Literal["params", "when", "write", "event", "output"]
#: How many alternatives a node may have.
MOST_ALTERNATIVES = 10


def title_of(node: Node) -> str:
    """Return what a person calls the node."""
    return node.title or node.key


@dataclass(frozen=True, slots=True)
class Use:
    """One expression or template that compiles, and what it refers to."""

    field: str
    reads: Reads
    place: Place = "params"
    edge: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What validation knows of one node.

    Attributes:
        type: None when it is not installed; then there are no ports either.
        effects: with the node's override.
        alternatives: what may do its work when it fails.
    """

    node: Node
    type: NodeType | None
    ports: Ports
    effects: Effects
    uses: tuple[Use, ...]
    problems: tuple[Diagnostic, ...]
    alternatives: tuple[NodeFacts, ...] = ()


def check_node(node: Node, registry: Registry) -> NodeFacts:
    """Return the facts of a node with every problem that it has alone."""
    unwritable = list(_check_values(node))
    problems = [*_check_key(node), *_check_times(node), *unwritable]
    node_type = registry.get(node.type)
    uses: list[Use] = []
    # What cannot be written may be nested without end: nothing looks into it.
    for found in () if unwritable else _texts_of(node, node_type):
        use = _compile(node, found)
        if isinstance(use, Diagnostic):
            problems.append(use)
        else:
            uses.append(use)
    if node_type is None:
        problems.append(_unknown_type(node, registry))
        return NodeFacts(
            node=node,
            type=None,
            ports=Ports(),
            effects=node.effects or "none",
            uses=tuple(uses),
            problems=tuple(problems),
        )
    problems.extend(_check_version(node, node_type))
    if node_type.role == "trigger":
        problems += _check_trigger(node, uses)
    if node.processing is not None:
        problems += check_processing(node, node_type, registry, title_of(node))
    ports, effects, failed = _computed(node, node_type, registry)
    problems.extend(failed)
    if not node.disabled and not unwritable:
        problems.extend(_check_params(node, node_type))
    others = [check_node(each, registry) for each in (() if unwritable else variants_of(node))]
    for number, other in enumerate(others, start=1):
        uses += [each for each in other.uses if each not in uses]
        problems += [
            replace(each, message=f"Alternative {number}: {each.message}")
            for each in other.problems
            if each not in problems
        ]
        problems += _check_alternative(node, node_type, ports, number, other)
    return NodeFacts(
        node=node,
        type=node_type,
        ports=ports,
        effects=effects,
        uses=tuple(uses),
        problems=tuple(problems),
        alternatives=tuple(others),
    )


def _check_trigger(node: Node, uses: Sequence[Use]) -> Iterator[Diagnostic]:
    for use in uses:
        if use.place == "params" and use.field.startswith("params."):
            yield rules.TRIGGER.broken(
                f"{title_of(node)}: {use.field} is computed, but there is no run before a trigger.",
                "Write down the value itself.",
                node=node.key,
                field=use.field,
            )


def _check_alternative(
    node: Node, node_type: NodeType, ports: Ports, number: int, other: NodeFacts
) -> Iterator[Diagnostic]:
    def wrong(what: str, fix: str) -> Diagnostic:
        return rules.ALTERNATIVES.broken(
            f"{title_of(node)}: {what}.", fix, node=node.key, field="alternatives"
        )

    if number == MOST_ALTERNATIVES + 1:
        yield wrong(f"it has more than {MOST_ALTERNATIVES} alternatives", "Leave some out.")
    if node_type.role or (other.type is not None and other.type.role):
        yield wrong(
            f"alternative {number} is not possible for this kind of node",
            "Put it on a node that does some work.",
        )
    elif other.type is not None:
        given = {port.name for port in other.ports.outputs}
        missing = [port.name for port in ports.outputs[:1] if port.name not in given]
        if missing:
            yield wrong(
                f"alternative {number} has no output {missing[0]}",
                "Choose a kind of node with the same output.",
            )


def check_condition(edge: Edge, title: str) -> Use | Diagnostic | None:
    """Return what an edge's condition refers to, or why it does not compile."""
    if edge.when is None:
        return None
    try:
        reads = compile_expression(edge.when).reads
    except ExpressionError as error:
        return rules.EXPRESSION.broken(
            f"The condition after {title} is wrong at column {error.column + 1}: {said(error)}.",
            "Correct the condition.",
            node=edge.source.node,
            edge=edge.id,
            field="when",
        )
    if OUTPUT_NAME in reads.names:
        return rules.EXPRESSION.broken(
            f"The condition after {title} reads output.",
            "Read input: it is the value that the wire would carry.",
            node=edge.source.node,
            edge=edge.id,
            field="when",
        )
    if EVENT_NAME in reads.names:
        return _no_event(f"The condition after {title}", edge.source.node, "when", edge.id)
    return Use("when", reads, "when", edge.id)


def _no_event(what: str, node: str, field: str, edge: str = "") -> Diagnostic:
    return rules.EXPRESSION.broken(
        f"{what} reads event, which there is only where a node listens for one.",
        "Read input, or nodes.X of the node that took the event.",
        node=node,
        edge=edge,
        field=field,
    )


def said(error: ExpressionError) -> str:
    """Return an error's message as a part of a sentence."""
    message = error.message
    if message.endswith(", ..."):
        return message.removesuffix(", ...") + " and others"
    return message.rstrip(". ")


# --- the node itself ----------------------------------------------------------------------


def _check_key(node: Node) -> Iterator[Diagnostic]:
    if not is_key(node.key):
        yield rules.KEY.broken(
            f'"{node.key[: MAX_KEY + 10]}" cannot be the key of a node.',
            f"Rename it: 1 to {MAX_KEY} letters, digits, _ or -, beginning with no sign.",
            node=node.key,
        )


def _unknown_type(node: Node, registry: Registry) -> Diagnostic:
    near = difflib.get_close_matches(node.type, [known.id for known in registry], n=1)
    return rules.UNKNOWN_TYPE.broken(
        f"{title_of(node)} has the type {node.type or '(none)'}, which is not installed.",
        f"Did you mean {near[0]}?" if near else "Install what provides it, or choose another type.",
        node=node.key,
        field="type",
    )


def _check_version(node: Node, node_type: NodeType) -> Iterator[Diagnostic]:
    if node.version > node_type.version:
        yield rules.NEWER_VERSION.broken(
            f"{title_of(node)} needs version {node.version} of {node.type}, "
            f"installed is {node_type.version}.",
            "Update the program or what provides the type.",
            node=node.key,
            field="version",
        )
    elif node.version < node_type.version:
        yield rules.OLDER_VERSION.broken(
            f"{title_of(node)} was made for version {node.version} of {node.type}, "
            f"installed is {node_type.version}.",
            "Look over its parameters and save it as the installed version.",
            node=node.key,
            field="version",
        )


def _check_times(node: Node) -> Iterator[Diagnostic]:
    def wrong(field: str, what: str) -> Diagnostic:
        return rules.TIMING.broken(
            f"{title_of(node)}: {what}.", "Correct the number.", node=node.key, field=field
        )

    for field in ("timeout_s", "total_timeout_s", "idle_timeout_s"):
        seconds = getattr(node, field)
        if seconds is not None and not seconds > 0:
            yield wrong(field, f"a timeout of {seconds:g} s leaves no time to run")
    for port, policy in node.joins.items():
        if policy.timeout_s is not None and not policy.timeout_s > 0:
            what = f"a join that waits {policy.timeout_s:g} s waits for nothing"
            yield wrong(f"joins.{port}.timeout_s", what)
    if node.min_interval_s is not None and not node.min_interval_s >= 0:
        yield wrong("min_interval_s", "the time between two starts is negative")
    if node.rate is not None and not node.rate.per_s > 0:
        yield wrong("rate.per_s", f"a rate per {node.rate.per_s:g} s is none")
    if node.rate is not None and min(node.rate.count, node.rate.burst) < 1:
        field = "rate.count" if node.rate.count < 1 else "rate.burst"
        yield wrong(field, "with this rate it could never start")
    for field, what in wrong_retry(node.retry) if node.retry is not None else ():
        yield wrong(field, what)


def wrong_retry(retry: RetryPolicy) -> Iterator[tuple[str, str]]:
    """Yield (field, what is wrong) of a retry."""
    if retry.attempts < 1:
        yield "retry.attempts", f"{retry.attempts} attempts never run it"
    if not retry.delay_s >= 0:
        yield "retry.delay_s", "the delay before a retry is negative"
    if not retry.max_delay_s >= 0:
        yield "retry.max_delay_s", "the longest delay before a retry is negative"
    if not retry.factor > 0:
        yield "retry.factor", "the factor of the delay is not positive"


def _check_values(node: Node) -> Iterator[Diagnostic]:
    if not (node.params or node.extra):
        return
    for path, what in check_values({"params": node.params, "extra": node.extra}):
        yield rules.VALUE.broken(
            f"{title_of(node)}: {path} {what}.",
            "Write it as a text or leave it out.",
            node=node.key,
            field=path,
        )


def _computed(
    node: Node, node_type: NodeType, registry: Registry
) -> tuple[Ports, Effects, list[Diagnostic]]:
    """Ask the type for ports and effects; a type that fails is a problem, not a crash."""
    try:
        ports = registry.ports_of(node)
        effects = node.effects or node_type.effects(node.params)
    except Exception as error:  # noqa: BLE001 - the code of a node type is not ours
        problem = rules.NODE_TYPE.broken(
            f"{title_of(node)}: {node.type} cannot work with these parameters "
            f"({type(error).__name__}).",
            "Correct the parameters, or report it to the author of the node type.",
            node=node.key,
            field="params",
        )
        return Ports(), node.effects or "once", [problem]
    return ports, effects, []


# --- expressions and templates ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    """An expression or a template where it stands.

    Attributes:
        kind: ``template`` makes text, ``value`` is a template that may keep a kind.
    """

    field: str
    kind: Literal["expr", "template", "value"]
    text: Json
    place: Place = "params"


def _texts_of(node: Node, node_type: NodeType | None) -> Iterator[_Text]:
    templates = node_type.templates if node_type else frozenset[str]()
    raw = node_type.raw if node_type else frozenset[str]()
    for name, value in node.params.items():
        path = join_path("params", name)
        if node_type and name in node_type.opaque:
            continue
        if name in raw:
            special: Place = (node_type.own_names.get(name) if node_type else None) or "params"
            if special != "params" and isinstance(value, str) and value:
                value = {"expr": value}  # noqa: PLW2901 - the same, written shorter
            yield from _raw(path, value, special)
        else:
            yield from _nested(path, value, is_text=name in templates)
    for name, write in node.writes.items():
        if write.expr or write.op != "delete":
            yield _Text(join_path("writes", name), "expr", write.expr, "write")
    if node.rate is not None and node.rate.key:
        yield _Text("rate.key", "expr", node.rate.key)
    for field, kind, text, of_output in texts_of(node) if node.processing is not None else ():
        yield _Text(field, kind, text, "output" if of_output else "params")
    for name, draw in node.meters.items():
        place = join_path("meters", name)
        yield _Text(join_path(place, "estimate"), "expr", draw.estimate)
        if draw.actual:
            yield _Text(join_path(place, "actual"), "expr", draw.actual, "write")


def _nested(path: str, value: Json, *, is_text: bool) -> Iterator[_Text]:
    """Yield the texts in a parameter, as `engine.model.params` compiles them."""
    kind = dynamic_kind(value)
    if kind == "expr":
        yield _Text(path, "expr", value["expr"])
    elif kind == "template":
        yield _Text(path, "template" if is_text else "value", value["template"])
    elif isinstance(value, str) and is_text:
        yield _Text(path, "template", value)
    else:
        for where, item in _items(path, value):
            yield from _nested(where, item, is_text=is_text)


def _raw(path: str, value: Json, place: Place = "params") -> Iterator[_Text]:
    """Yield the expressions in a parameter that the node evaluates itself."""
    if dynamic_kind(value) == "expr":
        yield _Text(path, "expr", value["expr"], place)
        return
    for where, item in _items(path, value):
        if isinstance(item, str) and where.endswith(".when"):
            if item:
                yield _Text(where, "expr", item, place)
        else:
            yield from _raw(where, item, place)


def _items(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping):
        yield from ((join_path(path, str(name)), item) for name, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((join_path(path, index), item) for index, item in enumerate(value))


def dynamic_kind(value: Json) -> Literal["expr", "template"] | None:
    """Return how a value is computed when the node runs, or None for a plain value."""
    if isinstance(value, Mapping) and len(value) == 1:
        if "expr" in value:
            return "expr"
        if "template" in value:
            return "template"
    return None


_COMPILERS: Mapping[str, Callable[[str], Expression | Template | ValueTemplate]] = {
    "expr": compile_expression,
    "template": compile_template,
    "value": compile_value_template,
}


def _compile(node: Node, found: _Text) -> Use | Diagnostic:
    try:
        reads = _COMPILERS[found.kind](found.text).reads
    except TemplateError as error:
        return rules.TEMPLATE.broken(
            f"{title_of(node)}: the template in {found.field} is wrong in line {error.line}: "
            f"{said(error)}.",
            "Correct the template.",
            node=node.key,
            field=found.field,
        )
    except ExpressionError as error:
        return rules.EXPRESSION.broken(
            f"{title_of(node)}: the expression in {found.field} is wrong at column "
            f"{error.column + 1}: {said(error)}.",
            "Correct the expression.",
            node=node.key,
            field=found.field,
        )
    if OUTPUT_NAME in reads.names and found.place not in ("write", "output"):
        return rules.EXPRESSION.broken(
            f"{title_of(node)}: {found.field} reads output before there is one.",
            "Read input, or nodes.X for what another node has made.",
            node=node.key,
            field=found.field,
        )
    if EVENT_NAME in reads.names and found.place != "event":
        return _no_event(f"{title_of(node)}: {found.field}", node.key, found.field)
    return Use(found.field, reads, found.place)


# --- parameters ---------------------------------------------------------------------------


def _check_params(node: Node, node_type: NodeType) -> Iterator[Diagnostic]:
    """Check the parameters against the type's model, as far as they are known already."""
    from pydantic import ValidationError  # noqa: PLC0415 - here are parameters, so it is loaded

    try:
        node_type.params.model_validate(dict(node.params))
    except ValidationError as errors:
        for error in errors.errors(include_url=False, include_context=False, include_input=False):
            place = error["loc"]
            if not _depends_on_computed(node.params, place, node_type):
                yield _bad_param(node, node_type.params, place, error["type"], error["msg"])
    except Exception as error:  # noqa: BLE001 - the validators of a node type are not ours
        yield rules.NODE_TYPE.broken(
            f"{title_of(node)}: {node.type} cannot check these parameters "
            f"({type(error).__name__}).",
            "Correct the parameters, or report it to the author of the node type.",
            node=node.key,
            field="params",
        )


def _depends_on_computed(
    params: Mapping[str, Json], place: tuple[int | str, ...], node_type: NodeType
) -> bool:
    """Return whether an error is about a value that is only known when the node runs.

    Parts of `place` that name no field or item (they name a member of a union) are
    passed over.
    """
    if not place:
        return _any_computed(params, node_type)
    name = str(place[0])
    if name in node_type.raw:
        return False  # the model itself says what an expression looks like there
    if name not in params:
        return False  # it is missing, whatever the others say
    value: Json = params[name]
    is_text = name in node_type.templates
    for part in place[1:]:
        if dynamic_kind(value) is not None:
            return True
        if isinstance(value, Mapping):
            value = value.get(part, value)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else value
    return _holds_computed(value, is_text=is_text)


def _any_computed(params: Mapping[str, Json], node_type: NodeType) -> bool:
    """For what a model says of all its fields together."""
    return any(
        _holds_computed(value, is_text=name in node_type.templates)
        for name, value in params.items()
        if name not in node_type.raw
    )


def _holds_computed(value: Json, *, is_text: bool) -> bool:
    if dynamic_kind(value) is not None:
        return True
    if isinstance(value, str):
        return is_text and ("{{" in value or "{%" in value)
    return any(_holds_computed(item, is_text=is_text) for _, item in _items("", value))


def _bad_param(
    node: Node, model: type[BaseModel], place: tuple[int | str, ...], kind: str, message: str
) -> Diagnostic:
    path = ""
    for part in place:
        path = join_path(path, part)
    label = path
    if place and (field := model.model_fields.get(str(place[0]))) and field.title:
        label = field.title if len(place) == 1 else path
    if kind == "missing":
        said, fix = f"{label} is missing", f"Enter {label}."
    elif kind == "extra_forbidden":
        said, fix = f"{label} is no parameter of {node.type}", f"Remove {label}."
    else:
        reason = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
        reason = reason.replace("Input should be", "should be", 1).rstrip(".")
        said = f"{label}: {reason}" if label else reason
        fix = f"Correct {label or 'the parameters'}."
    return rules.PARAMS.broken(
        f"{title_of(node)}: {said}.",
        fix,
        node=node.key,
        field=f"params.{path}" if path else "params",
    )
