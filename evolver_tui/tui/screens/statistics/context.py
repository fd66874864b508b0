"""What the actions of the statistics may do and ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from evolver_tui.core.statistics import Grouping
from evolver_tui.tui.context import ViewContext

if TYPE_CHECKING:
    from textual.screen import Screen

    from evolver_tui.core.statistics import Statistics
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.actions import Keymap
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.screens.statistics.panes.group_table import GroupTable

GROUPINGS: Final[tuple[Grouping, ...]] = ("type", "model", "routine", "person", "day")


class PeriodChoice(NamedTuple):
    """How far back is looked."""

    words: str
    days: int
    """Today among them; 0 for all time."""


PERIODS: Final = (
    PeriodChoice("today", 1),
    PeriodChoice("7 days", 7),
    PeriodChoice("30 days", 30),
    PeriodChoice("all time", 0),
)


class StatisticsContext(ViewContext):
    """Which groups and which period are looked at, and what was found.

    Args:
        read_again: called when something else is looked at.
    """

    def __init__(
        self,
        screen: Screen[None],
        settings: DeskSettings,
        keymap: Keymap,
        table: GroupTable,
        read_again: Callable[[], None],
    ) -> None:
        super().__init__(screen, settings, keymap)
        self.table = table
        self._read_again = read_again
        self.open_session: Session | None = None
        """None until it is open."""
        self.grouping: Grouping = GROUPINGS[0]
        self.period = PERIODS[1]
        self.found: Statistics | None = None
        """What was read last of this choice; None while it is read for the first time."""

    def reason_against_use(self) -> str:
        """Why nothing can be done here at present; empty when it can."""
        if self.open_session is None:
            return "The session is still being opened."
        return str(self.open_session.broken) if self.open_session.broken is not None else ""

    @property
    def period_words(self) -> str:
        """`7 days`."""
        return self.period.words

    def choose_grouping(self, step: int) -> None:
        """Group by another."""
        self.grouping = GROUPINGS[(GROUPINGS.index(self.grouping) + step) % len(GROUPINGS)]
        self._look_anew()

    def choose_period(self, step: int) -> None:
        """Look at another period."""
        self.period = PERIODS[(PERIODS.index(self.period) + step) % len(PERIODS)]
        self._look_anew()

    def _look_anew(self) -> None:
        self.found = None
        self._read_again()

    def go_back(self) -> None:
        """Leave the filter."""
        self.table.close_filter()
