"""A view of panes between an upper row, which says what is looked at, and the lines of notices and keys."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult

from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.app_actions import NOTICES
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.key_line import KeyLine
from evolver_tui.tui.drawing.notice_line import NoticeLine
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.view_screen import C, ViewScreen


class FramedView(ViewScreen[C]):
    """Shows the keys of the pane that has the focus."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - an instance variable to Textual

    panes: Sequence[Pane]
    """The upper row, and what stands under it in the order of tab; made by the view."""

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__(classes="-plain" if settings.plain else None)
        self.notice_line = NoticeLine(keymap.shown_key(NOTICES), plain=settings.plain)
        self.key_line = KeyLine(keymap.actions, plain=settings.plain)

    def compose(self) -> ComposeResult:
        """The panes, and the lines under them."""
        yield from self.panes
        yield self.notice_line
        yield self.key_line

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the keys of the pane that has the focus now."""
        self.context.latest_pane = self.pane_in_focus
        self.show_keys()

    def show_keys(self) -> None:
        """Bring the key line up to date."""
        if self.is_attached:
            self.key_line.update(self.pane_in_focus, self.reason_against, self.is_on)
