"""The names that are offered while an expression is typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.model.expressions import EXPRESSION_NAMES, FUNCTIONS, OUTPUT_NAME
from engine.model.workflow import Workflow

Json = Any

_PATH = re.compile(
    r"(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d+\]|\[\"[^\"]*\"\])*)?(?P<dot>\.)?(?P<word>\w*)$"
)
_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+)\]|\[\"([^\"]*)\"\]")
_STRINGS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_MOST = 200

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "run": ("id", "started_at", "input", "folder"),
    "loop": ("index", "of", "item"),
}


def place_of(before: str) -> tuple[str, str] | None:
    """The path before the cursor and the word that is being typed; None inside a text."""
    bare = _STRINGS.sub("", before)
    if "'" in bare or '"' in bare:
        return None
    match = _PATH.search(before)
    if match is None:
        return None
    path, dot, word = match["path"] or "", match["dot"] or "", match["word"]
    if not dot and path:
        # No dot: the whole path is the word, or a path with its last step.
        path, found, last = path.rpartition(".")
        if not found and (not last.isidentifier()):
            return None
        word = last + word
    elif dot and not path:
        return None
    return path, word


def names_at(
    path: str, workflow: Workflow, sample: Mapping[str, Json], *, output: bool = False
) -> list[str]:
    """What may follow a path, or begin an expression."""
    if not path:
        names = [*EXPRESSION_NAMES, *([OUTPUT_NAME] if output else [])]
        return [*names, *sorted(FUNCTIONS)]
    known: Sequence[str] = {
        "nodes": list(workflow.nodes),
        "state": list(workflow.channels),
        "vars": list(workflow.settings.vars),
        "env": list(workflow.settings.env),
    }.get(path) or _FIELDS.get(path, ())
    if known:
        return list(known)[:_MOST]
    value: Json = {"vars": workflow.settings.vars, **sample}
    for step in _STEP.finditer(path):
        name, index, key = step.groups()
        try:
            value = value[int(index)] if index else value[name or key]
        except (KeyError, IndexError, TypeError):
            return []
    return [str(key) for key in value][:_MOST] if isinstance(value, Mapping) else []
