"""What waits for a person: going to it, listing it, answering it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError
from evolver_tui.tui.actions import Action, Work
from evolver_tui.tui.question_kinds import view_of
from evolver_tui.tui.screens.desk.actions.reasons import in_database
from evolver_tui.tui.screens.desk.card import QuestionIdentity

if TYPE_CHECKING:
    from evolver_tui.core.question import Answer, OpenQuestion
    from evolver_tui.tui.modals import InboxModal
    from evolver_tui.tui.screens.desk.context import DeskContext

SHORTEST_REST, LONGEST_REST = 0.1, 1.0
"""Seconds between two readings of the inbox."""


def _reason_without_question(desk: DeskContext) -> str:
    return "" if isinstance(desk.content.identity, QuestionIdentity) else "There is no question on the card."


def _reason_without_any(desk: DeskContext) -> str:
    counts = desk.counts
    return "Nothing waits for you." if counts is not None and not counts.needs_you else ""


# --- going there


def _go_to_next(desk: DeskContext) -> Work:
    """Select the next job that needs a person."""

    async def go() -> None:
        from evolver_tui.tui.screens.desk.open_questions import next_needing

        following = await next_needing(desk.session.store, desk.chosen)
        if following is not None:
            desk.card.ask_for(following.job)
            desk.select(following)
        else:
            desk.say("Nothing else waits for you.")

    return desk.leaving(go)


def _answer_oldest(desk: DeskContext) -> Work:
    """Open the oldest question; where it is a review, go to its card."""

    async def go() -> None:
        waiting = await desk.session.store.open_questions(1)
        if not waiting:
            desk.say("Nothing waits for you.")
        else:
            await _open(desk, waiting[0])

    return desk.leaving(go)


def _is_filled_in(question: OpenQuestion) -> bool:
    """Whether a question is answered in a dialog; another is looked at on its card."""
    return view_of(question.question.kind).is_filled_in(question)


async def _open(desk: DeskContext, question: OpenQuestion) -> bool:
    """Ask a question in a dialog, or go to its card where it is looked at there; returns whether that was so."""
    if _is_filled_in(question):
        await _ask(desk, question)
        return False
    row = await desk.session.store.row(question.job)
    if row is not None:
        desk.go_to_card(row)
    return True


# --- the inbox


async def _open_inbox(desk: DeskContext) -> None:
    """Show everything that waits, until a person leaves it or goes to a review."""
    from evolver_tui.tui.modals import InboxModal
    from evolver_tui.tui.modals.inbox_list import InboxRow

    def open_row(row: InboxRow) -> None:
        desk.start(_open_from(desk, inbox, row.id), "inbox.open")

    settings = desk.settings
    with desk.job_changes.heard() as changed:
        expected = (await desk.session.store.counts()).needs_you
        inbox = InboxModal(
            desk.keymap, (NEXT, ANSWER_OLDEST, INBOX), open_row, changed.set, expected,
            plain=settings.plain, now=settings.monotonic, wall_now=settings.now,
        )  # fmt: skip
        await desk.questions.show_beside(inbox, _keep_filled(desk, inbox, changed))


async def _keep_filled(desk: DeskContext, inbox: InboxModal, changed: asyncio.Event) -> None:
    """Read what waits whenever that may be different, resting nine times as long as a reading takes."""
    from evolver_tui.tui.modals.inbox_list import InboxRow

    has_failed = False
    now, store = desk.settings.monotonic, desk.session.store
    while True:
        changed.clear()
        started, wanted = now(), inbox.rows_wanted
        try:
            counts = await store.counts()
            rows = [InboxRow.of(asked) for asked in await store.open_questions(wanted)]
        except EvolverError as error:
            if not has_failed:
                desk.say(str(error), "error")
            has_failed = True
        else:
            has_failed = False
            inbox.show(rows, max(counts.needs_you, len(rows)) if len(rows) == wanted else len(rows))
        await asyncio.sleep(min(max(SHORTEST_REST, 9 * (now() - started)), LONGEST_REST))
        await changed.wait()


async def _open_from(desk: DeskContext, inbox: InboxModal, question_id: int) -> None:
    question = await desk.session.store.question(question_id)
    if question is None:
        desk.say("That was settled a moment ago.")
    elif await _open(desk, question):
        inbox.withdraw()


# --- answering


async def _question_on_card(desk: DeskContext) -> OpenQuestion | None:
    question = await desk.session.store.open_question_of(desk.content.job)
    return question if question is not None and _is_filled_in(question) else None


async def _answer_this(desk: DeskContext) -> None:
    """Open the question that is on the card."""
    question = await _question_on_card(desk)
    if question is not None:
        await _ask(desk, question)


async def _ask(desk: DeskContext, question: OpenQuestion) -> None:
    from evolver_tui.tui.modals import QuestionModal

    if desk.is_being_saved(question.job):
        return
    with desk.questions.asking(question.id) as is_first:
        if not is_first:
            return
        position, total = await _position_of(desk, question)
        modal = QuestionModal(
            question, position, total, decline=desk.keymap.bound(DECLINE),
            if_declined=await _if_declined(desk, question), typed=desk.questions.typed.get(question.id),
            now=desk.settings.monotonic, wall_now=desk.settings.now,
        )  # fmt: skip

        async def save(answer: Answer) -> None:
            await _answer(desk, question, answer)

        answer = await desk.questions.show_about(question, modal, save)
        desk.questions.keep_typed(question.id, modal.typed if answer is None else {})
    if answer is not None:
        desk.refresh_queue()
        desk.refresh_card()


async def _position_of(desk: DeskContext, question: OpenQuestion) -> tuple[int, int]:
    """Which of all that waits it is, from 1, and of how many: what waits stands at the queue's top."""
    store = desk.session.store
    row, counts = await store.row(question.job), await store.counts()
    position = 1 + await store.rank_of(row.key) if row is not None else 1
    return position, max(position, counts.needs_you)


async def _answer(desk: DeskContext, question: OpenQuestion, answer: Answer) -> None:
    from evolver_tui.core.question import AnswerAction

    with desk.questions.settling(question.id):
        inbox = desk.session.inbox
        await desk.keep(question.job, question.task_id, lambda: inbox.answer(question.id, answer))
    is_answered = answer.action is AnswerAction.ACCEPT
    words = "answered, going on" if is_answered else "declined, ending"
    desk.acknowledge(question.job, question.task_id, words)
    desk.refresh_queue()


async def _decline_this(desk: DeskContext) -> None:
    """Decline to answer the question that is on the card, after a confirmation that says what is lost."""
    from evolver_tui.core.question import Answer, AnswerAction
    from evolver_tui.tui.modals.question_modal import decline_modal

    question = await _question_on_card(desk)
    if question is None or desk.is_being_saved(question.job):
        return
    modal = decline_modal(question, await _if_declined(desk, question), desk.settings.monotonic)
    if await desk.questions.show_about(question, modal):
        await _answer(desk, question, Answer(AnswerAction.DECLINE))
        desk.refresh_card()


async def _if_declined(desk: DeskContext, question: OpenQuestion) -> str:
    """What becomes of a job whose question is declined."""
    from evolver_tui.core.job import is_built_in
    from evolver_tui.core.safe_text import safe_text

    detail = await desk.session.store.job(question.job)
    if detail is not None and not is_built_in(detail.routine):
        return (
            f"The routine {safe_text(detail.routine, 100)} is told that there will be no answer, and does what it "
            "was written to do then. What you filled in is not kept."
        )
    return (
        "The author cannot go on without it: the task ends as rejected, and no node is written. What you filled "
        f"in is not kept. {desk.receipts.way_back}"
    )


ANSWER = Action(
    "card.answer", "enter", "answer", "Answer the question that is on the card.", "Review", _answer_this,
    in_database(_reason_without_question), panes=("card",), footer=1, is_occasional=True,
)  # fmt: skip
DECLINE = Action(
    "question.decline", "f8", "decline", "Decline to answer the question; it asks first and says what is lost.",
    "Review", _decline_this, in_database(_reason_without_question), lambda desk: desk.content.identity,
    panes=("card",), footer=10, is_occasional=True, is_alone=True,
)  # fmt: skip
INBOX = Action(
    "attention.inbox", "i", "inbox", "List everything that needs you, oldest first.", "Queue", _open_inbox,
    in_database(), footer=32,
)  # fmt: skip
NEXT = Action(
    "attention.next", "n", "next", "Select the next task that needs you.", "Queue", _go_to_next,
    in_database(_reason_without_any), footer=30,
)  # fmt: skip
ANSWER_OLDEST = Action(
    "attention.answer", "o", "oldest", "Open the oldest question or review.", "Queue", _answer_oldest,
    in_database(_reason_without_any), footer=31,
)  # fmt: skip
