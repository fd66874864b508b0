"""Everything that can be done in the statistics, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.statistics.actions import (
    BACK,
    EXPORT,
    EXPORT_JSON,
    FILTER,
    GROUPING,
    GROUPING_BEFORE,
    PERIOD,
    PERIOD_BEFORE,
)

STATISTICS_ACTIONS: tuple[AnyAction, ...] = (
    GROUPING, GROUPING_BEFORE, PERIOD, PERIOD_BEFORE, EXPORT, EXPORT_JSON, FILTER, BACK, *MOVES,
)  # fmt: skip
