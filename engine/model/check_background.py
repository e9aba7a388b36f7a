"""What can be wrong with nodes that work in the background (U58)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.model import rules
from engine.model.background import UNSEEN, why_not
from engine.model.check_graph import Checked
from engine.model.check_nodes import NodeFacts, Use
from engine.model.diagnostics import Diagnostic
from engine.model.node_types import Registry
from engine.model.workflow import InBackground, variants_of


def check_background(doc: Checked, registry: Registry) -> Iterator[Diagnostic]:
    """Yield every problem of nodes that work in the background."""
    for key, facts in doc.nodes.items():
        given = facts.node.background
        if given is not None and not facts.node.disabled:
            yield from _check_node(doc, key, facts, given, registry)


def _check_node(
    doc: Checked, key: str, facts: NodeFacts, given: InBackground, registry: Registry
) -> Iterator[Diagnostic]:
    def wrong(what: str, fix: str, field: str = "background") -> Diagnostic:
        return rules.BACKGROUND.broken(f"{doc.title(key)} {what}.", fix, node=key, field=field)

    why = why_not(facts.type) if facts.type is not None else ""
    if why:
        yield wrong(
            f"cannot work in the background: {why}",
            "Wait for it, or put the node before or after it into the background.",
        )
        return
    connected = {edge.target.port for edge in doc.into.get(key, ())}
    if len(connected) > 1:
        yield wrong(
            f"has {len(connected)} connected inputs, of which only one can be handed over",
            "Put a Join before it, which makes one value of them.",
        )
    if given.port and facts.ports.output(given.port) is None:
        yield wrong(
            f"lets its input through at {given.port}, which is none of its outputs",
            "Choose one of its outputs, or none for the first.",
            "background.port",
        )
    if given.limit < 1:
        yield wrong(
            f"may have {given.limit} works at once, so that none ever begins",
            "Enter a number from 1 on.",
            "background.limit",
        )
    if given.stale_s is not None and not given.stale_s > 0:
        yield wrong(
            f"gives up work that nobody drives after {given.stale_s:g} s",
            "Enter a time, or nothing for never.",
            "background.stale_s",
        )
    yield from _check_budget(doc, key, given)
    for use in facts.uses:
        yield from _check_use(doc, key, facts, use, registry)
    policy = given.at_end or doc.workflow.settings.background
    if facts.node.writes and policy != "wait":
        yield rules.LATE_WRITE.broken(
            f"{doc.title(key)} writes to channels when its work is done, but the run does not "
            "wait for it.",
            "Let the run wait for it at its end, or write nothing.",
            node=key,
            field="background.at_end",
        )


def _check_budget(doc: Checked, key: str, given: InBackground) -> Iterator[Diagnostic]:
    for name, amount in given.budget.items():
        field = f"background.budget.{name}"
        meter = doc.workflow.settings.meters.get(name)
        if meter is None:
            yield rules.BUDGET.broken(
                f"{doc.title(key)} gets a share of the budget {name}, which the workflow does "
                "not have.",
                f"Declare {name} in the settings of the workflow.",
                node=key,
                field=field,
            )
        elif meter.measure == "supersteps":
            yield rules.BUDGET.broken(
                f"{doc.title(key)} gets a share of {name}, but supersteps are the run's own.",
                "Leave it out.",
                node=key,
                field=field,
            )
        if not (math.isfinite(amount) and amount >= 0):
            yield rules.BUDGET.broken(
                f"{doc.title(key)} gets {amount:g} of {name}, which is no amount.",
                "Enter a number from 0 on.",
                node=key,
                field=field,
            )


def _check_use(
    doc: Checked, key: str, facts: NodeFacts, use: Use, registry: Registry
) -> Iterator[Diagnostic]:
    """What is computed by the work itself, or after it, sees less than the run."""
    unseen = sorted(UNSEEN & use.reads.names)
    if not unseen:
        return
    names = " and ".join(unseen)
    if use.field.startswith("writes."):
        yield rules.BACKGROUND.broken(
            f"{doc.title(key)} writes {use.field.partition('.')[2]} when its work is done, and "
            f"{names} is gone then.",
            "Read output, input or state; put what it needs into its input.",
            node=key,
            field=use.field,
        )
    elif use.field.startswith("meters."):
        yield rules.BACKGROUND.broken(
            f"{doc.title(key)}: {use.field} reads {names}, which its work does not see.",
            "Read input, state or vars.",
            node=key,
            field=use.field,
        )
    elif _is_left(facts, use, registry):
        yield rules.BACKGROUND.broken(
            f"{doc.title(key)} computes {use.field} itself, and does not see {names} in the "
            "background.",
            "Read input, state or vars; put what it needs into its input.",
            node=key,
            field=use.field,
        )


def _is_left(facts: NodeFacts, use: Use, registry: Registry) -> bool:
    """Return whether a parameter is computed by the node itself, or by an alternative of it."""
    head, _, rest = use.field.partition(".")
    name = rest.partition(".")[0].partition("[")[0]
    types = [facts.type, *(registry.get(each.type) for each in variants_of(facts.node))]
    return head == "params" and any(each is not None and name in each.raw for each in types)
