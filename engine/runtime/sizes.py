"""The limit `value_bytes`: what a task puts out or writes may not be larger (U53).

Values are measured as they are stored, before compression. What is no list, object or text
is small; what has only come through is as large as it may be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from engine.model.node_types import NodeFailure
from engine.runtime.outcome import Outcome

Json = Any
_encode = msgspec.msgpack.Encoder().encode
#: Kinds of values that can be large.
SIZED = frozenset({str, list, dict})


def size_of(value: Json) -> int:
    """Return how many bytes a value takes; 0 where it need not be measured."""
    if type(value) not in SIZED or not value:
        return 0
    try:
        return len(_encode(value))
    except (OverflowError, UnicodeEncodeError):
        return len(json.dumps(value))  # as `engine.packing` stores what msgpack cannot hold
    except (TypeError, ValueError):
        return 0  # what is no JSON is refused where it is to be stored


def check(outcome: Outcome, inputs: Mapping[str, Json], limit: int) -> None:
    """Raise `NodeFailure` when an attempt makes a larger value than it may.

    Args:
        outcome: of the attempt.
        inputs: of the attempt: values that are as large as they may be already.
        limit: in bytes.
    """
    for port, value in outcome.ports.items():
        if type(value) in SIZED and _is_larger(value, inputs, limit):
            _refuse(f"its output {port}", value, limit)
    for name, _, value in outcome.writes:
        if type(value) in SIZED and _is_larger(value, inputs, limit):
            _refuse(f"what it writes to {name}", value, limit)


def _is_larger(value: Json, inputs: Mapping[str, Json], limit: int) -> bool:
    """Whether a value is too large; one that came through, or a short text, is not measured."""
    if isinstance(value, str) and 4 * len(value) + 5 <= limit:  # the most that UTF-8 takes
        return False
    came_through = any(value is known for known in inputs.values())
    return not came_through and size_of(value) > limit


def _refuse(what: str, value: Json, limit: int) -> None:
    raise NodeFailure(
        f"{what} has {size_of(value):,} bytes; the limit value_bytes is {limit:,}. Put it into a "
        "file, or raise the limit in the workflow's settings",
        code="limit",
        retryable=False,
    )
