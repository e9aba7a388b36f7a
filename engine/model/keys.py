"""What may be the key of a node or the name of a channel (U2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

MAX_KEY = 50
_KEY = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_KEY - 1}}}")
_NUMBERED = re.compile(r"(.*?)_(\d+)", re.DOTALL)


def is_key(text: str) -> bool:
    """Return whether `text` may be the key of a node or the name of a channel."""
    return _KEY.fullmatch(text) is not None


def slug(text: str) -> str:
    """Return a key made of what a text says: ``Read invoices`` gives ``read_invoices``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:MAX_KEY].rstrip("_") or "node"


def free_key(taken: Container[str], base: str) -> str:
    """Return `base` if it is a free key, else the next one that is: ``read_2``, ``read_3``."""
    key = base if is_key(base) else slug(base)
    if key not in taken:
        return key
    numbered = _NUMBERED.fullmatch(key)
    stem = numbered[1] if numbered and numbered[1] else key
    number = 2
    while True:
        suffix = f"_{number}"
        candidate = stem[: MAX_KEY - len(suffix)] + suffix
        if candidate not in taken:
            return candidate
        number += 1
