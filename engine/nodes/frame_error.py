"""On error: go on from here when something in a frame fails and nothing inside handles it."""

from __future__ import annotations

from pydantic import Field

from engine.model.node_types import Context, NodeType, Output, Port, Ports
from engine.nodes.fields import Params, hints, shown

_PORTS = Ports((), (Port(name="out", type="error", title="error"),))


class FrameErrorParams(Params):
    """Parameters of On error."""

    frame: str = Field(
        "",
        title="Frame",
        description="Id of the frame whose failures it takes. It stands outside of it.",
        json_schema_extra=hints("frame"),
    )


def run(params: FrameErrorParams, ctx: Context) -> Output:
    """Send the failure on."""
    del params
    return Output({"out": ctx.input})


FRAME_ERROR = NodeType(
    id="frame.error",
    title="On error",
    category="flow",
    description="Takes the failure of a frame; what is left in the frame is cancelled.",
    params=FrameErrorParams,
    run=run,
    ports=lambda params: _PORTS,
    role="caught",
    icon="node-frame-error",
    keywords=("catch", "except", "handler", "failure", "try", "frame", "compensate"),
    summary=lambda params: shown(params.get("frame")),
)
