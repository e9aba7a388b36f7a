"""The user's choices, typed, and the folders where the program keeps its files.

What lives here: every persistent choice with its default, and the paths of the user's
folders. Each choice is an attribute of `Settings`; reading always gives a value of the
declared type, whatever stands in the file. No widgets here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar, overload

import platformdirs
from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

APPLICATION = "Headgate"

#: How many recent files are remembered.
RECENT_LIMIT = 12

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class ThemeChoice(StrEnum):
    """Which colours the window has."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"
    HIGH_CONTRAST = "high-contrast"


class WheelBehaviour(StrEnum):
    """What the mouse wheel does on the canvas without Ctrl, which always zooms."""

    ZOOM = "zoom"
    PAN = "pan"


class BarrierView(StrEnum):
    """Where a barrier request is shown when it opens."""

    DIALOG = "dialog"
    DOCK = "dock"


class MotionChoice(StrEnum):
    """Whether the canvas and the panels move."""

    SYSTEM = "system"
    FULL = "full"
    REDUCED = "reduced"


def _folder(variable: str, default: str) -> Path:
    override = os.environ.get(variable, "").strip()
    path = Path(override).expanduser() if override else Path(default)
    path.mkdir(parents=True, exist_ok=True)
    return path


def config_dir() -> Path:
    """The existing folder of the settings file; HEADGATE_CONFIG_DIR moves it."""
    return _folder(
        "HEADGATE_CONFIG_DIR", platformdirs.user_config_dir(APPLICATION, appauthor=False)
    )


def data_dir() -> Path:
    """The existing folder of the store and the journals; HEADGATE_DATA_DIR moves it."""
    return _folder("HEADGATE_DATA_DIR", platformdirs.user_data_dir(APPLICATION, appauthor=False))


def cache_dir() -> Path:
    """The existing folder of what can be made again; it follows HEADGATE_DATA_DIR."""
    if os.environ.get("HEADGATE_DATA_DIR", "").strip():
        path = data_dir() / "cache"
        path.mkdir(exist_ok=True)
        return path
    return _folder("", platformdirs.user_cache_dir(APPLICATION, appauthor=False))


class Setting(Generic[T]):
    """One choice: an attribute of `Settings` that reads from and writes to its file.

    `decode` turns what the file gave into the value or raises ValueError or TypeError, which
    counts as "not set": a file edited by hand never stops the program.
    """

    def __init__(
        self, key: str, default: T, decode: Callable[[object], T], encode: Callable[[T], object]
    ) -> None:
        self.key = key
        self.default = default
        self._decode = decode
        self._encode = encode

    @overload
    def __get__(self, owner: None, owner_type: type[Settings]) -> Setting[T]: ...
    @overload
    def __get__(self, owner: Settings, owner_type: type[Settings]) -> T: ...
    def __get__(self, owner: Settings | None, owner_type: type[Settings]) -> Setting[T] | T:
        if owner is None:
            return self
        stored = owner.backend.value(self.key)
        if stored is None:
            return self.default
        try:
            return self._decode(stored)
        except (ValueError, TypeError):
            return self.default

    def __set__(self, owner: Settings, value: T) -> None:
        # Through the decoder, so that a value out of range never reaches the file.
        checked = self._decode(self._encode(value))
        if checked != self.__get__(owner, type(owner)):
            owner.backend.setValue(self.key, self._encode(checked))
            owner.changed.emit(self.key)


def _flag(key: str, default: bool) -> Setting[bool]:
    def decode(stored: object) -> bool:
        known = {"true": True, "1": True, "false": False, "0": False}
        try:
            return known[str(stored).lower()]
        except KeyError:
            raise ValueError(stored) from None

    return Setting(key, default, decode, bool)


def _number(key: str, default: int, lowest: int, highest: int) -> Setting[int]:
    def decode(stored: object) -> int:
        return max(lowest, min(highest, int(str(stored))))

    return Setting(key, default, decode, int)


def _choice(key: str, default: E) -> Setting[E]:
    kind = type(default)
    return Setting(key, default, lambda stored: kind(str(stored)), str)


def _text(key: str, default: str = "") -> Setting[str]:
    return Setting(key, default, str, str)


def _texts(key: str) -> Setting[tuple[str, ...]]:
    def decode(stored: object) -> tuple[str, ...]:
        if isinstance(stored, (list, tuple)):
            return tuple(str(item) for item in stored)
        # An INI file gives a list of one back as a string, and an empty list as nothing.
        return (stored,) if isinstance(stored, str) and stored else ()

    return Setting(key, (), decode, list)


def _bytes(key: str) -> Setting[bytes]:
    def decode(stored: object) -> bytes:
        if isinstance(stored, QByteArray):
            return bytes(stored.data())
        if isinstance(stored, bytes):
            return stored
        raise TypeError(stored)

    return Setting(key, b"", decode, QByteArray)


class Settings(QObject):
    """The user's choices. Assigning to an attribute stores it and emits `changed(key)`."""

    #: The key of the choice that has just got another value, such as ``"look/theme"``.
    changed = Signal(str)

    theme = _choice("look/theme", ThemeChoice.SYSTEM)
    font_size_px = _number("look/font_size_px", 13, 11, 20)
    motion = _choice("look/motion", MotionChoice.SYSTEM)

    wheel = _choice("canvas/wheel", WheelBehaviour.ZOOM)
    grid_visible = _flag("canvas/grid_visible", True)
    snap_to_grid = _flag("canvas/snap_to_grid", True)
    minimap_visible = _flag("canvas/minimap_visible", True)

    barrier_view = _choice("barriers/view", BarrierView.DIALOG)
    #: After a decision the window takes the free lease of the run and goes on.
    resume_after_decision = _flag("barriers/resume_after_decision", True)
    #: Signed under decisions; empty stands for the account's name.
    user_name = _text("barriers/user_name")

    notify_decisions = _flag("notify/decisions", True)
    notify_failures = _flag("notify/failures", True)
    notify_run_end = _flag("notify/run_end", True)

    #: Seconds after the last edit before the journal is flushed.
    autosave_s = _number("files/autosave_s", 1, 1, 60)
    restore_session = _flag("files/restore_session", True)
    recent_files = _texts("files/recent")
    #: What was open when the program ended, as JSON.
    session = _text("files/session")
    last_folder = _text("files/last_folder")

    palette_favourites = _texts("palette/favourites")
    palette_recent = _texts("palette/recent")

    #: A preset of keys, and what the person has changed besides, as JSON.
    keys_preset = _text("keys/preset", "headgate")
    keys_own = _text("keys/own")

    perspective = _text("window/perspective", "design")
    window_geometry = _bytes("window/geometry")

    def __init__(self, backend: QSettings | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        #: The file behind the choices: one INI file on every system, readable and movable.
        self.backend = backend or QSettings(
            str(config_dir() / "settings.ini"), QSettings.Format.IniFormat
        )

    def add_recent_file(self, path: Path) -> None:
        """Put `path` first in the list of recent files."""
        name = str(path.absolute())
        others = [known for known in self.recent_files if known != name]
        self.recent_files = (name, *others)[:RECENT_LIMIT]

    def forget_recent_file(self, path: Path) -> None:
        """Take `path` out of the list of recent files, as when it is gone from the disk."""
        name = str(path.absolute())
        self.recent_files = tuple(known for known in self.recent_files if known != name)

    def breakpoints_of(self, document: str) -> str:
        """The person's breakpoints in the document of that id, as it was given; or empty."""
        return self._breakpoints(document).__get__(self, Settings)

    def set_breakpoints_of(self, document: str, text: str) -> None:
        """Remember the person's breakpoints in a document; an empty text forgets them."""
        if text:
            self._breakpoints(document).__set__(self, text)
        else:
            self.backend.remove(f"breakpoints/{document}")

    @staticmethod
    def _breakpoints(document: str) -> Setting[str]:
        return _text(f"breakpoints/{document}")

    def window_state(self, perspective: str) -> bytes:
        """Where docks and tool bars stood in `perspective`; empty when it was never left."""
        return self._state(perspective).__get__(self, Settings)

    def set_window_state(self, perspective: str, state: bytes) -> None:
        """Remember where docks and tool bars stand in `perspective`."""
        self._state(perspective).__set__(self, state)

    def forget_window_states(self) -> None:
        """Return every perspective to the layout that the program came with."""
        self.backend.remove("window/state")
        self.changed.emit("window/state")

    @staticmethod
    def _state(perspective: str) -> Setting[bytes]:
        return _bytes(f"window/state/{perspective}")

    def reset(self) -> None:
        """Return every choice to its default."""
        keys = self.backend.allKeys()
        self.backend.clear()
        for key in keys:
            self.changed.emit(key)

    def sync(self) -> None:
        """Write what is pending to the file now.

        Raises:
            OSError: The file cannot be written.
        """
        self.backend.sync()
        if self.backend.status() != QSettings.Status.NoError:
            raise OSError(
                f"The settings could not be written to {self.backend.fileName()}; "
                "check that the folder exists and may be written to."
            )
