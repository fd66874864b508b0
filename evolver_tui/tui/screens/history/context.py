"""What the actions of the history may do and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.context import ViewContext

if TYPE_CHECKING:
    from textual.screen import Screen

    from evolver_tui.engine.past_sessions import PastSession
    from evolver_tui.engine.session import Session
    from evolver_tui.engine.signal_log import SessionRecord
    from evolver_tui.tui.actions import Keymap
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.screens.history.panes.session_card import SessionCard
    from evolver_tui.tui.screens.history.panes.session_table import SessionTable


class HistoryContext(ViewContext):
    """The selected session, the marked one, and the session in which this is looked at."""

    def __init__(
        self, screen: Screen[None], settings: DeskSettings, keymap: Keymap, table: SessionTable, card: SessionCard
    ) -> None:
        super().__init__(screen, settings, keymap)
        self.table = table
        self._card = card
        self.open_session: Session | None = None
        """None until it is open."""
        self.marked: PastSession | None = None
        """The one that others are seen beside."""
        self.is_deleting = table.is_deleting
        """The ids of sessions that are being deleted."""

    @property
    def session(self) -> Session:
        """The open session; asked for only by what can be done in one."""
        assert self.open_session is not None
        return self.open_session

    def reason_against_use(self) -> str:
        """Why nothing can be done here at present; empty when it can."""
        if self.open_session is None:
            return "The session is still being opened."
        return str(self.open_session.broken) if self.open_session.broken is not None else ""

    @property
    def selected(self) -> SessionRecord | None:
        """The session under the cursor."""
        return self.table.selected

    @property
    def selected_past(self) -> PastSession | None:
        """The same with its figures; None while they are read."""
        return self.table.selected_past

    def toggle_mark(self) -> None:
        """Mark the selected session, or none where one is marked."""
        self.marked = None if self.marked is not None else self.selected_past
        self.show_selected()

    def show_selected(self) -> None:
        """Bring the card up to date."""
        self.table.mark(self.marked.record.id if self.marked is not None else "")
        self._card.show(self.selected, self.selected_past, self.marked)

    def go_back(self) -> None:
        """Out of the innermost thing: the filter, the comparison."""
        if self.table.close_filter():
            return
        if self.marked is not None:
            self.toggle_mark()
