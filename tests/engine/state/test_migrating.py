"""Values of an older version of a channel's schema are brought over or refused (U37, T39)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.model.workflow import Channel, Migration
from engine.state.channels import specs_from
from engine.state.migrating import CannotMigrate, migrate_channels, migrated

Json = Any
V1 = Channel(name="person", schema={"type": "string"})
V3 = Channel(
    name="person",
    version=3,
    schema={"type": "object", "required": ["name", "born"]},
    migrations=(
        Migration(version=1, expr="{'name': value}"),
        Migration(version=2, expr="{'name': value.name, 'born': None}"),
    ),
)


def brought(value: Json, version: int, channel: Channel) -> Json:
    return migrated(value, version, channel, specs_from({"person": channel})["person"])


def test_a_value_goes_through_every_step_from_its_version_on() -> None:
    assert brought("Ada", 1, V3) == {"name": "Ada", "born": None}
    assert brought({"name": "Ada"}, 2, V3) == {"name": "Ada", "born": None}


def test_a_value_of_this_version_and_nothing_stay_as_they_are() -> None:
    value = {"name": "Ada", "born": 1815}
    assert brought(value, 3, V3) is value
    assert brought(None, 1, V3) is None


def test_a_newer_value_is_refused_with_both_versions() -> None:
    with pytest.raises(CannotMigrate, match=r"version 4 of channel person to version 3"):
        brought({}, 4, V3)


def test_a_missing_step_is_named_with_both_versions() -> None:
    gap = Channel(name="person", version=3, migrations=V3.migrations[:1])
    with pytest.raises(CannotMigrate, match=r"version 1 .* to version 3: the step from 2"):
        brought("Ada", 1, gap)


def test_a_step_that_fails_says_so() -> None:
    with pytest.raises(CannotMigrate, match=r"from version 2 .* to version 3 failed"):
        brought("no object", 2, V3)


def test_what_does_not_fit_in_the_end_is_refused() -> None:
    wrong = Channel(name="person", version=2, type="number", migrations=V3.migrations[:1])
    with pytest.raises(CannotMigrate, match="does not fit"):
        brought("Ada", 1, wrong)


def test_channels_of_two_documents_are_matched_by_name() -> None:
    new = {"person": V3, "more": Channel(name="more")}
    old = {"person": V1, "gone": Channel(name="gone")}
    values = {"person": "Ada", "gone": 1}
    found = migrate_channels(values, old, new, specs_from(new))
    assert found == {"person": {"name": "Ada", "born": None}}
