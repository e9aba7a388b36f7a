"""A run on the canvas: what is shown when, at what pace, and the past."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPointF

from designer.settings import MotionChoice
from designer.theme import NodeState, current_theme
from engine.model.changes import RemoveNode, SetNode
from engine.run_view import NodeView, RunView
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import NOW, Bench
from tests.designer.canvas.kit import flow, node

ROW = flow(["a", "b", "c"], ["a->b", "b->c"])


def run(**nodes: NodeView) -> RunView:
    view = RunView(status="running")
    view.nodes.update(nodes)
    return view


def state(bench: Bench, key: str) -> NodeState:
    return bench.canvas.board.state.nodes[key].state


def words(bench: Bench, key: str) -> str:
    return bench.canvas.board.state.nodes[key].words


def test_a_run_is_shown_at_once(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.set_run_view(run(a=NodeView(state="done", duration_s=1.24)))
    assert words(bench, "a") == "Done 1.24 s"
    bench.canvas.set_run_view(None)
    assert state(bench, "a") is NodeState.NOT_RUN


def test_updates_of_a_run_are_collected_into_frames(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    view = run(a=NodeView(state="ready"))
    bench.canvas.set_run_view(view)
    frames: list[object] = []
    bench.canvas.presenter.shown.connect(frames.append)
    for count in range(50):
        view.nodes["a"].state = "running"
        view.nodes["a"].fraction = count / 50
        bench.canvas.set_run_view(view, touched={"a"})
    assert frames == []  # a frame was shown a moment ago
    bench.qtbot.waitUntil(lambda: words(bench, "a") == "Running 98 %", timeout=1000)
    assert len(frames) == 1


def test_only_touched_nodes_change(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    view = run(a=NodeView(state="ready"), b=NodeView(state="ready"))
    bench.canvas.set_run_view(view)
    before = bench.canvas.board.state.nodes["b"]
    shown: list[set[str]] = []
    bench.canvas.presenter.shown.connect(shown.append)
    view.nodes["a"].state = "done"
    bench.canvas.set_run_view(view, touched={"a"})
    bench.qtbot.waitUntil(lambda: state(bench, "a") is NodeState.DONE, timeout=1000)
    assert shown == [{"a"}]
    assert bench.canvas.board.state.nodes["b"] is before


def test_a_touched_node_that_is_gone_is_passed_over(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    view = run(a=NodeView(state="running"))
    bench.canvas.set_run_view(view)
    bench.document.push(RemoveNode("a"), "Delete")
    bench.canvas.set_run_view(view, touched={"a", "nowhere"})
    bench.qtbot.wait(60)
    assert "a" not in bench.canvas.board.nodes


def test_countdowns_count_once_a_second(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    waiting = NodeView(state="waiting", due_at=NOW + 598, active=1)
    bench.canvas.set_run_view(run(a=waiting))
    assert words(bench, "a") == "Needs approval 09:58"
    bench.time = NOW + 3
    bench.qtbot.waitUntil(lambda: words(bench, "a") == "Needs approval 09:55", timeout=2500)


def test_nothing_ticks_when_nothing_counts(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.set_run_view(run(a=NodeView(state="waiting", due_at=NOW + 9)))
    assert bench.canvas.presenter.is_ticking
    bench.canvas.set_run_view(run(a=NodeView(state="done")))
    assert not bench.canvas.presenter.is_ticking


def test_a_click_on_the_chip_of_a_waiting_node_opens_its_request(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    told: list[str] = []
    bench.canvas.decision_requested.connect(told.append)
    bench.canvas.set_run_view(run(a=NodeView(state="waiting", request="r7")))  # type: ignore[arg-type] # a test's id
    chip = QPointF(100, 64)
    bench.click(chip)
    assert told == ["r7"]
    bench.click(QPointF(100, 14))
    assert told == ["r7"]  # the title is not the chip


def test_live_wires_move_until_the_run_rests(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.settings.motion = MotionChoice.FULL
    view = run(a=NodeView(state="done"), b=NodeView(state="running", started_at=NOW))
    view.taken = {"a.out->b.in": 1}
    bench.canvas.set_run_view(view)
    assert bench.canvas.is_animating
    view.nodes["b"].state = "done"
    view.status = "completed"
    bench.canvas.set_run_view(view)
    bench.qtbot.waitUntil(lambda: not bench.canvas.is_animating, timeout=1000)


def test_in_the_past_clocks_stand_still_and_nothing_moves(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.settings.motion = MotionChoice.FULL
    view = run(
        a=NodeView(state="done"),
        b=NodeView(state="running", started_at=NOW),
        c=NodeView(state="waiting", due_at=NOW + 598, active=1),
    )
    view.taken = {"a.out->b.in": 1}
    view.updated_at = NOW
    bench.time = NOW + 300
    bench.canvas.set_run_view(view, read_only=True)
    assert words(bench, "c") == "Needs approval 09:58"
    assert not bench.canvas.presenter.is_ticking
    assert not bench.canvas.is_animating
    bench.canvas.set_run_view(view)
    assert words(bench, "c") == "Needs approval 04:58"
    assert bench.canvas.is_animating


def test_with_reduced_motion_nothing_moves(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    view = run(a=NodeView(state="done"), b=NodeView(state="running", started_at=NOW))
    view.taken = {"a.out->b.in": 1}
    bench.canvas.set_run_view(view)
    assert not bench.canvas.is_animating


def corner_color(bench: Bench) -> str:
    image = bench.canvas.viewport().grab().toImage()
    return image.pixelColor(image.width() - 3, 3).name()


def test_the_past_looks_different_and_says_which_moment(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    present = corner_color(bench)
    assert present == current_theme().canvas.lower()
    bench.canvas.set_run_view(run(), read_only=True, label="Viewing commit 12")
    assert bench.canvas.is_read_only
    assert bench.canvas.moment == "Viewing commit 12"
    assert corner_color(bench) != present
    bench.canvas.set_run_view(run())
    assert not bench.canvas.is_read_only
    assert corner_color(bench) == present


def test_a_read_only_document_looks_like_the_past_and_says_why(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.set_read_only("This is the version that a run used.")
    assert bench.canvas.moment == "Read-only"
    assert corner_color(bench) != current_theme().canvas.lower()
    bench.drag(bench.body("a"), bench.body("a") + QPointF(0, 100))
    assert bench.place("a") == (0, 0)
    assert bench.said[-1][0] == "This is the version that a run used."
    bench.document.set_read_only("")
    assert not bench.canvas.is_read_only


def test_in_the_past_nodes_cannot_be_dragged(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.set_run_view(run(), read_only=True, label="Viewing commit 12")
    bench.drag(bench.body("a"), bench.body("a") + QPointF(0, 100))
    assert bench.place("a") == (0, 0)
    assert bench.document.selection.nodes == {"a"}  # but looked at
    assert "Viewing commit 12" in bench.said[-1][0]


def test_the_past_draws_the_version_that_ran(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.push(RemoveNode("b"), "Delete")
    bench.canvas.set_run_view(run(b=NodeView(state="done")), read_only=True, pinned=ROW)
    assert state(bench, "b") is NodeState.DONE
    bench.canvas.set_run_view(None)
    assert "b" not in bench.canvas.board.nodes


def test_nodes_edited_since_the_run_are_marked(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    view = run(a=NodeView(state="done"), b=NodeView(state="done"))
    bench.canvas.set_run_view(view, pinned=ROW)
    assert state(bench, "a") is NodeState.DONE
    bench.document.push(SetNode(replace(ROW.nodes["a"], params={"say": "x"})), "Edit")
    assert state(bench, "a") is NodeState.EDITED
    assert state(bench, "b") is NodeState.DONE


def test_another_document_forgets_the_run_and_the_past(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.set_run_view(run(a=NodeView(state="done")), read_only=True, label="Past")
    bench.document.replace(flow(["a"]))
    assert state(bench, "a") is NodeState.NOT_RUN
    assert not bench.canvas.is_read_only


def test_breakpoints_are_marked(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.set_breakpoints({"b": "before it starts"})
    assert bench.canvas.board.state.nodes["b"].breakpoint
    bench.canvas.set_breakpoints({})
    assert not bench.canvas.board.state.nodes["b"].breakpoint


def test_the_name_of_the_canvas_says_how_the_run_stands(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    assert bench.canvas.accessibleName() == "Workflow invoice, 3 nodes"
    bench.canvas.set_run_view(run(a=NodeView(state="failed", failed=1)))
    assert bench.canvas.accessibleName() == "Workflow invoice, 3 nodes, 1 failed"


@pytest.mark.parametrize("wired", [True, False])
def test_zones_are_drawn_while_they_are_closed(open_canvas: Open, wired: bool) -> None:
    nodes = [node("e", "for_each"), node("x"), node("k", "collect")]
    edges = ["e.item->x.in", "x->k"] if wired else ["e.item->x.in"]
    bench = open_canvas(flow(nodes, edges))
    assert bool(bench.canvas.board.zones) is wired
    if wired:
        box = bench.canvas.board.zones["e"].boundingRect()
        assert all(box.contains(shape.body) for shape in bench.canvas.board.nodes.values())


def test_a_zone_says_how_far_it_is(open_canvas: Open) -> None:
    nodes = [node("e", "for_each"), node("x"), node("k", "collect")]
    bench = open_canvas(flow(nodes, ["e.item->x.in", "x->k"]))
    bench.canvas.set_run_view(run(x=NodeView(state="running", done=34, total=50)))
    zone = bench.canvas.board.state.zones[0]
    assert (zone.done, zone.total) == (34, 50)
