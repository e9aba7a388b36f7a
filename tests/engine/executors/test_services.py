"""Where secrets come from, and that a run keeps none of them (U25)."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest
from keyring.errors import KeyringLocked

from engine.app import Engine
from engine.executors.services import LocalServices
from engine.model.node_types import NodeFailure
from tests.engine.flows import flow, outcome


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A keychain with one secret; whatever the list holds is why it cannot be read."""
    locked: list[str] = []

    def look(service: str, name: str) -> str | None:
        if locked:
            raise KeyringLocked(locked[0])
        return "hush-from-chain" if (service, name) == ("headgate", "api") else None

    monkeypatch.setattr(keyring, "get_password", look)
    return locked


def test_a_secret_is_in_the_keychain_and_the_environment_goes_first(
    keychain: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not keychain
    services = LocalServices()
    assert services.secret("api") == "hush-from-chain"
    monkeypatch.setenv("HEADGATE_SECRET_API", "hush-from-environment")
    monkeypatch.setenv("HEADGATE_SECRET_MY_OTHER_KEY", "other")
    assert services.secret("api") == "hush-from-environment"
    assert services.secret("my.other-key") == "other"


@pytest.mark.parametrize(
    ("locked", "why"), [("it is locked", "read (it is locked)"), ("", "keyring set headgate no")]
)
def test_a_secret_that_is_not_there_says_where_it_belongs(
    keychain: list[str], locked: str, why: str
) -> None:
    keychain += [locked] if locked else []
    with pytest.raises(NodeFailure) as raised:
        LocalServices().secret("no")
    error = raised.value.info()
    assert why in error.message and "HEADGATE_SECRET_NO" in error.message
    assert (error.code, error.retryable, error.nothing_happened) == ("secret", False, True)


async def test_nothing_of_a_secret_is_stored_though_it_was_used_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_SECRET_API", "hush-hush-42")
    script = "test $TOKEN = hush-hush-42 && echo used $TOKEN; echo $TOKEN >&2"
    shell = {"command": ["sh", "-c", script], "secret_env": {"TOKEN": "api"}}
    work = flow({"s": ("shell.command", shell), "z": "end"}, "s > z")
    async with Engine.open(f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        handle = await engine.start(work, allow=frozenset({"process", "secrets"}))
        result = outcome((await handle.leg()).event)
        told = repr(engine.events(handle.run)) + repr(handle.view)
    assert result["stdout"] == "used •••\n"
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"used" in stored and b"hush-hush" not in stored
    assert "hush-hush" not in told
