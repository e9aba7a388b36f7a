#!/usr/bin/env python3
"""Makes invoices.csv and suppliers.csv: 1,200 invoices of companies that do not exist.

    python3 make_invoices.py [FOLDER]

The same bytes every time. About 85 invoices break a rule that the workflow checks; which
ones is known only to the rules, not to this script.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

SEED = 20260331
COUNT = 1200

FIRST = [
    "Alderwick",
    "Brackenholt",
    "Cindervale",
    "Dunmarrow",
    "Eskerby",
    "Fallowmere",
    "Greyhollow",
    "Harrowfen",
    "Inkerdale",
    "Juniper-Hythe",
    "Kestermoor",
    "Larkenfield",
    "Millbourne",
    "Netherwold",
    "Oxenfoot",
    "Pellworth",
    "Quillhaven",
    "Ravensmoot",
    "Stillwater-Ley",
    "Thornaby-Sound",
]
TRADES = {
    "Paper & Print": ("Copy paper, 40 boxes", "Letterheads", "Training manuals, 200 copies"),
    "Logistics": ("Freight, pallet", "Courier services", "Storage, monthly"),
    "Electrics": ("Maintenance of switchgear", "Cabling, second floor", "Emergency call-out"),
    "Catering": ("Canteen supplies", "Conference buffet", "Coffee beans, 60 kg"),
    "Software": ("Licences, 25 seats", "Support, quarterly", "Migration, 4 days"),
    "Facilities": ("Cleaning, monthly", "Window cleaning", "Grounds keeping"),
}
FORMS = ("Ltd", "GmbH", "S.A.", "B.V.", "Co-op")
COLUMNS = [
    "number",
    "date",
    "due",
    "supplier_id",
    "supplier",
    "description",
    "cost_center",
    "amount",
    "purchase_order",
]


def suppliers(draw: random.Random) -> list[dict[str, Any]]:
    """Return 60 approved suppliers."""
    names = [f"{first} {trade}" for first in FIRST for trade in TRADES]
    return [
        {
            "supplier_id": f"S{4000 + 7 * number}",
            "name": f"{name} {draw.choice(FORMS)}",
            "approved_since": date(2019, 1, 1) + timedelta(days=draw.randrange(2400)),
        }
        for number, name in enumerate(sorted(draw.sample(names, 60)))
    ]


def invoice(draw: random.Random, supplier: dict[str, Any], number: int) -> dict[str, Any]:
    """Return an invoice that breaks no rule."""
    trade = next(trade for trade in TRADES if trade in supplier["name"])
    written = date(2026, 3, 1) + timedelta(days=draw.randrange(29))
    # Most are small, some are not; the limit of 10,000 is far out in the tail.
    amount = min(9_900.0, 35 + draw.lognormvariate(6.1, 0.95))
    return {
        "number": f"{supplier['name'][:2].upper()}-{written:%y%m}-{number:04}",
        "date": written,
        "due": written + timedelta(days=draw.choice((30, 30, 45, 60))),
        "supplier_id": supplier["supplier_id"],
        "supplier": supplier["name"],
        "description": draw.choice(TRADES[trade]),
        "cost_center": draw.choice(("1100", "1200", "2100", "3050", "4400")),
        "amount": round(amount, 2),
        "purchase_order": f"PO-{draw.randrange(20000, 90000)}",
    }


def spoil(draw: random.Random, rows: list[dict[str, Any]]) -> None:
    """Break rules here and there; some invoices break two."""
    for row in draw.sample(rows, 26):
        row["amount"] = round(draw.uniform(10_100, 48_000), 2)
    for row in draw.sample(rows, 18):
        row["purchase_order"] = ""
    for row in draw.sample(rows, 20):
        row["date"] = date(2025, 12, 1) + timedelta(days=draw.randrange(40))
        row["due"] = row["date"] + timedelta(days=30)
    for row in draw.sample(rows, 14):
        row["supplier_id"] = f"S{draw.randrange(5000, 9999)}"
        row["supplier"] = f"{draw.choice(FIRST)} Holding {draw.choice(FORMS)}"
    for row in draw.sample(rows, 12):
        # Sent a second time, a few days later, twice for another amount.
        again = {**row, "date": row["date"] + timedelta(days=draw.randrange(1, 6))}
        if draw.random() < 0.2:
            again["amount"] = round(row["amount"] * 1.19, 2)
        target = draw.randrange(rows.index(row) + 1, len(rows) + 1)
        rows.insert(target, again)


def make() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the invoices and the suppliers."""
    draw = random.Random(SEED)  # noqa: S311 - the same data every time
    known = suppliers(draw)
    rows = [invoice(draw, draw.choice(known), number) for number in range(COUNT - 12)]
    spoil(draw, rows)
    return rows, known


def write(path: Path, columns: Iterable[str], rows: list[dict[str, Any]]) -> None:
    """Write a CSV file with line ends that are the same everywhere."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write both files into a folder, by default the one of this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    invoices, known = make()
    write(folder / "invoices.csv", COLUMNS, invoices)
    write(folder / "suppliers.csv", ("supplier_id", "name", "approved_since"), known)


if __name__ == "__main__":
    main()
