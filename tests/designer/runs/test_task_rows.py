"""Task ids of a node as rows of a list."""

from __future__ import annotations

import pytest

from designer.runs.task_rows import place_of, task_words


@pytest.mark.parametrize(
    ("task", "total", "words"),
    [
        ("score@each.3", 87, "item 4 of 87"),
        ("score@each.3", 0, "item 4"),
        ("score@outer.1,each.3", 87, "item 2, item 4 of 87"),
        ("score@again.2", -1, "round 3"),
        ("score@each.3#1", 87, "item 4 of 87, visit 2"),
        ("score#4", 0, "visit 5"),
        ("score", 0, "visit 1"),
    ],
)
def test_a_task_is_named_by_its_items_and_visits(task: str, total: int, words: str) -> None:
    assert task_words(task, total) == words


def test_tasks_stand_in_the_order_of_their_items() -> None:
    tasks = ["a@each.10", "a@each.9#1", "a@each.9", "a@each.2"]
    assert sorted(tasks, key=place_of) == ["a@each.2", "a@each.9", "a@each.9#1", "a@each.10"]
