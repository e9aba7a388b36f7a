"""The language itself: which syntax passes, and what stands for it in the compiled code.

Only the nodes in `Rewriter`'s table pass; everything else is refused by name. What passes is
rewritten so that the code object holds no Python attribute, no built-in, and no operator whose
cost is not known: ``state.total`` becomes a subscript, ``a + b`` a call of
`expression_operations.add`, ``for x in y`` pays for its rounds before the first one.
Names that begin with an underscore are ours (``_s`` the scope, ``_b`` the budget, the rest in
`expression_compiler`); a source that uses one is refused.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from engine.model.expression_functions import BUDGETED, signature
from engine.model.expression_methods import METHOD_NAMES, arities, usage_of
from engine.model.expression_nodes import (
    LOAD,
    Chain,
    Position,
    ReadSet,
    Refused,
    call,
    is_atom,
    is_number,
    is_text,
    listed,
    load,
    unpacked_levels,
    weight_of,
)
from engine.model.expression_operations import check_spec
from engine.model.expression_values import MAX_INTEGER_BITS, Fault, suggestion

#: A result that repeats values of the scope more often is measured before it is handed out.
MAX_UNMEASURED: Final = 8
#: Text as it is written in which Python may look for other text, whatever that is.
SHORT_TEXT: Final = 64

#: Roots that may hold dates, whose fields are no items.
_WITH_DATES: Final = frozenset({"now", "run"})
_HINTS: Final = {"true": "True", "false": "False", "null": "None", "none": "None"}
_REFUSED: Final[Mapping[type[ast.AST], str]] = {
    ast.Lambda: "lambda is not allowed",
    ast.NamedExpr: ":= is not allowed",
    ast.Await: "await is not allowed",
    ast.Yield: "yield is not allowed",
    ast.YieldFrom: "yield is not allowed",
    ast.Starred: "* before a value is not allowed",
}

OPERATORS: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "_add", ast.Sub: "_subtract", ast.Mult: "_multiply", ast.Div: "_divide",
    ast.FloorDiv: "_floor_divide", ast.Mod: "_modulo", ast.Pow: "_power",
    ast.LShift: "_shift_left", ast.RShift: "_shift_right", ast.BitOr: "_unite",
    ast.BitAnd: "_intersect", ast.BitXor: "_differ",
}  # fmt: skip
#: With a number on one side these cost nothing and grow nothing, so Python may do them.
_NATIVE: Final = (ast.Add, ast.Sub, ast.Div, ast.FloorDiv)
_SIGNS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


class Rewriter:
    """Rewrites one tree. Every method returns a new node; the old tree stays as it is."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.reads = ReadSet()
        self.chains: dict[Position, Chain] = {}
        self.budgeted = False
        self._locals: frozenset[str] = frozenset()
        self._unbound: frozenset[str] = frozenset()
        self._in_loop = False
        self._lenient = False  # inside coalesce(): what is missing is a fault that it catches
        self._table: Final[Mapping[type[ast.expr], Callable[[Any], ast.expr]]] = {
            ast.Constant: self._on_constant,
            ast.Name: self._on_name,
            ast.Attribute: self._on_attribute,
            ast.Subscript: self._on_subscript,
            ast.BinOp: self._on_bin_op,
            ast.UnaryOp: self._on_unary_op,
            ast.BoolOp: self._on_bool_op,
            ast.IfExp: self._on_if_exp,
            ast.Compare: self._on_compare,
            ast.List: self._on_list,
            ast.Tuple: self._on_tuple,
            ast.Set: self._on_set,
            ast.Dict: self._on_dict,
            ast.ListComp: self._on_list_comp,
            ast.SetComp: self._on_set_comp,
            ast.DictComp: self._on_dict_comp,
            ast.Call: self._on_call,
            ast.JoinedStr: self._on_joined_str,
            ast.FormattedValue: self._on_formatted_value,
            # Evaluated at once: a generator that got out would run where no budget looks.
            ast.GeneratorExp: self._on_list_comp,
        }

    def visit(self, node: ast.expr) -> ast.expr:
        """The node that stands for this one in the compiled code.

        Raises:
            Refused: it is not allowed.
        """
        handler = self._table.get(type(node))
        if handler is None:
            name = type(node).__name__
            raise Refused(_REFUSED.get(type(node), f"{name} is not allowed here"), node)
        return ast.copy_location(handler(node), node)

    def _visit_all(self, nodes: Sequence[ast.expr]) -> list[ast.expr]:
        return [self.visit(node) for node in nodes]

    def _budget(self) -> ast.expr:
        self.budgeted = True
        return load("_b")

    # --- names and looking into values ---

    def _on_constant(self, node: ast.Constant) -> ast.expr:
        match node.value:
            case None | bool():
                pass
            case str() as text:
                try:
                    text.encode()
                except UnicodeEncodeError:
                    raise Refused("the text holds half a character (a surrogate)", node) from None
            case int() as number:
                if number.bit_length() > MAX_INTEGER_BITS:
                    raise Refused(f"a number has more than {MAX_INTEGER_BITS:,} bits", node)
            case float() as number:
                if not math.isfinite(number):
                    raise Refused("the number is too large", node)
            case other:
                raise Refused(f"{type(other).__name__} values are not allowed", node)
        return ast.Constant(node.value)

    def _on_name(self, node: ast.Name) -> ast.expr:
        if node.id in self._locals:
            return load(node.id)
        self._check_name(node)
        self.reads.add(node.id)
        return self._root(node)

    def _check_name(self, node: ast.Name) -> None:
        name = node.id
        if name in self._unbound:
            raise Refused(f"{name!r} is used before it has a value", node)
        if name.startswith("_"):
            raise Refused(f"the name {name!r} is not allowed: it begins with an underscore", node)
        if name in self.names:
            return
        if name in BUDGETED:
            raise Refused(f"{name!r} is a function; call it: {name}(...)", node)
        if name in _HINTS:
            raise Refused(f"undefined name {name!r}; write {_HINTS[name]}", node)
        known = [*sorted(self.names), *sorted(self._locals)]
        raise Refused(f"undefined name {name!r}{suggestion(name, known)}", node)

    def _root(self, node: ast.Name) -> ast.expr:
        self._remember(node, (node.id, ()))
        if self._lenient:
            return call("_item", load("_s"), ast.Constant(node.id))
        return ast.Subscript(load("_s"), ast.Constant(node.id), LOAD)

    def _remember(self, node: ast.expr, chain: Chain) -> None:
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        self.chains[node.lineno, node.col_offset, end_line, end] = chain

    def _chain(self, node: ast.expr) -> Chain | None:
        """``state.a["b"][0]`` as its root and keys, or None if it is something else."""
        keys: list[str | int] = []
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute):
                keys.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                if not isinstance(node.slice.value, (str, int)):
                    return None
                keys.append(node.slice.value)
                node = node.value
            else:
                return None
        if node.id in self._locals or node.id not in self.names or node.id in self._unbound:
            return None
        return node.id, tuple(reversed(keys))

    def _on_attribute(self, node: ast.Attribute) -> ast.expr:
        if node.attr.startswith("_"):
            raise Refused(
                f"the field {node.attr!r} is not allowed: it begins with an underscore", node
            )
        return self._look(node, node.value, ast.Constant(node.attr), "_field")

    def _on_subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.slice, ast.Slice):
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            given = [ast.Constant(None) if bound is None else self.visit(bound) for bound in bounds]
            return call("_part", self._budget(), self.visit(node.value), *given)
        return self._look(node, node.value, node.slice, "_item")

    def _look(self, node: ast.expr, value: ast.expr, key: ast.expr, function: str) -> ast.expr:
        chain = self._chain(node)
        index = self.visit(key) if function == "_item" else key
        if chain is None:
            return call(function, self._base(value, key), index)
        root, keys = chain
        self._remember(node, chain)
        base = self._base(value, key)
        if self._lenient or root == "now" or (root in _WITH_DATES and len(keys) > 1):
            return call(function, base, index)
        return ast.Subscript(base, index, LOAD)

    def _base(self, node: ast.expr, key: ast.expr) -> ast.expr:
        """What is looked into; reading one known field of a root is not reading all of it."""
        if isinstance(node, ast.Name) and node.id not in self._locals:
            self._check_name(node)
            self.reads.add(node.id, key.value if isinstance(key, ast.Constant) else "*")
            return ast.copy_location(self._root(node), node)
        return self.visit(node)

    # --- operators ---

    def _on_bin_op(self, node: ast.BinOp) -> ast.expr:
        function = OPERATORS.get(type(node.op))
        if function is None:
            raise Refused(f"the operator {type(node.op).__name__} is not allowed", node)
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, _NATIVE) and (is_number(node.left) or is_number(node.right)):
            return ast.BinOp(left, node.op, right)
        return call(function, self._budget(), left, right)

    def _on_unary_op(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        if isinstance(node.op, ast.Invert):
            return call("_invert", operand)
        return ast.UnaryOp(node.op, operand)

    def _on_bool_op(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, self._visit_all(node.values))

    def _on_if_exp(self, node: ast.IfExp) -> ast.expr:
        return ast.IfExp(self.visit(node.test), self.visit(node.body), self.visit(node.orelse))

    def _on_compare(self, node: ast.Compare) -> ast.expr:
        operands = [node.left, *node.comparators]
        pairs = list(zip(operands, node.ops, node.comparators, strict=False))
        if any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops):
            return self._identity(node)
        if len(pairs) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            values = [self.visit(node.left), self._container(node.left, node.comparators[0])]
        else:
            values = self._visit_all(operands)
        if all(self._is_cheap(*pair) for pair in pairs):
            return ast.Compare(values[0], node.ops, values[1:])
        signs: list[ast.expr] = [ast.Constant(_SIGNS[type(op)]) for op in node.ops]
        if len(signs) == 1:
            return call("_compare", self._budget(), values[0], signs[0], values[1])
        return call("_compare_all", self._budget(), listed(signs), listed(values))

    def _container(self, wanted: ast.expr, node: ast.expr) -> ast.expr:
        # `"x" in state` asks about one field.
        return self._base(node, wanted) if is_text(wanted) else self.visit(node)

    def _identity(self, node: ast.Compare) -> ast.expr:
        right = node.comparators[0]
        known = isinstance(right, ast.Constant) and (
            right.value is None or isinstance(right.value, bool)
        )
        left_fits = isinstance(node.left, (ast.Name, ast.Attribute, ast.Subscript, ast.Call))
        if len(node.ops) > 1 or not known or not left_fits:
            raise Refused("'is' works only with None, True or False on its right; use ==", node)
        return ast.Compare(self.visit(node.left), node.ops, self._visit_all(node.comparators))

    def _is_cheap(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool:
        """Whether Python may compare: neither walks values of our making nor does so in a loop."""
        stored = not self._in_loop and not self._lenient and self._chain(right) is not None
        if isinstance(op, (ast.In, ast.NotIn)):
            if isinstance(right, (ast.List, ast.Tuple)):
                return all(is_atom(element) for element in right.elts)
            if is_text(right):
                return len(str(right.value)) <= SHORT_TEXT
            return stored and (is_atom(left) or self._chain(left) is not None)
        return is_atom(left) or is_atom(right) or (stored and self._chain(left) is not None)

    # --- lists, objects, sets ---

    def _on_list(self, node: ast.List) -> ast.expr:
        return listed(self._visit_all(node.elts))

    def _on_tuple(self, node: ast.Tuple) -> ast.expr:
        # A list: JSON has no tuples, and a tuple within tuples could be a key of any size.
        return listed(self._visit_all(node.elts))

    def _on_set(self, node: ast.Set) -> ast.expr:
        return ast.Set([self._key(element) for element in node.elts])

    def _on_dict(self, node: ast.Dict) -> ast.expr:
        keys: list[ast.expr | None] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise Refused("** is not allowed; join two objects with |", value)
            keys.append(self._key(key))
        return ast.Dict(keys, self._visit_all(node.values))

    def _key(self, node: ast.expr) -> ast.expr:
        key = self.visit(node)
        if is_text(node):
            return key
        return ast.copy_location(call("_hashable", key), node)

    # --- loops ---

    def _on_list_comp(self, node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
        with self._loop(node.generators, [node.elt]) as loops:
            return ast.ListComp(self.visit(node.elt), loops)

    def _on_set_comp(self, node: ast.SetComp) -> ast.expr:
        with self._loop(node.generators, [node.elt]) as loops:
            return ast.SetComp(self._key(node.elt), loops)

    def _on_dict_comp(self, node: ast.DictComp) -> ast.expr:
        with self._loop(node.generators, [node.key, node.value]) as loops:
            return ast.DictComp(self._key(node.key), self.visit(node.value), loops)

    def _generator(self, node: ast.GeneratorExp) -> ast.expr:
        with self._loop(node.generators, [node.elt]) as loops:
            return ast.copy_location(ast.GeneratorExp(self.visit(node.elt), loops), node)

    @contextmanager
    def _loop(
        self, generators: Sequence[ast.comprehension], body: Sequence[ast.expr]
    ) -> Generator[list[ast.comprehension]]:
        """Rewrite the ``for`` parts; within the context their names have values."""
        outer = self._locals, self._unbound, self._in_loop
        targets = [self._targets(generator) for generator in generators]
        everything = frozenset().union(*targets)
        conditions = [test for generator in generators for test in generator.ifs]
        inner_sources = [generator.iter for generator in generators[1:]]
        weight = ast.Constant(weight_of([*body, *conditions, *inner_sources]))
        bound: frozenset[str] = frozenset()
        loops: list[ast.comprehension] = []
        try:
            for generator, names in zip(generators, targets, strict=True):
                depth = ast.Constant(unpacked_levels(generator.target))
                source = self.visit(generator.iter)  # the first one still outside
                rounds = call("_rounds", self._budget(), source, weight, depth)
                bound |= names
                self._locals = (outer[0] - everything) | bound
                self._unbound = (outer[1] | everything) - bound
                self._in_loop = True
                tests = self._visit_all(generator.ifs)
                iterable = ast.copy_location(rounds, generator.iter)
                loops.append(ast.comprehension(generator.target, iterable, tests, 0))
            yield loops
        finally:
            self._locals, self._unbound, self._in_loop = outer

    def _targets(self, generator: ast.comprehension) -> frozenset[str]:
        if generator.is_async:
            raise Refused("async is not allowed", generator.iter)
        names: set[str] = set()
        stack = [generator.target]
        while stack:
            target = stack.pop()
            if isinstance(target, (ast.Tuple, ast.List)) and target.elts:
                stack.extend(target.elts)
            elif not isinstance(target, ast.Name):
                raise Refused("a loop can only give values to names", target)
            elif target.id.startswith("_"):
                raise Refused(f"the name {target.id!r} begins with an underscore", target)
            elif target.id in self.names:
                raise Refused(f"{target.id!r} has a meaning already; take another name", target)
            else:
                names.add(target.id)
        return frozenset(names)

    # --- calls and text ---

    def _on_call(self, node: ast.Call) -> ast.expr:
        given = [keyword.arg for keyword in node.keywords]
        for keyword in node.keywords:
            if keyword.arg is None:
                raise Refused("** before a value is not allowed", keyword)
            if given.count(keyword.arg) > 1:
                raise Refused(f"the argument {keyword.arg!r} is given twice", keyword)
            if keyword.arg.startswith("_"):
                raise Refused(f"the name {keyword.arg!r} begins with an underscore", keyword)
        match node.func:
            case ast.Name(id=name):
                return self._function(node, name)
            case ast.Attribute(attr=name, value=value):
                return self._method(node, name, value)
            case _:
                raise Refused("only functions and methods can be called, by their names", node)

    def _function(self, node: ast.Call, name: str) -> ast.expr:
        if name in self._locals or name in self.names:
            raise Refused(f"{name!r} is a value, not a function", node)
        if name not in BUDGETED:
            raise Refused(f"unknown function {name!r}{suggestion(name, sorted(BUDGETED))}", node)
        if name == "coalesce" and not node.keywords:
            return self._coalesce(node)
        own = signature(name)
        try:
            own.bind(*node.args, **{str(keyword.arg): None for keyword in node.keywords})
        except TypeError:
            usage = f"{name}{own}".replace("Ellipsis", "...")
            raise Refused(f"the arguments do not fit {usage}", node) from None
        if name in {"any", "all"} and isinstance(node.args[0], ast.GeneratorExp):
            args = [self._generator(node.args[0])]  # stops at the first that decides
        else:
            args = self._visit_all(node.args)
        keywords = [
            ast.keyword(keyword.arg, self.visit(keyword.value)) for keyword in node.keywords
        ]
        return call(f"_f_{name}", self._budget(), *args, keywords=keywords)

    def _coalesce(self, node: ast.Call) -> ast.expr:
        outer, self._lenient = self._lenient, True
        bodies = self._visit_all(node.args)
        self._lenient = outer
        nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        return call("_first", *(ast.Lambda(nothing, body) for body in bodies))

    def _method(self, node: ast.Call, name: str, value: ast.expr) -> ast.expr:
        if name not in METHOD_NAMES:
            hint = suggestion(name, sorted(METHOD_NAMES))
            raise Refused(f"the method {name}() is not allowed{hint}", node)
        if node.keywords or len(node.args) not in arities(name):
            raise Refused(f"the method {name}() takes {usage_of(name)}", node)
        # state.get("total") asks about one field.
        base = self._base(value, node.args[0]) if name == "get" else self.visit(value)
        args = self._visit_all(node.args)
        return call("_method", self._budget(), base, ast.Constant(name), *args)

    def _on_joined_str(self, node: ast.JoinedStr) -> ast.expr:
        return call("_joined", self._budget(), listed(self._visit_all(node.values)))

    def _on_formatted_value(self, node: ast.FormattedValue) -> ast.expr:
        if node.conversion not in {-1, ord("s")}:
            raise Refused(f"!{chr(node.conversion)} in an f-string is not allowed", node)
        value = self.visit(node.value)
        match node.format_spec:
            case None | ast.JoinedStr(values=[]):
                return call("_text", self._budget(), value)
            case ast.JoinedStr(values=[ast.Constant(value=str() as spec)]):
                try:
                    check_spec(spec)
                except Fault as fault:
                    raise Refused(str(fault), node) from None
                return call("_formatted", self._budget(), value, ast.Constant(spec))
            case _:
                raise Refused("the format in an f-string must be written out", node)

    # --- what comes out ---

    def is_plain(self, node: ast.expr) -> bool:
        """Whether the result is JSON without a look at it, and repeats little of the scope."""
        mentions = 0
        stack = [node]
        while stack:
            part = stack.pop()
            chain = self._chain(part)
            if chain is not None:
                mentions += 1
                if chain[0] in _WITH_DATES or mentions > MAX_UNMEASURED:
                    return False
                continue
            match part:
                case ast.Constant() | ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.JoinedStr():
                    pass
                case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.BoolOp(values=parts):
                    stack.extend(parts)
                case ast.IfExp(body=body, orelse=orelse):
                    stack.extend((body, orelse))
                case ast.Dict(keys=keys, values=parts) if all(key and is_text(key) for key in keys):
                    stack.extend(parts)
                case _:
                    return False
        return True
