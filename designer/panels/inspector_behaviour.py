"""What a node does besides its parameters: errors, retries, times, writes, joins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

from designer.panels.inspector_attributes import (
    Attribute,
    Convert,
    above_zero,
    flag,
    seconds,
    spec,
    text,
    texts,
    unless,
    whole,
)
from designer.panels.inspector_background import background_attributes
from designer.panels.inspector_processing import processing_attributes
from designer.panels.inspector_rules import budget_attributes
from designer.panels.inspector_spec import UNSET, FieldKind, FieldSpec
from engine.model.node_types import Port
from engine.model.workflow import (
    Alternative,
    Cache,
    JoinPolicy,
    Node,
    RateLimit,
    RetryPolicy,
    Write,
)

Json = Any

ON_ERROR = {
    "fail": "Fail the run",
    "continue": "Go on with the error as value",
    "error_port": "Send it through a port 'error'",
    "fallback_edge": "Take the fallback wire",
    "ignore": "Go on as if skipped",
}
EFFECTS = {
    "": "As the kind of node says",
    "none": "None",
    "idempotent": "The same when repeated",
    "once": "Only once",
}
UNDECLARED = {"fail": "The node fails", "ignore": "A warning; it goes where wires lead"}
ROUTES = {"all": "Every wire whose condition holds", "first": "The first by priority"}
JOINS = {
    "all_active": "All that can still come",
    "all": "All; skipped if one is skipped",
    "any": "The first, and no other",
    "first": "The first; the others are cancelled",
    "n_of_m": "A number of them",
    "each": "Each by itself",
    "no_more": "Whatever comes, until nothing more can",
}
RESTS = {
    "ignore": "Is passed over",
    "queue": "Counts for the next time",
    "cancel": "Is cancelled, where it leads only here",
    "error": "Is a failure",
}
RESETS = {
    "at_once": "At once",
    "all_arrived": "When all of this time have come",
}
ON_TIMEOUT = {
    "fire": "Go on with what there is",
    "fail": "Fail",
    "skip": "Pass the node over",
}
ON_SHORT = {
    "skip": "Pass the node over",
    "fail": "Fail",
}
#: Modes that may go on while something has yet to come.
_PARTIAL = ("any", "n_of_m")
_DEFAULT_RETRY = RetryPolicy()


def error_attributes() -> list[Attribute]:
    """What happens when the node fails, and when it takes too long."""
    return [
        Attribute(
            spec=spec("on_error", "When it fails", FieldKind.CHOICE, choices=tuple(ON_ERROR),
                      default="fail", words=ON_ERROR),
            path="on_error",
            read=lambda node: unless(node.on_error, "fail"),
            write=lambda node, value: replace(node, on_error="fail" if value is UNSET else value),
        ),
        Attribute(
            spec=spec("retry", "Try again after a failure", FieldKind.SWITCH, default=False),
            path="retry",
            read=lambda node: UNSET if node.retry is None else True,
            write=lambda node, value: replace(
                node, retry=RetryPolicy() if value is True else None
            ),
        ),
        *retry_attributes(),
        Attribute(
            spec=spec(
                "alternatives", "When all attempts have failed, try", FieldKind.CARDS,
                "Other ways to do the same, in order; they get its input and give its output.",
                default=(),
                singular="alternative",
                fields=(
                    spec("type", "Kind of node", FieldKind.TEXT, required=True,
                         placeholder="http.request"),
                    spec("params", "Parameters", FieldKind.ANY),
                    spec("timeout_s", "Time limit of one attempt", FieldKind.DURATION, unit="s",
                         placeholder="none"),
                ),
                advanced=True,
            ),
            path="alternatives",
            read=_read_alternatives,
            write=_write_alternatives,
        ),
        _plain("timeout_s", "Time limit of one attempt", FieldKind.DURATION, seconds(None),
               unit="s", placeholder="none"),
        _plain("total_timeout_s", "Time limit with all attempts", FieldKind.DURATION,
               seconds(None), unit="s", placeholder="none"),
        _plain("idle_timeout_s", "Time limit without a sign of life", FieldKind.DURATION,
               seconds(None), unit="s", placeholder="none"),
        _plain("min_interval_s", "Least time between two starts", FieldKind.DURATION,
               seconds(None), unit="s", placeholder="none"),
        Attribute(
            spec=spec("rate", "Starts only so often", FieldKind.SWITCH,
                      "Who comes too early waits for its turn, also over a restart.",
                      default=False, advanced=True),
            path="rate",
            read=lambda node: UNSET if node.rate is None else True,
            write=lambda node, value: replace(
                node, rate=(node.rate or RateLimit()) if value is True else None
            ),
        ),
        *_rate_attributes(),
        *processing_attributes(),
    ]  # fmt: skip


def _rate_attributes() -> Iterable[Attribute]:
    default = RateLimit()
    for name, title, kind, convert, more in (
        ("count", "So many times", FieldKind.NUMBER, whole(1, default.count),
         {"whole": True, "lowest": 1}),
        ("per_s", "In", FieldKind.DURATION, seconds(default.per_s), {"unit": "s"}),
        ("burst", "At once after a rest", FieldKind.NUMBER, whole(1, default.burst),
         {"whole": True, "lowest": 1}),
        ("key", "A rate of its own for each", FieldKind.SOURCE, lambda value: text(value) or None,
         {"placeholder": "input.customer"}),
    ):  # fmt: skip
        yield Attribute(
            spec=spec(f"rate_{name}", title, kind, default=getattr(default, name),
                      **cast(Any, more)),
            path=f"rate.{name}",
            read=_reader_of_rate(name),
            write=_writer_of_rate(name, convert),
            shown=lambda node: node.rate is not None,
        )  # fmt: skip


def _reader_of_rate(name: str) -> Callable[[Node], Json]:
    default = getattr(RateLimit(), name)
    return lambda node: UNSET if node.rate is None else unless(getattr(node.rate, name), default)


def _writer_of_rate(name: str, convert: Convert) -> Callable[[Node, Json], Node]:
    return lambda node, value: replace(
        node, rate=replace(node.rate or RateLimit(), **cast(Any, {name: convert(value)}))
    )


def retry_attributes() -> Iterable[Attribute]:
    """How a failure is tried again: of a node, or of a frame."""
    default = _DEFAULT_RETRY
    for name, title, kind, convert, more in (
        ("attempts", "Attempts in all", FieldKind.NUMBER, whole(1, default.attempts),
         {"whole": True, "lowest": 1}),
        ("delay_s", "First delay", FieldKind.DURATION, seconds(default.delay_s, zero=True),
         {"unit": "s"}),
        ("factor", "Each delay times", FieldKind.NUMBER, above_zero(default.factor),
         {"lowest": 1}),
        ("max_delay_s", "Longest delay", FieldKind.DURATION,
         seconds(default.max_delay_s, zero=True), {"unit": "s"}),
        ("jitter", "Spread the delays at random", FieldKind.SWITCH, flag(default.jitter), {}),
        ("on", "Only after these errors", FieldKind.LIST, texts, {"item": _text_item()}),
        ("give_up_on", "Never after these errors", FieldKind.LIST, texts,
         {"item": _text_item()}),
    ):  # fmt: skip
        yield Attribute(
            spec=spec(name, title, kind, default=getattr(default, name), **cast(Any, more)),
            path=f"retry.{name}",
            read=_reader_of_retry(name),
            write=_writer_of_retry(name, convert),
            shown=lambda node: node.retry is not None,
        )


def _reader_of_retry(name: str) -> Callable[[Node], Json]:
    return lambda node: (
        UNSET
        if node.retry is None
        else unless(getattr(node.retry, name), getattr(_DEFAULT_RETRY, name))
    )


def _writer_of_retry(name: str, convert: Convert) -> Callable[[Node, Json], Node]:
    return lambda node, value: replace(
        node,
        retry=replace(node.retry or RetryPolicy(), **cast(Any, {name: convert(value)})),
    )


def _read_alternatives(node: Node) -> Json:
    if not node.alternatives:
        return UNSET
    return [
        {"type": each.type}
        | ({"params": dict(each.params)} if each.params else {})
        | ({} if each.timeout_s is None else {"timeout_s": each.timeout_s})
        for each in node.alternatives
    ]


def _write_alternatives(node: Node, value: Json) -> Node:
    made: list[Alternative] = []
    for number, each in enumerate(value if isinstance(value, list) else []):
        kind = each.get("type", "")
        params = each.get("params") or {}
        if not isinstance(params, dict):
            text = "The parameters are an object: {...}."
            raise ValueError(text)  # noqa: TRY004 - what forms show beside the field
        known = node.alternatives[number] if number < len(node.alternatives) else None
        same = known if known is not None and known.type == kind else Alternative(type=kind)
        made.append(replace(same, params=params, timeout_s=each.get("timeout_s")))
    return replace(node, alternatives=tuple(made))


def _text_item() -> FieldSpec:
    return spec("", "Value", FieldKind.TEXT, required=True)


def _plain(
    name: str, title: str, kind: FieldKind, convert: Convert, default: Any = None, **more: Any
) -> Attribute:
    return Attribute(
        spec=spec(name, title, kind, default=default, **more),
        path=name,
        read=lambda node: unless(getattr(node, name), default),
        write=lambda node, value: replace(node, **cast(Any, {name: convert(value)})),
    )


def data_attributes(ports: Iterable[Port]) -> list[Attribute]:
    """What the node writes and reads besides its ports, and when it starts."""
    found = [
        Attribute(
            spec=spec(
                "writes", "Writes to channels", FieldKind.CARDS,
                "Computed from output when the node has succeeded.",
                default=(),
                singular="write",
                unordered=True,
                fields=(
                    spec("channel", "Channel", FieldKind.CHANNEL, required=True),
                    spec("op", "How", FieldKind.CHOICE, choices=("reduce", "set", "delete"),
                         default="reduce",
                         words={"reduce": "Merge with the reducer", "set": "Replace",
                                "delete": "Delete"}),
                    spec("expr", "Value", FieldKind.SOURCE, placeholder="output",
                         sees_output=True),
                ),
            ),
            path="writes",
            read=_read_writes,
            write=_write_writes,
        ),
        Attribute(
            spec=spec("reads", "Reads more channels", FieldKind.LIST,
                      "Channels that only its code reads; expressions tell by themselves.",
                      default=(), item=_text_item(), advanced=True),
            path="reads",
            read=lambda node: unless(node.reads, ()),
            write=lambda node, value: replace(node, reads=texts(value)),
        ),
        Attribute(
            spec=spec("may_write", "May write only these channels", FieldKind.LIST,
                      "For a For each: all nodes of its body. Unset: every channel.",
                      item=_text_item(), advanced=True),
            path="may_write",
            read=lambda node: UNSET if node.may_write is None else list(node.may_write),
            write=lambda node, value: replace(
                node, may_write=None if value is UNSET else texts(value)
            ),
        ),
        Attribute(
            spec=spec("gated", "Only when what it reads has changed", FieldKind.SWITCH,
                      "Otherwise it is passed over with its previous output.",
                      default=False, advanced=True),
            path="gated",
            read=lambda node: unless(node.gated, False),
            write=lambda node, value: replace(node, gated=value is True),
        ),
        *_cache_attributes(),
        Attribute(
            spec=spec("effects", "Effects on the outside", FieldKind.CHOICE,
                      "What a repetition of this node would do.",
                      choices=tuple(EFFECTS), default="", words=EFFECTS),
            path="effects",
            read=lambda node: node.effects or UNSET,
            write=lambda node, value: replace(
                node, effects=None if value in (UNSET, "") else value
            ),
        ),
        Attribute(
            spec=spec("route", "Wires that it takes", FieldKind.CHOICE,
                      choices=tuple(ROUTES), default="all", words=ROUTES),
            path="route",
            read=lambda node: unless(node.route, "all"),
            write=lambda node, value: replace(node, route="all" if value is UNSET else value),
        ),
        Attribute(
            spec=spec("undeclared", "When it chooses where no wire leads", FieldKind.CHOICE,
                      choices=tuple(UNDECLARED), default="fail", words=UNDECLARED, advanced=True),
            path="undeclared",
            read=lambda node: unless(node.undeclared, "fail"),
            write=lambda node, value: replace(
                node, undeclared="fail" if value is UNSET else value
            ),
        ),
    ]  # fmt: skip
    found += budget_attributes()
    found += background_attributes()
    for port in ports:
        found += _join_attributes(port)
    return found


def _read_writes(node: Node) -> Json:
    if not node.writes:
        return UNSET
    return [
        {"channel": name, "expr": write.expr} | ({} if write.op == "reduce" else {"op": write.op})
        for name, write in node.writes.items()
    ]


def _write_writes(node: Node, value: Json) -> Node:
    made: dict[str, Write] = {}
    for each in value if isinstance(value, list) else []:
        name = each.get("channel", "")
        if not name:
            raise ValueError(
                "Choose the channel. New ones are declared in the workflow's settings."
            )
        if name in made:
            raise ValueError(f"Two writes go to {name}; put them into one.")
        old = node.writes.get(name)
        write = Write(expr=each.get("expr", ""), op=each.get("op", "reduce"))
        made[name] = replace(write, extra=old.extra) if old is not None else write
    return replace(node, writes=made)


def _cache_attributes() -> Iterable[Attribute]:
    """Whether its results are kept for equal work."""
    yield Attribute(
        spec=spec("cache", "Keep its results for equal work", FieldKind.SWITCH,
                  "The same type, parameters, input and channels: not run again.",
                  default=False, advanced=True),
        path="cache",
        read=lambda node: UNSET if node.cache is None else True,
        write=lambda node, value: replace(
            node, cache=(node.cache or Cache()) if value is True else None
        ),
    )  # fmt: skip
    for name, title, kind, convert, more in (
        ("ttl_s", "Keep them for", FieldKind.DURATION, seconds(None),
         {"unit": "s", "placeholder": "no end"}),
        ("despite_effects", "Keep them despite its effects", FieldKind.SWITCH, flag(False), {}),
    ):  # fmt: skip
        yield Attribute(
            spec=spec(name, title, kind, default=getattr(Cache(), name), advanced=True,
                      **cast(Any, more)),
            path=f"cache.{name}",
            read=_reader_of_cache(name),
            write=_writer_of_cache(name, convert),
            shown=lambda node: node.cache is not None,
        )  # fmt: skip


def _reader_of_cache(name: str) -> Callable[[Node], Json]:
    return lambda node: (
        UNSET if node.cache is None else unless(getattr(node.cache, name), getattr(Cache(), name))
    )


def _writer_of_cache(name: str, convert: Convert) -> Callable[[Node, Json], Node]:
    return lambda node, value: replace(
        node, cache=replace(node.cache or Cache(), **cast(Any, {name: convert(value)}))
    )


def _join_attributes(port: Port) -> list[Attribute]:
    name = port.name

    def policy(node: Node) -> JoinPolicy:
        return node.joins.get(name, JoinPolicy())

    def with_policy(node: Node, new: JoinPolicy) -> Node:
        others = {key: each for key, each in node.joins.items() if key != name}
        return replace(node, joins=others if new == JoinPolicy() else {**others, name: new})

    def choice(
        field: str, title: str, words: dict[str, str], shown: Callable[[Node], bool]
    ) -> Attribute:
        default = next(iter(words))
        return Attribute(
            spec=spec(f"join_{name}_{field}", title, FieldKind.CHOICE, choices=tuple(words),
                      default=default, words=words),
            path=f"joins.{name}.{field}",
            read=lambda node: unless(getattr(policy(node), field), default),
            write=lambda node, value: with_policy(
                node,
                replace(policy(node), **cast(Any, {field: default if value is UNSET else value})),
            ),
            shown=shown,
        )  # fmt: skip

    title = f"Waits at '{name}' for"
    return [
        Attribute(
            spec=spec(f"join_{name}", title, FieldKind.CHOICE, choices=tuple(JOINS),
                      default="all_active", words=JOINS),
            path=f"joins.{name}",
            read=lambda node: unless(policy(node).mode, "all_active"),
            write=lambda node, value: with_policy(
                node, replace(policy(node), mode="all_active" if value is UNSET else value)
            ),
        ),
        Attribute(
            spec=spec(f"join_{name}_n", "How many", FieldKind.NUMBER, whole=True, lowest=1,
                      default=1, unit="values"),
            path=f"joins.{name}.n",
            read=lambda node: unless(policy(node).n, 1),
            write=lambda node, value: with_policy(
                node, replace(policy(node), n=whole(1, 1)(value))
            ),
            shown=lambda node: policy(node).mode == "n_of_m",
        ),
        choice("rest", "What comes later", RESTS, lambda node: _has_rest(policy(node))),
        choice("reset", "The next time begins", RESETS,
               lambda node: _has_rest(policy(node)) and policy(node).rest != "queue"),
        Attribute(
            spec=spec(f"join_{name}_timeout_s", "Waits at most", FieldKind.DURATION,
                      unit="s", placeholder="for ever"),
            path=f"joins.{name}.timeout_s",
            read=lambda node: unless(policy(node).timeout_s, None),
            write=lambda node, value: with_policy(
                node, replace(policy(node), timeout_s=seconds(None)(value))
            ),
            shown=lambda node: policy(node).mode != "each",
        ),
        choice("on_timeout", "Then", ON_TIMEOUT,
               lambda node: policy(node).timeout_s is not None),
        choice("on_short", "When ways failed and too few are left", ON_SHORT,
               lambda node: policy(node).mode not in ("each", "no_more")),
    ]  # fmt: skip


def _has_rest(policy: JoinPolicy) -> bool:
    return policy.mode in _PARTIAL or (
        policy.timeout_s is not None and policy.mode in ("all_active", "all")
    )
