"""Everything that can be done in the history, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.history.actions import BACK, COMPARE, DELETE, EXPORT, FILTER, REPLAY

HISTORY_ACTIONS: tuple[AnyAction, ...] = (REPLAY, COMPARE, EXPORT, DELETE, FILTER, BACK, *MOVES)
