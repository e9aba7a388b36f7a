"""Small questions to the person. Each is opened, never executed: the loop goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from designer.settings import (
    BarrierView,
    MotionChoice,
    Settings,
    ThemeChoice,
    WheelBehaviour,
)
from designer.widgets.buttons import TextButton
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Language
from designer.widgets.inputs import ChoiceBox, IntegerBox

Json = Any

FILE_FILTER = "Workflows (*.flow.json);;JSON files (*.json);;All files (*)"
#: A picture that was exported holds its workflow.
OPEN_FILTER = f"Workflows and pictures (*.flow.json *.svg *.png);;{FILE_FILTER}"

#: What a capability means, for the person who is asked to allow it.
CAPABILITIES = {
    "network": "reach the network",
    "files": "read and write files",
    "process": "start programs",
    "secrets": "use secrets from the keychain",
}


async def finished(dialog: QDialog) -> int:
    """Wait until an open dialog is closed; return its result code."""
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def settle(code: int) -> None:
        if not done.done():
            done.set_result(code)

    dialog.finished.connect(settle)
    dialog.open()
    try:
        return await done
    finally:
        dialog.deleteLater()


async def ask_path_to_open(parent: QWidget, folder: str) -> Path | None:
    """Ask for a file to open; None when the person thinks better of it."""
    dialog = QFileDialog(parent, "Open workflow", folder, OPEN_FILTER)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    code = await finished(dialog)
    files = dialog.selectedFiles()
    return Path(files[0]) if code and files else None


async def ask_path_to_save(parent: QWidget, suggestion: Path) -> Path | None:
    """Ask where to save; the suffix is added when it is left out."""
    dialog = QFileDialog(parent, "Save workflow as", str(suggestion.parent), FILE_FILTER)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.selectFile(suggestion.name)
    code = await finished(dialog)
    files = dialog.selectedFiles()
    if not code or not files:
        return None
    path = Path(files[0])
    return path if path.suffix == ".json" else path.with_name(f"{path.name}.flow.json")


async def ask_to_save(parent: QWidget, title: str) -> str:
    """Ask what to do with unsaved changes: ``save discard cancel``."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"Save the changes to {title}?")
    box.setInformativeText("Without saving, the edits since the last save are lost.")
    button = QMessageBox.StandardButton
    box.setStandardButtons(button.Save | button.Discard | button.Cancel)
    box.setDefaultButton(button.Save)
    code = await finished(box)
    return {button.Save.value: "save", button.Discard.value: "discard"}.get(code, "cancel")


async def show_failure(text: str, details: str) -> None:
    """Say why the program cannot begin, before there is a window."""
    box = QMessageBox(QMessageBox.Icon.Critical, "Headgate", text)
    box.setInformativeText(details)
    box.setTextFormat(Qt.TextFormat.PlainText)
    await finished(box)


async def ask_overwrite(parent: QWidget, problem: str) -> bool:
    """Ask whether to write over a file that another program has changed."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setText(problem)
    box.setInformativeText("Saving now replaces what the other program wrote.")
    save = box.addButton("Save anyway", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    chosen: list[object] = []
    box.buttonClicked.connect(chosen.append)
    await finished(box)
    return chosen == [save]


async def ask_trust(parent: QWidget, name: str, needs: Mapping[str, tuple[str, ...]]) -> bool:
    """List what a workflow wants to do, and ask whether it may."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setText(f"Let {name} run on this computer?")
    lines = [
        f"•  {CAPABILITIES.get(capability, capability)}: {', '.join(nodes)}"
        for capability, nodes in needs.items()
    ]
    box.setInformativeText(
        "It comes from a file that has not been run here before, and wants to\n"
        + "\n".join(lines)
        + "\n\nAllow it only if you know where it comes from."
    )
    allow = box.addButton("Allow and run", QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel)
    chosen: list[object] = []
    box.buttonClicked.connect(chosen.append)
    await finished(box)
    return chosen == [allow]


class InputDialog(QDialog):
    """The input of a run, as JSON."""

    def __init__(self, value: Json, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Run with input")
        self.resize(560, 420)
        self._edit = CodeEdit(Language.JSON, self)
        self._edit.setPlainText(json.dumps(value, indent=2, ensure_ascii=False))
        self._edit.setAccessibleName("Input of the run, as JSON")
        self._problem = QLabel(self)
        self._problem.setProperty("tone", "error")
        self._problem.setWordWrap(True)
        button = QDialogButtonBox.StandardButton
        self._buttons = QDialogButtonBox(button.Ok | button.Cancel, self)
        self._buttons.button(button.Ok).setText("Run")
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("What the run starts with (JSON). Nodes see it as run.input."))
        layout.addWidget(self._edit, 1)
        layout.addWidget(self._problem)
        layout.addWidget(self._buttons)
        self._edit.textChanged.connect(self._check)
        self._check()

    @property
    def value(self) -> Json:
        """The input."""
        return json.loads(self._edit.toPlainText() or "null")

    def _check(self) -> None:
        problem = ""
        try:
            json.loads(self._edit.toPlainText() or "null")
        except ValueError as error:
            problem = f"This is not JSON yet: {error}."
        self._problem.setText(problem)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not problem)


async def ask_input(parent: QWidget, value: Json) -> tuple[bool, Json]:
    """Ask for the input of a run; the first of the pair says whether to run."""
    dialog = InputDialog(value, parent)
    code = await finished(dialog)
    return (True, dialog.value) if code else (False, None)


class SettingsDialog(QDialog):
    """The person's choices; each takes effect at once."""

    #: The person wants to change keys.
    keys_wanted = Signal()

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(460)
        form = QFormLayout()
        self._choice(form, "&Theme", settings, "theme", ThemeChoice)
        size = IntegerBox(11, 20, self)
        size.setSuffix(" px")
        size.setValue(settings.font_size_px)
        size.valueChanged.connect(lambda value: setattr(settings, "font_size_px", value))
        form.addRow("&Font size", size)
        self._choice(form, "&Motion", settings, "motion", MotionChoice)
        self._choice(form, "Mouse &wheel", settings, "wheel", WheelBehaviour)
        self._choice(form, "Barriers open in a", settings, "barrier_view", BarrierView)
        name = QLineEdit(settings.user_name, self)
        name.setPlaceholderText("The name of your account")
        name.editingFinished.connect(lambda: setattr(settings, "user_name", name.text().strip()))
        form.addRow("&Sign decisions as", name)
        self._choice(form, "After a &decision", settings, "resume_after_decision", _YesNo)
        for label, choice, words in _SWITCHES:
            form.addRow(label, self._switch(settings, choice, words))
        keys = TextButton("Change keys…", icon_name="keyboard", parent=self)
        keys.clicked.connect(self.keys_wanted)
        form.addRow("&Keys", keys)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        close.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(close)

    def _switch(self, settings: Settings, name: str, words: str) -> QCheckBox:
        box = QCheckBox(words, self)
        box.setChecked(getattr(settings, name))
        box.toggled.connect(lambda on: setattr(settings, name, on))
        return box

    def _choice(
        self, form: QFormLayout, label: str, settings: Settings, name: str, kind: Any
    ) -> None:
        box = ChoiceBox(self)
        for choice in kind:
            word: str = choice.value
            box.addItem(_WORDS.get(word, word), choice)
        current = getattr(settings, name)
        values = [choice.value for choice in kind]
        box.setCurrentIndex(values.index(getattr(current, "value", current)))
        box.activated.connect(lambda index: setattr(settings, name, _plain(list(kind)[index])))
        form.addRow(label, box)


class _Switch:
    """A yes or no that reads as words in a list."""

    def __init__(self, value: bool) -> None:
        self.value = value


#: Label, the choice, and what it says while it is on.
_SWITCHES = (
    ("While another program", "notify_decisions", "tell me of decisions that wait"),
    ("is in front,", "notify_failures", "tell me of runs that fail"),
    ("", "notify_run_end", "tell me of runs that are done"),
    ("At the start", "restore_session", "open what was open the last time"),
)
_YesNo = (_Switch(True), _Switch(False))
_WORDS: dict[object, str] = {
    ThemeChoice.SYSTEM.value: "As the system",
    ThemeChoice.LIGHT.value: "Light",
    ThemeChoice.DARK.value: "Dark",
    ThemeChoice.HIGH_CONTRAST.value: "High contrast",
    WheelBehaviour.ZOOM.value: "Zooms",
    WheelBehaviour.PAN.value: "Scrolls",
    MotionChoice.FULL.value: "Full",
    MotionChoice.REDUCED.value: "Reduced",
    BarrierView.DIALOG.value: "Window beside the canvas",
    BarrierView.DOCK.value: "Row of the Barriers panel",
    True: "The run goes on at once",
    False: "The run goes on when it is resumed",
}


def _plain(choice: Any) -> Any:
    return choice.value if isinstance(choice, _Switch) else choice
