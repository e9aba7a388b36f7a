from __future__ import annotations

import ast

import pytest

from engine.model.expression_nodes import Refused
from engine.model.expression_rewriting import Rewriter

NAMES = frozenset({"input", "state"})


def rewritten(source: str) -> str:
    rewriter = Rewriter(NAMES)
    return ast.unparse(
        ast.fix_missing_locations(rewriter.visit(ast.parse(source, mode="eval").body))
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("state.a.b > 1", "_s['state']['a']['b'] > 1"),
        ("state.a + 1", "_s['state']['a'] + 1"),
        ("state.a + state.b", "_add(_b, _s['state']['a'], _s['state']['b'])"),
        ("[x.y for x in state]", "[_field(x, 'y') for x in _rounds(_b, _s['state'], 1, 0)]"),
        ("input[state.k]", "_item(_s['input'], _s['state']['k'])"),
        ("state.a.upper()", "_method(_b, _s['state']['a'], 'upper')"),
        ("(1, 2)", "[1, 2]"),
        ("{input.a: 1}", "{_hashable(_s['input']['a']): 1}"),
    ],
)
def test_what_stands_for_the_source(source: str, code: str) -> None:
    assert rewritten(source) == code


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("lambda: 1", "lambda is not allowed"),
        ("(x := 1)", ":= is not allowed"),
        ("(yield)", "yield is not allowed"),
        ("[*input]", "* before a value"),
        ("{**input}", "join two objects with |"),
        ("len(**input)", "** before a value"),
        ("input.__class__", "begins with an underscore"),
        ("[0 for _x in input]", "begins with an underscore"),
        ("[0 for input in [1]]", "has a meaning already"),
        ("[x for x in y for y in input]", "undefined name 'y'"),
        ("[y for x in input for z in y for y in x]", "used before it has a value"),
        ("input is 1", "use =="),
        ("input()", "is a value, not a function"),
        ("[x(1) for x in input]", "is a value, not a function"),
        ("input.a()", "the method a() is not allowed"),
        ("(1)()", "can be called, by their names"),
        ("'a'.split(sep='b')", "by position"),
        ("f'{input!r}'", "!r in an f-string"),
        ("f'{1:{2}}'", "must be written out"),
        ("input @ 1", "MatMult is not allowed"),
        ("len", "call it: len(...)"),
        ("none", "write None"),
        ("dict(a=1, a=2)", "given twice"),
    ],
)
def test_refusals_say_what_is_not_allowed(source: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        rewritten(source)
    assert message in str(caught.value)
