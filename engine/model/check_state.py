"""What nodes share: version gates, rights to write, schemas, and what must always hold."""

from __future__ import annotations

from collections.abc import Iterator

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.check_nodes import NodeFacts, Use, said
from engine.model.diagnostics import Diagnostic
from engine.model.expressions import ExpressionError, Reads, compile_expression, compile_over
from engine.model.value_schema import problem_of, problem_of_schema
from engine.model.workflow import Channel, Invariant


def check_state(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of gates, rights to write, schemas and invariants."""
    for key, facts in doc.nodes.items():
        yield from _check_rights(doc, key, facts)
        if facts.node.gated:
            yield from _check_gate(doc, key, facts)
    for name, channel in doc.workflow.channels.items():
        for field, sentence, fix in _schema_problems(channel):
            yield rules.CHANNEL.broken(
                f"Channel {name} {sentence}.", fix, field=f"channels.{name}{field}"
            )
    target = doc.workflow.settings.input_to
    if target is not None and target not in doc.workflow.channels:
        yield rules.UNKNOWN_CHANNEL.broken(
            f"The input goes to the channel {target}, which is not declared.",
            f"Declare the channel {target}.",
            field="settings.input_to",
        )
    yield from _check_extra(doc)
    for name, invariant in doc.workflow.settings.invariants.items():
        yield from _check_invariant(doc, name, invariant)


def _check_extra(doc: Checked) -> Iterator[Diagnostic]:
    """What is written under undeclared names goes to a map that replaces key by key (U26)."""
    name = doc.workflow.settings.extra_to
    if name is None:
        return
    channel = doc.workflow.channels.get(name)
    if channel is None:
        yield rules.UNKNOWN_CHANNEL.broken(
            f"What is not declared goes to the channel {name}, which is not declared.",
            f"Declare the channel {name}, an object with the reducer keys.",
            field="settings.extra_to",
        )
    elif (channel.type, channel.reducer) != ("object", "keys"):
        yield rules.CHANNEL.broken(
            f"What is not declared goes to the channel {name}, which is no map of keys.",
            f"Let {name} be an object with the reducer keys.",
            field="settings.extra_to",
        )


def _check_gate(doc: Checked, key: str, facts: NodeFacts) -> Iterator[Diagnostic]:
    role = facts.type.role if facts.type is not None else ""
    if role:
        yield rules.GATE.broken(
            f"{doc.title(key)} has a version gate, but the engine carries it out in any case.",
            "Take the gate away.",
            node=key,
            field="gated",
        )
        return
    reads = set(facts.node.reads)
    for use in facts.uses:
        if isinstance(use, Use):
            reads |= use.reads.channels
    if not reads:
        yield rules.GATE.broken(
            f"{doc.title(key)} has a version gate, but reads no channel: it would run once only.",
            "Read a channel, or take the gate away.",
            node=key,
            field="gated",
        )


def _check_rights(doc: Checked, key: str, facts: NodeFacts) -> Iterator[Diagnostic]:
    """A branch writes only what it may (U40)."""
    for name in facts.node.may_write or ():
        if name not in doc.workflow.channels:
            yield rules.UNKNOWN_CHANNEL.broken(
                f"{doc.title(key)} may write the channel {name}, which is not declared.",
                f"Declare the channel {name}, or take it out of the list.",
                node=key,
                field="may_write",
            )
    for place in (key, *doc.graph.zone_of.get(key, ())):
        allowed = doc.workflow.nodes[place].may_write
        for name in facts.node.writes:
            if allowed is not None and name not in allowed:
                where = "it" if place == key else doc.title(place)
                yield rules.MAY_WRITE.broken(
                    f"{doc.title(key)} writes the channel {name}, which {where} may not.",
                    f"Add {name} to what {where} may write, or write it elsewhere.",
                    node=key,
                    field=f"writes.{name}",
                )


# --- schemas ------------------------------------------------------------------------------


def _schema_problems(channel: Channel) -> Iterator[tuple[str, str, str]]:
    if channel.version < 1:
        yield ".version", f"has the version {channel.version}", "Versions count from 1."
    if channel.schema is not None:
        wrong = problem_of_schema(channel.schema)
        if wrong:
            yield ".schema", f"has a schema that is none: {wrong}", "Correct the JSON Schema."
        elif channel.default is not None and (bad := problem_of(channel.schema, channel.default)):
            yield ".default", f"starts with a value that its schema refuses: {bad}", "Correct it."
    seen: set[int] = set()
    for index, step in enumerate(channel.migrations):
        place = f".migrations[{index}]"
        if step.version in seen or not 1 <= step.version < channel.version:
            sentence = f"has a migration from {step.version} that leads nowhere or stands twice"
            yield place, sentence, f"Give one for each version from 1 to {channel.version - 1}."
        seen.add(step.version)
        try:
            compile_over(step.expr, "value")
        except ExpressionError as error:
            sentence = f"has a migration that is wrong at column {error.column + 1}: {said(error)}"
            yield place, sentence, "Correct it; it may use value."


# --- invariants ---------------------------------------------------------------------------


def _check_invariant(doc: Checked, name: str, invariant: Invariant) -> Iterator[Diagnostic]:
    field = f"settings.invariants.{name}"
    try:
        reads = compile_expression(invariant.expr).reads
    except ExpressionError as error:
        yield rules.EXPRESSION.broken(
            f"The invariant {name} is wrong at column {error.column + 1}: {said(error)}.",
            "Correct the expression.",
            field=f"{field}.expr",
        )
        return
    for sentence, fix in _misread(doc, name, reads):
        yield rules.INVARIANT.broken(sentence, fix, field=f"{field}.expr")


def _misread(doc: Checked, name: str, reads: Reads) -> Iterator[tuple[str, str]]:
    for other in sorted(reads.names - {"state", "vars", "env", "run"}):
        yield (
            f"The invariant {name} reads {other}, which belongs to one task.",
            "Read state, vars, env or run.",
        )
    for channel in sorted(reads.channels - {"*"} - set(doc.workflow.channels)):
        yield (
            f"The invariant {name} reads state.{channel}, but there is no channel {channel}.",
            f"Declare the channel {channel}.",
        )
    if not reads.channels:
        yield f"The invariant {name} reads no channel: nothing could break it.", "Read state."
