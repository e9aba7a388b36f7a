"""Who hears what happens in an engine. A listener that fails never hurts a run (U110)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine import events as ev

News = ev.News


class Audience:
    """Those who hear of runs, of changes of the store and of problems."""

    def __init__(self) -> None:
        self._subscribers: list[tuple[str | None, Callable[[News], None]]] = []
        self._watchers: list[Callable[[], None]] = []
        self._problems: list[Callable[[str, BaseException], None]] = []

    @property
    def watches(self) -> bool:
        """Whether anybody wants to hear what other processes do to the store."""
        return bool(self._watchers)

    def subscribe(self, run: str | None, callback: Callable[[News], None]) -> Callable[[], None]:
        """Hear every stored fact and every update of runs driven here; None means all."""
        entry = (run, callback)
        self._subscribers.append(entry)
        return lambda: self._subscribers.remove(entry) if entry in self._subscribers else None

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Hear that any process has changed the store."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    def on_problem(self, callback: Callable[[str, BaseException], None]) -> None:
        """Hear of what went wrong beside the runs themselves."""
        self._problems.append(callback)

    def publish(self, news: Sequence[News]) -> None:
        """Tell the subscribers of a run what happened in it."""
        if not self._subscribers or not news:
            return
        run = news[0].run
        for wanted, callback in list(self._subscribers):
            if wanted is None or wanted == run:
                for item in news:
                    try:
                        callback(item)
                    except Exception as error:  # noqa: BLE001 - a viewer never hurts a run (U110)
                        self.tell_problem(run, error)

    def tell_watchers(self) -> None:
        """Tell those who watch the store that it has changed."""
        for callback in list(self._watchers):
            callback()

    def tell_problem(self, run: str, error: BaseException) -> None:
        """Tell of an error that has no other place."""
        for callback in self._problems:
            callback(run, error)
