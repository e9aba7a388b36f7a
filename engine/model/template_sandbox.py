"""Text templates through Jinja2, with none of its own evaluation left.

Jinja parses the text and makes the code that goes through it. Everything that works on values
is ours: the tree is checked against an allow-list (`template_rewriting`), every operator,
filter, test and call is turned into a filter of this module, and those hand over to the
bounded functions of the expressions. The only module that imports jinja2 at all, and itself
imported only when a template needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jinja2
from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.model import expression_operations as operations
from engine.model.expression_comparisons import hashable
from engine.model.expression_functions import BUDGETED
from engine.model.expression_methods import call_method
from engine.model.expression_values import (
    MAX_RESULT_ITEMS,
    MAX_TEXT,
    Budget,
    Fault,
    MissingFault,
    TemplateFault,
    plain,
    text_of,
)
from engine.model.expressions import EVALUATION_ERRORS, describe
from engine.model.template_filters import FILTERS, holds
from engine.model.template_rewriting import LOOP_FIELDS, Rewritten, rewrite

RESULT: Final = "result"


class _Missing(StrictUndefined):
    """Something undefined: may be looked into and defaulted, and fails when it is used."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = self._undefined_name
        if self._undefined_obj is jinja2.utils.missing:
            return f"{name!r} is not available here"
        return str(MissingFault(self._undefined_obj, name))


class _Context(Context):
    """What one rendering works on."""

    budget: Budget


def _solid(value: object) -> Any:
    """The value, which must be defined."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    if isinstance(value, LoopContext):
        raise Fault("loop has a value only with a field, such as loop.index")
    return value


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which nothing has attributes and nothing can be called."""

    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)
    context_class = _Context

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        return self._look(obj, attribute, operations.field)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._look(obj, _solid(argument), operations.item)

    def _look(self, obj: Any, key: Any, function: Callable[[Any, Any], object]) -> Any:
        if isinstance(obj, Undefined):
            return obj  # what is in something missing is missing, too; the first one is named
        try:
            return function(_solid(obj), key)
        except MissingFault:
            return self.undefined(obj=obj, name=key)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return _BINARY[operator](_budget(context), _solid(left), _solid(right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        return False


_BINARY: Final[Mapping[str, Callable[[Budget, Any, Any], object]]] = {
    "+": operations.add,
    "-": operations.subtract,
    "*": operations.multiply,
    "/": operations.divide,
    "//": operations.floor_divide,
    "%": operations.modulo,
    "**": operations.power,
}


def _budget(context: Context) -> Budget:
    assert isinstance(context, _Context)
    return context.budget


# --- the filters that stand for syntax ----------------------------------------------------


@pass_context
def _finalize(context: Context, value: object) -> str:
    budget = _budget(context)
    text = text_of(budget, _solid(value))
    budget.take_text(len(text))
    return text


def _filter(function: Callable[..., object]) -> Callable[..., object]:
    @pass_context
    def run(context: Context, *args: object, **fields: object) -> object:
        solid = {name: _solid(value) for name, value in fields.items()}
        return function(_budget(context), *map(_solid, args), **solid)

    return run


def _call(budget: Budget, name: str, *args: object, **fields: object) -> object:
    return BUDGETED[name](budget, *args, **fields)


def _compare(budget: Budget, value: object, signs: list[str], *others: object) -> bool:
    return operations.compare_all(budget, signs, [value, *others])


def _concat(budget: Budget, parts: list[object]) -> str:
    return operations.joined(budget, [text_of(budget, part) for part in parts])


def _key(_budget: Budget, value: object) -> object:
    return hashable(value)


def _same(_budget: Budget, value: object) -> object:
    return value


@pass_context
def _default(
    _context: Context, value: object, default: object = "", boolean: object = None
) -> object:
    if isinstance(value, Undefined) or (boolean and not value):
        return default
    return value


@pass_context
def _coalesce(_context: Context, *values: object) -> object:
    given = (value for value in values if not isinstance(value, Undefined))
    return next((value for value in given if value is not None), None)


@pass_context
def _defined(_context: Context, value: object) -> bool:
    return not isinstance(value, Undefined)


@pass_context
def _cycle(_context: Context, loop: object, *values: object) -> object:
    if not isinstance(loop, LoopContext) or not values:
        raise Fault("cycle() is a method of the loop of a for, and needs values")
    return loop.cycle(*values)


#: What rewritten syntax calls; each gets the budget, and only what is defined.
_SYNTAX: Final[Mapping[str, Callable[..., object]]] = {
    "call": _call,
    "compare": _compare,
    "concat": _concat,
    "key": _key,
    "method": call_method,
    "part": operations.part,
    "rounds": operations.rounds,
    "solid": _same,
    "test": holds,
}


def _environment() -> _Environment:
    environment = _Environment(
        undefined=_Missing,
        autoescape=False,
        loader=None,
        cache_size=0,
        optimized=False,  # would evaluate while compiling, without a budget
        finalize=_finalize,
        keep_trailing_newline=True,
    )
    environment.globals.clear()
    environment.tests.clear()
    filters: dict[str, Any] = environment.filters
    filters.clear()
    filters.update({name: _filter(run) for name, run in FILTERS.items()})
    filters.update({"d": _default, "default": _default})
    filters.update({f"_{name}": _filter(run) for name, run in _SYNTAX.items()})
    filters.update({"_coalesce": _coalesce, "_cycle": _cycle, "_defined": _defined})
    return environment


_ENVIRONMENT: Final = _environment()


# --- compiling and rendering --------------------------------------------------------------


class Program:
    """One compiled template: renders text, or evaluates if it is a single expression."""

    def __init__(self, template: jinja2.Template, rewritten: Rewritten) -> None:
        self._template = template
        self.reads = rewritten.reads
        self.is_value = rewritten.is_value

    def render(self, scope: Mapping[str, object]) -> str:
        """The text.

        Raises:
            TemplateFault: something is undefined, does not fit, or exceeds a limit.
        """
        try:
            return self._rendered(scope)
        except (jinja2.TemplateError, *EVALUATION_ERRORS) as error:
            raise self._located(error) from None

    def evaluate(self, scope: Mapping[str, object]) -> object:
        """The value of a single expression, of its own kind.

        Raises:
            TemplateFault: something is undefined, does not fit, or exceeds a limit.
        """
        context = self._context(scope)
        try:
            for _ in self._template.root_render_func(context):
                pass
            return plain(Budget(MAX_RESULT_ITEMS), _solid(context.vars[RESULT]))
        except (jinja2.TemplateError, *EVALUATION_ERRORS) as error:
            raise self._located(error) from None

    def _rendered(self, scope: Mapping[str, object]) -> str:
        parts: list[str] = []
        length = 0
        for part in self._template.root_render_func(self._context(scope)):
            length += len(part)
            if length > MAX_TEXT:
                raise Fault(f"the text would have more than {MAX_TEXT:,} characters")
            parts.append(part)
        return "".join(parts)

    def _context(self, scope: Mapping[str, object]) -> Context:
        names = {name: scope[name] for name in self.reads.names if name in scope}
        context = self._template.new_context(names)
        assert isinstance(context, _Context)
        context.budget = Budget()
        return context

    def _located(self, error: Exception) -> TemplateFault:
        line, traceback = 1, error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == "<template>":
                line = self._template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        is_ours = isinstance(error, jinja2.TemplateError)  # whose sentence we made, see _Missing
        return TemplateFault(str(error) if is_ours else describe(error), line)


def compile_program(source: str, names: frozenset[str], *, value: bool) -> Program:
    """Compile a template over these names; with `value`, a single expression keeps its kind.

    Raises:
        TemplateFault: it is no template, or uses what is not allowed.
    """
    try:
        rewritten = rewrite(_ENVIRONMENT.parse(source), names, RESULT if value else None)
        rewritten.tree.set_environment(_ENVIRONMENT)
        return Program(_ENVIRONMENT.from_string(rewritten.tree), rewritten)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateFault(error.message or "this is no template", error.lineno) from None
    except Fault:
        raise
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        raise TemplateFault("the template is too complicated", 1) from None
