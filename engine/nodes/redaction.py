"""Takes secrets out of a text that comes in pieces."""

from __future__ import annotations

from collections.abc import Iterable

#: A shorter secret would tear holes into everything, and hide nothing.
SHORTEST = 4
STARS = "•••"


class Redactor:
    """Replaces secrets by stars, also where one is cut in two by the pieces.

    Args:
        secrets: what must not be seen.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {secret for secret in secrets if len(secret) >= SHORTEST}
        # The longest first: one secret may begin with another.
        self._secrets = sorted(found, key=len, reverse=True)
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what can be shown now; an end that may begin a secret is held back."""
        if not self._secrets:
            return text
        whole = self._replace(self._held + text)
        keep = max(self._begun(whole, secret) for secret in self._secrets)
        self._held = whole[len(whole) - keep :]
        return whole[: len(whole) - keep]

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return held

    def _replace(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        return text

    @staticmethod
    def _begun(text: str, secret: str) -> int:
        """The length of the longest end of `text` that is a beginning of `secret`."""
        most = min(len(text), len(secret) - 1)
        return next((n for n in range(most, 0, -1) if text.endswith(secret[:n])), 0)
