"""Sessions: runs that follow one another and share durable channels (U78).

A session is a name. Each of its runs begins with the durable channels, and their versions,
of the last commit of the run before it, however that ended. One run of a session is open
at a time; the store refuses a second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.errors import InvalidCommand, SessionBusy
from engine.events import RunStarted
from engine.model import codec
from engine.model.plan import Plan
from engine.runtime.ports import RunRecord, RunStore
from engine.state.channels import specs_from
from engine.state.migrating import migrate_channels
from engine.state.status import ENDED

Json = Any


class Turn(NamedTuple):
    """What a run takes over from the session.

    Attributes:
        channels, versions: of the durable channels.
        number: which run of the session it is, from 1.
        step: how many supersteps the runs before it have made.
    """

    channels: Mapping[str, Json]
    versions: Mapping[str, int]
    number: int
    step: int


FIRST = Turn({}, {}, 1, 0)


def next_turn(store: RunStore, session: str, plan: Plan) -> Turn:
    """Return what the next run of a session begins with.

    Raises:
        SessionBusy: its last run is open. CannotMigrate: a value does not fit any more.
    """
    found = store.runs(limit=1, session=session)
    if not found:
        return FIRST
    last = found[0]
    if last.status not in ENDED:
        raise busy(last)
    started = store.events(last.run, upto=1)[0].event
    before = started if isinstance(started, RunStarted) else None
    turn = before.turn if before is not None else 0
    step = (before.step if before is not None else 0) + last.commit + 1
    state = store.state_at(last.run, last.commit)
    old = codec.loads(store.run(last.run).document).channels
    new = plan.workflow.channels
    specs = specs_from(new, plan.registry.reducers)
    durable = {name for name, channel in new.items() if channel.lifecycle == "durable"}
    kept = {
        name: value
        for name, value in state.channels.items()
        if name in durable and name in old and old[name].lifecycle == "durable"
    }
    values = migrate_channels(kept, old, new, specs)
    versions = {name: state.versions[name] for name in values if name in state.versions}
    return Turn(values, versions, turn + 1, step)


def busy(record: RunRecord) -> SessionBusy:
    """Return the refusal that names the open run."""
    how = "interrupted" if record.interrupted else str(record.status)
    return SessionBusy(record.session, record.run, how)


def check_last(store: RunStore, record: RunRecord) -> None:
    """Refuse to go on with a run that others of its session have followed.

    Raises:
        InvalidCommand: it is not the last one.
    """
    last = store.runs(limit=1, session=record.session)[0]
    if last.run != record.run:
        raise InvalidCommand(
            f"Run {record.run} was followed by run {last.run} in session {record.session}; "
            "only the last run of a session can be resumed. Fork it instead."
        )
