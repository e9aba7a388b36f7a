"""A light syntax highlighter: a few regular expressions per language, one pass per line.

Ten times faster than a full lexer and right for what stands in a node: expressions, templates,
requests, queries and short scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument

from designer.theme import Theme, current_theme


class Language(StrEnum):
    """What is written in a field."""

    PLAIN = "plain"
    PYTHON = "python"
    JSON = "json"
    JINJA = "jinja"
    SQL = "sql"
    SHELL = "shell"


_PYTHON_WORDS = (
    "and|as|assert|async|await|break|case|class|continue|def|del|elif|else|except|finally|for|from|"
    "global|if|import|in|is|lambda|match|nonlocal|not|or|pass|raise|return|try|while|with|yield"
)
_PYTHON_NAMES = (
    "True|False|None|self|input|nodes|state|vars|env|run|loop|now|len|sum|min|max|round|sorted|"
    "any|all|range|str|int|float|bool|list|dict|set|tuple|print|isinstance|enumerate|zip"
)
_SQL_WORDS = (
    "select|from|where|and|or|not|in|is|null|as|on|join|left|right|inner|outer|full|cross|group|"
    "by|order|having|limit|offset|insert|into|values|update|set|delete|create|table|index|view|"
    "drop|alter|add|primary|key|foreign|references|unique|default|check|union|all|distinct|case|"
    "when|then|else|end|exists|between|like|asc|desc|with|returning|begin|commit|rollback|true|"
    "false|cast|over|partition"
)
_SHELL_WORDS = (
    "if|then|else|elif|fi|for|while|until|do|done|case|esac|in|function|return|exit|export|local|"
    "set|unset|source|echo|cd|test|read|shift|trap|exec|eval"
)
_JINJA_WORDS = (
    "for|in|if|elif|else|endif|endfor|set|endset|block|endblock|macro|endmacro|include|extends|"
    "import|from|is|not|and|or|filter|endfilter|with|endwith|raw|endraw|true|false|none"
)
_NUMBER = r"\b(?:0[xX][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b"
_STRINGS = r"\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?"


@dataclass(frozen=True, slots=True)
class _Span:
    """Text that may go on over several lines, such as a string in triple quotes."""

    begin: str
    end: str
    role: str


@dataclass(frozen=True, slots=True)
class _Grammar:
    """How a language is coloured.

    The groups of `tokens` are named after colours of the theme (``code_`` and the name). With
    `islands`, only what that pattern finds is code and the rest is plain text.
    """

    tokens: re.Pattern[str]
    spans: tuple[_Span, ...] = ()
    islands: re.Pattern[str] | None = None


def _pattern(*rules: tuple[str, str], flags: int = 0) -> re.Pattern[str]:
    """Alternatives in order of precedence; `rules` are (group name, expression)."""
    return re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in rules), flags)


_PYTHON = _Grammar(
    _pattern(
        ("comment", r"#.*"),
        ("string", rf"(?:\b[rbfuRBFU]{{1,2}})?(?:{_STRINGS})"),
        ("keyword", rf"\b(?:{_PYTHON_WORDS})\b|@[\w.]+"),
        ("name", rf"\b(?:{_PYTHON_NAMES})\b|(?<=\bdef )\w+|(?<=\bclass )\w+"),
        ("number", _NUMBER),
    ),
    spans=(_Span('"""', '"""', "string"), _Span("'''", "'''", "string")),
)
_JSON = _Grammar(
    _pattern(
        ("name", r'"(?:\\.|[^"\\])*"(?=\s*:)'),
        ("string", r'"(?:\\.|[^"\\])*"?'),
        ("keyword", r"\b(?:true|false|null)\b"),
        ("number", r"-?" + _NUMBER),
    )
)
_JINJA = _Grammar(
    _pattern(
        ("keyword", rf"\{{[{{%]-?|-?[}}%]\}}|\b(?:{_JINJA_WORDS})\b"),
        ("string", _STRINGS),
        ("number", _NUMBER),
        ("name", r"[A-Za-z_]\w*"),
    ),
    spans=(_Span("{#", "#}", "comment"),),
    islands=re.compile(r"\{\{.*?(?:\}\}|$)|\{%.*?(?:%\}|$)"),
)
_SQL = _Grammar(
    _pattern(
        ("comment", r"--.*"),
        ("string", r"'(?:''|[^'])*'?"),
        ("keyword", rf"\b(?:{_SQL_WORDS})\b"),
        ("name", r"[:@]\w+|\"[^\"]*\"?"),
        ("number", _NUMBER),
        flags=re.IGNORECASE,
    ),
    spans=(_Span("/*", "*/", "comment"),),
)
_SHELL = _Grammar(
    _pattern(
        ("comment", r"(?:^|(?<=\s))#.*"),
        ("string", _STRINGS),
        ("name", r"\$\{[^}]*\}?|\$\w+|\$[@*#?$!-]"),
        ("keyword", rf"(?<![\w/-])(?:{_SHELL_WORDS})(?![\w/-])"),
        ("number", _NUMBER),
    )
)
_GRAMMARS: dict[Language, _Grammar] = {
    Language.PYTHON: _PYTHON,
    Language.JSON: _JSON,
    Language.JINJA: _JINJA,
    Language.SQL: _SQL,
    Language.SHELL: _SHELL,
}

Part = tuple[int, int, str]


def _tokens(grammar: _Grammar, text: str, start: int, end: int) -> Iterable[Part]:
    """The coloured parts of ``text[start:end]`` as (start, length, role)."""
    areas: Iterable[tuple[int, int]] = ((start, end),)
    if grammar.islands is not None:
        areas = (found.span() for found in grammar.islands.finditer(text, start, end))
    for begin, stop in areas:
        for found in grammar.tokens.finditer(text, begin, stop):
            yield found.start(), found.end() - found.start(), found.lastgroup or "name"


def highlight_line(language: Language, text: str, state: int) -> tuple[list[Part], int]:
    """The coloured parts of one line, and the state in which the next line begins.

    Args:
        language: The language of the text.
        text: The line.
        state: 0, or one more than the index of the span in which the line begins.
    """
    grammar = _GRAMMARS.get(language)
    if grammar is None:
        return [], 0
    parts: list[Part] = []
    at = 0
    while at <= len(text):
        if state > 0:
            span = grammar.spans[state - 1]
            end = text.find(span.end, at)
            if end < 0:
                parts.append((at, len(text) - at, span.role))
                return parts, state
            parts.append((at, end + len(span.end) - at, span.role))
            at, state = end + len(span.end), 0
        stop, opened = _next_span(grammar, text, at)
        parts.extend(_tokens(grammar, text, at, stop))
        if not opened:
            return parts, 0
        length = len(grammar.spans[opened - 1].begin)
        parts.append((stop, length, grammar.spans[opened - 1].role))
        at, state = stop + length, opened
    return parts, state


def _next_span(grammar: _Grammar, text: str, at: int) -> tuple[int, int]:
    """Where the next span begins and which it is; the end of the line and 0 without one.

    A mark inside a string or a comment of one line opens nothing.
    """
    found = [
        (place, index)
        for index, span in enumerate(grammar.spans, start=1)
        if (place := text.find(span.begin, at)) >= 0
    ]
    if not found:
        return len(text), 0
    place, index = min(found)
    for start, length, role in _tokens(grammar, text, at, len(text)):
        inside = start < place < start + length
        if inside and role in {"string", "comment"}:
            return _next_span_after(grammar, text, start + length)
    return place, index


def _next_span_after(grammar: _Grammar, text: str, at: int) -> tuple[int, int]:
    return _next_span(grammar, text, at) if at < len(text) else (len(text), 0)


class Highlighter(QSyntaxHighlighter):
    """Colours a document in the current theme."""

    def __init__(self, document: QTextDocument, language: Language = Language.PLAIN) -> None:
        super().__init__(document)
        self._language = language
        self._formats: dict[str, QTextCharFormat] = {}
        self.take_theme(current_theme())

    @property
    def language(self) -> Language:
        """The language that is coloured."""
        return self._language

    def set_language(self, language: Language) -> None:
        """Colour another language from now on."""
        if language is not self._language:
            self._language = language
            self.rehighlight()

    def take_theme(self, theme: Theme) -> None:
        """Colour everything again in `theme`."""
        for role in ("keyword", "string", "number", "comment", "name"):
            made = QTextCharFormat()
            made.setForeground(theme.color(f"code_{role}"))
            made.setFontItalic(role == "comment")
            self._formats[role] = made
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        """Colour one line; Qt asks for the following ones when the state changes."""
        parts, state = highlight_line(self._language, text, max(0, self.previousBlockState()))
        for start, length, role in parts:
            self.setFormat(start, length, self._formats[role])
        self.setCurrentBlockState(state)
