"""Zooming and panning: around the pointer, within limits, by wheel and by fingers."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.canvas.camera import ZOOM_MAX, ZOOM_MIN
from designer.settings import MotionChoice, WheelBehaviour
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import CONTROL, LEFT, NONE, SHIFT, Bench
from tests.designer.canvas.kit import flow

ROW = flow(["a", "b", "c"], ["a->b", "b->c"])


def turn(
    bench: Bench,
    angle: tuple[int, int],
    keys: Qt.KeyboardModifier = NONE,
    at: QPointF = QPointF(300, 200),  # noqa: B008 - a value
    pixels: tuple[int, int] = (0, 0),
) -> None:
    phase = Qt.ScrollPhase.ScrollUpdate if any(pixels) else Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(
        at, bench.canvas.viewport().mapToGlobal(at), QPoint(*pixels), QPoint(*angle),
        Qt.MouseButton.NoButton, keys, phase, False,
    )  # fmt: skip
    QApplication.sendEvent(bench.canvas.viewport(), event)


def test_the_wheel_zooms_around_the_pointer(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    at = QPointF(300, 200)
    before = bench.canvas.to_scene(at)
    turn(bench, (0, 120), at=at)
    assert bench.canvas.zoom == pytest.approx(1.0015**120)
    after = bench.canvas.to_scene(at)
    assert (after - before).manhattanLength() < 1.5  # whole pixels


def test_there_and_back_is_the_same_zoom(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    for angle in (120, 120, -120, -120):
        turn(bench, (0, angle))
    assert bench.canvas.zoom == pytest.approx(1.0)


def test_a_wheel_set_to_pan_pans_and_zooms_with_control(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.settings.wheel = WheelBehaviour.PAN
    top = bench.canvas.camera.sight.top()
    turn(bench, (0, -120))
    assert bench.canvas.zoom == 1.0
    assert bench.canvas.camera.sight.top() == top + 60
    turn(bench, (0, 120), CONTROL)
    assert bench.canvas.zoom > 1.0


def test_shift_and_the_wheel_pan_sideways(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.settings.wheel = WheelBehaviour.PAN
    left = bench.canvas.camera.sight.left()
    turn(bench, (0, -120), SHIFT)
    assert bench.canvas.camera.sight.left() == left + 60


def test_two_fingers_pan_by_pixels_whatever_the_wheel_does(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    corner = bench.canvas.camera.sight.topLeft()
    turn(bench, (0, -15), pixels=(7, -11))
    assert bench.canvas.zoom == 1.0
    assert bench.canvas.camera.sight.topLeft() == corner + QPointF(-7, 11)


def test_a_pinch_zooms(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    spot = QPointF(300, 200)
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture, QPointingDevice.primaryPointingDevice(), 2,
        spot, spot, spot, 0.25, QPointF(),
    )  # fmt: skip
    QApplication.sendEvent(bench.canvas.viewport(), event)
    assert bench.canvas.zoom == pytest.approx(1.25)


@pytest.mark.parametrize(("angle", "limit"), [(480, ZOOM_MAX), (-480, ZOOM_MIN)])
def test_the_zoom_has_limits(open_canvas: Open, angle: int, limit: float) -> None:
    bench = open_canvas(ROW)
    for _ in range(20):
        turn(bench, (0, angle))
    assert bench.canvas.zoom == pytest.approx(limit)


def test_fit_shows_everything_and_never_enlarges(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.fit()
    assert bench.canvas.zoom == 1.0
    assert bench.canvas.camera.sight.contains(bench.canvas.board.content_rect())
    wide = open_canvas(flow(["a", "b"], places={"b": (4000, 2000)}))
    wide.canvas.fit()
    assert wide.canvas.zoom < 0.3
    assert wide.canvas.camera.sight.contains(wide.canvas.board.content_rect())


def test_zoom_to_the_selection(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"b": (4000, 2000)}))
    bench.document.selection.set(nodes=("b",))
    bench.canvas.zoom_to_selection()
    body = bench.canvas.board.nodes["b"].body
    assert bench.canvas.camera.sight.contains(body)
    assert abs(bench.canvas.camera.sight.center().x() - body.center().x()) < 2


def test_revealing_what_is_in_sight_moves_nothing(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    before = bench.canvas.camera.sight
    bench.canvas.reveal("a")
    assert bench.canvas.camera.sight == before


def test_revealing_moves_only_as_far_as_needed(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"b": (1500, 0)}))
    before = bench.canvas.camera.sight
    bench.canvas.reveal("b")
    after = bench.canvas.camera.sight
    assert after.contains(bench.canvas.board.nodes["b"].body)
    assert after.top() == before.top()
    assert after.right() == pytest.approx(1500 + 210 + 24, abs=2)


def test_jumps_can_be_taken_back(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"b": (4000, 0)}))
    actions = ActionRegistry(bench.window)
    bench.canvas.bind_actions(actions)
    before = bench.canvas.camera.sight
    bench.canvas.centre_on("b")
    there = bench.canvas.camera.sight
    assert actions.trigger(ActionId.VIEW_BACK)
    assert bench.canvas.camera.sight == before
    assert actions.trigger(ActionId.VIEW_FORWARD)
    assert bench.canvas.camera.sight == there


def test_with_motion_the_camera_glides_and_arrives(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.settings.motion = MotionChoice.FULL
    goal = QPointF(5000, 100)
    bench.canvas.camera.look_at(goal, 2.0, glide=True)
    assert bench.canvas.zoom < 1.5  # on its way
    assert bench.canvas.camera.place.zoom == 2.0
    bench.qtbot.waitUntil(lambda: bench.canvas.zoom == 2.0, timeout=2000)
    assert (bench.canvas.camera.sight.center() - goal).manhattanLength() < 2


def test_the_window_can_leave_the_nodes_but_not_for_ever(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    for _ in range(200):
        bench.canvas.camera.pan_by(QPointF(-300, 0))
    content = bench.canvas.board.content_rect()
    sight = bench.canvas.camera.sight
    assert not sight.intersects(content)
    assert sight.left() - content.right() < 3 * sight.width()


def test_a_click_in_the_minimap_goes_there(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"b": (6000, 3000)}))
    minimap = bench.canvas.minimap
    bench.qtbot.waitUntil(minimap.isVisible)
    bench.qtbot.wait(20)
    spot = QPoint(minimap.width() - 18, minimap.height() // 2 + 30)
    QTest.mouseClick(minimap, LEFT, NONE, spot)
    centre = bench.canvas.camera.sight.center()
    assert centre.x() > 5000
    assert centre.y() > 2000


def test_the_minimap_shows_while_there_is_more_than_can_be_seen(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    assert not bench.canvas.minimap.isVisible()
    bench.canvas.set_zoom(2.0)
    assert bench.canvas.minimap.isVisible()
    bench.canvas.settings.minimap_visible = False
    assert not bench.canvas.minimap.isVisible()
    bench.canvas.settings.minimap_visible = True
    bench.canvas.fit()
    assert not bench.canvas.minimap.isVisible()


def test_resizing_keeps_what_floats_in_its_corner(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.set_zoom(3.0)
    bench.window.resize(700, 500)
    bench.qtbot.waitUntil(lambda: bench.canvas.width() == 700)
    assert bench.canvas.minimap.width() <= 0.22 * 700 + 1
    corner = bench.canvas.minimap.geometry().bottomRight()
    assert QRectF(bench.canvas.rect()).contains(QPointF(corner))
    assert bench.canvas.rect().bottomRight() - corner == QPoint(12, 12)


def test_a_zoom_is_told_once(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    told: list[float] = []
    bench.canvas.zoom_changed.connect(told.append)
    bench.canvas.set_zoom(0.5)
    bench.canvas.set_zoom(0.5)
    assert told == [0.5]
