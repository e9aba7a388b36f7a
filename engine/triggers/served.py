"""A trigger that a process serves: what its node says, and what looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from engine.errors import InvalidCommand
from engine.facade.core import Core
from engine.facade.options import Fired
from engine.model.workflow import Node, Workflow
from engine.nodes.trigger_event import EventTriggerParams
from engine.nodes.trigger_file import FileTriggerParams
from engine.nodes.trigger_schedule import ScheduleParams
from engine.nodes.trigger_webhook import WebhookParams
from engine.run_handle import RunHandle
from engine.runtime.trigger_ports import TriggerRecord
from engine.triggers.events import EventEye
from engine.triggers.files import FileEye
from engine.triggers.looks import Eye
from engine.triggers.schedules import ScheduleEye

Json = Any
AutomaticParams = ScheduleParams | FileTriggerParams | WebhookParams | EventTriggerParams
#: The types of triggers that fire by themselves.
AUTOMATIC: dict[str, Any] = {
    "trigger.schedule": ScheduleParams,
    "trigger.file": FileTriggerParams,
    "trigger.webhook": WebhookParams,
    "trigger.event": EventTriggerParams,
}


class Runner(Protocol):
    """What starts and drives runs: the engine."""

    async def start(
        self,
        workflow: Workflow,
        input: Json = None,
        *,
        trigger: str | None,
        source_path: str,
        allow: frozenset[str],
        fired: Fired | None,
    ) -> RunHandle:
        """Start a run and begin to drive it."""
        ...

    async def resume(self, run: str) -> RunHandle:
        """Go on with a run from its last commit."""
        ...

    async def fire_due(self) -> list[RunHandle]:
        """Take over runs that nobody holds and whose time has come."""
        ...

    def handle(self, run: str) -> RunHandle | None:
        """Return the handle of a run that this process drives."""
        ...

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Hear that any process has changed the store."""
        ...


@dataclass(slots=True)
class Served:
    """A trigger that this process looks at.

    Attributes:
        record: as it is in the store, as far as we know.
        again_at: when it is looked at next; None: when somebody says that there is news.
    """

    record: TriggerRecord
    workflow: Workflow
    params: AutomaticParams
    eye: Eye | None
    allow: frozenset[str]
    again_at: float | None = 0.0


def served_of(core: Core, workflow: Workflow, source: str, allow: frozenset[str]) -> list[Served]:
    """Return the triggers of a workflow that fire by themselves, not armed yet.

    Raises:
        InvalidCommand: there is none, or the settings of one cannot work.
    """
    made = [
        _served(core, workflow, node, source, allow)
        for node in workflow.nodes.values()
        if not node.disabled and node.type in AUTOMATIC
    ]
    if not made:
        raise InvalidCommand(
            f"{workflow.name} has no trigger that fires by itself: add a Schedule, a File "
            "watch, a Webhook or an Event."
        )
    return made


def check_paths(served: Iterable[Served]) -> None:
    """Refuse two webhooks that would take the same requests. Raises `InvalidCommand`."""
    taken: dict[str, list[WebhookParams]] = {}
    for each in served:
        params = each.params
        if not isinstance(params, WebhookParams):
            continue
        others = taken.setdefault(params.path, [])
        for other in others:
            if other.method == params.method or "ANY" in (other.method, params.method):
                raise InvalidCommand(
                    f"Two webhooks take {params.method} {params.path}: give one of them "
                    "another path."
                )
        others.append(params)


def check_secrets(served: Iterable[Served]) -> None:
    """Refuse webhooks that ask for no secret: other machines are about to reach them.

    Raises:
        InvalidCommand: there is one.
    """
    for each in served:
        if isinstance(each.params, WebhookParams) and each.params.check == "none":
            raise InvalidCommand(
                f"Anybody in the network could fire {each.record.node} of "
                f"{each.record.workflow}: give it a secret, or listen on 127.0.0.1."
            )


def _served(
    core: Core, workflow: Workflow, node: Node, source: str, allow: frozenset[str]
) -> Served:
    try:
        params: Any = AUTOMATIC[node.type].model_validate(dict(node.params))
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise InvalidCommand(f"{node.title or node.key} cannot be armed: {said}.") from error
    now = core.clock.now()
    record = TriggerRecord(
        source=source,
        node=node.key,
        type=node.type,
        workflow_id=workflow.id,
        workflow=workflow.name,
        settings=dict(node.params),
        overlap=params.overlap,
        armed_at=now,
        seen=now,
    )
    return Served(record, workflow, params, _eye(core, params, source), allow)


def _eye(core: Core, params: AutomaticParams, source: str) -> Eye | None:
    match params:
        case ScheduleParams():
            return ScheduleEye(params, core.ids.run_id)
        case FileTriggerParams():
            folder = Path(source).resolve().parent / Path(params.folder).expanduser()
            return FileEye(params, folder, core.ids.run_id)
        case EventTriggerParams():
            return EventEye(params, core.store, core.io, core.ids.run_id)
        case WebhookParams():
            return None
