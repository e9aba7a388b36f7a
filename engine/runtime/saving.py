"""When the commits of a leg are stored (U94), and what happens when they cannot be (U97).

A workflow that says nothing stores every commit as it is made, and nothing here is used.
Else `Saving` stands between the run loop and the writer: it holds commits in memory and
stores several in one transaction. What is held is no fact yet: facts are published when
they are stored, so that nothing is ever reported durable that a crash could take back. What
has consequences outside of the run is never held: see `must_store`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from engine import events as ev
from engine.errors import LeaseLost, StoreError
from engine.ids import TaskId
from engine.model.plan import Plan
from engine.model.workflow import Save
from engine.packing import pack
from engine.runtime.ports import Clock, CommitRecord, JournalRecord, Lease, RunStore
from engine.runtime.writer import Writer
from engine.state.run_state import RunState

#: Commits, and bytes of what they changed, that are held at most, whatever the setting.
HELD_COMMITS = 2_000
HELD_BYTES = 64 * 1024 * 1024
#: Seconds before a store that refused is tried again; doubled up to the longest.
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0

#: Facts after which everything is stored: others see them, or a person has asked for it.
_AT_ONCE = (
    ev.LegStarted,
    ev.ChildStarted,
    ev.ChildEnded,
    ev.CancelAsked,
    ev.RunPaused,
    ev.RunUnpaused,
    ev.RunStepped,
    ev.BreakpointsSet,
    ev.CheckpointMade,
    ev.BudgetGranted,
    *ev.TERMINAL,
)


def must_store(record: CommitRecord) -> bool:
    """Return whether a commit is stored before the run goes on, whatever the setting.

    It opens or ends a wait, admits a decision or an event, starts a child, obeys a command
    or ends the leg.
    """
    delta = record.delta
    if record.open_requests or record.close_requests or record.admitted_decisions:
        return True
    if delta.put_waits or delta.put_timers or delta.put_children or delta.put_ending:
        return True
    if record.signals is not None or record.claims or record.document is not None:
        return True
    return any(isinstance(each.event, _AT_ONCE) for each in record.events)


class Cost:
    """What would have to be done again if the held commits were lost."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.amounts: dict[str, float] = {}

    def add(self, record: CommitRecord) -> None:
        """Count the finished attempts of a commit."""
        for each in record.events:
            event = each.event
            if isinstance(event, ev.TaskFinished | ev.TaskFailed):
                self.seconds += event.duration_s
            elif isinstance(event, ev.Spent):
                for meter, amount in event.amounts.items():
                    self.amounts[meter] = self.amounts.get(meter, 0.0) + amount

    def exceeds(self, seconds: float, meters: Mapping[str, float]) -> bool:
        """Return whether that much, or that much of any meter, is at stake."""
        spent = self.amounts
        return self.seconds >= seconds or any(
            name in spent and spent[name] >= most for name, most in meters.items()
        )


def setting_of(plan: Plan, state: RunState) -> Save | None:
    """Return when the commits of a run are stored; None: each as it is made."""
    setting = state.save or plan.workflow.settings.save
    is_plain = setting.when == "every_commit" and setting.on_failure == "fail"
    return None if is_plain else setting


class Saving:
    """The writer of one leg that stores commits when the workflow says so.

    Args:
        tell: called with an `Unsaved` whenever what is not stored has changed.
        wake: called when it is due, or there is news.

    Attributes:
        news: facts about saving, for the run loop to make commits of.
    """

    def __init__(
        self,
        store: RunStore,
        writer: Writer,
        lease: Lease,
        setting: Save,
        clock: Clock,
        *,
        tell: Callable[[ev.Unsaved], None],
        wake: Callable[[], None],
    ) -> None:
        self.news: deque[ev.AnyEvent] = deque()
        self._store = store
        self._writer = writer
        self._lease = lease
        self._setting = setting
        self._clock = clock
        self._tell = tell
        self._wake = wake
        self._held: deque[tuple[CommitRecord, Callable[[], None]]] = deque()
        self._first_at = 0.0
        self._bytes = 0
        self._cost = Cost()
        self._told = False
        self._due = False
        self._disarm: Callable[[], None] | None = None
        self._lock = asyncio.Lock()
        self._flight: tuple[int, asyncio.Future[None]] | None = None
        #: How often the store has refused since it last took something, and what it said.
        self._failures = 0
        self._failed_since = 0
        #: Whether the leg has begun: one that cannot is no use to anybody.
        self._begun = False
        self._error: StoreError | None = None
        self._gives_up = asyncio.Event()

    @property
    def is_restless(self) -> bool:
        """Whether there is news, or `attend` is to be called."""
        return self._due or bool(self.news)

    async def before_end(self) -> list[ev.AnyEvent]:
        """Return facts for the commit that ends the leg: after it, nothing can be told.

        Where the store refuses, everything before that commit is stored first.
        """
        if self._error is not None:
            await self._settle()
        told = list(self.news)
        self.news.clear()
        return told

    # --- the writer's methods ---------------------------------------------------------------

    def commit(
        self,
        lease: Lease,
        record: CommitRecord,
        stored: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> Awaitable[None] | None:
        """Hold a commit, or return what stores it and everything before it."""
        del lease, failed
        if not self._held:
            self._first_at = self._clock.now()
        self._held.append((record, stored))
        if self._setting.when != "every_commit" or self._error is not None:
            self._bytes += len(pack(record.delta))
        self._cost.add(record)
        if must_store(record) or self._is_full():
            return self._settle()
        if self._is_due():
            return self.attend()
        facts = tuple(record.events)
        self._show(facts)
        if self._setting.when == "interval" and len(self._held) == 1 and not self._failures:
            self._arm(self._setting.seconds)
        return None

    def journal(self, lease: Lease, record: JournalRecord) -> Awaitable[None] | None:
        """Store a finished attempt, unless the commit that made its task ready is not stored."""
        if self._held:
            return None
        return self._insist(lambda: self._store.journal(lease, record))

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> Awaitable[None]:
        """Store everything, then that a ``once`` attempt is about to start."""
        return self._claim(lease, task, attempt, at)

    async def _claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        await self._settle()
        await self._insist(lambda: self._store.claim(lease, task, attempt, at))

    def attempt(self, lease: Lease, work: Callable[[], None]) -> Awaitable[None] | None:
        """Call the store behind everything that was queued."""
        return self._writer.attempt(lease, work)

    async def flush(self, lease: Lease) -> None:
        """Store everything. Raises what the store said when it does not take it."""
        await self._settle()
        await self._writer.flush(lease)

    def forget(self, lease: Lease) -> None:
        """Nothing more will be written."""
        self._writer.forget(lease)

    @property
    def queued(self) -> int:
        """How many writes wait to be made."""
        return self._writer.queued + len(self._held)

    def close(self) -> None:
        """The writer behind is not ours."""

    # --- when it is time --------------------------------------------------------------------

    async def attend(self) -> None:
        """Store what is held, because its time has come; a store that refuses is tried later."""
        self._due = False
        if self._setting.on_failure != "continue":
            await self._settle()
            return
        async with self._lock:
            if self._held and not await self._try():
                self._arm(self._delay())
                self._show(())

    async def stop(self) -> None:
        """Store what is held before the leg is given up in good order; it is tried once."""
        self.give_up()
        if self._begun and (self._error is None or self._setting.on_failure == "continue"):
            await self._settle()

    def give_up(self) -> None:
        """Wait no longer for a store that refuses: the next refusal ends the leg."""
        self._gives_up.set()

    def _is_due(self) -> bool:
        if self._failures:
            return False  # it is tried again when its time has come
        setting = self._setting
        match setting.when:
            case "every_commit":
                return True
            case "interval":
                return self._clock.now() - self._first_at >= setting.seconds
            case "adaptive":
                return self._cost.exceeds(setting.seconds, setting.meters)
            case _:
                return False

    def _is_full(self) -> bool:
        return len(self._held) >= HELD_COMMITS or self._bytes >= HELD_BYTES

    def _arm(self, seconds: float) -> None:
        if self._disarm is not None:
            self._disarm()
        self._disarm = self._clock.call_at(self._clock.now() + seconds, self._ring)

    def _ring(self) -> None:
        self._disarm = None
        if self._held:
            self._due = True
            self._wake()

    def _delay(self) -> float:
        return min(FIRST_DELAY_S * 2.0 ** (self._failures - 1), LONGEST_DELAY_S)

    # --- storing ----------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Store everything; wait for a store that refuses as long as the setting says."""
        async with self._lock:
            while self._held and not await self._try():
                self._show(())
                await self._pause()

    async def _insist(self, write: Callable[[], None]) -> None:
        """Make a write that is no commit; the same patience."""
        while True:
            try:
                await self._written(write)
            except LeaseLost:
                raise
            except StoreError as error:
                self._refused(error)
            else:
                break
            self._show(())
            await self._pause()
        if not self._held:
            self._recovered(0)

    async def _try(self) -> bool:
        """Store what is held in one transaction; return whether the store took it.

        Raises:
            StoreError: it did not, and the setting says that this ends the leg.
        """
        if self._flight is None:
            batch = [record for record, _ in self._held]
            writing = self._written(partial(self._store.commit_all, self._lease, batch))
            self._flight = len(batch), asyncio.get_running_loop().create_task(writing)
        count, flight = self._flight
        try:
            # Whoever waits for it may be cancelled; what has been stored is told all the same.
            await asyncio.shield(flight)
        except LeaseLost:
            raise
        except StoreError as error:
            self._flight = None
            self._refused(error)
            return False
        self._flight = None
        self._begun = True
        stored = [self._held.popleft()[1] for _ in range(count)]
        self._recount()
        self._recovered(count)
        for publish in stored:
            publish()
        if self._told and not self._held:
            self._told = False
            self._tell(ev.Unsaved(run=self._lease.run, since=None))
        return True

    async def _written(self, work: Callable[[], None]) -> None:
        waiter = self._writer.attempt(self._lease, work)
        if waiter is not None:
            await waiter

    def _recount(self) -> None:
        self._cost, self._bytes = Cost(), 0
        self._first_at = self._clock.now()
        if self._disarm is not None:
            self._disarm()
            self._disarm = None
        for record, _ in self._held:
            self._cost.add(record)
            self._bytes += len(pack(record.delta))

    def _refused(self, error: StoreError) -> None:
        """Count a refusal. Raises it again where it ends the leg."""
        self._failures += 1
        self._error = error
        policy = self._setting.on_failure
        if self._failures == 1:
            self._failed_since = self._held[0][0].number if self._held else -1
            if policy == "continue":
                self.news.append(ev.SaveFailed(since=self._failed_since, message=str(error)))
        spent = policy == "retry" and self._failures >= self._setting.attempts
        if policy == "fail" or spent or self._gives_up.is_set() or not self._begun:
            raise error

    def _recovered(self, commits: int) -> None:
        if self._failures:
            since = self._failed_since
            again = ev.SavedAgain(since=since, commits=commits, attempts=self._failures)
            self._failures, self._error = 0, None
            self.news.append(again)
            self._wake()

    async def _pause(self) -> None:
        """Wait until the store is tried again, or nobody wants to wait."""
        over = asyncio.Event()
        due = self._clock.now() + self._delay()
        disarm = self._clock.call_at(due, over.set)
        loop = asyncio.get_running_loop()
        waits = [loop.create_task(over.wait()), loop.create_task(self._gives_up.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            disarm()
            for each in waits:
                each.cancel()

    def _show(self, facts: tuple[ev.Recorded, ...]) -> None:
        """Tell viewers what is not stored."""
        problem = "" if self._error is None else str(self._error)
        since = self._held[0][0].number if self._held else None
        self._told = True
        self._tell(ev.Unsaved(run=self._lease.run, since=since, problem=problem, facts=facts))
