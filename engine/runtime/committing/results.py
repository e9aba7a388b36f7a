"""What a task that succeeded leaves: outputs, tokens on its wires, zones and rounds, results."""

from __future__ import annotations

from typing import Any

from engine import events as ev
from engine.ids import Path, scope_key
from engine.model.plan import PlanNode
from engine.runtime import looping, routing
from engine.runtime.committing.work import LOOPS, Work
from engine.runtime.growing import add_from_inside, end_stream, feed
from engine.runtime.items import open_zone
from engine.runtime.outcome import Outcome
from engine.state.run_state import GateState, Queued, Task

Json = Any


def note_finished(work: Work, task: Task, outcome: Outcome, names: dict[str, str]) -> None:
    """Report that a task has finished; `names` are the values that go on under other names."""
    work.transition.events.append(
        ev.TaskFinished(
            task=task.id,
            node=task.node,
            ports=names,
            duration_s=round(outcome.duration_s, 6),
            attempt=outcome.attempt,
            recorded=outcome.recorded,
            route=outcome.route,
            also=outcome.also,
            note=outcome.text if outcome.kind in ("output", "abort") else "",
            gated=outcome.gated,
            cached=outcome.cached,
        )
    )


def succeed(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """Keep what a task has made, and send it on its ways."""
    transition = work.transition
    if node.role == "split":
        _split(work, node, task, outcome)
        return
    if node.role in LOOPS:
        _round(work, node, task, outcome)
        return
    refs: dict[str, str] = {}
    names: dict[str, str] = {}
    for port, value in outcome.ports.items():
        own = f"{task.id}.{port}"
        refs[port] = ref = _name(work, task, outcome, port, own, value)
        names[port] = "" if ref == own else ref
    note_finished(work, task, outcome, names)
    work.others.reach(task, outcome)
    if outcome.more:
        add_from_inside(transition, task, outcome.more)
    if outcome.memory:
        transition.memory.put(work.plan.memory_key(node.key, task.path), outcome.memory[0])
    if node.kept and refs:
        transition.outputs.put(f"{node.key}@{scope_key(task.path)}", next(iter(refs.values())))
    if node.gated and not outcome.gated:
        transition.gates.put(
            work.plan.memory_key(node.key, task.path),
            GateState(task.versions, refs, outcome.route),
        )
    if node.role == "end":
        _add_result(work, node, task, outcome)
    routes = work.routes[task.id]
    _tell_of_ways(work, task, routes)
    fallback_ref = next(
        iter(refs.values()), next((r for p in task.inputs.values() for _, r in p), "")
    )
    for edge in routes.taken:
        transition.send(edge, task.path, refs.get(edge.source_port, fallback_ref))
    for edge in routes.ruled_out:
        transition.rule_out(edge, task.path)
    transition.finish(task)


def _tell_of_ways(work: Work, task: Task, routes: routing.Routes) -> None:
    """Report what was not as drawn: targets that are none, the fallback wire."""
    events = work.transition.events
    if routes.ignored:
        text = f"it wanted to go to {', '.join(routes.ignored)}, and no wire leads there"
        events.append(ev.Warned(node=task.node, message=text))
    if routes.degraded:
        events.append(ev.Degraded(task=task.id, node=task.node, reason=routes.degraded))


def _name(work: Work, task: Task, outcome: Outcome, port: str, own: str, value: Json) -> str:
    """Return the name of an output; what is made again has the name that it had."""
    if not outcome.names:
        return work.transition.name_value(task, own, value)
    name = outcome.names.get(port, own)
    if name == own:
        work.transition.values[own] = value
    return name


def _split(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """A For each: its list becomes a zone, at most `limit` items of it at once."""
    if node.stream is not None:
        _end_stream(work, node, task, outcome)
        return
    own = f"{task.id}.items"
    items = _name(work, task, outcome, "items", own, outcome.ports["items"])
    limit = outcome.ports.get("limit", 1)
    keyed = bool(outcome.ports.get("keyed"))
    others = [name for name in outcome.ports if name != "items"]
    for name in others:
        work.transition.values[f"{task.id}.{name}"] = outcome.ports[name]
    names = {"items": "" if items == own else items, **dict.fromkeys(others, "")}
    note_finished(work, task, outcome, names)
    for edge in node.out.get("error", ()):
        work.transition.rule_out(edge, task.path)
    zone = work.transition.zones.get(f"{node.key}@{scope_key(task.path)}")
    if zone is not None and zone.source == task.id:  # it read a stream before it was edited
        take_items(work, node, task, outcome)
        end_stream(work.transition, node, task, int(limit))
        work.transition.finish(task)
        return
    open_zone(work.transition, node, task.path, Queued(items, int(limit), keyed))
    work.transition.finish(task)


def take_items(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """Let what a stream has brought become items of the For each that reads it."""
    given = outcome.ports
    feed(
        work.transition,
        node,
        task,
        given["items"],
        limit=int(given["limit"]),
        position=given.get("position"),
    )


def _end_stream(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    names = dict.fromkeys(outcome.ports, "")
    for port, value in outcome.ports.items():
        work.transition.values[f"{task.id}.{port}"] = value
    note_finished(work, task, outcome, names)
    for edge in node.out.get("error", ()):
        work.transition.rule_out(edge, task.path)
    if outcome.ports["items"]:
        take_items(work, node, task, outcome)
    end_stream(work.transition, node, task, int(outcome.ports["limit"]))
    work.transition.finish(task)


def _round(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    """A Loop begins its rounds; an Until ends one, and may end the loop."""
    transition = work.transition
    port = node.out_ports[0]
    own = f"{task.id}.{port}"
    ref = _name(work, task, outcome, port, own, outcome.ports[port])
    others = [name for name in outcome.ports if name != port]
    for name in others:
        transition.values[f"{task.id}.{name}"] = outcome.ports[name]
    names = {port: "" if ref == own else ref, **dict.fromkeys(others, "")}
    note_finished(work, task, outcome, names)
    go = bool(outcome.ports["go"])
    if node.role == "loop":
        until = looping.start(transition, node, task, ref, int(outcome.ports["of"]), go=go)
        path = task.path
    else:
        over = looping.end_round(transition, node, task, ref, go=go)
        until, path = node.key if over else "", task.path[:-1]
    if until:
        leave_loop(work, work.plan.nodes[until], path, ref, work.routes[task.id])


def leave_loop(work: Work, until: PlanNode, path: Path, ref: str, routes: routing.Routes) -> None:
    """Send the result of a loop on its ways out of Until."""
    transition = work.transition
    if until.kept:
        transition.outputs.put(f"{until.key}@{scope_key(path)}", ref)
    for edge in routes.taken:
        transition.send(edge, path, ref)
    for edge in routes.ruled_out:
        transition.rule_out(edge, path)


def _add_result(work: Work, node: PlanNode, task: Task, outcome: Outcome) -> None:
    value = next(iter(outcome.ports.values()), None)
    key = node.key if not task.path else task.id
    work.transition.results[key] = value
    if outcome.route == ():
        work.final = True
