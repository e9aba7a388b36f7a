"""The workflows that ship with the program, and their data.

The folder may be read-only and is never written to: whoever opens or runs an example does
so with a `working_copy` in a folder of the person's own.
"""

from __future__ import annotations

import filecmp
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".flow.json"
_FOLDER = Path(__file__).resolve().parent
#: Example to the folders with what it needs.
_BELONGINGS = {
    "invoice-approval": ("invoices",),
    "scientific-workflow": ("mosaic",),
    "service-health": ("services",),
}


@dataclass(frozen=True, slots=True)
class Example:
    """One example: its name, its file as it ships, and what the person reads."""

    name: str
    path: Path
    title: str
    about: str = ""


def examples() -> list[Example]:
    """Return the examples by name."""
    return [
        Example(path.name.removesuffix(SUFFIX), path, *_words(path))
        for path in sorted(_FOLDER.glob(f"*{SUFFIX}"))
    ]


def example_in(path: str | Path) -> Example | None:
    """Return the example whose file, as it ships, this is."""
    place = Path(path).resolve()
    return next((each for each in examples() if each.path == place), None)


def is_shipped(path: str | Path) -> bool:
    """Whether this is an example or a copy of one, with nothing changed in what belongs to it."""
    place = Path(path).resolve()
    return any(
        place.name == example.path.name and _is_copy(place.parent, example)
        for example in examples()
    )


def working_copy(example: Example, folder: Path) -> Path:
    """Return the file of an unchanged copy of the example in a folder below `folder`.

    A copy that was edited is left alone: then the next free name is used.

    Raises:
        OSError: the folder cannot be written.
    """
    number = 1
    while True:
        name = example.name if number == 1 else f"{example.name}-{number}"
        place = folder / name
        if not place.exists():
            _copy(example, place)
        if _is_copy(place, example):
            return place / example.path.name
        number += 1


def _words(path: Path) -> tuple[str, str]:
    """Name of a workflow, and what it does."""
    document = json.loads(path.read_bytes())
    return (
        str(document.get("name", path.name)),
        str(document.get("settings", {}).get("description", "")),
    )


def _files(example: Example) -> list[Path]:
    """Every file of an example, relative to the folder of its workflow."""
    found = [example.path]
    for name in _BELONGINGS.get(example.name, ()):
        found += [path for path in sorted((_FOLDER / name).rglob("*")) if path.is_file()]
    return [path.relative_to(_FOLDER) for path in found if "__pycache__" not in path.parts]


def _is_copy(folder: Path, example: Example) -> bool:
    return all(_same(folder / name, _FOLDER / name) for name in _files(example))


def _same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _copy(example: Example, place: Path) -> None:
    """Copy all files into a folder that is complete as soon as it has its name."""
    spare = place.with_name(f".{place.name}.new")
    shutil.rmtree(spare, ignore_errors=True)
    for name in _files(example):
        target = spare / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_FOLDER / name, target)
    spare.rename(place)
