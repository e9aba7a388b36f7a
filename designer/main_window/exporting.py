"""Export picture: what is drawn, a look at it, and where it goes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from designer.canvas.picture import Picture
from designer.main_window.dialogs import finished
from designer.theme import DARK, LIGHT, Theme, scaled_px
from designer.widgets.buttons import ButtonKind, ChipButton, TextButton
from engine.model.node_types import Registry
from engine.model.workflow import Workflow
from engine.run_view import RunView

_PREVIEW = QSize(520, 260)
#: A workflow with more nodes is drawn once, when it is saved.
_PREVIEW_NODES = 1500
_THEMES = {"Light": LIGHT, "Dark": DARK}
_FORMATS = {"SVG": "svg", "PNG": "png"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person wants: a file, or the clipboard."""

    kind: str
    to_clipboard: bool = False


class PictureDialog(QDialog):
    """Asks how a workflow is drawn, and shows it."""

    def __init__(
        self, workflow: Workflow, registry: Registry, theme: Theme, run: RunView | None,
        parent: QWidget,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setWindowTitle("Export picture")
        self._workflow, self._registry, self._run = workflow, registry, run
        self.wish: Wish | None = None
        self.formats = self._chips(_FORMATS, "SVG")
        self.themes = self._chips(_THEMES, "Dark" if theme is DARK else "Light")
        self.embed = QCheckBox("Put the workflow inside: the picture can be opened again", self)
        self.embed.setChecked(True)
        self.with_run = QCheckBox("Show the run", self)
        self.with_run.setChecked(run is not None)
        self.with_run.setVisible(run is not None)
        self.preview = QLabel(self)
        self.preview.setFixedSize(_PREVIEW)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setAccessibleName("What the picture looks like")
        self.save = TextButton("Save…", ButtonKind.PRIMARY, "file-save", self)
        self.copy = TextButton("Copy as PNG", ButtonKind.NORMAL, "copy", self)
        self.cancel = TextButton("Cancel", parent=self)
        self.save.setDefault(True)
        self._arrange()
        self.save.clicked.connect(lambda: self._done(Wish(self.kind)))
        self.copy.clicked.connect(lambda: self._done(Wish("png", to_clipboard=True)))
        self.cancel.clicked.connect(self.reject)
        for box in (self.embed, self.with_run):
            box.toggled.connect(self._show_preview)
        for chip in self.themes.values():
            chip.toggled.connect(self._show_preview)
        self._show_preview()

    def _chips(self, names: object, chosen: str) -> dict[str, ChipButton]:
        assert isinstance(names, dict)
        group = QButtonGroup(self)
        chips = {name: ChipButton(name, self) for name in names}
        for name, chip in chips.items():
            group.addButton(chip)
            chip.setChecked(name == chosen)
        return chips

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(scaled_px(9))
        layout.addWidget(self.preview)
        row = QHBoxLayout()
        row.setSpacing(5)
        for chips in (self.formats, self.themes):
            for chip in chips.values():
                row.addWidget(chip)
            row.addSpacing(14)
        row.addStretch(1)
        layout.addLayout(row)
        layout.addWidget(self.with_run)
        layout.addWidget(self.embed)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.save)
        layout.addLayout(buttons)

    @property
    def kind(self) -> str:
        """``svg`` or ``png``."""
        return next(_FORMATS[name] for name, chip in self.formats.items() if chip.isChecked())

    @property
    def picture(self) -> Picture:
        """The picture as it is wanted."""
        theme = next(_THEMES[name] for name, chip in self.themes.items() if chip.isChecked())
        run = self._run if self.with_run.isChecked() else None
        embed = self.embed.isChecked()
        return Picture(self._workflow, self._registry, theme, run=run, embed=embed)

    def _show_preview(self) -> None:
        if len(self._workflow.nodes) > _PREVIEW_NODES:
            self.preview.setText(f"{len(self._workflow.nodes):,} nodes: drawn when it is saved.")
            return
        ratio = self.devicePixelRatioF()
        image = self.picture.image(ratio)
        scaled = image.scaled(
            _PREVIEW * ratio,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        pixmap = QPixmap.fromImage(scaled)
        pixmap.setDevicePixelRatio(ratio)
        self.preview.setPixmap(pixmap)

    def _done(self, wish: Wish) -> None:
        self.wish = wish
        self.accept()


async def export_picture(
    parent: QWidget,
    workflow: Workflow,
    registry: Registry,
    theme: Theme,
    *,
    run: RunView | None,
    folder: Path,
) -> str:
    """Ask how and where, then write; returns what was done in words, empty for nothing.

    Raises:
        OSError: the file cannot be written.
    """
    dialog = PictureDialog(workflow, registry, theme, run, parent)
    await finished(dialog)
    wish = dialog.wish
    if wish is None:
        return ""
    picture = dialog.picture
    if wish.to_clipboard:
        QGuiApplication.clipboard().setImage(_plain(picture.image()))
        return "The picture is on the clipboard."
    path = await _ask_path(parent, folder, workflow.name, wish.kind)
    if path is None:
        return ""
    write_whole(path, picture.svg() if wish.kind == "svg" else picture.png())
    return f"{path.name} was saved."


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: it cannot be written; what was there before is as it was.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        half.write_bytes(data)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _plain(image: QImage) -> QImage:
    """A copy without texts, which some programs paste in place of the picture."""
    return image.convertToFormat(QImage.Format.Format_ARGB32)


async def _ask_path(parent: QWidget, folder: Path, name: str, kind: str) -> Path | None:
    dialog = QFileDialog(parent, "Export picture", str(folder), f"{kind.upper()} (*.{kind})")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(kind)
    dialog.selectFile(f"{name or 'workflow'}.{kind}")
    code = await finished(dialog)
    chosen = dialog.selectedFiles()
    return Path(chosen[0]) if code and chosen else None
