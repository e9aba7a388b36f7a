"""How a node works in the background, in the inspector (U58)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from designer.panels.inspector_attributes import Attribute, Convert, seconds, spec, text, whole
from designer.panels.inspector_spec import UNSET, FieldKind
from engine.model.workflow import InBackground, Node

Json = Any
_DEFAULT = InBackground()
_AT_END = {
    "": "As the workflow says",
    "wait": "The run waits for it",
    "detach": "It goes on by itself",
    "cancel": "It is cancelled",
}
_ON_FAILURE = {"note": "It is noted", "fail": "The run fails"}


def background_attributes() -> list[Attribute]:
    """Whether the node works in the background, and how."""
    return [
        Attribute(
            spec=spec("background", "Works in the background", FieldKind.SWITCH,
                      "Its input goes on at once; the work is a run of its own.", default=False),
            path="background",
            read=lambda node: UNSET if node.background is None else True,
            write=lambda node, value: replace(
                node, background=(node.background or InBackground()) if value is True else None
            ),
        ),
        _field("at_end", "When all else is done", FieldKind.CHOICE, lambda value: value or None,
               choices=tuple(_AT_END), words=_AT_END, default=""),
        _field("limit", "Works at once", FieldKind.NUMBER, whole(1, _DEFAULT.limit), whole=True,
               lowest=1, default=_DEFAULT.limit),
        _field("on_failure", "When a work fails", FieldKind.CHOICE,
               lambda value: "note" if value is UNSET else value,
               choices=tuple(_ON_FAILURE), words=_ON_FAILURE, default="note"),
        Attribute(
            spec=spec("background_budget", "May use of budgets", FieldKind.CARDS,
                      "Set aside for each work; what is left of it comes back.",
                      default=(), singular="share", unordered=True,
                      fields=(
                          spec("name", "Budget", FieldKind.TEXT, required=True,
                               placeholder="tokens"),
                          spec("amount", "Amount", FieldKind.NUMBER, required=True, lowest=0),
                      )),
            path="background.budget",
            read=_read_budget,
            write=_write_budget,
            shown=_is_on,
        ),
        _field("own_budget", "The run does not count it", FieldKind.SWITCH,
               lambda value: value is True, default=False),
        _field("port", "Lets its input through at", FieldKind.TEXT, text,
               placeholder="the first output", advanced=True),
        _field("stale_s", "Gives it up when nobody drives it for", FieldKind.DURATION,
               seconds(_DEFAULT.stale_s), unit="s", default=_DEFAULT.stale_s, advanced=True),
    ]  # fmt: skip


def _is_on(node: Node) -> bool:
    return node.background is not None


def _field(
    name: str, title: str, kind: FieldKind, convert: Convert, *, default: Json = "", **more: Any
) -> Attribute:
    def read(node: Node) -> Json:
        if node.background is None:
            return UNSET
        value = getattr(node.background, name)
        return UNSET if value == getattr(_DEFAULT, name) else value

    return Attribute(
        spec=spec(f"background_{name}", title, kind, default=default, **more),
        path=f"background.{name}",
        read=read,
        write=_writer(name, convert),
        shown=_is_on,
    )


def _writer(name: str, convert: Convert) -> Callable[[Node, Json], Node]:
    def write(node: Node, value: Json) -> Node:
        old = node.background or InBackground()
        wanted = None if value is UNSET and name == "at_end" else convert(value)
        return replace(node, background=replace(old, **cast(Any, {name: wanted})))

    return write


def _read_budget(node: Node) -> Json:
    if node.background is None or not node.background.budget:
        return UNSET
    return [{"name": name, "amount": each} for name, each in node.background.budget.items()]


def _write_budget(node: Node, value: Json) -> Node:
    made: dict[str, float] = {}
    for card in value if isinstance(value, list) else []:
        name = card.get("name", "").strip()
        if not name or name in made:
            raise ValueError("Give each budget one share.")
        made[name] = float(card.get("amount") or 0)
    return replace(node, background=replace(node.background or InBackground(), budget=made))
