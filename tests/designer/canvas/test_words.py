"""The words on the chip, state by state."""

from __future__ import annotations

import pytest

from designer.canvas.words import chip_of, way_not_taken
from designer.theme import NodeState
from engine.events import ErrorInfo
from engine.run_view import NodeView

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("node", "state", "words"),
    [
        (None, NodeState.NOT_RUN, "Not run"),
        (NodeView(), NodeState.NOT_RUN, "Not run"),
        (NodeView(state="ready"), NodeState.READY, "Ready"),
        (NodeView(state="ready", text="waits for 2 of 3"), NodeState.READY, "Waits for 2 of 3"),
        (NodeView(state="running"), NodeState.RUNNING, "Running"),
        (NodeView(state="running", started_at=NOW - 4.9), NodeState.RUNNING, "Running 4 s"),
        (NodeView(state="running", started_at=NOW - 123), NodeState.RUNNING, "Running 2 min 03 s"),
        (NodeView(state="running", fraction=0.62), NodeState.RUNNING, "Running 62 %"),
        (NodeView(state="running", done=34, total=50), NodeState.RUNNING, "Running 34 of 50"),
        (NodeView(state="waiting", due_at=NOW + 598), NodeState.NEEDS_DECISION,
         "Needs approval 09:58"),
        (NodeView(state="waiting"), NodeState.NEEDS_DECISION, "Needs approval"),
        (NodeView(state="waiting", active=3), NodeState.NEEDS_DECISION, "Needs 3 decisions"),
        (NodeView(state="timer", due_at=NOW + 42), NodeState.WAITING, "42 s left"),
        (NodeView(state="timer", text="order.paid"), NodeState.WAITING, "Order.paid"),
        (NodeView(state="timer"), NodeState.WAITING, "Waits for an event"),
        (NodeView(state="retry", attempt=2, attempts=5, due_at=NOW + 8.4), NodeState.RETRY,
         "Retry 2 of 5 in 8 s"),
        (NodeView(state="retry", attempt=2, attempts=5, due_at=NOW), NodeState.RETRY,
         "Retry 2 of 5 now"),
        (NodeView(state="done", duration_s=1.24), NodeState.DONE, "Done 1.24 s"),
        (NodeView(state="done", works=2), NodeState.RUNNING, "2 in the background"),
        (NodeView(state="done", works_failed=1), NodeState.FAILED, "1 failed in the background"),
        (NodeView(state="recorded"), NodeState.FROM_CHECKPOINT, "From checkpoint"),
        (NodeView(state="failed", error=ErrorInfo(code="http", message="HTTP 503")),
         NodeState.FAILED, "Failed: HTTP 503"),
        (NodeView(state="failed"), NodeState.FAILED, "Failed"),
        (NodeView(state="cancelled"), NodeState.CANCELLED, "Cancelled"),
        (NodeView(state="skipped", text="if = false"), NodeState.SKIPPED, "Skipped (if = false)"),
        (NodeView(state="skipped"), NodeState.SKIPPED, "Skipped"),
    ],
)  # fmt: skip
def test_the_chip_says(node: NodeView | None, state: NodeState, words: str) -> None:
    chip = chip_of(node, NOW)
    assert (chip.state, chip.words) == (state, words)


def test_a_wait_for_later_names_the_time_of_day() -> None:
    words = chip_of(NodeView(state="timer", due_at=NOW + 3600), NOW).words
    assert words.startswith("Until ")
    assert words[-3] == ":"


@pytest.mark.parametrize(
    ("node", "ticks"),
    [
        (NodeView(state="running", started_at=NOW - 4), True),
        (NodeView(state="waiting", due_at=NOW + 5), True),
        (NodeView(state="retry", due_at=NOW + 5), True),
        (NodeView(state="waiting"), False),
        (NodeView(state="waiting", due_at=NOW - 5), False),
        (NodeView(state="done", duration_s=3), False),
        (NodeView(state="running", fraction=0.5), False),
    ],
)
def test_only_words_that_change_with_time_tick(node: NodeView, ticks: bool) -> None:
    assert chip_of(node, NOW).ticks is ticks


def test_a_run_that_is_over_counts_nothing() -> None:
    chip = chip_of(NodeView(state="running", started_at=NOW - 400), NOW, ended=True)
    assert chip.words == "Running"
    assert not chip.ticks


def test_nothing_goes_on_in_the_background_of_a_run_that_is_over() -> None:
    chip = chip_of(NodeView(state="done", works=2), NOW, ended=True)
    assert (chip.state, chip.words) == (NodeState.DONE, "Handed over")
    failed = chip_of(NodeView(state="done", works=1, works_failed=1), NOW, ended=True)
    assert (failed.state, failed.words) == (NodeState.FAILED, "1 failed in the background")


def test_a_long_reason_is_cut_to_one_line() -> None:
    error = ErrorInfo(code="x", message="a\nb " * 100)
    words = chip_of(NodeView(state="failed", error=error), NOW).words
    assert len(words) < 80
    assert "\n" not in words


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        (["approved"], "Skipped (not approved)"),
        (["large", "small", "large"], "Skipped (not large or small)"),
        (["out"], "Skipped (condition not met)"),
        ([], "Skipped (condition not met)"),
    ],
)
def test_a_skipped_node_names_the_way_that_was_not_taken(ports: list[str], words: str) -> None:
    reason = "review did not lead here"
    chip = chip_of(NodeView(state="skipped", text=reason), NOW)
    assert way_not_taken(chip, reason, ports).words == words


def test_another_reason_to_skip_stays_as_it_is() -> None:
    chip = chip_of(NodeView(state="skipped", text="if = false"), NOW)
    assert way_not_taken(chip, "if = false", ["approved"]) is chip


def test_a_failed_node_does_not_say_its_title_again() -> None:
    error = ErrorInfo(code="http_status", message="Ask failed: the server answered 503")
    node = NodeView(state="failed", error=error)
    assert chip_of(node, NOW, title="Ask").words == "Failed: the server answered 503"
    assert chip_of(node, NOW, title="Tell").words == "Failed: Ask failed: the server answered 503"
