"""The workflows that a person has agreed to let run here: path to revision, in a JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.store.open import default_path


class TrustedFiles:
    """Remembers agreements; one holds for the same meaning in the same file.

    Args:
        file: where they are kept; None is the file beside the person's own store.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or default_path().with_name("trusted.json")

    def has(self, file: Path, revision: str) -> bool:
        """Return whether the person has agreed to this revision of this file."""
        return self._read().get(str(file.resolve())) == revision

    def add(self, file: Path, revision: str) -> None:
        """Remember an agreement.

        Raises:
            OSError: it cannot be written; the person is asked again next time.
        """
        entries = {**self._read(), str(file.resolve()): revision}
        spare = self.file.with_name(f"{self.file.name}.{os.getpid()}")
        spare.write_text(json.dumps(entries, indent=1, sort_keys=True), encoding="utf-8")
        spare.replace(self.file)

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
