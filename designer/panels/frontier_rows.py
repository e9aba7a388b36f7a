"""What is in the frontier and why it waits, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from designer.runs.words import clock_text, path_text
from designer.widgets.format import MINUTE_S, format_countdown, format_duration
from engine.model.workflow import Workflow
from engine.run_view import FrontierEntry, NodeView, RunView

#: A node that has some of its inputs and waits for the others; it is no task yet.
GATHERING = "gathering"

#: What needs a person comes first, what only waits for others last.
_ORDER = {"waiting": 0, "running": 1, "retry": 2, "timer": 3, "ready": 4, GATHERING: 5}


@dataclass(frozen=True, slots=True)
class Gathering:
    """A node whose join is not complete.

    Attributes:
        have: sources that have arrived.
        need: sources that have not, with how many of how many for those inside a zone.
    """

    node: str
    have: tuple[str, ...]
    need: tuple[str, ...]


Row = FrontierEntry | Gathering


def rows_of(view: RunView, gathering: list[Gathering]) -> list[Row]:
    """The rows in the order in which they are shown."""
    entries = sorted(view.frontier.values(), key=_place)
    return [*entries, *gathering]


def _place(entry: FrontierEntry) -> tuple[int, float, list[int], str]:
    due = entry.due_at if entry.due_at is not None else entry.since
    return (_ORDER.get(entry.state, 9), due, [index for _, index, _ in entry.path], entry.task)


def state_of(row: Row) -> str:
    """``waiting running retry timer ready`` or ``gathering``."""
    return row.state if isinstance(row, FrontierEntry) else GATHERING


def key_of(row: Row) -> str:
    """What names the row as long as it is there."""
    return row.task if isinstance(row, FrontierEntry) else f"?{row.node}"


def place_words(row: Row) -> str:
    """``item 3 of 12``, with the round of a loop."""
    if isinstance(row, Gathering):
        return ""
    place = path_text(row.path)
    if row.visit:
        again = f"round {row.visit + 1:,}"
        return f"{place}, {again}" if place else again
    return place


def why(row: Row, view: RunView, now: float) -> str:
    """Why the task is where it is: ``until 14:05``, ``attempt 2 in 8 s``, ``needs Ask``.

    Args:
        row: The task.
        view: The run that it belongs to.
        now: Seconds since the epoch: the present, or the time of the commit that is viewed.
    """
    if isinstance(row, Gathering):
        have = f"; has {_listed(row.have)}" if row.have else ""
        return f"needs {_listed(row.need)}{have}"
    match row.state:
        case "waiting":
            return _approval(row, view, now)
        case "timer":
            return row.text or (
                f"until {clock_text(row.due_at, now)}" if row.due_at else "an event"
            )
        case "retry":
            due = (row.due_at or now) - now
            pause = f" in {seconds_words(due)}" if due >= 0.5 else " now"
            return f"attempt {row.attempt}{pause}" + (f": {row.text}" if row.text else "")
        case "running":
            return _running(row, view.nodes.get(row.node))
        case _:
            if view.status in ("failed", "cancelled", "paused"):
                return f"the run is {view.status}"
            return "starts as soon as there is room"


def seconds_words(seconds: float) -> str:
    """A time that is still running, in whole seconds: ``8 s``, ``2 min 03 s``."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < MINUTE_S else format_duration(whole)


def _approval(row: FrontierEntry, view: RunView, now: float) -> str:
    request = view.requests.get(row.request) if row.request is not None else None
    if row.due_at is None:
        return "waits for approval"
    then = f", then: {request.default}" if request is not None and request.default else ""
    return f"waits for approval {format_countdown(row.due_at - now)}{then}"


def _running(row: FrontierEntry, node: NodeView | None) -> str:
    parts: list[str] = []
    if row.attempt > 1:
        parts.append(f"attempt {row.attempt}")
    # A node knows the progress of one task only; with several in flight it would mislead.
    if node is not None and node.fraction is not None and node.active == 1:
        parts.append(f"{node.fraction:.0%}")
    if row.text:
        parts.append(row.text)
    return ", ".join(parts)


def _listed(names: tuple[str, ...]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# --- nodes that wait for more inputs ----------------------------------------------------------


class Joins:
    """Finds the nodes of one workflow whose inputs have arrived in part.

    It compares how often each wire has carried something with how often the node has run,
    so it costs one pass over the nodes with several wires. Wires from inside the node's own
    cycle are left out, as the engine does; where a cycle makes the count doubtful, the node is
    not listed rather than listed wrongly.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._titles = {key: node.title or key for key, node in workflow.nodes.items()}
        forward: dict[str, list[str]] = {}
        for edge in workflow.edges:
            forward.setdefault(edge.source.node, []).append(edge.target.node)
        incoming: dict[str, dict[str, str]] = {}
        for edge in workflow.edges:
            incoming.setdefault(edge.target.node, {})[edge.id] = edge.source.node
        self._incoming: dict[str, Mapping[str, str]] = {}
        self._collecting: set[str] = set()
        for key, wires in incoming.items():
            if self._collects(workflow, key):
                self._collecting.add(key)
            if len(wires) > 1 or key in self._collecting:
                downstream = _reachable(forward, key)
                self._incoming[key] = {
                    edge: source for edge, source in wires.items() if source not in downstream
                }

    @staticmethod
    def _collects(workflow: Workflow, key: str) -> bool:
        node = workflow.nodes.get(key)
        return node is not None and node.type == "collect"

    def gathering(self, view: RunView) -> list[Gathering]:
        """The nodes that have some of their inputs, in the order of the workflow."""
        found: list[Gathering] = []
        for key, wires in self._incoming.items():
            node = view.nodes.get(key)
            rounds = node.done + node.failed + node.skipped + node.active if node else 0
            have: list[str] = []
            need: list[str] = []
            for edge, source in wires.items():
                # Only a Collect takes all items of a zone in one round.
                total = _items(view, source) if key in self._collecting else 1
                arrived = view.taken.get(edge, 0) + view.not_taken.get(edge, 0) - rounds * total
                if arrived >= total:
                    have.append(self._titles.get(source, source))
                elif arrived > 0:
                    title = self._titles.get(source, source)
                    need.append(f"{total - arrived:,} of {total:,} from {title}")
                else:
                    need.append(self._titles.get(source, source))
            partly = any(" of " in name and " from " in name for name in need)
            if need and (have or partly):
                found.append(Gathering(key, tuple(have), tuple(need)))
        return found


def _items(view: RunView, node: str) -> int:
    """How many arrivals a wire from inside a zone brings in one round; 1 outside."""
    found = view.nodes.get(node)
    return max(1, found.total) if found is not None else 1


def _reachable(forward: Mapping[str, list[str]], start: str) -> set[str]:
    seen: set[str] = set()
    pending = [start]
    while pending:
        for target in forward.get(pending.pop(), ()):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return seen
