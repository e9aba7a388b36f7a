"""Small pictures of workflow files: drawn one at a time when the window rests, and kept."""

from __future__ import annotations

import hashlib
from collections import deque
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel
from shiboken6 import isValid

from designer.canvas.picture import Picture
from designer.settings import cache_dir
from designer.theme import current_theme
from engine.model.codec import load_file
from engine.model.failures import EngineError
from engine.model.node_types import Registry

#: Between two drawings the window gets its turn.
PAUSE_MS = 15
#: What is larger is not drawn: nobody would see anything in so small a picture.
MOST_BYTES = 2_000_000
MOST_NODES = 600


class Thumbnails(QObject):
    """Fills labels with pictures of files, the first that was wanted first."""

    def __init__(self, registry: Registry, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._registry = registry
        self._wanted: deque[tuple[Path, QLabel]] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._next)

    def want(self, path: Path, label: QLabel) -> None:
        """Show the picture of a file in a label, soon, in the colours of the theme."""
        self._wanted.append((path, label))
        self._timer.start()

    def _next(self) -> None:
        if not self._wanted:
            self._timer.stop()
            return
        path, label = self._wanted.popleft()
        if isValid(label):
            ratio = label.devicePixelRatioF()
            image = thumbnail(path, label.size() * ratio, self._registry)
            if image is not None:
                pixmap = QPixmap.fromImage(image)
                pixmap.setDevicePixelRatio(ratio)
                label.setPixmap(pixmap)


def thumbnail(path: Path, size: QSize, registry: Registry) -> QImage | None:
    """The picture of a workflow file, no larger than `size`; None when there is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    theme = current_theme()
    mark = hashlib.sha256(data + f"{theme.key} {size.width()}x{size.height()}".encode())
    kept = cache_dir() / "thumbnails" / f"{mark.hexdigest()[:32]}.png"
    known = QImage(str(kept)) if kept.exists() else QImage()
    if not known.isNull():
        return known
    try:
        workflow = load_file(path)
    except EngineError:
        return None
    if not workflow.nodes or len(workflow.nodes) > MOST_NODES:
        return None
    picture = Picture(workflow, registry, theme, embed=False)
    scale = min(size.width() / picture.area.width(), size.height() / picture.area.height(), 1.0)
    # Twice as large, then smoothly smaller: thin lines stay lines.
    image = picture.image(2 * scale).scaled(
        size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        image.save(str(kept), "PNG")  # type: ignore[call-overload] # the stub wants bytes
    except OSError:
        pass  # it is drawn again the next time
    return image
