"""Deciding about the draft on the card."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from evolver_tui.core.errors import StoreError
from evolver_tui.tui.actions import Action, Work
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.decision import Decision
    from evolver_tui.core.job import QueueRow
    from evolver_tui.tui.modals import Modal
    from evolver_tui.tui.screens.desk.card import Review
    from evolver_tui.tui.screens.desk.context import DeskContext


def _reason(desk: DeskContext) -> str:
    return "" if desk.content.review is not None else "There is no draft to decide about on the card."


def _reason_against_approval(desk: DeskContext) -> str:
    review = desk.content.review
    return review.reason_against_approval if review is not None else _reason(desk)


async def _approve(desk: DeskContext) -> None:
    """Approve the very bytes that are on the card; at high risk only after a second look."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.core.node import Risk

    review = _review(desk)
    if review is None:
        return
    if review.reason_against_approval:
        desk.say(review.reason_against_approval, "warning")
        return
    if review.report.risk is Risk.HIGH and not await _confirmed_high_risk(desk, review):
        return
    approve = Decision(DecisionKind.APPROVE, sha256=review.draft.sha256, replaces=review.subject.replaced_sha256)
    await _decide(desk, review, approve, "approved, saving")


async def _confirmed_high_risk(desk: DeskContext, review: Review) -> bool:
    from evolver_tui.tui.modals import ConfirmModal

    reach = ", ".join(review.report.capabilities) or "nothing that the reading found"
    body = f"The checks call its risk high. It can reach: {reach}."
    confirm = ConfirmModal(f"Approve {review.draft.node_id}?", body, "approve", now=desk.settings.monotonic)
    return await desk.questions.show_about(review.question, confirm) is True


async def _reject(desk: DeskContext) -> None:
    """Send the draft back with a reason."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import ReasonModal
    from evolver_tui.tui.modals.reason_modal import END, SEND_BACK

    review = _review(desk)
    if review is None:
        return
    is_last = review.subject.rejects_left == 0
    title = f"Why is {review.draft.node_id} {'rejected' if is_last else 'sent back'}?"
    modal = ReasonModal(title, END if is_last else SEND_BACK, now=desk.settings.monotonic)
    words = "rejected, ending" if is_last else "sent back, writing again"
    await _decide_by(desk, review, modal, lambda reason: Decision(DecisionKind.REJECT, reason=reason), words)


async def _reject_plain(desk: DeskContext) -> None:
    """Reject for good, after a confirmation."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import ConfirmModal

    review = _review(desk)
    if review is None:
        return
    back = desk.keymap.shown_key(REJECT)
    body = (
        f"The draft is not saved and the task ends. With {back} it goes back to the author with a reason instead."
        f"\n\n{desk.receipts.way_back}"
    )
    modal = ConfirmModal(f"Reject {review.draft.node_id}?", body, "reject", now=desk.settings.monotonic)
    if await desk.questions.show_about(review.question, modal):
        await _decide(desk, review, Decision(DecisionKind.REJECT), "rejected, ending")


async def _edit(desk: DeskContext) -> None:
    """Open the draft in the editor; what comes back is checked and reviewed again."""
    from evolver_tui.core.decision import Decision, DecisionKind

    review = _review(desk)
    if review is None:
        return
    if desk.settings.editor is None:
        desk.say("There is no editor here.", "warning")
        return
    code, command = review.draft.code, desk.settings.editor()
    begun = desk.unsaved_edits.get(review.question_id, code)
    edited = await desk.edit(command, begun, f"{review.draft.node_id}.py")
    if edited.rstrip("\n") == code.rstrip("\n"):
        desk.say("Nothing was changed, so the draft waits as it is.")
        return
    desk.unsaved_edits[review.question_id] = edited
    again = "What you wrote is in the editor when you open it again."
    edit = Decision(DecisionKind.EDIT, code=edited)
    await _decide(desk, review, edit, "edited, checking", way_out=again, stays=True)
    del desk.unsaved_edits[review.question_id]


async def _respond(desk: DeskContext) -> None:
    """Send the author words that do not count as a reject."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import ReasonModal
    from evolver_tui.tui.modals.reason_modal import RESPOND

    review = _review(desk)
    if review is None:
        return
    title = f"What do you tell the author of {review.draft.node_id}?"
    modal = ReasonModal(title, RESPOND, now=desk.settings.monotonic)
    told = "told, writing again"
    await _decide_by(desk, review, modal, lambda words: Decision(DecisionKind.RESPOND, reason=words), told)


# --- how a decision is sent


def _review(desk: DeskContext) -> Review | None:
    """The draft that was really read; otherwise a notice says what is in the way."""
    review, reason = desk.review_to_decide()
    if review is not None and desk.questions.is_settled(review.question_id):
        return None
    if review is None:
        desk.say(reason, "warning")
    return review


async def _decide(
    desk: DeskContext, review: Review, decision: Decision, words: str, *, way_out: str = "Decide again.",
    stays: bool = False,
) -> None:  # fmt: skip
    """Send a decision once, then go on to what needs a person next; an edit stays with its job.

    Raises:
        StoreError: it could not be written, which is said together with `way_out`.
    """
    from evolver_tui.tui.screens.desk.open_questions import not_saved

    row = desk.selected
    try:
        await _send(desk, review, decision, words)
    except StoreError as error:
        raise not_saved(error, way_out) from None
    if not stays:
        await _go_on(desk, row)


async def _decide_by(
    desk: DeskContext, review: Review, modal: Modal[str | None], decision: Callable[[str], Decision], words: str
) -> None:
    """Decide with what is typed into a dialog, which closes only once that is written."""
    row = desk.selected

    async def save(typed: str) -> None:
        await _send(desk, review, decision(typed), words)

    if await desk.questions.show_about(review.question, modal, save):
        await _go_on(desk, row)


async def _send(desk: DeskContext, review: Review, decision: Decision, words: str) -> None:
    """Send a decision; once it is on disk, `words` say so."""
    question = review.question
    try:
        with desk.questions.settling(question.id):
            await desk.session.inbox.decide(question.id, decision)
        desk.acknowledge(question.job, question.task_id, words)
    finally:
        desk.refresh_queue()
        desk.refresh_card()


async def _go_on(desk: DeskContext, row: QueueRow | None) -> None:
    from evolver_tui.tui.screens.desk.open_questions import next_needing

    following = await next_needing(desk.session.store, row)
    if following is not None:
        desk.select(following)


# --- the actions


def _decision(
    name: str, key: str, title: str, help: str, footer: int, run: Callable[[DeskContext], Work],
    reason: Callable[[DeskContext], str] = _reason,
) -> Action[DeskContext]:  # fmt: skip
    return Action(
        f"review.{name}", key, title, help, "Review", run, in_database(reason), lambda desk: desk.content.identity,
        panes=("card",), footer=footer, is_alone=True, is_decision=True,
    )  # fmt: skip


APPROVE = _decision(
    "approve", "a", "approve", "Approve the draft that is on the card.", 10, _approve, _reason_against_approval
)
REJECT = _decision("reject", "r", "reject", "Send the draft back to the author with a reason.", 11, _reject)
REJECT_PLAIN = _decision(
    "reject_plain", "R", "refuse", "Reject the draft without a reason; it asks first, and the task ends.", 12,
    _reject_plain,
)  # fmt: skip
EDIT = _decision("edit", "e", "edit", "Change the draft in your editor; checks run again.", 13, _edit)
RESPOND = _decision(
    "respond", "w", "respond", "Send the author a few words; they do not count as a reject.", 34, _respond
)
