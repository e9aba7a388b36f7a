"""What is asked of Python's garbage collector while plans are made and runs are driven.

A full collection looks at everything that the process holds: 40 ms with our imports and a plan
of a thousand nodes, in the middle of a run that takes 20. Hardly anything of ours is ever part
of a cycle, so it finds nothing. Collection is never switched off for longer than a plan takes;
what is asked holds for the whole process and is taken back.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Generator

#: Collections of the middle generation before a full one is thought of, while runs are driven.
FULL_AFTER = 100


@contextlib.contextmanager
def without_collection() -> Generator[None]:
    """Keep the collector away while something is made that stays.

    It would look through everything that the process holds, again and again. Afterwards what
    is there counts as old: the next collections look at what is younger.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        _age()


def _age() -> None:
    """Move everything to the oldest generation without looking at it; nothing is exempt."""
    if not gc.get_freeze_count():  # else somebody wants what is frozen to stay so
        gc.freeze()
        gc.unfreeze()


class _Patience:
    """Makes full collections rarer as long as anybody wants it; younger ones stay as they are.

    Thread-safe. Thresholds that somebody else sets meanwhile are left alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._before: tuple[int, int, int] | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._wanted += 1
            young, middle, full = gc.get_threshold()
            if self._wanted == 1 and full < FULL_AFTER:
                self._before = young, middle, full
                gc.set_threshold(young, middle, FULL_AFTER)

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._wanted -= 1
            if self._wanted or self._before is None:
                return
            before, self._before = self._before, None
            if gc.get_threshold() == (*before[:2], FULL_AFTER):
                gc.set_threshold(*before)


#: Of this process, as the collector is: every leg of every engine shares it.
patience = _Patience()
