"""The command palette: every verb that can be done now, a few letters away."""

from __future__ import annotations

from collections import deque

from PySide6.QtWidgets import QWidget

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.actions.spec import ACTIONS, plain_text
from designer.widgets.quick_pick import PickEntry, QuickPick

#: Verbs used last are listed first.
_REMEMBERED = 5


class CommandPalette(QuickPick):
    """All verbs of a window. What nobody can do is left out; what cannot be done now is grey."""

    def __init__(self, registry: ActionRegistry, window: QWidget) -> None:
        super().__init__(window, "Type a command")
        #: Whose verbs are listed.
        self.registry = registry
        self._recent: deque[ActionId] = deque(maxlen=_REMEMBERED)
        self.picked.connect(self._do)

    def open_palette(self, query: str = "") -> None:
        """Show the palette over the window."""
        self.registry.refresh()
        self.open_with(self.entries(), query=query)

    def entries(self) -> list[PickEntry]:
        """The verbs that somebody has bound: the latest first, then in the order of the menus."""
        bound = [verb for verb in ACTIONS if self.registry.is_bound(verb)]
        recent = [verb for verb in self._recent if verb in bound]
        rest = [
            verb
            for verb in bound
            if verb not in recent and verb is not ActionId.APP_COMMAND_PALETTE
        ]
        return [self._entry(verb) for verb in (*recent, *rest)]

    def _entry(self, verb: ActionId) -> PickEntry:
        spec = ACTIONS[verb]
        return PickEntry(
            key=verb.value,
            title=plain_text(spec.text),
            subtitle=spec.group,
            keys=self.registry.shown_keys(verb),
            icon=spec.icon,
            enabled=self.registry.action(verb).isEnabled(),
            keywords=spec.tooltip,
        )

    def _do(self, key: str) -> None:
        verb = ActionId(key)
        if verb in self._recent:
            self._recent.remove(verb)
        self._recent.appendleft(verb)
        self.registry.trigger(verb)
