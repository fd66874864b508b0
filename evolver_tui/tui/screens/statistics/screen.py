"""The statistics: a table of groups, the figures of the one under the cursor, and reasons."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.head_row import views_line
from evolver_tui.tui.drawing.place_line import PlaceLine
from evolver_tui.tui.drawing.rows_pane import RowsMoved
from evolver_tui.tui.framed_view import FramedView
from evolver_tui.tui.screens.statistics.context import StatisticsContext
from evolver_tui.tui.screens.statistics.panes.group_facts import GroupFacts
from evolver_tui.tui.screens.statistics.panes.group_table import GroupTable
from evolver_tui.tui.screens.statistics.panes.reasons_pane import ReasonsPane

if TYPE_CHECKING:
    from evolver_tui.engine.session import Session

_LOOK_SECONDS = 5.0
_SHARE = 20
"""What may have changed is read again after so many times the seconds that reading it took."""


class StatisticsView(FramedView[StatisticsContext]):
    """Read when it is first shown, and again now and then while it is in front."""

    AUTO_FOCUS = "#groups"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__(settings, keymap)
        plain, views = settings.plain, views_line(keymap.actions)
        self.head = PlaceLine(views, "", plain=plain)
        self.table = GroupTable(plain=plain)
        self.facts = GroupFacts(plain=plain)
        self.reasons = ReasonsPane(plain=plain)
        self.panes = (self.head, self.table, self.facts, self.reasons)
        self.context = StatisticsContext(self, settings, keymap, self.table, self.look_again)
        self._wanted = asyncio.Event()
        self._rest_until = 0.0
        self._has_failed = False

    def attach(self, session: Session) -> None:
        """Read what was decided in its database from here on."""
        self.context.open_session = session
        self.look_again()

    def on_mount(self) -> None:
        """Read whenever something is wanted, and now and then while it is in front."""
        self.run_worker(self._read(), name="statistics", exit_on_error=False)
        self.set_interval(_LOOK_SECONDS, self._look_now_and_then)
        self.look_again()

    def on_screen_resume(self) -> None:
        """It is in front again: what changed meanwhile is read."""
        self.look_again()

    def look_again(self) -> None:
        """Read what is looked at now."""
        self._wanted.set()
        if self.is_mounted:
            self._show()

    def _look_now_and_then(self) -> None:
        if self.app.screen_stack[0] is self and self.context.settings.monotonic() >= self._rest_until:
            self._wanted.set()

    async def _read(self) -> None:
        """Read what is wanted, as long as the view lives."""
        from evolver_tui.engine.statistics import Period, statistics

        context = self.context
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            session, grouping, chosen = context.open_session, context.grouping, context.period
            if session is None:
                continue
            began = context.settings.monotonic()
            try:
                period = Period.of_days(chosen.days, context.settings.now())
                found = await statistics(session.store, period, grouping)
            except EvolverError as error:
                if not self._has_failed:
                    context.say(str(error), "error")
                self._has_failed = True
                continue
            self._has_failed = False
            ended = context.settings.monotonic()
            self._rest_until = ended + _SHARE * (ended - began)
            if (grouping, chosen) == (context.grouping, context.period):
                context.found = found
                self._show()

    def _show(self) -> None:
        context, found = self.context, self.context.found
        self.head.update(f"statistics  {context.period_words}, by {context.grouping}")
        self.table.set_title(f"Decisions by {context.grouping}")
        self.table.show(found)
        groups = len(found.groups) if found is not None else 0
        self.table.set_subtitle(f"{count(groups, 'group')} · times are p50 / p95" if groups else "")
        self.reasons.show(found)
        self._show_selected()
        self.show_keys()

    def _show_selected(self) -> None:
        self.facts.show(self.table.selected)

    def on_rows_moved(self, event: RowsMoved) -> None:
        """Show the group under the cursor."""
        event.stop()
        self._show_selected()
        self.show_keys()

    def show_keys(self) -> None:
        """Bring the key line up to date; the table has all keys."""
        self.key_line.update(self.table.pane_name, self.reason_against, self.is_on)
