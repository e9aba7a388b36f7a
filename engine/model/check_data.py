"""What expressions refer to, who writes what, and the settings of the workflow."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.check_nodes import NodeFacts, Use, check_condition, said
from engine.model.diagnostics import Diagnostic
from engine.model.expressions import (
    EVENT_NAME,
    OUTPUT_NAME,
    ExpressionError,
    compile_expression,
)
from engine.model.keys import MAX_KEY, is_key
from engine.model.reducers import CUSTOM, REDUCERS, reducer_of
from engine.model.shape import check_values
from engine.model.workflow import Channel

CHANNEL_TYPES: dict[str, tuple[type, ...]] = {
    "any": (object,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "messages": (list,),
    "errors": (list,),
}


def check_data(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of names, channels, effects and settings."""
    used: set[str] = set()
    for key, facts in doc.nodes.items():
        for use in _uses_of(doc, facts):
            if isinstance(use, Diagnostic):
                yield use
                continue
            used |= use.reads.channels
            yield from _check_use(doc, key, use)
        used |= set(facts.node.writes) | set(facts.node.reads)
        yield from _check_declared(doc, facts)
        yield from _check_barrier(doc, facts)
    yield from _check_result(doc, used)
    used |= {doc.workflow.settings.input_to or ""}
    for invariant in doc.workflow.settings.invariants.values():
        with suppress(ExpressionError):
            used |= compile_expression(invariant.expr).reads.channels
    yield from _check_channels(doc, used)
    yield from _check_settings(doc)


def _uses_of(doc: Checked, facts: NodeFacts) -> Iterator[Use | Diagnostic]:
    yield from facts.uses
    for edge in doc.out.get(facts.node.key, ()):
        use = check_condition(edge, doc.title(facts.node.key))
        if use is not None:
            yield use


def _suggest(name: str, known: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]}?" if near else otherwise


# --- names --------------------------------------------------------------------------------


def _check_use(doc: Checked, key: str, use: Use) -> Iterator[Diagnostic]:
    settings = doc.workflow.settings
    where = {"node": key, "edge": use.edge, "field": use.field}
    title = doc.title(key)
    for name in sorted(use.reads.channels - {"*"} - set(doc.workflow.channels)):
        yield rules.UNKNOWN_CHANNEL.broken(
            f"{title} reads state.{name}, but there is no channel {name}.",
            _suggest(name, doc.workflow.channels, f"Declare the channel {name}."),
            **where,
        )
    for name in sorted(use.reads.env - {"*"} - set(settings.env)):
        yield rules.UNKNOWN_ENV.broken(
            f"{title} reads env.{name}, which the workflow does not list.",
            f"Add {name} to the environment variables in the settings.",
            **where,
        )
    for name in sorted(use.reads.vars - {"*"} - set(settings.vars)):
        yield rules.UNKNOWN_VAR.broken(
            f"{title} reads vars.{name}, which is not among the constants.",
            _suggest(name, settings.vars, f"Add {name} to the constants in the settings."),
            **where,
        )
    for name in sorted(use.reads.nodes - {"*"}):
        yield from _check_reference(doc, key, name, use)
    if "loop" in use.reads.names and not _sees_loop(doc, key, use.field):
        yield rules.NO_LOOP.broken(
            f"{title} reads loop, but lies in no For each and in no Loop.",
            "Use loop only between a For each and its Collect, or a Loop and its Until.",
            **where,
        )


def _sees_loop(doc: Checked, key: str, field: str) -> bool:
    """Return whether `loop` has a value there: in zones, and where a Loop is decided."""
    if key in doc.graph.zone_of:
        return True
    node_type = doc.nodes[key].type
    role = node_type.role if node_type is not None else ""
    return role == "until" or (role == "loop" and field.startswith("params.condition"))


def _check_reference(doc: Checked, key: str, name: str, use: Use) -> Iterator[Diagnostic]:
    where = {"node": key, "edge": use.edge, "field": use.field}
    title = doc.title(key)
    if name not in doc.nodes:
        yield rules.UNKNOWN_NODE.broken(
            f"{title} reads nodes.{name}, but there is no node {name}.",
            _suggest(name, doc.nodes, "Name a node that is there."),
            **where,
        )
        return
    if key in doc.graph.unreachable or doc.graph.dominates(name, key):
        return
    zones = doc.graph.zone_of.get(name, ())
    inside = doc.graph.zone_of.get(key, ())[: len(zones)]
    if name == key:
        sentence, fix = f"{title} reads its own output.", "Use input, or output in what it writes."
    elif zones != inside:
        collect = doc.title(doc.graph.zones[zones[-1]].collect)
        sentence = f"{title} reads nodes.{name}, which runs once for each item or round."
        fix = f"Read what {collect} sends on."
    elif name in doc.graph.unreachable:
        sentence, fix = f"{title} reads nodes.{name}, which never runs.", "Connect that node."
    else:
        sentence = f"{title} reads nodes.{name}, which does not come before it on every way."
        fix = f"Lead every way through {doc.title(name)}, or keep the value in a channel."
    yield rules.NOT_BEFORE.broken(sentence, fix, **where)


def _check_barrier(doc: Checked, facts: NodeFacts) -> Iterator[Diagnostic]:
    """The channels that a barrier watches and the nodes that it may send to."""
    node = facts.node
    if facts.type is None or facts.type.role != "barrier":
        return
    for name in _texts(node.params.get("guards")):
        if name not in doc.workflow.channels:
            yield rules.UNKNOWN_CHANNEL.broken(
                f"{doc.title(node.key)} watches the channel {name}, which is not declared.",
                _suggest(name, doc.workflow.channels, f"Declare the channel {name}."),
                node=node.key,
                field="params.guards",
            )
    targets = {edge.target.node for edge in doc.out.get(node.key, ())}
    for name in _texts(node.params.get("reroute_to")):
        if name not in targets:
            known = name in doc.nodes
            what = f"no wire leads to {name}" if known else f"there is no node {name}"
            fix = f"Draw a wire from rerouted to {doc.title(name)}."
            yield rules.REROUTE.broken(
                f"{doc.title(node.key)} may send on to {name}, but {what}.",
                fix if known else _suggest(name, doc.nodes, "Name a node that is there."),
                node=node.key,
                field="params.reroute_to",
            )


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _check_declared(doc: Checked, facts: NodeFacts) -> Iterator[Diagnostic]:
    node = facts.node
    for verb, names in (("writes", node.writes), ("reads", node.reads)):
        for name in names:
            if verb == "writes" and doc.workflow.settings.extra_to is not None:
                continue  # what is not declared goes to the channel for it
            if name not in doc.workflow.channels:
                yield rules.UNKNOWN_CHANNEL.broken(
                    f"{doc.title(node.key)} {verb} the channel {name}, which is not declared.",
                    _suggest(name, doc.workflow.channels, f"Declare the channel {name}."),
                    node=node.key,
                    field=f"{verb}.{name}" if verb == "writes" else "reads",
                )


def _check_result(doc: Checked, used: set[str]) -> Iterator[Diagnostic]:
    result = doc.workflow.settings.result
    if result is None:
        return
    try:
        reads = compile_expression(result).reads
    except ExpressionError as error:
        yield rules.EXPRESSION.broken(
            f"The result of the workflow is wrong at column {error.column + 1}: {said(error)}.",
            "Correct the expression.",
            field="settings.result",
        )
        return
    used |= reads.channels
    for name in sorted(reads.names & {"loop", "now", OUTPUT_NAME, EVENT_NAME}):
        yield rules.EXPRESSION.broken(
            f"The result of the workflow reads {name}, which there is not at the end of a run.",
            "Read state, nodes, input, vars, env or run.",
            field="settings.result",
        )
    for name in sorted(reads.nodes - {"*"} - set(doc.nodes)):
        yield rules.UNKNOWN_NODE.broken(
            f"The result reads nodes.{name}, but there is no node {name}.",
            _suggest(name, doc.nodes, "Name a node that is there."),
            field="settings.result",
        )
    for name in sorted(reads.channels - {"*"} - set(doc.workflow.channels)):
        yield rules.UNKNOWN_CHANNEL.broken(
            f"The result reads state.{name}, but there is no channel {name}.",
            _suggest(name, doc.workflow.channels, f"Declare the channel {name}."),
            field="settings.result",
        )


# --- channels -----------------------------------------------------------------------------


def _check_channels(doc: Checked, used: set[str]) -> Iterator[Diagnostic]:
    for name, channel in doc.workflow.channels.items():
        for field, sentence, fix in _channel_problems(doc, name, channel):
            yield rules.CHANNEL.broken(
                f"Channel {name} {sentence}.", fix, field=f"channels.{name}{field}"
            )
        if name not in used and "*" not in used and channel.type != "errors":
            yield rules.UNUSED_CHANNEL.broken(
                f"Nothing reads or writes the channel {name}.",
                "Remove it, or use it.",
                field=f"channels.{name}",
            )


def _channel_problems(doc: Checked, name: str, channel: Channel) -> Iterator[tuple[str, str, str]]:
    if not is_key(name):
        bound = f"1 to {MAX_KEY} letters, digits, _ or -"
        yield "", "has a name that expressions cannot use", f"Rename it: {bound}."
    yield from _reducer_problems(doc, channel)
    wanted = CHANNEL_TYPES.get(channel.type)
    if wanted is None:
        fix = _suggest(channel.type, CHANNEL_TYPES, f"Choose {', '.join(CHANNEL_TYPES)}.")
        yield ".type", f"has the unknown type {channel.type}", fix
    elif channel.default is not None:
        is_bool = isinstance(channel.default, bool)
        fits = isinstance(channel.default, wanted)
        if not fits or (is_bool and bool not in wanted and object not in wanted):
            yield ".default", f"holds {channel.type}, but its default does not", "Correct it."
    for path, what in check_values({"default": channel.default}):
        yield f".{path}", f"has a default that {what}", "Write it as a text."


def _reducer_problems(doc: Checked, channel: Channel) -> Iterator[tuple[str, str, str]]:
    """The merge rule is known, and if the document holds it, it can be compiled."""
    known = {**REDUCERS, **doc.reducers}
    if channel.reducer == CUSTOM:
        if not channel.reduce:
            yield ".reduce", "is custom, but has no rule", "Write one, such as old + new."
            return
        try:
            reducer_of(channel.reduce)
        except ExpressionError as error:
            sentence = f"has a rule that is wrong at column {error.column + 1}: {said(error)}"
            yield ".reduce", sentence, "Correct it; it may use old and new."
    elif channel.reducer not in known:
        names = [*known, CUSTOM]
        fix = _suggest(channel.reducer, names, f"Choose {', '.join(names)}.")
        yield ".reducer", f"has the unknown reducer {channel.reducer}", fix
    elif channel.reduce:
        yield ".reduce", f"has a rule, but merges by {channel.reducer}", "Set reducer to custom."


# --- settings -----------------------------------------------------------------------------


def _check_settings(doc: Checked) -> Iterator[Diagnostic]:
    limits = doc.workflow.settings.limits
    for name in (
        "supersteps", "executions", "visits", "items", "concurrency", "value_bytes", "run_seconds",
        "depth",
    ):  # fmt: skip
        value = getattr(limits, name)
        if not value > 0:
            yield _bad_limit(name, value, "Enter a number above 0.")
    for kind, most in limits.by_type.items():
        if most < 1:
            yield _bad_limit(f"by_type.{kind}", most, "Enter 1 or more.")
    if limits.processes < 0:
        yield _bad_limit("processes", limits.processes, "Enter 0 for one per core, or more.")
    values = {
        "settings": {"vars": doc.workflow.settings.vars, "input": doc.workflow.settings.input}
    }
    for path, what in check_values(values):
        yield rules.VALUE.broken(f"{path} {what}.", "Write it as a text.", field=path)


def _bad_limit(name: str, value: float, fix: str) -> Diagnostic:
    return rules.LIMIT.broken(
        f"The limit {name} is {value:g}: nothing could run.", fix, field=f"settings.limits.{name}"
    )
