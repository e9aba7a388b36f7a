"""What a decision may say, and what it means for the task that waits (U67-U73)."""

from __future__ import annotations

import json
from typing import Any

from engine.commands import Decide
from engine.errors import DecisionRefused
from engine.model.node_types import Answer, Request
from engine.runtime.budget import raised_limit
from engine.runtime.ports import DecisionRecord, RequestRecord

Json = Any
#: Choices that every barrier understands.
PLAIN = ("approve", "reject", "modify", "reroute")


def choices(request: Request) -> tuple[str, ...]:
    """Return the choices that a request offers."""
    own = tuple(option.key for option in request.options)
    if request.system:
        return own
    plain = ("approve", "reject", "modify", *(("reroute",) if request.reroute_to else ()))
    return (*plain, *own)


def check(record: RequestRecord, decision: Decide) -> None:
    """Raise `DecisionRefused` unless the decision makes sense for this request.

    It checks what does not depend on time: the choice, the target and the values.
    Whether the request is still open is the store's compare-and-set.
    """
    request = record.content
    offered = choices(request)
    if decision.choice not in offered:
        raise DecisionRefused(
            f"{record.content.title} does not offer {decision.choice}; "
            f"choose one of {', '.join(offered)}.",
            reason="unknown_choice",
        )
    if decision.choice == "reroute" and decision.to not in request.reroute_to:
        raise DecisionRefused(
            f"{request.title} cannot be sent to {decision.to or 'nowhere'}; "
            f"it may go to {', '.join(request.reroute_to)}.",
            reason="invalid",
        )
    option = next((o for o in request.options if o.key == decision.choice), None)
    if option is not None and option.needs_comment and not decision.comment.strip():
        raise DecisionRefused(f"{option.title} needs a comment.", reason="invalid")
    if request.about == "budget" and decision.choice == "raise":
        values = request.payload if decision.values is None else decision.values
        if raised_limit(request, values) is None:
            raise DecisionRefused(
                f"Give the new limit as a number above {request.payload['limit']:g}, and not "
                f"below the {request.payload['used']:g} that are used, as raise_to.",
                reason="invalid",
            )
    if decision.choice == "modify":
        problems = value_problems(request, decision.values)
        if problems:
            first = f"{problems[0][0] or 'the payload'}: {problems[0][1]}"
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise DecisionRefused(
                f"The edited values do not fit: {first}{more}. Correct them; "
                "the request is still open.",
                reason="invalid",
                problems=problems,
            )


def value_problems(request: Request, values: Json) -> list[tuple[str, str]]:
    """Return (path, what is wrong) for every problem of an edited payload."""
    problems: list[tuple[str, str]] = []
    if request.editable is not None:
        problems += _locked_changes(request.payload, values, frozenset(request.editable), "")
    if request.form:
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - heavy, seldom needed

        for error in Draft202012Validator(dict(request.form)).iter_errors(values):
            path = "".join(
                f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path
            )
            problems.append((path.lstrip("."), error.message))
    elif not problems:
        problems += _type_changes(request.payload, values, "")
    return problems


def _locked_changes(
    old: Json, new: Json, editable: frozenset[str], path: str
) -> list[tuple[str, str]]:
    """Return the places that differ though only fields named in `editable` may."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[tuple[str, str]] = []
        for name in {**old, **new}:
            where = f"{path}.{name}" if path else str(name)
            if name in editable:
                continue
            if name not in old or name not in new:
                found.append((where, "may not be added or removed"))
            else:
                found += _locked_changes(old[name], new[name], editable, where)
        return found
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return [(path, "rows may not be added or removed")]
        return [
            problem
            for index, (a, b) in enumerate(zip(old, new, strict=True))
            for problem in _locked_changes(a, b, editable, f"{path}[{index}]")
        ]
    return [] if old == new else [(path, "may not be changed")]


def _type_changes(old: Json, new: Json, path: str) -> list[tuple[str, str]]:
    """Without a form, a value keeps its type: a number stays a number."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            problem
            for name in old
            if name in new
            for problem in _type_changes(old[name], new[name], f"{path}.{name}".lstrip("."))
        ]
    if isinstance(old, list) and isinstance(new, list):
        return [
            problem
            for index, (a, b) in enumerate(zip(old, new, strict=False))
            for problem in _type_changes(a, b, f"{path}[{index}]")
        ]
    if old is None or new is None or _family(old) == _family(new):
        return []
    return [(path, f"must stay {_family(old)}, not {_family(new)}")]


def _family(value: Json) -> str:
    if isinstance(value, bool):
        return "a yes/no"
    if isinstance(value, (int, float)):
        return "a number"
    names: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "empty")


def changed_paths(old: Json, new: Json, path: str = "", limit: int = 1000) -> tuple[str, ...]:
    """Return the paths at which two payloads differ, at most `limit` of them."""
    found: list[str] = []
    _collect(old, new, path, found, limit)
    return tuple(found)


def _collect(old: Json, new: Json, path: str, found: list[str], limit: int) -> None:
    if len(found) >= limit or old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            here = f"{path}.{name}" if path else str(name)
            if name in old and name in new:
                _collect(old[name], new[name], here, found, limit)
            else:
                found.append(here)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            _collect(a, b, f"{path}[{index}]", found, limit)
    elif json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
        found.append(path)


def answer_of(record: RequestRecord, decision: DecisionRecord) -> Answer:
    """Return what the barrier's `resume` is given."""
    request = record.content
    option = next((o for o in request.options if o.key == decision.choice), None)
    if option is not None:
        port = option.port
    else:
        port = {"approve": "approved", "modify": "approved", "reject": "rejected"}.get(
            decision.choice, "expired" if decision.choice == "expire" else ""
        )
    edited = decision.choice == "modify" or (request.system and decision.values is not None)
    return Answer(
        kind="decision",
        choice=decision.choice,
        port=port,
        values=decision.values if edited else request.payload,
        comment=decision.comment,
        by=decision.by,
        to=decision.to,
        at=decision.at,
    )
