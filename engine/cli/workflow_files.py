"""Which file a command line means by FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.errors import StoreError
from engine.store.open import default_path
from resources.examples import example_in, examples, working_copy


def readable(file: Path) -> Path:
    """Return the file, or the example of that name where there is no such file."""
    if file.exists() or len(file.parts) != 1:
        return file
    return next((each.path for each in examples() if each.name == file.name), file)


def runnable(file: Path) -> Path:
    """Return the file to run: for an example a copy of it, since a run may write beside it.

    Raises:
        StoreError: the copy cannot be made.
    """
    file = readable(file)
    example = example_in(file)
    if example is None:
        return file
    folder = default_path().with_name("examples")
    try:
        copy = working_copy(example, folder)
    except OSError as error:
        raise StoreError(
            f"The example cannot be copied to {folder} ({error.strerror}): "
            "set HEADGATE_DATA_DIR to a folder that you may write to."
        ) from error
    print(f"headgate: running the copy {copy}", file=sys.stderr)
    return copy
