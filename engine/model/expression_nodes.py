"""What the rewriting of expressions is made of: small questions about syntax nodes, and builders.

Knows `ast` and no rule of the language but what a round of a loop costs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from engine.model.expression_values import Fault

#: How many nodes of a loop's body one step pays for.
NODES_PER_STEP: Final = 16

#: Line, column (in bytes), end line, end column: where a node is in the source.
Position = tuple[int, int, int, int]
#: ``state.a["b"][0]`` as its root and its keys.
Chain = tuple[str, tuple[str | int, ...]]

LOAD: Final = ast.Load()


class Refused(Fault):
    """A node of the source is not allowed, or cannot work."""

    def __init__(self, message: str, node: ast.expr | ast.keyword) -> None:
        super().__init__(message)
        self.node = node


@dataclass(slots=True)
class ReadSet:
    """Collects what an expression or a template refers to."""

    names: set[str] = field(default_factory=set)
    fields: dict[str, set[str]] = field(default_factory=dict)

    def add(self, root: str, key: object = "*") -> None:
        """Note that `root` is read: one field of it, or all when the key is no text."""
        self.names.add(root)
        self.fields.setdefault(root, set()).add(key if isinstance(key, str) else "*")

    def of(self, root: str) -> frozenset[str]:
        """The fields of `root` that are read; ``*`` among them when that is not known."""
        return frozenset(self.fields.get(root, ()))


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that are expressions, or hold some."""
    return (
        child
        for child in ast.iter_child_nodes(node)
        if not isinstance(
            child, (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
        )
    )


def weight_of(parts: Sequence[ast.expr]) -> int:
    """The steps that one round of a loop costs: by the size of its body and what it makes."""
    nodes = made = 0
    stack: list[ast.AST] = list(parts)
    while stack:
        node = stack.pop()
        nodes += 1
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            made += 3 + 2 * len(node.elts)
        elif isinstance(node, ast.Dict):
            made += 3 + 2 * len(node.values)
        stack.extend(children(node))
    return 1 + (nodes + made) // NODES_PER_STEP


# --- small builders -----------------------------------------------------------------------


def load(identifier: str) -> ast.expr:
    """A name that is read."""
    return ast.Name(identifier, LOAD)


def call(function: str, *args: ast.expr, keywords: Sequence[ast.keyword] = ()) -> ast.expr:
    """A call of one of our functions."""
    return ast.Call(load(function), list(args), list(keywords))


def listed(elements: Sequence[ast.expr]) -> ast.expr:
    """A list of these elements."""
    return ast.List(list(elements), LOAD)


def is_number(node: ast.expr) -> bool:
    """Whether the node is a number as it is written, with or without a sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in {int, float}


def is_atom(node: ast.expr) -> bool:
    """Whether the node is a number, text, True, False or None as it is written."""
    return isinstance(node, ast.Constant) or is_number(node)


def is_text(node: ast.expr) -> TypeGuard[ast.Constant]:
    """Whether the node is text as it is written."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def unpacked_levels(target: ast.expr) -> int:
    """How many levels a loop's target unpacks."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return 1 + max(map(unpacked_levels, target.elts), default=0)
    return 0
