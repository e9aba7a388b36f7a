"""Frames with behaviour: error handler, cancel region, retry, timeout (U45-U49, U79, U80, U82)."""

from __future__ import annotations

import asyncio
from typing import Any

from engine import events as ev
from engine.commands import Decide
from engine.ids import TaskId
from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.model.workflow import Channel, Draw, FrameLock, Meter, RetryPolicy, Workflow
from tests.engine.flows import Bench, flow, node_type, outcome, settle
from tests.engine.properties.driving import leftovers

Json = Any
NOW = RetryPolicy(attempts=3, delay_s=0.0, jitter=False)


def handled(**fields: Any) -> Workflow:
    """``s`` leads into a frame of ``a``, ``b`` and ``h``, which hangs; ``b`` may fail."""
    return flow(
        {"s": "same", "a": "same", "b": "odd_fails", "h": "hang", "x": "same", "y": "same",
         "c": ("frame.error", {"frame": "f"}), "j": "join", "z": "end"},
        "s > a, a > b, a > h, b > x, h > y, x > j, y > j, c > j, j > z",
        frames={"f": ("a b h", fields)},
    )  # fmt: skip


async def test_an_unhandled_failure_ends_the_frame_and_goes_to_its_handler() -> None:
    """U82, pattern 25: what is left inside is cancelled; every way out is ruled out."""
    async with Bench() as bench:
        handle = await bench.start(handled(), 1)
        result = outcome((await handle.leg()).event)
        assert list(result) == ["c"]
        error = result["c"]
        assert (error["node"], error["message"]) == ("b", "b failed: 1 is odd")
        assert bench.order(ev.TaskCancelled) == ["h"]
        assert bench.order(ev.TaskSkipped) == ["x", "y"]
        [failed] = [e for e in bench.facts if isinstance(e, ev.FrameFailed)]
        assert (failed.frame, failed.node, failed.tasks) == ("f", "c", 1)
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_frame_in_which_nothing_fails_skips_its_handler() -> None:
    """What is behind both goes on with what left the frame."""
    work = flow(
        {"s": "same", "a": "odd_fails", "c": ("frame.error", {"frame": "f"}), "j": "join",
         "z": "end"},
        "s > a, a > j, c > j, j > z",
        frames={"f": "a"},
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 2)
        assert outcome((await handle.leg()).event) == {"a": 2}
        assert bench.order(ev.TaskSkipped) == ["c"]
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_what_leaves_a_frame_waits_until_it_cannot_be_taken_back() -> None:
    """One arm is out at once, the other fails: nothing of the frame goes on."""
    work = flow(
        {"s": "same", "a": "same", "b": ("nap", {"seconds": 5}), "n": "boom", "x": "same",
         "c": ("frame.error", {"frame": "f"}), "z": "end"},
        "s > a, s > b, b > n, a > x, c > z",
        frames={"f": "a b n"},
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        assert "x" not in bench.order()
        bench.clock.advance(5)
        assert outcome((await handle.leg()).event)["code"] == "broken"
        assert "x" not in bench.order()
        assert (await bench.engine.replay(handle.run)).equal


# --- cancel region --------------------------------------------------------------------------


def region() -> Workflow:
    """``q`` asks beside a frame of ``a``, a question ``r``, a nap ``n`` and a hanging ``h``."""
    return flow(
        {"s": "same", "q": "ask", "k": ("frame.cancel", {"frame": "f"}), "a": "same",
         "r": "ask", "n": ("nap", {"seconds": 60}), "h": "hang", "j": "join", "w": "same",
         "z": "end"},
        "s > q, s > a, a > r, a > n, a > h, r.approved > j, n > j, h > j, j > w, w > z, "
        "q.approved > k, k > z",
        frames={"f": "a r n h j"},
    )  # fmt: skip


async def answer(bench: Bench, node: str, choice: str = "approve") -> None:
    [record] = [each for each in bench.engine.inbox() if each.node == node]
    await bench.engine.decide(
        Decide(request=record.request, choice=choice, by="ada", through="api",
               digest=record.digest)
    )  # fmt: skip
    await settle()


async def test_cancel_frame_withdraws_everything_in_it() -> None:
    """Pattern 25: tasks, questions and timers; one event says because of what."""
    async with Bench(stay=True) as bench:
        handle = await bench.start(region(), 1)
        await answer(bench, "q")
        event = (await handle.leg()).event
        assert outcome(event) == 1
        assert sorted(bench.order(ev.TaskCancelled)) == ["h", "n", "r"]
        assert bench.order(ev.BarrierWithdrawn) == ["r"]
        assert bench.order(ev.TaskSkipped) == ["w"]
        assert bench.engine.inbox() == []
        [cancelled] = [e for e in bench.facts if isinstance(e, ev.FrameCancelled)]
        assert (cancelled.frame, cancelled.task, cancelled.tasks) == ("f", "k", 3)
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_cancelling_an_empty_frame_says_so() -> None:
    work = flow(
        {"s": "same", "a": "same", "k": ("frame.cancel", {"frame": "f"}), "z": "end"},
        "s > a, a > k, k > z",
        frames={"f": "a"},
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == 1
        [warned] = [e for e in bench.facts if isinstance(e, ev.Warned)]
        assert warned.message == "there was nothing in f to cancel"


async def test_a_frame_in_an_item_is_cancelled_in_that_item_alone() -> None:
    """Every item has a frame of its own; a failed one goes to the handler of its item."""
    work = flow(
        {"s": "same", "e": ("for_each", {"limit": 3}), "a": "odd_fails", "b": "same",
         "c": ("frame.error", {"frame": "f"}), "m": ("join", {"output": "first"}),
         "l": "collect", "z": "end"},
        "s > e, e.item > a, a > b, b > m, c > m, m > l, l > z",
        frames={"f": "a b"},
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [2, 3, 4])
        result = outcome((await handle.leg()).event)
        assert (result[0], result[1]["message"], result[2]) == (2, "a failed: 3 is odd", 4)
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


# --- retry ----------------------------------------------------------------------------------


def flaky(times: int) -> tuple[NodeType, list[str]]:
    """A type that fails the first `times` times that it is called, and the keys it was given."""
    calls = [0]
    keys: list[str] = []

    def run(params: Any, ctx: Context) -> Output:
        calls[0] += 1
        keys.append(ctx.idempotency_key)
        if calls[0] <= times:
            raise NodeFailure(f"call {calls[0]}", code="shaky")
        return Output({"out": [ctx.input, calls[0]]})

    return node_type("flaky", run), keys


def again(**fields: Any) -> Workflow:
    return flow(
        {"s": "plus", "a": "plus", "b": "flaky", "x": "same", "z": "end"},
        "s > a, a > b, a > x, b > z, x > z",
        frames={"f": ("a b", fields)},
    )


async def test_a_frame_is_done_again_from_its_entry() -> None:
    """U79: every member runs again, with the entry's value; the ways out carry one value each."""
    kind, keys = flaky(2)
    async with Bench(kind) as bench:
        handle = await bench.start(again(retry=NOW), 0)
        assert outcome((await handle.leg()).event) == {"b": [2, 3], "x": 2}
        assert bench.order() == ["s", "a", "a#1", "a#2", "b#2", "x", "z"]
        retried = [e for e in bench.facts if isinstance(e, ev.FrameRetried)]
        assert [(e.attempt, e.of) for e in retried] == [(1, 3), (2, 3)]
        assert len(set(keys)) == 1, "the other side must be able to tell that it is the same"
        assert not leftovers(handle.state)
        assert handle.view.frames["f"].attempt == 3
        node = handle.view.nodes["b"]
        assert (node.state, node.done, node.failed) == ("done", 1, 0), "what is taken back is over"
        assert (await bench.engine.replay(handle.run)).equal


async def test_attempts_of_a_frame_are_counted_and_then_it_fails() -> None:
    kind, keys = flaky(9)
    async with Bench(kind) as bench:
        assert outcome(await bench.run(again(retry=NOW), 0)) == "shaky"
        assert len(keys) == 3


async def test_the_delay_of_a_frame_survives_a_restart() -> None:
    """Attempts and delay are in the state: another engine goes on where the first was killed."""
    kind, _ = flaky(1)
    policy = RetryPolicy(attempts=2, delay_s=30.0, jitter=False)
    async with Bench(kind, stay=True) as bench:
        handle = await bench.start(again(retry=policy), 0)
        assert handle.view.frontier[TaskId("a#1")].state == "retry"
        assert handle.state.frames["f@"].attempt == 2
    async with Bench(kind, store=bench.store, clock=bench.clock, stay=True) as second:
        resumed = await second.engine.resume(handle.run)
        bench.clock.advance(29)
        await settle()
        assert "a#1" not in second.order()
        bench.clock.advance(1)
        assert outcome((await resumed.leg()).event) == {"b": [2, 2], "x": 2}
        assert (await second.engine.replay(handle.run)).equal


async def test_what_runs_is_cancelled_before_the_frame_is_done_again() -> None:
    """A running member is ended and awaited, an open question closed, with a reason."""
    kind, _ = flaky(1)
    work = flow(
        {"s": "same", "h": "hang", "q": "ask", "n": ("nap", {"seconds": 5}), "b": "flaky",
         "z": "end"},
        "s > h, s > q, s > n, n > b, b > z",
        frames={"f": ("h q n b", {"retry": NOW})},
    )  # fmt: skip
    async with Bench(kind, stay=True) as bench:
        handle = await bench.start(work, 7)
        bench.clock.advance(5)
        await settle()
        assert sorted(bench.order(ev.TaskCancelled)) == ["h", "q"]
        [withdrawn] = [e for e in bench.facts if isinstance(e, ev.BarrierWithdrawn)]
        assert withdrawn.reason == "something in f failed"
        assert [r.task for r in bench.engine.inbox()] == ["q#1"]
        assert set(handle.state.tasks) == {"h#1", "q#1", "n#1"}
        assert list(handle._loop.frontier.running) == ["h#1"]
        await bench.engine.cancel(handle.run, "enough")


async def test_what_enters_while_a_frame_fails_is_in_the_next_attempt() -> None:
    """One commit holds the failure and the value that comes from outside: it is not lost."""
    kind, _ = flaky(1)
    work = flow(
        {"s": "same", "a": "flaky", "p": "plus", "b": "same", "j": "join", "z": "end"},
        "s > a, s > p, p > b, a > j, b > j, j > z",
        frames={"f": ("a b j", {"retry": NOW})},
        commit="strict",
    )
    async with Bench(kind) as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == {"a": [1, 2], "b": 2}
        assert bench.order() == ["s", "p", "a#1", "b", "j", "z"]
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_after_its_attempts_a_frame_gives_the_failure_to_its_handler() -> None:
    kind, keys = flaky(9)
    work = flow(
        {"s": "same", "b": "flaky", "c": ("frame.error", {"frame": "f"}), "z": "end"},
        "s > b, b > z, c > z",
        frames={"f": ("b", {"retry": NOW})},
    )
    async with Bench(kind) as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event)["message"] == "b failed: call 3"
        assert len(keys) == 3
        assert (await bench.engine.replay(handle.run)).equal


async def test_the_innermost_frame_that_can_takes_a_failure() -> None:
    """Nested: the inner one is tried twice in each of two attempts of the outer one."""
    kind, keys = flaky(3)
    twice = RetryPolicy(attempts=2, delay_s=0.0, jitter=False)
    work = flow(
        {"s": "same", "a": "same", "b": "flaky", "z": "end"},
        "s > a, a > b, b > z",
        frames={"outer": ("a b", {"retry": twice}), "inner": ("b", {"retry": twice})},
    )
    async with Bench(kind) as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == [1, 4]
        assert bench.order() == ["s", "a", "a#1", "b#3", "z"]
        assert len(set(keys)) == 1
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_zone_in_a_frame_is_done_again_as_a_whole() -> None:
    kind, keys = flaky(2)
    work = flow(
        {"s": "same", "e": ("for_each", {"limit": 1}), "b": "flaky", "l": "collect", "z": "end"},
        "s > e, e.item > b, b > l, l > z",
        frames={"f": ("e b l", {"retry": NOW})},
    )
    async with Bench(kind) as bench:
        handle = await bench.start(work, ["x", "y"])
        assert outcome((await handle.leg()).event) == [["x", 3], ["y", 4]]
        assert len(set(keys)) == 2
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


# --- timeout --------------------------------------------------------------------------------


async def test_a_frame_that_takes_too_long_fails_with_timeout() -> None:
    """U80: from the first that enters to the last that leaves; the handler takes it."""
    work = handled(timeout_s=10.0)
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 2)
        bench.clock.advance(9)
        await settle()
        assert handle.state.frames["f@"].opened_at is not None
        bench.clock.advance(1)
        error = outcome((await handle.leg()).event)["c"]
        assert (error["code"], error["message"]) == ("timeout", "f took longer than 10 s")
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_timeout_that_nothing_takes_fails_the_run() -> None:
    work = flow(
        {"s": "same", "n": ("nap", {"seconds": 60}), "z": "end"},
        "s > n, n > z",
        frames={"f": ("n", {"timeout_s": 10.0})},
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 2)
        bench.clock.advance(10)
        assert outcome((await handle.leg()).event) == "timeout"
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_frame_that_is_left_in_time_has_no_timer_any_more() -> None:
    work = flow(
        {"s": "same", "a": "same", "n": ("nap", {"seconds": 60}), "z": "end"},
        "s > a, a > n, n > z",
        frames={"f": ("a", {"timeout_s": 10.0})},
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 2)
        assert handle.state.timers == {}
        bench.clock.advance(60)
        assert outcome((await handle.leg()).event) == 2


# --- lock, one at a time ----------------------------------------------------------------------


def two_locked(permits: int = 1) -> Workflow:
    """Two frames with the same lock, a nap and a node after it in each."""
    lock = FrameLock(name="gpu", permits=permits)
    return flow(
        {"s": "same", "a": ("nap", {"seconds": 5}), "b": "same", "c": ("nap", {"seconds": 5}),
         "d": "same", "z": "end"},
        "s > a, a > b, s > c, c > d, b > z, d > z",
        frames={"f": ("a b", {"lock": lock}), "g": ("c d", {"lock": lock})},
    )  # fmt: skip


async def test_frames_with_the_same_lock_are_open_one_after_the_other() -> None:
    """Pattern 39, U74: who waits is parked, and goes on in the order of entering."""
    async with Bench(stay=True) as bench:
        handle = await bench.start(two_locked(), 1)
        assert {key: wait.kind for key, wait in handle.state.waits.items()} == {
            "a": "timer", "c": "lock"
        }  # fmt: skip
        assert handle.view.frontier[TaskId("c")].state == "waiting"
        bench.clock.advance(5)
        await settle()
        assert bench.order() == ["s", "a", "b"]
        assert [row.locked for row in handle.state.frames.values()] == [True]
        bench.clock.advance(5)
        assert outcome((await handle.leg()).event) == {"b": 1, "d": 1}
        assert bench.order() == ["s", "a", "b", "c", "d", "z"]
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_lock_lets_in_as_many_as_it_has_permits() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(two_locked(2), 1)
        assert {wait.kind for wait in handle.state.waits.values()} == {"timer"}
        bench.clock.advance(5)
        assert outcome((await handle.leg()).event) == {"b": 1, "d": 1}


async def test_who_waits_for_a_lock_waits_for_it_after_a_restart() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(two_locked(), 1)
    async with Bench(store=bench.store, clock=bench.clock, stay=True) as second:
        resumed = await second.engine.resume(handle.run)
        await settle()
        assert resumed.state.waits["c"].kind == "lock"
        bench.clock.advance(5)
        await settle()
        bench.clock.advance(5)
        assert outcome((await resumed.leg()).event) == {"b": 1, "d": 1}
        assert (await second.engine.replay(handle.run)).equal


async def test_items_of_a_for_each_go_through_a_locked_frame_one_by_one() -> None:
    work = flow(
        {"e": ("for_each", {"limit": 3}), "a": "asleep", "b": "asleep", "l": "collect",
         "z": "end"},
        "e.item > a, a > b, b > l, l > z",
        frames={"f": ("a b", {"lock": FrameLock(name="door")})},
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1, 2, 3])
        assert outcome((await handle.leg()).event) == [1, 2, 3]
        inside = [task for task in bench.order() if task[0] in "ab"]
        assert inside == ["a@e.0", "b@e.0", "a@e.1", "b@e.1", "a@e.2", "b@e.2"]
        assert (await bench.engine.replay(handle.run)).equal


async def test_who_gets_a_lock_sees_what_was_written_under_it() -> None:
    """A critical section: to read and to write a channel under a lock loses nothing."""
    add = ("read_total", {"read": {"expr": "state.total"}}, {"writes": {"total": "output + 1"}})
    work = flow(
        {"e": ("for_each", {"limit": 5}), "a": add, "l": "collect", "z": "end"},
        "e.item > a, a > l, l > z",
        channels=[Channel(name="total", type="number", reducer="replace", default=0)],
        frames={"f": ("a", {"lock": FrameLock(name="door")})},
    )

    async def read(params: Any, ctx: Context) -> Output:
        await asyncio.sleep(0)
        return Output({"out": params.read})

    async with Bench(node_type("read_total", read)) as bench:
        handle = await bench.start(work, [1, 2, 3, 4, 5])
        assert outcome((await handle.leg()).event) == [0, 1, 2, 3, 4]
        assert handle.state.channels["total"] == 5
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_frame_that_fails_gives_its_lock_back() -> None:
    lock = FrameLock(name="gpu")
    work = flow(
        {"s": "same", "a": "boom", "c": "same", "x": ("frame.error", {"frame": "f"}),
         "j": "join", "z": "end"},
        "s > a, s > c, x > j, c > j, j > z",
        frames={"f": ("a", {"lock": lock}), "g": ("c", {"lock": lock})},
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        assert set(outcome((await handle.leg()).event)) == {"c", "x"}
        assert (await bench.engine.replay(handle.run)).equal


async def test_frames_that_wait_for_one_another_are_named() -> None:
    """A deadlock: each has what the other waits for; the one that came last fails."""
    one, other = FrameLock(name="one"), FrameLock(name="other")
    nap = ("nap", {"seconds": 5})
    work = flow(
        {"s": "same", "a": nap, "b": "same", "c": nap, "d": "same", "z": "end"},
        "s > a, a > b, s > c, c > d, b > z, d > z",
        frames={"f": ("a b", {"lock": one}), "fin": ("b", {"lock": other}),
                "g": ("c d", {"lock": other}), "gin": ("d", {"lock": one})},
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        bench.clock.advance(5)
        event = (await handle.leg()).event
        assert isinstance(event, ev.RunFailed) and event.error.code == "deadlock"
        assert event.error.message == (
            "Frames wait for one another: fin waits for the lock other, which g has; "
            "gin waits for the lock one, which f has"
        )
        assert (await bench.engine.replay(handle.run)).equal


async def test_one_task_of_a_frame_runs_at_a_time_in_the_order_of_the_wires() -> None:
    """Patterns 17 and 40: what has an order keeps it, the rest takes turns; waiting counts."""
    nap = ("nap", {"seconds": 5})
    work = flow(
        {"s": "same", "a": nap, "a2": "same", "b": nap, "c": "asleep", "z": "end"},
        "s > a, a > a2, s > b, s > c, a2 > z, b > z, c > z",
        frames={"f": ("a a2 b c", {"one_at_a_time": True})},
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        kinds = {key: wait.kind for key, wait in handle.state.waits.items()}
        assert kinds == {"a": "timer", "b": "turn", "c": "turn"}
        bench.clock.advance(5)
        await settle()
        kinds = {key: wait.kind for key, wait in handle.state.waits.items()}
        assert kinds == {"a2": "turn", "b": "timer", "c": "turn"}
        bench.clock.advance(5)
        assert outcome((await handle.leg()).event) == {"a2": 1, "b": 1, "c": 1}
        assert bench.order() == ["s", "a", "b", "c", "a2", "z"]
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


# --- budget -----------------------------------------------------------------------------------


async def test_the_members_of_a_frame_draw_on_a_budget_of_their_own() -> None:
    """U87, U88: from the ledger of the run; a breach is that of a run, and names the frame."""
    draw = {"meters": {"tokens": Draw(estimate="4")}}
    work = flow(
        {"a": ("same", {}, draw), "b": ("same", {}, draw), "c": ("same", {}, draw), "z": "end"},
        "a > b, b > c, c > z",
        meters={"tokens": Meter(limit=100)},
        frames={"f": ("b c", {"meters": {"tokens": 6.0}})},
    )
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        event = (await handle.leg()).event
        assert isinstance(event, ev.RunFailed) and event.error.code == "budget"
        [hit] = [e for e in bench.facts if isinstance(e, ev.LimitReached)]
        assert (hit.limit, hit.node) == ("tokens!f", "c")
        assert bench.order() == ["a", "b"]
        assert handle.state.ledger["tokens"].used == 8.0
        assert (await bench.engine.replay(handle.run)).equal
