"""The one event loop of the designer: asyncio and Qt in the GUI thread, fairly.

What lives here: the loop itself, the signals of the operating system and garbage collection on
the GUI thread. This is the only module that knows qasync.

The loop keeps what qasync does well (sockets, pipes, subprocesses and signals through Qt's
notifiers) and replaces its scheduler. There, each callback is a Qt timer of its own: bursts
are quadratic and timers fire early. Here, ready callbacks wait in one queue that a single
zero timer empties in slices of a few milliseconds, so that Qt paints between two slices;
delayed callbacks wait in one heap behind a single precise timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import heapq
import inspect
import itertools
import logging
import math
import signal
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

# PySide6 first: qasync binds to whichever Qt is imported when it is.
from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, QTimerEvent, Signal

import qasync  # isort: skip

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from concurrent.futures import Executor
    from contextvars import Context

    class _QtLoop(asyncio.SelectorEventLoop):
        """What qasync's loop looks like from here; it has no types of its own."""

        _debug: bool
        _current_handle: asyncio.Handle | None

        def __init__(self, app: QCoreApplication) -> None: ...
        def _check_closed(self) -> None: ...
        def _asyncgen_firstiter_hook(self, agen: AsyncGenerator[Any, Any]) -> None: ...
        def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None: ...
else:
    _QtLoop = qasync.QEventLoop

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

#: Asyncio's share of one pass through Qt's loop. Four milliseconds keep the worst paint
#: latency under 3 ms at 60 frames a second and cost 2 % of the throughput.
SLICE_S = 0.004

#: The alarm is set no further ahead than this; then it looks again. Qt's timers count
#: milliseconds in 32 bits, which is less than 25 days.
_LONGEST_ALARM_S = 86_400.0

#: Cancelled timers are swept out of the heap when there are this many and they are the majority.
_SWEEP_AT = 100


class _QtSide(QObject):
    """The loop's two Qt timers: the pump runs what is ready, the alarm waits for what is due."""

    wake = Signal()

    def __init__(self, loop: FairQEventLoop) -> None:
        super().__init__()
        self._loop: FairQEventLoop | None = loop
        self._pump_id = 0
        self._alarm_id = 0
        # Queued, so that a worker thread may emit it and never runs the slot itself.
        self.wake.connect(self.start_pump, Qt.ConnectionType.QueuedConnection)

    def start_pump(self) -> None:
        if not self._pump_id and self._loop is not None:
            self._pump_id = self.startTimer(0)

    def stop_pump(self) -> None:
        if self._pump_id:
            self.killTimer(self._pump_id)
            self._pump_id = 0

    @property
    def is_pumping(self) -> bool:
        return self._pump_id != 0

    def set_alarm(self, delay_ms: int) -> None:
        self.clear_alarm()
        self._alarm_id = self.startTimer(delay_ms, Qt.TimerType.PreciseTimer)

    def clear_alarm(self) -> None:
        if self._alarm_id:
            self.killTimer(self._alarm_id)
            self._alarm_id = 0

    def timerEvent(self, event: QTimerEvent) -> None:
        loop = self._loop
        if loop is None:
            return
        if event.timerId() == self._pump_id:
            loop._drain()
        else:
            self.clear_alarm()
            loop._on_alarm()

    def release(self) -> None:
        """Stop both timers and let go of the loop, so that no cycle holds a QObject."""
        self.stop_pump()
        self.clear_alarm()
        self._loop = None


class FairQEventLoop(_QtLoop):
    """An asyncio loop inside Qt's that never starves painting and never fires a timer early."""

    def __init__(self, app: QCoreApplication) -> None:
        # Before super().__init__(), which registers its wake-up pipe through this loop.
        self._soon: deque[asyncio.Handle] = deque()
        self._due: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._due_order = itertools.count()
        self._alarm_at = math.inf
        self._cancelled_timers = 0
        self._draining = False
        self._halted = True
        self._crash: BaseException | None = None
        self._owner_thread: int | None = None
        self._qt = _QtSide(self)
        super().__init__(app)
        self.set_default_executor(ThreadPoolExecutor(thread_name_prefix="headgate"))

    # -- scheduling ------------------------------------------------------------------------

    def call_soon(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Run `callback` in the next slice, after everything that was scheduled before it."""
        self._check_closed()
        if self._debug:
            self._check_owner("call_soon")
            self._check_callable(callback, "call_soon")
        handle = asyncio.Handle(callback, args, self, context)
        self._soon.append(handle)
        if not self._draining:
            self._qt.start_pump()
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """As `call_soon`, from any thread."""
        self._check_closed()
        if self._debug:
            self._check_callable(callback, "call_soon_threadsafe")
        handle = asyncio.Handle(callback, args, self, context)
        self._soon.append(handle)
        # A pump that is just stopping looks at the queue once more after it has cleared its id,
        # so a handle appended while it still seemed to run is seen.
        if not self._qt.is_pumping:
            self._qt.wake.emit()
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run `callback` no earlier than `delay` seconds from now; infinity means never."""
        if delay is None:
            raise TypeError("call_later needs a delay in seconds, not None.")
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run `callback` no earlier than `when` on the clock of `time()`.

        Callbacks due at the same moment run in the order in which they were scheduled.
        """
        self._check_closed()
        if when is None or math.isnan(when):
            raise TypeError(f"call_at needs a point in time, not {when!r}.")
        if self._debug:
            self._check_owner("call_at")
            self._check_callable(callback, "call_at")
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]  # cancel() reports only then
        heapq.heappush(self._due, (when, next(self._due_order), handle))
        if when < self._alarm_at:
            self._arm(when)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Called by `TimerHandle.cancel`; sweeps the heap when most of it is dead."""
        self._cancelled_timers += 1
        if self._cancelled_timers > _SWEEP_AT and self._cancelled_timers * 2 > len(self._due):
            self._due = [entry for entry in self._due if not entry[2].cancelled()]
            heapq.heapify(self._due)
            self._cancelled_timers = 0

    def _add_callback(self, handle: asyncio.Handle, delay: float = 0) -> asyncio.Handle:
        """Where asyncio and qasync put handles of their own (signals, the wake-up pipe)."""
        self._soon.append(handle)
        self._qt.start_pump()
        return handle

    @staticmethod
    def _check_callable(callback: object, method: str) -> None:
        if inspect.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError(f"{method} takes a plain function; wrap the coroutine in a task.")
        if not callable(callback):
            raise TypeError(f"{method} takes a function, not {callback!r}.")

    def _check_owner(self, method: str) -> None:
        if self._owner_thread not in (None, threading.get_ident()):
            raise RuntimeError(
                f"{method} was called from another thread than the loop's; "
                "use call_soon_threadsafe there."
            )

    # -- running ---------------------------------------------------------------------------

    def _arm(self, when: float) -> None:
        delay_s = min(max(when - self.time(), 0.0), _LONGEST_ALARM_S)
        self._alarm_at = when
        self._qt.set_alarm(max(1, math.ceil(delay_s * 1000)))

    def _on_alarm(self) -> None:
        """Start the pump when something is due, otherwise set the alarm again."""
        self._alarm_at = math.inf
        if self._due and self._due[0][0] <= self.time():
            if not self._draining:
                self._qt.start_pump()
        elif self._due:
            self._arm(self._due[0][0])

    def _admit_due(self) -> None:
        """Move every timer that is due behind the callbacks that are ready already."""
        now = self.time()
        due = self._due
        while due and due[0][0] <= now:
            handle = heapq.heappop(due)[2]
            handle._scheduled = False  # type: ignore[attr-defined]  # nor counts as cancelled
            if handle.cancelled():
                self._cancelled_timers -= 1
            else:
                self._soon.append(handle)

    def _drain(self) -> None:
        """Run what is ready for one slice.

        Does nothing when the loop was stopped: a task must not be stepped without a running
        loop. Does nothing either while one of our callbacks is on the stack, as it is when a
        coroutine opened a nested Qt loop: entering a second task there would corrupt both.
        """
        if self._draining or self._halted or asyncio._get_running_loop() is not self:
            self._qt.stop_pump()
            return
        self._draining = True
        try:
            if self._due:
                self._admit_due()
            self._run_slice()
        except (SystemExit, KeyboardInterrupt) as stop:
            # Qt would swallow it; run_forever raises it again where asyncio would.
            self._crash = stop
            self.stop()
        finally:
            self._draining = False
            self._settle()

    def _run_slice(self) -> None:
        soon = self._soon
        run = self._run_observed if self._debug else asyncio.Handle._run
        clock = time.perf_counter
        end = clock() + SLICE_S
        while soon:
            handle = soon.popleft()
            if not handle._cancelled:
                run(handle)
            # Without this, the frame keeps the last task (and its traceback) alive.
            del handle
            if self._halted or clock() > end:
                break

    def _run_observed(self, handle: asyncio.Handle) -> None:
        """Debug mode: run `handle` and say so when it held the window for too long."""
        started = time.perf_counter()
        self._current_handle = handle
        try:
            handle._run()
        finally:
            self._current_handle = None
        took_s = time.perf_counter() - started
        if took_s >= self.slow_callback_duration:
            logger.warning("Executing %r took %.3f seconds", handle, took_s)

    def _settle(self) -> None:
        """After a slice: keep the pump exactly while something is ready, the alarm while due."""
        if self._soon and not self._halted:
            self._qt.start_pump()
        else:
            self._qt.stop_pump()
            if self._soon and not self._halted:  # another thread appended in between
                self._qt.start_pump()
        if self._due and self._due[0][0] < self._alarm_at:
            self._arm(self._due[0][0])

    def run_forever(self) -> None:
        """Run Qt's loop and this one until `stop`.

        Raises:
            SystemExit, KeyboardInterrupt: A callback raised it.
        """
        self._check_closed()
        if self.is_running():
            raise RuntimeError("This event loop is running already.")
        self._halted = False
        self._owner_thread = threading.get_ident()
        if self._soon:
            self._qt.start_pump()
        if self._due:
            self._arm(self._due[0][0])
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(
            firstiter=self._asyncgen_firstiter_hook,
            finalizer=self._asyncgen_finalizer_hook,
        )
        try:
            super().run_forever()
        finally:
            sys.set_asyncgen_hooks(*hooks)
            self._halted = True
            self._owner_thread = None
            self._qt.stop_pump()
        crash, self._crash = self._crash, None
        if crash is not None:
            raise crash

    def stop(self) -> None:
        """Leave `run_forever` before the next callback; what is ready stays for another run."""
        self._halted = True
        super().stop()

    def close(self) -> None:
        """Release everything. Threads of the executor are not waited for, as in asyncio."""
        if self.is_closed():
            return
        super().close()
        self._soon.clear()
        self._due.clear()
        self._qt.release()

    # -- the executor: asyncio's own rules instead of qasync's threads ----------------------

    def set_default_executor(
        self,
        executor: ThreadPoolExecutor,  # type: ignore[override]  # asyncio wants threads too
    ) -> None:
        """Use `executor` for `to_thread` and `run_in_executor(None, …)`."""
        asyncio.BaseEventLoop.set_default_executor(self, executor)

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[Unpack[_Ts]], _T],
        *args: *_Ts,
    ) -> asyncio.Future[_T]:
        """As asyncio does; qasync would forget the loop and survive no exit of a worker."""
        return asyncio.BaseEventLoop.run_in_executor(self, executor, func, *args)


def make_loop(app: QCoreApplication) -> asyncio.AbstractEventLoop:
    """The loop of this program, not yet running and not yet set as the current one.

    The caller closes it. A lone window that closes must not end it: switch off
    `quitOnLastWindowClosed` and stop from a coroutine.
    """
    return FairQEventLoop(app)


def install_signal_handlers(
    loop: asyncio.AbstractEventLoop, on_signal: Callable[[signal.Signals], object]
) -> None:
    """Call `on_signal` in the loop when the system or a terminal asks the program to end.

    Without this Ctrl-C waits until Qt happens to call Python: in an idle window, for ever.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        try:
            loop.add_signal_handler(number, on_signal, number)
        except NotImplementedError:  # Windows: the collector's timer lets Python see it
            signal.signal(
                number,
                lambda received, _frame: _post(loop, on_signal, signal.Signals(received)),
            )


def _post(
    loop: asyncio.AbstractEventLoop,
    on_signal: Callable[[signal.Signals], object],
    number: signal.Signals,
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has closed: nothing is left to end
        loop.call_soon_threadsafe(on_signal, number)


class GarbageCollector(QObject):
    """Collects garbage from a timer of the GUI thread, because any other thread must not.

    A cycle with a QObject in it that is freed in a worker thread ends the process. Python's
    own collector runs in whichever thread allocates, so it is switched off while this works.
    """

    #: The pause between two looks at the counters.
    INTERVAL_MS = 100
    #: A full collection may take this share of the time, no more.
    FULL_SHARE = 0.01

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._full_not_before = 0.0
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.timeout.connect(self.check)
        self._timer.start()

    def check(self) -> int:
        """Collect the oldest generation whose counter is over its limit.

        Returns:
            The generation collected, or -1 when nothing was due.
        """
        counts, limits = gc.get_count(), gc.get_threshold()
        if limits[0] == 0 or counts[0] <= limits[0]:
            return -1
        if counts[1] <= limits[1]:
            generation = 0
        elif counts[2] <= limits[2] or time.monotonic() < self._full_not_before:
            generation = 1
        else:
            generation = 2
        started = time.monotonic()
        gc.collect(generation)
        if generation == 2:
            ended = time.monotonic()
            self._full_not_before = ended + (ended - started) / self.FULL_SHARE
        return generation

    def stop(self) -> None:
        """Give collection back to Python, as it was."""
        self._timer.stop()
        if self._was_enabled:
            gc.enable()


def collect_garbage_on_gui_thread(app: QCoreApplication) -> GarbageCollector:
    """Switch Python's collector off and collect from `app`'s thread until `stop`."""
    return GarbageCollector(app)
