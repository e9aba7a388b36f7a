"""Colours, fonts and the style of every widget, as values.

What lives here: the tokens of a theme, how a node's run state looks, and their application to
the program. A widget never names a colour; it asks the theme for a role. The colours
themselves and the style sheet, written in tokens, are data in `resources/themes`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from designer.settings import MotionChoice, Settings, ThemeChoice, cache_dir
from resources import resource

UI_FAMILY = "Inter"
MONO_FAMILY = "JetBrains Mono"
_FONT_FILES = (
    "Inter-Regular.otf",
    "Inter-Medium.otf",
    "Inter-SemiBold.otf",
    "Inter-Bold.otf",
    "JetBrainsMono-Regular.ttf",
)

#: The size that the style sheet's own lengths are written for.
BASE_FONT_PX = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Every colour of the program as ``#RRGGBB``; a field's name is its role."""

    key: str
    is_dark: bool
    #: Thickness of lines and borders, for the high-contrast variant's sake.
    line_px: int = 1

    # surfaces
    window: str
    panel: str
    raised: str
    input: str
    hover: str
    pressed: str
    stripe: str
    line: str
    line_strong: str
    # text and marks
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    on_accent: str
    selection: str
    selection_outline: str
    # canvas
    canvas: str
    grid: str
    node_body: str
    node_header: str
    border: str
    wire: str
    pin: str
    # states of a run, and text on a chip that is filled with them
    idle: str
    running: str
    waiting: str
    ok: str
    failed: str
    on_idle: str
    on_running: str
    on_waiting: str
    on_ok: str
    on_failed: str
    #: The same five, dark or light enough for text on a panel.
    text_running: str
    text_waiting: str
    text_ok: str
    text_failed: str
    # types of ports
    port_any: str
    port_text: str
    port_number: str
    port_bool: str
    port_list: str
    port_object: str
    port_file: str
    port_control: str
    # differences
    diff_add: str
    diff_remove: str
    diff_change: str
    # code
    code_keyword: str
    code_string: str
    code_number: str
    code_comment: str
    code_name: str

    heat: tuple[str, ...]
    frame_colors: tuple[str, ...]

    def color(self, role: str) -> QColor:
        """The shared colour of `role`, such as ``"node_body"``; do not change it in place.

        Raises:
            KeyError: No token has that name.
        """
        value = getattr(self, role, None)
        if role not in COLOR_ROLES or not isinstance(value, str):
            raise KeyError(f"No colour is called {role!r}; see the fields of Theme.")
        return _color(value)

    def on(self, role: str) -> QColor:
        """The colour of text and icons on a surface filled with the state colour `role`."""
        return self.color(f"on_{role}")

    def port(self, type_name: str) -> QColor:
        """The colour of a port that carries `type_name`; unknown types look like ``any``."""
        role = _PORT_ROLES.get(type_name, "port_any")
        return self.color(role)


_NOT_COLORS = frozenset({"key", "is_dark", "line_px", "heat", "frame_colors"})
COLOR_ROLES = frozenset(field.name for field in fields(Theme)) - _NOT_COLORS

_PORT_ROLES: Mapping[str, str] = MappingProxyType(
    {
        "any": "port_any",
        "text": "port_text",
        "string": "port_text",
        "number": "port_number",
        "integer": "port_number",
        "bool": "port_bool",
        "boolean": "port_bool",
        "list": "port_list",
        "items": "port_list",
        "stream": "port_list",
        "array": "port_list",
        "object": "port_object",
        "file": "port_file",
        "bytes": "port_file",
        "control": "port_control",
    }
)


@cache
def _color(value: str) -> QColor:
    return QColor(value)


def _load(key: str) -> Theme:
    """The theme whose colours stand in `resources/themes`."""
    tokens: dict[str, Any] = json.loads(resource(f"themes/{key}.json").read_text(encoding="utf-8"))
    for name in ("heat", "frame_colors"):
        tokens[name] = tuple(tokens[name])
    return Theme(**tokens)


DARK = _load("dark")
LIGHT = _load("light")
HIGH_CONTRAST = _load("high-contrast")
ALL_THEMES = (LIGHT, DARK, HIGH_CONTRAST)


class NodeState(StrEnum):
    """How a node stands in the run that is shown; the rows of the visual language."""

    NOT_RUN = "not_run"
    READY = "ready"
    RUNNING = "running"
    NEEDS_DECISION = "needs_decision"
    WAITING = "waiting"
    RETRY = "retry"
    DONE = "done"
    FROM_CHECKPOINT = "from_checkpoint"
    PINNED = "pinned"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    EDITED = "edited"


class Border(StrEnum):
    """How the outline of a node and of its chip is drawn."""

    HOLLOW = "hollow"
    FILLED = "filled"
    DASHED = "dashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStyle:
    """One row of the visual language: colour, icon, words and border, never colour alone."""

    state: NodeState
    role: str
    border: Border
    icon: str
    words: str

    @property
    def width_px(self) -> float:
        """The thickness of the node's border."""
        return 2.0 if self.border is Border.FILLED else 1.5

    @property
    def is_filled(self) -> bool:
        """Whether the chip is filled with the state's colour."""
        return self.border is Border.FILLED


def _styles(*rows: tuple[NodeState, str, Border, str, str]) -> Mapping[NodeState, StateStyle]:
    return MappingProxyType(
        {
            state: StateStyle(state=state, role=role, border=border, icon=icon, words=words)
            for state, role, border, icon, words in rows
        }
    )


STATE_STYLES = _styles(
    (NodeState.NOT_RUN, "idle", Border.HOLLOW, "circle", "Not run"),
    (NodeState.READY, "running", Border.HOLLOW, "chevron-right", "Ready"),
    (NodeState.RUNNING, "running", Border.FILLED, "play", "Running"),
    (NodeState.NEEDS_DECISION, "waiting", Border.FILLED, "barrier", "Needs approval"),
    (NodeState.WAITING, "waiting", Border.HOLLOW, "wait", "Waits"),
    (NodeState.RETRY, "waiting", Border.FILLED, "retry", "Retry pending"),
    (NodeState.DONE, "ok", Border.FILLED, "check", "Done"),
    (NodeState.FROM_CHECKPOINT, "ok", Border.HOLLOW, "checkpoint", "From checkpoint"),
    (NodeState.PINNED, "ok", Border.HOLLOW, "checkpoint", "Pinned"),
    (NodeState.FAILED, "failed", Border.FILLED, "cross", "Failed"),
    (NodeState.CANCELLED, "idle", Border.FILLED, "square", "Cancelled"),
    (NodeState.SKIPPED, "idle", Border.DASHED, "bent-arrow", "Skipped"),
    (NodeState.EDITED, "idle", Border.DASHED, "delta", "Edited since run"),
)


# -- fonts -----------------------------------------------------------------------------------


@cache
def load_fonts() -> None:
    """Register the fonts that ship with the program; needs a QGuiApplication, works once."""
    for name in _FONT_FILES:
        QFontDatabase.addApplicationFont(str(resource(f"fonts/{name}")))


def ui_font(size_px: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The font of the interface in `size_px` logical pixels."""
    font = QFont(UI_FAMILY)
    font.setPixelSize(size_px)
    font.setWeight(weight)
    return font


def mono_font(size_px: int = 12) -> QFont:
    """The font of code, paths and JSON, without ligatures: every character as typed."""
    font = QFont(MONO_FAMILY)
    font.setPixelSize(size_px)
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setFeature(QFont.Tag("calt"), 0)
    return font


def tabular(font: QFont) -> QFont:
    """`font` with figures of equal width, so that a countdown does not jitter."""
    fixed = QFont(font)
    fixed.setFeature(QFont.Tag("tnum"), 1)
    return fixed


# -- application -----------------------------------------------------------------------------


class _Active:
    """The theme that is applied, as QPalette is: ambient, set in one place."""

    theme: Theme = LIGHT
    font_size_px: int = BASE_FONT_PX


def current_theme() -> Theme:
    """The theme that is applied now; widgets ask again in `changeEvent` (StyleChange)."""
    return _Active.theme


def scaled_px(size_px: int) -> int:
    """`size_px` of the design in the font size that the user has chosen."""
    return max(9, round(size_px * _Active.font_size_px / BASE_FONT_PX))


# fmt: off
_ROLE = QPalette.ColorRole
_PALETTE_TOKENS = {
    _ROLE.Window: "window", _ROLE.WindowText: "text", _ROLE.Base: "input",
    _ROLE.AlternateBase: "stripe", _ROLE.Text: "text", _ROLE.PlaceholderText: "muted",
    _ROLE.Button: "raised", _ROLE.ButtonText: "text", _ROLE.BrightText: "text_failed",
    _ROLE.ToolTipBase: "raised", _ROLE.ToolTipText: "text", _ROLE.Highlight: "selection",
    _ROLE.HighlightedText: "text", _ROLE.Link: "accent", _ROLE.LinkVisited: "port_list",
    _ROLE.Light: "hover", _ROLE.Midlight: "hover", _ROLE.Mid: "line_strong", _ROLE.Dark: "line",
    _ROLE.Shadow: "window", _ROLE.Accent: "accent",
}
# fmt: on


def palette_of(theme: Theme) -> QPalette:
    """The palette for widgets that draw themselves."""
    palette = QPalette()
    for role, token in _PALETTE_TOKENS.items():
        palette.setColor(role, theme.color(token))
    for role in (_ROLE.WindowText, _ROLE.Text, _ROLE.ButtonText, _ROLE.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, theme.color("disabled"))
    return palette


def recoloured_svg(name: str, color: QColor) -> bytes:
    """The icon `name` of the program as SVG in `color` instead of ``currentColor``."""
    text = resource(f"icons/{name}.svg").read_text(encoding="utf-8")
    return text.replace("currentColor", color.name()).encode()


@cache
def _spare_folder() -> Path:
    """A folder of this process alone, where the cache cannot be written."""
    return Path(tempfile.mkdtemp(prefix="headgate-style-"))


def _icon_path(name: str, color: QColor) -> str:
    """A file with the recoloured icon, for style sheets: they load images by path only."""
    data = recoloured_svg(name, color)
    file_name = f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.svg"
    try:
        path = cache_dir() / "style" / file_name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            half = path.with_suffix(f".{os.getpid()}")
            half.write_bytes(data)
            half.replace(path)  # another window may read it at this moment
    except OSError:
        path = _spare_folder() / file_name
        path.write_bytes(data)
    return path.as_posix()


_TOKEN = re.compile(r"@(icon|px)\(([^)]*)\)|@([a-z_]+)")


def style_sheet(theme: Theme, font_size_px: int = BASE_FONT_PX) -> str:
    """The style sheet of the program in the colours of `theme`.

    Raises:
        KeyError: The style sheet names a token that the theme does not have.
    """

    def expand(match: re.Match[str]) -> str:
        call, argument, token = match.groups()
        if call == "icon":
            name, role = (part.strip() for part in argument.split(","))
            return f'url("{_icon_path(name, theme.color(role))}")'
        if call == "px":
            return f"{round(int(argument) * font_size_px / BASE_FONT_PX)}px"
        if token == "line_px":
            return f"{theme.line_px}px"
        return theme.color(token).name()

    source = resource("themes/headgate.qss").read_text(encoding="utf-8")
    return _TOKEN.sub(expand, source)


#: Property of the program that has its style.
_STYLED = "headgate.styled"


def apply_theme(app: QApplication, theme: Theme, font_size_px: int = BASE_FONT_PX) -> None:
    """Give every present and future widget of `app` the looks of `theme`."""
    load_fonts()
    _Active.theme = theme
    _Active.font_size_px = font_size_px
    if app.property(_STYLED) is None:
        # The only style that follows a palette on every system. Once: under a style sheet its
        # name cannot be asked for, and every widget takes it in anew.
        app.setStyle("Fusion")
        app.setProperty(_STYLED, True)
    app.setPalette(palette_of(theme))
    app.setFont(ui_font(font_size_px))
    app.setStyleSheet(style_sheet(theme, font_size_px))


def _accessibility(hint: str) -> Any:
    """A hint of the system that newer Qt versions have, otherwise None."""
    accessibility = getattr(QGuiApplication.styleHints(), "accessibility", None)
    read = getattr(accessibility(), hint, None) if accessibility else None
    return read() if read else None


def reduced_motion(settings: Settings) -> bool:
    """Whether animations are left out, by the user's choice or by the system's."""
    if settings.motion is not MotionChoice.SYSTEM:
        return settings.motion is MotionChoice.REDUCED
    preference = _accessibility("motionPreference")
    return getattr(preference, "name", "") == "ReducedMotion"


def resolve_theme(choice: ThemeChoice) -> Theme:
    """The theme for `choice`; ``system`` follows the desktop, and light where it is silent."""
    if choice is ThemeChoice.SYSTEM:
        contrast = _accessibility("contrastPreference")
        if getattr(contrast, "name", "") == "HighContrast":
            return HIGH_CONTRAST
        scheme = QGuiApplication.styleHints().colorScheme()
        return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
    return next(theme for theme in ALL_THEMES if theme.key == choice.value)


class ThemeController(QObject):
    """Keeps the program in the theme that the settings and the desktop ask for."""

    #: The theme that has just been applied.
    changed = Signal(object)

    def __init__(
        self, app: QApplication, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent or app)
        self._app = app
        self._settings = settings
        self._applied: tuple[Theme, int] | None = None
        settings.changed.connect(self._on_setting)
        app.styleHints().colorSchemeChanged.connect(self._refresh)
        self._refresh()

    @property
    def theme(self) -> Theme:
        """The theme that is applied."""
        return current_theme()

    @property
    def reduced_motion(self) -> bool:
        """Whether animations are left out."""
        return reduced_motion(self._settings)

    def set_choice(self, choice: ThemeChoice) -> None:
        """Store `choice` and apply it."""
        self._settings.theme = choice

    def _on_setting(self, key: str) -> None:
        if key.startswith("look/"):
            self._refresh()

    def _refresh(self) -> None:
        wanted = (resolve_theme(self._settings.theme), self._settings.font_size_px)
        if wanted != self._applied:
            self._applied = wanted
            apply_theme(self._app, *wanted)
            self.changed.emit(wanted[0])
