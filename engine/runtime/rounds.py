"""What a join does about the arrivals that it no longer waits for, or cannot wait for (U45).

It may cancel what leads to it alone, stop waiting after some time, or fire because nothing
that lives can still get to it. Functions over the working area of one commit; none of them
is called in workflows whose joins have no such policy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol, TypeVar

from engine.events import AnyEvent, ErrorInfo, JoinTimedOut
from engine.ids import NodeKey, Path, scope_key
from engine.model.plan import InPort, Plan, PlanEdge, PlanNode
from engine.state.run_state import JoinState, JoinTimer, RunState, Task, Token

T = TypeVar("T")


class Rows(Protocol[T]):
    """A table of the state with the changes of the commit on top."""

    changes: dict[str, T | None]

    def get(self, key: str) -> T | None:
        """Return the row as it is now."""
        ...

    def put(self, key: str, row: T) -> None:
        """Write a row."""
        ...

    def drop(self, key: str) -> None:
        """Remove a row, if it is there."""
        ...


class Work(Protocol):
    """What these functions need of the working area (`engine.runtime.area`)."""

    plan: Plan
    state: RunState
    at: float
    events: list[AnyEvent]

    @property
    def tasks(self) -> Rows[Task]:
        """The frontier."""
        ...

    @property
    def joins(self) -> Rows[JoinState]:
        """The joins that have begun a round."""
        ...

    @property
    def timers(self) -> Rows[JoinTimer]:
        """The joins that wait for some time only."""
        ...

    def end(self, task: Task, reason: str) -> None:
        """End a task without a result."""
        ...

    def forget(self, which: Callable[[NodeKey, Path], bool]) -> None:
        """Take back what this commit has sent or made ready."""
        ...

    def clear_nodes(self, nodes: frozenset[NodeKey], path: Path) -> None:
        """Remove what is kept of these nodes in one scope."""
        ...

    def pending(self) -> Collection[tuple[PlanEdge, Token]]:
        """Return the tokens that are on their way."""
        ...

    def queue(self, scope: str, edge: str) -> tuple[Token, ...]:
        """Return the tokens that wait on an edge."""
        ...

    def path_of_join(self, node: PlanNode, scope: str) -> Path | None:
        """Return the path of the tokens that wait at a join."""
        ...

    def settle(self, target: PlanNode, path: Path, *, quiet: bool = False) -> bool:
        """Fire a join for another reason than an arrival; return whether it fired."""
        ...


def within(inner: Path, outer: Path) -> bool:
    """Return whether a path is in the scope of another, or is that scope."""
    return inner[: len(outer)] == outer


def one_line(first: Path, second: Path) -> bool:
    """Return whether a token in one scope may get to the other."""
    size = min(len(first), len(second))
    return first[:size] == second[:size]


# --- cancelling the rest --------------------------------------------------------------------


def cancel_rest(work: Work, node: PlanNode, port: InPort, path: Path) -> tuple[str, ...]:
    """End everything that leads only to this port, in this scope.

    Returns:
        The edges of the port along which a token of this round can come nevertheless.
    """
    region = port.region
    for task in alive(work):
        if task.node in region and within(task.path, path):
            work.end(task, f"{node.key} had enough")
    work.forget(lambda key, where: key in region and within(where, path))
    work.clear_nodes(region, path)
    on_its_way = {edge.id for edge, token in work.pending() if token.path == path}
    return tuple(
        edge.id
        for edge in port.edges
        if edge.id in on_its_way or _lives(work, port.feeds[edge.id], path)
    )


def alive(work: Work) -> list[Task]:
    """Return the tasks of the frontier as they are now."""
    tasks = {**work.state.tasks, **work.tasks.changes}
    return [task for task in tasks.values() if task is not None]


def _lives(work: Work, nodes: frozenset[str], path: Path) -> bool:
    """Return whether a task or a waiting value at these nodes can get to a scope."""
    if any(task.node in nodes and one_line(task.path, path) for task in alive(work)):
        return True
    if any(edge.target in nodes and one_line(token.path, path) for edge, token in work.pending()):
        return True
    for key in {**work.state.joins, **work.joins.changes}:
        name, _, scope = key.partition("@")
        join = work.joins.get(key)
        waits = name in nodes and join is not None and join.alive
        if waits and meet(scope, scope_key(path)):
            return True
    return False


def meet(first: str, second: str) -> bool:
    """Return whether one of two scopes lies in the other: ``each.1`` does not in ``each.10``."""
    short, long = sorted((first, second), key=len)
    return not short or long == short or long.startswith(f"{short},")


# --- until nothing more can arrive ----------------------------------------------------------


def fire_quiet(work: Work) -> bool:
    """Fire the joins that nothing alive can still get to; return whether there was one."""
    plan = work.plan
    waiting: list[tuple[int, str]] = []
    for key in {**work.state.joins, **work.joins.changes}:
        node = plan.nodes[key.partition("@")[0]]
        join = work.joins.get(key)
        if join is not None and join.present and any(port.upstream for port in node.in_ports):
            waiting.append((node.rank, key))
    for _, key in sorted(waiting):
        name, _, scope = key.partition("@")
        node = plan.nodes[name]
        path = work.path_of_join(node, scope)
        upstream = frozenset().union(*(port.upstream for port in node.in_ports))
        if path is None or _lives(work, upstream, path):
            continue
        before = work.joins.get(key)
        if before is not None and work.settle(node, path, quiet=True):
            return True
    return False


# --- waiting no longer than so --------------------------------------------------------------


def watch(work: Work, node: PlanNode, path: Path) -> None:
    """Arm the timers of ports at which a round has begun; disarm those without a value."""
    scope = scope_key(path)
    queues = partial(work.queue, scope)
    for port in node.in_ports:
        seconds = port.policy.timeout_s
        if seconds is None:
            continue
        name = timer_name(node, port, scope)
        waits = any(not token.skip for edge in port.edges for token in queues(edge.id)[:1])
        known = work.timers.get(name)
        if waits and known is None:
            work.timers.put(name, JoinTimer(node.key, port.name, path, work.at + seconds))
        elif not waits and known is not None:
            work.timers.drop(name)


def timer_name(node: PlanNode, port: InPort, scope: str) -> str:
    """Return the name of a timer; no task has one like it."""
    return f"{node.key}.{port.name}@{scope}"


def is_over(work: Work, node: PlanNode, port: InPort, scope: str) -> bool:
    """Return whether the port has waited as long as it may."""
    timer = work.timers.get(timer_name(node, port, scope))
    return timer is not None and timer.over


def time_out(work: Work, name: str) -> None:
    """Let a port whose time has passed go on without what has not come."""
    timer = work.timers.get(name)
    if timer is None or timer.over:
        return  # its round fired in this very commit
    node = work.plan.nodes[timer.node]
    port = next(port for port in node.in_ports if port.name == timer.port)
    work.events.append(
        JoinTimedOut(node=node.key, port=port.name, path=timer.path, then=port.policy.on_timeout)
    )
    work.timers.put(name, JoinTimer(timer.node, timer.port, timer.path, timer.due_at, over=True))
    work.settle(node, timer.path)


def timed_out(node: PlanNode, port: InPort, missing: list[str]) -> ErrorInfo:
    """Return the failure of a join that may not go on without all that it waits for."""
    return ErrorInfo(
        code="join_timeout",
        message=(
            f"{node.node.title or node.key} waited {port.policy.timeout_s:g} s at {port.name} "
            f"for {' and '.join(missing) or 'more'}"
        ),
        retryable=False,
    )


def short(node: PlanNode) -> ErrorInfo:
    """Return the failure of a join that gets too few values, because ways to it failed."""
    return ErrorInfo(
        code="join_short",
        message=f"Too few ways to {node.node.title or node.key} have succeeded",
        retryable=False,
    )


def late(node: PlanNode, source: str) -> ErrorInfo:
    """Return the failure of a join at which something arrives after it has fired."""
    return ErrorInfo(
        code="late_arrival",
        message=(
            f"A value from {source} came to {node.node.title or node.key} after it had gone on"
        ),
        retryable=False,
    )
