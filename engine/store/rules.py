"""Standing decisions: which one answers a request, and their rows in the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from engine.commands import Decide
from engine.errors import DecisionRefused, InvalidCommand, UnknownRun
from engine.runtime import decisions
from engine.runtime.ports import RequestRecord, RuleRecord
from engine.store.encoding import readable
from engine.store.leaves import keep, map_leaves

RULE_SELECT = """
    SELECT id, workflow_id, workflow, choice, made_by, at, run, node, task, revision, reroute_to,
      comment, max_uses, expires_at, uses, revoked_at, revoked_by FROM rules"""


def best_of(
    rules: Iterable[RuleRecord], request: RequestRecord, workflow_id: str, now: float
) -> RuleRecord | None:
    """Return the active rule with the narrowest scope that a request is in; of equals the newest.

    What the engine itself asks, no rule answers: nobody can know in advance whether something
    has happened.
    """
    if request.content.system:
        return None
    fitting = [
        rule
        for rule in rules
        if rule.workflow_id == workflow_id
        and rule.is_active(now)
        and rule.run in ("", request.run)
        and rule.node in ("", request.node)
        and rule.task in ("", request.task)
        and rule.revision in ("", request.revision)
    ]
    return max(fitting, key=_narrowness, default=None)


def _narrowness(rule: RuleRecord) -> tuple[bool, bool, bool, bool, float]:
    return bool(rule.task), bool(rule.node), bool(rule.run), bool(rule.revision), rule.at


def answer_of(rule: RuleRecord, request: RequestRecord) -> tuple[Decide, str]:
    """Return the decision that a rule makes, and why it does not count, if so."""
    decide = Decide(
        request=request.request,
        choice=rule.choice,
        by=rule.by,
        through=f"rule {rule.id}",
        digest=request.digest,
        comment=rule.comment,
        to=rule.to,
    )
    try:
        decisions.check(request, decide)
    except DecisionRefused as refusal:
        return decide, refusal.reason
    return decide, ""


def revoked(rule: RuleRecord, by: str, at: float) -> RuleRecord:
    """Return a rule that has been ended. Raises `InvalidCommand` when it had been already."""
    if rule.revoked_at is not None:
        raise InvalidCommand(f"Rule {rule.id} was revoked by {rule.revoked_by} already.")
    return replace(rule, revoked_by=by, revoked_at=at)


def only_rule(found: Sequence[RuleRecord], wanted: str) -> RuleRecord:
    """Return the one rule whose id is or begins with `wanted`. Raises `UnknownRun`."""
    exact = [rule for rule in found if rule.id == wanted]
    near = exact or [rule for rule in found if wanted and rule.id.startswith(wanted)]
    if len(near) == 1:
        return near[0]
    if near:
        names = ", ".join(rule.id for rule in near[:3])
        raise UnknownRun(f"More than one rule begins with {wanted} ({names}).")
    raise UnknownRun(f"There is no rule {wanted} in this store: `headgate rules` lists them.")


# --- rows -----------------------------------------------------------------------------------


def insert_rule(connection: sqlite3.Connection, seq: int, given: RuleRecord) -> None:
    """Store a rule under its number in the chain."""
    rule: RuleRecord = map_leaves(given, keep, readable)
    connection.execute(
        "INSERT INTO rules (no, id, workflow_id, workflow, run, node, task, revision, choice,"
        " reroute_to, comment, made_by, at, max_uses, expires_at, uses, revoked_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')",
        (
            seq,
            rule.id,
            rule.workflow_id,
            rule.workflow,
            rule.run,
            rule.node,
            rule.task,
            rule.revision,
            rule.choice,
            rule.to,
            rule.comment,
            rule.by,
            rule.at,
            rule.max_uses,
            rule.expires_at,
        ),
    )


def rules_in(connection: sqlite3.Connection, where: str = "", *values: object) -> list[RuleRecord]:
    """Return rules, newest first."""
    rows = connection.execute(f"{RULE_SELECT} {where} ORDER BY no DESC", values).fetchall()
    return [_record(row) for row in rows]


def _record(row: Sequence[Any]) -> RuleRecord:
    return RuleRecord(
        id=row[0],
        workflow_id=row[1],
        workflow=row[2],
        choice=row[3],
        by=row[4],
        at=row[5],
        run=row[6],
        node=row[7],
        task=row[8],
        revision=row[9],
        to=row[10],
        comment=row[11],
        max_uses=row[12],
        expires_at=row[13],
        uses=row[14],
        revoked_at=row[15],
        revoked_by=row[16],
    )
