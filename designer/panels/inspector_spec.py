"""How the form of a node type is drawn: its parameter model read as fields, without widgets."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.model.node_types import NodeType

Json = Any


class Unset(Enum):
    """No value: the field is left out of the document and its default counts."""

    UNSET = "unset"


UNSET = Unset.UNSET


class FieldKind(StrEnum):
    """What a field is edited with."""

    TEXT = "text"
    #: A text of several lines.
    AREA = "area"
    CODE = "code"
    #: Any value, written as JSON in an editor.
    JSON = "json"
    #: Any value, usually computed: starts as an expression.
    ANY = "any"
    #: A text that is itself the source of an expression.
    SOURCE = "source"
    NUMBER = "number"
    SWITCH = "switch"
    CHOICE = "choice"
    DURATION = "duration"
    PATH = "path"
    SECRET = "secret"
    #: The name of one of the workflow's channels.
    CHANNEL = "channel"
    #: The id of one of the workflow's frames.
    FRAME = "frame"
    LIST = "list"
    MAPPING = "mapping"
    #: A list of objects with fields of their own.
    CARDS = "cards"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of a form.

    Attributes:
        nullable: null is a value of its own.
        computable: it may be an expression instead of a value.
        is_template: a plain text is a Jinja template.
        words: what each choice is called, where not by its own name.
        singular: what one object in a list of cards is called.
        lowest, highest: limits of a number, None where there is none.
        starts_computed: an empty field is an empty expression.
        sees_output: an expression may read what the node has made.
        unordered: the order of a list of cards means nothing to the document.
        shown_when: the field means something only while others have one of these values.
        item: what a list or a mapping holds.
        fields: of each object in a list of cards.
    """

    name: str
    title: str
    kind: FieldKind
    description: str = ""
    required: bool = False
    default: Json = None
    nullable: bool = False
    computable: bool = True
    is_template: bool = False
    unit: str = ""
    placeholder: str = ""
    singular: str = ""
    language: str = ""
    advanced: bool = False
    shown_when: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    lowest: float | None = None
    highest: float | None = None
    starts_computed: bool = False
    sees_output: bool = False
    unordered: bool = False
    item: FieldSpec | None = None
    fields: tuple[FieldSpec, ...] = ()

    def is_default(self, value: Json) -> bool:
        """Whether leaving the field out means the same as `value`."""
        if self.required or self.kind is FieldKind.ANY:
            return False  # the input of the node may stand for what is left out, null never does
        plain = list(self.default) if isinstance(self.default, tuple) else self.default
        return type(plain) is type(value) and plain == value


def fields_of(node_type: NodeType) -> tuple[FieldSpec, ...]:
    """The fields of a node type, in the order of its model."""
    return tuple(
        _field(
            name,
            info,
            computable=name not in node_type.raw,
            is_template=name in node_type.templates,
        )
        for name, info in node_type.params.model_fields.items()
    )


def _field(
    name: str, info: FieldInfo, *, computable: bool = True, is_template: bool = False
) -> FieldSpec:
    hints = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    annotation, nullable, metadata = _bare(info.annotation)
    whole, lowest, highest = _limits(annotation, [*info.metadata, *metadata])
    widget = str(hints.get("widget", ""))
    kind = _kind(annotation, widget, computable=computable)
    default = info.get_default(call_default_factory=True) if not info.is_required() else None
    shown_when: Any = hints.get("shown_when", {})
    return FieldSpec(
        name=info.alias or name,
        title=info.title or name.replace("_", " ").capitalize(),
        kind=kind,
        description=info.description or "",
        required=info.is_required(),
        default=default,
        nullable=nullable,
        computable=computable and kind is not FieldKind.SOURCE,
        is_template=is_template,
        unit=str(hints.get("unit", "")),
        placeholder=str(hints.get("placeholder", "")),
        language=str(hints.get("language", "")),
        advanced=bool(hints.get("advanced", False)),
        shown_when=shown_when,
        choices=tuple(str(c) for c in get_args(annotation)) if kind is FieldKind.CHOICE else (),
        whole=whole,
        lowest=lowest,
        highest=highest,
        starts_computed=annotation is Any and widget == "expression",
        item=_item(annotation, kind, computable=computable),
        singular=_singular(info.title or name),
        fields=_inner(annotation, computable=computable) if kind is FieldKind.CARDS else (),
    )


def _singular(title: str) -> str:
    """``answer`` for *More answers*."""
    return title.rsplit(" ", 1)[-1].lower().removesuffix("s")


def _bare(annotation: Any) -> tuple[Any, bool, list[Any]]:
    """An annotation without ``| None`` and ``Annotated``, whether null is allowed, metadata."""
    metadata: list[Any] = []
    nullable = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata += more
        elif get_origin(annotation) in (Union, types.UnionType):
            members = [each for each in get_args(annotation) if each is not type(None)]
            nullable = nullable or len(members) < len(get_args(annotation))
            if len(members) != 1:
                # Of several kinds the first is the one that a form is made for.
                return members[0], nullable, metadata
            annotation = members[0]
        else:
            return annotation, nullable, metadata


def _limits(annotation: Any, metadata: Sequence[Any]) -> tuple[bool, float | None, float | None]:
    lowest = highest = None
    for each in metadata:
        for name in ("ge", "gt"):
            lowest = getattr(each, name, lowest)
        for name in ("le", "lt"):
            highest = getattr(each, name, highest)
    return annotation is int, lowest, highest


_WIDGETS = {
    "code": FieldKind.CODE,
    "multiline": FieldKind.AREA,
    "path": FieldKind.PATH,
    "secret": FieldKind.SECRET,
    "duration": FieldKind.DURATION,
    "frame": FieldKind.FRAME,
}


def _kind(annotation: Any, widget: str, *, computable: bool = True) -> FieldKind:
    origin = get_origin(annotation)
    if origin is Literal:
        return FieldKind.CHOICE
    if origin in (tuple, list):
        inner = get_args(annotation)[0]
        is_model = isinstance(inner, type) and issubclass(inner, BaseModel)
        return FieldKind.CARDS if is_model else FieldKind.LIST
    if widget == "code":
        return FieldKind.CODE if annotation is str else FieldKind.JSON
    if origin is dict or annotation is dict:
        return FieldKind.MAPPING
    if annotation is str:
        if widget == "expression":
            return FieldKind.ANY if computable else FieldKind.SOURCE
        return _WIDGETS.get(widget, FieldKind.TEXT)
    if annotation is bool:
        return FieldKind.SWITCH
    if annotation in (int, float):
        return _WIDGETS.get(widget, FieldKind.NUMBER)
    return FieldKind.ANY


def _item(annotation: Any, kind: FieldKind, *, computable: bool) -> FieldSpec | None:
    if kind not in (FieldKind.LIST, FieldKind.MAPPING):
        return None
    arguments = get_args(annotation)
    inner = Any if not arguments else arguments[1] if kind is FieldKind.MAPPING else arguments[0]
    bare, _, _ = _bare(inner)
    return FieldSpec(
        name="", title="Value", kind=_kind(bare, ""), whole=bare is int, computable=computable,
        required=True,
    )  # fmt: skip


def _inner(annotation: Any, *, computable: bool) -> tuple[FieldSpec, ...]:
    model: type[BaseModel] = get_args(annotation)[0]
    return tuple(
        _field(name, info, computable=computable) for name, info in model.model_fields.items()
    )


# --- values and expressions -----------------------------------------------------------------


def mode_of(value: Json) -> Literal["value", "expr", "template"]:
    """How a value of a document is computed, if it is."""
    if isinstance(value, Mapping) and len(value) == 1:
        if isinstance(value.get("expr"), str):
            return "expr"
        if isinstance(value.get("template"), str):
            return "template"
    return "value"


def is_shown(spec: FieldSpec, values: Mapping[str, Json], defaults: Mapping[str, Json]) -> bool:
    """Whether the other fields have the values under which this one means something.

    A field that another one depends on and that is computed may turn out to be anything.
    """
    for name, wanted in spec.shown_when.items():
        value = values.get(name, defaults.get(name))
        if mode_of(value) == "value" and value not in wanted:
            return False
    return True
