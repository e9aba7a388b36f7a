"""Fonts with their measures and the texts that were laid out in them.

Laying a text out takes ten times longer than drawing it, and the same words are drawn at
every zoom; so each face keeps what it has laid out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QStaticText

#: How many texts a face keeps before it starts again.
TEXTS_KEPT = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A font with its measures. Compared by identity."""

    font: QFont
    metrics: QFontMetricsF
    _texts: dict[tuple[str, int], QStaticText] = field(default_factory=dict, repr=False)

    def draw(
        self,
        painter: QPainter,
        box: QRectF,
        text: str,
        color: QColor,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        """Draw one line of `text` in the middle of the height of `box`, cut to its width."""
        laid_out = self._laid_out(text, int(box.width()))
        size = laid_out.size()
        left = box.left()
        if align == Qt.AlignmentFlag.AlignRight:
            left = box.right() - size.width()
        elif align == Qt.AlignmentFlag.AlignHCenter:
            left = box.center().x() - size.width() / 2
        painter.setFont(self.font)
        painter.setPen(color)
        painter.drawStaticText(QPointF(left, box.center().y() - size.height() / 2), laid_out)

    def width_of(self, text: str) -> float:
        """How wide `text` is when nothing cuts it."""
        return self._laid_out(text, 10_000).size().width()

    def scaled(self, scale: float) -> Face:
        """The same font in another size; the same face for sizes that round to one."""
        return _resized(self, max(1, round(self.font.pixelSize() * scale)))

    def _laid_out(self, text: str, width: int) -> QStaticText:
        found = self._texts.get((text, width))
        if found is not None:
            return found
        if len(self._texts) >= TEXTS_KEPT:
            self._texts.clear()
        line = " ".join(text.split())
        if self.metrics.horizontalAdvance(line) > width:
            line = self.metrics.elidedText(line, Qt.TextElideMode.ElideRight, width)
        made = QStaticText(line)
        made.setTextFormat(Qt.TextFormat.PlainText)
        made.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        made.prepare(font=self.font)
        self._texts[text, width] = made
        return made


def face(font: QFont) -> Face:
    """`font` as a face for the canvas."""
    # Nodes are drawn at any zoom: hinted letters would jump from one zoom to the next.
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return Face(font, QFontMetricsF(font))


@lru_cache(maxsize=32)
def _resized(original: Face, size_px: int) -> Face:
    font = QFont(original.font)
    font.setPixelSize(size_px)
    return Face(font, QFontMetricsF(font))
