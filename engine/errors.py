"""The errors a caller of the engine can catch. Each says what, where and what to do.

A failing *node* is not one of them: that is a `TaskFailed` event with an `ErrorInfo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class EngineError(Exception):
    """The root of what may be shown to the person as one sentence."""


class ProblemLike(Protocol):
    """What `InvalidWorkflow` needs to know of a diagnostic."""

    @property
    def message(self) -> str:
        """The sentence that describes the problem."""
        ...


class InvalidWorkflow(EngineError):
    """The workflow has errors; all of them are in `problems`."""

    def __init__(self, name: str, problems: Sequence[ProblemLike]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        first = self.problems[0].message if self.problems else ""
        more = f" (and {count - 1} more)" if count > 1 else ""
        super().__init__(f"{name} cannot run: {first}{more}")


class UnreadableFile(EngineError):
    """A file is missing, broken, too large or not what it should be."""


class UnsupportedVersion(UnreadableFile):
    """A file or store was written by a newer program."""


class UnknownRun(EngineError):
    """There is no such run, request or commit in this store."""


class UnknownNodeType(EngineError):
    """The workflow uses a node type that is not installed."""


class InvalidCommand(EngineError):
    """The command is not allowed in the status that the run has."""


class SessionBusy(InvalidCommand):
    """Another run of the session is still open; `run` is its id, where it is known."""

    def __init__(self, session: str, run: str = "", how: str = "open") -> None:
        which = f"run {run} is {how}" if run else "another run has just been started"
        super().__init__(
            f"Session {session} is busy: {which}. "
            "Let it end, resume it or cancel it; then start the next one."
        )
        self.run = run


class DocumentEdited(InvalidCommand):
    """The run belongs to another revision than the document that it should go on with.

    Attributes:
        old, new: revisions. `fates`: what would become of everything that the run holds.
    """

    def __init__(self, message: str, *, old: str, new: str, fates: Sequence[object]) -> None:
        super().__init__(message)
        self.old = old
        self.new = new
        self.fates = tuple(fates)


class DecisionRefused(EngineError):
    """The decision was stored as refused; `reason` says why (late, stale, invalid...).

    Attributes:
        reason: one of ``late stale invalid unknown_choice duplicate``.
        problems: for ``invalid``: (field path, message) of every bad value.
    """

    def __init__(
        self, message: str, *, reason: str, problems: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.problems = tuple(problems)


class RunIsHeld(EngineError):
    """Another live process runs this run."""


class NotAllowed(EngineError):
    """The workflow needs capabilities that nobody granted."""


class StoreError(EngineError):
    """The environment refuses: locked, full, read-only or corrupt database."""


class LeaseLost(StoreError):
    """Another process has taken the run over; nothing was written."""


class EngineBug(Exception):  # noqa: N818 - not an error of the user's
    """An invariant of ours is broken. Please report it."""
