"""What can be done with a chat, and with what was put aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action, Work

if TYPE_CHECKING:
    from evolver_tui.tui.screens.workflows.context import WorkflowsContext

_CHATS = ("chats", "answer")
_PARKED = ("parked",)
_EVERYWHERE = (*_CHATS, *_PARKED)
_SECTION = "Workflows"


# --- chats


def _without_message(view: WorkflowsContext) -> str:
    return "" if view.selected is not None else "There is no chat here."


def _subject(view: WorkflowsContext) -> object:
    return view.selected.key if view.selected is not None else None


def _against_cancel(view: WorkflowsContext) -> str:
    reason = view.reason_against_use() or _without_message(view)
    if reason or view.selected is None:
        return reason
    return "Its answer has ended." if view.selected.is_over else ""


async def _cancel(view: WorkflowsContext) -> None:
    """Cancel what is being answered in the session, once a person agreed."""
    from evolver_tui.tui.modals import ConfirmModal

    message = view.selected
    if message is None:
        return
    chats = view.monitor.chats
    others = sum(not each.is_over for each in chats.of_session(message.session_id)) - 1
    body = "Its answer ends as it stands, and whoever asked is told so. That cannot be taken back."
    if others:
        are = "1 other answer of this session is" if others == 1 else f"{others:,} other answers of this session are"
        body += f"\n\n{are} being written, and cancelled as well."
    session = safe_text(message.session_id, 60)
    if not await view.ask(ConfirmModal(CANCEL.title, session, body, now=view.settings.monotonic)):
        return
    if all(each.is_over for each in chats.of_session(message.session_id)):
        view.say("Its answer has ended meanwhile.")
        return
    await view.monitor.cancel(message.session_id)
    view.say(f"Whoever answers {session} was told to end.")


def _against_retry(view: WorkflowsContext) -> str:
    reason = view.reason_against_use() or _without_message(view)
    if reason or view.selected is None:
        return reason
    if not view.selected.is_over and not _is_silent(view):
        return "It is being answered: cancel it first."
    return "" if view.selected.request is not None else "Its request was not heard here, or is too long to be kept."


def _is_silent(view: WorkflowsContext) -> bool:
    from evolver_tui.core.workflow.standing import ChatStanding

    return view.selected is not None and view.selected.standing(view.settings.now()) is ChatStanding.SILENT


async def _retry(view: WorkflowsContext) -> None:
    """Ask the message again."""
    message = view.selected
    if message is None:
        return
    message_id, is_taken = await view.monitor.retry(message)
    if is_taken:
        view.say(f"Asked again, as {message_id}.")
    else:
        view.say(f"Asked again, as {message_id}; nobody has said so far that it is taken.", "warning")


def _copy(view: WorkflowsContext) -> Work:
    """Copy what is selected of the page, or all of it."""
    return view.copy(view.answer.take_text())


OPEN: Action[WorkflowsContext] = Action(
    "workflows.open", "enter", "conversation", "Show all messages of the session in order, in the whole view.",
    _SECTION, lambda view: view.layout.show_conversation(not view.layout.shows_conversation), _without_message,
    panes=_CHATS, footer=1, is_on=lambda view: view.layout.shows_conversation, title_when_on="back",
)  # fmt: skip
CANCEL: Action[WorkflowsContext] = Action(
    "workflows.cancel", "D", "cancel", "Cancel what is being answered in the session; it asks first.", _SECTION,
    _cancel, _against_cancel, _subject, panes=_CHATS, footer=3, is_alone=True,
)  # fmt: skip
RETRY: Action[WorkflowsContext] = Action(
    "workflows.retry", "y", "ask again", "Ask again, with the same message under an id of its own.", _SECTION, _retry,
    _against_retry, _subject, panes=_CHATS, footer=4, is_alone=True,
)  # fmt: skip
FOLLOW: Action[WorkflowsContext] = Action(
    "workflows.follow", "f", "follow", "Go to the newest chat by itself, to the end of its answer; or stand still.",
    _SECTION,
    lambda view: view.toggle_follow(), _without_message, panes=_CHATS, footer=5,
    is_on=lambda view: view.follows and not view.layout.shows_conversation, title_when_on="stand still",
)  # fmt: skip
FILTER: Action[WorkflowsContext] = Action(
    "workflows.filter", "slash", "filter", "Show only chats, or parked requests, that contain some text.", _SECTION,
    lambda view: (view.parked if view.layout.shows_parked else view.chats).open_filter(),
    lambda view: "Leave the conversation first." if view.layout.shows_conversation else "", panes=_EVERYWHERE,
    footer=33,
)  # fmt: skip
SELECT: Action[WorkflowsContext] = Action(
    "workflows.select", "v", "select", "Select lines of the answer; moving extends it, escape ends it.", _SECTION,
    lambda view: view.answer.begin_selection(), panes=("answer",),
)  # fmt: skip
COPY: Action[WorkflowsContext] = Action(
    "workflows.copy", "Y", "copy", "Copy what is selected of the answer, or else the whole page.", _SECTION, _copy,
    lambda view: "" if view.answer.has_text else "There is nothing to copy.", panes=_EVERYWHERE, footer=34,
)  # fmt: skip


# --- parked requests


def _against_use_of_parked(view: WorkflowsContext) -> str:
    return view.reason_against_use() or ("" if view.selected_parked is not None else "Nothing is parked here.")


def _parked_subject(view: WorkflowsContext) -> object:
    return view.selected_parked.number if view.selected_parked is not None else None


async def _retry_parked(view: WorkflowsContext) -> None:
    """Ask again what was put aside."""
    request = view.selected_parked
    if request is not None:
        await view.monitor.retry_parked(request.number)
        view.say(f"Parked request {request.number} is asked again.")


async def _drop_parked(view: WorkflowsContext) -> None:
    """Forget the parked request, once a person agreed."""
    from evolver_tui.tui.modals import ConfirmModal

    request = view.selected_parked
    if request is None:
        return
    body = "It is not answered any more, and cannot come back."
    about = f"parked request {request.number}"
    if await view.ask(ConfirmModal(DROP.title, about, body, now=view.settings.monotonic)):
        await view.monitor.drop_parked(request.number)
        view.say(f"Parked request {request.number} is dropped.")


PARKED: Action[WorkflowsContext] = Action(
    "workflows.parked", "p", "parked", "Show the requests that were put aside, or the chats again.", _SECTION,
    lambda view: view.layout.show_parked(not view.layout.shows_parked), panes=_EVERYWHERE, footer=6,
    is_on=lambda view: view.layout.shows_parked, title_when_on="chats",
)  # fmt: skip
RETRY_PARKED: Action[WorkflowsContext] = Action(
    "parked.retry", "y", "ask again", "Ask again what was put aside.", _SECTION, _retry_parked,
    _against_use_of_parked, _parked_subject, panes=_PARKED, footer=1, is_alone=True,
)  # fmt: skip
DROP: Action[WorkflowsContext] = Action(
    "parked.drop", "D", "drop", "Drop the parked request; it asks first.", _SECTION, _drop_parked,
    _against_use_of_parked, _parked_subject, panes=_PARKED, footer=2, is_alone=True,
)  # fmt: skip


# --- going about

TRY_AGAIN: Action[WorkflowsContext] = Action(
    "workflows.connect", "C", "try again", "Connect once more, where that could not be done.", _SECTION,
    lambda view: view.layout.try_again(), lambda view: "" if view.problem else "It is tried by itself.",
    panes=_EVERYWHERE, footer=0,
    is_occasional=True,
)  # fmt: skip
NEXT_PANE: Action[WorkflowsContext] = Action(
    "workflows.next_pane", "tab", "next pane", "Go to the next pane.", _SECTION, lambda view: view.layout.cycle(1),
    panes=_EVERYWHERE,
)  # fmt: skip
PREVIOUS_PANE: Action[WorkflowsContext] = Action(
    "workflows.previous_pane", "shift+tab", "previous pane", "Go to the previous pane.", _SECTION,
    lambda view: view.layout.cycle(-1), panes=_EVERYWHERE,
)  # fmt: skip
BACK: Action[WorkflowsContext] = Action(
    "workflows.back", "escape", "back", "Leave the filter, the selection, the conversation or the parked requests.",
    _SECTION, lambda view: view.layout.go_back(), panes=_EVERYWHERE, is_way_out=True,
)  # fmt: skip
