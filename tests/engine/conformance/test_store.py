"""What every store must do. A store is in when it is in `STORES` and passes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import run_view
from engine.commands import Cancel, Pause
from engine.errors import EngineBug, LeaseLost, RunIsHeld, SessionBusy, StoreError, UnknownRun
from engine.events import ErrorInfo, LegStarted, TaskFailed, TaskRetried
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import Option, Request
from engine.runtime.ports import (
    JournalRecord,
    Lease,
    Listener,
    RunStore,
    SignalChanges,
    SignalRecord,
)
from engine.state.run_state import RunState
from engine.state.status import RunStatus
from engine.store.leases import HEARTBEAT_EXPIRY_S, current_holder
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import (
    DEAD,
    DOCUMENT,
    RUN,
    START_S,
    Chain,
    asked,
    begin,
    decide,
    request_record,
    run_record,
)

STORES: dict[str, Callable[[Path], RunStore]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "runs.sqlite"),
}
OTHER = replace(current_holder(), host="another-machine", pid=4711)
FAR = replace(current_holder(), host="a-third-machine", pid=4712)


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


# --- runs -------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_created(store: RunStore) -> None:
    record = run_record(parent=RunId("run0"), parent_commit=3, source_path="/a.json", title="T")
    store.create_run(record)
    assert store.run(RUN) == record


def test_a_run_id_can_be_used_once(store: RunStore) -> None:
    store.create_run(run_record())
    with pytest.raises(StoreError, match="already"):
        store.create_run(run_record())


def test_runs_are_listed_newest_first_without_documents(store: RunStore) -> None:
    for number in range(3):
        store.create_run(run_record(f"r{number}", started_at=START_S + number))
    assert [each.run for each in store.runs()] == ["r2", "r1", "r0"]
    assert [each.run for each in store.runs(limit=1)] == ["r2"]
    assert {each.document for each in store.runs()} == {b""}


def test_runs_can_be_listed_for_one_workflow(store: RunStore) -> None:
    store.create_run(run_record("r1"))
    store.create_run(run_record("r2", workflow_id="w2"))
    assert [each.run for each in store.runs(workflow_id="w2")] == ["r2"]


def test_a_unique_prefix_finds_a_run_and_an_ambiguous_one_names_the_choices(
    store: RunStore,
) -> None:
    store.create_run(run_record("abc1"))
    store.create_run(run_record("abd2"))
    assert store.run(RunId("abc")).run == "abc1"
    with pytest.raises(UnknownRun, match="abc1, abd2"):
        store.run(RunId("ab"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.run(RunId("nope")),
        lambda store: store.run(RunId("")),
        lambda store: store.load(RunId("nope")),
        lambda store: store.state_at(RunId("nope"), 0),
        lambda store: store.events(RunId("nope")),
        lambda store: store.history(RunId("nope")),
        lambda store: store.delta(RunId("nope"), 0),
        lambda store: store.acquire(RunId("nope"), current_holder(), START_S),
        lambda store: store.delete_run(RunId("nope")),
        lambda store: store.request(RequestId("nope")),
        lambda store: store.decide(decide("nope"), START_S),
        lambda store: store.refuse(decide("nope"), START_S, "invalid"),
        lambda store: store.add_command(RunId("nope"), Pause(), START_S),
    ],
)
def test_what_is_not_there_is_unknown(store: RunStore, ask: Callable[[RunStore], Any]) -> None:
    with pytest.raises(UnknownRun):
        ask(store)


# --- commits ----------------------------------------------------------------------------------


def test_a_loaded_run_goes_on_where_it_was(store: RunStore) -> None:
    chain, lease = begin(store)
    for record in chain.commits(60):
        store.commit(lease, record)
    loaded = store.load(RUN)
    assert loaded.state == chain.state
    assert (loaded.next_seq, loaded.legs) == (chain.seq, 1)
    assert (loaded.record.commit, loaded.record.status) == (60, RunStatus.RUNNING)


def test_a_run_without_commits_can_be_loaded(store: RunStore) -> None:
    store.create_run(run_record())
    loaded = store.load(RUN)
    assert loaded.state == RunState()
    assert (loaded.next_seq, loaded.legs, loaded.record.commit) == (1, 0, -1)


def test_every_commit_can_be_visited(store: RunStore) -> None:
    chain, lease = begin(store)
    states = [chain.state.copy()]
    for record in chain.commits(130):
        store.commit(lease, record)
        states.append(chain.state.copy())
    assert [store.state_at(RUN, number) for number in range(131)] == states


def test_a_visited_state_may_be_changed_by_who_asked_for_it(store: RunStore) -> None:
    begin(store)
    store.state_at(RUN, 0).channels["count"] = "spoilt"
    store.state_at(RUN, 0).tasks.clear()
    assert store.state_at(RUN, 0).channels["count"] == 0
    assert store.state_at(RUN, 0).tasks


@pytest.mark.parametrize("number", [-1, 3, 2**32 + 1])
def test_a_commit_that_is_not_there_is_unknown(store: RunStore, number: int) -> None:
    chain, lease = begin(store)
    for record in chain.commits(2):
        store.commit(lease, record)
    for ask in (store.state_at, store.delta):
        with pytest.raises(UnknownRun, match=f"no commit {number}"):
            ask(RUN, number)


def test_facts_come_back_in_order_and_in_part(store: RunStore) -> None:
    chain, lease = begin(store)
    records = list(chain.commits(20))
    for record in records:
        store.commit(lease, record)
    everything = store.events(RUN)
    assert everything[3:] == [each for record in records for each in record.events]
    assert [each.seq for each in everything] == list(range(1, chain.seq))
    for after, upto in ((0, 2), (5, 11), (17, None), (42, 99), (50, None)):
        wanted = [e for e in everything if e.seq > after and (upto is None or e.seq <= upto)]
        assert store.events(RUN, after=after, upto=upto) == wanted


def test_facts_keep_times_of_their_own(store: RunStore) -> None:
    chain, lease = begin(store)
    record = chain.commit()
    record.events = [
        type(each)(each.run, each.seq, record.at + place / 8, each.event)
        for place, each in enumerate(record.events)
    ]
    store.commit(lease, record)
    assert store.events(RUN, after=3) == record.events


def test_history_has_a_line_for_each_commit(store: RunStore) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(RunStatus.WAITING))
    first, second = store.history(RUN)
    assert (second.number, second.at, second.status) == (1, START_S + 1, RunStatus.WAITING)
    assert (second.tasks, second.changed) == (("n1",), ("count",))
    assert (first.first_seq, first.last_seq, second.first_seq, second.last_seq) == (1, 3, 4, 5)
    assert store.history(RUN, after=0) == [second]
    assert store.history(RUN, limit=1) == [first]


def test_the_newest_view_at_or_before_a_commit_is_found(store: RunStore) -> None:
    chain, lease = begin(store)
    for record in chain.commits(60):
        store.commit(lease, record)
    number, data = store.frame_before(RUN, 60) or (-1, b"")
    view = run_view.decode(data)
    assert view.commit == number <= 60
    assert run_view.fold(store.events(RUN, after=view.seq), view) == chain.view
    assert store.frame_before(RUN, 0) is not None


def test_a_commit_gives_its_delta_and_its_values(store: RunStore) -> None:
    chain, lease = begin(store)
    record = chain.commit(values={"a.out": [1], "b.out": "two"})
    store.commit(lease, record)
    assert store.delta(RUN, 1) == record.delta
    assert store.values_at(RUN, 1, ["b.out", "a.out", "c.out"]) == {"a.out": [1], "b.out": "two"}


def test_the_same_commit_twice_is_one_row(store: RunStore) -> None:
    chain, lease = begin(store)
    record = chain.commit()
    store.commit(lease, record)
    with pytest.raises(LeaseLost):
        store.commit(lease, record)
    assert [each.number for each in store.history(RUN)] == [0, 1]


def test_several_commits_are_stored_like_one_after_the_other(store: RunStore) -> None:
    """U94: what was held is stored in one transaction."""
    chain, lease = begin(store)
    store.commit_all(lease, list(chain.commits(60)))
    store.commit_all(lease, list(chain.commits(3)))
    assert store.load(RUN).state == chain.state
    assert [line.number for line in store.history(RUN)] == list(range(64))
    assert [fact.seq for fact in store.events(RUN)] == list(range(1, chain.seq))
    assert store.state_at(RUN, 57).commit == 57


def test_of_several_commits_all_are_stored_or_none(store: RunStore) -> None:
    chain, lease = begin(store)
    first, second, third = chain.commits(3)
    with pytest.raises(EngineBug, match="does not follow"):
        store.commit_all(lease, [first, third])
    assert store.load(RUN).record.commit == 0
    store.commit_all(lease, [first, second, third])
    with pytest.raises(LeaseLost):
        store.commit_all(lease, [third])
    assert [line.number for line in store.history(RUN)] == [0, 1, 2, 3]


def test_an_older_commit_does_not_replace_a_newer_one(store: RunStore) -> None:
    chain, lease = begin(store)
    older = chain.commit()
    store.commit(lease, older)
    store.commit(lease, chain.commit())
    with pytest.raises(LeaseLost):
        store.commit(lease, older)
    assert store.load(RUN).state == chain.state


def test_commits_and_facts_have_no_gaps(store: RunStore) -> None:
    chain, lease = begin(store)
    chain.commit()
    with pytest.raises(EngineBug):
        store.commit(lease, chain.commit())
    assert store.run(RUN).commit == 0


def test_a_new_leg_is_counted_and_an_end_is_dated(store: RunStore) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(RunStatus.FAILED))
    assert store.run(RUN).ended_at == START_S + 1
    leg = LegStarted(leg=2, reason="resume", commit=1)
    store.commit(lease, chain.commit(RunStatus.RUNNING, facts=[leg]))
    assert store.load(RUN).legs == 2
    assert store.run(RUN).ended_at is None


# --- leases -----------------------------------------------------------------------------------


def test_a_run_has_one_holder(store: RunStore) -> None:
    store.create_run(run_record())
    store.acquire(RUN, current_holder(), START_S)
    with pytest.raises(RunIsHeld, match="process"):
        store.acquire(RUN, OTHER, START_S)


def test_a_released_run_is_free(store: RunStore) -> None:
    _, lease = begin(store)
    store.release(lease)
    assert store.acquire(RUN, OTHER, START_S).epoch == lease.epoch + 1


def test_a_dead_holder_of_this_machine_is_replaced_at_once(store: RunStore) -> None:
    begin(store, holder=DEAD)
    assert store.run(RUN).interrupted
    store.acquire(RUN, current_holder(), START_S)
    assert not store.run(RUN).interrupted


def test_a_holder_from_before_the_last_boot_is_dead(store: RunStore) -> None:
    begin(store, holder=replace(current_holder(), boot="an-earlier-boot"))
    store.acquire(RUN, current_holder(), START_S)


def test_a_reused_process_id_is_not_the_holder(store: RunStore) -> None:
    holder = current_holder()
    begin(store, holder=replace(holder, started=holder.started - 60))
    store.acquire(RUN, holder, START_S)


def test_a_silent_holder_elsewhere_is_replaced_after_the_expiry(store: RunStore) -> None:
    begin(store, holder=OTHER)
    with pytest.raises(RunIsHeld):
        store.acquire(RUN, FAR, START_S + HEARTBEAT_EXPIRY_S - 1)
    store.acquire(RUN, FAR, START_S + HEARTBEAT_EXPIRY_S)


def test_a_heartbeat_keeps_the_lease(store: RunStore) -> None:
    _, lease = begin(store, holder=OTHER)
    store.heartbeat(lease, START_S + 100)
    with pytest.raises(RunIsHeld):
        store.acquire(RUN, FAR, START_S + 101)


def test_who_lost_the_lease_writes_nothing(store: RunStore) -> None:
    chain, lost = begin(store, holder=DEAD)
    lease = store.acquire(RUN, current_holder(), START_S)
    record = chain.commit()
    entry = JournalRecord(run=RUN, task=TaskId("n1"), attempt=1, at=START_S, result=b"x")
    writes: list[Callable[[], None]] = [
        lambda: store.commit(lost, record),
        lambda: store.journal(lost, entry),
        lambda: store.claim(lost, TaskId("n1"), 1, START_S),
        lambda: store.heartbeat(lost, START_S),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    store.release(lost)  # no error, and it does not take the lease from the new holder
    store.commit(lease, record)
    loaded = store.load(RUN)
    assert (loaded.record.commit, loaded.journal, loaded.claims) == (1, (), {})


def test_a_waiting_run_is_not_interrupted(store: RunStore) -> None:
    chain, lease = begin(store, holder=DEAD)
    store.commit(lease, chain.commit(RunStatus.WAITING))
    assert not store.run(RUN).interrupted


def test_waiting_runs_come_due(store: RunStore) -> None:
    for name, due in (("late", START_S + 9), ("soon", START_S + 5), ("far", START_S + 99)):
        chain, lease = begin(store, name)
        store.commit(lease, chain.commit(RunStatus.WAITING, next_due=due))
        store.release(lease)
    chain, _ = begin(store, "held")
    assert store.due_runs(START_S + 10) == [("soon", START_S + 5), ("late", START_S + 9)]


def test_a_run_that_somebody_holds_is_not_due(store: RunStore) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(RunStatus.WAITING, next_due=START_S))
    assert store.due_runs(START_S + 10) == []
    store.release(lease)
    assert store.due_runs(START_S + 10) == [(RUN, START_S)]


# --- journal and claims -----------------------------------------------------------------------


def journalled(task: str, attempt: int = 1) -> JournalRecord:
    return JournalRecord(run=RUN, task=TaskId(task), attempt=attempt, at=START_S, result=b"result")


def test_a_journalled_result_waits_for_its_commit(store: RunStore) -> None:
    chain, lease = begin(store)
    store.journal(lease, journalled("n1"))
    store.journal(lease, journalled("sibling"))
    assert [each.task for each in store.load(RUN).journal] == ["n1", "sibling"]
    store.commit(lease, chain.commit())
    assert store.load(RUN).journal == (journalled("sibling"),)


def test_a_claim_without_a_result_is_found(store: RunStore) -> None:
    chain, lease = begin(store)
    store.claim(lease, TaskId("n1"), 1, START_S)
    store.commit(lease, chain.commit(claims=[(TaskId("n2"), 1)]))
    assert store.load(RUN).claims == {"n2": 1}


def failed(task: str) -> TaskFailed:
    error = ErrorInfo(code="failed", message="no")
    return TaskFailed(task=TaskId(task), node=task, error=error, duration_s=0.1, handled="fail")


def retried(task: str) -> TaskRetried:
    error = ErrorInfo(code="failed", message="no")
    return TaskRetried(task=TaskId(task), node=task, error=error, attempt=1, of=3, due_at=START_S)


@pytest.mark.parametrize("fact", [failed("b"), retried("b")])
def test_a_failed_attempt_is_settled_though_its_task_stays(store: RunStore, fact: Any) -> None:
    chain, lease = begin(store)
    store.journal(lease, journalled("b"))
    store.claim(lease, TaskId("b"), 1, START_S)
    store.commit(lease, chain.commit(facts=[fact]))
    loaded = store.load(RUN)
    assert (loaded.journal, loaded.claims) == ((), {})


def test_journal_and_claims_are_settled_after_a_resume(store: RunStore) -> None:
    chain, lease = begin(store, holder=DEAD)
    store.journal(lease, journalled("n1"))
    store.claim(lease, TaskId("n1"), 1, START_S)
    lease = store.acquire(RUN, current_holder(), START_S)
    store.commit(lease, chain.commit())
    loaded = store.load(RUN)
    assert (loaded.journal, loaded.claims) == ((), {})


# --- requests and decisions -------------------------------------------------------------------


def test_a_request_comes_back_as_it_was_frozen(store: RunStore) -> None:
    content = Request(
        title="Approve",
        payload={"rows": [1, {"deep": None}]},
        form={"type": "object"},
        options=(Option(key="hold", title="Hold", port="held", danger=True),),
        assignees=("ann",),
        editable=("total",),
    )
    chain, lease = begin(store)
    record = request_record(content=content, deadline=START_S + 60)
    store.commit(lease, chain.commit(open_requests=[record]))
    assert store.request(RequestId("ask1")) == record
    assert store.request(RequestId("as")) == record


def test_the_inbox_shows_what_is_due_first_then_what_is_oldest(store: RunStore) -> None:
    chain, lease = begin(store)
    requests = [
        request_record("young", opened_at=START_S + 5),
        request_record("old", opened_at=START_S + 1),
        request_record("later", deadline=START_S + 99),
        request_record("soon", deadline=START_S + 9),
    ]
    store.commit(lease, chain.commit(open_requests=requests))
    assert [each.request for each in store.requests()] == ["soon", "later", "old", "young"]
    assert store.requests(run=RunId("another")) == []


def test_a_decision_is_accepted_once_and_admitted_once(store: RunStore) -> None:
    chain, lease = asked(store)
    decision = store.decide(decide(comment="fine"), START_S + 2)
    assert (decision.accepted, decision.by, decision.comment) == (True, "ann", "fine")
    assert store.requests() == []
    assert store.unadmitted(RUN) == [decision]
    assert store.request(RequestId("ask1")).decision == decision
    store.commit(lease, chain.commit(admitted_decisions=[decision.id]))
    assert store.unadmitted(RUN) == []
    assert store.decisions() == [replace(decision, admitted=True)]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (decide(by="bob", choice="reject"), "late"),
        (decide(), "duplicate"),
        (decide(by="bob", digest=""), "late"),
    ],
)
def test_after_a_decision_the_others_are_refused(store: RunStore, second: Any, reason: str) -> None:
    asked(store)
    store.decide(decide(), START_S + 2)
    refused = store.decide(second, START_S + 3)
    assert (refused.accepted, refused.reason) == (False, reason)
    assert [each.accepted for each in store.decisions(run=RUN)] == [True, False]


def test_an_approval_counts_only_for_what_was_shown(store: RunStore) -> None:
    asked(store)
    refused = store.decide(decide(digest="another"), START_S + 2)
    assert (refused.accepted, refused.reason) == (False, "stale")
    assert [each.request for each in store.requests()] == ["ask1"]
    assert store.decide(decide(digest=""), START_S + 3).accepted


def test_a_refused_decision_is_stored_with_its_reason(store: RunStore) -> None:
    asked(store)
    refused = store.refuse(decide(choice="modify", values=[0]), START_S + 2, "invalid")
    assert (refused.accepted, refused.reason, refused.values) == (False, "invalid", [0])
    assert store.decisions() == [refused]
    assert store.requests()


def test_a_quorum_needs_different_persons_with_one_answer(store: RunStore) -> None:
    chain, lease = asked(store, content=Request(title="Approve", quorum=2))
    first = store.decide(decide(by="ann"), START_S + 2)
    assert store.decide(decide(by="ann"), START_S + 3).reason == "duplicate"
    assert first.accepted
    assert store.unadmitted(RUN) == []
    assert store.requests()
    second = store.decide(decide(by="bob"), START_S + 4)
    assert store.requests() == []
    assert store.unadmitted(RUN) == [second]
    store.commit(lease, chain.commit(admitted_decisions=[second.id]))
    assert [d.admitted for d in store.decisions() if d.accepted] == [True, True]


@pytest.mark.parametrize("alone", [decide(choice="reject"), decide(by="", through="timeout")])
def test_a_rejection_and_the_deadline_need_no_quorum(store: RunStore, alone: Any) -> None:
    asked(store, content=Request(title="Approve", quorum=3))
    assert store.decide(alone, START_S + 2).accepted
    assert store.requests() == []


def test_a_withdrawn_request_takes_no_decision(store: RunStore) -> None:
    chain, lease = asked(store)
    store.commit(lease, chain.commit(close_requests=[(RequestId("ask1"), "withdrawn")]))
    assert store.decide(decide(), START_S + 2).reason == "late"
    assert store.request(RequestId("ask1")).status == "withdrawn"


def test_cancel_beats_a_decision_that_was_not_admitted(store: RunStore) -> None:
    chain, lease = asked(store)
    store.decide(decide(), START_S + 2)
    store.commit(lease, chain.commit(close_requests=[(RequestId("ask1"), "withdrawn")]))
    assert store.unadmitted(RUN) == []


def test_decisions_at_once_have_one_winner(store: RunStore) -> None:
    asked(store)
    found: list[bool] = []

    def answer(person: int) -> None:
        found.append(store.decide(decide(by=f"p{person}"), START_S + 2).accepted)

    threads = [threading.Thread(target=answer, args=(person,)) for person in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 7 + [True]
    assert store.verify() == []


def test_edited_values_come_back_exactly(store: RunStore) -> None:
    asked(store)
    values = [{"total": 1.1, "n": 2**70, "text": "\ud800 é"}]
    decision = store.decide(decide(choice="modify", values=values), START_S + 2)
    assert decision.values == values
    assert store.decisions() == [decision]
    assert store.verify() == []


# --- evidence ---------------------------------------------------------------------------------


def test_evidence_is_a_chain_from_the_first_row(store: RunStore) -> None:
    assert store.verify() == []
    asked(store)
    one = store.decide(decide(digest="x"), START_S + 2)
    two = store.decide(decide(), START_S + 3)
    assert (one.id, two.id) == (2, 3)
    assert len({one.hash, two.hash}) == 2
    assert len(one.hash) == 64
    assert store.verify() == []


def test_deleting_a_run_keeps_its_evidence(store: RunStore) -> None:
    _, lease = asked(store)
    decision = store.decide(decide(), START_S + 2)
    store.release(lease)
    store.delete_run(RUN)
    with pytest.raises(UnknownRun):
        store.run(RUN)
    assert store.decisions(run=RUN) == [decision]
    assert store.request(RequestId("ask1")).content.title == "Approve 3 invoices"
    assert store.verify() == []


def test_a_deleted_run_asks_nobody_any_more(store: RunStore) -> None:
    _, lease = asked(store)
    store.release(lease)
    store.delete_run(RUN)
    assert store.requests() == []
    assert store.decide(decide(), START_S + 2).reason == "late"


def test_erased_evidence_leaves_a_chain_that_says_so(store: RunStore) -> None:
    _, lease = asked(store)
    store.decide(decide(), START_S + 2)
    store.release(lease)
    store.delete_run(RUN, evidence=True)
    assert store.decisions() == []
    assert store.requests(open_only=False) == []
    assert store.verify() == []
    asked(store, "run2")
    assert store.decide(decide(), START_S + 3).id == 5  # 1 and 2 erased, 3 the erasure
    assert store.verify() == []


def test_a_run_that_is_being_run_is_not_deleted(store: RunStore) -> None:
    begin(store)
    with pytest.raises(RunIsHeld):
        store.delete_run(RUN)


# --- commands, forks, pruning -----------------------------------------------------------------


def test_commands_wait_for_who_runs_the_run(store: RunStore) -> None:
    store.create_run(run_record())
    store.create_run(run_record("run2"))
    first = store.add_command(RUN, Pause(reason="lunch"), START_S)
    store.add_command(RunId("run2"), Pause(), START_S)
    second = store.add_command(RUN, Cancel(), START_S + 1)
    assert store.commands(RUN, after=0) == [(first, Pause(reason="lunch")), (second, Cancel())]
    assert store.commands(RUN, after=first) == [(second, Cancel())]


def test_a_fork_starts_from_the_state_of_its_commit(store: RunStore) -> None:
    chain, lease = begin(store)
    for record in chain.commits(5):
        store.commit(lease, record)
    child = run_record("child", parent=RUN, parent_commit=3)
    assert store.fork(RUN, 3, child) == store.state_at(RUN, 3)
    assert (store.run(RunId("child")).parent_commit, store.load(RUN).state) == (3, chain.state)


def test_a_fork_of_an_unknown_commit_creates_nothing(store: RunStore) -> None:
    begin(store)
    with pytest.raises(UnknownRun):
        store.fork(RUN, 9, run_record("child"))
    assert [each.run for each in store.runs()] == [RUN]


def test_pruning_keeps_the_last_commits_exactly(store: RunStore) -> None:
    chain, lease = begin(store)
    states = [chain.state.copy()]
    for record in chain.commits(120):
        store.commit(lease, record)
        states.append(chain.state.copy())
    store.prune(RUN, 10)
    assert [each.number for each in store.history(RUN)] == list(range(111, 121))
    assert [store.state_at(RUN, number) for number in range(111, 121)] == states[111:]
    for gone in (store.state_at, store.delta):
        with pytest.raises(UnknownRun, match="110"):
            gone(RUN, 110)
    assert store.prune(RUN, 10) == 0


def test_a_pruned_run_can_be_viewed_and_goes_on(store: RunStore) -> None:
    chain, lease = begin(store)
    for record in chain.commits(70):
        store.commit(lease, record)
    store.prune(RUN, 1)
    number, data = store.frame_before(RUN, 70) or (-1, b"")
    assert (number, run_view.decode(data)) == (70, chain.view)
    for record in chain.commits(40):
        store.commit(lease, record)
    assert store.load(RUN).state == chain.state
    assert store.events(RUN, after=0)[-1].seq == chain.seq - 1


# --- values -----------------------------------------------------------------------------------

HARD: list[Any] = [
    None,
    2**64,
    -(2**63) - 1,
    1e300,
    "lone \udcff surrogate",
    {"key \ud800": [1]},
    {"": {}, "nested": [[[]]]},
    "x" * 70_000,
    {"large": ["y" * 70_000, "y" * 70_000]},
    [{"row": number, "text": "z" * 20} for number in range(5_000)],
]


@pytest.mark.parametrize("value", HARD, ids=range(len(HARD)))
def test_a_value_comes_back_as_it_was(store: RunStore, value: Any) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(values={"v.out": value}, ops={"data": value}))
    assert store.values_at(RUN, 1, ["v.out"]) == {"v.out": value}
    assert store.state_at(RUN, 1).channels["data"] == value
    store.create_run(run_record("run2", input=value))
    assert store.run(RunId("run2")).input == value


def test_reading_goes_on_while_another_thread_writes(store: RunStore) -> None:
    chain, lease = begin(store)
    done = threading.Event()

    def read() -> int:
        last = 0
        while not done.is_set():
            last = store.run(RUN).commit
            assert store.state_at(RUN, last).channels["count"] == last
            assert len(store.history(RUN)) > last
        return last

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for record in chain.commits(150):
                store.commit(lease, record)
        finally:
            done.set()
        assert all(reader.result() >= 0 for reader in readers)


def test_the_document_is_pinned_byte_for_byte(store: RunStore) -> None:
    store.create_run(run_record(document=DOCUMENT + b"\n"))
    assert store.run(RUN).document == DOCUMENT + b"\n"


def test_a_chain_of_another_run_is_not_touched(store: RunStore) -> None:
    one, lease_one = begin(store, "one")
    two, lease_two = begin(store, "two")
    for _ in range(55):
        store.commit(lease_one, one.commit())
        store.commit(lease_two, two.commit(ops={"log": "two"}))
    store.release(lease_one)
    store.delete_run(RunId("one"))
    assert store.load(RunId("two")).state == two.state
    assert isinstance(two, Chain)


# --- retention (U96, U102) ------------------------------------------------------------------


def named(store: RunStore) -> tuple[Chain, Lease]:
    """Store 60 commits of which 5, 6 and 20 have a name."""
    chain, lease = begin(store)
    for record in chain.commits(60):
        store.commit(lease, record)
    for number in (5, 6, 20):
        store.name_commit(RUN, number, f"before step {number}")
    return chain, lease


def test_a_commit_with_a_name_is_shown_with_it(store: RunStore) -> None:
    named(store)
    assert {each.number: each.name for each in store.history(RUN) if each.name} == {
        number: f"before step {number}" for number in (5, 6, 20)
    }
    store.name_commit(RUN, 5, "")
    store.name_commit(RUN, 6, "another")
    assert [each.name for each in store.history(RUN, after=4, limit=2)] == ["", "another"]
    with pytest.raises(UnknownRun):
        store.name_commit(RUN, 61, "x")


def test_pruning_keeps_commits_with_a_name_as_they_were(store: RunStore) -> None:
    chain, _ = named(store)
    states = {number: store.state_at(RUN, number) for number in (5, 6, 20, 58, 60)}
    events = {number: store.history(RUN, after=number - 1, limit=1) for number in states}
    store.prune(RUN, 3)
    assert [each.number for each in store.history(RUN)] == [5, 6, 20, 58, 59, 60]
    for number, state in states.items():
        assert store.state_at(RUN, number) == state
        assert store.delta(RUN, number)
        found = store.frame_before(RUN, number)
        assert found is not None and found[0] in (5, 6, 20, 58)
        [before] = events[number]
        [now] = store.history(RUN, after=number - 1, limit=1)
        assert (now.first_seq, now.tasks) == (before.first_seq, before.tasks)
    for number in (4, 7, 19, 21, 57):
        with pytest.raises(UnknownRun):
            store.state_at(RUN, number)
    assert store.load(RUN).state == chain.state
    store.name_commit(RUN, 6, "")
    store.prune(RUN, 2)
    assert [each.number for each in store.history(RUN)] == [5, 20, 59, 60]
    assert store.state_at(RUN, 20) == states[20]


def test_pruning_by_age_keeps_what_is_young_and_the_last_ones(store: RunStore) -> None:
    named(store)
    store.prune(RUN, 10, before=START_S + 30)  # a commit a second: 30 and later are young
    assert [each.number for each in store.history(RUN)][:4] == [5, 6, 20, 30]
    store.prune(RUN, 10, before=START_S + 999)
    assert [each.number for each in store.history(RUN)][3] == 51


def test_a_run_goes_on_after_its_old_commits_were_dropped(store: RunStore) -> None:
    chain, lease = named(store)
    store.prune(RUN, 1)
    for record in chain.commits(60):
        store.commit(lease, record)
    assert store.load(RUN).state == chain.state
    assert store.state_at(RUN, 100).commit == 100


def test_a_pruned_run_with_named_commits_moves_whole(store: RunStore, tmp_path: Path) -> None:
    named(store)
    store.prune(RUN, 3)
    for make in STORES.values():
        (tmp_path / "there").mkdir(exist_ok=True)
        other = make(tmp_path / "there")
        with store.image(RUN) as image:
            other.import_run(image, START_S)
        assert [(e.number, e.name) for e in other.history(RUN)] == [
            (e.number, e.name) for e in store.history(RUN)
        ]
        for each in store.history(RUN):
            assert other.state_at(RUN, each.number) == store.state_at(RUN, each.number)
        assert other.events(RUN) == store.events(RUN)
        other.close()


# --- sessions ---------------------------------------------------------------------------------


def test_one_run_of_a_session_is_open_at_a_time(store: RunStore) -> None:
    """U78: whoever is second is refused, and nothing of it is stored."""
    store.create_run(run_record("run5", session="s", status=RunStatus.COMPLETED))
    store.create_run(run_record("run1", session="s"))
    with pytest.raises(SessionBusy, match="Session s is busy"):
        store.create_run(run_record("run2", session="s"))
    store.create_run(run_record("run3", session="other"))
    store.create_run(run_record("run4"))
    assert [r.run for r in store.runs(session="s")] == ["run1", "run5"]
    assert store.runs(session="") == []
    assert store.run(RunId("run1")).session == "s"


# --- events -----------------------------------------------------------------------------------


def _signal(id: str = "s1", **changes: Any) -> SignalRecord:
    record = SignalRecord(
        id=id, name="paid", payload={"sum": 3}, at=START_S, expires_at=START_S + 60, by="ann"
    )
    return replace(record, **changes)


def _listening(*tasks: str) -> SignalChanges:
    rows = [Listener(run=RUN, task=TaskId(t), name="paid", opened_at=START_S) for t in tasks]
    return SignalChanges(opened=rows)


def test_an_event_comes_back_as_it_was_sent_with_its_number(store: RunStore) -> None:
    begin(store)
    stored = store.add_signal(_signal(run=RUN, payload={"text": "x" * 70_000}))
    assert store.signals(RUN, START_S) == [stored]
    assert replace(stored, number=0) == _signal(run=RUN, payload={"text": "x" * 70_000})


def test_an_event_with_a_known_id_is_not_stored_again(store: RunStore) -> None:
    first = store.add_signal(_signal())
    assert store.add_signal(_signal(payload=4)) == first


def test_an_event_for_all_is_for_runs_that_were_there(store: RunStore) -> None:
    store.create_run(run_record("old"))
    store.add_signal(_signal())
    store.create_run(run_record("new"))
    assert [len(store.signals(RunId(run), START_S)) for run in ("old", "new")] == [1, 0]


def test_an_expired_event_is_for_nobody(store: RunStore) -> None:
    store.create_run(run_record())
    store.add_signal(_signal())
    assert store.signals(RUN, START_S + 60) == []
    assert store.add_signal(_signal("s2", at=START_S + 60, expires_at=START_S + 70)).number
    assert store.add_signal(_signal(at=START_S + 61, expires_at=START_S + 70)).number > 1


def test_an_event_is_taken_with_the_commit_that_admits_it(store: RunStore) -> None:
    chain, lease = begin(store)
    number = store.add_signal(_signal()).number
    taken = SignalChanges(taken=[(number, TaskId("n1"))], sent=[_signal("s2")])
    store.commit(lease, chain.commit(signals=taken))
    assert [each.id for each in store.signals(RUN, START_S)] == ["s2"]


def test_listeners_are_those_of_runs_that_have_not_ended(store: RunStore) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(signals=_listening("a", "b")))
    store.commit(lease, chain.commit(signals=SignalChanges(closed=[TaskId("a")])))
    assert [each.task for each in store.listeners("paid")] == ["b"]
    assert store.listeners("other") == []
    store.commit(lease, chain.commit(RunStatus.FAILED))
    assert store.listeners() == []


def test_a_waiting_run_is_due_when_its_event_comes(store: RunStore) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(RunStatus.WAITING, signals=_listening("a")))
    store.release(lease)
    store.add_signal(_signal(name="other"))
    assert store.due_runs(START_S + 1) == []
    store.add_signal(_signal("s2"))
    assert store.due_runs(START_S + 1) == [(RUN, START_S)]


def test_an_event_that_a_run_has_rested_on_does_not_make_it_due(store: RunStore) -> None:
    """It would go on and rest again, each time that somebody asks."""
    chain, lease = begin(store)
    store.add_signal(_signal(at=START_S - 60))
    store.commit(lease, chain.commit(RunStatus.WAITING, signals=_listening("a")))
    store.release(lease)
    assert len(store.signals(RUN, START_S)) == 1
    assert store.due_runs(START_S + 1) == []


def test_a_deleted_run_takes_its_listeners_along(store: RunStore) -> None:
    chain, lease = begin(store)
    number = store.add_signal(_signal()).number
    changes = _listening("a")
    changes.taken = [(number, TaskId("n1"))]
    store.commit(lease, chain.commit(signals=changes))
    store.release(lease)
    store.delete_run(RUN)
    assert store.listeners() == []


# --- called runs ------------------------------------------------------------------------------


def test_called_runs_are_listed_with_all_that_links_them(store: RunStore) -> None:
    store.create_run(run_record())
    link = {"called_by": (RUN, TaskId("c")), "mode": "call", "depth": 1, "trigger": "t"}
    child = run_record("child", allow=("files", "network"), **link)
    store.create_run(child)
    store.create_run(run_record("other", called_by=(RunId("child"), TaskId("c"))))
    assert store.children(RUN) == [replace(child, document=b"")]
    assert store.run(RunId("child")) == child
