"""A sink that writes facts to Python's logging."""

from __future__ import annotations

import logging

from engine.events import (
    Degraded,
    LimitReached,
    News,
    Recorded,
    RunFailed,
    TaskFailed,
    TaskRetried,
    Warned,
    to_json,
)

_LEVELS: dict[type, int] = {
    RunFailed: logging.ERROR,
    TaskFailed: logging.WARNING,
    TaskRetried: logging.WARNING,
    LimitReached: logging.WARNING,
    Degraded: logging.WARNING,
    Warned: logging.WARNING,
}


class LoggingSink:
    """Logs each fact: failures as warnings and errors, everything else as INFO.

    The fields of the fact are those of the record's attribute ``headgate``.

    Args:
        logger: name of the logger.
    """

    name = "logging"

    def __init__(self, logger: str = "headgate.events") -> None:
        self._logger = logging.getLogger(logger)

    def write(self, news: News) -> None:
        """Log a fact."""
        if not isinstance(news, Recorded):
            return
        level = _LEVELS.get(type(news.event), logging.INFO)
        if not self._logger.isEnabledFor(level):
            return
        fields = to_json(news)
        node = fields.get("node")
        error = fields.get("error")
        self._logger.log(
            level,
            "run %s #%d %s%s%s",
            news.run,
            news.seq,
            fields["event"],
            f" {node}" if node else "",
            f": {error['message']}" if isinstance(error, dict) else "",
            extra={"headgate": fields},
        )

    def flush(self) -> None:
        """Handlers flush themselves."""

    def close(self) -> None:
        """Handlers belong to the program."""
