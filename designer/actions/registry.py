"""From data to QActions: made once, bound by whoever can do the verb, the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from designer.actions.ids import ActionId
from designer.actions.spec import ACTIONS, EXTRA_KEYS, ActionContext, ActionSpec, plain_text
from designer.widgets.icons import icon

Condition = Callable[[], bool]

#: Colours of icons that are not those of text.
_ICON_ROLES = {
    ActionId.RUN_START: "text_ok",
    ActionId.RUN_STOP: "text_failed",
    ActionId.BARRIER_APPROVE: "text_ok",
    ActionId.BARRIER_REJECT: "text_failed",
    ActionId.DEBUG_BREAKPOINT: "text_failed",
    ActionId.DEBUG_CONDITION: "text_failed",
}


@dataclass(frozen=True, slots=True)
class _Binding:
    """Who does the verb, and when it can be done or is on."""

    callback: Callable[[], object]
    enabled_when: Condition | None
    checked_when: Condition | None


class ActionRegistry(QObject):
    """All verbs of one window. A verb that nobody has bound is disabled, never missing."""

    #: The ActionId of the verb that was just done; for recent lists and tests.
    triggered = Signal(str)
    #: Verbs have other keys now.
    keys_changed = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._bindings: dict[ActionId, _Binding] = {}
        self._actions: dict[ActionId, QAction] = {}
        self._extras: dict[tuple[ActionContext, ActionId], QAction] = {}
        self._dressed: set[ActionId] = set()
        self._keys: Mapping[ActionId, tuple[str, ...]] = {
            verb: spec.keys for verb, spec in ACTIONS.items()
        }
        for spec in ACTIONS.values():
            self._actions[spec.id] = self._make(spec)
        for context, extras in EXTRA_KEYS.items():
            for action, keys in extras.items():
                self._extras[context, action] = self._make_extra(action, keys)
        # Only what works everywhere belongs to the window; the rest waits for its widget.
        for spec in ACTIONS.values():
            if spec.context is ActionContext.WINDOW:
                window.addAction(self._actions[spec.id])
        window.installEventFilter(self)
        self.refresh()

    # -- making ------------------------------------------------------------------------------

    def _make(self, spec: ActionSpec) -> QAction:
        action = QAction(spec.text, self)
        action.setObjectName(spec.id.value)
        action.setCheckable(spec.checkable)
        action.setShortcuts([QKeySequence(key) for key in self._keys[spec.id]])
        shared = spec.context is ActionContext.WINDOW
        action.setShortcutContext(
            Qt.ShortcutContext.WindowShortcut
            if shared
            else Qt.ShortcutContext.WidgetWithChildrenShortcut
        )
        action.setToolTip(self.tooltip(spec.id))
        action.setStatusTip(spec.tooltip or plain_text(spec.text))
        # On macOS Qt would otherwise move entries by guessing from their words.
        action.setMenuRole(QAction.MenuRole.NoRole)
        action.triggered.connect(lambda _checked=False, verb=spec.id: self._on_triggered(verb))
        return action

    def _make_extra(self, verb: ActionId, keys: Iterable[str]) -> QAction:
        """Further keys for a verb of the window, for one widget only."""
        action = QAction(self._actions[verb].text(), self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda _checked=False: self._actions[verb].trigger())
        return action

    def dress(self, verbs: Iterable[ActionId]) -> None:
        """Give the actions of `verbs` their icons; drawing all at once would delay the start."""
        for verb in verbs:
            spec = ACTIONS[verb]
            if spec.icon and verb not in self._dressed:
                self._dressed.add(verb)
                self._actions[verb].setIcon(icon(spec.icon, _ICON_ROLES.get(verb, "text")))

    # -- keys --------------------------------------------------------------------------------

    @property
    def keys(self) -> Mapping[ActionId, tuple[str, ...]]:
        """The keys of each verb, the one that is shown first; do not change them."""
        return self._keys

    def set_keys(self, keys: Mapping[ActionId, tuple[str, ...]]) -> None:
        """Give the verbs other keys, at once and everywhere they are shown."""
        changed = [verb for verb in self._actions if keys.get(verb, ()) != self._keys.get(verb)]
        self._keys = dict(keys)
        for verb in changed:
            action = self._actions[verb]
            action.setShortcuts([QKeySequence(key) for key in self._keys.get(verb, ())])
            action.setToolTip(self.tooltip(verb))
        if changed:
            self.keys_changed.emit()

    def shown_keys(self, verb: ActionId, *, every: bool = False) -> str:
        """The verb's first key as this system writes it, or all of them, panels included."""
        keys = list(self._keys.get(verb, ()))
        if every:
            for extras in EXTRA_KEYS.values():
                keys.extend(key for key in extras.get(verb, ()) if key not in keys)
        shown = [
            QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
            for key in (keys if every else keys[:1])
        ]
        return ", ".join(shown)

    def tooltip(self, verb: ActionId) -> str:
        """What the verb does, with its key: ``Run the workflow (F5)``."""
        spec = ACTIONS[verb]
        words = spec.tooltip or plain_text(spec.text)
        keys = self.shown_keys(verb)
        return f"{words} ({keys})" if keys else words

    # -- binding -----------------------------------------------------------------------------

    def bind(
        self,
        verb: ActionId,
        callback: Callable[[], object],
        *,
        enabled_when: Condition | None = None,
        checked_when: Condition | None = None,
    ) -> QAction:
        """Let `callback` do the verb, while `enabled_when` holds.

        `checked_when` tells whether a verb that is a switch is on; the callback flips it.
        Binding again replaces: the canvas of the tab in front takes over from another.
        """
        self._bindings[verb] = _Binding(callback, enabled_when, checked_when)
        self._refresh_one(verb)
        return self._actions[verb]

    def unbind(self, verb: ActionId) -> None:
        """Nobody can do the verb any more; it is disabled."""
        self._bindings.pop(verb, None)
        self._refresh_one(verb)

    def attach(self, context: ActionContext, widget: QWidget) -> None:
        """Make the keys of `context` work while `widget` or a child of it has the focus."""
        if context is ActionContext.WINDOW:
            raise ValueError("The window has its keys already; attach a canvas or a panel.")
        for spec in ACTIONS.values():
            if spec.context is context:
                widget.addAction(self._actions[spec.id])
        for (where, _verb), action in self._extras.items():
            if where is context:
                widget.addAction(action)

    def detach(self, context: ActionContext, widget: QWidget) -> None:
        """Take the keys of `context` from `widget`."""
        for spec in ACTIONS.values():
            if spec.context is context:
                widget.removeAction(self._actions[spec.id])
        for (where, _verb), action in self._extras.items():
            if where is context:
                widget.removeAction(action)

    # -- using -------------------------------------------------------------------------------

    def action(self, verb: ActionId) -> QAction:
        """The QAction of the verb with its icon, for tool bars and buttons."""
        self.dress((verb,))
        return self._actions[verb]

    def menu_action(self, verb: ActionId) -> QAction:
        """The QAction of the verb for a menu, which dresses it when it is about to show."""
        return self._actions[verb]

    def is_bound(self, verb: ActionId) -> bool:
        """Whether somebody can do the verb."""
        return verb in self._bindings

    def is_enabled(self, verb: ActionId) -> bool:
        """Whether the verb can be done now."""
        binding = self._bindings.get(verb)
        if binding is None:
            return False
        return binding.enabled_when is None or binding.enabled_when()

    def trigger(self, verb: ActionId) -> bool:
        """Do the verb if it can be done now; whether it was done."""
        self._refresh_one(verb)
        if not self._actions[verb].isEnabled():
            return False
        self._actions[verb].trigger()
        return True

    def refresh(self, verbs: Collection[ActionId] = ()) -> None:
        """Ask the conditions again, of `verbs` or of all; call it when something has changed."""
        for verb in verbs or self._actions:
            self._refresh_one(verb)

    def _refresh_one(self, verb: ActionId) -> None:
        action, binding = self._actions[verb], self._bindings.get(verb)
        enabled = self.is_enabled(verb)
        if action.isEnabled() != enabled:
            action.setEnabled(enabled)
        for context in EXTRA_KEYS:
            extra = self._extras.get((context, verb))
            if extra is not None:
                extra.setEnabled(enabled)
        if binding is not None and binding.checked_when is not None and action.isCheckable():
            action.setChecked(binding.checked_when())

    def _on_triggered(self, verb: ActionId) -> None:
        binding = self._bindings.get(verb)
        if binding is None:
            return
        binding.callback()
        self._refresh_one(verb)
        self.triggered.emit(verb.value)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the icons of a new theme."""
        if event.type() == QEvent.Type.StyleChange and watched is self._window:
            dressed, self._dressed = self._dressed, set()
            self.dress(dressed)
        return False
