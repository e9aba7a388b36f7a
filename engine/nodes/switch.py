"""Switch: send the value one way or another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.model.expressions import Expression, ExpressionError, compile_expression
from engine.model.node_types import Context, NodeFailure, NodeType, Output, Port, Ports
from engine.nodes.fields import Params, hints

Json = Any
_ELSE = "else"
_compiled = lru_cache(maxsize=512)(compile_expression)


class Case(Params):
    """One way out."""

    name: str = Field(
        title="Name",
        description="Names the port.",
        pattern=r"^[A-Za-z0-9_-]{1,50}$",
        json_schema_extra=hints(placeholder="large"),
    )
    when: str = Field(
        "",
        title="When",
        description="The way is taken if this is true. Not needed where the ways are named.",
        json_schema_extra=hints("expression", placeholder="input.total > 1000"),
    )

    @field_validator("when", mode="before")
    @classmethod
    def _source(cls, value: Json) -> Json:
        if isinstance(value, Mapping) and set(value) == {"expr"}:
            return value["expr"]
        return value


class SwitchParams(Params):
    """Parameters of Switch."""

    cases: tuple[Case, ...] = Field(
        (),
        title="Cases",
        description="Tried from top to bottom.",
        json_schema_extra=hints("table"),
    )
    mode: Literal["first", "all"] = Field(
        "first",
        title="Take",
        description="The first case that is true, or all that are.",
        json_schema_extra=hints("select"),
    )
    names: Json = Field(
        None,
        title="Named by",
        description=(
            "The name of the way, or a list of names, such as an agent chooses; the conditions "
            "are not looked at then. A name that no case has is a failure."
        ),
        json_schema_extra=hints("expression", advanced=True, placeholder="input.next"),
    )
    otherwise: bool = Field(
        default=True,
        title="Else",
        description="A port for what no case is true of. Without it such a value is a failure.",
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen = {_ELSE} if self.otherwise else set[str]()
        for case in self.cases:
            if case.name in seen:
                raise ValueError(f"two cases are named {case.name!r}; rename one")
            seen.add(case.name)
            if self.names is None and not case.when:
                raise ValueError(f"case {case.name!r} has no condition")
        return self


def run(params: SwitchParams, ctx: Context) -> Output:
    """Return the input on the port of each case that is chosen."""
    if params.names is not None:
        return _named(params, ctx)
    taken: dict[str, Json] = {}
    for case in params.cases:
        if _holds(case, ctx.scope):
            taken[case.name] = ctx.input
            if params.mode == "first":
                break
    if not taken and params.otherwise:
        taken[_ELSE] = ctx.input
    if not taken:
        tried = "; ".join(f"{case.name}: {case.when}" for case in params.cases)
        raise NodeFailure(
            f"no case is true of this value (tried {tried or 'nothing: there are none'}); "
            "add a case or switch on Else",
            code="no_match",
            retryable=False,
        )
    return Output(taken)


def _named(params: SwitchParams, ctx: Context) -> Output:
    """Return the input on the ports that the value names; nothing named is Else."""
    chosen = [params.names] if isinstance(params.names, str) else params.names
    if not isinstance(chosen, list) or not all(isinstance(name, str) for name in chosen):
        kind = type(params.names).__name__
        raise NodeFailure(
            f"the ways are named by {kind}, not by a text or a list of texts",
            code="no_name",
            retryable=False,
        )
    known = [case.name for case in params.cases] + ([_ELSE] if params.otherwise else [])
    unknown = [name for name in chosen if name not in known]
    if unknown or not (chosen or params.otherwise):
        asked = ", ".join(unknown) or "nothing"
        raise NodeFailure(
            f"{asked} is named, and there is no such way (there are {', '.join(known) or 'none'})",
            code="no_match",
            retryable=False,
        )
    return Output({name: ctx.input for name in known if name in (chosen or [_ELSE])})


def _holds(case: Case, scope: Mapping[str, Json]) -> bool:
    try:
        expression: Expression = _compiled(case.when)
        return bool(expression.evaluate(scope))
    except ExpressionError as error:
        raise NodeFailure(
            f"the condition of case {case.name} cannot be decided: {error}",
            code="expression",
            retryable=False,
        ) from error


def _names(params: Mapping[str, Json]) -> list[str]:
    cases = params.get("cases")
    found = (
        [case.get("name") for case in cases if isinstance(case, Mapping)]
        if isinstance(cases, (list, tuple))
        else []
    )
    return list(dict.fromkeys(name for name in found if isinstance(name, str) and name))


def _ways(params: Mapping[str, Json]) -> list[str]:
    """The names of the cases, and of what no case is true of."""
    names = _names(params)
    if params.get("otherwise", True) is not False and _ELSE not in names:
        names.append(_ELSE)
    return names


def _ports(params: Mapping[str, Json]) -> Ports:
    ways = tuple(Port(name=name, required=False) for name in _ways(params))
    return Ports((Port(name="in"),), ways)


SWITCH = NodeType(
    id="switch",
    title="Switch",
    category="flow",
    description="Sends the value on through the first case that is true, or through all of them.",
    params=SwitchParams,
    run=run,
    icon="node-switch",
    ports=_ports,
    raw=frozenset({"cases"}),
    keywords=("if", "else", "branch", "condition", "route", "case", "decision", "filter"),
    summary=lambda params: ", ".join(_ways(params)),
)
