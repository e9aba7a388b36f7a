"""When commits are stored, and which results are kept for later (U94, U97)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.check_nodes import NodeFacts
from engine.model.diagnostics import Diagnostic


def check_saving(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of the setting `save`."""
    save = doc.workflow.settings.save
    if not (math.isfinite(save.seconds) and save.seconds > 0):
        yield rules.SAVING.broken(
            f"Commits are saved after {save.seconds:g} s, which is no time.",
            "Enter a number above 0.",
            field="settings.save.seconds",
        )
    if save.attempts < 1:
        yield rules.SAVING.broken(
            f"Saving is tried {save.attempts} times.",
            "Enter at least 1 attempt.",
            field="settings.save.attempts",
        )
    for name, most in save.meters.items():
        field = f"settings.save.meters.{name}"
        if name not in doc.workflow.settings.meters:
            yield rules.SAVING.broken(
                f"Saving watches the budget {name}, which the workflow does not have.",
                f"Declare {name} among the budgets, or take it out.",
                field=field,
            )
        elif not (math.isfinite(most) and most >= 0):
            yield rules.SAVING.broken(
                f"Saving may lose {most:g} of {name}, which is no amount.",
                "Enter a number from 0 on.",
                field=field,
            )


def check_caches(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of nodes whose results are kept."""
    for key, facts in doc.nodes.items():
        if facts.node.cache is not None:
            for field, sentence, fix in _cache_problems(facts):
                yield rules.CACHE.broken(
                    f"{doc.title(key)} keeps its results, {sentence}.", fix, node=key, field=field
                )


def _cache_problems(facts: NodeFacts) -> Iterator[tuple[str, str, str]]:
    node, node_type, cache = facts.node, facts.type, facts.node.cache
    assert cache is not None
    if node_type is not None and (node_type.role or node_type.run is None):
        yield "cache", "but the engine carries it out in any case", "Do not keep its results."
    elif node_type is not None and (node_type.resume is not None or node_type.calls is not None):
        yield "cache", "but it waits for something, or starts other runs", "Do not keep them."
    elif node_type is not None and node_type.stream is not None:
        yield "cache", "but what it puts out is a stream", "Do not keep its results."
    elif node.background is not None:
        yield "cache", "but its work goes on in the background", "Do not keep its results."
    elif facts.effects != "none" and not cache.despite_effects:
        yield (
            "cache",
            f"but has effects on the outside ({facts.effects}), which a kept result has not",
            "Do not keep its results, or say that they are kept despite its effects.",
        )
    if cache.ttl_s is not None and not (math.isfinite(cache.ttl_s) and cache.ttl_s > 0):
        fix = "Enter more than 0, or nothing."
        yield "cache.ttl_s", f"for {cache.ttl_s:g} s, which is no time", fix
