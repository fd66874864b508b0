"""Everything that can be done on the desk, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.desk.actions.box import RUN_UNHELD
from evolver_tui.tui.screens.desk.actions.conversation import STOP, SUMMARIZE
from evolver_tui.tui.screens.desk.actions.copying import COPY, SELECT
from evolver_tui.tui.screens.desk.actions.hub import CONNECT, CONNECT_NOW, PAUSE
from evolver_tui.tui.screens.desk.actions.jobs import CANCEL, RESTORE, RETRY, RETRY_ALL, TRY_NOW
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
from evolver_tui.tui.screens.desk.actions.log import (
    COPY_SIGNAL,
    EXPORT,
    OPEN_SIGNAL,
    PAUSE_FEED,
    SIGNALS_OF_TASK,
    TASK_OF_SIGNAL,
)
from evolver_tui.tui.screens.desk.actions.questions import ANSWER, ANSWER_OLDEST, DECLINE, INBOX, NEXT
from evolver_tui.tui.screens.desk.actions.review import APPROVE, EDIT, REJECT, RESPOND, SEND_BACK
from evolver_tui.tui.screens.desk.actions.trying import TRY

LOOKING: tuple[AnyAction, ...] = (
    NEXT_TAB, PREVIOUS_TAB, SELECT, COPY, OPEN_CARD, FILTER,
    OPEN_SIGNAL, PAUSE_FEED, COPY_SIGNAL, TASK_OF_SIGNAL, SIGNALS_OF_TASK,
    *MOVES,
    NEXT_PANE, PREVIOUS_PANE, BACK, ZOOM,
)  # fmt: skip
"""What changes nothing."""

DESK_ACTIONS: tuple[AnyAction, ...] = (
    APPROVE, SEND_BACK, REJECT, EDIT, RESPOND, TRY, RETRY, RESTORE, NEXT_TAB, PREVIOUS_TAB, SELECT, COPY, ANSWER,
    DECLINE,
    OPEN_CARD, INBOX, NEXT, ANSWER_OLDEST, FILTER, CANCEL, RETRY_ALL,
    OPEN_SIGNAL, PAUSE_FEED, COPY_SIGNAL, TASK_OF_SIGNAL, SIGNALS_OF_TASK,
    STOP, SUMMARIZE, PAUSE, EXPORT, CONNECT, CONNECT_NOW, TRY_NOW,
    RUN_UNHELD,
    *MOVES,
    NEXT_PANE, PREVIOUS_PANE, BACK, ZOOM,
)  # fmt: skip
