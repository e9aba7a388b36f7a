"""Text templates over the same names as expressions (U23).

Jinja's syntax, in its sandbox, bounded like expressions; see docs/expressions.md. Jinja itself
is imported by the first template that needs it: plain text, and text with nothing but paths
such as ``{{ input.name }}``, is done here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from engine.model.expression_values import MAX_TEXT, Budget, Fault, TemplateFault, kind_of, text_of
from engine.model.expressions import (
    EVALUATION_ERRORS,
    EXPRESSION_NAMES,
    Expression,
    ExpressionError,
    Reads,
    compile_expression,
    describe,
    reads_of,
)

if TYPE_CHECKING:
    from engine.model.template_sandbox import Program

MAX_TEMPLATE: Final = 200_000
_CACHED: Final = 1_024
_KEY = r"(?:\.[A-Za-z][A-Za-z0-9_]*|\[(?:[0-9]{1,9}|\"[^\"\\{}\r\n]*\"|'[^'\\{}\r\n]*')\])"
#: ``{{ input.rows[0].name }}``: means the same to Jinja and to an expression.
_PATH: Final = re.compile(
    rf"\{{\{{[ \t]*((?:{'|'.join(EXPRESSION_NAMES)}){_KEY}*)[ \t]*\}}\}}", re.ASCII
)
_SYNTAX: Final = re.compile(r"\{\{|\{%|\{#")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class TemplateError(ExpressionError):
    """A template cannot be compiled, or not be rendered on these values.

    Attributes:
        line: where in the template, from 1. The other attributes are those of an
            `ExpressionError`; `column` is where the line begins in the source.
    """

    def __init__(self, message: str, source: str = "", line: int = 1) -> None:
        lines = source.split("\n")
        super().__init__(message, source, sum(len(text) + 1 for text in lines[: line - 1]))
        self.line = line
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        shown = text if len(text) <= 60 else text[:57] + "..."
        self.args = (f"{message} at line {line} of the template, in {shown!r}",)


class _Form(Protocol):
    """What a template was compiled to. Both methods raise `TemplateFault`."""

    def render(self, scope: Mapping[str, object]) -> str: ...

    def evaluate(self, scope: Mapping[str, object]) -> object: ...


class _Paths:
    """Text with nothing but paths in it: texts and expressions, each with its line."""

    def __init__(self, parts: tuple[tuple[str | Expression, int], ...]) -> None:
        self.parts = parts

    def render(self, scope: Mapping[str, object]) -> str:
        texts: list[str] = []
        length = 0
        budget = Budget()
        for part, line in self.parts:
            try:
                text = part if isinstance(part, str) else text_of(budget, part.evaluate(scope))
                length += len(text)
                if length > MAX_TEXT:
                    raise Fault(f"the text would have more than {MAX_TEXT:,} characters")
            except ExpressionError as error:
                raise TemplateFault(error.message, line) from None
            except EVALUATION_ERRORS as error:
                raise TemplateFault(describe(error), line) from None
            texts.append(text)
        return "".join(texts)

    def evaluate(self, scope: Mapping[str, object]) -> object:
        match self.parts:
            case ((Expression() as expression, line),):
                try:
                    return expression.evaluate(scope)
                except ExpressionError as error:
                    raise TemplateFault(error.message, line) from None
            case _:
                return self.render(scope)


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template that makes text. Safe to share between threads.

    Attributes:
        source: as it was written.
        reads: what it refers to.
        is_constant: nothing is to be filled in; the text is always the same.
    """

    source: str
    reads: Reads
    is_constant: bool
    _form: _Form = field(repr=False, compare=False)

    def render(self, scope: Mapping[str, object]) -> str:
        """The text on this scope (see `Expression.evaluate`).

        Raises:
            TemplateError: something is undefined, kinds do not fit, or a limit was exceeded.
        """
        try:
            return self._form.render(scope)
        except TemplateFault as fault:
            raise TemplateError(str(fault), self.source, fault.line) from None


@dataclass(frozen=True, slots=True)
class ValueTemplate:
    """A compiled template that makes a value: a single ``{{ expression }}`` keeps its kind.

    Attributes:
        source: as it was written.
        reads: what it refers to.
        is_constant: nothing is to be filled in; the text is always the same.
        is_text: it is not a single expression, so that the value is always text.
    """

    source: str
    reads: Reads
    is_constant: bool
    is_text: bool
    _form: _Form = field(repr=False, compare=False)

    def evaluate(self, scope: Mapping[str, object]) -> object:
        """The value on this scope (see `Expression.evaluate`).

        Raises:
            TemplateError: something is undefined, kinds do not fit, or a limit was exceeded.
        """
        try:
            return self._form.render(scope) if self.is_text else self._form.evaluate(scope)
        except TemplateFault as fault:
            raise TemplateError(str(fault), self.source, fault.line) from None


def compile_template(source: str) -> Template:
    """The template, ready to be rendered; the same text is compiled once only.

    Raises:
        TemplateError: it is no template, or uses what is not allowed.
    """
    form, reads = _form_of(source, value=False)
    return Template(source, reads, _is_constant(form), form)


def compile_value_template(source: str) -> ValueTemplate:
    """The same for a place that takes any value: a single ``{{ expression }}`` keeps its kind.

    Raises:
        TemplateError: it is no template, or uses what is not allowed.
    """
    form, reads = _form_of(source, value=True)
    if isinstance(form, _Paths):
        is_text = len(form.parts) != 1 or isinstance(form.parts[0][0], str)
    else:
        is_text = not form.is_value
    return ValueTemplate(source, reads, _is_constant(form), is_text, form)


def _is_constant(form: _Paths | Program) -> bool:
    return isinstance(form, _Paths) and all(isinstance(part, str) for part, _ in form.parts)


def _form_of(source: str, *, value: bool) -> tuple[_Paths | Program, Reads]:
    if not isinstance(source, str):
        raise TemplateError(f"a template must be text, not {kind_of(source)}")
    return _compiled(source, value)


@lru_cache(maxsize=_CACHED)
def _compiled(source: str, value: bool) -> tuple[_Paths | Program, Reads]:  # noqa: FBT001 - a key of the cache
    if len(source) > MAX_TEMPLATE:
        raise TemplateError(f"the template is longer than {MAX_TEMPLATE:,} characters", source)
    # As Jinja does, so that no text depends on which of the two ways it goes.
    text = _LINE_END.sub("\n", source)
    paths = _paths(text)
    if paths is not None:
        return paths, _merged(paths)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TemplateError("the template holds half a character (a surrogate)", source) from None
    # 60 ms that a program without templates need not spend.
    from engine.model.template_sandbox import compile_program  # noqa: PLC0415 - as said

    try:
        program = compile_program(text, frozenset(EXPRESSION_NAMES), value=value)
    except TemplateFault as fault:
        raise TemplateError(str(fault), source, fault.line) from None
    return program, reads_of(program.reads)


def _paths(text: str) -> _Paths | None:
    """The parts of a text that holds only paths, or None if it is a matter for Jinja."""
    parts: list[tuple[str | Expression, int]] = []
    pieces = _PATH.split(text)  # text, path, text, path, ... text
    line = 1
    for index, piece in enumerate(pieces):
        if index % 2:
            try:
                parts.append((compile_expression(piece), line))
            except ExpressionError:  # a keyword of Python's, say; Jinja may take it
                return None
        elif _SYNTAX.search(piece) or (piece.endswith("{") and index < len(pieces) - 1):
            return None
        elif piece:
            parts.append((piece, line))
        line += piece.count("\n")
    return _Paths(tuple(parts))


def _merged(paths: _Paths) -> Reads:
    reads = Reads()
    for part, _ in paths.parts:
        if isinstance(part, Expression):
            reads |= part.reads
    return reads
