"""The title of a frame says what it does, and how it stands in the run that is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtGui import QImage

from designer.canvas.frame_words import badges, live, words_of_frames
from designer.canvas.items.frame_item import fitting
from designer.theme import ALL_THEMES
from engine.model.workflow import Frame, FrameBehaviour, FrameLock, RetryPolicy
from engine.run_view import FrameView, RunView
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.kit import flow

DOES = FrameBehaviour(
    nodes=("a",), retry=RetryPolicy(attempts=3), timeout_s=90.0,
    lock=FrameLock(name="gpu", permits=2), one_at_a_time=True, meters={"tokens": 5.0},
)  # fmt: skip


def test_every_behaviour_has_a_badge() -> None:
    assert badges(DOES, caught=True) == (
        "retry ×3", "within 1 min 30 s", "lock gpu ×2", "one at a time", "tokens ≤ 5", "on error"
    )  # fmt: skip
    assert badges(FrameBehaviour(nodes=("a",)), caught=False) == ()


def test_the_words_of_a_run_say_how_a_frame_stands() -> None:
    assert live(None)[0] == ""
    assert live(FrameView(open=1)) == ("at work", "running")
    assert live(FrameView(open=2, attempt=2, of=3)) == ("2 open, attempt 2 of 3", "running")
    assert live(FrameView(done=1, attempt=3, of=3)) == ("done, attempt 3", "ok")
    assert live(FrameView(done=4)) == ("4 done", "ok")
    assert live(FrameView(failed=1, done=2)) == ("failed", "failed")
    assert live(FrameView(cancelled=1)) == ("cancelled", "muted")


def test_nothing_is_at_work_in_a_run_that_has_ended() -> None:
    assert live(FrameView(open=1), over=True) == ("not finished", "muted")
    assert live(FrameView(open=1, failed=1), over=True) == ("failed", "failed")
    assert live(FrameView(done=2), over=True) == ("2 done", "ok")
    drawn = replace(flow(["a"]), frames={"f": DOES})
    open_one = {"f": FrameView(open=1)}
    assert words_of_frames(drawn, RunView(status="running", frames=open_one))["f"].live == "at work"
    ended = words_of_frames(drawn, RunView(status="failed", frames=open_one))["f"]
    assert ended.live == "not finished"


@pytest.mark.parametrize(
    "view",
    [FrameView(open=1), FrameView(done=1), FrameView(failed=1), FrameView(cancelled=1)],
    ids=["open", "done", "failed", "cancelled"],
)
def test_every_way_a_frame_stands_has_a_colour_in_every_theme(view: FrameView) -> None:
    _, role = live(view)
    for theme in ALL_THEMES:
        assert theme.color(role).isValid()
        assert role == "muted" or theme.color(f"text_{role}").isValid()


def test_badges_that_do_not_fit_are_counted_by_one_that_does() -> None:
    assert fitting([40, 40], 86, 26) == 2
    assert fitting([40, 40], 85, 26) == 1  # and "+1"
    assert fitting([40, 40, 40], 118, 26) == 2
    assert fitting([90, 20], 60, 26) == 0
    assert fitting([], 0, 26) == 0


def test_the_badges_are_painted_and_follow_the_run(open_canvas: Open) -> None:
    frame = Frame(id="f", title="Pay", x=-40, y=-60, width=900, height=260)
    drawn = flow(["a", "b"], ["a->b"], frames=(frame,))
    bench = open_canvas(replace(drawn, frames={"f": DOES}))
    item = bench.canvas.board.frames["f"]

    def picture() -> QImage:
        return bench.canvas.viewport().grab().toImage()

    def live() -> str:
        return item.words.live

    assert item.words.badges[0] == "retry ×3" and not live()
    before = picture()
    view = RunView(status="running", frames={"f": FrameView(open=1, attempt=2, of=3)})
    bench.canvas.set_run_view(view)
    assert live() == "attempt 2 of 3"
    assert picture() != before
