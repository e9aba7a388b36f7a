"""The state of a run at a commit, as a person may read it, with what the commit changed.

The functions run in a thread: a state can hold megabytes, and so can its difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from designer.widgets.json_value import ChangeKind, JsonChange, JsonPath, json_diff

Json = Any

CHANNELS = "Channels"
OUTPUTS = "Node outputs"
MEMORY = "Node memory"
RESULTS = "Results"
BUDGETS = "Budgets"
#: The parts in the order of their chips.
PARTS = (CHANNELS, OUTPUTS, MEMORY, RESULTS, BUDGETS)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the state.

    Attributes:
        changes: how it differs from the commit before.
    """

    value: Json
    changes: dict[JsonPath, JsonChange] = field(default_factory=dict)

    def count(self, kind: ChangeKind) -> int:
        """How many changes of that kind there are."""
        return sum(change.kind is kind for change in self.changes.values())


@dataclass(frozen=True, slots=True)
class Reading:
    """The state at `commit`, compared with that at `before`, -1 when there is none."""

    commit: int
    before: int
    parts: dict[str, Part]


def parts_of(state: Any) -> dict[str, Json]:
    """What of a state is worth reading: names and values, without the engine's bookkeeping."""
    return {
        CHANNELS: dict(state.channels),
        OUTPUTS: {key: state.value(ref) for key, ref in state.outputs.items() if _has(state, ref)},
        MEMORY: dict(state.memory),
        RESULTS: dict(state.results),
        BUDGETS: {
            key: {"limit": account.limit, "used": account.used, "reserved": account.reserved}
            for key, account in state.ledger.items()
        },
    }


def _has(state: Any, ref: str) -> bool:
    return ref.partition("[")[0] in state.values


def read_state(engine: Any, run: str, commit: int | None, before: int | None) -> Reading:
    """Read a commit and the one before it.

    Args:
        engine: The facade.
        run: Whose state.
        commit: Which commit; None for the last one that is stored.
        before: Which commit to compare with; None for the one before.
    """
    state = engine.state_at(run, commit)
    number: int = state.commit
    earlier = number - 1 if before is None else before
    now = parts_of(state)
    then = parts_of(engine.state_at(run, earlier)) if earlier >= 0 else {}
    return Reading(
        number,
        earlier,
        {
            name: Part(value, json_diff(then[name], value) if name in then else {})
            for name, value in now.items()
        },
    )
