"""Wheel, two fingers and pinch: zoom around the pointer, or pan."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QWheelEvent

from designer.canvas.camera import Camera, wheel_factor
from designer.settings import WheelBehaviour

#: What a notch of the wheel pans, in pixels.
NOTCH_PX = 60.0
_NOTCH = 120.0
#: A wheel step can never jump further than this.
_DELTA_LIMIT = 480.0


def turn_wheel(camera: Camera, event: QWheelEvent, behaviour: WheelBehaviour) -> None:
    """Zoom with Ctrl, or when the wheel is set to zoom; otherwise pan.

    Two fingers on a touchpad (which tell pixels) always pan without Ctrl.
    """
    pixels, angle = event.pixelDelta(), event.angleDelta()
    modifiers = event.modifiers()
    fingers = not pixels.isNull() and event.phase() != Qt.ScrollPhase.NoScrollPhase
    control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
    if control or (behaviour is WheelBehaviour.ZOOM and not fingers):
        delta = float(angle.y() or angle.x())
        delta = max(-_DELTA_LIMIT, min(_DELTA_LIMIT, delta))
        if delta:
            camera.zoom_by(wheel_factor(delta), event.position())
        return
    offset = QPointF(pixels) if fingers else QPointF(angle) * (NOTCH_PX / _NOTCH)
    if modifiers & Qt.KeyboardModifier.ShiftModifier and not offset.x():
        offset = QPointF(offset.y(), 0.0)
    camera.pan_by(offset)


def pinch(camera: Camera, event: QNativeGestureEvent) -> bool:
    """Zoom with two fingers; returns whether the event was one."""
    kind = event.gestureType()
    if kind == Qt.NativeGestureType.ZoomNativeGesture:
        camera.zoom_by(max(0.2, 1.0 + event.value()), event.position())
        return True
    if kind == Qt.NativeGestureType.SmartZoomNativeGesture:
        camera.zoom_to(1.0, event.position())
        return True
    return False
