"""Everything that can be done in the library's view, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.library.actions import (
    BACK,
    COPY,
    DIFF,
    DUPLICATES,
    FILTER,
    MARK,
    NEXT_GROUP,
    NEXT_PANE,
    NEXT_TAB,
    OPEN,
    ORDER,
    PREVIOUS_GROUP,
    PREVIOUS_PANE,
    PREVIOUS_TAB,
    RANGE,
    RETIRED,
    SELECT,
    TASK,
)
from evolver_tui.tui.screens.library.keeping import REMOVE, RETIRE, ROLL_BACK, RUN_EXAMPLES, TRY

LIBRARY_ACTIONS: tuple[AnyAction, ...] = (
    OPEN, FILTER, NEXT_TAB, PREVIOUS_TAB, DIFF, TRY, RUN_EXAMPLES, MARK, RANGE, ROLL_BACK, RETIRE, REMOVE, ORDER,
    RETIRED, DUPLICATES, NEXT_GROUP, PREVIOUS_GROUP, TASK, SELECT, COPY, NEXT_PANE, PREVIOUS_PANE, BACK, *MOVES,
)  # fmt: skip
