"""The batch modal: one thing that is done with several tasks, each of which is named."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from evolver_tui.tui.drawing.styles import Line, css_style
from evolver_tui.tui.modals.confirm_modal import ConfirmModal
from evolver_tui.tui.modals.modal import Clock


class BatchModal(ConfirmModal):
    """Ends with True for `y`, as a confirmation does; what is to be done may become less while it is open."""

    DEFAULT_CSS = """
    BatchModal > #window {
        width: 96;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False, priority=True),
        Binding("down", "scroll(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]

    def __init__(
        self, deed: str, about: str, lines: Sequence[Line], *, problem: str = "", now: Clock = time.monotonic
    ) -> None:
        """Args:
        deed: the action, by the one verb that it has everywhere.
        about: what it would be done to, safe to draw: `7 drafts`.
        lines: what there is to be known of them.
        problem: that nothing can be done, as a title; the lines say why. Empty where something can be.
        now: counts the time until keys are taken.
        """
        super().__init__(deed, about, "", now=now)
        self._lines = lines
        self._is_possible = not problem
        self._title = problem or self._title

    def compose_body(self) -> ComposeResult:
        """The lines, and the two ways."""
        with VerticalScroll(id="body", can_focus=False):
            yield Static(self._content, id="lines", markup=False)
        if self._is_possible:
            yield self._row

    @property
    def _content(self) -> Content:
        rows = (Content.assemble(*((text, css_style(style)) for text, style in line)) for line in self._lines)
        return Content("\n").join(rows)

    def key_line(self) -> str:
        """What can be done, and how to read on."""
        ways = super().key_line() if self._is_possible else "esc go back"
        return f"up down scroll · {ways}"

    def show(self, about: str, lines: Sequence[Line]) -> None:
        """Ask about others than before; its keys count once that was seen."""
        self._lines = lines
        deed = self._deed[:1].upper() + self._deed[1:]
        self.query_one("#window").border_title = Content(f"{deed} {about}?")
        self.query_one("#lines", Static).update(self._content)
        self._painted_at = None
        self.call_after_refresh(self._painted)

    def action_answer(self, confirmed: bool) -> None:
        """Yes or no; without anything to be done, no."""
        if self._is_possible or not confirmed:
            super().action_answer(confirmed)

    def action_submit(self) -> None:
        """Take what is chosen, or close what is only read."""
        if self._is_possible:
            super().action_submit()
        else:
            self.finish(False)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#body", VerticalScroll).scroll_relative(y=lines, animate=False, immediate=True)

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        body = self.query_one("#body", VerticalScroll)
        body.scroll_relative(y=direction * max(1, body.size.height - 1), animate=False, immediate=True)
