"""What the history of one store takes on the disk, and what it may take."""

from __future__ import annotations

import os
from dataclasses import dataclass

#: What the history of one store may take, unless the environment says otherwise.
HISTORY_BYTES = 5_000_000_000
#: The part of its quota from which on every leg begins with a warning.
NEAR = 0.8


def history_quota() -> int:
    """Return the quota of the history in bytes; HEADGATE_HISTORY_BYTES changes it."""
    text = os.environ.get("HEADGATE_HISTORY_BYTES", "")
    return int(text) if text.isdecimal() and int(text) else HISTORY_BYTES


#: What results that are kept for equal work may take, unless the environment says otherwise.
CACHE_BYTES = 500_000_000


def cache_quota() -> int:
    """Return the limit of kept results in bytes; HEADGATE_CACHE_BYTES changes it."""
    text = os.environ.get("HEADGATE_CACHE_BYTES", "")
    return int(text) if text.isdecimal() else CACHE_BYTES


@dataclass(frozen=True, slots=True)
class Usage:
    """What the store takes on the disk, and what it may take; both in bytes."""

    bytes: int
    quota: int

    @property
    def is_near(self) -> bool:
        """Whether it is time to prune."""
        return self.bytes >= NEAR * self.quota

    @property
    def is_over(self) -> bool:
        """Whether nothing new may be started."""
        return self.bytes >= self.quota

    def words(self) -> str:
        """Return a sentence that says how much is taken, and what to do about it."""
        share = f"{self.bytes / 1e6:,.1f} of {self.quota / 1e6:,.1f} MB"
        return (
            f"The history of this store takes {share}, its quota: drop old commits with "
            "`headgate prune --all --keep 100`, or raise HEADGATE_HISTORY_BYTES."
        )
