"""Colours of code: tokens, states over lines, and text that is not code."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication

from designer.theme import DARK, current_theme
from designer.widgets.highlighter import Highlighter, Language, highlight_line


def parts(language: Language, text: str, state: int = 0) -> dict[str, str]:
    found, _state = highlight_line(language, text, state)
    return {text[start : start + length]: role for start, length, role in found}


def test_python_tokens() -> None:
    found = parts(Language.PYTHON, "def total(x): return input['a'] * 1.5  # net")
    assert found["def"] == found["return"] == "keyword"
    assert found["total"] == found["input"] == "name"
    assert found["'a'"] == "string"
    assert found["1.5"] == "number"
    assert found["# net"] == "comment"


def test_triple_quotes_go_over_lines() -> None:
    opened, state = highlight_line(Language.PYTHON, 'x = """first', 0)
    assert opened[-1][2] == "string"
    assert state == 1
    middle, state = highlight_line(Language.PYTHON, "if not code", state)
    assert [role for _s, _n, role in middle] == ["string"]
    closed, state = highlight_line(Language.PYTHON, 'last""" + "y"', state)
    assert state == 0
    assert len(closed) == 2


@pytest.mark.parametrize("text", ["\"'''\"", '# """ open?', 'x = \'"""\''])
def test_marks_inside_strings_and_comments_open_nothing(text: str) -> None:
    assert highlight_line(Language.PYTHON, text, 0)[1] == 0


def test_json_keys_differ_from_values() -> None:
    found = parts(Language.JSON, '{"key": "value", "n": -2.5e3, "t": true}')
    assert found['"key"'] == "name"
    assert found['"value"'] == "string"
    assert found["-2.5e3"] == "number"
    assert found["true"] == "keyword"


def test_templates_colour_only_what_is_code() -> None:
    found = parts(Language.JINJA, "for you: {{ input.name }} {% if 3 %}")
    assert "for" not in found
    assert found["input"] == "name"
    assert found["if"] == found["{%"] == "keyword"
    assert highlight_line(Language.JINJA, "{# note", 0)[1] == 1


def test_sql_without_case_and_shell_variables() -> None:
    assert parts(Language.SQL, "SELECT a FROM t WHERE d = :day")["SELECT"] == "keyword"
    assert parts(Language.SQL, "where d = :day")[":day"] == "name"
    assert parts(Language.SHELL, 'echo "$A" ${B}')["${B}"] == "name"


def test_plain_text_has_no_colours() -> None:
    assert highlight_line(Language.PLAIN, 'def "x" 1', 0) == ([], 0)


def test_a_document_takes_colours_and_languages(qapp: QApplication) -> None:
    document = QTextDocument("true = 1")
    highlighter = Highlighter(document, Language.JSON)
    formats = document.firstBlock().layout().formats()
    assert formats[0].format.foreground().color() == current_theme().color("code_keyword")
    highlighter.take_theme(DARK)
    formats = document.firstBlock().layout().formats()
    assert formats[0].format.foreground().color() == DARK.color("code_keyword")
    highlighter.set_language(Language.PLAIN)
    assert document.firstBlock().layout().formats() == []
