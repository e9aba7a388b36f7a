"""Where a person wants a run to stop: the value that events, commands and state share."""

from __future__ import annotations

from typing import Literal

import msgspec

#: ``before`` a node starts, ``after`` its result is in, on an ``error`` of it, at each ``commit``.
Place = Literal["before", "after", "error", "commit"]


class Breakpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A point at which a run is paused (U63). It belongs to the run, not to the document.

    Attributes:
        node: key of a node; empty stands for every node, as ``commit`` always does.
        at: where.
        condition: expression; it stops only where that is true. Empty stops always.
    """

    node: str = ""
    at: Place = "before"
    condition: str = ""

    @property
    def key(self) -> str:
        """What there is one of in a run: ``before:pay``."""
        return f"{self.at}:{self.node}"

    @property
    def words(self) -> str:
        """``before pay, if input.amount > 3``."""
        place = "an error" if self.at == "error" and not self.node else f"{self.at} {self.node}"
        if self.at == "commit":
            place = "a superstep"
        return f"{place}, if {self.condition}" if self.condition else place
