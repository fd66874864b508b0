"""Deciding about the draft on the card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from evolver_tui.core.errors import AlreadyAnswered, EvolverError, NotWaiting, StoreError
from evolver_tui.tui.actions import Action, Work
from evolver_tui.tui.screens.desk.actions.going_on import go_on
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.decision import Decision
    from evolver_tui.core.node import CheckReport
    from evolver_tui.tui.modals import Modal
    from evolver_tui.tui.screens.desk.card import Review
    from evolver_tui.tui.screens.desk.context import DeskContext


def _reason(desk: DeskContext) -> str:
    return "" if desk.content.review is not None else "There is no draft to decide about on the card."


def _reason_against_approval(desk: DeskContext) -> str:
    review = desk.content.review
    return review.reason_against_approval if review is not None else _reason(desk)


async def _approve(desk: DeskContext) -> None:
    """Approve the very bytes that are on the card; at high risk only once the node's name was typed."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.core.question_kinds.review import ReviewSubject
    from evolver_tui.tui.modals import NameModal

    review = _review(desk)
    if review is None:
        return
    if review.reason_against_approval:
        desk.say(review.reason_against_approval, "warning")
        return
    now = await desk.session.inbox.as_of_now(review.question)
    if isinstance(now.subject, ReviewSubject) and now.subject.edited_sha256 != review.subject.edited_sha256:
        desk.say("main.py was changed by hand since the card was read: see what this draft replaces, then decide.")
        desk.refresh_card()
        return
    approve = Decision(DecisionKind.APPROVE, sha256=review.draft.sha256, replaces=review.subject.replaced_sha256)
    unread = _unread(desk, review)
    if not review.subject.is_approved_by_name:
        if unread and not await _is_wanted_unread(desk, review, unread):
            desk.card.go_to_unread(review.draft.sha256)
            return
        await _decide(desk, review, approve, "approved, saving")
        return
    modal = NameModal(review.draft.node_id, [*_reasons(review.report)], unread, now=desk.settings.monotonic)
    await _decide_by(desk, review, modal, lambda name: replace(approve, typed_name=name), "approved, saving")


def _unread(desk: DeskContext, review: Review) -> str:
    """What of a draft was not on the screen, in words; of one of low risk nobody has to read everything."""
    from evolver_tui.core.node import Risk
    from evolver_tui.tui.screens.desk.reading import unread_words

    reading = desk.card.reading
    if review.report.risk is Risk.LOW or reading is None:
        return ""
    return unread_words(reading, review.draft.code)


async def _is_wanted_unread(desk: DeskContext, review: Review, unread: str) -> bool:
    """Ask whether to approve a draft of which not everything was read: by another key than the one that approves."""
    from evolver_tui.tui.modals import ConfirmModal

    body = f"Its risk is {review.report.risk.value}, and {unread}"
    modal = ConfirmModal("approve", review.draft.node_id, body, now=desk.settings.monotonic)
    confirmed = await desk.questions.show_about(review.question, modal)
    return confirmed is True


def _reasons(report: CheckReport) -> Iterator[tuple[str, str]]:
    """What makes a risk high, each with the lines where that stands."""
    from evolver_tui.core.check_codes import phrase_of
    from evolver_tui.core.review_evidence import lines_named

    for capability in report.risky:
        yield phrase_of(capability), lines_named(report, capability)


async def _send_back(desk: DeskContext) -> None:
    """Send the draft back with a reason."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import ReasonModal
    from evolver_tui.tui.modals.reason_modal import END, GOES_BACK

    review = _review(desk)
    if review is None:
        return
    is_last = review.subject.rejects_left == 0
    title = f"Why is {review.draft.node_id} {'rejected' if is_last else 'sent back'}?"
    modal = ReasonModal(title, END if is_last else GOES_BACK, now=desk.settings.monotonic)
    words = "rejected, ending" if is_last else "sent back, writing again"
    await _decide_by(desk, review, modal, lambda reason: Decision(DecisionKind.REJECT, reason=reason), words)


async def _reject(desk: DeskContext) -> None:
    """Reject, after a confirmation."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import ConfirmModal

    review = _review(desk)
    if review is None:
        return
    back = desk.keymap.shown_key(SEND_BACK)
    body = (
        f"The draft is not saved and the task ends. With {back} it is sent back to the author with a reason instead."
        f"\n\n{desk.receipts.way_back}"
    )
    modal = ConfirmModal("reject", review.draft.node_id, body, now=desk.settings.monotonic)
    if await desk.questions.show_about(review.question, modal):
        await _decide(desk, review, Decision(DecisionKind.REJECT), "rejected, ending")


async def _edit(desk: DeskContext) -> None:
    """Open the draft in the editor; what comes back is checked and reviewed again."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.core.node import slug

    review = _review(desk)
    if review is None:
        return
    if desk.settings.editor is None:
        desk.say("There is no editor here.", "warning")
        return
    code, command = review.draft.code, desk.settings.editor()
    begun = await desk.kept_edits.of(review) or code
    edited = await desk.edit(command, begun, f"{slug(review.draft.node_id)}.py")  # no id was checked yet
    if edited.rstrip("\n") == code.rstrip("\n"):
        await desk.kept_edits.keep(review, "")
        desk.say("Nothing was changed, so the draft waits as it is.")
        return
    await desk.kept_edits.keep(review, edited)
    again = "What you wrote is in the editor when you open it again."
    edit = Decision(DecisionKind.EDIT, code=edited)
    await _decide(desk, review, edit, "edited, checking", way_out=again, stays=True)
    await desk.kept_edits.keep(review, "")


async def _edit_here(desk: DeskContext) -> None:
    """Open the draft in the console; what is handed in goes the way of what comes out of the editor."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.core.edit_verdict import EditVerdict, edit_verdict
    from evolver_tui.tui.code_editor.code_text import reason_against_editing
    from evolver_tui.tui.drawing.selected_text import as_written
    from evolver_tui.tui.modals import EditModal

    review = _review(desk)
    if review is None:
        return
    code, begun = review.draft.code, await desk.kept_edits.of(review)
    reason = reason_against_editing(begun or code)
    if reason:
        desk.say(f"{reason} {desk.keymap.shown_key(EDIT)} opens it in your own editor.", "warning")
        return

    async def check(edited: str) -> EditVerdict:
        return edit_verdict(await desk.session.check(edited), review.report)

    async def save(edited: str) -> None:
        try:
            await _send(desk, review, Decision(DecisionKind.EDIT, code=edited), "edited, checking")
        except (AlreadyAnswered, NotWaiting) as error:  # which closes other dialogs, and what was written in them
            modal.withdraw()
            raise EvolverError(error.message, "What you wrote can be copied with ^o.") from None

    modal = EditModal(
        review.draft.node_id, code, begun, check=check, copy=lambda text: desk.copy(as_written(text)),
        keep=lambda text: desk.kept_edits.keep(review, text), line=_first_line(desk, review),
        now=desk.settings.monotonic,
    )  # fmt: skip
    await desk.questions.show_about(review.question, modal, save)
    await desk.kept_edits.keep(review, modal.kept)


def _first_line(desk: DeskContext, review: Review) -> int:
    """Where whoever mends a draft looks first: the line that they scrolled to, else what the checks found."""
    from evolver_tui.core.edit_verdict import first_line_to_see
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.folded_code import FoldedCode

    card = desk.card
    document, row = card.document, card.first_row_in_sight
    if row and isinstance(document, CodeDocument | FoldedCode):
        return document.lines_at(row, card.document_width)[0]
    return first_line_to_see(review.report)


def _reason_against_reuse(desk: DeskContext) -> str:
    from evolver_tui.core.likeness import node_of

    review = desk.content.review
    if review is None:
        return _reason(desk)
    return "" if node_of(review.subject.like) is not None else "There is no node that is like the draft on the card."


async def _reuse(desk: DeskContext) -> None:
    """Use the node that the draft is like, in the place of it; nothing is saved."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.core.likeness import node_of
    from evolver_tui.tui.screens.desk.receipts import USES

    review = _review(desk)
    found = node_of(review.subject.like) if review is not None else None
    if review is None or found is None:
        return
    node, sha256 = found
    await _decide(desk, review, Decision(DecisionKind.REUSE, node=str(node), sha256=sha256), f"{USES}{node}, ending")


async def _respond(desk: DeskContext) -> None:
    """Respond to the author with words, which does not count as sent back."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import ReasonModal
    from evolver_tui.tui.modals.reason_modal import RESPOND

    review = _review(desk)
    if review is None:
        return
    title = f"What do you respond to the author of {review.draft.node_id}?"
    modal = ReasonModal(title, RESPOND, now=desk.settings.monotonic)
    told = "responded to, writing again"
    await _decide_by(desk, review, modal, lambda words: Decision(DecisionKind.RESPOND, reason=words), told)


# --- how a decision is sent


def _review(desk: DeskContext) -> Review | None:
    """The draft that was really read; otherwise a notice says what is in the way."""
    if desk.is_being_saved(desk.content.job):
        return None
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
        await go_on(desk, row)


async def _decide_by(
    desk: DeskContext, review: Review, modal: Modal[str | None], decision: Callable[[str], Decision], words: str
) -> None:
    """Decide with what is typed into a dialog, which closes only once that is written."""
    row = desk.selected

    async def save(typed: str) -> None:
        await _send(desk, review, decision(typed), words)

    if await desk.questions.show_about(review.question, modal, save):
        await go_on(desk, row)


async def _send(desk: DeskContext, review: Review, decision: Decision, words: str) -> None:
    """Send a decision; once it is on disk, `words` say so."""
    question = review.question
    try:
        with desk.questions.settling(question.id):
            inbox = desk.session.inbox
            await desk.keep(question.job, question.task_id, lambda: inbox.decide(question.id, decision))
        desk.acknowledge(question.job, question.task_id, words)
    finally:
        desk.refresh_queue()
        desk.refresh_card()


# --- the actions


def _decision(
    name: str, key: str, title: str, help: str, footer: int, run: Callable[[DeskContext], Work],
    reason: Callable[[DeskContext], str] = _reason,
) -> Action[DeskContext]:  # fmt: skip
    return Action(
        f"review.{name}", key, title, help, "Review", run, in_database(reason), lambda desk: desk.content.identity,
        panes=("card",), footer=footer, is_alone=True, is_decision=True,
    )  # fmt: skip


_APPROVE_HELP = "Approve the draft; one of high risk by its name."
APPROVE = _decision("approve", "a", "approve", _APPROVE_HELP, 10, _approve, _reason_against_approval)
SEND_BACK = _decision("reject", "r", "send back", "Send back the draft to the author with a reason.", 11, _send_back)
REJECT = _decision(
    "reject_plain", "R", "reject", "Reject the draft without a reason; it asks first, and the task ends.", 16, _reject
)  # fmt: skip
EDIT = _decision("edit", "e", "edit", "Edit the draft in your editor; it is checked again.", 13, _edit)
EDIT_HERE = _decision(
    "edit_here", "E", "mend", "Mend the draft here, with the checks as you type; it is checked again.", 15, _edit_here
)  # fmt: skip
REUSE = _decision(
    "reuse",
    "N",
    "reuse",
    "Reuse the node that the draft is like for its task; the draft is not saved.",
    12,
    _reuse,
    _reason_against_reuse,
)._replace(is_occasional=True)
RESPOND = _decision(
    "respond", "w", "respond", "Respond to the author in a few words; it does not count as sent back.", 16, _respond
)
