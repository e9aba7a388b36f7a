"""The exit codes: a contract with scripts (docs/cli.md)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    #: The run completed, or the command did what was asked.
    OK = 0
    #: The run failed, a replay differs, or the evidence was changed.
    FAILED = 1
    #: The command line asks for what cannot be.
    USAGE = 2
    #: A file or the store cannot be read or written.
    UNREADABLE = 3
    #: The workflow has errors.
    INVALID = 4
    #: The run waits for a person, or for a time that is far away.
    WAITING = 5
    #: The run was cancelled.
    CANCELLED = 6
    #: The decision was refused.
    REFUSED = 7
    #: Ctrl-C. The run is stored and can be resumed.
    INTERRUPTED = 130
    #: Nobody reads the output any more.
    BROKEN_PIPE = 141
    #: SIGTERM, handled as Ctrl-C.
    TERMINATED = 143
