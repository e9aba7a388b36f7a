"""The kinds of message that banners and toasts show, with their colour and icon."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a message is about; never shown by colour alone."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    WAITING = "waiting"

    @property
    def icon(self) -> str:
        """The name of the icon beside the message."""
        return "barrier" if self is Kind.WAITING else self.value

    @property
    def role(self) -> str:
        """The colour of the icon."""
        return {
            Kind.INFO: "accent",
            Kind.SUCCESS: "text_ok",
            Kind.WARNING: "text_waiting",
            Kind.WAITING: "text_waiting",
            Kind.ERROR: "text_failed",
        }[self]

    @property
    def spoken(self) -> str:
        """How a screen reader begins the message."""
        return {
            Kind.INFO: "",
            Kind.SUCCESS: "",
            Kind.WARNING: "Warning: ",
            Kind.WAITING: "Decision needed: ",
            Kind.ERROR: "Error: ",
        }[self]
