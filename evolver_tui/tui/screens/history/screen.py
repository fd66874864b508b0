"""The history: a table of sessions, and a card of the selected one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.head_row import views_line
from evolver_tui.tui.drawing.place_line import PlaceLine
from evolver_tui.tui.framed_view import FramedView
from evolver_tui.tui.screens.history.context import HistoryContext
from evolver_tui.tui.screens.history.panes.session_card import SessionCard
from evolver_tui.tui.screens.history.panes.session_table import SessionTable

if TYPE_CHECKING:
    from evolver_tui.engine.session import Session

_SECONDS_BETWEEN_LOOKS = 2.0


class History(FramedView[HistoryContext]):
    """Read when it is first shown, and kept up to date while it is in front."""

    AUTO_FOCUS = "#sessions"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__(settings, keymap)
        plain, views = settings.plain, views_line(keymap.actions)
        self.head = PlaceLine(views, "past sessions", plain=plain)
        self.table = SessionTable(settings.monotonic, plain=plain)
        self.card = SessionCard(plain=plain)
        self.panes = (self.head, self.table, self.card)
        self.context = HistoryContext(self, settings, keymap, self.table, self.card)

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

    def show_keys(self) -> None:
        """Bring the key line up to date; the table has all keys."""
        self.key_line.update(self.table.pane_name, self.reason_against, self.is_on)
