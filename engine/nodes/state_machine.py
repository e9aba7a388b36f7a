"""State machine: states that are workflows, and transitions by how they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.model.expressions import OUTPUT_NAME, ExpressionError, compile_expression
from engine.model.node_types import Answer, Child, Context, NodeFailure, NodeType, Output, Wait
from engine.nodes.fields import Params, hints

Json = Any
_compiled = lru_cache(maxsize=512)(compile_expression)
_END = "end"
_ANY = "*"
#: Visits that the result tells of; earlier ones are in the run's children.
_KEPT = 100


class State(Params):
    """One state: a workflow."""

    name: str = Field(
        title="Name",
        pattern=r"^[A-Za-z0-9_-]{1,50}$",
        json_schema_extra=hints(placeholder="review"),
    )
    path: str = Field(
        "",
        title="Workflow",
        description="A file in the folder of this workflow.",
        json_schema_extra=hints("path", placeholder="states/review.flow.json"),
    )
    document: dict[str, Json] | None = Field(None, title="Or a document")

    @model_validator(mode="after")
    def _one_workflow(self) -> Self:
        if bool(self.path) == (self.document is not None):
            raise ValueError(f"state {self.name!r} needs a file or a document, and only one")
        return self


class Rule(Params):
    """One transition."""

    source: str = Field(_ANY, title="From", description="Name of a state, or * for any.")
    on: Literal["completed", "failed"] = Field(
        "completed", title="When it is", json_schema_extra=hints("select")
    )
    when: str = Field(
        "",
        title="And",
        description="Condition; the result of the state is called output.",
        json_schema_extra=hints("expression", placeholder="output.ok"),
    )
    to: str = Field(title="To", description="Name of a state, or end.")

    @field_validator("when", mode="before")
    @classmethod
    def _source_of(cls, value: Json) -> Json:
        if isinstance(value, Mapping) and set(value) == {"expr"}:
            return value["expr"]
        return value


class MachineParams(Params):
    """Parameters of State machine."""

    states: tuple[State, ...] = Field(
        (),
        title="States",
        description="Each is a workflow. The first is where it begins.",
        json_schema_extra=hints("table"),
    )
    transitions: tuple[Rule, ...] = Field(
        (),
        title="Transitions",
        description="Tried from top to bottom when a state has ended.",
        json_schema_extra=hints("table"),
    )
    max_transitions: int = Field(
        100, title="At most", description="Transitions; one more fails.", ge=1, le=10_000
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [state.name for state in self.states]
        for name in names:
            if name == _END or names.count(name) > 1:
                raise ValueError(f"no two states may be called {name!r}, and none 'end'")
        for rule in self.transitions:
            if rule.source not in (*names, _ANY):
                raise ValueError(f"there is no state {rule.source!r} to go from")
            if rule.to not in (*names, _END):
                raise ValueError(f"there is no state {rule.to!r} to go to")
        return self


def run(params: MachineParams, ctx: Context) -> Wait:
    """Enter the first state."""
    if not params.states:
        raise NodeFailure("there are no states; add one", code="params", retryable=False)
    return _enter(params, ctx, params.states[0].name, ctx.input, [])


def resume(params: MachineParams, ctx: Context, wait: Wait, answer: Answer) -> Wait | Output:
    """A state has ended: take the first transition that fits."""
    memo = wait.payload
    name, status = memo["state"], answer.choice
    visit = {"state": name, "run": memo["run"], "status": status}
    history = [*memo["history"], visit][-_KEPT:]
    output = answer.values if status == "completed" else answer.comment
    rule = _first(params, ctx, name, status, output)
    if rule is None:
        if status == "completed" and not _leaves(params, name):
            return _done(name, output, history)
        why = f": {answer.comment}" if answer.comment else ""
        raise NodeFailure(
            f"state {name} is {status}{why}, and no transition is for that",
            code="no_transition" if status == "completed" else "child_failed",
            retryable=False,
            details=visit,
        )
    if rule.to == _END:
        return _done(name, output, history)
    if memo["step"] >= params.max_transitions:
        raise NodeFailure(
            f"it made {params.max_transitions} transitions, its limit max_transitions",
            code="limit",
            retryable=False,
        )
    # A state that failed has no result: the next one gets what it had got.
    value = output if status == "completed" else memo["input"]
    return _enter(params, ctx, rule.to, value, history, step=memo["step"] + 1)


def _enter(
    params: MachineParams,
    ctx: Context,
    name: str,
    value: Json,
    history: Sequence[Json],
    *,
    step: int = 0,
) -> Wait:
    state = next(state for state in params.states if state.name == name)
    return Wait(
        kind="child",
        text=f"in state {name}",
        payload={
            "run": ctx.child_run(step),
            "own": True,
            "state": name,
            "step": step,
            "input": value,
            "history": list(history),
        },
        child=Child(called=state.path or state.document, input=value, title=name, step=step),
    )


def _first(
    params: MachineParams, ctx: Context, name: str, status: str, output: Json
) -> Rule | None:
    """Return the first transition that fits; a condition that cannot be computed does not."""
    on = "completed" if status == "completed" else "failed"
    for rule in params.transitions:
        if rule.on == on and rule.source in (name, _ANY) and _holds(rule, ctx, output):
            return rule
    return None


def _holds(rule: Rule, ctx: Context, output: Json) -> bool:
    if not rule.when:
        return True
    try:
        return bool(_compiled(rule.when).evaluate({**ctx.scope, OUTPUT_NAME: output}))
    except ExpressionError:
        return False


def _leaves(params: MachineParams, name: str) -> bool:
    """Whether a completed state is meant to be left."""
    return any(r.on == "completed" and r.source in (name, _ANY) for r in params.transitions)


def _done(name: str, output: Json, history: Sequence[Json]) -> Output:
    return Output({"out": {"state": name, "output": output, "history": list(history)}})


def _states(params: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    states = params.get("states")
    found = states if isinstance(states, (list, tuple)) else ()
    return [state for state in found if isinstance(state, Mapping)]


def _calls(params: Mapping[str, Json]) -> list[Json]:
    called: list[Json] = []
    for state in _states(params):
        path, document = state.get("path"), state.get("document")
        if isinstance(path, str) and path:
            called.append(path)
        elif isinstance(document, Mapping):
            called.append(document)
    return called


STATE_MACHINE = NodeType(
    id="state_machine",
    title="State machine",
    category="call",
    description="Runs workflows as states, and goes from one to another by how they end.",
    params=MachineParams,
    run=run,
    resume=resume,
    raw=frozenset({"states", "transitions"}),
    opaque=frozenset({"states"}),
    own_names={"transitions": "output"},
    calls=_calls,
    icon="node-loop",
    keywords=("state", "transition", "fsm", "machine", "process", "status"),
    summary=lambda params: ", ".join(str(state.get("name", "")) for state in _states(params)),
)
