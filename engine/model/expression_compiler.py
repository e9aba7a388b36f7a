"""From the syntax tree of an expression to a function: measured, rewritten, compiled once.

The functions that compiled code calls are in `_GLOBALS`, and nothing else is within its reach.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Final

from engine.model import expression_operations as operations
from engine.model.expression_comparisons import hashable
from engine.model.expression_functions import BUDGETED
from engine.model.expression_methods import call_method
from engine.model.expression_nodes import Chain, Position, ReadSet, Refused, children
from engine.model.expression_rewriting import OPERATORS, Rewriter
from engine.model.expression_values import Budget, MissingFault, text_of

MAX_NODES: Final = 2_000
MAX_DEPTH: Final = 100
FILENAME: Final = "<expression>"

#: Takes the scope, and a budget if the expression needs one.
Run = Callable[[Mapping[str, object], Budget | None], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What evaluation needs.

    Attributes:
        run: takes the scope, and a budget if `budgeted`.
        plain: the result is JSON as it is, whatever the scope holds.
        chains: where ``state.a.b`` is in the source, to explain what failed there.
    """

    run: Run
    reads: ReadSet
    budgeted: bool
    plain: bool
    chains: Mapping[Position, Chain]


def compile_tree(tree: ast.Expression, names: frozenset[str]) -> Compiled:
    """Check, rewrite and compile the tree of an expression over these names.

    Raises:
        Refused: it uses what is not allowed.
    """
    _check_size(tree.body)
    rewriter = Rewriter(names)
    body = rewriter.visit(tree.body)
    parameters = ast.arguments(
        posonlyargs=[ast.arg("_s"), ast.arg("_b")],
        args=[],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    module = ast.Expression(ast.copy_location(ast.Lambda(parameters, body), tree.body))
    try:
        outer = compile(ast.fix_missing_locations(module), FILENAME, "eval", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        # What the parser lets pass and the compiler does not, such as too many loops in one.
        raise Refused("the expression is too complicated for Python", tree.body) from None
    # The module's code would only make the function, so it is made here: nothing is executed.
    inner = next(constant for constant in outer.co_consts if isinstance(constant, CodeType))
    return Compiled(
        run=FunctionType(inner, _GLOBALS),
        reads=rewriter.reads,
        budgeted=rewriter.budgeted,
        plain=rewriter.is_plain(tree.body),
        chains=rewriter.chains,
    )


def _check_size(body: ast.expr) -> None:
    count = 0
    stack: list[tuple[ast.AST, int]] = [(body, 1)]
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MAX_NODES:
            raise Refused(f"the expression has more than {MAX_NODES:,} parts", body)
        if depth > MAX_DEPTH:
            raise Refused(f"the expression is nested more than {MAX_DEPTH} levels deep", body)
        stack.extend((child, depth + 1) for child in children(node))


def _first(*values: Callable[[], object]) -> object:
    for value in values:
        try:
            found = value()
        except MissingFault:
            continue
        if found is not None:
            return found
    return None


_GLOBALS: Final[dict[str, object]] = {
    "__builtins__": {},
    "_compare": operations.compare,
    "_compare_all": operations.compare_all,
    "_field": operations.field,
    "_first": _first,
    "_formatted": operations.formatted,
    "_hashable": hashable,
    "_invert": operations.invert,
    "_item": operations.item,
    "_joined": operations.joined,
    "_method": call_method,
    "_part": operations.part,
    "_rounds": operations.rounds,
    "_text": text_of,
    **{name: getattr(operations, name[1:]) for name in OPERATORS.values()},
    **{f"_f_{name}": function for name, function in BUDGETED.items()},
}
