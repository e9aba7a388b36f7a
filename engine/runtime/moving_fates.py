"""What becomes of each thing that a run holds when it goes on with an edited document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.ids import NodeKey, RequestId, RunId, TaskId
from engine.state.run_state import (
    RunState,
)

FateName = Literal["unchanged", "compatible", "asked again", "lost"]
#: What becomes of each field of a `RunState`. What has no place any more is reported as lost.
DECISIONS: Mapping[str, str] = {
    "commit": "carried",
    "status": "carried",
    "counters": "carried",
    "channels": "carried where the value has the type of now, else the default; reported",
    "versions": "as the channels; higher where one is reset, so that no gate takes it as seen",
    "memory": "mapped where the node is of the same type; else lost",
    "memory_versions": "as the memory",
    "values": "carried, then recounted",
    "refs": "recounted",
    "outputs": "mapped; lost with their node",
    "tasks": "mapped; lost where their node, or their place in the zones, is gone",
    "waits": "carried, asked again, begun again, or lost with their task",
    "joins": "counted again from what has arrived; what later arrivals are owed is mapped",
    "timers": "mapped; lost with their port",
    "arrivals": "mapped; a value is lost with its wire",
    "zones": "mapped with what lies in wait; lost where the node is no such zone any more",
    "items": "as their zone",
    "grown": "as their zone",
    "buckets": "mapped; lost where their node is gone",
    "cycles": "counted again; which exits were taken is mapped",
    "gates": "mapped where the node is what it was; else it runs once more",
    "frames": "mapped; what one that is gone has held back is lost",
    "ledger": "mapped, with the limits of now where those were edited; what is used stays used",
    "holds": "mapped with their task",
    "visits": "mapped; they end with their node",
    "results": "mapped; lost with their End node",
    "breaks": "mapped; lost with their node",
    "recordings": "carried for nodes that keep their key; else lost, and the node runs",
    "until": "mapped; lost with its node",
    "save": "kept",
    "ending": "mapped with their task, which does not start again",
    "failures": "end with the leg, as whenever a run goes on",
    "children": "carried: they run on, whatever becomes of the node that started them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one thing that a run holds.

    Attributes:
        kind: ``task question wait token items channel output memory gate budget breakpoint
            recording target timer frame result``.
        name: of the task, wire or channel. `node`: where it is, empty for a channel.
        reason: why, where it does not simply stay.
    """

    kind: str
    name: str
    node: NodeKey
    fate: FateName
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Move:
    """A run on its way to another document.

    Attributes:
        state: that goes on; its joins have not been looked at yet.
        withdrawn: (request, task, node, reason) of questions that are taken back.
        gone: (task, node, reason) of tasks that are lost or have another name now.
        renamed: old task id to the new one.
        closed: tasks that wait for an event no longer. `orphans`: runs that nobody wants any more.
        done: (task, attempt) of ``once`` work whose result is given up, or nobody knows;
            whether to do it again is asked.
    """

    state: RunState
    fates: list[Fate] = field(default_factory=list)
    withdrawn: list[tuple[RequestId, TaskId, NodeKey, str]] = field(default_factory=list)
    gone: list[tuple[TaskId, NodeKey, str]] = field(default_factory=list)
    renamed: dict[TaskId, TaskId] = field(default_factory=dict)
    closed: list[TaskId] = field(default_factory=list)
    orphans: list[RunId] = field(default_factory=list)
    done: list[tuple[TaskId, int]] = field(default_factory=list)

    def named(self, fate: FateName) -> tuple[str, ...]:
        """Return the names of everything that has one fate."""
        return tuple(each.name for each in self.fates if each.fate == fate)
