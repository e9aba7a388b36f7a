"""The example's results, checked against its input with rules written down a second time."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from resources.examples import examples
from tests.examples.running import Person

Row = dict[str, str]
FOLDER = examples()[0].path.parent / "invoices"


def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def flagged() -> dict[int, set[str]]:
    """Number of the line to the rules that it breaks."""
    known = {row["supplier_id"] for row in rows(FOLDER / "suppliers.csv")}
    invoices = rows(FOLDER / "invoices.csv")
    times: Counter[tuple[str, str]] = Counter()
    found: dict[int, set[str]] = {}
    for line, row in enumerate(invoices):
        times[row["supplier_id"], row["number"]] += 1
        broken = {
            "duplicate number": times[row["supplier_id"], row["number"]] > 1,
            "unknown supplier": row["supplier_id"] not in known,
            "amount over the limit": Decimal(row["amount"]) > 10_000,
            "no purchase order": row["purchase_order"] == "",
            "due date in the past": row["due"] < "2026-03-31",
        }
        if any(broken.values()):
            found[line] = {rule for rule, is_broken in broken.items() if is_broken}
    return found


def key(row: Any) -> tuple[str, ...]:
    """What tells invoices apart, amounts as numbers; two that were sent twice are equal."""
    names = ("number", "date", "due", "supplier_id", "purchase_order")
    return (*(str(row[name] or "") for name in names), f"{Decimal(str(row['amount'])):.2f}")


def multiset(items: Iterable[Any]) -> Counter[tuple[str, ...]]:
    return Counter(key(item) for item in items)


def ask(person: Person) -> dict[str, Any]:
    assert person("run", "invoice-approval", code=5)[-1]["event"] == "RunWaiting"
    (request,) = person("inbox")
    return request


def out(person: Person) -> Path:
    return person.data / "examples" / "invoice-approval" / "out"


def test_the_question_shows_exactly_the_invoices_that_break_a_rule(person: Person) -> None:
    request = ask(person)
    invoices = rows(FOLDER / "invoices.csv")
    expected = flagged()
    assert request["title"] == f"{len(expected)} of {len(invoices)} invoices break a rule"
    assert multiset(request["payload"]) == multiset(invoices[line] for line in expected)
    reasons = Counter(frozenset(row["reasons"].split(", ")) for row in request["payload"])
    assert reasons == Counter(frozenset(rules) for rules in expected.values())
    points = [row["points"] for row in request["payload"]]
    assert points == sorted(points, reverse=True)


def test_what_is_decided_is_what_is_written(person: Person, tmp_path: Path) -> None:
    request = ask(person)
    table = request["payload"]
    table[0]["decision"] = "approve"  # the recommendation was to reject
    table[-1]["amount"] = 12.5
    (tmp_path / "table.json").write_text(json.dumps(table))
    words = ("modify", "--values", f"@{tmp_path / 'table.json'}", "--comment", "as by phone")
    person("decide", request["request"], *words)
    ended = person("resume", request["run"])[-1]
    invoices = rows(FOLDER / "invoices.csv")
    approved, rejected = rows(out(person) / "approved.csv"), rows(out(person) / "rejected.csv")
    broken = flagged()
    clean = [row for line, row in enumerate(invoices) if line not in broken]
    wanted = [row for row in table if row["decision"] == "approve"]
    assert multiset(approved) == multiset(clean) + multiset(wanted)
    assert multiset(rejected) == multiset(row for row in table if row["decision"] == "reject")
    assert len(approved) + len(rejected) == len(invoices)
    assert (ended["result"]["approved"], ended["result"]["rejected"]) == (
        len(approved),
        len(rejected),
    )
    note = (out(person) / "audit.md").read_text()
    assert "modify, by " in note
    assert "as by phone" in note
    assert f"| {table[0]['number']} | {table[0]['supplier']} |" in note
    assert "reject → approve" in note
    assert "→ 12.50 EUR" in note
    assert note.count("→") == 2


def test_a_rejection_rejects_all_that_were_asked_about(person: Person) -> None:
    request = ask(person)
    person("decide", request["request"], "reject", "--resume")
    rejected = rows(out(person) / "rejected.csv")
    assert multiset(rejected) == multiset(request["payload"])
    assert len(rows(out(person) / "approved.csv")) == 1200 - len(rejected)


@pytest.mark.parametrize("amount", [-1, "12"])
def test_an_amount_that_cannot_be_is_refused(person: Person, amount: object) -> None:
    request = ask(person)
    table = request["payload"]
    table[3]["amount"] = amount
    person("decide", request["request"], "modify", "--values", json.dumps(table), code=7)
    assert len(person("inbox")) == 1


def shipped_files() -> list[Path]:
    return sorted(path for path in FOLDER.parent.rglob("*") if "__pycache__" not in path.parts)


def test_the_package_is_not_written_to_and_files_may_be_elsewhere(
    person: Person, tmp_path: Path
) -> None:
    before = shipped_files()
    few = rows(FOLDER / "invoices.csv")[:3]
    with (tmp_path / "few.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, few[0])
        writer.writeheader()
        writer.writerows(few)
    given = {"invoices": str(tmp_path / "few.csv"), "out_dir": str(tmp_path / "there")}
    words = ("--input", json.dumps(given), "--decide", "review=approve")
    assert person("run", "invoice-approval", *words)[-1]["event"] == "RunFinished"
    assert multiset(rows(tmp_path / "there" / "approved.csv")) == multiset(few)
    assert shipped_files() == before
