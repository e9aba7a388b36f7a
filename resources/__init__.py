"""Data that ships with the program: icons, fonts, themes, examples, the document's schema.

No code lives here but the one function that finds a file, and `bootstrap.py`,
which runs before anything is installed and is imported by nobody.
"""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """The existing file or folder called `name`, such as ``"icons/run.svg"``.

    Args:
        name: A path relative to this package, with forward slashes.

    Raises:
        FileNotFoundError: Nothing of that name ships with the program.
        ValueError: The name points out of the package.
    """
    path = (_ROOT / name).resolve()
    if not path.is_relative_to(_ROOT):
        raise ValueError(f"The resource {name!r} lies outside {_ROOT.name}; name a file inside it.")
    if not path.exists():
        raise FileNotFoundError(
            f"The resource {name!r} is missing from this installation; install Headgate again."
        )
    return path
