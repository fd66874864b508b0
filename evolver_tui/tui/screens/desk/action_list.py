"""Everything that can be done on the desk, in the order of the help."""

from __future__ import annotations

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.moving import MOVES
from evolver_tui.tui.screens.desk.actions.batch import APPROVE_MARKED, REJECT_MARKED, SEND_BACK_MARKED
from evolver_tui.tui.screens.desk.actions.box import RUN_UNHELD
from evolver_tui.tui.screens.desk.actions.budget import ALLOW_MORE
from evolver_tui.tui.screens.desk.actions.comparing import COMPARE, DIFF
from evolver_tui.tui.screens.desk.actions.conversation import STOP, SUMMARIZE
from evolver_tui.tui.screens.desk.actions.copying import COPY, SELECT
from evolver_tui.tui.screens.desk.actions.hub import CONNECT, CONNECT_NOW, PAUSE
from evolver_tui.tui.screens.desk.actions.jobs import CANCEL, RESTORE, RETRY, RETRY_ALL, TRY_NOW
from evolver_tui.tui.screens.desk.actions.layout import (
    BACK,
    FILTER,
    FOLD,
    NEXT_PANE,
    NEXT_TAB,
    OPEN_CARD,
    PREVIOUS_PANE,
    PREVIOUS_TAB,
    UNLIKE,
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
from evolver_tui.tui.screens.desk.actions.marking import MARK, MARK_ALIKE, ORDER, RANGE
from evolver_tui.tui.screens.desk.actions.questions import ANSWER, ANSWER_ALIKE, ANSWER_OLDEST, DECLINE, INBOX, NEXT
from evolver_tui.tui.screens.desk.actions.remembering import REMEMBER, REMEMBERED
from evolver_tui.tui.screens.desk.actions.resent import DROP_RESENT, TAKE_RESENT
from evolver_tui.tui.screens.desk.actions.review import APPROVE, EDIT, EDIT_HERE, REJECT, RESPOND, REUSE, SEND_BACK
from evolver_tui.tui.screens.desk.actions.trying import TRY
from evolver_tui.tui.screens.desk.actions.undo import UNDO

LOOKING: tuple[AnyAction, ...] = (
    NEXT_TAB, PREVIOUS_TAB, DIFF, COMPARE, FOLD, SELECT, COPY, OPEN_CARD, FILTER,
    OPEN_SIGNAL, PAUSE_FEED, COPY_SIGNAL, TASK_OF_SIGNAL, SIGNALS_OF_TASK,
    *MOVES,
    NEXT_PANE, PREVIOUS_PANE, BACK, ZOOM,
)  # fmt: skip
"""What changes nothing."""

DESK_ACTIONS: tuple[AnyAction, ...] = (
    APPROVE, SEND_BACK, REJECT, EDIT, EDIT_HERE, RESPOND, REUSE, UNDO, TRY, RETRY, RESTORE, NEXT_TAB, PREVIOUS_TAB,
    DIFF, COMPARE, FOLD, UNLIKE, SELECT, COPY,
    ANSWER, ANSWER_ALIKE, DECLINE, REMEMBER, REMEMBERED,
    OPEN_CARD, INBOX, NEXT, ANSWER_OLDEST, FILTER, ORDER, MARK, RANGE, MARK_ALIKE,
    APPROVE_MARKED, SEND_BACK_MARKED, REJECT_MARKED, CANCEL, RETRY_ALL,
    TAKE_RESENT, DROP_RESENT,
    OPEN_SIGNAL, PAUSE_FEED, COPY_SIGNAL, TASK_OF_SIGNAL, SIGNALS_OF_TASK,
    STOP, SUMMARIZE, PAUSE, EXPORT, CONNECT, CONNECT_NOW, TRY_NOW,
    RUN_UNHELD, ALLOW_MORE,
    *MOVES,
    NEXT_PANE, PREVIOUS_PANE, BACK, ZOOM,
)  # fmt: skip
