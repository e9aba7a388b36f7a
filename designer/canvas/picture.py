"""A workflow as a picture file that holds the workflow itself.

PNG carries it as text, SVG as metadata: a picture in a chat can be opened again. Lines and
letters are drawn anew in full detail, not copied from the screen.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize
from PySide6.QtGui import QImage, QImageReader, QImageWriter, QPainter
from PySide6.QtSvg import QSvgGenerator

from designer.canvas.ink import Ink
from designer.canvas.node_painter import Detail, node_style
from designer.canvas.resolve import Facts, resolve
from designer.canvas.scene import CanvasScene
from designer.canvas.zones import find_zones
from designer.theme import Theme
from engine.model.codec import dumps, loads
from engine.model.node_types import Registry
from engine.model.workflow import Workflow
from engine.run_view import RunView

#: The key of the text in a PNG, and the id of the metadata in an SVG.
EMBEDDED = "headgate-workflow"
MARGIN = 40.0
#: No side of a picture is longer: a huge workflow is drawn smaller.
LONGEST_PX = 16_000
#: No file larger than this is searched for a workflow.
LIMIT_BYTES = 64 * 1024 * 1024

_METADATA = re.compile(rf'<metadata id="{EMBEDDED}">\s*([A-Za-z0-9+/=\s]*)</metadata>')


class Picture:
    """The picture of one workflow, ready to be drawn.

    Args:
        workflow: what is drawn.
        registry: the node types.
        theme: the colours.
        run: a run that is shown over it, or None.
        embed: put the workflow into the file.
    """

    def __init__(
        self,
        workflow: Workflow,
        registry: Registry,
        theme: Theme,
        *,
        run: RunView | None = None,
        embed: bool = True,
    ) -> None:
        self._workflow = workflow
        self._embed = embed
        self._theme = theme
        self._ink = Ink(node_style(theme), detail=Detail.FULL, vector=True)
        self._scene = CanvasScene(self._ink)
        now = run.updated_at if run is not None else 0.0
        facts = Facts(run=run, zones=find_zones(workflow, registry), now=now)
        self._scene.apply(resolve(workflow, registry, facts).state)

    @property
    def area(self) -> QRectF:
        """What is drawn, in scene coordinates."""
        content = self._scene.content_rect()
        if content.isEmpty():
            content = QRectF(0, 0, 400, 200)
        return content.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)

    def image(self, scale: float = 2.0) -> QImage:
        """The picture in pixels, `scale` of them to a pixel at 100 %."""
        area = self.area
        scale = min(scale, LONGEST_PX / max(area.width(), area.height()))
        size = QSize(max(1, round(area.width() * scale)), max(1, round(area.height() * scale)))
        image = QImage(size, QImage.Format.Format_RGB32)
        image.fill(self._theme.color("canvas"))
        painter = QPainter(image)
        self._paint(painter, QRectF(image.rect()))
        painter.end()
        if self._embed:
            image.setText(EMBEDDED, self._packed())
        return image

    def png(self, scale: float = 2.0) -> bytes:
        """The picture as a PNG file."""
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        QImageWriter(buffer, QByteArray(b"PNG")).write(self.image(scale))
        return bytes(buffer.data().data())

    def svg(self) -> bytes:
        """The picture as an SVG file."""
        area = self.area
        buffer = QBuffer()
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(area.size().toSize())
        generator.setViewBox(QRectF(0, 0, area.width(), area.height()))
        generator.setTitle(self._workflow.name)
        painter = QPainter(generator)
        painter.fillRect(QRectF(0, 0, area.width(), area.height()), self._theme.color("canvas"))
        self._paint(painter, QRectF(0, 0, area.width(), area.height()))
        painter.end()
        text = bytes(buffer.data().data()).decode()
        if self._embed:
            mark = f'<metadata id="{html.escape(EMBEDDED)}">{self._packed()}</metadata>\n</svg>'
            text = mark.join(text.rsplit("</svg>", 1))
        return text.encode()

    def _packed(self) -> str:
        """The document, as letters that neither format changes: PNG takes spaces together."""
        return base64.b64encode(dumps(self._workflow)).decode()

    def _paint(self, painter: QPainter, target: QRectF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        self._scene.render(painter, target, self.area)


def workflow_in(path: Path) -> Workflow | None:
    """The workflow that a picture holds; None when it holds none.

    Raises:
        UnreadableFile: it holds something that is no workflow.
    """
    text = _text_in(path)
    return loads(text, source=str(path)) if text else None


def _text_in(path: Path) -> bytes:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            return b""
        if path.suffix.lower() == ".svg":
            found = _METADATA.search(path.read_text(encoding="utf-8", errors="replace"))
            packed = found.group(1) if found else ""
        else:
            packed = QImageReader(str(path)).text(EMBEDDED)
        return base64.b64decode("".join(packed.split()))
    except (OSError, binascii.Error):
        return b""
