"""Forms over the typed parts of a document: what is no value of the right kind is not taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from designer.panels.inspector_bench import Bench
from designer.panels.inspector_rows import FieldRow, Problem, Problems
from designer.panels.inspector_spec import UNSET, FieldKind, FieldSpec
from engine.model.diagnostics import Diagnostic, Severity

Json = Any
Convert = Callable[[Json], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One field of a part of the document.

    Attributes:
        path: as diagnostics name it: ``retry.attempts``.
        read: the value in the part, UNSET where its default counts.
        write: the part with another value. Raises ValueError with a sentence for the person.
        shown: whether the field means something for the part as it is.
    """

    spec: FieldSpec
    path: str
    read: Callable[[Any], Json]
    write: Callable[[Any, Json], Any]
    shown: Callable[[Any], bool] = lambda part: True


class AttributeForm(QWidget):
    """Rows for some attributes of one part: a node, a wire, the settings."""

    #: The part as it would be, the title and the path of the field, and whether it was typed.
    edited = Signal(object, str, str, bool)

    def __init__(
        self,
        attributes: Sequence[Attribute],
        bench: Bench,
        parent: QWidget | None = None,
        *,
        folded: bool = False,
    ) -> None:
        super().__init__(parent)
        self._bench = bench
        self._part: Any = None
        self._locked = False
        self._problems: Problems = {}
        self._attributes = {each.path: each for each in attributes}
        self._rows: dict[str, FieldRow] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 2 if folded else 0, 0, 6 if folded else 0)
        self._layout.setSpacing(10)
        if not folded:
            self._build()

    @property
    def rows(self) -> dict[str, FieldRow]:
        """The rows by path; those of a section that is folded are made when first needed."""
        if not self._rows:
            self._build()
        return self._rows

    @property
    def paths(self) -> Iterable[str]:
        """The places that the form has rows for."""
        return self._attributes

    def _build(self) -> None:
        for path, each in self._attributes.items():
            row = FieldRow(each.spec, self._bench, path, self)
            row.edited.connect(lambda value, typed, path=path: self._on_edited(path, value, typed))
            self._rows[path] = row
            self._layout.addWidget(row)
        if self._part is not None:
            self.show_part(self._part, fresh=True)
        self.set_locked(self._locked)
        self.set_problems(self._problems)
        self._bench.structure_changed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """A folded form is opened for the first time."""
        super().showEvent(event)
        if not self._rows:
            self._build()

    def show_part(self, part: Any, *, fresh: bool = False) -> None:
        """Show a part of the document."""
        self._part = part
        for path, row in self._rows.items():
            each = self._attributes[path]
            row.show_value(each.read(part), fresh=fresh)
            row.setVisible(each.shown(part))

    def set_locked(self, locked: bool) -> None:
        """Let the values be read only."""
        self._locked = locked
        for row in self._rows.values():
            row.set_locked(locked)

    def set_problems(self, problems: Problems) -> set[str]:
        """Show problems at the rows; returns the places that are theirs."""
        self._problems = problems
        claimed: set[str] = set()
        for path in sorted(self._attributes, key=len, reverse=True):
            found = {where: each for where, each in problems.items() if where not in claimed}
            if path in self._rows:
                self._rows[path].set_problems(below(found, path))
            claimed |= {where for where in found if is_below(where, path)}
        return claimed

    def _on_edited(self, path: str, value: Json, typed: bool) -> None:
        attribute = self._attributes[path]
        try:
            new = attribute.write(self._part, value)
        except ValueError as error:
            self.rows[path].refuse(str(error))
            return
        self._part = new
        for other, each in self._attributes.items():
            self.rows[other].setVisible(each.shown(new))
        self.edited.emit(new, attribute.spec.title, path, typed)


# --- converters: from what an editor tells to what the document holds -----------------------


def text(value: Json) -> str:
    """A text; nothing is the empty one."""
    return "" if value is UNSET or value is None else str(value)


def whole(least: int, default: int) -> Convert:
    """A whole number that is at least `least`."""

    def convert(value: Json) -> int:
        if value is UNSET:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("Enter a whole number.")  # noqa: TRY004 - typed
        if value < least:
            raise ValueError(f"Enter {least} or more.")
        return value

    return convert


def seconds(default: float | None, *, zero: bool = False) -> Convert:
    """Seconds, also written as ``1h 30m``."""

    def convert(value: Json) -> float | None:
        if value is UNSET:
            return default
        number = seconds_of(value) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError("Enter seconds, or a duration such as 1h 30m.")  # noqa: TRY004 - typed
        if number < 0 or (number == 0 and not zero):
            raise ValueError("Enter a duration above 0.")
        return float(number)

    return convert


_UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def seconds_of(words: str) -> float | None:
    """The seconds of ``1h 30m``; None when it is no duration."""
    bare = words.strip().lower()
    total, end = 0.0, 0
    for part in _PART.finditer(bare):
        if part.start() != end or part[2] not in _UNITS:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    return total if bare and end == len(bare) else None


def above_zero(default: float) -> Convert:
    """A number above 0."""

    def convert(value: Json) -> float:
        if value is UNSET:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ValueError("Enter a number above 0.")
        return float(value)

    return convert


def flag(default: bool) -> Convert:
    """True or false."""
    return lambda value: default if value is UNSET else bool(value)


def texts(value: Json) -> tuple[str, ...]:
    """Texts without the empty ones, which are still being typed."""
    return tuple(str(each) for each in value if each) if isinstance(value, list) else ()


def unless(value: Any, default: Any) -> Json:
    """A value for its editor; UNSET where it is the default."""
    if value == default and type(value) is type(default):
        return UNSET
    return list(value) if isinstance(value, tuple) else value


def spec(name: str, title: str, kind: FieldKind, description: str = "", **more: Any) -> FieldSpec:
    """A field that is no parameter: never computed."""
    return FieldSpec(
        name=name, title=title, kind=kind, description=description, computable=False, **more
    )


def is_below(where: str, path: str) -> bool:
    """Whether a place is the one that `path` names, or inside it."""
    return where == path or where.startswith((f"{path}.", f"{path}["))


def below(problems: Problems, path: str) -> dict[str, Problem]:
    """The problems at a place and inside it, with their paths from there."""
    return {
        where[len(path) :].removeprefix("."): each
        for where, each in problems.items()
        if is_below(where, path)
    }


_SOURCE = re.compile(r"^the (expression|template) in \S+ is wrong", re.IGNORECASE)


def problems_of(found: Iterable[Diagnostic], prefix: str = "") -> dict[str, Problem]:
    """Diagnostics by the place that they are about, worded for the form that shows them."""
    made: dict[str, Problem] = {}
    for each in found:
        words = _SOURCE.sub(r"the \1 is wrong", each.message.removeprefix(prefix))
        sentence = words[:1].upper() + words[1:]
        place = each.field or "part"
        before = made.get(place)
        is_error = each.severity is Severity.ERROR
        if before is not None:
            sentence = f"{before.sentence}\n{sentence}"
            is_error = is_error or before.is_error
        made[place] = Problem(sentence, is_error)
    return made
