"""What can be dragged onto the canvas."""

from __future__ import annotations

#: The id of a node type as UTF-8: what the palette puts into a drag.
NODE_TYPE_MIME = "application/x-headgate-node-type"

#: What the names of workflow files end with.
WORKFLOW_SUFFIX = ".flow.json"
