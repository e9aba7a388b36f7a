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
#: How often what is there is made old before everything is looked at.
AGED_AT_MOST = 16


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
            _ageing.age()


class _Ageing:
    """Moves everything to the oldest generation without looking at it; nothing is exempt.

    The collector counts from the beginning then. Who does it again and again would keep it
    from ever freeing anything old, so that now and then everything is looked at instead.
    """

    def __init__(self) -> None:
        self._times = 0
        self._full_collections = 0

    def age(self) -> None:
        if gc.get_freeze_count():
            return  # somebody wants what is frozen to stay so
        done = gc.get_stats()[2]["collections"]
        if done != self._full_collections:
            self._full_collections, self._times = done, 0
        self._times += 1
        if self._times > AGED_AT_MOST:
            gc.collect()
        else:
            gc.freeze()
            gc.unfreeze()


_ageing = _Ageing()


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
