"""Which nodes and edges are where: a grid of squares over the scene. Pure.

Qt's own index answers with items; to paint a thousand nodes and to find what is under the
pointer we need keys, without a call into Python for each candidate.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF

#: Side of a square. Large enough that a node is in one or two, small enough to cut away.
SQUARE = 768.0

_Span = tuple[int, int, int, int]


class Grid:
    """Keys by the squares that their boxes touch."""

    def __init__(self) -> None:
        self._squares: dict[tuple[int, int], dict[str, None]] = {}
        self._spans: dict[str, _Span] = {}

    def put(self, key: str, box: QRectF) -> None:
        """Remember where `key` is now."""
        span = (
            int(box.left() // SQUARE),
            int(box.top() // SQUARE),
            int(box.right() // SQUARE),
            int(box.bottom() // SQUARE),
        )
        old = self._spans.get(key)
        if old == span:
            return
        if old is not None:
            self._take(key, old)
        self._spans[key] = span
        left, top, right, bottom = span
        squares = self._squares
        for across in range(left, right + 1):
            for down in range(top, bottom + 1):
                square = squares.get((across, down))
                if square is None:
                    square = squares[across, down] = {}
                square[key] = None

    def remove(self, key: str) -> None:
        """Forget `key`."""
        span = self._spans.pop(key, None)
        if span is not None:
            self._take(key, span)

    def _take(self, key: str, span: _Span) -> None:
        left, top, right, bottom = span
        for across in range(left, right + 1):
            for down in range(top, bottom + 1):
                square = self._squares[across, down]
                del square[key]
                if not square:
                    del self._squares[across, down]

    def near(self, area: QRectF) -> set[str]:
        """Keys of everything that may touch `area`: what shares a square with it."""
        left, top = int(area.left() // SQUARE), int(area.top() // SQUARE)
        right, bottom = int(area.right() // SQUARE), int(area.bottom() // SQUARE)
        found: set[str] = set()
        if (right - left + 1) * (bottom - top + 1) > len(self._squares):
            for (across, down), square in self._squares.items():
                if left <= across <= right and top <= down <= bottom:
                    found.update(square)
            return found
        for across in range(left, right + 1):
            for down in range(top, bottom + 1):
                found.update(self._squares.get((across, down), ()))
        return found
