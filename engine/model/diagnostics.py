"""A problem of a workflow, with the rule it breaks, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic matters."""

    #: The workflow cannot run.
    ERROR = "error"
    #: It runs, but probably not as meant.
    WARNING = "warning"
    #: Worth knowing.
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem.

    Attributes:
        rule: stable id such as ``W012-unreachable``; listed in docs/validation.md.
        node: key of the node, or empty for the workflow.
        edge: id of the edge, or empty.
        field: path in the node's parameters, such as ``params.url``, or empty.
        message: what is wrong, one sentence.
        fix: what to do, imperative.
    """

    rule: str
    severity: Severity
    message: str
    fix: str = ""
    node: str = ""
    edge: str = ""
    field: str = ""
