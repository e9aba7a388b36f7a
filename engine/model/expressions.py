"""The expression language of conditions, mappings and parameters (U24).

A safe subset of Python expressions over the names of `EXPRESSION_NAMES`: compiled once,
evaluated many times. What is allowed, and every limit, is in docs/expressions.md. The parts:
`expression_compiler` checks and rewrites, `expression_operations`, `expression_functions` and
`expression_methods` do the work, `expression_values` bounds it.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Final

from engine.model.expression_comparisons import mixing_hint
from engine.model.expression_compiler import (
    FILENAME,
    Run,
    compile_tree,
)
from engine.model.expression_functions import FUNCTIONS
from engine.model.expression_nodes import Chain, Position, ReadSet, Refused
from engine.model.expression_operations import field as field_of
from engine.model.expression_operations import item as item_of
from engine.model.expression_values import (
    MAX_RESULT_ITEMS,
    Budget,
    Fault,
    MissingFault,
    kind_of,
    plain,
)

__all__ = [
    "EVENT_NAME",
    "EXPRESSION_NAMES",
    "FUNCTIONS",
    "OUTPUT_NAME",
    "Expression",
    "ExpressionError",
    "Reads",
    "compile_expression",
    "compile_over",
]

#: The names that an expression may use; what each holds is in DESIGN section 9.
EXPRESSION_NAMES: Final[tuple[str, ...]] = (
    "input", "nodes", "state", "vars", "env", "run", "loop", "now",
)  # fmt: skip
#: What a node has made; only what it writes to channels is computed from it.
OUTPUT_NAME: Final = "output"
#: What an event brings; only what decides whether a node takes it is computed from it.
EVENT_NAME: Final = "event"
MAX_SOURCE: Final = 10_000
#: How much of a long source an error message shows.
MAX_SHOWN: Final = 60
_CACHED: Final = 2_048
_KNOWN_NAMES: Final = frozenset({*EXPRESSION_NAMES, OUTPUT_NAME, EVENT_NAME})


class ExpressionError(ValueError):
    """An expression cannot be compiled, or not be evaluated on these values.

    Attributes:
        message: what is wrong, without the place; never holds a value of the scope.
        source: the whole expression.
        column: where, in characters from the start of the source, from 0.
    """

    def __init__(self, message: str, source: str = "", column: int = 0) -> None:
        self.message = message
        self.source = source
        self.column = column
        super().__init__(f"{message} at column {column} in {_excerpt(source, column)}")


def _excerpt(source: str, column: int) -> str:
    if len(source) <= MAX_SHOWN:
        return repr(source)
    start = min(max(0, column - MAX_SHOWN // 2), len(source) - MAX_SHOWN)
    piece = source[start : start + MAX_SHOWN]
    before = "..." if start else ""
    after = "..." if start + MAX_SHOWN < len(source) else ""
    return f"{before}{piece!r}{after}"


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression or a template refers to, as far as its text says.

    Attributes:
        names: top-level names, for example ``state`` and ``input``.
        channels: fields of `state`; ``*`` when it depends on values which ones.
        nodes: the same of `nodes`.
        env: the same of `env`.
        vars: the same of `vars`.
    """

    names: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()
    vars: frozenset[str] = frozenset()

    def __or__(self, other: Reads) -> Reads:
        return Reads(
            self.names | other.names,
            self.channels | other.channels,
            self.nodes | other.nodes,
            self.env | other.env,
            self.vars | other.vars,
        )


def reads_of(found: ReadSet) -> Reads:
    """The reads that a compiler has collected."""
    return Reads(
        frozenset(found.names),
        channels=found.of("state"),
        nodes=found.of("nodes"),
        env=found.of("env"),
        vars=found.of("vars"),
    )


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. Safe to share between threads.

    Attributes:
        source: as it was written.
        reads: what it refers to.
    """

    source: str
    reads: Reads
    _run: Run = field(repr=False, compare=False)
    _budgeted: bool = field(repr=False, compare=False)
    _plain: bool = field(repr=False, compare=False)
    _chains: Mapping[Position, Chain] = field(repr=False, compare=False)

    def evaluate(self, scope: Mapping[str, object]) -> object:
        """The value on this scope, which maps names to JSON-like values (`now` to a datetime).

        The result is JSON-like: sets become sorted lists, dates ISO 8601 text, durations
        seconds. It may be, or contain, a part of the scope: neither is to be changed.

        Raises:
            ExpressionError: a key is missing, kinds do not fit, or a limit was exceeded.
        """
        try:
            value = self._run(scope, Budget() if self._budgeted else None)
            if self._plain or type(value) in _ATOMS:
                return value
            return plain(Budget(MAX_RESULT_ITEMS), value)
        except EVALUATION_ERRORS as error:
            # Without its cause, whose message could hold a value.
            raise self._explained(error, scope) from None

    def _explained(self, error: Exception, scope: Mapping[str, object]) -> ExpressionError:
        position, is_ours = _position_of(error.__traceback__)
        column = 0 if position is None else offset_of(self.source, position[0], position[1])
        message = str(error) if isinstance(error, Fault) else ""
        if position is not None and is_ours and position in self._chains:
            message = _missing_in(scope, self._chains[position])
        return ExpressionError(message or describe(error), self.source, column)


_ATOMS: Final = frozenset({str, int, bool, type(None)})
#: What evaluating may raise; all of it becomes an `ExpressionError`.
EVALUATION_ERRORS: Final = (
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
    MemoryError,
)


def _position_of(traceback: TracebackType | None) -> tuple[Position | None, bool]:
    """Where in the source it went wrong, and whether there itself, not in what was called."""
    found: Position | None = None
    is_ours = False
    while traceback is not None:
        code = traceback.tb_frame.f_code
        is_ours = code.co_filename == FILENAME
        if is_ours:
            positions = list(code.co_positions())
            line, end_line, column, end_column = positions[traceback.tb_lasti // 2]
            if None not in {line, end_line, column, end_column}:
                found = (line or 0, column or 0, end_line or 0, end_column or 0)
        traceback = traceback.tb_next
    return found, is_ours


def _missing_in(scope: Mapping[str, object], chain: Chain) -> str:
    """Walk a chain again, to say which of its steps failed and what there is instead."""
    root, keys = chain
    if root not in scope:
        return f"{root!r} is not available here"
    value, path = scope[root], root
    for key in keys:
        try:
            value = field_of(value, key) if isinstance(key, str) else item_of(value, key)
        except MissingFault as fault:
            return f"{path}: {fault}"
        except Fault as fault:
            return f"{path}: {fault}"
        path = f"{path}.{key}" if isinstance(key, str) else f"{path}[{key}]"
    return ""


_TYPE_NAMES: Final[Mapping[str, str]] = {
    "str": "text", "int": "a number", "float": "a number", "bool": "true or false",
    "NoneType": "null", "list": "a list", "dict": "an object", "set": "a set", "range": "a list",
    "datetime.datetime": "a date and time", "datetime.date": "a date",
    "datetime.timedelta": "a duration",
}  # fmt: skip
_TYPE_NAME: Final = re.compile(rf"\b(?:{'|'.join(map(re.escape, _TYPE_NAMES))})\b")


def describe(error: Exception) -> str:
    """An error of Python's in the words of this language, without any value."""
    match error:
        case Fault():
            return str(error)
        case ZeroDivisionError():
            return "division by zero"
        case OverflowError():
            return "a number became too large"
        case RecursionError():
            return "the values are nested too deeply"
        case MemoryError():
            return "there is not enough memory for this"
        case KeyError():
            return "a key does not exist"
        case IndexError():
            return "an index is beyond the end"
        case TypeError():
            # Python's sentence names types, never values.
            kinds = dict.fromkeys(_TYPE_NAMES[name] for name in _TYPE_NAME.findall(str(error)))
            if not kinds:
                return "the kinds of the values do not fit"
            return f"this does not work on {' and '.join(kinds)}{mixing_hint(kinds.keys())}"
        case _:
            return "a value does not fit"


_LINES: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


def offset_of(source: str, line: int, column: int) -> int:
    """A place of the parser's (line from 1, column in bytes) as an offset in characters."""
    blank = len(source) - len(source.lstrip())  # the parser never saw it
    lines = _LINES.findall(source.strip())[:line]
    before = sum(map(len, lines[:-1]))
    return blank + before + len(lines[-1].encode()[:column].decode(errors="ignore"))


# --- compiling ----------------------------------------------------------------------------


def compile_expression(source: str) -> Expression:
    """The expression, ready to be evaluated; the same text is compiled once only.

    Args:
        source: for example ``state.total > 10 and input.country in ["DE", "AT"]``. `output`
            is known too; `reads.names` tells where it is used without there being one.

    Raises:
        ExpressionError: it is no expression, or uses what is not allowed.
    """
    if not isinstance(source, str):
        raise ExpressionError(f"an expression must be text, not {kind_of(source)}")
    return _compiled(source, _KNOWN_NAMES)


def compile_over(source: str, *names: str) -> Expression:
    """The expression, ready to be evaluated over names of its own, such as ``old`` and ``new``.

    Raises:
        ExpressionError: it is no expression, uses what is not allowed, or another name.
    """
    if not isinstance(source, str):
        raise ExpressionError(f"an expression must be text, not {kind_of(source)}")
    return _compiled(source, frozenset(names))


@lru_cache(maxsize=_CACHED)
def _compiled(source: str, names: frozenset[str]) -> Expression:
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"the expression is longer than {MAX_SOURCE:,} characters", source)
    tree = _parsed(source)
    try:
        compiled = compile_tree(tree, names)
    except Refused as refused:
        node = refused.node
        raise ExpressionError(
            str(refused), source, offset_of(source, node.lineno, node.col_offset)
        ) from None
    return Expression(
        source,
        reads_of(compiled.reads),
        compiled.run,
        compiled.budgeted,
        compiled.plain,
        compiled.chains,
    )


_WARNINGS_LOCK: Final = threading.Lock()
#: What Python's parser warns about: unknown escapes, and a number that runs into a word.
_MAY_WARN: Final = re.compile(r"\\|[0-9][A-Za-z]")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


def _parsed(source: str) -> ast.Expression:
    text = source.strip()
    if not text:
        raise ExpressionError("the expression is empty", source)
    try:
        return _parse(text)
    except SyntaxError as error:
        if _LINE_END.search(text) and "'''" not in text and '"""' not in text:
            # Outside brackets Python ends an expression with the line; people do not.
            try:
                return _parse(_LINE_END.sub(r"\\\n", text))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                pass  # the first error is about the text as it was written
        raise _not_parsed(source, error) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise _not_parsed(source, error) from None


def _parse(text: str) -> ast.Expression:
    if _MAY_WARN.search(text) is None:
        return ast.parse(text, mode="eval")
    # Whether a warning is an error must not depend on how the program was started.
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval")


def _not_parsed(source: str, error: Exception) -> ExpressionError:
    match error:
        case SyntaxError(lineno=int() as line, offset=int() as offset) if line > 0:
            blank = len(source) - len(source.lstrip())
            before = sum(map(len, _LINES.findall(source.strip())[: line - 1]))
            # 0 is where the text ends too early.
            column = blank + before + offset - 1 if offset > 0 else len(source.rstrip())
            return ExpressionError(error.msg, source, min(column, len(source)))
        case SyntaxError():
            return ExpressionError(error.msg, source)
        case RecursionError() | MemoryError():
            return ExpressionError("the expression is nested too deeply", source)
        case _:
            return ExpressionError("the expression holds characters that are not allowed", source)
