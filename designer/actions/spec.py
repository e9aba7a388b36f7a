"""What is known of each verb before there is a window: words, keys, icon, where it works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from designer.actions.ids import ActionId as A


class ActionContext(StrEnum):
    """Where a verb's keys work. Those of the window work everywhere in it."""

    WINDOW = "window"
    #: Only while the canvas has the focus: single letters would be lost to typing otherwise.
    CANVAS = "canvas"
    #: Only while the list of barriers or the barrier dialog has the focus.
    BARRIERS = "barriers"
    #: While the timeline or the list of checkpoints has the focus.
    TIMELINE = "timeline"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One verb as data. Keys are in Qt's portable notation; the first one is shown."""

    id: A
    text: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    tooltip: str = ""
    context: ActionContext = ActionContext.WINDOW
    checkable: bool = False
    #: Heading in the cheat sheet and the command palette.
    group: str = ""


@dataclass(frozen=True, slots=True)
class Gesture:
    """Something done with the mouse or with keys that is no command, for the cheat sheet."""

    group: str
    keys: str
    text: str


_C = ActionContext.CANVAS
_B = ActionContext.BARRIERS
_T = ActionContext.TIMELINE


def _spec(
    action: A,
    text: str,
    keys: str = "",
    icon: str = "",
    tooltip: str = "",
    *,
    context: ActionContext = ActionContext.WINDOW,
    check: bool = False,
) -> ActionSpec:
    """A row of the tables below; several keys are separated by spaces."""
    return ActionSpec(
        id=action,
        text=text,
        keys=tuple(keys.split()),
        icon=icon,
        tooltip=tooltip,
        context=context,
        checkable=check,
    )


# fmt: off
_FILE = (
    _spec(A.FILE_NEW, "&New workflow", "Ctrl+N", "file-new"),
    _spec(A.FILE_OPEN, "&Open…", "Ctrl+O", "file-open", "Open a workflow file"),
    _spec(A.FILE_OPEN_RECENT, "Open &recent…", "Ctrl+Shift+O", "clock"),
    _spec(A.FILE_OPEN_EXAMPLE, "Open an e&xample…", "", "star"),
    _spec(A.FILE_SAVE, "&Save", "Ctrl+S", "file-save"),
    _spec(A.FILE_SAVE_AS, "Save &as…", "Ctrl+Shift+S"),
    _spec(A.FILE_CLOSE_TAB, "&Close tab", "Ctrl+W", "close"),
    _spec(A.FILE_REOPEN_TAB, "Reopen closed &tab", "Ctrl+Shift+T"),
    _spec(A.FILE_IMPORT, "&Import…", "", "download",
          "Import Mermaid, DOT, WfFormat or a picture with a workflow inside"),
    _spec(A.FILE_EXPORT_PICTURE, "&Export picture…", "Ctrl+E", "upload",
          "Export SVG or PNG with the workflow inside"),
    _spec(A.FILE_EXPORT_TEXT, "Export as text (&Mermaid, DOT)…", "", "",
          "Export Mermaid, DOT or Serverless Workflow"),
    _spec(A.FILE_IMPORT_RUN, "Import a run…"),
    _spec(A.FILE_EXPORT_RUN, "Export this run…"),
    _spec(A.FILE_QUIT, "&Quit", "Ctrl+Q"),
)
_APPLICATION = (
    _spec(A.APP_COMMAND_PALETTE, "&Command palette…", "Ctrl+Shift+P F3", "command"),
    _spec(A.APP_GO_TO, "&Go to node, workflow or run…", "Ctrl+P", "target"),
    _spec(A.APP_SETTINGS, "Settin&gs…", "Ctrl+,", "settings"),
    _spec(A.APP_HELP, "&Help on the selection", "F1", "help"),
    _spec(A.APP_CHEAT_SHEET, "&Keyboard cheat sheet", "Ctrl+/", "keyboard"),
    _spec(A.APP_CHANGE_KEYS, "Change ke&ys…", "", "keyboard", "Choose keys for every command"),
    _spec(A.APP_TOUR, "Show me around (&2 min)", "", "play-slow"),
    _spec(A.APP_START_PAGE, "Start &page"),
    _spec(A.APP_DIAGNOSTICS, "&Diagnostics…", "", "chart"),
    _spec(A.APP_ABOUT, "&About Headgate", "", "info"),
)
_WINDOW = (
    _spec(A.WINDOW_FULL_SCREEN, "Full sc&reen", "F11", "fullscreen", check=True),
    _spec(A.WINDOW_NEXT_PANEL, "&Next panel", "F6"),
    _spec(A.WINDOW_PREVIOUS_PANEL, "&Previous panel", "Shift+F6"),
    _spec(A.WINDOW_NEXT_TAB, "Next tab", "Ctrl+Tab Ctrl+PgDown"),
    _spec(A.WINDOW_PREVIOUS_TAB, "Previous tab", "Ctrl+Shift+Tab Ctrl+PgUp"),
    _spec(A.WINDOW_DESIGN, "&Design layout", "Ctrl+Alt+1", "edit", check=True),
    _spec(A.WINDOW_RUN, "&Run layout", "Ctrl+Alt+2", "run", check=True),
    _spec(A.WINDOW_DEBUG, "De&bug layout", "Ctrl+Alt+3", "breakpoint", check=True),
    _spec(A.WINDOW_RESET_LAYOUT, "Reset this &layout"),
    _spec(A.WINDOW_DOCK_ALL, "Dock &all panels"),
    _spec(A.WINDOW_PALETTE, "Palette", "Alt+1", "palette", check=True),
    _spec(A.WINDOW_OUTLINE, "Outline", "Alt+2", "outline", check=True),
    _spec(A.WINDOW_INSPECTOR, "Inspector", "Alt+3", "settings", check=True),
    _spec(A.WINDOW_BARRIERS, "Barriers", "Alt+4", "barrier", check=True),
    _spec(A.WINDOW_FRONTIER, "Frontier", "Alt+5", "chevron-right", check=True),
    _spec(A.WINDOW_CHECKPOINTS, "Checkpoints", "Alt+6", "checkpoint", check=True),
    _spec(A.WINDOW_EVENT_LOG, "Event log", "Alt+7", "log", check=True),
    _spec(A.WINDOW_STATE, "State", "Alt+8", "tree", check=True),
    _spec(A.WINDOW_PROBLEMS, "Problems", "Alt+9", "warning", check=True),
    _spec(A.WINDOW_HEALTH, "Health", "", "info", check=True),
)
_EDIT = (
    _spec(A.EDIT_UNDO, "&Undo", "Ctrl+Z", "undo"),
    _spec(A.EDIT_REDO, "&Redo", "Ctrl+Shift+Z Ctrl+Y", "redo"),
    _spec(A.EDIT_CUT, "Cu&t", "Ctrl+X", "cut", context=_C),
    _spec(A.EDIT_COPY, "&Copy", "Ctrl+C", "copy", context=_C),
    _spec(A.EDIT_PASTE, "&Paste", "Ctrl+V", "paste", context=_C),
    _spec(A.EDIT_PASTE_WITH_WIRES, "Paste with incoming &wires", "Ctrl+Shift+V", context=_C),
    _spec(A.EDIT_DUPLICATE, "&Duplicate", "Ctrl+D", "duplicate", context=_C),
    _spec(A.EDIT_DELETE, "De&lete", "Del Backspace", "trash", context=_C),
    _spec(A.EDIT_DELETE_RECONNECT, "Delete and rec&onnect", "Ctrl+Del", "",
          "Delete the nodes and join what they connected", context=_C),
    _spec(A.EDIT_RENAME, "&Rename", "F2", "edit", context=_C),
    _spec(A.EDIT_FIND, "&Find…", "Ctrl+F", "search"),
    _spec(A.EDIT_FIND_NEXT, "Find ne&xt", "F4"),
    _spec(A.EDIT_FIND_PREVIOUS, "Find pre&vious", "Shift+F4"),
    _spec(A.EDIT_WORKFLOW_SETTINGS, "Wor&kflow settings", "", "settings"),
)
_SELECT = (
    _spec(A.SELECT_ALL, "Select &all", "Ctrl+A", "select-all", context=_C),
    _spec(A.SELECT_NONE, "Select n&one", "Ctrl+Shift+A", context=_C),
    _spec(A.SELECT_INVERT, "&Invert the selection", "Ctrl+I", context=_C),
    _spec(A.SELECT_DOWNSTREAM, "Select &downstream", "L", context=_C),
    _spec(A.SELECT_UPSTREAM, "Select &upstream", "Shift+L", context=_C),
    _spec(A.SELECT_COMPONENT, "Select everything &connected", "Ctrl+L", context=_C),
)
_VIEW = (
    _spec(A.VIEW_ZOOM_IN, "Zoom &in", "Ctrl+= Ctrl++", "zoom-in"),
    _spec(A.VIEW_ZOOM_OUT, "Zoom &out", "Ctrl+-", "zoom-out"),
    _spec(A.VIEW_ZOOM_100, "Zoom to &100 %", "Ctrl+0"),
    _spec(A.VIEW_FIT_ALL, "Fit &all", "Home Shift+1", "fit", context=_C),
    _spec(A.VIEW_FIT_SELECTION, "Zoom to &selection", "F Shift+2", "target", context=_C),
    _spec(A.VIEW_BACK, "&Back", "Alt+Left", "arrow-left"),
    _spec(A.VIEW_FORWARD, "For&ward", "Alt+Right", "arrow-right"),
    _spec(A.VIEW_MINIMAP, "&Minimap", "M", "minimap", context=_C, check=True),
    _spec(A.VIEW_GRID, "&Grid", "", "grid", check=True),
    _spec(A.VIEW_HEAT_MAP, "&Heat map of time", "", "heat", check=True),
    _spec(A.VIEW_THEME_SYSTEM, "Theme of the s&ystem", "", "contrast", check=True),
    _spec(A.VIEW_THEME_LIGHT, "&Light theme", "", "sun", check=True),
    _spec(A.VIEW_THEME_DARK, "&Dark theme", "", "moon", check=True),
    _spec(A.VIEW_THEME_CONTRAST, "High &contrast theme", "", "contrast", check=True),
    _spec(A.VIEW_OPEN_INSPECTOR, "Op&en in the inspector", "Return Enter", context=_C),
    _spec(A.VIEW_INTO_SUBFLOW, "Into the s&ubflow", "Ctrl+Return Ctrl+Enter", "subflow",
          context=_C),
    _spec(A.VIEW_OUT_OF_SUBFLOW, "Out of the sub&flow", "U Ctrl+Backspace", context=_C),
)
_NODE = (
    _spec(A.NODE_QUICK_ADD, "&Add a node…", "Tab Ctrl+Space", "plus", context=_C),
    _spec(A.NODE_WIRE_FROM, "&Wire from the selection…", "W", "link", context=_C),
    _spec(A.NODE_TOGGLE_ENABLED, "On or &off", "D", "power",
          "Switch the node off: its input passes through", context=_C),
    _spec(A.NODE_PIN, "&Pin the output", "P", "pin",
          "Keep this output and do not run the node again", context=_C),
    _spec(A.NODE_EDIT_MOCK, "Edit the &mock…", "Shift+P", context=_C),
    _spec(A.NODE_LOCK, "Loc&k", "K", "lock", context=_C),
    _spec(A.NODE_FRAME, "&Frame the selection", "G", "frame", context=_C),
    _spec(A.NODE_UNFRAME, "&Unframe", "Shift+G", context=_C),
    _spec(A.NODE_COLLAPSE_FRAME, "&Collapse the frame", "C", context=_C),
    _spec(A.NODE_MAKE_SUBFLOW, "Make a &subflow", "Ctrl+G", "subflow", context=_C),
    _spec(A.NODE_INLINE_SUBFLOW, "&Inline the subflow", "Ctrl+Shift+G", context=_C),
    _spec(A.NODE_ADD_NOTE, "Add a &note", "N", "note", context=_C),
    _spec(A.NODE_ALIGN_MENU, "A&lign…", "Shift+A", "align", context=_C),
    _spec(A.NODE_ALIGN_LEFT, "Align &left edges", "", "align", context=_C),
    _spec(A.NODE_ALIGN_TOP, "Align &top edges", context=_C),
    _spec(A.NODE_ALIGN_CENTRES, "Align on one &row", context=_C),
    _spec(A.NODE_DISTRIBUTE_ACROSS, "Distribute &across", context=_C),
    _spec(A.NODE_DISTRIBUTE_DOWN, "Distribute &down", context=_C),
    _spec(A.NODE_TIDY, "&Tidy up", "Ctrl+Shift+F", "tidy", "Lay out the selection, or everything"),
    _spec(A.NODE_NUDGE_LEFT, "Nudge left", "Ctrl+Shift+Left", context=_C),
    _spec(A.NODE_NUDGE_RIGHT, "Nudge right", "Ctrl+Shift+Right", context=_C),
    _spec(A.NODE_NUDGE_UP, "Nudge up", "Ctrl+Shift+Up", context=_C),
    _spec(A.NODE_NUDGE_DOWN, "Nudge down", "Ctrl+Shift+Down", context=_C),
    _spec(A.NODE_CANCEL, "Cancel what runs &here…", "", "stop",
          "End this task, or one item, and let everything else go on"),
    _spec(A.NODE_WHY, "Wh&y this state?", "", "help", "Why did this run, or why is it waiting?"),
)
_RUN = (
    _spec(A.RUN_START, "&Run", "F5", "run", "Run the workflow, or continue the run that is paused"),
    _spec(A.RUN_WITH_INPUT, "Run with &input…"),
    _spec(A.RUN_WITHOUT_BREAKPOINTS, "Run without brea&kpoints", "Ctrl+F5"),
    _spec(A.RUN_STOP, "&Stop", "Shift+F5", "stop", "Cancel the run that is shown"),
    _spec(A.RUN_PAUSE, "&Pause", "Ctrl+Alt+P", "pause"),
    _spec(A.RUN_TO_HERE, "Run &to here", "Ctrl+F9", "run-to"),
    _spec(A.RUN_FROM_HERE, "Run &from here", "Ctrl+Shift+F9", "run-from"),
    _spec(A.RUN_NODE_ONLY, "Run this &node only", "F7"),
    _spec(A.RUN_AGAIN, "Run &again", "Ctrl+R", "retry",
          "Run the last workflow again with the same input"),
    _spec(A.RUN_RESUME, "R&esume", "", "play-slow",
          "Go on from the last commit of the run that is shown"),
    _spec(A.RUN_ARM, "Ar&m triggers", "", "bell",
          "Let the triggers of the saved workflow start runs while Headgate is open"),
    _spec(A.RUN_DISARM, "Disarm tri&ggers"),
    _spec(A.RUN_PLAN, "Show what &would run", "", "eye"),
    _spec(A.RUN_SEND_EVENT, "Send an e&vent…", "", "bolt",
          "Tell runs that something has happened"),
    _spec(A.RUN_CHOOSE, "&Choose a run…", "", "list"),
    _spec(A.RUN_DELETE_OLD, "&Delete old runs…", "", "trash"),
)
_DEBUG = (
    _spec(A.DEBUG_STEP, "&Step", "F10", "step", "Run until the next commit"),
    _spec(A.DEBUG_STEP_INTO, "Step &into", "Ctrl+F10", "step-into"),
    _spec(A.DEBUG_BREAKPOINT, "&Breakpoint", "F9", "breakpoint", "Stop before the selected nodes"),
    _spec(A.DEBUG_CONDITION, "Breakpoint &when…", "Shift+F9", "breakpoint-condition"),
    _spec(A.DEBUG_CLEAR_BREAKPOINTS, "Clear &all breakpoints"),
)
_HISTORY = (
    _spec(A.HISTORY_PREVIOUS, "&Previous checkpoint", "Ctrl+Alt+Left", "chevron-left"),
    _spec(A.HISTORY_NEXT, "&Next checkpoint", "Ctrl+Alt+Right", "chevron-right"),
    _spec(A.HISTORY_FIRST, "&First checkpoint", "Ctrl+Alt+Home", "first"),
    _spec(A.HISTORY_LAST, "&Last checkpoint", "Ctrl+Alt+End", "last"),
    _spec(A.HISTORY_TIMELINE, "Go to the &timeline", "Ctrl+T", "timeline"),
    _spec(A.HISTORY_FORK, "Run again fro&m here (fork)", "Ctrl+K", "fork"),
    _spec(A.HISTORY_REPLAY, "&Replay recorded", "", "replay",
          "Run again with the recorded outputs, without side effects"),
    _spec(A.HISTORY_COMPARE, "&Compare with…", "Ctrl+Shift+K", "compare"),
    _spec(A.HISTORY_FOLLOW, "F&ollow the run", "", "eye", check=True),
)
_BARRIERS = (
    _spec(A.BARRIER_LIST, "&Barriers", "Ctrl+J", "inbox", "What waits for a decision"),
    _spec(A.BARRIER_NEXT, "&Next request", "J", context=_B),
    _spec(A.BARRIER_PREVIOUS, "&Previous request", "Shift+J", context=_B),
    _spec(A.BARRIER_APPROVE, "&Approve", "A", "check", context=_B),
    _spec(A.BARRIER_REJECT, "&Reject", "R", "cross", "Asks for Ctrl+Enter", context=_B),
    _spec(A.BARRIER_EDIT, "&Edit the payload", "E", "edit", context=_B),
    _spec(A.BARRIER_COMMENT, "&Comment", "C", "comment", context=_B),
    _spec(A.BARRIER_CONFIRM, "C&onfirm", "Ctrl+Return Ctrl+Enter", context=_B),
)
# fmt: on

#: Keys that a verb of the window has besides, in one place only.
EXTRA_KEYS: Mapping[ActionContext, Mapping[A, tuple[str, ...]]] = MappingProxyType(
    {
        _C: MappingProxyType(
            {
                A.DEBUG_BREAKPOINT: ("B",),
                A.DEBUG_CONDITION: ("Shift+B",),
                A.HISTORY_PREVIOUS: (",",),
                A.HISTORY_NEXT: (".",),
                A.HISTORY_FIRST: ("Shift+,",),
                A.HISTORY_LAST: ("Shift+.",),
            }
        ),
        _T: MappingProxyType(
            {
                A.HISTORY_PREVIOUS: (",",),
                A.HISTORY_NEXT: (".",),
                A.HISTORY_FIRST: ("Shift+,",),
                A.HISTORY_LAST: ("Shift+.",),
            }
        ),
    }
)

GESTURES = (
    Gesture("Canvas", "Wheel", "Zoom or pan, as the settings say"),
    Gesture("Canvas", "Ctrl+wheel", "Zoom"),
    Gesture("Canvas", "Middle drag, Space+drag", "Pan"),
    Gesture("Canvas", "Double click, Space", "Add a node there"),
    Gesture("Canvas", "Arrow keys", "Go to the nearest node"),
    Gesture("Canvas", "Ctrl+arrow keys", "Follow a wire"),
    Gesture("Canvas", "Shift+click", "Add to the selection or take away"),
    Gesture("Canvas", "Drag on the background", "Select what the box touches"),
    Gesture("Canvas", "Alt+drag", "Select only what lies inside"),
    Gesture("Canvas", "Ctrl+drag a wire's end", "Wire it to something else"),
    Gesture("Canvas", "Ctrl+Shift+drag", "Cut the wires that are crossed"),
    Gesture("Canvas", "Double click on a wire", "Add a reroute point"),
    Gesture("Canvas", "Ctrl+Shift+1…9", "Set a bookmark"),
    Gesture("Canvas", "Ctrl+1…9", "Go to a bookmark"),
    Gesture("Canvas", "Shift+F10", "Context menu"),
)


def _index(groups: Iterable[tuple[str, tuple[ActionSpec, ...]]]) -> Mapping[A, ActionSpec]:
    found: dict[A, ActionSpec] = {}
    for group, specs in groups:
        for spec in specs:
            found[spec.id] = replace(spec, group=group)
    return MappingProxyType(found)


#: Every verb, in the order in which lists show them.
ACTIONS = _index(
    (
        ("File", _FILE),
        ("Application", _APPLICATION),
        ("Edit", _EDIT),
        ("Select", _SELECT),
        ("View", _VIEW),
        ("Node", _NODE),
        ("Run", _RUN),
        ("Debug", _DEBUG),
        ("History", _HISTORY),
        ("Barriers", _BARRIERS),
        ("Window", _WINDOW),
    )
)


def plain_text(text: str) -> str:
    """A menu text without its mnemonic and its ellipsis: ``&Open…`` is *Open*."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&").removesuffix("…")


def keys_in(
    context: ActionContext, keymap: Mapping[A, tuple[str, ...]] | None = None
) -> Mapping[str, tuple[A, ...]]:
    """Each key that works in `context`, the window's included, and the verbs that claim it."""
    claims: dict[str, list[A]] = {}
    for action, spec in ACTIONS.items():
        if spec.context in {context, ActionContext.WINDOW}:
            for key in spec.keys if keymap is None else keymap.get(action, ()):
                claims.setdefault(key, []).append(action)
    for action, keys in EXTRA_KEYS.get(context, {}).items():
        for key in keys:
            claims.setdefault(key, []).append(action)
    return {key: tuple(actions) for key, actions in claims.items()}


def conflicts(keymap: Mapping[A, tuple[str, ...]] | None = None) -> list[str]:
    """One sentence for each key that two verbs claim in the same place; empty when all is well."""
    found: list[str] = []
    for context in ActionContext:
        for key, actions in keys_in(context, keymap).items():
            if len(actions) > 1:
                found.append(f"{key} means {' and '.join(actions)} in the {context.value}.")
    return found
