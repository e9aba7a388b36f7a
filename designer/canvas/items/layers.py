"""What lies over what."""

from __future__ import annotations

from enum import IntEnum


class Layer(IntEnum):
    """Z values of the items."""

    FRAMES = 0
    ZONES = 10
    EDGES = 20
    LIVE_DOTS = 35
    EDGE_LABELS = 40
    NOTES = 50
    NODES = 60
    #: Fades what is not concerned by the gesture; what is concerned lies over it.
    VEIL = 80
    OVER_VEIL = 90
    LIVE_BARS = 100
