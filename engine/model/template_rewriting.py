"""Which template syntax passes, and what stands for it: the allow-list of text templates.

Works on the tree that Jinja has parsed. What could run code, load files, recurse or grow
without a bound is refused; what works on values becomes one of the filters of
`template_sandbox`, whose names begin with an underscore and cannot be written in a template.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import nodes

from engine.model.expression_functions import BUDGETED, signature
from engine.model.expression_methods import METHOD_NAMES, arities, usage_of
from engine.model.expression_nodes import ReadSet
from engine.model.expression_values import (
    CHARACTERS_PER_STEP,
    MAX_INTEGER_BITS,
    TemplateFault,
    suggestion,
)
from engine.model.template_filters import FILTERS, TESTS

MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 100
NODES_PER_STEP: Final = 16
#: What ``loop`` offers inside a ``{% for %}``, besides ``loop.cycle(...)``.
LOOP_FIELDS: Final = frozenset(
    {
        "index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0",
        "previtem", "nextitem",
    }
)  # fmt: skip

_SIGNS: Final[Mapping[str, str]] = {
    "eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in",
    "notin": "not in",
}  # fmt: skip
_UNBOUNDED_WORDS: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Macro: "macro", nodes.CallBlock: "call", nodes.Include: "include",
    nodes.Import: "import", nodes.FromImport: "from", nodes.Extends: "extends",
    nodes.Block: "block", nodes.FilterBlock: "filter", nodes.AssignBlock: "set with a block",
    nodes.Scope: "autoescape", nodes.ScopedEvalContextModifier: "autoescape",
    nodes.NSRef: "namespace",
}  # fmt: skip
#: Filters that are known only where something can be undefined.
_DEFAULTS: Final = frozenset({"d", "default"})


class Misused(TemplateFault):
    """A node of the template is not allowed."""

    def __init__(self, message: str, node: nodes.Node) -> None:
        super().__init__(message, node.lineno or 1)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A tree that may be compiled.

    Attributes:
        is_value: the template is a single expression, whose value is assigned to a name.
    """

    tree: nodes.Template
    reads: ReadSet
    is_value: bool


def rewrite(tree: nodes.Template, names: frozenset[str], result: str | None) -> Rewritten:
    """Check a tree and replace what works on values.

    Args:
        tree: as Jinja parsed it; it is changed.
        names: what the template may refer to.
        result: the name that a single expression's value is assigned to, or None to render it.

    Raises:
        Misused: it uses what is not allowed.
    """
    _check_size(tree)
    rewriter = _Rewriter(names)
    match tree.body:
        case [nodes.Output(nodes=[expression])] if result and not isinstance(
            expression, nodes.TemplateData
        ):
            target = nodes.Name(result, "store", lineno=expression.lineno)
            body: list[nodes.Node] = [
                nodes.Assign(target, rewriter.expression(expression), lineno=expression.lineno)
            ]
            is_value = True
        case _:
            body, is_value = rewriter.statements(tree.body), False
    return Rewritten(nodes.Template(body, lineno=1), rewriter.reads, is_value)


def _check_size(tree: nodes.Template) -> None:
    count = 0
    stack: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MAX_NODES:
            raise Misused(f"the template has more than {MAX_NODES:,} parts", node)
        if depth > MAX_DEPTH:
            raise Misused(f"the template is nested more than {MAX_DEPTH} levels deep", node)
        stack.extend((child, depth + 1) for child in node.iter_child_nodes())


def _weight(parts: Iterable[nodes.Node]) -> int:
    """The steps that one round of a loop costs: by the size and the text of its body."""
    count = characters = 0
    stack = list(parts)
    while stack:
        node = stack.pop()
        count += 1
        if isinstance(node, nodes.TemplateData):
            characters += len(node.data)
        elif isinstance(node, (nodes.List, nodes.Tuple, nodes.Dict)):
            count += 3 + 2 * len(node.items)
        stack.extend(node.iter_child_nodes())
    return 1 + count // NODES_PER_STEP + characters // CHARACTERS_PER_STEP


class _Rewriter:
    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.reads = ReadSet()
        self._locals: frozenset[str] = frozenset()
        self._in_for = False
        self._table: Final[Mapping[type[nodes.Node], Callable[[Any], nodes.Expr]]] = {
            nodes.Const: self._on_const,
            nodes.Name: self._on_name,
            nodes.Getattr: self._on_getattr,
            nodes.Getitem: self._on_getitem,
            nodes.List: self._on_list,
            nodes.Tuple: self._on_list,
            nodes.Dict: self._on_dict,
            nodes.Compare: self._on_compare,
            nodes.Concat: self._on_concat,
            nodes.CondExpr: self._on_condition,
            nodes.And: self._on_both,
            nodes.Or: self._on_both,
            nodes.Add: self._on_both,
            nodes.Sub: self._on_both,
            nodes.Mul: self._on_both,
            nodes.Div: self._on_both,
            nodes.FloorDiv: self._on_both,
            nodes.Mod: self._on_both,
            nodes.Pow: self._on_both,
            nodes.Not: self._on_one,
            nodes.Neg: self._on_one,
            nodes.Pos: self._on_one,
            nodes.Filter: self._on_filter,
            nodes.Test: self._on_test,
            nodes.Call: self._on_call,
        }

    # --- statements ---

    def statements(self, body: Sequence[nodes.Node]) -> list[nodes.Node]:
        """The statements that stand for these."""
        return [self._statement(node) for node in body]

    def _statement(self, node: nodes.Node) -> nodes.Node:
        match node:
            case nodes.Output():
                parts = [
                    part if isinstance(part, nodes.TemplateData) else self.expression(part)
                    for part in node.nodes
                ]
                return nodes.Output(parts, lineno=node.lineno)
            case nodes.If():
                return self._if(node)
            case nodes.For():
                return self._for(node)
            case nodes.Assign():
                value = self.expression(node.node)
                self._bind(node.target)
                return nodes.Assign(node.target, value, lineno=node.lineno)
            case nodes.With():
                return self._with(node)
            case _:
                word = _UNBOUNDED_WORDS.get(type(node), type(node).__name__)
                raise Misused(f"{{% {word} %}} is not allowed in a template", node)

    def _if(self, node: nodes.If) -> nodes.If:
        return nodes.If(
            self.expression(node.test),
            self.statements(node.body),
            [self._if(other) for other in node.elif_],
            self.statements(node.else_),
            lineno=node.lineno,
        )

    def _for(self, node: nodes.For) -> nodes.For:
        if node.recursive:
            raise Misused("a recursive loop is not allowed", node)
        weight = nodes.Const(_weight([*node.body, *([node.test] if node.test else [])]))
        depth = nodes.Const(_levels(node.target))
        source = self._filter(node, "_rounds", self.expression(node.iter), weight, depth)
        outer = self._locals, self._in_for
        self._bind(node.target)
        test = None if node.test is None else self.expression(node.test)
        self._in_for = True
        body = self.statements(node.body)
        self._locals, self._in_for = outer
        other = self.statements(node.else_)
        self._locals = outer[0]
        recursive = False
        return nodes.For(node.target, source, body, other, test, recursive, lineno=node.lineno)

    def _with(self, node: nodes.With) -> nodes.With:
        values = [self.expression(value) for value in node.values]
        outer = self._locals
        for target in node.targets:
            self._bind(target)
        body = self.statements(node.body)
        self._locals = outer
        return nodes.With(node.targets, values, body, lineno=node.lineno)

    def _bind(self, target: nodes.Node) -> None:
        match target:
            case nodes.Tuple(items=items) if items:
                for item in items:
                    self._bind(item)
            case nodes.Name(name=name):
                if name.startswith("_"):
                    raise Misused(f"the name {name!r} begins with an underscore", target)
                if name in self.names:
                    raise Misused(f"{name!r} has a meaning already; take another name", target)
                self._locals |= {name}
            case _:
                raise Misused("only names can be given a value", target)

    # --- expressions ---

    def expression(self, node: nodes.Node) -> nodes.Expr:
        """The expression that stands for this one.

        Raises:
            Misused: it is not allowed.
        """
        handler = self._table.get(type(node))
        if handler is None:
            raise Misused(f"{type(node).__name__} is not allowed in a template", node)
        return handler(node)

    def _all(self, parts: Iterable[nodes.Node]) -> list[nodes.Expr]:
        return [self.expression(part) for part in parts]

    def _filter(
        self,
        node: nodes.Node,
        name: str,
        value: nodes.Expr,
        *args: nodes.Expr,
        fields: Sequence[nodes.Keyword] = (),
    ) -> nodes.Filter:
        return nodes.Filter(value, name, [*args], [*fields], None, None, lineno=node.lineno)

    def _on_const(self, node: nodes.Const) -> nodes.Expr:
        value = node.value
        if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
            raise Misused(f"a number has more than {MAX_INTEGER_BITS:,} bits", node)
        if isinstance(value, float) and not math.isfinite(value):
            raise Misused("the number is too large", node)
        return node

    def _is_loop(self, node: nodes.Node) -> bool:
        """Whether this is the ``loop`` of a ``{% for %}``, not that of the workflow."""
        return self._in_for and isinstance(node, nodes.Name) and node.name == "loop"

    def _is_root(self, node: nodes.Node) -> bool:
        return isinstance(node, nodes.Name) and node.name in self.names and not self._is_loop(node)

    def _on_name(self, node: nodes.Name) -> nodes.Expr:
        return self._named(node, "*")

    def _named(self, node: nodes.Name, key: object) -> nodes.Expr:
        name = node.name
        if name.startswith("_"):
            raise Misused(f"the name {name!r} begins with an underscore", node)
        if self._is_root(node):
            self.reads.add(name, key)
        elif name not in self._locals and not self._is_loop(node):
            if name in BUDGETED:
                raise Misused(f"{name!r} is a function; call it: {name}(...)", node)
            known = sorted(self.names | self._locals)
            raise Misused(f"undefined name {name!r}{suggestion(name, known)}", node)
        return node

    def _base(self, node: nodes.Expr, key: object) -> nodes.Expr:
        """What is looked into; reading one known field of a root is not reading all of it."""
        return self._named(node, key) if isinstance(node, nodes.Name) else self.expression(node)

    def _on_getattr(self, node: nodes.Getattr) -> nodes.Expr:
        if node.attr.startswith("_"):
            raise Misused(f"the field {node.attr!r} begins with an underscore", node)
        if self._is_loop(node.node) and node.attr not in LOOP_FIELDS:
            hint = suggestion(node.attr, sorted(LOOP_FIELDS))
            raise Misused(f"the loop of a for has no {node.attr!r}{hint}", node)
        base = self._base(node.node, node.attr)
        return nodes.Getattr(base, node.attr, "load", lineno=node.lineno)

    def _on_getitem(self, node: nodes.Getitem) -> nodes.Expr:
        if isinstance(node.arg, nodes.Slice):
            bounds = (node.arg.start, node.arg.stop, node.arg.step)
            given = [
                nodes.Const(None) if bound is None else self.expression(bound) for bound in bounds
            ]
            return self._filter(node, "_part", self.expression(node.node), *given)
        key = node.arg.value if isinstance(node.arg, nodes.Const) else "*"
        base = self._base(node.node, key)
        return nodes.Getitem(base, self.expression(node.arg), "load", lineno=node.lineno)

    def _on_list(self, node: nodes.List | nodes.Tuple) -> nodes.Expr:
        return nodes.List([self._solid(item) for item in node.items], lineno=node.lineno)

    def _solid(self, node: nodes.Expr) -> nodes.Expr:
        value = self.expression(node)
        return value if isinstance(node, nodes.Const) else self._filter(node, "_solid", value)

    def _on_dict(self, node: nodes.Dict) -> nodes.Expr:
        pairs = [
            nodes.Pair(
                self._filter(pair, "_key", self.expression(pair.key)),
                self._solid(pair.value),
                lineno=pair.lineno,
            )
            for pair in node.items
        ]
        return nodes.Dict(pairs, lineno=node.lineno)

    def _on_compare(self, node: nodes.Compare) -> nodes.Expr:
        signs = nodes.List([nodes.Const(_SIGNS[operand.op]) for operand in node.ops])
        others = self._all(operand.expr for operand in node.ops)
        return self._filter(node, "_compare", self.expression(node.expr), signs, *others)

    def _on_concat(self, node: nodes.Concat) -> nodes.Expr:
        return self._filter(node, "_concat", nodes.List(self._all(node.nodes), lineno=node.lineno))

    def _on_condition(self, node: nodes.CondExpr) -> nodes.Expr:
        other = nodes.Const("") if node.expr2 is None else self.expression(node.expr2)
        return nodes.CondExpr(
            self.expression(node.test), self.expression(node.expr1), other, lineno=node.lineno
        )

    def _on_both(self, node: nodes.BinExpr) -> nodes.Expr:
        left, right = self.expression(node.left), self.expression(node.right)
        return type(node)(left, right, lineno=node.lineno)

    def _on_one(self, node: nodes.UnaryExpr) -> nodes.Expr:
        return type(node)(self.expression(node.node), lineno=node.lineno)

    def _arguments(
        self, node: nodes.Filter | nodes.Test | nodes.Call
    ) -> tuple[list[nodes.Expr], list[nodes.Keyword]]:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise Misused("* before an argument is not allowed", node)
        fields: list[nodes.Keyword] = []
        for pair in node.kwargs:
            if not isinstance(pair, nodes.Keyword) or pair.key.startswith("_"):
                raise Misused("an argument's name begins with an underscore", node)
            value = self.expression(pair.value)
            fields.append(nodes.Keyword(pair.key, value, lineno=pair.lineno))
        return self._all(node.args), fields

    def _on_filter(self, node: nodes.Filter) -> nodes.Expr:
        if node.node is None:
            raise Misused("{% filter %} is not allowed in a template", node)
        if node.name not in FILTERS and node.name not in _DEFAULTS:
            hint = suggestion(node.name, sorted(FILTERS))
            raise Misused(f"the filter {node.name!r} is not known{hint}", node)
        args, fields = self._arguments(node)
        if node.name in FILTERS:
            _check_fit(f"the filter {node.name}", FILTERS[node.name], len(args), fields, node)
        return self._filter(node, node.name, self.expression(node.node), *args, fields=fields)

    def _on_test(self, node: nodes.Test) -> nodes.Expr:
        args, fields = self._arguments(node)
        value = self.expression(node.node)
        if node.name in {"defined", "undefined"} and not args and not fields:
            defined = self._filter(node, "_defined", value)
            return defined if node.name == "defined" else nodes.Not(defined, lineno=node.lineno)
        name = node.name
        if name not in TESTS:
            hint = suggestion(name, sorted(TESTS))
            raise Misused(f"the test {name!r} is not known{hint}", node)
        _check_fit(f"the test {name}", TESTS[name], len(args), fields, node)
        return self._filter(node, "_test", value, nodes.Const(name), *args)

    def _on_call(self, node: nodes.Call) -> nodes.Expr:
        args, fields = self._arguments(node)
        match node.node:
            case nodes.Name(name=name):
                return self._function(node, name, args, fields)
            case nodes.Getattr(node=loop, attr="cycle") if self._is_loop(loop):
                if fields:
                    raise Misused("loop.cycle() takes values by position", node)
                return self._filter(node, "_cycle", loop, *args)
            case nodes.Getattr(node=value, attr=name):
                return self._method(node, value, name, args, fields)
            case _:
                raise Misused("only functions and methods can be called, by their names", node)

    def _function(
        self,
        node: nodes.Call,
        name: str,
        args: list[nodes.Expr],
        fields: list[nodes.Keyword],
    ) -> nodes.Expr:
        if name in self._locals or name in self.names:
            raise Misused(f"{name!r} is a value, not a function", node)
        if name not in BUDGETED:
            hint = suggestion(name, sorted(BUDGETED))
            raise Misused(f"unknown function {name!r}{hint}", node)
        try:
            signature(name).bind(*args, **{field.key: None for field in fields})
        except TypeError:
            usage = f"{name}{signature(name)}".replace("Ellipsis", "...")
            raise Misused(f"the arguments do not fit {usage}", node) from None
        if name == "coalesce" and args:
            return self._filter(node, "_coalesce", *args)
        return self._filter(node, "_call", nodes.Const(name), *args, fields=fields)

    def _method(
        self,
        node: nodes.Call,
        value: nodes.Expr,
        name: str,
        args: list[nodes.Expr],
        fields: list[nodes.Keyword],
    ) -> nodes.Expr:
        if name not in METHOD_NAMES:
            hint = suggestion(name, sorted(METHOD_NAMES))
            raise Misused(f"the method {name}() is not allowed{hint}", node)
        if fields or len(args) not in arities(name):
            raise Misused(f"the method {name}() takes {usage_of(name)}", node)
        key = args[0].value if name == "get" and isinstance(args[0], nodes.Const) else "*"
        return self._filter(node, "_method", self._base(value, key), nodes.Const(name), *args)


def _levels(target: nodes.Node) -> int:
    """How many levels the target of a loop unpacks."""
    if isinstance(target, nodes.Tuple):
        return 1 + max(map(_levels, target.items), default=0)
    return 0


def _check_fit(
    what: str,
    function: Callable[..., object],
    count: int,
    fields: Sequence[nodes.Keyword],
    node: nodes.Node,
) -> None:
    """Refuse arguments that do not fit, besides the budget and the value."""
    own = inspect.signature(function)
    try:
        own.bind(*[None] * (count + 2), **{field.key: None for field in fields})
    except TypeError:
        shown = [str(p.replace(annotation=p.empty)) for p in list(own.parameters.values())[2:]]
        usage = ", ".join(shown).replace("Ellipsis", "...")
        raise Misused(f"{what} takes ({usage})", node) from None
