"""What may be sent to runs as an event."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.errors import InvalidCommand
from engine.runtime.ports import SignalRecord

Json = Any
#: Characters of a name at most.
MOST_NAME = 200


def signal_record(
    name: str, payload: Json, *, id: str, at: float, keep_s: float, by: str, through: str
) -> SignalRecord:
    """Return an event for every run, not stored yet.

    Raises:
        InvalidCommand: the name is empty or too long, the time is none, or the payload is
            no JSON.
    """
    name = name.strip()
    if not name or len(name) > MOST_NAME:
        raise InvalidCommand(f"The name of an event has 1 to {MOST_NAME} characters.")
    if not keep_s > 0:
        raise InvalidCommand(f"An event cannot be kept for {keep_s:g} s; keep it for longer.")
    try:
        msgspec.json.encode(payload)
    except (TypeError, ValueError) as error:
        raise InvalidCommand(f"The payload of the event is not JSON: {error}") from error
    return SignalRecord(
        id=id, name=name, payload=payload, at=at, expires_at=at + keep_s, by=by, through=through
    )
