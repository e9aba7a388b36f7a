"""Which store an address means."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import StoreError
from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore

APPLICATION = "Headgate"
FILE_NAME = "runs.sqlite"
_SQLITE = "sqlite://"
_IN_MEMORY = ("memory://", "sqlite://", "sqlite:///", "sqlite:///:memory:", ":memory:")


def open_store(url: str | None = None) -> RunStore:
    """Return the store at an SQLAlchemy URL or path; without one the person's own.

    ``sqlite:///relative/file``, ``sqlite:////absolute/file`` and plain paths are files;
    ``memory://`` and ``sqlite://`` last as long as the process.

    Raises:
        StoreError: it cannot be opened, or it is of a kind that is not supported.
        UnsupportedVersion: a newer program wrote it.
    """
    if url is None:
        return SqliteStore(default_path())
    if url in _IN_MEMORY:
        return MemoryStore()
    return SqliteStore(path_of(url))


def store_url(url: str | None = None) -> str:
    """Return the address of a store in full, to be shown or handed to another process."""
    if url in _IN_MEMORY:
        return "memory://"
    return f"sqlite:///{(default_path() if url is None else path_of(url)).absolute()}"


def path_of(url: str) -> Path:
    """Return the file that an address means.

    Raises:
        StoreError: it means something else.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        return Path(url).expanduser()
    if not url.startswith(f"{_SQLITE}/"):
        raise StoreError(
            f"Stores of the kind {scheme} are not supported: "
            "give a file, as in --store sqlite:///runs.sqlite."
        )
    return Path(url.removeprefix(f"{_SQLITE}/").partition("?")[0]).expanduser()


def default_path() -> Path:
    """Return the file in the user's data folder, which is made; HEADGATE_DATA_DIR moves it.

    Raises:
        StoreError: the folder cannot be made.
    """
    override = os.environ.get("HEADGATE_DATA_DIR", "").strip()
    if override:
        folder = Path(override).expanduser()
    else:
        import platformdirs  # noqa: PLC0415 - not needed when the folder is given

        folder = Path(platformdirs.user_data_dir(APPLICATION, appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {folder} for the run store cannot be made ({error.strerror}): "
            "set HEADGATE_DATA_DIR to a folder that you may write to."
        ) from error
    return folder / FILE_NAME
