"""What the parts of the facade have in common."""

from __future__ import annotations

from engine.facade.audience import Audience
from engine.facade.core import Core
from engine.facade.legs import Legs
from engine.facade.options import EngineOptions
from engine.model.node_types import Registry
from engine.runtime.ports import RunStore


class Part:
    """One subject of the facade. `engine.app.Engine` makes what all of them share."""

    store: RunStore
    registry: Registry
    options: EngineOptions
    _core: Core
    _audience: Audience
    _legs: Legs

    @property
    def user(self) -> str:
        """Who decides in this process."""
        return self._core.user
