"""Add items: more items for the For each that it is inside of, while that is at work."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from engine.model.node_types import Context, NodeType, Output
from engine.nodes.fields import Params, hints, shown, value_or_input

Json = Any


class AddItemsParams(Params):
    """Parameters of Add items."""

    items: Json = Field(
        None,
        title="Items",
        description="A list of items, or one that is no list. Empty: the input.",
        json_schema_extra=hints("expression", placeholder="input.links"),
    )


def run(params: AddItemsParams, ctx: Context) -> Output:
    """Pass the input on; the commit that admits the task adds the items."""
    items = value_or_input(params, "items", ctx)
    return Output({"out": ctx.input}, more=tuple(items) if isinstance(items, list) else (items,))


ADD_ITEMS = NodeType(
    id="add_items",
    title="Add items",
    category="flow",
    description="Adds items to the For each that it is inside of; the input goes on.",
    params=AddItemsParams,
    run=run,
    icon="node-for-each",
    adds=True,
    keywords=("for each", "more", "grow", "crawl", "queue", "append", "dynamic"),
    summary=lambda params: shown(params.get("items")) or "input",
)
