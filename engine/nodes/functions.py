"""A node type made of a function: its parameters are the form, its result is the output.

``@node("my.slug")`` turns a function, a coroutine function or a generator into a
`FunctionNode`. The function stays callable, so that a test needs no engine.
"""

from __future__ import annotations

import re
import sys
from collections.abc import (
    Callable,
    Sequence,
)
from dataclasses import dataclass
from typing import (
    Any,
    Generic,
    Literal,
    ParamSpec,
    TypeVar,
)

from engine.model.node_types import (
    NodeType,
    Port,
    Ports,
    PortType,
    ResumeFunction,
    Stream,
)
from engine.model.workflow import Effects, RetryPolicy
from engine.nodes.function_calls import Function
from engine.nodes.function_signatures import name_of, port_names, port_of, port_type, summary_of

Json = Any
P = ParamSpec("P")
R = TypeVar("R")

_ID = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionNode(NodeType, Generic[P, R]):
    """A node type and the function it was made of; calling it calls the function."""

    function: Callable[P, R]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, without an engine."""
        return self.function(*args, **kwargs)


def node(  # noqa: PLR0913 - keywords, one for each thing that a type may say of itself
    id: str,
    *,
    title: str = "",
    category: str = "custom",
    description: str = "",
    icon: str = "node-python",
    version: int = 1,
    effects: Effects = "idempotent",
    needs: Sequence[str] = (),
    inputs: Sequence[str | Port] = ("in",),
    outputs: Sequence[str | Port] = ("out",),
    retry: RetryPolicy | None = None,
    timeout_s: float | None = None,
    templates: Sequence[str] = (),
    quick: bool = False,
    resume: ResumeFunction | None = None,
    resource: Callable[[], Any] | None = None,
    stream: Literal["repeat", "seek", "never"] | None = None,
    keywords: Sequence[str] = (),
) -> Callable[[Callable[P, R]], FunctionNode[P, R]]:
    """Make a node type of a function.

    Of the function's parameters, ``input`` (or one named like a port of `inputs`) is what
    arrives, ``ctx`` is the `Context`, and every other one is a parameter of the node: its
    annotation and default make the form. What it returns goes to the only output port; a
    function with several returns `Output`. A plain function runs in a thread; a generator,
    plain or async, shows what it yields while it runs.

    Args:
        id: dotted and stable, such as ``my.slug``.
        title: of the palette; made of the function's name when empty.
        category: section of the palette.
        description: the first paragraph of the docstring when empty.
        icon: one of the program's.
        version: rises when the parameters change their meaning.
        effects: what a repetition does: ``none``, ``idempotent`` or ``once``.
        needs: capabilities, of ``network files process secrets``.
        inputs: ports, or their names; the type comes from the annotation.
        outputs: the same.
        retry: what a new node of this type begins with.
        timeout_s: the same, for one attempt.
        templates: parameters that are Jinja texts.
        quick: a plain function that does no I/O and runs inside the loop.
        resume: for functions that return `Wait`.
        resource: returns a context manager, async or plain; what it gives is the function's
            parameter ``resource``. It is entered once per run, for all nodes of the type,
            and left when the run ends or is left.
        stream: of a generator, plain or async: what it yields are items, which a For each
            takes one by one as it has room for them. After a restart the generator is called
            again: ``repeat``, and what was taken already is passed over; ``seek``, with how many
            that were as its parameter ``after``; ``never``, which is a failure if it has given
            something.
        keywords: more words to find it by.

    Raises:
        TypeError: the function cannot be a node; the sentence says why.
    """
    caller = sys._getframe(1).f_locals

    def make(function: Callable[P, R]) -> FunctionNode[P, R]:
        opened = (id, resource) if resource is not None else None
        made = Function(function, caller, port_names(inputs), quick=quick, resource=opened)
        if stream is not None:
            made.check_stream(stream, outputs)
        _check(made, id, templates)
        ports = _ports(made, inputs, outputs, streams=stream is not None)
        made.out_ports = tuple(port.name for port in ports.outputs)
        return FunctionNode(
            id=id,
            title=title or function.__name__.replace("_", " ").strip().capitalize(),
            category=category,
            description=description or summary_of(function) or f"Runs {function.__name__}.",
            params=made.model(),
            run=made.run_function() if stream is None else made.describe,
            stream=None if stream is None else Stream(open=made.open, again=stream),
            version=version,
            icon=icon,
            resume=resume,
            ports=lambda params: ports,
            effects=lambda params: effects,
            capabilities=lambda params: tuple(needs),
            templates=frozenset(templates),
            begins_with={
                name: value
                for name, value in {"retry": retry, "timeout_s": timeout_s}.items()
                if value is not None
            },
            keywords=tuple(keywords),
            function=function,
        )

    return make


def _check(made: Function, id: str, templates: Sequence[str]) -> None:
    """Raise `TypeError` for what a function cannot be."""
    if made.resource is not None and made.quick:
        raise made.wrong("a quick function cannot wait for a resource")
    if not _ID.fullmatch(id):
        raise made.wrong(f"the id {id!r} is not of the form package.name")
    unknown = set(templates) - set(made.fields)
    if unknown:
        raise made.wrong(f"templates names {', '.join(sorted(unknown))}, not a parameter")


def _ports(
    made: Function, inputs: Sequence[str | Port], outputs: Sequence[str | Port], *, streams: bool
) -> Ports:
    """Return the ports that were asked for, with the types of the annotations."""
    out_type: PortType = port_type(made.returns) if not made.is_generator else "any"
    if streams:
        out_type = "stream"
    return Ports(
        tuple(port_of(each, made.input_types.get(name_of(each), "any")) for each in inputs),
        tuple(port_of(each, out_type if len(outputs) == 1 else "any") for each in outputs),
    )
