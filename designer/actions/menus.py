"""The menus and the tool bar as constants, and what makes them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.theme import scaled_px


@dataclass(frozen=True, slots=True)
class Separator:
    """A line between two groups."""


@dataclass(frozen=True, slots=True)
class Submenu:
    """A menu inside a menu."""

    title: str
    entries: tuple[MenuEntry, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that the window fills itself: recent files, the choice of a run, zoom, search."""

    name: str


MenuEntry = A | Separator | Submenu | Slot

LINE = Separator()

#: Names of the slots.
RECENT_FILES = Slot("recent_files")
EXAMPLES = Slot("examples")
RUN_CHOICE = Slot("run_choice")
ZOOM = Slot("zoom")
SEARCH = Slot("search")

MENUS: tuple[Submenu, ...] = (
    Submenu(
        "&File",
        (
            A.FILE_NEW,
            A.FILE_OPEN,
            Submenu("Open &recent", (RECENT_FILES, LINE, A.FILE_OPEN_RECENT)),
            Submenu("E&xamples", (EXAMPLES,)),
            LINE,
            A.FILE_SAVE,
            A.FILE_SAVE_AS,
            LINE,
            A.FILE_IMPORT,
            A.FILE_EXPORT_PICTURE,
            A.FILE_EXPORT_TEXT,
            LINE,
            A.FILE_CLOSE_TAB,
            A.FILE_REOPEN_TAB,
            LINE,
            A.APP_SETTINGS,
            A.FILE_QUIT,
        ),
    ),
    Submenu(
        "&Edit",
        (
            A.EDIT_UNDO,
            A.EDIT_REDO,
            LINE,
            A.EDIT_CUT,
            A.EDIT_COPY,
            A.EDIT_PASTE,
            A.EDIT_PASTE_WITH_WIRES,
            A.EDIT_DUPLICATE,
            A.EDIT_DELETE,
            A.EDIT_DELETE_RECONNECT,
            LINE,
            Submenu(
                "&Select",
                (
                    A.SELECT_ALL,
                    A.SELECT_NONE,
                    A.SELECT_INVERT,
                    LINE,
                    A.SELECT_DOWNSTREAM,
                    A.SELECT_UPSTREAM,
                    A.SELECT_COMPONENT,
                ),
            ),
            LINE,
            A.EDIT_FIND,
            A.EDIT_FIND_NEXT,
            A.EDIT_FIND_PREVIOUS,
            LINE,
            A.EDIT_WORKFLOW_SETTINGS,
        ),
    ),
    Submenu(
        "&View",
        (
            A.VIEW_ZOOM_IN,
            A.VIEW_ZOOM_OUT,
            A.VIEW_ZOOM_100,
            A.VIEW_FIT_ALL,
            A.VIEW_FIT_SELECTION,
            LINE,
            A.VIEW_BACK,
            A.VIEW_FORWARD,
            A.VIEW_INTO_SUBFLOW,
            A.VIEW_OUT_OF_SUBFLOW,
            LINE,
            A.VIEW_GRID,
            A.VIEW_MINIMAP,
            A.VIEW_HEAT_MAP,
            LINE,
            Submenu(
                "&Theme",
                (
                    A.VIEW_THEME_SYSTEM,
                    A.VIEW_THEME_LIGHT,
                    A.VIEW_THEME_DARK,
                    A.VIEW_THEME_CONTRAST,
                ),
            ),
            A.WINDOW_FULL_SCREEN,
        ),
    ),
    Submenu(
        "&Node",
        (
            A.NODE_QUICK_ADD,
            A.NODE_WIRE_FROM,
            A.VIEW_OPEN_INSPECTOR,
            A.EDIT_RENAME,
            LINE,
            A.NODE_TOGGLE_ENABLED,
            A.NODE_PIN,
            A.NODE_EDIT_MOCK,
            A.NODE_LOCK,
            LINE,
            A.NODE_FRAME,
            A.NODE_UNFRAME,
            A.NODE_COLLAPSE_FRAME,
            A.NODE_MAKE_SUBFLOW,
            A.NODE_INLINE_SUBFLOW,
            A.NODE_ADD_NOTE,
            LINE,
            Submenu(
                "A&lign",
                (
                    A.NODE_ALIGN_LEFT,
                    A.NODE_ALIGN_TOP,
                    A.NODE_ALIGN_CENTRES,
                    A.NODE_DISTRIBUTE_ACROSS,
                    A.NODE_DISTRIBUTE_DOWN,
                ),
            ),
            A.NODE_TIDY,
            LINE,
            A.NODE_WHY,
            A.NODE_CANCEL,
        ),
    ),
    Submenu(
        "&Run",
        (
            A.RUN_START,
            A.RUN_WITH_INPUT,
            A.RUN_WITHOUT_BREAKPOINTS,
            A.RUN_PAUSE,
            A.RUN_STOP,
            LINE,
            A.RUN_TO_HERE,
            A.RUN_FROM_HERE,
            A.RUN_NODE_ONLY,
            A.RUN_AGAIN,
            A.RUN_RESUME,
            A.RUN_PLAN,
            LINE,
            A.RUN_ARM,
            A.RUN_DISARM,
            A.RUN_SEND_EVENT,
            LINE,
            Submenu(
                "&Barriers",
                (
                    A.BARRIER_LIST,
                    A.BARRIER_NEXT,
                    A.BARRIER_PREVIOUS,
                    LINE,
                    A.BARRIER_APPROVE,
                    A.BARRIER_REJECT,
                    A.BARRIER_EDIT,
                    A.BARRIER_COMMENT,
                    A.BARRIER_CONFIRM,
                ),
            ),
            LINE,
            A.RUN_CHOOSE,
            A.FILE_IMPORT_RUN,
            A.FILE_EXPORT_RUN,
            A.RUN_DELETE_OLD,
        ),
    ),
    Submenu(
        "&Debug",
        (
            A.DEBUG_STEP,
            A.DEBUG_STEP_INTO,
            LINE,
            A.DEBUG_BREAKPOINT,
            A.DEBUG_CONDITION,
            A.DEBUG_CLEAR_BREAKPOINTS,
            LINE,
            A.HISTORY_PREVIOUS,
            A.HISTORY_NEXT,
            A.HISTORY_FIRST,
            A.HISTORY_LAST,
            A.HISTORY_FOLLOW,
            A.HISTORY_TIMELINE,
            LINE,
            A.HISTORY_FORK,
            A.HISTORY_REPLAY,
            A.HISTORY_COMPARE,
        ),
    ),
    Submenu(
        "&Window",
        (
            A.WINDOW_DESIGN,
            A.WINDOW_RUN,
            A.WINDOW_DEBUG,
            A.WINDOW_RESET_LAYOUT,
            A.WINDOW_DOCK_ALL,
            LINE,
            A.WINDOW_PALETTE,
            A.WINDOW_OUTLINE,
            A.WINDOW_INSPECTOR,
            A.WINDOW_BARRIERS,
            A.WINDOW_FRONTIER,
            A.WINDOW_CHECKPOINTS,
            A.WINDOW_EVENT_LOG,
            A.WINDOW_STATE,
            A.WINDOW_PROBLEMS,
            A.WINDOW_HEALTH,
            LINE,
            A.WINDOW_NEXT_PANEL,
            A.WINDOW_PREVIOUS_PANEL,
            A.WINDOW_NEXT_TAB,
            A.WINDOW_PREVIOUS_TAB,
        ),
    ),
    Submenu(
        "&Help",
        (
            A.APP_COMMAND_PALETTE,
            A.APP_GO_TO,
            A.APP_CHEAT_SHEET,
            A.APP_CHANGE_KEYS,
            A.APP_HELP,
            LINE,
            A.APP_TOUR,
            A.APP_START_PAGE,
            LINE,
            A.APP_DIAGNOSTICS,
            A.APP_ABOUT,
        ),
    ),
)

TOOLBAR: tuple[MenuEntry, ...] = (
    A.FILE_NEW,
    A.FILE_OPEN,
    A.FILE_SAVE,
    LINE,
    A.EDIT_UNDO,
    A.EDIT_REDO,
    LINE,
    A.RUN_START,
    A.RUN_PAUSE,
    A.RUN_STOP,
    A.DEBUG_STEP,
    LINE,
    RUN_CHOICE,
    LINE,
    ZOOM,
    A.NODE_TIDY,
    SEARCH,
)

#: Verbs that need no menu entry: a key of the canvas or a field is their place.
WITHOUT_MENU = frozenset(
    {
        A.NODE_ALIGN_MENU,
        A.NODE_NUDGE_LEFT,
        A.NODE_NUDGE_RIGHT,
        A.NODE_NUDGE_UP,
        A.NODE_NUDGE_DOWN,
        A.FILE_OPEN_EXAMPLE,
    }
)


def fill_menu(
    menu: QMenu, entries: tuple[MenuEntry, ...], registry: ActionRegistry, slots: dict[str, QMenu]
) -> None:
    """Put `entries` into `menu`; menus that hold a slot are added to `slots` by its name."""
    verbs = [entry for entry in entries if isinstance(entry, A)]
    menu.aboutToShow.connect(lambda: registry.dress(verbs))
    for entry in entries:
        match entry:
            case Separator():
                menu.addSeparator()
            case Submenu():
                fill_menu(menu.addMenu(entry.title), entry.entries, registry, slots)
            case Slot():
                slots[entry.name] = menu
            case _:
                menu.addAction(registry.menu_action(entry))


def build_menu_bar(bar: QMenuBar, registry: ActionRegistry) -> dict[str, QMenu]:
    """Fill `bar` with all menus; the menus that the window fills itself, by slot name."""
    slots: dict[str, QMenu] = {}
    for submenu in MENUS:
        menu = bar.addMenu(submenu.title)
        menu.setToolTipsVisible(False)
        # Conditions are asked when somebody looks.
        menu.aboutToShow.connect(registry.refresh)
        fill_menu(menu, submenu.entries, registry, slots)
    return slots


def build_tool_bar(bar: QToolBar, registry: ActionRegistry) -> dict[str, QAction]:
    """Fill `bar`; slots become hidden separators, returned by name.

    The window puts its widget there with ``bar.insertWidget(slots["zoom"], widget)``.
    """
    bar.setIconSize(QSize(scaled_px(18), scaled_px(18)))
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    bar.setMovable(False)
    slots: dict[str, QAction] = {}
    for entry in TOOLBAR:
        match entry:
            case Separator():
                bar.addSeparator()
            case Slot():
                slots[entry.name] = bar.addSeparator()
                slots[entry.name].setVisible(False)
            case Submenu():
                menu = QMenu(entry.title, bar)
                fill_menu(menu, entry.entries, registry, {})
                bar.addAction(menu.menuAction())
            case _:
                bar.addAction(registry.action(entry))
    return slots
