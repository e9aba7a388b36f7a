"""Parameters of a node: JSON in which any value may be computed (U23).

``{"expr": "input.amount"}`` is an expression and keeps its kind; ``{"template": "..."}`` is a
text template, and one that is a single ``{{ expression }}`` keeps its kind, too. Compiled once
per plan; a tree without either is resolved once and shared by everyone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.model.expression_values import need_text
from engine.model.expressions import (
    EVENT_NAME,
    OUTPUT_NAME,
    ExpressionError,
    Reads,
    compile_expression,
)
from engine.model.templates import (
    Template,
    ValueTemplate,
    compile_template,
    compile_value_template,
)

EXPR: Final = "expr"
TEMPLATE: Final = "template"
MAX_DEPTH: Final = 100

Scope = Mapping[str, object]
Errors = list[tuple[str, str]]


class ParamErrors(ValueError):
    """Parameters cannot be compiled, or not be resolved on these values.

    Attributes:
        errors: every problem: path (``headers.Accept``, ``rows[2].sql``) and sentence.
    """

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        path, message = self.errors[0] if self.errors else ("", "")
        more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
        super().__init__(f"parameter {path}: {message}{more}")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A computed value."""

    path: str
    evaluate: Callable[[Scope], object]

    def make(self, scope: Scope, errors: Errors) -> object:
        try:
            return self.evaluate(scope)
        except ExpressionError as error:
            errors.append((self.path, str(error)))
            return None


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with computed values in it; the others are in `base`, which keeps the order."""

    base: dict[str, object]
    parts: tuple[tuple[str, _Part], ...]

    def make(self, scope: Scope, errors: Errors) -> dict[str, object]:
        made = self.base.copy()
        for key, part in self.parts:
            made[key] = part.make(scope, errors)
        return made


@dataclass(frozen=True, slots=True)
class _List:
    """A list with computed values in it."""

    base: list[object]
    parts: tuple[tuple[int, _Part], ...]

    def make(self, scope: Scope, errors: Errors) -> list[object]:
        made = self.base.copy()
        for index, part in self.parts:
            made[index] = part.make(scope, errors)
        return made


_Part = _Leaf | _Object | _List


@dataclass(frozen=True, slots=True)
class CompiledParams:
    """The parameters of one node, ready to be resolved. Safe to share between threads.

    Attributes:
        reads: what the expressions and templates in them refer to.
        is_constant: nothing in them is computed.
        constant: the parameters, if they are constant. Never to be changed.
    """

    reads: Reads
    is_constant: bool
    constant: object | None
    _root: _Object = field(repr=False, compare=False)

    def resolve(self, scope: Scope) -> dict[str, object]:
        """The parameters with every value computed on this scope (see `Expression.evaluate`).

        The result shares what is constant with every other one: it is not to be changed.

        Raises:
            ParamErrors: one or more values could not be computed.
        """
        if self.is_constant:
            return self._root.base
        errors: Errors = []
        made = self._root.make(scope, errors)
        if errors:
            raise ParamErrors(errors)
        return made


def compile_params(
    params: Mapping[str, object], *, templates: frozenset[str] = frozenset()
) -> CompiledParams:
    """Compile a whole tree of parameters.

    Args:
        params: as in the document.
        templates: fields at the top whose texts, at any depth, are templates and stay text.

    Raises:
        ParamErrors: with all problems, not only the first.
    """
    compiler = _Compiler()
    base: dict[str, object] = {}
    parts: list[tuple[str, _Part]] = []
    for key, value in params.items():
        base[key], part = compiler.compile(value, key, is_text=key in templates, depth=1)
        if part is not None:
            parts.append((key, part))
    if compiler.errors:
        raise ParamErrors(compiler.errors)
    is_constant = not parts
    root = _Object(base, tuple(parts))
    return CompiledParams(compiler.reads, is_constant, base if is_constant else None, root)


class _Compiler:
    """Goes through a tree; every method returns the constant value, or the part that makes it."""

    def __init__(self) -> None:
        self.reads = Reads()
        self.errors: Errors = []

    def compile(
        self, value: object, path: str, *, is_text: bool, depth: int
    ) -> tuple[object, _Part | None]:
        if depth > MAX_DEPTH:
            self.errors.append((path, f"the value is nested more than {MAX_DEPTH} levels deep"))
            return None, None
        match value:
            case {"expr": source, **rest} if not rest:
                return self._expression(source, path)
            case {"template": source, **rest} if not rest:
                return self._template(source, path, is_text=is_text)
            case Mapping():
                return self._object(value, path, is_text=is_text, depth=depth)
            case list() | tuple():
                return self._list(value, path, is_text=is_text, depth=depth)
            case str() if is_text:
                return self._template(value, path, is_text=True)
            case _:
                return value, None

    def _object(
        self, fields: Mapping[str, object], path: str, *, is_text: bool, depth: int
    ) -> tuple[object, _Part | None]:
        base: dict[str, object] = {}
        parts: list[tuple[str, _Part]] = []
        for key, value in fields.items():
            base[key], part = self.compile(value, f"{path}.{key}", is_text=is_text, depth=depth + 1)
            if part is not None:
                parts.append((key, part))
        return (None, _Object(base, tuple(parts))) if parts else (base, None)

    def _list(
        self, items: Sequence[object], path: str, *, is_text: bool, depth: int
    ) -> tuple[object, _Part | None]:
        base: list[object] = []
        parts: list[tuple[int, _Part]] = []
        for index, item in enumerate(items):
            value, part = self.compile(item, f"{path}[{index}]", is_text=is_text, depth=depth + 1)
            base.append(value)
            if part is not None:
                parts.append((index, part))
        return (None, _List(base, tuple(parts))) if parts else (base, None)

    def _expression(self, source: object, path: str) -> tuple[object, _Part | None]:
        try:
            expression = compile_expression(need_text(source, EXPR))
        except ValueError as error:
            return self._failed(path, str(error))
        if OUTPUT_NAME in expression.reads.names:
            return self._failed(
                path, f"{OUTPUT_NAME!r} exists only in what a node writes to channels"
            )
        if EVENT_NAME in expression.reads.names:
            return self._failed(path, f"{EVENT_NAME!r} exists only where a node listens for it")
        self.reads |= expression.reads
        return None, _Leaf(path, expression.evaluate)

    def _template(self, source: object, path: str, *, is_text: bool) -> tuple[object, _Part | None]:
        evaluate: Callable[[Scope], object]
        template: Template | ValueTemplate
        try:
            text = need_text(source, TEMPLATE)
            if is_text:
                template = compile_template(text)
                evaluate = template.render
            else:
                template = compile_value_template(text)
                evaluate = template.evaluate
        except ValueError as error:
            return self._failed(path, str(error))
        if template.is_constant:
            return text, None
        self.reads |= template.reads
        return None, _Leaf(path, evaluate)

    def _failed(self, path: str, message: str) -> tuple[None, None]:
        self.errors.append((path, message))
        return None, None
