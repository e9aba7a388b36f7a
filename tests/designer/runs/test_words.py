from __future__ import annotations

from typing import Any, get_args

import pytest

from designer.runs import words
from designer.runs.rows import DecisionRefused
from engine import events as ev
from engine.ids import RequestId, RunId, TaskId
from engine.run_view import RunView

AT = 1_763_700_000.0
TITLES = {"read": "Read invoices", "ask": "Approve", "each": "Each invoice"}


def _title(key: str) -> str:
    return TITLES.get(key, key)


def _say(event: Any) -> str:
    return words.sentence(ev.Recorded(RunId("run1"), 1, AT, event), _title)


def _at(node: str, task: str = "") -> dict[str, Any]:
    return {"task": TaskId(task or node), "node": node}


ERROR = ev.ErrorInfo(code="http_status", message="the server answered 503", attempt=3, node="read")
BROKE = ev.ErrorInfo(code="broken", message="it broke")
REQUEST: dict[str, Any] = {"request": RequestId("q1")}

SAID = [
    (
        ev.RunStarted(
            workflow="Pay",
            workflow_id="w",
            revision="r",
            input=None,
            seed=1,
            engine="1",
            parent=(RunId("abcdefgh"), 14),
            edited=("total", "limit"),
        ),
        "Pay was started as a fork of run #cdefgh at checkpoint 14, with total and limit edited",
    ),
    (ev.LegStarted(leg=2, reason="resume", commit=12), "The run was resumed at checkpoint 12"),
    (
        ev.DocumentChanged(
            old="a" * 64, new="b" * 64, by="ada", asked_again=("ask",), lost=("total",)
        ),
        "ada let the run go on with the edited workflow bbbbbbbb: ask asked again; total lost",
    ),
    (
        ev.TaskFinished(
            **_at("read"), ports={"out": ""}, duration_s=1.24, attempt=2, note="12 rows"
        ),
        "Read invoices finished in 1.24 s, at attempt 2: 12 rows",
    ),
    (
        ev.TaskFinished(**_at("read", "read@each.2#1"), ports={}, duration_s=0, recorded=True),
        "Read invoices (item 3, round 2) kept its recorded result",
    ),
    (
        ev.TaskFailed(**_at("read"), error=ERROR, duration_s=1, handled="error_port"),
        "Read invoices failed (attempt 3): the server answered 503; goes on by its error port",
    ),
    (
        ev.TaskRetried(**_at("read"), error=ERROR, attempt=1, of=3, due_at=AT + 8),
        "Read invoices failed (attempt 1 of 3): the server answered 503; tries again in 8.00 s",
    ),
    (
        ev.AlternativeTaken(**_at("read"), error=ERROR, number=1, of=2, node_type="file.read"),
        "Read invoices failed: the server answered 503; alternative 1 of 2 is tried (file.read)",
    ),
    (ev.TaskSkipped(**_at("read"), reason="if = false"), "Read invoices was skipped: if = false"),
    (ev.TaskCancelled(**_at("read"), reason=""), "Read invoices was cancelled"),
    (
        ev.CancelAsked(target="run", tasks=(TaskId("read"),), reason="enough"),
        "The run is being cancelled; 1 task told to end: enough",
    ),
    (
        ev.ItemsDropped(zone="each@", node="each", count=4, reason="enough"),
        "Each invoice leaves out 4 items: enough",
    ),
    (ev.TurnTaken(**_at("read"), keys=("", "ada")), "Read invoices has its turn (ada)"),
    (
        ev.ItemsAdded(**_at("each"), zone="each@", count=1, values="each.more0"),
        "Each invoice got 1 item more",
    ),
    (
        ev.ItemsFinished(zone="each@", node="each", results=2, reason="late"),
        "Each invoice is finished with 2 results: late",
    ),
    (ev.Degraded(**_at("read"), reason="empty"), "Read invoices took its fallback wire: empty"),
    (ev.Warned(node="", message="The disk is nearly full."), "The disk is nearly full."),
    (
        ev.Estimated(**_at("read"), amounts={"tokens": 1500.0}),
        "Read invoices wants to reserve 1500 of tokens",
    ),
    (
        ev.Spent(**_at("read"), amounts={"tokens": 12.0, "money": 0.5}),
        "Read invoices used 12 of tokens, 0.5 of money",
    ),
    (
        ev.BudgetGranted(**_at("read"), account="tokens", choice="raise", limit=20.0),
        "The budget “tokens” was raised to 20",
    ),
    (
        ev.MetersChanged(meters={"tokens": (20.0, 12.0, 0.0), "calls": (None, 3.0, 1.0)}),
        "Used so far: tokens 12 of 20, calls 3",
    ),
    (
        ev.InvariantBroken(
            **_at("read"), invariant="cap", message="Too much.", writers=(), handled="ask"
        ),
        "Too much. The task is held until somebody decides.",
    ),
    (
        ev.InterceptorIgnored(**_at("read"), message="The interceptor policy failed."),
        "Read invoices: The interceptor policy failed.",
    ),
    (
        ev.BarrierDecided(
            **REQUEST,
            **_at("ask"),
            choice="modify",
            by="Ada",
            through="designer",
            comment="typo",
            changed=("[3].amount",),
        ),
        "Ada (designer) approved with changes Approve, [3].amount edited: “typo”",
    ),
    (
        ev.BarrierDecided(
            **REQUEST, **_at("ask"), choice="escalate", by="Bob", through="cli", port="boss"
        ),
        "Bob (cli) chose “escalate” at Approve, by port boss",
    ),
    (
        ev.BarrierExpired(**REQUEST, **_at("ask"), default="reject"),
        "Nobody answered Approve in time; rejected, as set",
    ),
    (
        ev.BarrierWithdrawn(**REQUEST, **_at("ask"), reason="the run was cancelled"),
        "Approve no longer asks; nothing was decided: the run was cancelled",
    ),
    (
        ev.WaitOpened(**_at("read"), kind="child", due_at=None),
        "Read invoices waits for a child run",
    ),
    (
        ev.JoinTimedOut(node="read", port="in", path=(), then="fire"),
        "Read invoices has waited long enough; it goes on with what there is",
    ),
    (
        ev.FrameOpened(frame="pay", path=(("each", 2, 12),), due_at=AT + 60),
        f"The frame pay (item 3 of 12) was entered, at most until {words.clock_text(AT + 60)}",
    ),
    (
        ev.FrameRetried(frame="pay", path=(), error=BROKE, attempt=1, of=3, due_at=AT + 5, tasks=2),
        "The frame pay failed (attempt 1 of 3): it broke; all of it is done again in 5.00 s",
    ),
    (
        ev.FrameFailed(frame="pay", path=(), error=ERROR, node="read"),
        "The frame pay failed: the server answered 503; Read invoices takes it",
    ),
    (ev.FrameTimedOut(frame="pay"), "The frame pay has taken longer than it may"),
    (
        ev.FrameCancelled(frame="pay", path=(), **_at("read"), tasks=2),
        "The frame pay was cancelled by Read invoices; 2 tasks ended",
    ),
    (ev.FrameClosed(frame="pay", attempt=2), "The frame pay is done, at attempt 2"),
    (ev.FrameClosed(frame="pay", ended=True), "The frame pay was ended"),
    (
        ev.WaitEnded(**_at("read"), kind="timer", reason="time is up"),
        "Read invoices goes on: time is up",
    ),
    (
        ev.SignalSent(**_at("read"), signal="s1", name="order.paid"),
        "Read invoices sent the event order.paid to all runs that listen",
    ),
    (
        ev.SignalTaken(
            **_at("read"), number=1, signal="s1", name="order.paid", by="ada", delay_s=8.0
        ),
        "Read invoices took the event order.paid from ada, sent 8.00 s before",
    ),
    (
        ev.ChildStarted(
            **_at("read"), child=RunId("r" * 20), workflow="Sum", revision="x", mode="call"
        ),
        f"Read invoices started Sum as run {words.short_run(RunId('r' * 20))}",
    ),
    (
        ev.ChildStarted(
            **_at("read"), child=RunId("r1"), workflow="W", revision="x", mode="background"
        ),
        "Read invoices works on in the background as run #r1",
    ),
    (
        ev.ChildContinued(**_at("read"), child=RunId("r1"), reason="retry", by="ada"),
        "Run #r1 of Read invoices is tried again by ada",
    ),
    (
        ev.ChildEnded(**_at("read"), child=RunId("r1"), status="failed", reason="it broke"),
        "Run #r1 of Read invoices is failed: it broke",
    ),
    (
        ev.SuperstepCommitted(
            commit=1200,
            admitted=(TaskId("read"),),
            changed=("a", "b", "c", "d", "e"),
            ready=(ev.TaskReady(TaskId("ask"), "ask"), ev.TaskReady(TaskId("x"), "x")),
        ),
        "Checkpoint 1,200: 1 result, 2 tasks ready, a, b, c, d and 1 more changed",
    ),
    (
        ev.LimitReached(limit="executions", value=1e6, node="read"),
        "The limit “executions” (1,000,000) was reached at Read invoices",
    ),
    (ev.RunPaused(reason="asked by the person"), "The run is paused: asked by the person"),
    (ev.RunUnpaused(), "The run goes on"),
    (ev.RunStepped(tasks=(TaskId("read"),)), "One step: 1 task"),
    (
        ev.ResultsReused(source=RunId("abcdefgh"), node="ask", tasks=3),
        "The run begins at Approve, on 3 recorded results of run #cdefgh",
    ),
    (ev.CheckpointMade(request="q", name="before pay"), "The run was saved as before pay"),
    (
        ev.Checked(task=TaskId("read"), node="read", attempt=1, results=(("a", "ok", ""),)),
        "Read invoices: 1 check of its output, all well",
    ),
    (
        ev.TriggerFired(
            node="read", kind="trigger.schedule", key="1", due_at=1_700_000_000.0, delay_s=7_200.0
        ),
        "Read invoices has started the run, 2 h 00 min late",
    ),
    (ev.SaveFailed(since=3, message="disk full"), "The run goes on without being saved: disk full"),
    (
        ev.SavedAgain(since=3, commits=2, attempts=1),
        "Everything is saved again: 2 checkpoints, after 1 refusal",
    ),
    (ev.BreakpointsSet(breakpoints=()), "There are no breakpoints any more"),
    (
        ev.BreakpointHit(**_at("read", "read@each.2"), at="before", condition="input > 3"),
        "Breakpoint before Read invoices (item 3): input > 3",
    ),
    (ev.RunWaiting(requests=(RequestId("q1"),)), "The run waits for 1 decision"),
    (ev.RunFinished(result={"paid": 3}), 'The run is complete: {"paid": 3}'),
    (ev.RunFailed(error=ERROR), "The run failed at Read invoices: the server answered 503"),
    (ev.RunCancelled(reason="enough"), "The run was cancelled: enough"),
]


@pytest.mark.parametrize(("event", "said"), SAID, ids=lambda value: type(value).__name__)
def test_an_event_is_said_in_plain_words(event: ev.AnyEvent, said: str) -> None:
    assert _say(event) == said


def test_a_barrier_says_until_when_and_what_then() -> None:
    event = ev.BarrierOpened(
        **REQUEST,
        **_at("ask"),
        title="Pay 12 invoices?",
        digest="d",
        opened_at=AT,
        deadline=AT + 600,
        default="reject",
    )
    until = words.clock_text(AT + 600, AT)
    assert _say(event) == f"Approve asks: Pay 12 invoices? (until {until}, then: reject)"


def test_every_event_has_words_and_a_kind() -> None:
    tried = {type(event) for event, _ in SAID} | {ev.BarrierOpened}
    assert tried == set(get_args(ev.AnyEvent))
    assert set(words._KINDS) == tried | set(get_args(ev.AnyUpdate))


def test_output_is_shown_as_it_came_with_what_was_dropped() -> None:
    chunk = ev.OutputChunk(
        run=RunId("r"), **_at("read"), stream="stdout", text="hello\n", dropped=3
    )
    assert words.sentence(chunk, _title) == "[3 lines not shown] hello"
    assert words.kind(chunk) == "output"


def test_a_path_counts_from_one() -> None:
    assert words.path_text((("each", 2, 12),)) == "item 3 of 12"
    assert words.path_text((("a", 0, 2), ("loop", 4, -1))) == "item 1 of 2, round 5"


def test_a_waiting_run_says_for_how_many_decisions() -> None:
    requests: dict[RequestId, Any] = {RequestId("a"): None, RequestId("b"): None}
    view = RunView(status="waiting", requests=requests)
    assert words.run_status(view) == "Waiting for 2 decisions"


@pytest.mark.parametrize(
    ("message", "words_of_it"),
    [
        ("Pay was answered by Bob.", "Pay was answered by Bob."),
        ("", "This was decided already; nothing was changed."),
    ],
)
def test_a_refusal_says_why(message: str, words_of_it: str) -> None:
    assert words.refusal(DecisionRefused(message, reason="late")) == words_of_it


def test_what_a_crash_would_lose_is_said() -> None:
    """U94, U97: a view that is ahead of the store says so."""
    assert words.unsaved_words(5) == "Not saved since checkpoint 4"
    assert words.unsaved_words(5, "disk full") == "Not saved since checkpoint 4: disk full"
    assert not words.unsaved_words(None)
