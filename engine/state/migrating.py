"""Values that an older version of a channel's schema describes, brought to the newer one (U37).

A channel may carry a JSON Schema and a version of it. Values of two versions can be in one
store side by side: each run keeps the document that it was pinned to. Where a value crosses
from one document to another it is brought up by the chain of expressions that the newer
one declares, or refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import InvalidCommand
from engine.model.expressions import ExpressionError, compile_over
from engine.model.workflow import Channel
from engine.state.channels import ChannelSpec, ReducerError, check_type

Json = Any


class CannotMigrate(InvalidCommand):
    """A value does not fit the channel that it is meant for; both versions are named."""


def migrated(value: Json, version: int, channel: Channel, spec: ChannelSpec) -> Json:
    """Return a value that version `version` of a channel held, as `channel` wants it now.

    Raises:
        CannotMigrate: it is newer, a step is missing or fails, or the result does not fit.
    """
    both = f"version {version} of channel {channel.name} to version {channel.version}"
    if version > channel.version:
        raise CannotMigrate(
            f"Nothing leads back from {both}: open the newer workflow, or start without the value."
        )
    steps = {step.version: step.expr for step in channel.migrations}
    for number in range(version, channel.version):
        if value is None:
            break  # nothing yet is the same in every version
        expr = steps.get(number)
        if expr is None:
            raise CannotMigrate(
                f"No migration leads from {both}: the step from {number} is missing. "
                "Add it to the channel, or start without the value."
            )
        try:
            value = compile_over(expr, "value").evaluate({"value": value})
        except ExpressionError as error:
            raise CannotMigrate(f"The migration from {both} failed: {error}") from error
    try:
        check_type(spec, value)
    except ReducerError as error:
        raise CannotMigrate(f"After the way from {both} the value does not fit: {error}") from error
    return value


def migrate_channels(
    values: Mapping[str, Json],
    old: Mapping[str, Channel],
    new: Mapping[str, Channel],
    specs: Mapping[str, ChannelSpec],
) -> dict[str, Json]:
    """Return the values of the channels that both documents have, as the newer one wants them.

    Raises:
        CannotMigrate: one of them cannot be brought over.
    """
    return {
        name: migrated(values[name], old[name].version, channel, specs[name])
        for name, channel in new.items()
        if name in old and name in values
    }
