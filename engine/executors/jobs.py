"""A job, wherever it runs: what becomes of its result and of its failure.

Imports little, for a worker process imports it before anything else.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any, cast

import msgspec

Json = Any

#: The largest result that is handed on.
MOST_BYTES = 256 * 1024 * 1024
_TRACEBACK_CHARACTERS = 8_000
_MOST_CAUSES = 10


def result_of(job: str, payload: Json, most_bytes: int) -> bytes:
    """Run ``module:function`` and return its result as JSON.

    Raises:
        ValueError: the result is larger than `most_bytes`.
        TypeError: it is not JSON. And whatever the function raises.
    """
    module, _, name = job.partition(":")
    function = getattr(importlib.import_module(module), name)
    answer = msgspec.json.encode(function(payload), enc_hook=_as_json)
    if len(answer) > most_bytes:
        raise ValueError(
            f"the result has {len(answer):,} bytes; at most {most_bytes:,} are allowed"
        )
    return answer


def _as_json(value: object) -> Json:
    """What numpy, pandas and paths become in JSON."""
    records = getattr(value, "to_dict", None)
    if records is not None and hasattr(value, "columns"):
        return records("records")
    for name in ("tolist", "isoformat", "__fspath__"):
        method = getattr(value, name, None)
        if method is not None:
            return method()
    kind = type(value)
    raise TypeError(
        f"the result holds a {kind.__module__}.{kind.__qualname__}, which is not JSON; "
        f"turn it into text, numbers, lists or objects"
    )


def failure_of(error: BaseException) -> dict[str, Json]:
    """Return an error as the fields of a `NodeFailure`."""
    # A job that raises NodeFailure has imported it; no other job should pay for that.
    module = sys.modules.get("engine.model.node_types")
    if module is not None and isinstance(error, module.NodeFailure):
        fields = msgspec.to_builtins(cast(Any, error).info())
        names = ("code", "message", "kind", "retryable", "nothing_happened", "retry_after_s")
        failure = {name: fields[name] for name in names if name in fields}
        failure["details"] = fields.get("details")
        failure["tags"] = fields.get("tags", ())
        failure["causes"] = [*fields.get("causes", ()), *causes_of(error)]
        return failure
    text = "".join(traceback.format_exception(error))
    return {
        "code": "exit" if isinstance(error, SystemExit) else "exception",
        "message": describe(error),
        "kind": type(error).__name__,
        "causes": causes_of(error),
        "details": {"traceback": text[-_TRACEBACK_CHARACTERS:]},
    }


def describe(error: BaseException) -> str:
    """Return an error as one line: its class and what it says."""
    try:
        text = str(error).strip()
    except Exception:
        text = "(its text cannot be read)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def causes_of(error: BaseException) -> list[str]:
    """Return the causes of an error, outermost first."""
    found: list[str] = []
    seen = {id(error)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and id(cause) not in seen and len(found) < _MOST_CAUSES:
        seen.add(id(cause))
        found.append(describe(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found
