"""What reading, changing and writing a document can fail with, by the names of the model.

The designer's document knows the engine by its model only; it catches these.
"""

from __future__ import annotations

from engine.errors import EngineError, StoreError, UnreadableFile, UnsupportedVersion

__all__ = ["EngineError", "StoreError", "UnreadableFile", "UnsupportedVersion"]
