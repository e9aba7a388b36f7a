"""When commits are stored, and which results are kept for later (U94, U97)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.diagnostics import Diagnostic


def check_saving(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of the setting `save`."""
    save = doc.workflow.settings.save
    if not (math.isfinite(save.seconds) and save.seconds > 0):
        yield rules.SAVING.broken(
            f"Commits are saved after {save.seconds:g} s, which is no time.",
            "Enter a number above 0.",
            field="settings.save.seconds",
        )
    if save.attempts < 1:
        yield rules.SAVING.broken(
            f"Saving is tried {save.attempts} times.",
            "Enter at least 1 attempt.",
            field="settings.save.attempts",
        )
    for name, most in save.meters.items():
        field = f"settings.save.meters.{name}"
        if name not in doc.workflow.settings.meters:
            yield rules.SAVING.broken(
                f"Saving watches the budget {name}, which the workflow does not have.",
                f"Declare {name} among the budgets, or take it out.",
                field=field,
            )
        elif not (math.isfinite(most) and most >= 0):
            yield rules.SAVING.broken(
                f"Saving may lose {most:g} of {name}, which is no amount.",
                "Enter a number from 0 on.",
                field=field,
            )
