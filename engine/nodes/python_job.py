"""What runs in the worker process of a Python node: the person's code.

Imports nothing but the standard library, so that a worker starts fast.
"""

from __future__ import annotations

import asyncio
import inspect
import linecache
import sys
import traceback
from collections.abc import Mapping
from datetime import datetime
from types import CodeType, ModuleType, TracebackType
from typing import Any

Json = Any

#: The name that the code's module has while it runs.
MODULE = "workflow_code"
_TRACEBACK_CHARACTERS = 8_000
_MOST_CAUSES = 10


def run(payload: Mapping[str, Json]) -> dict[str, Json]:
    """Run code; return ``{"output": ..., "memory": ...}`` or ``{"error": ...}``.

    Args:
        payload: ``code``, ``name`` (for tracebacks), ``folder`` (to import from) and
            ``names`` (the variables that the code finds).
    """
    source, file = payload["code"], f"<{payload['name']}>"
    # Tracebacks show the lines of the code, which is in no file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module = ModuleType(MODULE)
    sys.modules[MODULE] = module  # dataclasses and typing look their module up
    if payload.get("folder"):
        sys.path.insert(0, payload["folder"])
    try:
        code = compile(source, file, "exec", dont_inherit=True)
        output = _run(code, module, payload["names"])
        return {"output": output, "memory": module.__dict__.get("memory")}
    except MemoryError:
        raise  # the worker knows best what to do about it
    except BaseException as error:  # noqa: BLE001 - the code may raise anything, and the person sees it
        return {"error": describe(error, file)}
    finally:
        sys.modules.pop(MODULE, None)
        linecache.cache.pop(file, None)


def _run(code: CodeType, module: ModuleType, names: Mapping[str, Json]) -> Json:
    space = module.__dict__
    space.update(names)
    if isinstance(names.get("now"), str):
        space["now"] = datetime.fromisoformat(names["now"])
    exec(code, space)  # noqa: S102 - running the person's code is what this process is for
    main = space.get("main")
    if inspect.isfunction(main) and main.__module__ == MODULE:
        takes_input = bool(inspect.signature(main).parameters)
        result = main(space["input"]) if takes_input else main()
        return asyncio.run(_await(result)) if inspect.isawaitable(result) else result
    if "output" in space:
        return space["output"]
    raise NameError("the code sets no variable 'output' and defines no function 'main(input)'")


async def _await(result: Any) -> Json:
    return await result


def describe(error: BaseException, file: str) -> dict[str, Json]:
    """Return an error in the terms of the code: its line, and a traceback without ours."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
        text = "".join(traceback.format_exception_only(error))
        message = f"{kind}: {error.msg} (line {line})"
    else:
        inner = _from_code(error.__traceback__, file)
        line = _last_line(inner, file)
        text = "".join(traceback.format_exception(type(error), error, inner))
        said = str(error).strip()
        message = f"{kind}: {said}" if said else kind
        message += f" (line {line})" if line else ""
    return {
        "message": message,
        "kind": kind,
        "line": line,
        "traceback": text[-_TRACEBACK_CHARACTERS:],
        "causes": _causes(error),
    }


def _from_code(trace: TracebackType | None, file: str) -> TracebackType | None:
    """The traceback from where the person's code begins."""
    start = trace
    while start is not None and start.tb_frame.f_code.co_filename != file:
        start = start.tb_next
    return start


def _last_line(trace: TracebackType | None, file: str) -> int | None:
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _causes(error: BaseException) -> list[str]:
    found: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and len(found) < _MOST_CAUSES:
        found.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found
