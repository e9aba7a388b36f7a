"""What frames do wrong: members, borders, ways in, settings, the nodes that belong to them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.check_nodes import NodeFacts, wrong_retry
from engine.model.check_writers import repeats_blindly
from engine.model.diagnostics import Diagnostic
from engine.model.workflow import FrameBehaviour

#: Role of a node type to what a node of it does to the frame that it names.
_ABOUT_A_FRAME = {"caught": "takes the failures of", "withdraw": "cancels"}


def check_frames(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of frames, and of the nodes that name one."""
    frames = doc.workflow.frames
    for key, frame in frames.items():
        yield from _check_members(doc, key, frame)
        yield from _check_settings(doc, key, frame)
    for (first, one), (second, other) in combinations(sorted(frames.items()), 2):
        left, right = set(one.nodes), set(other.nodes)
        both = left & right
        if both and both not in (left, right):
            yield rules.FRAME_NESTING.broken(
                f"{title_of_frame(doc, first)} and {title_of_frame(doc, second)} overlap: "
                f"{doc.titles(tuple(sorted(both)))} lie in both, and each has others too.",
                "Let one of them hold all of the other, or nothing of it.",
                node=min(both),
                field=f"frames.{first}.nodes",
            )
    yield from _check_nodes_of_frames(doc)


def title_of_frame(doc: Checked, key: str) -> str:
    """Return what a person calls a frame."""
    boxes = {box.id: box.title for box in doc.workflow.view.frames}
    return f"The frame {boxes.get(key) or key}"


def _check_members(doc: Checked, key: str, frame: FrameBehaviour) -> Iterator[Diagnostic]:
    name, field = title_of_frame(doc, key), f"frames.{key}.nodes"
    for missing in sorted(set(frame.nodes) - set(doc.nodes)):
        yield rules.FRAME_MEMBERS.broken(
            f"{name} has the member {missing}, which is no node.",
            f"Take {missing} out of the frame.",
            field=field,
        )
    members = {node for node in frame.nodes if node in doc.nodes}
    if not members:
        yield rules.FRAME_MEMBERS.broken(
            f"{name} has no nodes, so it can do nothing.",
            "Put nodes into it, or take its behaviour away.",
            field=field,
        )
        return
    entered = any(edge.source.node not in members for node in members
                  for edge in doc.into.get(node, ()))  # fmt: skip
    if not entered and members.isdisjoint(doc.graph.sources):
        yield rules.FRAME_ENTRY.broken(
            f"Nothing leads into {name[0].lower()}{name[1:]}, and no run begins in it.",
            "Connect a node outside of it to one inside.",
            node=min(members),
            field=field,
        )
    for split, zone in doc.graph.zones.items():
        whole = {split, zone.collect, *zone.body}
        inside = whole & members
        if inside and not whole <= members and not members <= zone.body:
            yield rules.FRAME_NESTING.broken(
                f"{name} cuts the zone of {doc.title(split)}.",
                f"Put all of it from {doc.title(split)} to {doc.title(zone.collect)} into the "
                "frame, or nothing of it, or only nodes between the two.",
                node=min(inside),
                field=field,
            )


def _check_settings(doc: Checked, key: str, frame: FrameBehaviour) -> Iterator[Diagnostic]:
    name, field = title_of_frame(doc, key), f"frames.{key}"
    if frame.timeout_s is not None and not frame.timeout_s > 0:
        yield rules.FRAME_SETTING.broken(
            f"{name}: a timeout of {frame.timeout_s:g} s leaves no time to run.",
            "Correct the number.",
            field=f"{field}.timeout_s",
        )
    yield from _check_lock(doc, key, frame)
    for meter, amount in frame.meters.items():
        if meter not in doc.workflow.settings.meters:
            yield rules.FRAME_SETTING.broken(
                f"{name} may use so much of the budget {meter}, which the workflow does not have.",
                f"Declare {meter} in the settings of the workflow.",
                field=f"{field}.meters.{meter}",
            )
        elif not (math.isfinite(amount) and amount >= 0):
            yield rules.FRAME_SETTING.broken(
                f"{name} may use {amount:g} of {meter}, which is no limit.",
                "Enter a number from 0 on.",
                field=f"{field}.meters.{meter}",
            )
    if frame.retry is None:
        return
    for setting, what in wrong_retry(frame.retry):
        yield rules.FRAME_SETTING.broken(
            f"{name}: {what}.", "Correct the number.", field=f"{field}.{setting}"
        )
    if frame.retry.attempts < 2:
        return
    for node in sorted(set(frame.nodes) & set(doc.nodes)):
        facts = doc.nodes[node]
        if not facts.node.disabled and any(map(repeats_blindly, (facts, *facts.alternatives))):
            yield rules.REPEATED_EFFECT.broken(
                f"{doc.title(node)} must not happen twice, yet {name[0].lower()}{name[1:]} is "
                f"done up to {frame.retry.attempts} times.",
                "Send an idempotency key with it, or take it out of the frame.",
                node=node,
                field=f"{field}.retry",
            )


def _check_lock(doc: Checked, key: str, frame: FrameBehaviour) -> Iterator[Diagnostic]:
    lock = frame.lock
    if lock is None:
        return
    name, field = title_of_frame(doc, key), f"frames.{key}.lock"
    if not lock.name.strip():
        yield rules.FRAME_SETTING.broken(
            f"{name} has a lock without a name.", "Name the lock.", field=f"{field}.name"
        )
    if lock.permits < 1:
        yield rules.FRAME_SETTING.broken(
            f"{name}: a lock with {lock.permits} permits lets nobody in.",
            "Give it at least 1.",
            field=f"{field}.permits",
        )
    for other, each in doc.workflow.frames.items():
        if other == key or each.lock is None or each.lock.name != lock.name:
            continue
        if each.lock.permits != lock.permits and other > key:
            yield rules.FRAME_SETTING.broken(
                f"{name} and {_lower(title_of_frame(doc, other))} have the lock {lock.name} with "
                "different numbers of permits.",
                "Give both the same.",
                field=f"{field}.permits",
            )
        if set(frame.nodes) < set(each.nodes):
            yield rules.FRAME_SETTING.broken(
                f"{name} lies in {_lower(title_of_frame(doc, other))} and has the same lock "
                f"{lock.name}: it would wait for the frame around it.",
                "Take the lock from one of them.",
                field=f"{field}.name",
            )


def _check_nodes_of_frames(doc: Checked) -> Iterator[Diagnostic]:
    """On error and Cancel frame name a frame; the first stands beside it, alone."""
    catching: dict[str, str] = {}
    for key, facts in doc.nodes.items():
        role = facts.type.role if facts.type is not None and not facts.node.disabled else ""
        if role not in _ABOUT_A_FRAME:
            continue
        frame = str(facts.node.params.get("frame", ""))
        if frame not in doc.workflow.frames:
            yield rules.FRAME_NODE.broken(
                f"{doc.title(key)} {_ABOUT_A_FRAME[role]} the frame {frame or '(none)'}, which "
                "does nothing for any node.",
                "Choose a frame, and name its members.",
                node=key,
                field="params.frame",
            )
        elif role == "caught":
            yield from _check_catching(doc, key, frame, facts)
            if frame in catching:
                yield rules.FRAME_NODE.broken(
                    f"{doc.title(catching[frame])} and {doc.title(key)} both take the failures of "
                    f"{_lower(title_of_frame(doc, frame))}.",
                    "Leave one of them.",
                    node=key,
                    field="params.frame",
                )
            catching.setdefault(frame, key)


def _check_catching(doc: Checked, key: str, frame: str, facts: NodeFacts) -> Iterator[Diagnostic]:
    del facts
    members = [node for node in doc.workflow.frames[frame].nodes if node in doc.nodes]
    if key in members:
        yield rules.FRAME_NODE.broken(
            f"{doc.title(key)} takes the failures of {_lower(title_of_frame(doc, frame))} and lies "
            "in it: it would be ended with it.",
            "Move it out of the frame.",
            node=key,
            field="params.frame",
        )
        return
    zones = doc.graph.zone_of
    around = min((zones.get(node, ()) for node in members), key=len, default=())
    if zones.get(key, ()) != around:
        yield rules.FRAME_NODE.broken(
            f"{doc.title(key)} and {_lower(title_of_frame(doc, frame))} are not in the same zone: "
            "an item's failure has to stay with the item.",
            "Lead it on to where the frame leads to.",
            node=key,
            field="params.frame",
        )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
