"""Everything that can be done on the desk, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.desk.actions.copying import COPY, SELECT
from evolver_tui.tui.screens.desk.actions.hub import CONNECT, CONNECT_NOW, PAUSE
from evolver_tui.tui.screens.desk.actions.jobs import CANCEL, RESTORE, RETRY
from evolver_tui.tui.screens.desk.actions.layout import (
    BACK,
    FILTER,
    NEXT_PANE,
    NEXT_TAB,
    OPEN_CARD,
    PREVIOUS_PANE,
    PREVIOUS_TAB,
    ZOOM,
)
from evolver_tui.tui.screens.desk.actions.log import EXPORT, OPEN_SIGNAL
from evolver_tui.tui.screens.desk.actions.questions import ANSWER, ANSWER_OLDEST, DECLINE, INBOX, NEXT
from evolver_tui.tui.screens.desk.actions.review import APPROVE, EDIT, REJECT, REJECT_PLAIN, RESPOND

DESK_ACTIONS: tuple[AnyAction, ...] = (
    APPROVE, REJECT, REJECT_PLAIN, EDIT, RESPOND, RETRY, RESTORE, NEXT_TAB, PREVIOUS_TAB, SELECT, COPY, ANSWER,
    DECLINE,
    OPEN_CARD, INBOX, NEXT, ANSWER_OLDEST, FILTER, CANCEL,
    OPEN_SIGNAL, PAUSE, EXPORT, CONNECT, CONNECT_NOW,
    *MOVES,
    NEXT_PANE, PREVIOUS_PANE, BACK, ZOOM,
)  # fmt: skip
