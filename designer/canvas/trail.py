"""The places that were looked at: back and forward, and bookmarks."""

from __future__ import annotations

from designer.canvas.camera import Camera, Place

#: How many places are remembered.
LIMIT = 50


class Trail:
    """Remembers where the camera was before each jump."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._back: list[Place] = []
        self._forward: list[Place] = []
        self._marks: dict[int, Place] = {}

    def leave(self) -> None:
        """The camera is about to jump."""
        self._back.append(self._camera.place)
        del self._back[:-LIMIT]
        self._forward.clear()

    @property
    def can_go_back(self) -> bool:
        """Whether there is a place to go back to."""
        return bool(self._back)

    @property
    def can_go_forward(self) -> bool:
        """Whether there is a place to go forward to."""
        return bool(self._forward)

    def go_back(self) -> None:
        """Go to where the camera was before the last jump."""
        self._step(self._back, self._forward)

    def go_forward(self) -> None:
        """Undo going back."""
        self._step(self._forward, self._back)

    def _step(self, source: list[Place], other: list[Place]) -> None:
        if source:
            other.append(self._camera.place)
            place = source.pop()
            self._camera.look_at(place.centre, place.zoom, glide=True)

    def set_bookmark(self, number: int) -> None:
        """Remember this place under a number."""
        self._marks[number] = self._camera.place

    def go_to_bookmark(self, number: int) -> bool:
        """Go to the place under a number; returns whether there is one."""
        place = self._marks.get(number)
        if place is None:
            return False
        self.leave()
        self._camera.look_at(place.centre, place.zoom, glide=True)
        return True
