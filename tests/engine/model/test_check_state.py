"""What validation says of schemas, migrations and invariants (U37, U90)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.model.validation import validate
from engine.model.workflow import Channel, Invariant, Migration, Workflow
from tests.engine.flows import flow, registry

Json = Any


def errors(work: Workflow) -> set[tuple[str, str]]:
    return {(p.rule, p.field) for p in validate(work, registry()) if p.rule[0] == "E"}


def with_channel(**fields: Any) -> Workflow:
    return flow({"a": ("same", {}, {"reads": ("c",)})}, "", channels=[Channel(name="c", **fields)])


def test_a_schema_with_its_migrations_is_accepted() -> None:
    steps = (Migration(version=1, expr="[value]"),)
    assert not errors(with_channel(schema={"type": "array"}, version=2, migrations=steps))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"schema": {"type": "arry"}}, ".schema"),
        ({"schema": {"type": "array"}, "default": 1}, ".default"),
        ({"version": 0}, ".version"),
        ({"version": 2, "migrations": (Migration(version=2, expr="value"),)}, ".migrations[0]"),
        ({"version": 2, "migrations": (Migration(version=1, expr="value"),) * 2}, ".migrations[1]"),
        ({"version": 2, "migrations": (Migration(version=1, expr="valu"),)}, ".migrations[0]"),
        ({"version": 2, "migrations": (Migration(version=1, expr="1 +"),)}, ".migrations[0]"),
        ({"reducer": "custom"}, ".reduce"),
        ({"reducer": "custom", "reduce": "old + state.x"}, ".reduce"),
        ({"reducer": "sum", "reduce": "old + new"}, ".reduce"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_with_its_place(fields: Any, place: str) -> None:
    assert errors(with_channel(**fields)) == {("E022-channel", f"channels.c{place}")}


@pytest.mark.parametrize(
    ("expr", "rule"),
    [
        ("state.c > 0", None),
        ("all(x > vars.low for x in state.c)", None),
        ("state.c >", "E005-expression"),
        ("state.nope > 0", "E063-invariant"),
        ("input > 0", "E063-invariant"),
        ("1 > 0", "E063-invariant"),
    ],
)
def test_an_invariant_is_about_channels(expr: str, rule: str | None) -> None:
    work = flow(
        {"a": "same"}, "", channels=[Channel(name="c")], vars={"low": 1},
        invariants={"rule": Invariant(expr=expr)},
    )  # fmt: skip
    expected = {(rule, "settings.invariants.rule.expr")} if rule else set()
    assert errors(work) == expected
