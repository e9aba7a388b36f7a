"""Sources that must not pass, for the tests of expressions and the fuzz tests.

`REFUSED` are refused when compiled, `HUGE` when evaluated at the latest.
"""

from __future__ import annotations

REFUSED: list[str] = [
    "().__class__", "().__class__.__bases__[0].__subclasses__()", "''.__class__", "nodes.__dict__",
    "state._hidden", "__import__('os')", "_s", "_b", "_globals", "[_ for _ in [1]]",
    "(lambda: 1)()", "lambda: 1", "(x := 1)", "[y := 1, y]", "print(*[1])", "[*input.rows]",
    "{**input}", "dict(**input)", "max(*input.rows)", "dict(__class__=1)", "eval('1')",
    "exec('1')", "open('x')", "getattr(input, 'x')", "type(1)", "vars()", "globals()",
    "'{0.__class__}'.format(1)", "'{}'.format_map(input)", "'a'.encode()", "b'bytes'", "1j", "...",
    "input.rows()", "input['f'](1)", "len(len)", "(yield)", "await input", "not_a_name",
    "f'{input!r}'", "f'{input!a}'", "f'{1:{2}}'", "f'{1:10000}'", "f'{1:.999}'", "f'{1:c}'",
    "[x async for x in input]", "[0 for input in [1]]", "[0 for x.y in [1]]", "[0 for [] in [1]]",
    "[0 for x[0] in [1]]", "[1 for *x, y in [[1]]]", "[y for x in y for y in [1]]", "1 is 1",
    "1 @ 2", "import os", "x = 1", "1; 2", "assert 1", "[].append(1)", "input.update(input)",
    "input.rows.sort()", "input.pop('amount')", "'\ud800'", "'\\ud800'", "1e999", "9" * 2_000,
    "input.__class__", "input['x'].__class__", "now.__class__", "now.replace(year=1)", "ｓtate._x",
    "_\uff3fimport_\uff3f('os')", "input.\uff3f\uff3fclass\uff3f\uff3f", "\0", "1 +\0 1",
    "dict(a=1, a=2)",
]  # fmt: skip

HUGE: list[str] = [
    "9**9**9", "9**9**9**9", "2**99999", "10**10 * 10**9999", "1 << 10**9", "1 << 5000",
    "[0] * 10**9", "10**9 * [0]", "'a' * 10**9", "'ab' * 10**7", "('a' * 10**6) * 10**6",
    "list(range(10**9))", "range(10**9)", "range(-10**100, 10**100)", "sum(range(10**6 + 1))",
    "[x for x in range(10**6) for y in range(10**6)]",
    "[[y for y in range(10**6)] for x in range(10**6)]",
    "sum(1 for x in range(1000) for y in range(1000) for z in range(1000))",
    "any(False for x in range(10**6) for y in range(10**6))",
    "{x: y for x in range(2000) for y in range(2000)}",
    "{x * y for x in range(2000) for y in range(2000)}", "['a' * 10**6 for x in range(10**5)]",
    "[[0] * 1000 for x in range(10**5)]", "[f'{x:1000}' for x in range(10**5)]",
    "['a'.ljust(10**6) for x in range(10**5)]", "'a'.center(10**9)", "'1'.zfill(10**8)",
    "'a'.join(range(10**6)).replace('a', 'b' * 10**6)", "('a' * 10**6).replace('', 'b' * 10**6)",
    "','.join(['a' * 10**6] * 10**5)",
    "[[[[x] * 1000 for x in [[x] * 1000]] for x in [[x] * 1000]] for x in [[0] * 1000]]",
    "str([[[[0] * 99] * 99] * 99] * 99)", "json([[[[0] * 99] * 99] * 99] * 99)",
    "[[[[[0] * 99] * 99] * 99] * 99] * 99", "digest([[[['a' * 999] * 99] * 99] * 99])",
    "[[[[0] * 99] * 99] * 99] * 99 == [[[[0] * 99] * 99] * 99] * 99",
    "sorted([[[[[0] * 99] * 99] * 99] * 99, [[[[0] * 99] * 99] * 99] * 99])",
    "[[[[0] * 99] * 99] * 99] * 99 in [[[[[0] * 99] * 99] * 99] * 99]",
    "[[[[[0] * 99] * 99] * 99] * 99].count([[[[0] * 99] * 99] * 99] * 99)",
    "sorted(['a' * 10**6 + 'b', 'a' * 10**6 + 'c'] * 10**5)",
    "('a' * 10**6 + 'b') in ['a' * 10**6 + 'c'] * 10**5", "('a' * 10**6).rfind('b' + 'a' * 10**5)",
    "('a' * 10**6).rsplit('b' + 'a' * 10**5)", "set(x * (2**61 - 1) for x in range(10**5))",
    "{x * (2**61 - 1) for x in range(10**5)}", "unique([x * (2**61 - 1) for x in range(10**5)])",
    "{2**61 - 1: 1}", "[x in list(range(10**5)) for x in range(10**5)]",
    "[[0] * 10**5 == [0] * 10**5 for x in range(10**4)]", "('a' * 10**6).split('a')",
    "('a ' * 10**6).split()", "('\\n' * 2 * 10**6).splitlines()",
    "('a' * 10**6).strip('b' * 1000 + 'a')", "int('9' * 2000)", "round(1, -10**9)",
    "json(1, 10**9)", "matches('*a' * 10**5, 'a' * 10**6)", "parse_json('[' * 10**5)",
    "parse_json('[1,' * 100)", "zip(range(10**6), range(10**6), range(10**6))",
    "flatten([[0] * 10**6] * 10**3)", "'%1000000000d' % 1", "f'{10**300:,}' * 10**6", "1e308 * 10",
    "[1e308 * 10]", "float('nan')", "float('inf')", "2.0 ** 10000", "10**400 / 1", "(-8) ** 0.5",
    "duration(10**30)", "date('x' * 10**6)", "datetime(10**30)", "now + duration(10**13)",
]  # fmt: skip
