"""Settings: typed values from any file, one signal per change, movable folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSettings

from designer.settings import (
    RECENT_LIMIT,
    BarrierView,
    Settings,
    ThemeChoice,
    WheelBehaviour,
    cache_dir,
    config_dir,
    data_dir,
)

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.ini"


def opened(file: Path) -> Settings:
    return Settings(QSettings(str(file), QSettings.Format.IniFormat))


def test_defaults_apply_to_an_empty_file(file: Path) -> None:
    settings = opened(file)
    assert settings.theme is ThemeChoice.SYSTEM
    assert settings.font_size_px == 13
    assert settings.barrier_view is BarrierView.DIALOG
    assert settings.resume_after_decision is True
    assert settings.recent_files == ()
    assert settings.window_geometry == b""


def test_values_survive_the_file_with_their_types(file: Path) -> None:
    first = opened(file)
    first.theme = ThemeChoice.DARK
    first.wheel = WheelBehaviour.PAN
    first.grid_visible = False
    first.autosave_s = 5
    first.user_name = "Ada, Countess"
    first.window_geometry = b"\x00\xff\x01"
    first.session = '{"tabs": []}'
    first.palette_recent = ("set", "http, two")
    first.sync()
    again = opened(file)
    assert again.theme is ThemeChoice.DARK
    assert again.wheel is WheelBehaviour.PAN
    assert again.grid_visible is False
    assert again.autosave_s == 5
    assert again.user_name == "Ada, Countess"
    assert again.window_geometry == b"\x00\xff\x01"
    assert again.session == '{"tabs": []}'
    assert again.palette_recent == ("set", "http, two")


def test_nonsense_in_the_file_counts_as_not_set(file: Path) -> None:
    file.write_text(
        "[look]\ntheme=plaid\nfont_size_px=huge\n[canvas]\ngrid_visible=perhaps\n", encoding="utf-8"
    )
    settings = opened(file)
    assert settings.theme is ThemeChoice.SYSTEM
    assert settings.font_size_px == 13
    assert settings.grid_visible is True


def test_numbers_are_kept_in_their_range(file: Path) -> None:
    file.write_text("[look]\nfont_size_px=2\n", encoding="utf-8")
    settings = opened(file)
    assert settings.font_size_px == 11
    settings.font_size_px = 99
    assert settings.font_size_px == 20


def test_a_change_is_signalled_once_and_no_change_not_at_all(file: Path) -> None:
    settings = opened(file)
    seen: list[str] = []
    settings.changed.connect(seen.append)
    settings.theme = ThemeChoice.DARK
    settings.theme = ThemeChoice.DARK
    assert seen == ["look/theme"]


def test_recent_files_are_newest_first_without_repeats_and_limited(file: Path) -> None:
    settings = opened(file)
    for number in range(RECENT_LIMIT + 3):
        settings.add_recent_file(Path(f"/flows/{number}.flow.json"))
    settings.add_recent_file(Path("/flows/5.flow.json"))
    assert len(settings.recent_files) == RECENT_LIMIT
    assert [Path(name) for name in settings.recent_files[:2]] == [
        Path("/flows/5.flow.json").absolute(),
        Path(f"/flows/{RECENT_LIMIT + 2}.flow.json").absolute(),
    ]
    settings.forget_recent_file(Path("/flows/5.flow.json"))
    assert str(Path("/flows/5.flow.json").absolute()) not in settings.recent_files


def test_each_perspective_keeps_its_own_layout(file: Path) -> None:
    settings = opened(file)
    settings.set_window_state("run", b"wide")
    assert (settings.window_state("run"), settings.window_state("debug")) == (b"wide", b"")
    settings.forget_window_states()
    assert settings.window_state("run") == b""


def test_reset_returns_to_the_defaults_and_says_so(file: Path) -> None:
    settings = opened(file)
    settings.theme = ThemeChoice.LIGHT
    seen: list[str] = []
    settings.changed.connect(seen.append)
    settings.reset()
    assert settings.theme is ThemeChoice.SYSTEM
    assert seen == ["look/theme"]


def test_an_unwritable_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file, not a folder", encoding="utf-8")
    settings = opened(tmp_path / "blocked" / "settings.ini")
    settings.user_name = "Ada"
    with pytest.raises(OSError, match="could not be written"):
        settings.sync()


def test_folders_follow_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    monkeypatch.setenv("HEADGATE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path / "data"))
    assert config_dir() == tmp_path / "config"
    assert data_dir() == tmp_path / "data"
    assert cache_dir() == tmp_path / "data" / "cache"
    assert Path(Settings(parent=qapp).backend.fileName()).parent == tmp_path / "config"
    assert cache_dir().is_dir()
