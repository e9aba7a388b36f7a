"""The garbage collector is asked for patience, never switched off (DESIGN 7: W1, W9)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from engine.model.node_types import Output
from engine.runtime.collector import (
    AGED_AT_MOST,
    FULL_AFTER,
    patience,
    without_collection,
)
from tests.engine.flows import Bench, flow, node_type

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual_thresholds() -> Iterator[None]:
    """Begin with Python's own thresholds and give back what was there."""
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    gc.collect()
    yield
    gc.set_threshold(*before)


class Knot:
    """A cycle that only the collector can free."""

    def __init__(self) -> None:
        self.me = self


def test_what_was_made_without_collection_is_old_and_not_exempt() -> None:
    with without_collection():
        knot = Knot()
    alive = weakref.ref(knot)
    assert gc.get_freeze_count() == 0
    assert not any(each is knot for each in gc.get_objects(generation=0))
    assert any(each is knot for each in gc.get_objects(generation=2))
    del knot
    gc.collect()
    assert alive() is None


def test_what_somebody_froze_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with without_collection():
            pass
        assert gc.get_freeze_count() >= frozen
    finally:
        gc.unfreeze()


def test_what_is_old_is_freed_however_often_plans_are_made() -> None:
    """Each time the collector counts from the beginning: else it would never come to it."""
    gc.collect()
    knot = Knot()
    alive = weakref.ref(knot)
    with without_collection():
        pass
    del knot
    for _ in range(AGED_AT_MOST):
        assert alive() is not None
        with without_collection():
            pass
    assert alive() is None


def test_who_has_switched_collection_off_is_left_alone() -> None:
    gc.disable()
    try:
        young = gc.get_count()[0]
        with without_collection():
            knot = Knot()
        assert not gc.isenabled()
        assert gc.get_count()[0] >= young
        del knot
    finally:
        gc.enable()


def test_collection_goes_on_after_an_error() -> None:
    with pytest.raises(ValueError, match="broken"), without_collection():
        raise ValueError("broken")
    assert gc.isenabled()


def test_full_collections_are_rarer_until_the_last_leg_has_ended() -> None:
    with patience:
        with patience:
            assert gc.get_threshold() == (*USUAL[:2], FULL_AFTER)
        assert gc.get_threshold() == (*USUAL[:2], FULL_AFTER)
    assert gc.get_threshold() == USUAL


def test_thresholds_of_others_are_left_alone() -> None:
    with patience:
        gc.set_threshold(5_000, 20, 20)
    assert gc.get_threshold() == (5_000, 20, 20)
    gc.set_threshold(700, 10, 1_000)
    with patience:
        assert gc.get_threshold() == (700, 10, 1_000)


async def test_a_leg_makes_full_collections_rarer_and_collection_stays_on() -> None:
    seen: list[tuple[bool, tuple[int, int, int]]] = []

    def look(params: object, ctx: object) -> Output:
        del params, ctx
        seen.append((gc.isenabled(), gc.get_threshold()))
        return Output({"out": 1})

    async with Bench(node_type("look", look)) as bench:
        await bench.run(flow({"a": "look"}, ""))
    assert seen == [(True, (*USUAL[:2], FULL_AFTER))]
    assert gc.get_threshold() == USUAL
