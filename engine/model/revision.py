"""The revision of a workflow: one hash of everything that decides what it does (U16)."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from engine.model.codec import BrokenDocument
from engine.model.migrations.chain import FORMAT
from engine.model.node_types import Registry
from engine.model.shape import (
    CHANNEL,
    EDGE,
    FRAME_BEHAVIOUR,
    NODE,
    SETTINGS,
    check_values,
    edge_order,
)
from engine.model.workflow import Workflow

Json = Any


def revision_hash(workflow: Workflow, registry: Registry) -> str:
    """Return the SHA-256 of the document's meaning, as 64 hex digits.

    The layout, notes, name, titles, descriptions and the document's id do not count,
    nor does the order of nodes, edges and keys. The installed versions of the node
    types do. Unknown fields count, so that releases which know them agree on the hash
    with those that do not; fields equal to their default do not, so that a release may
    add some.

    Raises:
        BrokenDocument: a value in the document is none that JSON can hold.
    """
    meaning = {
        "format": FORMAT,
        "settings": _without(SETTINGS.write(workflow.settings), "description"),
        "channels": {
            name: _without(CHANNEL.write(channel), "description")
            for name, channel in workflow.channels.items()
        },
        "nodes": {
            key: _without(NODE.write(node), "title", "notes")
            for key, node in workflow.nodes.items()
        },
        "edges": EDGE.write_list(tuple(sorted(workflow.edges, key=edge_order))),
        "types": {
            name: node_type.version if (node_type := registry.get(name)) else None
            for node in workflow.nodes.values()
            for name in (node.type, *(each.type for each in node.alternatives))
        },
        "extra": workflow.extra,
    }
    if workflow.frames:
        meaning["frames"] = {
            key: _without(FRAME_BEHAVIOUR.write(each)) for key, each in workflow.frames.items()
        }
    try:
        text = orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        problems = check_values(meaning) or [("", str(error))]
        raise BrokenDocument(workflow.name, problems) from error
    return hashlib.sha256(text).hexdigest()


def _without(fields: dict[str, Json], *names: str) -> dict[str, Json]:
    """Return the fields with lists that are sets in a fixed order, less some."""
    for name in names:
        fields.pop(name, None)
    for name in ("env", "reads", "may_write", "nodes"):
        if name in fields:
            fields[name] = sorted(fields[name])
    return fields
