"""The choice to go on with an edited document: who must make it, and how it is recorded (U99)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine import events as ev
from engine.errors import DocumentEdited
from engine.events import AnyEvent
from engine.ids import NodeKey
from engine.model.plan import Plan
from engine.runtime.moving_fates import Move


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The choice to go on with an edited document.

    Attributes:
        plan: of that document. `document`: its bytes.
        names: nodes that have another key there, old to new.
        force: go on though something is asked again or lost; else that is refused.
        by: who chose.
    """

    plan: Plan
    document: bytes
    names: Mapping[NodeKey, NodeKey]
    force: bool
    by: str


def check_choice(old: Plan, edited: Edited, made: Move, run: str) -> None:
    """Raise `DocumentEdited` unless somebody has chosen to go on with another revision."""
    if edited.force:
        return
    again, lost = made.named("asked again"), made.named("lost")
    words = [
        f"{len(made.named('unchanged'))} unchanged",
        f"{len(made.named('compatible'))} compatible",
        f"{len(again)} will be asked again" + (f" ({_few(again)})" if again else ""),
        f"{len(lost)} will be lost" + (f" ({_few(lost)})" if lost else ""),
    ]
    raise DocumentEdited(
        f"Run {run} belongs to revision {old.revision} of its workflow, and the edited one is "
        f"{edited.plan.revision}: {', '.join(words)}. Go on with it by force, or without it.",
        old=old.revision,
        new=edited.plan.revision,
        fates=made.fates,
    )


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def events_of(old: Plan, edited: Edited, made: Move) -> list[AnyEvent]:
    """Return what happened when a run was moved, for the commit that goes on."""
    events: list[AnyEvent] = [
        ev.DocumentChanged(
            old=old.revision,
            new=edited.plan.revision,
            by=edited.by,
            mapped=tuple(edited.names.items()),
            compatible=made.named("compatible"),
            asked_again=made.named("asked again"),
            lost=made.named("lost"),
        )
    ]
    events += [
        ev.BarrierWithdrawn(request=request, task=task, node=node, reason=reason)
        for request, task, node, reason in made.withdrawn
    ]
    events += [
        ev.TaskCancelled(task=task, node=node, reason=reason) for task, node, reason in made.gone
    ]
    return events
