"""The workflows that a workflow calls: found, loaded, and what they need together.

Reads files, never runs anything. A path is relative to the file of the calling document
and stays inside its folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import EngineError, UnreadableFile
from engine.model import codec
from engine.model.node_types import NodeType, Registry
from engine.model.revision import revision_hash
from engine.model.workflow import Node, Workflow, variants_of

Json = Any


def resolve(path: str, source_path: str) -> Path:
    """Return the file that a document names.

    Args:
        path: as in the document, with ``/``.
        source_path: file of that document; empty when it was never saved.

    Raises:
        UnreadableFile: it is no path inside the document's folder.
    """
    shown = path[:200]
    if not source_path:
        raise UnreadableFile(
            f"{shown} cannot be found, for this workflow is in no file: save it first."
        )
    if not path.strip() or "\0" in path or "\\" in path:
        raise UnreadableFile(f"{shown!r} is no path to a workflow: write it such as parts/a.json.")
    if path.startswith(("/", "~")) or re.match(r"[A-Za-z]:", path):
        raise UnreadableFile(
            f"{shown} is not relative: name a file in the folder of the calling workflow."
        )
    folder = Path(source_path).parent.resolve()
    file = (folder / path).resolve()  # follows links, so that none of them leads outside
    if not file.is_relative_to(folder):
        raise UnreadableFile(
            f"{shown} leads out of the folder of the calling workflow: move the file into it."
        )
    return file


def load(called: Json, source_path: str) -> tuple[Workflow, str]:
    """Return a called workflow and the file that its own paths start from.

    Args:
        called: a relative path, or a whole document as JSON.
        source_path: file of the calling document.

    Raises:
        UnreadableFile, UnsupportedVersion, BrokenDocument: it cannot be read.
    """
    if isinstance(called, str):
        file = resolve(called, source_path)
        return codec.load_file(file), str(file)
    return codec.workflow_from_json(called, source="the embedded workflow"), source_path


def capabilities(
    workflow: Workflow, registry: Registry, source_path: str = ""
) -> dict[str, tuple[str, ...]]:
    """Return each capability that a workflow needs, with the nodes that need it.

    A node that calls another workflow needs what that one needs. One that cannot be read
    needs nothing here: calling it fails, and what it needs then is looked at then.
    """
    needed: dict[str, list[str]] = {}
    for node, node_type in _live(workflow, registry):
        names = {*node_type.capabilities(node.params)}
        for called, _ in _reach(node, node_type, registry, source_path):
            for inner, inner_type in _live(called, registry):
                names |= {*inner_type.capabilities(inner.params)}
        for name in names:
            keys = needed.setdefault(name, [])
            if node.key not in keys:
                keys.append(node.key)
    return {name: tuple(keys) for name, keys in sorted(needed.items())}


def trust_revision(workflow: Workflow, registry: Registry, source_path: str) -> str:
    """Return what a person agrees to: the revision, with those of all that it calls."""
    revision = revision_hash(workflow, registry)
    parts = {
        revision_hash(called, registry)
        for node, node_type in _live(workflow, registry)
        for called, is_file in _reach(node, node_type, registry, source_path)
        if is_file  # an embedded one is part of the revision already
    }
    if not parts:
        return revision
    return hashlib.sha256("\n".join([revision, *sorted(parts)]).encode()).hexdigest()


def _live(workflow: Workflow, registry: Registry) -> Iterator[tuple[Node, NodeType]]:
    """Yield what may run, with the alternatives of each node, under the key of the node."""
    for node in workflow.nodes.values():
        for each in () if node.disabled else (node, *variants_of(node)):
            node_type = registry.get(each.type)
            if node_type is not None:
                yield each, node_type


def _reach(
    node: Node, node_type: NodeType, registry: Registry, source_path: str
) -> Iterator[tuple[Workflow, bool]]:
    """Yield every workflow that a node may lead to, each file once, and whether it is one."""
    seen: set[str] = set()
    ahead = [(called, source_path) for called in _called_by(node, node_type)]
    while ahead:
        called, base = ahead.pop()
        try:
            workflow, file = load(called, base)
        except EngineError:
            continue
        if isinstance(called, str):
            if file in seen:
                continue
            seen.add(file)
        yield workflow, isinstance(called, str)
        for inner, inner_type in _live(workflow, registry):
            ahead += [(each, file) for each in _called_by(inner, inner_type)]


def _called_by(node: Node, node_type: NodeType) -> Sequence[Json]:
    return () if node_type.calls is None else node_type.calls(node.params)
