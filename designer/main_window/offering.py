"""Banners that ask what to do with files: left behind by a crash, or changed by others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from designer.main_window.filing import Filing
from designer.main_window.tabs import Tab
from designer.widgets.banner import BannerArea
from designer.widgets.buttons import ButtonSpec
from designer.widgets.kinds import Kind

if TYPE_CHECKING:
    from designer.document.recovery import Recovery


class Offering:
    """Asks in banners, and does what the person chooses."""

    def __init__(self, banners: BannerArea, filing: Filing) -> None:
        self._banners = banners
        self._filing = filing

    def offer_recovery(self, found: list[Recovery]) -> None:
        """Offer what a crash left behind, one banner per document."""
        for recovery in found:
            key = f"recovery.{recovery.document_id}"
            self._banners.show_banner(
                key,
                recovery.sentence,
                Kind.WARNING,
                (
                    ButtonSpec(text="Restore", on_click=partial(self._recover, recovery, key)),
                    ButtonSpec(text="Discard", on_click=partial(self._discard, recovery, key)),
                ),
                closable=False,
            )

    def _recover(self, recovery: Recovery, key: str) -> None:
        self._banners.dismiss(key)
        self._filing.restore(recovery)

    def _discard(self, recovery: Recovery, key: str) -> None:
        self._banners.dismiss(key)
        self._filing.discard(recovery)

    def changed_outside(self, tab: Tab) -> None:
        """Ask what to do with a file that another program has changed."""
        key = f"outside.{id(tab)}"

        def reload() -> None:
            self._banners.dismiss(key)
            self._filing.reload(tab)

        self._banners.show_banner(
            key,
            f"{tab.document.title} was changed by another program.",
            Kind.WARNING,
            (
                ButtonSpec(text="Reload", on_click=reload),
                ButtonSpec(text="Keep mine", on_click=lambda: self._banners.dismiss(key)),
            ),
        )
