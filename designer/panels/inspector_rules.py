"""What must hold at every commit, and what a run may use up, in the inspector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from designer.panels.inspector_attributes import Attribute, spec
from designer.panels.inspector_spec import UNSET, FieldKind
from engine.model.workflow import Draw, Invariant, Meter, Node, Workflow

Json = Any
_BREACHES = {"fail": "Fail the run", "ask": "Hold the writer and ask"}
_USED_UP = {"fail": "Fail the run", "ask": "Pause and ask"}
_MEASURES = {
    "spend": "What nodes report",
    "calls": "Attempts of nodes",
    "seconds": "Seconds that nodes take",
    "supersteps": "Supersteps",
}
_SHARES = {"shared": "One for all items", "even": "An even share for each item"}


def invariants_attribute() -> Attribute:
    """The invariants of the workflow, a card for each."""
    return Attribute(
        spec=spec(
            "invariants", "Invariants", FieldKind.CARDS,
            "Checked before each commit; a commit that breaks one is not made.",
            default=(),
            singular="invariant",
            unordered=True,
            fields=(
                spec("name", "Name", FieldKind.TEXT, required=True, placeholder="within-budget"),
                spec("expr", "Holds when", FieldKind.SOURCE, required=True,
                     placeholder="state.total <= 100"),
                spec("on_breach", "Otherwise", FieldKind.CHOICE, choices=tuple(_BREACHES),
                     default="fail", words=_BREACHES),
                spec("message", "Message", FieldKind.TEXT),
            ),
        ),
        path="settings.invariants",
        read=_read,
        write=_write,
    )  # fmt: skip


def _read(workflow: Workflow) -> Json:
    found = workflow.settings.invariants
    if not found:
        return UNSET
    return [
        {"name": name, "expr": each.expr}
        | ({"on_breach": each.on_breach} if each.on_breach != "fail" else {})
        | ({"message": each.message} if each.message else {})
        for name, each in found.items()
    ]


def _write(workflow: Workflow, value: Json) -> Workflow:
    made: dict[str, Invariant] = {}
    for card in value if isinstance(value, list) else []:
        name = card.get("name", "").strip()
        if not name or name in made:
            raise ValueError("Give each invariant a name of its own.")
        old = workflow.settings.invariants.get(name, Invariant(expr=""))
        made[name] = replace(
            old,
            expr=card.get("expr", ""),
            on_breach=card.get("on_breach", "fail"),
            message=card.get("message", ""),
        )
    return replace(workflow, settings=replace(workflow.settings, invariants=made))


# --- budgets --------------------------------------------------------------------------------


def meters_attribute() -> Attribute:
    """The budgets of the workflow, a card for each."""
    return Attribute(
        spec=spec(
            "meters", "Budgets", FieldKind.CARDS,
            "Reserved before a node runs, reconciled after; nothing is spent beyond them.",
            default=(),
            singular="budget",
            unordered=True,
            fields=(
                spec("name", "Name", FieldKind.TEXT, required=True, placeholder="tokens"),
                spec("limit", "Limit", FieldKind.NUMBER, lowest=0),
                spec("measure", "Counts", FieldKind.CHOICE, choices=tuple(_MEASURES),
                     default="spend", words=_MEASURES),
                spec("on_breach", "When it is used up", FieldKind.CHOICE,
                     choices=tuple(_USED_UP), default="fail", words=_USED_UP),
                spec("unit", "Unit", FieldKind.TEXT, placeholder="EUR"),
            ),
        ),
        path="settings.meters",
        read=lambda workflow: _cards(workflow.settings.meters, Meter()),
        write=_write_meters,
    )  # fmt: skip


def _write_meters(workflow: Workflow, value: Json) -> Workflow:
    made = _made(value, workflow.settings.meters, Meter(), "budget")
    return replace(workflow, settings=replace(workflow.settings, meters=made))


def budget_attributes() -> list[Attribute]:
    """What a node draws on the budgets of the workflow."""
    return [
        Attribute(
            spec=spec(
                "meters", "Draws on budgets", FieldKind.CARDS,
                "So much is reserved before each attempt.",
                default=(),
                singular="budget",
                unordered=True,
                fields=(
                    spec("name", "Budget", FieldKind.TEXT, required=True, placeholder="tokens"),
                    spec("estimate", "Estimate", FieldKind.SOURCE, placeholder="1000"),
                    spec("actual", "Used in the end", FieldKind.SOURCE, sees_output=True,
                         placeholder="output.usage.total_tokens"),
                    spec("limit", "Limit of this node", FieldKind.NUMBER, lowest=0),
                ),
                advanced=True,
            ),
            path="meters",
            read=lambda node: _cards(node.meters, Draw()),
            write=_write_draws,
        ),
        Attribute(
            spec=spec("budget", "Budgets of its items", FieldKind.CHOICE, choices=tuple(_SHARES),
                      default="shared", words=_SHARES, advanced=True),
            path="budget",
            read=lambda node: UNSET if node.budget == "shared" else node.budget,
            write=lambda node, value: replace(
                node, budget="shared" if value is UNSET else value
            ),
            shown=lambda node: node.type == "for_each" or node.budget != "shared",
        ),
    ]  # fmt: skip


def _write_draws(node: Node, value: Json) -> Node:
    return replace(node, meters=_made(value, node.meters, Draw(), "budget"))


def _cards(found: Mapping[str, Any], default: Any) -> Json:
    """The objects of a mapping as cards, without what equals its default."""
    names = [field.name for field in fields(default) if field.name != "extra"]
    cards = [
        {"name": name}
        | {n: getattr(each, n) for n in names if getattr(each, n) != getattr(default, n)}
        for name, each in found.items()
    ]
    return cards or UNSET


def _made(value: Json, old: Mapping[str, Any], default: Any, word: str) -> dict[str, Any]:
    """The mapping that cards describe; fields that are unknown here stay."""
    made: dict[str, Any] = {}
    names = [field.name for field in fields(default) if field.name != "extra"]
    for card in value if isinstance(value, list) else []:
        name = card.get("name", "").strip()
        if not name or name in made:
            raise ValueError(f"Give each {word} a name of its own.")
        wanted = {n: card.get(n) or getattr(default, n) for n in names}
        if card.get("limit") is not None:
            wanted["limit"] = float(card["limit"])
        made[name] = replace(old.get(name, default), **wanted)
    return made
