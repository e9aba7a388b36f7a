"""Whether a decision counts: one pure function, used by every store inside its transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.commands import Decide
from engine.runtime.ports import DecisionRecord, RequestRecord


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a decision.

    Attributes:
        accepted: it counts. `reason`: ``late stale duplicate`` when it does not.
        decides: it is the answer; the request is no longer open.
    """

    accepted: bool
    reason: str = ""
    decides: bool = False


def verdict(request: RequestRecord, decision: Decide, earlier: Iterable[DecisionRecord]) -> Verdict:
    """Compare a decision with the request as it stands and with its earlier decisions.

    A quorum is reached when that many different persons gave the same answer; a rejection
    and the answer of the engine at the deadline need no second voice.
    """
    accepted = [each for each in earlier if each.accepted]
    if any(_same_answer(each, decision) and each.by == decision.by for each in accepted):
        return Verdict(accepted=False, reason="duplicate")
    if request.status != "open":
        return Verdict(accepted=False, reason="late")
    if decision.digest and decision.digest != request.digest:
        return Verdict(accepted=False, reason="stale")
    alone = decision.choice == "reject" or decision.through == "timeout"
    voices = {each.by for each in accepted if _same_answer(each, decision)} | {decision.by}
    return Verdict(accepted=True, decides=alone or len(voices) >= request.content.quorum)


def _same_answer(earlier: DecisionRecord, decision: Decide) -> bool:
    return (
        earlier.choice == decision.choice
        and earlier.to == decision.to
        and earlier.values == decision.values
    )
