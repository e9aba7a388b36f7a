"""The Setup of a frame: its title, its colour, and what it does for the nodes in it."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from designer.panels.inspector_attributes import AttributeForm, is_below, problems_of
from designer.panels.inspector_bench import Bench
from designer.panels.inspector_frame_rules import behaviour_attributes
from designer.panels.inspector_rows import show_problems
from designer.theme import current_theme, scaled_px
from engine.model.changes import SetFrame, SetFrameBehaviour
from engine.model.diagnostics import Diagnostic
from engine.model.membership import members_on
from engine.model.workflow import Frame, FrameBehaviour

#: What the eight colours of every theme are called, in their order.
COLOUR_NAMES = ("Blue", "Green", "Amber", "Red", "Violet", "Teal", "Pink", "Olive")
_SWATCH_PX = 26


class Swatch(QAbstractButton):
    """One colour to choose; the chosen one has a ring."""

    def __init__(self, index: int, parent: QWidget) -> None:
        super().__init__(parent)
        self._index = index
        self.setCheckable(True)
        self.setFixedSize(scaled_px(_SWATCH_PX), scaled_px(_SWATCH_PX))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(COLOUR_NAMES[index])
        self.setAccessibleName(f"Colour {COLOUR_NAMES[index]}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the arrows to the row of colours."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the colour as the canvas has it."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.rect().adjusted(3, 3, -3, -3)
        ring = self.isChecked() or self.hasFocus()
        line = theme.color("accent" if ring else "line_strong")
        painter.setPen(QPen(line, 2 if ring else 1))
        painter.setBrush(QColor(theme.frame_colors[self._index]))
        painter.drawRoundedRect(box, 5, 5)
        if self.isChecked():
            painter.setPen(QPen(theme.color("text"), 2))
            middle = box.center()
            painter.drawLine(middle.x() - 4, middle.y(), middle.x() - 1, middle.y() + 3)
            painter.drawLine(middle.x() - 1, middle.y() + 3, middle.x() + 5, middle.y() - 4)


class Swatches(QWidget):
    """The eight colours, one of them chosen; arrows go from one to the next."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.buttons = [Swatch(index, self) for index in range(len(COLOUR_NAMES))]
        for index, button in enumerate(self.buttons):
            button.clicked.connect(lambda _on=False, index=index: self.chosen.emit(index))
            layout.addWidget(button)
        layout.addStretch(1)

    def show_chosen(self, index: int) -> None:
        """Mark a colour."""
        for place, button in enumerate(self.buttons):
            button.setChecked(place == index % len(self.buttons))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go to the next colour."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        here = next((i for i, button in enumerate(self.buttons) if button.hasFocus()), -1)
        if step and here >= 0:
            self.buttons[(here + step) % len(self.buttons)].setFocus()
        else:
            super().keyPressEvent(event)


class FramePage(QWidget):
    """What can be said of one frame."""

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._frame: Frame | None = None
        head = QLabel("Frame", self)
        head.setProperty("tone", "strong")
        words = QLabel("A titled region behind nodes. It moves what stands on it.", self)
        words.setProperty("tone", "muted")
        words.setWordWrap(True)
        self.title = QLineEdit(self)
        self.title.setAccessibleName("Title of the frame")
        self.title.setPlaceholderText("Frame")
        self.swatches = Swatches(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(6)
        for widget in (head, words, QLabel("Title", self), self.title, QLabel("Colour", self)):
            layout.addWidget(widget)
        layout.addWidget(self.swatches)
        self.behaviour = AttributeForm(behaviour_attributes(self._standing), bench, self)
        layout.addSpacing(6)
        layout.addWidget(self.behaviour)
        self.problems = QLabel(self)
        self.problems.setWordWrap(True)
        self.problems.setTextFormat(Qt.TextFormat.PlainText)
        layout.addWidget(self.problems)
        layout.addStretch(1)
        bench.watch(self.title)
        self.title.textEdited.connect(self._on_title)
        self.swatches.chosen.connect(self._on_colour)
        self.behaviour.edited.connect(self._on_behaviour)

    def show_frame(self, frame: Frame) -> None:
        """Show a frame."""
        fresh = self._frame is None or self._frame.id != frame.id
        self._frame = frame
        does = self._bench.workflow.frames.get(frame.id, FrameBehaviour())
        self.behaviour.show_part(does, fresh=fresh)
        if self.title.text() != frame.title:
            self.title.setText(frame.title)
        self.swatches.show_chosen(frame.colour)

    def forget(self) -> None:
        """Another document is shown."""
        self._frame = None

    def set_locked(self, locked: bool) -> None:
        """Let everything be read only."""
        self.title.setReadOnly(locked)
        self.swatches.setEnabled(not locked)
        self.behaviour.set_locked(locked)

    def set_problems(self, found: tuple[Diagnostic, ...]) -> None:
        """Show what is wrong with what the frame does."""
        begin = f"frames.{self._frame.id}." if self._frame is not None else ""
        mine = [
            replace(each, field=each.field.removeprefix(begin))
            for each in found
            if begin and each.field.startswith(begin)
        ]
        problems = problems_of(mine)
        claimed = self.behaviour.set_problems(problems)
        show_problems(self.problems, [p for place, p in problems.items() if place not in claimed])

    def reveal(self, field: str) -> QWidget | None:
        """The row of a field."""
        place = ".".join(field.split(".")[2:])
        rows = self.behaviour.rows
        return next((rows[path] for path in rows if is_below(place, path)), self.title)

    def _standing(self) -> tuple[str, ...]:
        """The nodes that stand on the frame."""
        return members_on(self._bench.workflow, self._frame) if self._frame is not None else ()

    def _on_behaviour(self, new: FrameBehaviour, title: str, path: str, typed: bool) -> None:
        frame = self._frame
        if frame is None:
            return
        change = SetFrameBehaviour(frame.id, new if new.nodes else None)
        merge = f"frame {frame.id} {path}" if typed else ""
        self._bench.push(change, f"Change {title.lower()} of a frame", merge=merge)

    def _on_title(self, text: str) -> None:
        frame = self._frame
        if frame is not None:
            self._frame = replace(frame, title=text)
            merge = f"frame {frame.id} title"
            self._bench.push(SetFrame(self._frame), "Change the title of a frame", merge=merge)

    def _on_colour(self, index: int) -> None:
        frame = self._frame
        if frame is None:
            return
        self.swatches.show_chosen(index)
        if index != frame.colour % len(COLOUR_NAMES):
            self._frame = replace(frame, colour=index)
            self._bench.push(SetFrame(self._frame), "Change the colour of a frame")

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.update()
