"""Node types of other packages, found by the entry point group ``headgate.nodes``.

An entry point names a node type, a list of them, a function that returns either, or a
module that holds some. One that is broken is reported and leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from engine.model.node_types import NodeType, Registry

GROUP = "headgate.nodes"


class EntryPoint(Protocol):
    """What is needed of `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str:
        """The name that the package gave it."""
        ...

    @property
    def value(self) -> str:
        """``module:attribute``."""
        ...

    def load(self) -> Any:
        """Import it. May raise anything."""
        ...


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """An entry point that brought no node types, and why."""

    name: str
    value: str
    message: str

    def __str__(self) -> str:
        return f"The plug-in {self.name} ({self.value}) is left out: {self.message}"


@dataclass(frozen=True, slots=True)
class Installed:
    """The node types of this installation.

    Attributes:
        plugins: entry point name to the ids of the types that it brought.
    """

    registry: Registry
    plugins: dict[str, tuple[str, ...]]
    broken: tuple[BrokenPlugin, ...]


def installed(entry_points: Iterable[EntryPoint] | None = None) -> Installed:
    """Return a new registry with the built-in node types and those of every plug-in.

    Args:
        entry_points: where to look; None looks at what is installed.
    """
    from engine.nodes.builtin import BUILTIN  # noqa: PLC0415 - 70 ms; who asks for none has none

    registry = Registry(BUILTIN)
    plugins: dict[str, tuple[str, ...]] = {}
    broken: list[BrokenPlugin] = []
    for point in sorted(
        _found() if entry_points is None else entry_points, key=lambda each: each.name
    ):
        try:
            types = list(_types_of(point.load()))
            _check(types, registry)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what others wrote may raise anything
            broken.append(BrokenPlugin(point.name, point.value, _sentence(error)))
            continue
        for each in types:
            registry.add(each)
        plugins[point.name] = tuple(each.id for each in types)
    return Installed(registry, plugins, tuple(broken))


def _found() -> Iterable[EntryPoint]:
    import importlib.metadata  # noqa: PLC0415 - slow to import; only an engine that opens needs it

    return importlib.metadata.entry_points(group=GROUP)


def _types_of(value: Any) -> Iterator[NodeType]:
    if isinstance(value, NodeType):
        yield value
    elif isinstance(value, ModuleType):
        yield from _distinct(each for each in vars(value).values() if isinstance(each, NodeType))
    elif callable(value):
        yield from _types_of(value())
    else:
        for each in value:
            if not isinstance(each, NodeType):
                raise TypeError(f"it holds {each!r}, which is no node type")
            yield each


def _distinct(types: Iterable[NodeType]) -> list[NodeType]:
    return list({id(each): each for each in types}.values())


def _check(types: list[NodeType], registry: Registry) -> None:
    """Refuse the whole plug-in when one of its types cannot be added."""
    if not types:
        raise ValueError("it holds no node type")
    seen: set[str] = set()
    for each in types:
        if each.id in registry or each.id in seen:
            raise ValueError(f"its node type {each.id} is registered already")
        seen.add(each.id)


def _sentence(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
