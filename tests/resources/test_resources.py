from __future__ import annotations

import pytest

from resources import resource


def test_a_resource_is_an_existing_path() -> None:
    assert resource("bootstrap.py").is_file()


def test_a_missing_resource_names_itself() -> None:
    with pytest.raises(FileNotFoundError, match=r"'icons/none\.svg' is missing"):
        resource("icons/none.svg")


@pytest.mark.parametrize("name", ["../pyproject.toml", "icons/../../LICENSE", "/etc/hostname"])
def test_a_name_does_not_lead_out_of_the_package(name: str) -> None:
    with pytest.raises(ValueError, match="lies outside"):
        resource(name)
