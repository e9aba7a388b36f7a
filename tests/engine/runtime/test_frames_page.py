"""The example of docs/frames.md does what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from engine import events as ev
from engine.model.codec import workflow_from_json
from engine.nodes.set_fields import SET
from engine.nodes.template import TEMPLATE
from tests.engine.flows import Bench, outcome, settle

PAGE = (Path(__file__).parents[3] / "docs" / "frames.md").read_text(encoding="utf-8")


async def test_the_example_is_done_again_until_it_is_accepted() -> None:
    [text] = [
        each for each in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if "format" in each
    ]
    async with Bench(SET, TEMPLATE, stay=True) as bench:
        handle = await bench.start(workflow_from_json(json.loads(text)))
        for _ in range(2):
            bench.clock.advance(0.1)
            await settle()
        assert outcome((await handle.leg()).event) == {"answer": "answer", "after": 1.0}
        assert len([e for e in bench.facts if isinstance(e, ev.FrameRetried)]) == 2
