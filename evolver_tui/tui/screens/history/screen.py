"""The history: a table of sessions, and a card of the selected one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual import events
from textual.app import ComposeResult

from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.app_actions import NOTICES
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.head_row import views_line, views_within
from evolver_tui.tui.drawing.key_line import KeyLine
from evolver_tui.tui.drawing.notice_line import NoticeLine
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, spread
from evolver_tui.tui.screens.history.context import HistoryContext
from evolver_tui.tui.screens.history.panes.session_card import SessionCard
from evolver_tui.tui.screens.history.panes.session_table import SessionTable
from evolver_tui.tui.view_screen import ViewScreen

if TYPE_CHECKING:
    from evolver_tui.engine.session import Session

_SECONDS_BETWEEN_LOOKS = 2.0


class HistoryLine(Pane):
    """The upper row: where one is, and the other views."""

    def __init__(self, views: Line, *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="status")
        self._views = views

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row."""
        here: Line = [(" evolver ", "badge"), (" past sessions", "text")]
        return spread(here, views_within(self._views, width), width), None


class History(ViewScreen[HistoryContext]):
    """Read when it is first shown, and kept up to date while it is in front."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - an instance variable to Textual
    AUTO_FOCUS = "#sessions"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__(classes="-plain" if settings.plain else None)
        plain = settings.plain
        views = views_line(keymap.actions)
        self.head = HistoryLine(views, plain=plain)
        self.table = SessionTable(settings.monotonic, plain=plain)
        self.card = SessionCard(plain=plain)
        self.notice_line = NoticeLine(keymap.shown_key(NOTICES), plain=plain)
        self.key_line = KeyLine(keymap.actions, plain=plain)
        self.context = HistoryContext(self, settings, keymap, self.table, self.card)

    def compose(self) -> ComposeResult:
        """The panes."""
        yield self.head
        yield self.table
        yield self.card
        yield self.notice_line
        yield self.key_line

    def attach(self, session: Session) -> None:
        """Read the sessions of its database from here on."""
        self.context.open_session = session
        self.table.attach(session)
        self.show_keys()

    def on_mount(self) -> None:
        """Look again and again while it is in front."""
        self.set_interval(_SECONDS_BETWEEN_LOOKS, self._look)
        self.table.look_again()
        self.show_keys()

    def _look(self) -> None:
        if self.app.screen_stack[0] is self:
            self.table.look_now_and_then()
            self.show_keys()

    def on_screen_resume(self) -> None:
        """It is in front again: what changed meanwhile is read."""
        self.table.look_again()
        self.show_keys()

    def on_session_table_moved(self, event: SessionTable.Moved) -> None:
        """Show the selected session."""
        event.stop()
        self.context.show_selected()
        self.show_keys()

    def on_session_table_failed(self, event: SessionTable.Failed) -> None:
        """Say that the sessions could not be read."""
        event.stop()
        self.context.say(str(event.error), "error")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the keys of the pane that has the focus now."""
        self.context.latest_pane = self.pane_in_focus
        self.show_keys()

    def show_keys(self) -> None:
        """Bring the key line up to date."""
        self.key_line.update(self.table.pane_name, self.reason_against, self.is_on)
