"""Which keys do which verb: the program's own, those of a preset, and the person's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from PySide6.QtGui import QKeySequence

from designer.actions.ids import ActionId as A
from designer.actions.spec import ACTIONS, EXTRA_KEYS, ActionContext, plain_text

#: Verb to its keys in Qt's portable notation; the first one is shown.
Keymap = Mapping[A, tuple[str, ...]]


class Preset(StrEnum):
    """Keys that people bring with them from another program."""

    HEADGATE = "headgate"
    BLENDER = "blender"
    VS_CODE = "vscode"


#: What a preset changes; everything else keeps its keys.
PRESETS: Mapping[Preset, Keymap] = MappingProxyType(
    {
        Preset.HEADGATE: MappingProxyType({}),
        Preset.BLENDER: MappingProxyType(
            {
                A.NODE_QUICK_ADD: ("Shift+A", "Tab", "Ctrl+Space"),
                A.NODE_ALIGN_MENU: (),
                A.NODE_TOGGLE_ENABLED: ("M", "D"),
                A.VIEW_MINIMAP: (),
                A.NODE_FRAME: ("Ctrl+J",),
                A.BARRIER_LIST: ("Ctrl+Shift+J",),
                A.EDIT_DELETE: ("X", "Del", "Backspace"),
                A.EDIT_DELETE_RECONNECT: ("Ctrl+X", "Ctrl+Del"),
                A.EDIT_CUT: ("Shift+Del",),
                A.EDIT_DUPLICATE: ("Shift+D", "Ctrl+D"),
                A.NODE_WIRE_FROM: ("F", "W"),
                A.VIEW_FIT_SELECTION: ("Shift+2",),
                A.SELECT_ALL: ("A", "Ctrl+A"),
                A.SELECT_NONE: ("Alt+A", "Ctrl+Shift+A"),
            }
        ),
        Preset.VS_CODE: MappingProxyType(
            {
                A.WINDOW_PALETTE: ("Ctrl+B", "Alt+1"),
                A.WINDOW_OUTLINE: ("Ctrl+Shift+E", "Alt+2"),
                A.WINDOW_EVENT_LOG: ("Ctrl+Shift+U", "Alt+7"),
                A.WINDOW_PROBLEMS: ("Ctrl+Shift+M", "Alt+9"),
                A.DEBUG_STEP_INTO: ("F11",),
                A.WINDOW_FULL_SCREEN: ("Shift+F11",),
                A.RUN_START: ("F5",),
                A.RUN_PAUSE: ("F6", "Ctrl+Alt+P"),
                A.WINDOW_NEXT_PANEL: ("Ctrl+F6",),
                A.WINDOW_PREVIOUS_PANEL: ("Ctrl+Shift+F6",),
                A.APP_COMMAND_PALETTE: ("Ctrl+Shift+P", "F1"),
                A.APP_HELP: ("Shift+F1",),
                A.EDIT_FIND_NEXT: ("F3", "F4"),
                A.EDIT_FIND_PREVIOUS: ("Shift+F3", "Shift+F4"),
            }
        ),
    }
)

#: Keys that the canvas takes for what is no verb.
RESERVED: Mapping[str, str] = MappingProxyType(
    {
        "Esc": "ends a gesture and leads back",
        "Space": "adds a node and pans",
        **dict.fromkeys(("Left", "Right", "Up", "Down"), "goes to the nearest node"),
        **dict.fromkeys(
            ("Ctrl+Left", "Ctrl+Right", "Ctrl+Up", "Ctrl+Down"), "follows a wire of the canvas"
        ),
        **{f"Ctrl+{n}": "goes to a bookmark of the canvas" for n in range(1, 10)},
        **{f"Ctrl+Shift+{n}": "sets a bookmark of the canvas" for n in range(1, 10)},
    }
)


def keymap(preset: str, own: str) -> Keymap:
    """The keys in use.

    Args:
        preset: the value of a `Preset`; another one is the program's own.
        own: what the person has changed, as JSON: verb to list of keys.
    """
    keys = {verb: spec.keys for verb, spec in ACTIONS.items()}
    if preset in set(Preset):
        keys.update(PRESETS[Preset(preset)])
    keys.update(own_keys(own))
    return MappingProxyType(keys)


def own_keys(text: str) -> dict[A, tuple[str, ...]]:
    """What the person has changed; what cannot be read any more is passed over."""
    try:
        stored = json.loads(text or "{}")
    except ValueError:
        return {}
    known = {verb.value: verb for verb in A}
    pairs = stored.items() if isinstance(stored, dict) else ()
    return {
        known[name]: tuple(str(key) for key in keys)
        for name, keys in pairs
        if name in known and isinstance(keys, list)
    }


def own_text(own: Keymap) -> str:
    """The same for the settings."""
    return json.dumps({verb.value: list(keys) for verb, keys in sorted(own.items())})


def plain_key(key: str) -> str:
    """One spelling for each key: ``Ctrl+Enter`` as Qt writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def taken_by(verb: A, key: str, keys: Keymap) -> list[A]:
    """The verbs that a key does already where `verb` would have it."""
    wanted, where = plain_key(key), ACTIONS[verb].context
    found: list[A] = []
    for other, held in keys.items():
        meets = ActionContext.WINDOW in (where, ACTIONS[other].context)
        if other is verb or not (meets or ACTIONS[other].context is where):
            continue
        if wanted in {plain_key(each) for each in held}:
            found.append(other)
    for context, extras in EXTRA_KEYS.items():
        if where in (context, ActionContext.WINDOW):
            found += [
                other
                for other, held in extras.items()
                if other is not verb and wanted in {plain_key(each) for each in held}
            ]
    return list(dict.fromkeys(found))


def refusal_of(verb: A, key: str) -> str:
    """Why a key cannot be given to a verb at all; empty when it can."""
    wanted = plain_key(key)
    context = ACTIONS[verb].context
    if not wanted:
        return "Press the keys that are wanted."
    if context is ActionContext.WINDOW and _is_typed(wanted):
        name = plain_text(ACTIONS[verb].text)
        return f"{wanted} would be lost to typing: {name} works everywhere, so use Ctrl or Alt."
    if context in (ActionContext.WINDOW, ActionContext.CANVAS) and wanted in RESERVED:
        return f"{wanted} {RESERVED[wanted]}."
    return ""


def _is_typed(key: str) -> bool:
    """Whether a key writes something: a single letter, with or without Shift."""
    last = key.removeprefix("Shift+")
    return len(last) == 1 or last == "Space"
