"""Bring the JSON of an older document to today's format, one step at a time.

Format 1 is the first, so there is no step yet. The step from n to n + 1 gets a module
``v<n>_to_v<n + 1>`` here with one pure function from JSON to JSON, is entered in
`STEPS`, and is never edited afterwards: files of every format stay readable for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = Any
Step = Callable[[dict[str, Json]], dict[str, Json]]

#: The format that this release writes.
FORMAT = 1
#: The oldest format that it reads.
OLDEST = 1
#: Format n to the function that turns it into n + 1.
STEPS: Mapping[int, Step] = {}


def upgrade(
    document: dict[str, Json],
    version: int,
    *,
    steps: Mapping[int, Step] = STEPS,
    to: int = FORMAT,
) -> dict[str, Json]:
    """Return the document in format `to`; `document` itself is not changed by the chain.

    Raises:
        KeyError: there is no step from `version` or from a format after it.
    """
    for number in range(version, to):
        document = {**steps[number](document), "format": number + 1}
    return document
