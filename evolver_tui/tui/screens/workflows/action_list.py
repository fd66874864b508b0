"""Everything that can be done in the workflows, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.workflows.actions import (
    BACK,
    CANCEL,
    COPY,
    DROP,
    FILTER,
    FOLLOW,
    NEXT_PANE,
    OPEN,
    PARKED,
    PREVIOUS_PANE,
    RETRY,
    RETRY_PARKED,
    SELECT,
    TRY_AGAIN,
)

WORKFLOW_ACTIONS: tuple[AnyAction, ...] = (
    OPEN, CANCEL, RETRY, FOLLOW, PARKED, RETRY_PARKED, DROP, SELECT, COPY, FILTER, TRY_AGAIN, NEXT_PANE, PREVIOUS_PANE,
    BACK, *MOVES,
)  # fmt: skip
