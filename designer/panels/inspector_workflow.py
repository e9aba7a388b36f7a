"""The workflow's own settings: what the inspector shows while nothing is selected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from designer.panels.inspector_attributes import (
    Attribute,
    AttributeForm,
    Convert,
    is_below,
    problems_of,
    seconds,
    spec,
    text,
    texts,
    unless,
    whole,
)
from designer.panels.inspector_bench import Bench
from designer.panels.inspector_channels import channels_attribute
from designer.panels.inspector_rows import show_problems
from designer.panels.inspector_rules import invariants_attribute, meters_attribute
from designer.panels.inspector_spec import UNSET, FieldKind
from designer.widgets.format import plural
from designer.widgets.section import CollapsibleSection
from engine.model.changes import (
    Change,
    Compound,
    RemoveChannel,
    SetChannel,
    SetSettings,
    SetWorkflowName,
)
from engine.model.diagnostics import Diagnostic
from engine.model.workflow import Limits, Save, Settings, Workflow

Json = Any

_COMMITS = {
    "eager": "Eager: each result as it comes",
    "strict": "Strict: in a fixed order, step by step",
}
_DURABILITY = {
    "process": "A crash of this program",
    "power": "A power cut too; slower",
}
_ORDER = {
    "breadth_first": "All branches side by side",
    "depth_first": "One branch before the next",
}
_ON_FAILURE = {
    "fail_fast": "End the run at once",
    "finish": "Let what runs end, start nothing more",
    "collect": "Go on with everything that does not need it",
}
_BACKGROUND = {
    "wait": "The run waits for it at its end",
    "detach": "Goes on when the run has ended",
    "cancel": "Is cancelled when all else is done",
}
_SAVE = {
    "every_commit": "Each as it is made",
    "on_wait": "Where the run waits, and at the end",
    "on_request": "When somebody asks, where it waits, and at the end",
    "interval": "At the latest after a time",
    "adaptive": "Before too much work is at stake",
    "at_end": "At the end, and where the run waits",
}
_SAVE_FAILURE = {
    "fail": "End the run; it can be resumed",
    "retry": "Try again while the run waits",
    "continue": "Go on without, and catch up",
}
_LIMITS = (
    ("supersteps", "Supersteps", 1, ""),
    ("executions", "Node executions", 1, ""),
    ("visits", "Rounds of one cycle", 1, ""),
    ("items", "Items of one For each", 1, ""),
    ("concurrency", "Tasks at the same time", 1, ""),
    ("processes", "Processes, 0 for one per core", 0, ""),
    ("value_bytes", "Size of one value", 1, "bytes"),
    ("depth", "Workflows that call one another", 1, "deep"),
)


class WorkflowPage(QWidget):
    """Name, settings and channels of the workflow."""

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._workflow: Workflow | None = None
        self.title = QLabel("Workflow", self)
        self.title.setProperty("tone", "strong")
        self.problems = QLabel(self)
        self.problems.setWordWrap(True)
        self.problems.setTextFormat(Qt.TextFormat.PlainText)
        self.main = AttributeForm(_main_attributes(), bench, self)
        self.channels = AttributeForm([channels_attribute()], bench, self, folded=True)
        self.environment = AttributeForm(_environment_attributes(), bench, self, folded=True)
        self.running = AttributeForm(_running_attributes(), bench, self, folded=True)
        self.limits = AttributeForm(_limit_attributes(), bench, self, folded=True)
        self.rules = AttributeForm([invariants_attribute()], bench, self, folded=True)
        self.budgets = AttributeForm([meters_attribute()], bench, self, folded=True)
        self.forms = (
            self.main,
            self.channels,
            self.environment,
            self.running,
            self.rules,
            self.budgets,
            self.limits,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 16)
        layout.setSpacing(10)
        for widget in (self.title, self.problems, self.main):
            layout.addWidget(widget)
        self.sections: list[CollapsibleSection] = []
        for words, form in (
            ("Channels", self.channels),
            ("Constants and environment", self.environment),
            ("How it runs", self.running),
            ("What must always hold", self.rules),
            ("Budgets", self.budgets),
            ("Limits", self.limits),
        ):
            section = CollapsibleSection(words, self, expanded=form is self.channels)
            section.set_content(form)
            self.sections.append(section)
            layout.addWidget(section)
        layout.addStretch(1)
        for form in self.forms:
            form.edited.connect(self._on_edited)

    def show_workflow(self, workflow: Workflow) -> None:
        """Show a workflow; what is shown of it already stays as it is."""
        old = self._workflow
        if workflow is old:
            return
        self._workflow = workflow
        for form in self.forms:
            form.show_part(workflow, fresh=old is None or old.id != workflow.id)
        self.title.setText(f"Workflow with {plural(len(workflow.nodes), 'node')}")
        self.sections[0].set_summary(str(len(workflow.channels) or ""))

    def forget(self) -> None:
        """Another document is shown."""
        self._workflow = None

    def set_locked(self, locked: bool) -> None:
        """Let everything be read only."""
        for form in self.forms:
            form.set_locked(locked)

    def set_problems(self, found: tuple[Diagnostic, ...]) -> None:
        """Show what is wrong with the workflow as a whole."""
        problems = problems_of(found)
        claimed: set[str] = set()
        for form in self.forms:
            claimed |= form.set_problems(problems)
        show_problems(self.problems, [p for place, p in problems.items() if place not in claimed])

    def reveal(self, field: str) -> QWidget | None:
        """Open what hides a field and return its row."""
        for index, form in enumerate(self.forms):
            for path in form.paths:
                if is_below(field, path):
                    if index:
                        self.sections[index - 1].set_expanded(True)
                    return form.rows[path]
        return next(iter(self.main.rows.values()))

    def _on_edited(self, new: Workflow, title: str, path: str, typed: bool) -> None:
        old = self._workflow
        if old is None:
            return
        changes: list[Change] = []
        if new.name != old.name:
            changes.append(SetWorkflowName(new.name))
        if new.settings != old.settings:
            changes.append(SetSettings(new.settings))
        changes += [RemoveChannel(name) for name in old.channels if name not in new.channels]
        changes += [
            SetChannel(channel)
            for name, channel in new.channels.items()
            if old.channels.get(name) != channel
        ]
        if not changes:
            return
        change = changes[0] if len(changes) == 1 else Compound(tuple(changes))
        merge = f"workflow.{path}" if typed else ""
        if self._bench.push(change, f"Change {title.lower()} of the workflow", merge=merge):
            self.show_workflow(self._bench.workflow)


# --- fields ---------------------------------------------------------------------------------


def _setting(
    name: str, title: str, kind: FieldKind, convert: Convert, description: str = "", **more: Any
) -> Attribute:
    default = getattr(Settings(), name)
    return Attribute(
        spec=spec(name, title, kind, description, default=default, **more),
        path=f"settings.{name}",
        read=lambda workflow: unless(getattr(workflow.settings, name), default),
        write=lambda workflow, value: replace(
            workflow, settings=replace(workflow.settings, **cast(Any, {name: convert(value)}))
        ),
    )


def _or(default: Json) -> Convert:
    return lambda value: default if value is UNSET else value


def _main_attributes() -> list[Attribute]:
    return [
        Attribute(
            spec=spec("name", "Name", FieldKind.TEXT, required=True),
            path="name",
            read=lambda workflow: workflow.name or UNSET,
            write=lambda workflow, value: replace(workflow, name=_need(text(value))),
        ),
        _setting("description", "Description", FieldKind.AREA, text),
        _setting("input", "Example input", FieldKind.JSON, _or(None),
                 "Used when the workflow is run without another input.",
                 placeholder='{"path": "invoices.csv"}'),
        _setting("input_to", "Input goes to channel", FieldKind.CHANNEL, lambda v: text(v) or None,
                 "It is merged there by the reducer when a run starts."),
        _setting("extra_to", "Undeclared writes go to channel", FieldKind.CHANNEL,
                 lambda v: text(v) or None,
                 "An object with the reducer keys; without it they are refused."),
        _setting("result", "Result", FieldKind.SOURCE, lambda v: text(v) or None,
                 "What a run returns. Empty: the values of its End nodes.",
                 placeholder="state.total"),
    ]  # fmt: skip


def _need(name: str) -> str:
    if not name.strip():
        raise ValueError("Give the workflow a name.")
    return name


def _environment_attributes() -> list[Attribute]:
    return [
        _setting("vars", "Constants", FieldKind.MAPPING, _or({}), "Read as vars.name.",
                 item=spec("", "Value", FieldKind.ANY, required=True)),
        _setting("env", "Environment variables", FieldKind.LIST, texts,
                 "Names that expressions may read as env.NAME; never for secrets.",
                 item=spec("", "Name", FieldKind.TEXT, required=True)),
    ]  # fmt: skip


def _running_attributes() -> list[Attribute]:
    return [
        _setting("commit", "Results are stored", FieldKind.CHOICE, _or("eager"),
                 choices=tuple(_COMMITS), words=_COMMITS),
        _setting("durability", "A run outlives", FieldKind.CHOICE, _or("process"),
                 choices=tuple(_DURABILITY), words=_DURABILITY),
        _setting("on_failure", "When a task fails for good", FieldKind.CHOICE, _or("fail_fast"),
                 choices=tuple(_ON_FAILURE), words=_ON_FAILURE),
        _setting("order", "What starts first", FieldKind.CHOICE, _or("breadth_first"),
                 choices=tuple(_ORDER), words=_ORDER),
        _setting("background", "Work in the background", FieldKind.CHOICE, _or("wait"),
                 choices=tuple(_BACKGROUND), words=_BACKGROUND),
        _save("when", "Checkpoints are saved", FieldKind.CHOICE, _or("every_commit"),
              description="Waits, decisions and the end are always saved at once.",
              choices=tuple(_SAVE), words=_SAVE),
        _save("seconds", "At the latest after", FieldKind.DURATION, seconds(10.0), unit="s",
              shown=lambda workflow: workflow.settings.save.when in ("interval", "adaptive")),
        _save("on_failure", "When they cannot be saved", FieldKind.CHOICE, _or("fail"),
              choices=tuple(_SAVE_FAILURE), words=_SAVE_FAILURE),
    ]  # fmt: skip


def _save(
    name: str,
    title: str,
    kind: FieldKind,
    convert: Convert,
    *,
    description: str = "",
    shown: Callable[[Workflow], bool] = lambda workflow: True,
    **more: Any,
) -> Attribute:
    default = getattr(Save(), name)

    def write(workflow: Workflow, value: Json) -> Workflow:
        save = replace(workflow.settings.save, **cast(Any, {name: convert(value)}))
        return replace(workflow, settings=replace(workflow.settings, save=save))

    return Attribute(
        spec=spec(name, title, kind, description, default=default, **more),
        path=f"settings.save.{name}",
        read=lambda workflow: unless(getattr(workflow.settings.save, name), default),
        write=write,
        shown=shown,
    )


def _limit_attributes() -> list[Attribute]:
    defaults = Limits()

    def limit(name: str, title: str, kind: FieldKind, convert: Convert, **more: Any) -> Attribute:
        default = getattr(defaults, name)
        return Attribute(
            spec=spec(name, title, kind, default=default, **more),
            path=f"settings.limits.{name}",
            read=lambda workflow: unless(getattr(workflow.settings.limits, name), default),
            write=_writer_of_limit(name, convert),
        )

    numbers = [
        limit(name, title, FieldKind.NUMBER, whole(least, getattr(defaults, name)), whole=True,
              lowest=least, unit=unit)
        for name, title, least, unit in _LIMITS
    ]  # fmt: skip
    by_type = limit(
        "by_type", "At the same time, by kind of node", FieldKind.MAPPING, _or({}),
        item=spec("", "Tasks", FieldKind.NUMBER, whole=True, lowest=1, required=True),
    )  # fmt: skip
    time = limit(
        "run_seconds", "Duration of a run", FieldKind.DURATION, seconds(defaults.run_seconds),
        unit="s",
    )  # fmt: skip
    return [*numbers, by_type, time]


def _writer_of_limit(name: str, convert: Convert) -> Callable[[Workflow, Json], Workflow]:
    def write(workflow: Workflow, value: Json) -> Workflow:
        limits = replace(workflow.settings.limits, **cast(Any, {name: convert(value)}))
        return replace(workflow, settings=replace(workflow.settings, limits=limits))

    return write
