"""Standing decisions (U69, U71, T50): scope, count, expiry, end; exact ones beat rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.commands import Decide
from engine.errors import DecisionRefused, InvalidCommand, UnknownRun
from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, outcome, settle

WORK = flow(
    {"a": "same", "g": "ask", "h": "ask", "z": "end", "n": "end"},
    "a > g, g.approved > h, h.approved > z, g.rejected > n, h.rejected > n",
)
ITEMS = flow(
    {"f": "for_each", "g": "ask", "c": "collect", "z": "end"},
    "f.item > g, g.approved > c, c > z",
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.sqlite")


def decided(bench: Bench) -> list[tuple[str, str, str]]:
    return [(e.task, e.choice, e.through) for e in bench.facts if isinstance(e, ev.BarrierDecided)]


async def test_one_rule_answers_every_occurrence(store: RunStore) -> None:
    async with Bench(store=store) as bench:
        rule = await bench.engine.add_rule(workflow=ITEMS, choice="approve", comment="as agreed")
        assert outcome(await bench.run(ITEMS, [1, 2, 3])) == [1, 2, 3]
        assert {through for _, _, through in decided(bench)} == {f"rule {rule.id}"}
        rows = bench.engine.decisions()
        assert [(each.by, each.comment, each.admitted) for each in rows] == [
            ("tester", "as agreed", True)
        ] * 3
        assert bench.engine.rules()[0].uses == 3
        assert (await bench.engine.replay(bench.engine.runs()[0].run)).equal
        assert bench.engine.verify_evidence() == []


async def test_a_rule_for_a_node_leaves_the_others_to_people(store: RunStore) -> None:
    async with Bench(store=store) as bench:
        await bench.engine.add_rule(workflow=WORK, choice="approve", scope={"node": "g"})
        assert isinstance(await bench.run(WORK, 1), ev.RunWaiting)
        assert [task for task, _, _ in decided(bench)] == ["g"]
        assert [each.node for each in bench.engine.inbox()] == ["h"]


async def test_the_narrowest_scope_wins(store: RunStore) -> None:
    async with Bench(store=store) as bench:
        await bench.engine.add_rule(workflow=ITEMS, choice="reject", scope={"task": "g@f.1"})
        await bench.engine.add_rule(workflow=ITEMS, choice="approve", scope={"node": "g"})
        await bench.engine.add_rule(workflow=ITEMS, choice="reject")
        await bench.run(ITEMS, [1, 2])
        assert {task: choice for task, choice, _ in decided(bench)} == {
            "g@f.0": "approve",
            "g@f.1": "reject",
        }


async def test_a_decision_for_this_very_run_beats_a_rule(store: RunStore) -> None:
    async with Bench(store=store, early={"g": "reject"}) as bench:
        rule = await bench.engine.add_rule(workflow=WORK, choice="approve")
        assert outcome(await bench.run(WORK, 1)) == 1
        assert [(task, choice) for task, choice, _ in decided(bench)] == [("g", "reject")]
        assert bench.engine.rules()[0].uses == 0 and bench.engine.rules()[0].id == rule.id


async def test_a_rule_is_used_up(store: RunStore) -> None:
    async with Bench(store=store) as bench:
        await bench.engine.add_rule(workflow=ITEMS, choice="approve", max_uses=2)
        await bench.run(ITEMS, [1, 2, 3])
        assert len(decided(bench)) == 2
        assert len(bench.engine.inbox()) == 1


async def test_a_rule_ends_at_its_time_or_when_it_is_revoked(store: RunStore) -> None:
    async with Bench(store=store) as bench:
        rule = await bench.engine.add_rule(
            workflow=WORK, choice="approve", expires_at=bench.clock.now() + 60
        )
        bench.clock.advance(60)
        assert isinstance(await bench.run(WORK, 1), ev.RunWaiting)
        assert decided(bench) == []
        second = await bench.engine.add_rule(workflow=WORK, choice="approve")
        ended = await bench.engine.revoke_rule(second.id)
        assert ended.revoked_by == "tester"
        assert isinstance(await bench.run(WORK, 1), ev.RunWaiting)
        assert decided(bench) == []
        with pytest.raises(InvalidCommand, match="already"):
            await bench.engine.revoke_rule(second.id)
        with pytest.raises(UnknownRun):
            await bench.engine.revoke_rule("nope")
        assert rule.id in {each.id for each in bench.engine.rules()}
        assert bench.engine.verify_evidence() == []


async def test_a_rule_that_the_question_does_not_offer_is_stored_as_refused(
    store: RunStore,
) -> None:
    async with Bench(store=store) as bench:
        await bench.engine.add_rule(workflow=WORK, choice="later")
        assert isinstance(await bench.run(WORK, 1), ev.RunWaiting)
        [row] = bench.engine.decisions()
        assert (row.accepted, row.reason) == (False, "unknown_choice")
        assert bench.engine.rules()[0].uses == 0
        assert len(bench.engine.inbox()) == 1


async def test_a_person_who_comes_after_the_rule_is_late(store: RunStore) -> None:
    async with Bench(store=store) as bench:
        await bench.engine.add_rule(workflow=WORK, choice="approve", scope={"node": "g"})
        await bench.run(WORK, 1)
        [opened] = [e for e in bench.facts if isinstance(e, ev.BarrierOpened) and e.node == "g"]
        with pytest.raises(DecisionRefused) as refused:
            await bench.engine.decide(
                Decide(request=opened.request, choice="reject", by="ada", through="api")
            )
        assert refused.value.reason == "late"


async def test_a_rule_answers_what_is_open_already_only_when_asked(store: RunStore) -> None:
    async with Bench(store=store, stay=True) as bench:
        handle = await bench.start(ITEMS, [1, 2])
        await bench.engine.add_rule(workflow=ITEMS, choice="approve")
        await settle()
        assert len(bench.engine.inbox()) == 2
        assert len(await bench.engine.apply_rules(bench.engine.inbox())) == 2
        assert outcome((await handle.leg()).event) == [1, 2]


async def test_a_rule_is_one_voice_of_a_quorum(store: RunStore) -> None:
    work = flow({"g": ("ask", {"quorum": 2}), "z": "end"}, "g.approved > z")
    async with Bench(store=store, stay=True) as bench:
        await bench.engine.add_rule(workflow=work, choice="approve")
        handle = await bench.start(work, 1)
        [request] = bench.engine.inbox()
        assert decided(bench) == []
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api",
                   digest=request.digest)
        )  # fmt: skip
        assert outcome((await handle.leg()).event) == 1
        assert {each.by for each in bench.engine.decisions()} == {"tester", "ada"}


async def test_one_voice_of_two_does_not_end_the_wait(store: RunStore) -> None:
    work = flow({"g": ("ask", {"quorum": 2}), "z": "end"}, "g.approved > z")
    async with Bench(store=store, stay=True) as bench:
        await bench.start(work, 1)
        [request] = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api",
                   digest=request.digest)
        )  # fmt: skip
        await settle()
        assert decided(bench) == []
        assert len(bench.engine.inbox()) == 1


async def test_another_workflow_is_not_answered(store: RunStore) -> None:
    async with Bench(store=store) as bench:
        await bench.engine.add_rule(workflow=replace(WORK, id="another"), choice="approve")
        assert isinstance(await bench.run(WORK, 1), ev.RunWaiting)
        assert decided(bench) == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"choice": "approve", "scope": {"node": "x"}}, "has no node x"),
        ({"choice": "modify"}, "cannot modify"),
        ({"choice": "perhaps", "scope": {"node": "g"}}, "does not offer perhaps"),
        ({"choice": "reroute"}, "needs the node"),
        ({"choice": "approve", "to": "z"}, "only then"),
        ({"choice": "approve", "max_uses": 0}, "at least one use"),
        ({"choice": "approve", "expires_at": 1.0}, "over before it begins"),
    ],
)
async def test_a_rule_that_could_never_answer_is_refused(rule: Any, words: str) -> None:
    async with Bench() as bench:
        with pytest.raises(InvalidCommand, match=words):
            await bench.engine.add_rule(workflow=WORK, **rule)
        assert bench.engine.rules() == []


async def test_a_rule_that_was_changed_behind_our_back_is_found(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.sqlite")
    async with Bench(store=store) as bench:
        await bench.engine.add_rule(workflow=WORK, choice="approve", scope={"node": "g"})
        assert bench.engine.verify_evidence() == []
        store._database.writer.execute("UPDATE rules SET node = ''")
        assert "rule" in bench.engine.verify_evidence()[0]


@pytest.mark.parametrize("early", [{}, {"g": "approve", "h": "approve"}])
async def test_what_is_decided_in_advance_waits_for_a_store_that_writes_behind(
    tmp_path: Path, early: dict[str, str]
) -> None:
    store = SqliteStore(tmp_path / "runs.sqlite")
    async with Bench(store=store, threaded=True, early=early) as bench:
        if not early:
            await bench.engine.add_rule(workflow=WORK, choice="approve")
        assert outcome(await bench.run(WORK, 1)) == 1
