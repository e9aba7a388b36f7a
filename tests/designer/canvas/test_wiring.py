"""Drawing wires: from either end, refused with a reason, led elsewhere, cut."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from designer.canvas.items.nodes import Rank
from designer.canvas.quick_add import NodePick
from designer.widgets.kinds import Kind
from engine.model.workflow import PortRef
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import CONTROL, SHIFT, Bench
from tests.designer.canvas.kit import edge, flow, node

PAIR = flow(["a", "b"], places={"b": (300, 120)})
NUMBERS = flow([node("r", "read"), node("s", "sum"), "x"], places={"s": (300, 0), "x": (300, 300)})


def pick(bench: Bench) -> NodePick:
    found = bench.canvas.verbs.adding.list
    assert found is not None
    assert found.isVisible()
    return found


def test_a_drag_from_output_to_input_connects(open_canvas: Open) -> None:
    bench = open_canvas(PAIR)
    bench.drag(bench.port("a.out"), bench.port("b.in", output=False))
    assert bench.edges == {"a.out->b.in"}
    assert bench.document.undo_stack.undoText() == "Connect"
    bench.document.undo()
    assert bench.edges == set()


def test_a_drag_from_input_to_output_connects_the_same_way(open_canvas: Open) -> None:
    bench = open_canvas(PAIR)
    bench.drag(bench.port("b.in", output=False), bench.port("a.out"))
    assert bench.edges == {"a.out->b.in"}


def test_let_go_on_a_node_it_takes_the_port_that_fits(open_canvas: Open) -> None:
    bench = open_canvas(PAIR)
    bench.drag(bench.port("a.out"), bench.body("b"))
    assert bench.edges == {"a.out->b.in"}


def test_while_drawing_what_does_not_fit_lies_under_a_veil(open_canvas: Open) -> None:
    bench = open_canvas(NUMBERS)
    board = bench.canvas.board

    def ranks() -> dict[str, Rank]:
        return {key: board.nodes[key].rank for key in "xs"}

    bench.press(bench.port("r.out"))
    bench.move(bench.port("r.out") + QPointF(60, 60))
    assert board.veil.isVisible()
    assert ranks() == {"x": Rank.OVER_VEIL, "s": Rank.USUAL}
    bench.key(Qt.Key.Key_Escape)
    assert not board.veil.isVisible()
    assert ranks() == {"x": Rank.USUAL, "s": Rank.USUAL}
    assert bench.edges == set()


def test_a_refused_wire_says_why_in_words(open_canvas: Open) -> None:
    bench = open_canvas(NUMBERS)
    bench.drag(bench.port("r.out"), bench.port("s.numbers", output=False))
    assert bench.edges == set()
    text, kind = bench.said[-1]
    assert kind is Kind.WARNING
    assert "gives text" in text
    assert "needs number" in text


def test_a_refused_wire_offers_the_node_between(open_canvas: Open) -> None:
    bench = open_canvas(NUMBERS)
    bench.drag(bench.port("r.out"), bench.port("s.numbers", output=False))
    assert "to_number" in [entry.key for entry in pick(bench).shown]
    QTest.keyClicks(pick(bench)._field, "to number")
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Return)
    assert bench.edges == {"r.out->to_number.in", "to_number.out->s.numbers"}
    assert bench.document.undo_stack.count() == 1


def test_a_second_wire_between_the_same_ports_is_refused(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], ["a->b"], {"b": (300, 120)}))
    bench.drag(bench.port("a.out"), bench.port("b.in", output=False))
    assert bench.edges == {"a.out->b.in"}
    assert "connected" in bench.said[-1][0]


def test_nothing_leads_into_a_trigger(open_canvas: Open) -> None:
    workflow = flow(["a", node("s", "start")], places={"a": (0, 0), "s": (300, 120)})
    bench = open_canvas(workflow)
    bench.drag(bench.port("a.out"), bench.body("s"))
    assert bench.edges == set()
    assert "no inputs" in bench.said[-1][0]


def test_let_go_on_nothing_it_offers_what_fits_and_wires_it(open_canvas: Open) -> None:
    bench = open_canvas(flow([node("r", "read")]))
    bench.drag(bench.port("r.out"), QPointF(420, 260))
    keys = [entry.key for entry in pick(bench).shown]
    assert "to_number" in keys
    assert "sum" not in keys  # takes numbers only
    assert "start" not in keys  # takes nothing
    QTest.keyClicks(pick(bench)._field, "to number")
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Return)
    assert bench.edges == {"r.out->to_number.in"}
    assert bench.document.selection.nodes == {"to_number"}
    x, y = bench.place("to_number")
    assert (x, y + 42) == pytest.approx((420, 260), abs=8)


def test_from_an_input_it_offers_what_gives(open_canvas: Open) -> None:
    bench = open_canvas(flow([node("s", "sum")], places={"s": (400, 100)}))
    bench.drag(bench.port("s.numbers", output=False), QPointF(200, 300))
    keys = {entry.key for entry in pick(bench).shown}
    assert "to_number" in keys
    assert "read" not in keys  # gives text


def test_a_click_on_a_port_selects_its_node(open_canvas: Open) -> None:
    bench = open_canvas(PAIR)
    bench.click(bench.port("a.out"))
    assert bench.document.selection.nodes == {"a"}


def test_the_end_of_a_wire_can_be_led_to_another_node(open_canvas: Open) -> None:
    wired = edge("a->b", when="input > 3")
    places = {"a": (0, 0), "b": (420, 0), "c": (420, 200)}
    bench = open_canvas(flow(["a", "b", "c"], [wired], places))
    near_end = bench.port("b.in", output=False) - QPointF(24, 0)
    bench.drag(near_end, bench.port("c.in", output=False))
    assert bench.edges == {"a.out->c.in"}
    assert bench.workflow.edges[0].when == "input > 3"
    assert bench.document.undo_stack.count() == 1


def test_the_beginning_of_a_wire_can_be_led_to_another_node(open_canvas: Open) -> None:
    places = {"a": (0, 0), "b": (420, 0), "c": (0, 200)}
    bench = open_canvas(flow(["a", "b", "c"], ["a->b"], places))
    bench.drag(bench.port("a.out") + QPointF(24, 0), bench.port("c.out"))
    assert bench.edges == {"c.out->b.in"}


def test_control_drag_from_a_port_takes_its_wire(open_canvas: Open) -> None:
    places = {"a": (0, 0), "b": (420, 0), "c": (420, 200)}
    bench = open_canvas(flow(["a", "b", "c"], ["a->b"], places))
    bench.drag(bench.port("b.in", output=False), bench.port("c.in", output=False), CONTROL)
    assert bench.edges == {"a.out->c.in"}


def test_an_end_let_go_on_nothing_disconnects(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], ["a->b"], {"b": (420, 0)}))
    bench.drag(bench.port("b.in", output=False) - QPointF(24, 0), QPointF(330, 300))
    assert bench.edges == set()
    bench.document.undo()
    assert bench.edges == {"a.out->b.in"}


def test_escape_leaves_a_wire_where_it_was(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], ["a->b"], {"b": (420, 0)}))
    bench.press(bench.port("b.in", output=False) - QPointF(24, 0))
    bench.move(QPointF(330, 300))
    assert bench.canvas.board.edges["a.out->b.in"].is_hidden
    bench.key(Qt.Key.Key_Escape)
    assert not bench.canvas.board.edges["a.out->b.in"].is_hidden
    assert bench.edges == {"a.out->b.in"}


def test_a_line_with_control_and_shift_cuts_the_wires_it_crosses(open_canvas: Open) -> None:
    places = {"a": (0, 0), "b": (420, 0), "c": (0, 200), "d": (420, 200), "e": (420, 600)}
    bench = open_canvas(flow(list("abcde"), ["a->b", "c->d", "c->e"], places))
    bench.drag(QPointF(260, -40), QPointF(260, 246), CONTROL | SHIFT)
    assert bench.edges == {"c.out->e.in"}
    assert bench.document.undo_stack.undoText() == "Cut 2 wires"


def test_a_wire_to_a_node_above_is_drawn_from_the_named_row(open_canvas: Open) -> None:
    bench = open_canvas(flow([node("q", "ask"), "b"], places={"b": (400, 0)}))
    bench.drag(bench.port("q.rejected"), bench.port("b.in", output=False))
    assert bench.workflow.edges[0].source == PortRef("q", "rejected")


def test_the_past_cannot_be_wired(open_canvas: Open) -> None:
    bench = open_canvas(PAIR)
    bench.canvas.set_run_view(None, read_only=True, label="Viewing commit 12")
    bench.drag(bench.port("a.out"), bench.port("b.in", output=False))
    assert bench.edges == set()
    assert bench.said[-1][0].startswith("Viewing commit 12")
