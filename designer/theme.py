"""Colours, fonts and the style of every widget, as values.

What lives here: the tokens of the three themes, how a node's run state looks, and their
application to the program. A widget never names a colour; it asks the theme for a role. The
style sheet itself is `resources/themes/headgate.qss`, written in tokens.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from designer.settings import MotionChoice, Settings, ThemeChoice, cache_dir
from resources import resource

UI_FAMILY = "Inter"
MONO_FAMILY = "JetBrains Mono"
_FONT_FILES = ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf")
_MONO_FILES = ("JetBrainsMono-Regular.ttf",)

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


# fmt: off
DARK = Theme(
    key="dark", is_dark=True,
    window="#16191D", panel="#1B2025", raised="#242A31", input="#11151A", hover="#2A313A",
    pressed="#343D48", stripe="#1E2329", line="#2B323B", line_strong="#434D5A",
    text="#E8ECF1", muted="#A3AEBB", disabled="#66717E",
    accent="#5AA9F8", accent_hover="#7CBCFA", on_accent="#10151A",
    selection="#22405F", selection_outline="#FFFFFF",
    canvas="#1B1F24", grid="#2A3038", node_body="#262C34", node_header="#2F3741",
    border="#5F6B7A", wire="#8593A3", pin="#D58CF0",
    idle="#7A8291", running="#4D93FF", waiting="#FFCE3A", ok="#86EBCF", failed="#E5482E",
    on_idle="#10151A", on_running="#10151A", on_waiting="#1B2129", on_ok="#10151A",
    on_failed="#10151A",
    text_running="#7AB0FF", text_waiting="#FFCE3A", text_ok="#86EBCF", text_failed="#FF8A75",
    port_any="#9AA5B1", port_text="#7CC4FF", port_number="#9BE27A", port_bool="#FF9EC2",
    port_list="#C9A7FF", port_object="#F2C572", port_file="#5FE0D2", port_control="#E8ECF1",
    diff_add="#86EBCF", diff_remove="#FF8A75", diff_change="#FFCE3A",
    code_keyword="#C9A7FF", code_string="#9BE27A", code_number="#F2C572",
    code_comment="#8794A3", code_name="#7CC4FF",
    heat=("#22303F", "#2F5B8C", "#3F86C4", "#FFCE3A", "#E5482E"),
    frame_colors=("#22364F", "#1D3D33", "#453619", "#4A2829", "#372C53", "#1A3D43", "#45293D",
                  "#373B20"),
)

LIGHT = Theme(
    key="light", is_dark=False,
    window="#F4F6F8", panel="#FBFCFD", raised="#FFFFFF", input="#FFFFFF", hover="#E7ECF1",
    pressed="#D8E0E8", stripe="#F4F7FA", line="#DDE3E9", line_strong="#B7C1CC",
    text="#1B2129", muted="#566271", disabled="#98A3AF",
    accent="#0B6BCB", accent_hover="#0958A8", on_accent="#FFFFFF",
    selection="#CFE3F8", selection_outline="#0B2E59",
    canvas="#F7F9FB", grid="#E1E6EB", node_body="#FFFFFF", node_header="#EEF2F6",
    border="#8391A1", wire="#76828F", pin="#9427B8",
    idle="#3C4452", running="#0B4FD1", waiting="#B58700", ok="#159A90", failed="#A3230E",
    on_idle="#FFFFFF", on_running="#FFFFFF", on_waiting="#1B2129", on_ok="#10151A",
    on_failed="#FFFFFF",
    text_running="#0B4FD1", text_waiting="#7A5B00", text_ok="#0F6E67", text_failed="#A3230E",
    port_any="#5F6B78", port_text="#1769B5", port_number="#3C7A12", port_bool="#B8346C",
    port_list="#6B45B8", port_object="#8A5A00", port_file="#00756B", port_control="#1B2129",
    diff_add="#0F766E", diff_remove="#A3230E", diff_change="#8A6500",
    code_keyword="#6B45B8", code_string="#3C7A12", code_number="#8A5A00",
    code_comment="#677483", code_name="#1769B5",
    heat=("#E3ECF5", "#A9C9E8", "#5B9BD5", "#B58700", "#A3230E"),
    frame_colors=("#DCE9FA", "#DCF2E6", "#FBEBD2", "#FADFDF", "#EAE1FA", "#D9F0F1", "#F7E1EF",
                  "#EBEED9"),
)

HIGH_CONTRAST = Theme(
    key="high-contrast", is_dark=True, line_px=2,
    window="#000000", panel="#000000", raised="#000000", input="#000000", hover="#2B2B2B",
    pressed="#444444", stripe="#0D0D0D", line="#FFFFFF", line_strong="#FFFFFF",
    text="#FFFFFF", muted="#E4E4E4", disabled="#9A9A9A",
    accent="#4FC3FF", accent_hover="#9ADDFF", on_accent="#000000",
    selection="#123F5C", selection_outline="#FFFFFF",
    canvas="#000000", grid="#333333", node_body="#000000", node_header="#1C1C1C",
    border="#FFFFFF", wire="#FFFFFF", pin="#F0A8FF",
    idle="#C4C4C4", running="#6FA8FF", waiting="#FFE14D", ok="#7CFFD4", failed="#FF6A4D",
    on_idle="#000000", on_running="#000000", on_waiting="#000000", on_ok="#000000",
    on_failed="#000000",
    text_running="#9CC4FF", text_waiting="#FFE14D", text_ok="#7CFFD4", text_failed="#FF9C87",
    port_any="#DDDDDD", port_text="#8FD0FF", port_number="#B4F58F", port_bool="#FFB3D0",
    port_list="#DAC3FF", port_object="#FFD98C", port_file="#7BF2E5", port_control="#FFFFFF",
    diff_add="#7CFFD4", diff_remove="#FF9C87", diff_change="#FFE14D",
    code_keyword="#DAC3FF", code_string="#B4F58F", code_number="#FFD98C",
    code_comment="#CFCFCF", code_name="#8FD0FF",
    heat=("#1C2A38", "#2F6CAF", "#58B0F5", "#FFE14D", "#FF6A4D"),
    frame_colors=("#10243D", "#0D2C22", "#33270C", "#381819", "#261B40", "#0C2C31", "#331A2C",
                  "#272A12"),
)
# fmt: on


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
    for name in (*_FONT_FILES, *_MONO_FILES):
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


def _icon_path(name: str, color: QColor) -> str:
    """A file with the recoloured icon, for style sheets: they load images by path only."""
    data = recoloured_svg(name, color)
    folder = cache_dir() / "style"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.svg"
    if not path.exists():
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


def apply_theme(app: QApplication, theme: Theme, font_size_px: int = BASE_FONT_PX) -> None:
    """Give every present and future widget of `app` the looks of `theme`."""
    load_fonts()
    _Active.theme = theme
    _Active.font_size_px = font_size_px
    if app.style().name() != "fusion":
        app.setStyle("Fusion")  # the only style that follows a palette on every system
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
    return {
        ThemeChoice.LIGHT: LIGHT,
        ThemeChoice.DARK: DARK,
        ThemeChoice.HIGH_CONTRAST: HIGH_CONTRAST,
    }[choice]


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
