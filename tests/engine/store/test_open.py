from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store.memory import MemoryStore
from engine.store.open import default_path, open_store, path_of, store_url
from engine.store.sqlite import SqliteStore


@pytest.mark.parametrize("url", ["memory://", "sqlite://", "sqlite:///:memory:"])
def test_a_store_can_live_in_memory(url: str) -> None:
    assert isinstance(open_store(url), MemoryStore)
    assert store_url(url) == "memory://"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///runs.sqlite", "runs.sqlite"),
        ("sqlite:////var/runs.sqlite", "/var/runs.sqlite"),
        ("sqlite:///a b.sqlite?timeout=3", "a b.sqlite"),
        ("some/runs.sqlite", "some/runs.sqlite"),
    ],
)
def test_an_address_means_a_file(url: str, path: str) -> None:
    assert path_of(url) == Path(path)


def test_a_file_is_made_and_found_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.sqlite"
    for _ in range(2):
        store = open_store(url)
        assert isinstance(store, SqliteStore)
        store.close()
    assert (tmp_path / "runs.sqlite").stat().st_mode & 0o077 == 0  # nobody else may read it
    assert store_url(url) == url


def test_another_kind_of_database_is_refused_in_one_sentence() -> None:
    with pytest.raises(StoreError, match="kind postgresql are not supported: give a file"):
        open_store("postgresql://server/runs")


def test_the_default_store_is_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path / "new" / "folder"))
    store = open_store()
    store.close()
    assert (tmp_path / "new" / "folder" / "runs.sqlite").exists()
    monkeypatch.setenv("HEADGATE_DATA_DIR", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_path().parent.parent == tmp_path / "data"


def test_a_data_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path / "file" / "folder"))
    with pytest.raises(StoreError, match="HEADGATE_DATA_DIR"):
        open_store()
