"""Deciding about all that is marked in the queue: together, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evolver_tui.core.errors import EvolverError, NotAllWaiting, StoreError
from evolver_tui.tui.actions import Action, Work
from evolver_tui.tui.screens.desk.actions.going_on import go_on
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.decision import Decision
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.core.question_kinds.review import ReviewSubject
    from evolver_tui.tui.modals import Modal
    from evolver_tui.tui.screens.desk.context import DeskContext

_NOTHING_MARKED = "Nothing is marked. Mark tasks that wait for you with space, or a range of them with v."


def _reason(desk: DeskContext) -> str:
    return "" if desk.queue.marks else _NOTHING_MARKED


def _reason_by_marks(desk: DeskContext) -> str:
    """The same for a key that decides about the card where nothing is marked."""
    return "" if desk.queue.marks else desk.way_to_card


def _subject(desk: DeskContext) -> object:
    return desk.queue.marks.jobs


# --- what is marked


async def _marked(desk: DeskContext) -> Sequence[OpenQuestion]:
    """What the marked jobs ask at this moment, beside the library as it is, in the order in which they wait."""
    store, inbox = desk.session.store, desk.session.inbox
    found = [await store.open_question_of(job) for job in desk.queue.marks.jobs]
    waiting = sorted((asked for asked in found if asked is not None), key=lambda asked: (asked.asked_at, asked.id))
    return [await inbox.as_of_now(asked) for asked in waiting]


def _is_any_being_saved(desk: DeskContext) -> bool:
    return any(desk.is_being_saved(job) for job in desk.queue.marks.jobs)


def _drafts(number: int) -> str:
    return "1 draft" if number == 1 else f"{number:,} drafts"


# --- approving


async def _approve(desk: DeskContext) -> None:
    """Approve what is marked, after a summary that names each draft and whatever is left out."""
    from evolver_tui.core.batch import approvable
    from evolver_tui.tui.modals import BatchModal
    from evolver_tui.tui.screens.desk.batch_words import batch_lines

    if _is_any_being_saved(desk):
        return
    reviews = await _marked(desk)
    seen, whole = frozenset(desk.drafts_seen), desk.card.readings.is_whole
    batch = await asyncio.to_thread(approvable, reviews, lambda subject: _reason_unread(subject, seen, whole))
    symbols = desk.card.symbols
    modal = BatchModal(
        "approve", _drafts(len(batch.items)), await asyncio.to_thread(batch_lines, batch, symbols),
        problem="" if batch.items else "None of these can be approved together", now=desk.settings.monotonic,
    )  # fmt: skip

    async def save(_: bool) -> None:
        nonlocal batch
        asked = [item.asked for item in batch.items]
        try:
            await _decide_all(desk, asked, batch.approvals(), "approved, saving")
        except NotAllWaiting as error:
            batch = batch.without(error.refused)
            if batch.items:
                modal.show(_drafts(len(batch.items)), await asyncio.to_thread(batch_lines, batch, symbols))
            raise _not_all(error, asked) from None

    await _ask(desk, modal, save)


def _reason_unread(subject: ReviewSubject, seen: frozenset[str], is_whole: Callable[[str], bool]) -> str:
    """Why a draft does not count as read: one of low risk by having lain on the card, another by all of its lines."""
    from evolver_tui.core.node import Risk
    from evolver_tui.core.safe_text import LIMIT

    if any(len(line) > LIMIT for line in subject.draft.code.split("\n")):
        return "a line of it is longer than the card shows"
    sha256 = subject.draft.sha256
    if sha256 not in seen:
        return "it was never on the card"
    if subject.report.risk is not Risk.LOW and not is_whole(sha256):
        return f"its risk is {subject.report.risk.value}, and it was not read to the end"
    return ""


# --- rejecting


async def _send_back(desk: DeskContext) -> None:
    """Send the marked drafts back with one reason."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import ReasonModal
    from evolver_tui.tui.modals.reason_modal import END, GOES_BACK
    from evolver_tui.tui.screens.desk.marks import named

    asked, last = await _reviews(desk)
    if not asked:
        return
    is_end = last == len(asked)
    which = named([each.task_id for each in asked])
    meaning = END.meaning if is_end else _goes_back(which, last)
    done = "rejected" if is_end else "sent back"
    title = f"Why {'is' if len(asked) == 1 else 'are'} {_drafts(len(asked))} {done}?"
    wording = replace(END if is_end else GOES_BACK, meaning=meaning)
    modal = ReasonModal(title, wording, now=desk.settings.monotonic)
    words = "rejected, ending" if is_end else "sent back, writing again"
    await _ask(desk, modal, _saving(desk, asked, lambda typed: Decision(DecisionKind.REJECT, reason=typed), words))


def _goes_back(which: str, last: int) -> str:
    """What becomes of drafts that are sent back, of which so many were sent back as often as may be."""
    words = f"{which}: each goes back to its author, who reads the reason and writes another."
    if not last:
        return words
    were = "1 was" if last == 1 else f"{last:,} were"
    return f"{words} {were} sent back as often as may be: {'its task ends' if last == 1 else 'their tasks end'}."


async def _reject(desk: DeskContext) -> None:
    """Reject the marked drafts without a reason, after a confirmation that names them."""
    from evolver_tui.core.decision import Decision, DecisionKind
    from evolver_tui.tui.modals import BatchModal
    from evolver_tui.tui.screens.desk.batch_words import review_lines

    asked, _ = await _reviews(desk)
    if not asked:
        return
    what = "It is not saved and its task ends." if len(asked) == 1 else "They are not saved and their tasks end."
    meaning = f"{what} {desk.receipts.way_back}"
    lines = [*review_lines(asked, desk.card.symbols), [], [(meaning, "text")]]
    modal = BatchModal("reject", _drafts(len(asked)), lines, now=desk.settings.monotonic)
    await _ask(desk, modal, _saving(desk, asked, lambda _: Decision(DecisionKind.REJECT), "rejected, ending"))


async def _reviews(desk: DeskContext) -> tuple[Sequence[OpenQuestion], int]:
    """The marked drafts, and of how many a reject with a reason would be the end; none while one is being saved."""
    from evolver_tui.core.question_kinds.review import ReviewSubject

    if _is_any_being_saved(desk):
        return (), 0
    waiting = await _marked(desk)
    reviews = [(asked, asked.subject) for asked in waiting if isinstance(asked.subject, ReviewSubject)]
    if not reviews:
        desk.say("None of the marked tasks has a draft to decide about.", "warning")
    return [asked for asked, _ in reviews], sum(subject.rejects_left == 0 for _, subject in reviews)


def _saving(
    desk: DeskContext, asked: Sequence[OpenQuestion], decision: Callable[[Any], Decision], words: str
) -> Callable[[Any], Awaitable[None]]:
    """What writes one decision for all of these; what somebody else decided meanwhile is left out the next time."""
    rest = list(asked)

    async def save(typed: Any) -> None:
        try:
            await _decide_all(desk, rest, {each.id: decision(typed) for each in rest}, words)
        except NotAllWaiting as error:
            told = _not_all(error, rest)
            rest[:] = [each for each in rest if each.id not in error.refused]
            raise told from None

    return save


# --- how it is sent


async def _decide_all(
    desk: DeskContext, asked: Sequence[OpenQuestion], decisions: Mapping[int, Decision], words: str
) -> None:
    """Send all of these decisions at once; once they are on disk, `words` say so of each."""
    if not asked:
        return
    tasks, row = {each.job: each.task_id for each in asked}, desk.selected
    try:
        with contextlib.ExitStack() as settling:
            for each in asked:
                settling.enter_context(desk.questions.settling(each.id))
            await desk.keep_all(tasks, lambda: desk.session.inbox.decide_all(decisions))
        for job, task_id in tasks.items():
            desk.acknowledge(job, task_id, words)
        desk.queue.drop_marks(tasks)
        if row is not None and row.job in tasks:
            await go_on(desk, row)
    finally:
        desk.refresh_queue()
        desk.refresh_card()


def _not_all(error: NotAllWaiting, asked: Sequence[OpenQuestion]) -> EvolverError:
    """Which of them cannot be decided and why, and what the same key does next."""
    from evolver_tui.core.safe_text import safe_text

    why = [
        f"{safe_text(each.task_id, 40)}: {safe_text(error.refused[each.id].message, 100)}"
        for each in asked
        if each.id in error.refused
    ]
    rest = len(asked) - len(why)
    more = f" And {len(why) - 2:,} more." if len(why) > 2 else ""
    left = f"{'It is' if len(why) == 1 else 'They are'} left out now" if rest else "None is left"
    return StoreError(f"{' '.join(why[:2])}{more} {left}; nothing was written.")


async def _ask(desk: DeskContext, modal: Modal[Any], save: Callable[[Any], Awaitable[None]]) -> None:
    modal.save = save
    await desk.ask(modal)


def _action(
    name: str, key: str, title: str, help: str, footer: int, run: Callable[[DeskContext], Work],
    reason: Callable[[DeskContext], str],
) -> Action[DeskContext]:  # fmt: skip
    return Action(
        f"marks.{name}", key, title, help, "Queue", run, in_database(reason), _subject, panes=("queue",), footer=footer,
        is_occasional=True, is_alone=True,
    )  # fmt: skip


APPROVE_MARKED = _action(
    "approve", "A", "approve marked",
    "Approve marked drafts together, or none, after a summary that says which are left out and why.",
    2, _approve, _reason,
)  # fmt: skip
SEND_BACK_MARKED = _action(
    "reject", "r", "send back marked", "Send back marked drafts with one reason, together or none.",
    3, _send_back, _reason_by_marks,
)  # fmt: skip
REJECT_MARKED = _action(
    "reject_plain", "R", "reject marked", "Reject marked drafts, together or none; it asks first.",
    4, _reject, _reason_by_marks,
)  # fmt: skip
