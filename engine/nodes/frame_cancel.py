"""Cancel frame: end everything that is in a frame."""

from __future__ import annotations

from pydantic import Field

from engine.model.node_types import Context, NodeType, Output
from engine.nodes.fields import Params, hints, shown


class FrameCancelParams(Params):
    """Parameters of Cancel frame."""

    frame: str = Field(
        "",
        title="Frame",
        description="Id of the frame that is cancelled.",
        json_schema_extra=hints("frame"),
    )


def run(params: FrameCancelParams, ctx: Context) -> Output:
    """Pass the input on; the commit that admits this task cancels the frame."""
    del params
    return Output({"out": ctx.input})


FRAME_CANCEL = NodeType(
    id="frame.cancel",
    title="Cancel frame",
    category="flow",
    description="Ends every task in a frame, withdraws its questions, and goes on.",
    params=FrameCancelParams,
    run=run,
    role="withdraw",
    icon="node-frame-cancel",
    keywords=("withdraw", "region", "stop", "abort", "kill", "frame"),
    summary=lambda params: shown(params.get("frame")),
)
