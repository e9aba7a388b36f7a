"""Themes: every token is there, readable and distinct, and the style sheet is complete."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtGui import QColor, QFontInfo, QFontMetricsF
from PySide6.QtWidgets import QApplication, QPushButton

from designer import theme as themes
from designer.settings import MotionChoice, Settings, ThemeChoice
from designer.theme import (
    COLOR_ROLES,
    DARK,
    HIGH_CONTRAST,
    LIGHT,
    STATE_STYLES,
    Border,
    NodeState,
    Theme,
    ThemeController,
    apply_theme,
    current_theme,
    load_fonts,
    mono_font,
    recoloured_svg,
    reduced_motion,
    resolve_theme,
    style_sheet,
    tabular,
    ui_font,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = (DARK, LIGHT, HIGH_CONTRAST)
STATES = ("idle", "running", "waiting", "ok", "failed")


@pytest.fixture
def app(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[QApplication]:
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path))
    yield qapp
    qapp.setStyleSheet("")


@pytest.fixture
def settings(tmp_path: Path, qapp: QApplication) -> Settings:
    return Settings(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def contrast(one: QColor, other: QColor) -> float:
    """The contrast ratio of WCAG 2."""
    levels = sorted(
        0.2126 * _linear(c.redF()) + 0.7152 * _linear(c.greenF()) + 0.0722 * _linear(c.blueF())
        for c in (one, other)
    )
    return (levels[1] + 0.05) / (levels[0] + 0.05)


def _lab(color: QColor) -> tuple[float, float, float]:
    r, g, b = (_linear(c) for c in (color.redF(), color.greenF(), color.blueF()))
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("theme", ALL, ids=lambda theme: theme.key)
def test_every_token_is_a_colour(theme: Theme) -> None:
    for role in COLOR_ROLES:
        assert re.fullmatch("#[0-9A-F]{6}", getattr(theme, role)), role
    assert len(theme.heat) == 5
    assert len(theme.frame_colors) == 8


@pytest.mark.parametrize(
    ("role", "dark", "light"),
    [
        ("canvas", "#1B1F24", "#F7F9FB"),
        ("idle", "#7A8291", "#3C4452"),
        ("running", "#4D93FF", "#0B4FD1"),
        ("waiting", "#FFCE3A", "#B58700"),
        ("ok", "#86EBCF", "#159A90"),
        ("failed", "#E5482E", "#A3230E"),
        ("pin", "#D58CF0", "#9427B8"),
    ],
)
def test_the_colours_are_those_that_were_checked_for_colour_blindness(
    role: str, dark: str, light: str
) -> None:
    assert (getattr(DARK, role), getattr(LIGHT, role)) == (dark, light)


@pytest.mark.parametrize("theme", ALL, ids=lambda theme: theme.key)
def test_text_is_readable_on_every_surface(theme: Theme) -> None:
    surfaces = ("window", "panel", "raised", "input", "hover", "stripe", "node_body", "selection")
    for surface in surfaces:
        assert contrast(theme.color("text"), theme.color(surface)) >= 4.5, surface
    for role in ("muted", "text_running", "text_waiting", "text_ok", "text_failed", "accent"):
        for surface in ("window", "panel", "raised", "node_body"):
            assert contrast(theme.color(role), theme.color(surface)) >= 4.5, (role, surface)
    assert contrast(theme.color("on_accent"), theme.color("accent")) >= 4.5


@pytest.mark.parametrize("theme", ALL, ids=lambda theme: theme.key)
def test_states_show_on_the_canvas_and_carry_readable_text(theme: Theme) -> None:
    for role in STATES:
        assert contrast(theme.on(role), theme.color(role)) >= 4.5, role
        for surface in ("canvas", "node_body"):
            assert contrast(theme.color(role), theme.color(surface)) >= 3.0, (role, surface)


@pytest.mark.parametrize("theme", ALL, ids=lambda theme: theme.key)
def test_state_colours_are_far_apart(theme: Theme) -> None:
    for one, other in itertools.combinations(STATES, 2):
        assert math.dist(_lab(theme.color(one)), _lab(theme.color(other))) >= 30, (one, other)


@pytest.mark.parametrize("theme", ALL, ids=lambda theme: theme.key)
def test_ports_code_and_differences_are_readable(theme: Theme) -> None:
    for role in sorted(COLOR_ROLES):
        if role.startswith(("port_", "diff_")):
            assert contrast(theme.color(role), theme.color("node_body")) >= 4.5, role
        if role.startswith("code_"):
            assert contrast(theme.color(role), theme.color("input")) >= 4.5, role
    for frame in theme.frame_colors:
        assert contrast(theme.color("text"), QColor(frame)) >= 4.5, frame


def test_every_state_differs_in_more_than_colour() -> None:
    assert set(STATE_STYLES) == set(NodeState)
    looks = [(style.icon, style.words) for style in STATE_STYLES.values()]
    assert len(set(looks)) == len(NodeState)
    assert {style.role for style in STATE_STYLES.values()} == set(STATES)


def test_borders_follow_the_visual_language() -> None:
    assert STATE_STYLES[NodeState.SKIPPED].border is Border.DASHED
    assert STATE_STYLES[NodeState.FROM_CHECKPOINT].border is Border.HOLLOW
    assert STATE_STYLES[NodeState.FAILED].is_filled
    assert STATE_STYLES[NodeState.RUNNING].width_px == 2.0
    assert STATE_STYLES[NodeState.READY].width_px == 1.5


def test_an_unknown_role_is_an_error() -> None:
    for role in ("blurple", "heat", "key"):
        with pytest.raises(KeyError, match=role):
            DARK.color(role)


def test_unknown_port_types_look_like_any() -> None:
    assert DARK.port("string") == DARK.color("port_text")
    assert DARK.port("quaternion") == DARK.color("port_any")


@pytest.mark.parametrize("theme", ALL, ids=lambda theme: theme.key)
def test_the_style_sheet_is_complete_and_qt_accepts_it(app: QApplication, theme: Theme) -> None:
    sheet = style_sheet(theme, 15)
    assert "@" not in sheet
    for path in re.findall(r'url\("([^"]+)"\)', sheet):
        assert Path(path).read_bytes().startswith(b"<svg"), path
    apply_theme(app, theme, 15)  # a parse error is a Qt warning, and warnings fail
    assert current_theme() is theme
    assert app.palette().window().color() == theme.color("window")
    assert app.font().pixelSize() == 15


def test_without_a_writable_cache_the_style_is_complete_all_the_same(
    app: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file where the folder should be"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(blocked))
    paths = re.findall(r'url\("([^"]+)"\)', style_sheet(DARK))
    assert all(Path(path).is_file() and str(tmp_path) not in path for path in paths)


def test_recoloured_icons_have_no_colour_of_their_own(qapp: QApplication) -> None:
    data = recoloured_svg("check", QColor("#123456"))
    assert b"currentColor" not in data
    assert b"#123456" in data


def test_the_bundled_fonts_are_used(qapp: QApplication) -> None:
    load_fonts()
    assert QFontInfo(ui_font(13)).family() == "Inter"
    assert QFontInfo(mono_font(12)).family() == "JetBrains Mono"


def test_tabular_figures_have_one_width(qapp: QApplication) -> None:
    load_fonts()
    metrics = QFontMetricsF(tabular(ui_font(13)))
    assert metrics.horizontalAdvance("11:11") == metrics.horizontalAdvance("00:00")


def test_sizes_follow_the_font_setting(app: QApplication) -> None:
    apply_theme(app, LIGHT, 20)
    assert (themes.scaled_px(13), themes.scaled_px(11)) == (20, 17)
    apply_theme(app, LIGHT, 13)
    assert themes.scaled_px(11) == 11


def test_a_choice_of_theme_is_applied_and_announced(app: QApplication, settings: Settings) -> None:
    controller = ThemeController(app, settings)
    seen: list[Theme] = []
    controller.changed.connect(seen.append)
    controller.set_choice(ThemeChoice.DARK)
    controller.set_choice(ThemeChoice.HIGH_CONTRAST)
    settings.font_size_px = 16
    settings.user_name = "Ada"  # no matter of looks: nothing is applied again
    assert [theme.key for theme in seen] == ["dark", "high-contrast", "high-contrast"]
    assert controller.theme is HIGH_CONTRAST
    assert app.font().pixelSize() == 16


def test_system_choice_falls_back_to_light_where_the_desktop_is_silent(app: QApplication) -> None:
    assert resolve_theme(ThemeChoice.SYSTEM) in ALL
    assert resolve_theme(ThemeChoice.LIGHT) is LIGHT


def test_motion_follows_the_choice(settings: Settings) -> None:
    settings.motion = MotionChoice.REDUCED
    assert reduced_motion(settings)
    settings.motion = MotionChoice.FULL
    assert not reduced_motion(settings)


def test_present_widgets_take_the_new_palette(app: QApplication) -> None:
    button = QPushButton("Approve")
    apply_theme(app, DARK)
    button.ensurePolished()
    assert button.palette().color(button.palette().ColorRole.WindowText) == DARK.color("text")
