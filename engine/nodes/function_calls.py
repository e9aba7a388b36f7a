"""A function as a node: its signature read once, and called in every attempt."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import (
    Any,
    cast,
    get_args,
)

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from engine.model.node_types import (
    Context,
    Element,
    NodeFailure,
    Output,
    Port,
    PortType,
    Result,
    Start,
)
from engine.nodes.fields import Params
from engine.nodes.function_signatures import RESULTS, argument_texts, documented, port_type

Json = Any
#: The parameter that receives the port ``in``, whose name is a word of Python's own.
_INPUT = "input"
#: The parameter that receives what the type has opened for the run.
_RESOURCE = "resource"
#: The parameter of a stream that receives how many items were taken before it was opened again.
_AFTER = "after"
_END: Any = object()


class Function:
    """What the signature of a function says, and how an attempt calls it."""

    def __init__(
        self,
        function: Callable[..., Any],
        names: Mapping[str, Any],
        ports: Sequence[str],
        *,
        quick: bool,
        resource: tuple[str, Callable[[], Any]] | None,
    ) -> None:
        self.function = function
        self.resource = resource
        self.quick = quick
        self.ctx = ""
        self.fields: dict[str, tuple[Any, Any]] = {}
        self.inputs: dict[str, tuple[str, TypeAdapter[Any] | None]] = {}
        self.input_types: dict[str, PortType] = {}
        self.out_ports: tuple[str, ...] = ()
        self.wants_resource = False
        self.wants_after = False
        try:
            signature = inspect.signature(function, locals=names, eval_str=True)
        except (NameError, SyntaxError, TypeError) as error:
            raise self.wrong(f"an annotation cannot be read ({error})") from error
        self.returns: Any = signature.return_annotation
        self.is_generator = inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(
            function
        )
        texts = argument_texts(function)
        for parameter in signature.parameters.values():
            self._take(parameter, ports, texts.get(parameter.name, ""))

    def wrong(self, why: str) -> TypeError:
        """Return the error that says what is wrong with the function, and where it is."""
        code = getattr(self.function, "__code__", None)
        where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
        name = getattr(self.function, "__name__", repr(self.function))
        return TypeError(f"{name} cannot be a node: {why}{where}")

    def _take(self, parameter: inspect.Parameter, ports: Sequence[str], text: str) -> None:
        name, annotation = parameter.name, parameter.annotation
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise self.wrong(f"its parameter {parameter} has no fixed name; give each one a name")
        if annotation is Context or (name == "ctx" and annotation is parameter.empty):
            self.ctx = name
            return
        if name == _AFTER and self.is_generator and annotation is int:
            self.wants_after = True
            return
        if name == _RESOURCE and self.resource is not None:
            self.wants_resource = True
            return
        port = "in" if name == _INPUT and "in" in ports else name
        if port in ports:
            known = annotation not in (parameter.empty, Any, object)
            self.inputs[name] = (port, TypeAdapter(annotation) if known else None)
            self.input_types[port] = port_type(annotation)
            return
        kind = Any if annotation is parameter.empty else annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        self.fields[name] = documented(kind, default, text)

    def model(self) -> type[BaseModel]:
        """Return the pydantic model of the parameters."""
        name = "".join(part.capitalize() for part in self.function.__name__.split("_")) + "Params"
        try:
            model = create_model(name, __base__=Params, **cast(Any, self.fields))
            model.model_rebuild()
        except (PydanticUserError, NameError, TypeError) as error:
            raise self.wrong(f"pydantic refuses a parameter: {error}") from error
        return model

    def run_function(self) -> Callable[[Any, Context], Any]:
        """Return what the engine calls for an attempt."""
        if inspect.isasyncgenfunction(self.function):
            return self._run_async_generator
        if inspect.iscoroutinefunction(self.function):
            return self._run_coroutine
        if self.quick and not self.is_generator:
            return self._run_here
        return self._run_in_thread

    def _run_here(self, params: BaseModel, ctx: Context) -> Result:
        return self._result(self.function(**self._arguments(params, ctx, ctx)), ctx)

    async def _run_coroutine(self, params: BaseModel, ctx: Context) -> Result:
        arguments = await self._all_arguments(params, ctx, ctx)
        return self._result(await self.function(**arguments), ctx)

    async def _run_in_thread(self, params: BaseModel, ctx: Context) -> Result:
        outside = _FromThread(ctx, asyncio.get_running_loop())
        arguments = await self._all_arguments(params, ctx, cast(Context, outside))
        if self.is_generator:
            items = await ctx.run_thread(_drain, self.function, arguments, outside.emit)
            return self._gathered(items, ctx)
        return self._result(await ctx.run_thread(_call, self.function, arguments), ctx)

    async def _run_async_generator(self, params: BaseModel, ctx: Context) -> Result:
        items: list[Any] = []
        arguments = await self._all_arguments(params, ctx, ctx)
        stream: AsyncIterator[Any] = self.function(**arguments)
        async for item in stream:
            items.append(item)
            _show(item, ctx.emit)
        return self._gathered(items, ctx)

    def check_stream(self, again: str, outputs: Sequence[str | Port]) -> None:
        """Raise when the function cannot give a For each its items."""
        if not self.is_generator:
            raise self.wrong("a stream is made by a generator; yield the items")
        if len(outputs) != 1:
            raise self.wrong("a stream has one output")
        if self.wants_after != (again == "seek"):
            raise self.wrong("a stream that seeks, and no other, has the parameter after: int")

    def describe(self, params: BaseModel, ctx: Context) -> Result:
        """Put out what is needed to open the stream, again if need be."""
        given = {"params": params.model_dump(mode="json"), "inputs": dict(ctx.inputs)}
        return Output({self.out_ports[0]: given})

    async def open(self, given: Json, ctx: Context, start: Start) -> AsyncGenerator[Element, None]:
        """Yield what the generator yields; a plain one runs in a thread, an item at a time."""
        params = self.model().model_validate(given["params"])
        source = cast(Context, _Given(ctx, given["inputs"]))
        arguments = await self._all_arguments(params, source, ctx)
        if self.wants_after:
            arguments[_AFTER] = start.count
        if inspect.isasyncgenfunction(self.function):
            async with aclosing(self.function(**arguments)) as items:
                async for item in items:
                    yield Element(_json(item, ctx))
            return
        iterator: Iterator[Any] = self.function(**arguments)
        while (item := await ctx.run_thread(next, iterator, _END)) is not _END:
            yield Element(_json(item, ctx))

    def _arguments(self, params: BaseModel, ctx: Context, given: Context) -> dict[str, Any]:
        arguments: dict[str, Any] = {name: getattr(params, name) for name in self.fields}
        for name, (port, adapter) in self.inputs.items():
            value = ctx.input if port == "in" else ctx.inputs.get(port)
            arguments[name] = value if adapter is None else _validated(adapter, port, value)
        if self.ctx:
            arguments[self.ctx] = given
        return arguments

    async def _all_arguments(
        self, params: BaseModel, ctx: Context, given: Context
    ) -> dict[str, Any]:
        arguments = self._arguments(params, ctx, given)
        if self.resource is not None and self.wants_resource:
            arguments[_RESOURCE] = await ctx.resource(*self.resource)
        return arguments

    def _gathered(self, items: list[Any], ctx: Context) -> Result:
        """Return what was yielded: a `Result` as it is, texts as one, else the list."""
        if items and isinstance(items[-1], RESULTS):
            return self._result(items[-1], ctx)
        texts = get_args(self.returns)[:1] == (str,) or (
            bool(items) and all(isinstance(item, str) for item in items)
        )
        return self._result("".join(items) if texts else items, ctx)

    def _result(self, value: Any, ctx: Context) -> Result:
        if isinstance(value, RESULTS):
            if isinstance(value, Output):
                return msgspec.structs.replace(
                    value, ports={name: _json(each, ctx) for name, each in value.ports.items()}
                )
            return value
        if len(self.out_ports) == 1:
            return Output({self.out_ports[0]: _json(value, ctx)})
        if not self.out_ports:
            return Output({})
        raise NodeFailure(
            f"{self.function.__name__} has the outputs {', '.join(self.out_ports)} and returned "
            f"{type(value).__name__}; return Output({{{self.out_ports[0]!r}: value}})",
            code="result",
            retryable=False,
        )


class _Given:
    """A context with the inputs that the node of a stream had."""

    def __init__(self, ctx: Context, inputs: Mapping[str, Json]) -> None:
        self._ctx = ctx
        self.inputs = inputs
        self.input = inputs.get("in", next(iter(inputs.values()), None))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)


class _FromThread:
    """A context whose output reaches the loop from a thread."""

    def __init__(self, ctx: Context, loop: asyncio.AbstractEventLoop) -> None:
        self._ctx = ctx
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    def emit(self, text: str, stream: str = "stdout") -> None:
        self._soon(self._ctx.emit, text, stream)

    def progress(self, fraction: float | None, text: str = "") -> None:
        self._soon(self._ctx.progress, fraction, text)

    def _soon(self, callback: Callable[..., None], *args: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *args)


def _call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    return function(**arguments)


def _drain(
    function: Callable[..., Iterator[Any]],
    arguments: Mapping[str, Any],
    emit: Callable[[str], None],
) -> list[Any]:
    items: list[Any] = []
    for item in function(**arguments):
        items.append(item)
        _show(item, emit)
    return items


def _show(item: Any, emit: Callable[[str], None]) -> None:
    if not isinstance(item, RESULTS):
        emit(item if isinstance(item, str) else f"{item}\n")


def _validated(adapter: TypeAdapter[Any], port: str, value: Json) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        parts = [
            f"{'.'.join(str(part) for part in (port, *problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise NodeFailure(
            "what arrived is not what the function takes: " + "; ".join(parts),
            code="input",
            retryable=False,
            nothing_happened=True,
        ) from None


def _json(value: Any, ctx: Context) -> Json:
    """Return the value as JSON; what came in is passed on as it is."""
    if value is None or value is ctx.input or isinstance(value, str | bool):
        return value
    try:
        return to_jsonable_python(value)
    except (PydanticSerializationError, ValueError) as error:
        raise NodeFailure(
            f"the result cannot be written as JSON ({error}); return numbers, texts, lists, "
            "objects, dataclasses or pydantic models",
            code="result",
            retryable=False,
        ) from error
