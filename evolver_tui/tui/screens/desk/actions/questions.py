"""What waits for a person: going to it, listing it, answering it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError
from evolver_tui.tui.actions import Action, Work
from evolver_tui.tui.screens.desk.actions.going_on import go_on, go_on_from_answer, is_filled_in
from evolver_tui.tui.screens.desk.actions.reasons import in_database
from evolver_tui.tui.screens.desk.actions.remembering import offer
from evolver_tui.tui.screens.desk.card import QuestionIdentity

if TYPE_CHECKING:
    from evolver_tui.core.question import Answer, OpenQuestion
    from evolver_tui.tui.modals import InboxModal
    from evolver_tui.tui.screens.desk.context import DeskContext

SHORTEST_REST, LONGEST_REST = 0.1, 1.0
"""Seconds between two readings of the inbox."""
_MOST_ORDERED = 1_000
"""Of what waits, the oldest, is put in the order of estimates."""


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

        following = desk.queue.next_in_order(desk.chosen) or await next_needing(desk.session.store, desk.chosen)
        if following is not None:
            desk.card.guard.ask_for(following.job)
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


async def _open(desk: DeskContext, question: OpenQuestion, *, goes_on: bool = True) -> bool:
    """Ask a question in a dialog, or go to its card where it is looked at there; returns whether that was so.

    Args:
        goes_on: whether an answer leads to what needs a person next.
    """
    if is_filled_in(question):
        await _ask(desk, question, goes_on=goes_on)
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
        await desk.questions.show_beside(inbox, _keep_up(desk, inbox, changed))


async def _keep_up(desk: DeskContext, inbox: InboxModal, changed: asyncio.Event) -> None:
    """Keep it filled, and offer another order once that is known to be possible."""
    await asyncio.gather(_keep_filled(desk, inbox, changed), _offer_order(desk, inbox))


async def _offer_order(desk: DeskContext, inbox: InboxModal) -> None:
    if desk.settings.player is None and await desk.session.estimates.of("") is not None:
        inbox.offer_order()


async def _keep_filled(desk: DeskContext, inbox: InboxModal, changed: asyncio.Event) -> None:
    """Read what waits whenever that may be different, resting nine times as long as a reading takes."""
    from evolver_tui.tui.modals.inbox_list import InboxRow
    from evolver_tui.tui.screens.desk.estimate_order import EstimateOrder

    has_failed = False
    order = EstimateOrder(desk)
    now, store = desk.settings.monotonic, desk.session.store
    while True:
        changed.clear()
        started, wanted = now(), inbox.rows_wanted
        try:
            counts = await store.counts()
            wanted = max(wanted, _MOST_ORDERED) if inbox.is_by_estimate else wanted
            waiting = await store.open_questions(wanted)
            rows = await order.of(waiting) if inbox.is_by_estimate else [InboxRow.of(asked) for asked in waiting]
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
    elif await _open(desk, question, goes_on=False):
        inbox.withdraw()


# --- answering


async def _question_on_card(desk: DeskContext) -> OpenQuestion | None:
    question = await desk.session.store.open_question_of(desk.content.job)
    return question if question is not None and is_filled_in(question) else None


async def _answer_this(desk: DeskContext) -> None:
    """Open the question that is on the card."""
    question = await _question_on_card(desk)
    if question is not None:
        await _ask(desk, question)


async def _answer_all_alike(desk: DeskContext) -> None:
    """The same, for all that ask it."""
    question = await _question_on_card(desk)
    if question is not None:
        await _ask(desk, question, answers_alike=True)


async def _ask(desk: DeskContext, question: OpenQuestion, *, goes_on: bool = True, answers_alike: bool = False) -> None:
    """Ask a question in a dialog, and those that follow it as long as they are answered.

    Args:
        goes_on: whether any follow it.
        answers_alike: whether others that ask the same get the answer at first.
    """
    following: OpenQuestion | None = question
    while following is not None:
        row = await desk.session.store.row(following.job)
        is_first = following is question
        is_answered = await _ask_one(desk, following, is_first=is_first, answers_alike=answers_alike and is_first)
        following = await go_on_from_answer(desk, row) if is_answered and goes_on else None


async def _ask_one(desk: DeskContext, question: OpenQuestion, *, is_first: bool, answers_alike: bool) -> bool:
    """Ask one; returns whether it was answered or declined.

    Args:
        is_first: False where the dialog opens by itself after another one.
        answers_alike: as of `_ask`.
    """
    from evolver_tui.core.question import AnswerAction
    from evolver_tui.tui.modals import QuestionModal
    from evolver_tui.tui.modals.modal import SECONDS_UNTIL_ARMED, SECONDS_UNTIL_NEXT_IS_ARMED

    if desk.is_being_saved(question.job):
        return False
    with desk.questions.asking(question.id) as is_asked_here:
        if not is_asked_here:
            return False
        position, total = await _position_of(desk, question)
        store = desk.session.store
        latest = await store.latest_answer(question.id) or {}
        modal = QuestionModal(
            question, position, total, decline=desk.keymap.bound(DECLINE),
            if_declined=await _if_declined(desk, question), typed=desk.questions.typed.get(question.id),
            proposed=latest.get("content"), alike=len(await store.alike(question.id)),
            answer_alike=desk.keymap.bound(ANSWER_ALIKE), answers_alike=answers_alike,
            armed_after=SECONDS_UNTIL_ARMED if is_first else SECONDS_UNTIL_NEXT_IS_ARMED,
            now=desk.settings.monotonic, wall_now=desk.settings.now,
        )  # fmt: skip

        said = ""

        async def save(answer: Answer) -> None:
            nonlocal said
            await _answer(desk, question, answer)
            if modal.answers_alike and answer.action is AnswerAction.ACCEPT:
                said = await _give_alike(desk, question, answer)

        answer = await desk.questions.show_about(question, modal, save)
        desk.questions.keep_typed(question.id, modal.typed if answer is None else {})
    if answer is not None:
        desk.refresh_queue()
        desk.refresh_card()
        if answer.action is AnswerAction.ACCEPT:
            desk.start(offer(desk, question, said), "question.offer")
    return answer is not None


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


async def _give_alike(desk: DeskContext, question: OpenQuestion, answer: Answer) -> str:
    """Give an answer that was given to all others that ask the same; says and returns what came of that."""
    try:
        answered, left_out = await desk.session.inbox.answer_alike(question.id, answer)
    except EvolverError as error:
        words = f"Some that ask the same were not answered. {error}"
        desk.say(words, "error")
        return words
    for each in answered:
        desk.acknowledge(each.job, each.task_id, "answered, going on")
    words = "1 other got the same answer." if len(answered) == 1 else f"{len(answered):,} others got the same answer."
    if left_out:
        words += f" {len(left_out):,} had been answered by somebody else meanwhile."
    desk.say(words)
    return words


async def _decline_this(desk: DeskContext) -> None:
    """Decline to answer the question that is on the card, after a confirmation that says what is lost."""
    from evolver_tui.core.question import Answer, AnswerAction
    from evolver_tui.tui.modals.question_modal import decline_modal

    question = await _question_on_card(desk)
    if question is None or desk.is_being_saved(question.job):
        return
    modal = decline_modal(question, await _if_declined(desk, question), desk.settings.monotonic)
    row = desk.selected
    if await desk.questions.show_about(question, modal):
        await _answer(desk, question, Answer(AnswerAction.DECLINE))
        desk.refresh_card()
        await go_on(desk, row)


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
ANSWER_ALIKE = Action(
    "question.alike", "f7", "answer alike", "Answer the question that is on the card, and all that ask the same.",
    "Review", _answer_all_alike, in_database(_reason_without_question), panes=("card",), is_occasional=True,
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
