"""A modal that is only read: keys scroll its text, and enter closes it as well."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from evolver_tui.tui.modals.modal import Modal


class ScrolledModal(Modal[None]):
    """Scrolls what its body has in a `VerticalScroll` with the id "list"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False, priority=True),
        Binding("down", "scroll(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]

    def key_line(self) -> str:
        """How to read on and out."""
        return "up down scroll · esc close"

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#list", VerticalScroll).scroll_relative(y=lines, animate=False, immediate=True)

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        listing = self.query_one("#list", VerticalScroll)
        listing.scroll_relative(y=direction * max(1, listing.size.height - 1), animate=False, immediate=True)

    def action_submit(self) -> None:
        """Enter closes as well."""
        self.finish(None)
