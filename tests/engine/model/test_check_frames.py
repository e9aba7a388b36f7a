"""What validation says of frames, and that edits keep them (U12, U79, patterns 17, 25, 39, 40)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.model.changes import AddNode, RemoveNode, RenameNode, SetFrameBehaviour, apply, invert
from engine.model.codec import dumps, loads
from engine.model.revision import revision_hash
from engine.model.validation import validate
from engine.model.workflow import FrameBehaviour, FrameLock, Node, RetryPolicy, Workflow
from tests.engine.flows import flow, registry

NODES = {"s": "same", "a": "same", "b": "same", "z": "end",
         "c": ("frame.error", {"frame": "f"})}  # fmt: skip
WIRES = "s > a, a > b, b > z, c > z"


def problems(work: Workflow) -> set[tuple[str, str, str]]:
    return {(p.rule, p.node, p.field) for p in validate(work, registry()) if p.rule[0] in "EW"}


def drawn(frames: dict[str, Any], nodes: dict[str, Any] | None = None, wires: str = "") -> Workflow:
    return flow({**NODES, **(nodes or {})}, f"{WIRES}, {wires}", frames=frames)


def test_a_frame_with_a_handler_is_accepted() -> None:
    assert problems(drawn({"f": ("a b", {"retry": RetryPolicy(), "timeout_s": 5.0})})) == set()


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        ({"f": "a", "g": ""}, ("E075-frame-members", "", "frames.g.nodes")),
        ({"f": "a nobody"}, ("E075-frame-members", "", "frames.f.nodes")),
        ({"f": "a b", "g": "b z"}, ("E076-frame-nesting", "b", "frames.f.nodes")),
        ({"f": ("a", {"timeout_s": 0.0})}, ("E078-frame-setting", "", "frames.f.timeout_s")),
        (
            {"f": ("a", {"retry": RetryPolicy(attempts=0)})},
            ("E078-frame-setting", "", "frames.f.retry.attempts"),
        ),
        (
            {"f": ("a", {"lock": FrameLock(name="x", permits=0)})},
            ("E078-frame-setting", "", "frames.f.lock.permits"),
        ),
        (
            {"f": ("a", {"lock": FrameLock(name=" ")})},
            ("E078-frame-setting", "", "frames.f.lock.name"),
        ),
        (
            {
                "f": ("a", {"lock": FrameLock(name="x")}),
                "g": ("b", {"lock": FrameLock(name="x", permits=2)}),
            },
            ("E078-frame-setting", "", "frames.f.lock.permits"),
        ),
        (
            {
                "f": ("a b", {"lock": FrameLock(name="x")}),
                "g": ("b", {"lock": FrameLock(name="x")}),
            },
            ("E078-frame-setting", "", "frames.g.lock.name"),
        ),
        (
            {"f": ("a", {"meters": {"tokens": 3.0}})},
            ("E078-frame-setting", "", "frames.f.meters.tokens"),
        ),
        ({"g": "a"}, ("E079-frame-node", "c", "params.frame")),
        ({"f": "a c"}, ("E079-frame-node", "c", "params.frame")),
    ],
)
def test_what_is_wrong_with_a_frame_is_said(frames: Any, found: tuple[str, str, str]) -> None:
    assert found in problems(drawn(frames))


def test_frames_in_one_another_and_apart_are_accepted() -> None:
    assert problems(drawn({"f": "a b s", "g": "a", "h": "z"})) == set()


def test_a_frame_cuts_no_zone() -> None:
    work = flow(
        {"e": "for_each", "a": "same", "b": "same", "l": "collect"},
        "e.item > a, a > b, b > l",
        frames={"f": "e a"},
    )
    assert ("E076-frame-nesting", "a", "frames.f.nodes") in problems(work)
    for whole in ("e a b l", "a b", "a", "b"):
        assert problems(replace(work, frames={"f": FrameBehaviour(nodes=tuple(whole.split()))})) \
            == set()  # fmt: skip


def test_a_frame_has_a_way_in() -> None:
    work = flow(
        {"t": "trigger.manual", "a": "same", "b": "below"},
        "t > a, b.again > b",
        frames={"f": "b"},
    )
    assert ("E077-frame-entry", "b", "frames.f.nodes") in problems(work)


def test_a_handler_is_in_the_zone_of_its_frame() -> None:
    work = flow(
        {"e": "for_each", "a": "same", "l": "collect", "c": ("frame.error", {"frame": "f"}),
         "z": "end"},
        "e.item > a, a > l, l > z, c > z",
        frames={"f": "a"},
    )  # fmt: skip
    assert ("E079-frame-node", "c", "params.frame") in problems(work)


def test_one_node_takes_the_failures_of_a_frame() -> None:
    work = drawn({"f": "a"}, {"d": ("frame.error", {"frame": "f"})}, "d > z")
    assert ("E079-frame-node", "d", "params.frame") in problems(work)


def test_what_must_not_happen_twice_is_not_in_a_frame_that_is_done_again() -> None:
    """As for the retry of a node: unless the other side can tell that it is the same."""
    again = {"f": ("a b", {"retry": RetryPolicy()})}
    blind = drawn(again, {"a": ("same", {}, {"effects": "once"})})
    assert ("W105-repeated-effect", "a", "frames.f.retry") in problems(blind)
    keyed = drawn(again, {"a": ("same", {"idempotency_key": "x"}, {"effects": "once"})})
    assert problems(keyed) == set()


# --- the document -----------------------------------------------------------------------------


def test_frames_are_kept_by_the_codec_and_count_in_the_revision() -> None:
    work = drawn({"f": ("a b", {"retry": RetryPolicy(attempts=5), "timeout_s": 60.0})})
    assert loads(dumps(work)).frames == work.frames
    plain = replace(work, frames={})
    assert b'"frames"' not in dumps(plain)
    assert revision_hash(work, registry()) != revision_hash(plain, registry())


@pytest.mark.parametrize(
    "change",
    [
        RenameNode("a", "zz"),
        RemoveNode("a"),
        AddNode(Node(key="n", type="same")),
        SetFrameBehaviour("f", None),
        SetFrameBehaviour("f", FrameBehaviour(nodes=("z",))),
        SetFrameBehaviour("e", FrameBehaviour(nodes=("z",))),
    ],
)
def test_every_edit_of_members_can_be_undone(change: Any) -> None:
    before = drawn({"f": "a b", "g": "z"})
    after = apply(before, change)
    assert apply(after, invert(before, change)) == before
    assert dumps(apply(after, invert(before, change))) == dumps(before)


def test_members_follow_their_nodes() -> None:
    before = drawn({"f": "a b"})
    assert apply(before, RenameNode("a", "zz")).frames["f"].nodes == ("b", "zz")
    assert apply(before, RemoveNode("a")).frames["f"].nodes == ("b",)
