"""Everything that can be done in the training view, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.training.actions import (
    ALONE,
    BACK,
    COMPARE,
    COPY,
    FILTER,
    FOLLOW,
    NEXT_PANE,
    OPEN_PLACE,
    PREVIOUS_PANE,
    SELECT,
    SHOW_EVENTS,
    TRY_AGAIN,
)
from evolver_tui.tui.screens.training.plot_actions import (
    BY_TIME,
    CLOSER,
    CURSOR_LEFT,
    CURSOR_RIGHT,
    EXPORT,
    FAR_LEFT,
    FAR_RIGHT,
    LOG,
    METRIC,
    METRIC_BEFORE,
    METRICS,
    MODELS,
    SMOOTH,
    WIDER,
)

TRAINING_ACTIONS: tuple[AnyAction, ...] = (
    ALONE, METRIC, METRIC_BEFORE, METRICS, SMOOTH, LOG, BY_TIME, MODELS, CURSOR_LEFT, CURSOR_RIGHT, FAR_LEFT, FAR_RIGHT,
    CLOSER, WIDER, COMPARE, SHOW_EVENTS, OPEN_PLACE, EXPORT, FOLLOW, SELECT, COPY, FILTER, TRY_AGAIN, NEXT_PANE,
    PREVIOUS_PANE, BACK, *MOVES,
)  # fmt: skip
