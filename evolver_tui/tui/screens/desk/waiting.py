"""What waits for a person: how it is found, opened and answered, and what is said when somebody else was faster."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from evolver_tui.core.errors import AlreadyAnswered, EvolverError, NodeChanged, NotWaiting, StoreError
from evolver_tui.core.job import JobState, QueueRow, is_built_in
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.session import Session
from evolver_tui.engine.store import Store
from evolver_tui.tui.drawing.formatting import moment
from evolver_tui.tui.question_kinds import view_of

if TYPE_CHECKING:
    from evolver_tui.tui.modals import InboxModal, Modal
    from evolver_tui.tui.screens.desk.screen import Desk

T = TypeVar("T")

SHORTEST_REST, LONGEST_REST = 0.1, 1.0
"""Seconds between two readings of the inbox."""

_DECIDED = {
    "approve": "approved",
    "edit": "edited",
    "reject": "rejected",
    "respond": "sent back with words",
    "decline": "declined",
}
"""What an answer means beyond that it was given."""

_FINAL = (AlreadyAnswered, NotWaiting, NodeChanged)
"""Why a decision cannot be written that another attempt would not change."""


def _is_filled_in(question: OpenQuestion) -> bool:
    """Whether a question is answered in a dialog; another is looked at on its card."""
    return view_of(question.question.kind).is_filled_in(question)


class WaitingDeeds:
    """The desk's actions about what needs a person."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._store = session.store
        self._now = desk.settings.monotonic
        self._settled: set[int] = set()
        """Questions whose end needs no notice: it was brought about here, or told."""
        self.times_settled = 0
        """How often one was begun to be settled here."""
        self._asking: set[int] = set()
        """Questions that are open as a dialog."""

    def by_action(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Action id to deed."""
        return {
            "card.answer": self.answer_this,
            "question.decline": self.decline_this,
            "attention.inbox": self.open_inbox,
            "attention.next": self.next_needing,
            "attention.answer": self.answer_oldest,
        }

    # --- finding and opening

    async def next_needing(self) -> None:
        """Select the next job that needs a person."""
        following = await next_needing(self._store, self._desk.queue.selected)
        if following is not None:
            self._desk.card.ask_for(following.job)
            self._desk.queue.select(following)
        else:
            self._desk.say("Nothing else waits for you.")

    async def answer_oldest(self) -> None:
        """Open the oldest question; where it is a review, go to its card."""
        waiting = await self._store.open_questions(1)
        if not waiting:
            self._desk.say("Nothing waits for you.")
        elif _is_filled_in(waiting[0]):
            await self._ask(waiting[0])
        else:
            await self._show_card(waiting[0])

    async def answer_this(self) -> None:
        """Open the question that is on the card."""
        question = await self._store.open_question_of(self._desk.card.content.job)
        if question is not None and _is_filled_in(question):
            await self._ask(question)

    async def decline_this(self) -> None:
        """Refuse to answer the question that is on the card, after a confirmation that says what is lost."""
        from evolver_tui.tui.modals.question_modal import decline_modal

        question = await self._store.open_question_of(self._desk.card.content.job)
        if question is None or not _is_filled_in(question):
            return
        modal = decline_modal(question, await self._if_declined(question), self._now)
        if await self.show_about(question, modal):
            await self._answer(question, Answer(AnswerAction.DECLINE))
            self._desk.reload_card()

    async def _if_declined(self, question: OpenQuestion) -> str:
        """What becomes of a job whose question is declined."""
        detail = await self._store.job(question.job)
        if detail is not None and not is_built_in(detail.routine):
            return (
                f"The routine {safe_text(detail.routine, 100)} is told that there will be no answer, and does what it "
                "was written to do then. What you filled in is not kept."
            )
        return (
            "The author cannot go on without it: the task ends as rejected, and no node is written. What you filled "
            f"in is not kept. {self._desk.receipts.way_back}"
        )

    async def _answer(self, question: OpenQuestion, answer: Answer) -> None:
        with self.settling(question.id):
            await self._session.inbox.answer(question.id, answer)
        is_answered = answer.action is AnswerAction.ACCEPT
        words = "answered, going on" if is_answered else "declined, ending"
        self._desk.acknowledge(question.job, question.task_id, words)
        self._desk.queue.rows_changed()

    async def open_inbox(self) -> None:
        """Show everything that waits, until a person leaves it or goes to a review."""
        from evolver_tui.tui.modals import InboxModal
        from evolver_tui.tui.modals.inbox_list import Waiting

        def open_row(row: Waiting) -> None:
            work = self._open_from(inbox, row.id)
            self._desk.app.run_worker(work, name="inbox.open", group="deeds", exit_on_error=False)

        settings = self._desk.settings
        with self._desk.hears_of_jobs() as changed:
            expected = (await self._store.counts()).needs_you
            inbox = InboxModal(
                self._desk.actions, open_row, changed.set, expected,
                plain=settings.plain, now=self._now, wall_now=settings.now,
            )  # fmt: skip
            await self._show(inbox, self._keep_filled(inbox, changed))

    async def _keep_filled(self, inbox: InboxModal, changed: asyncio.Event) -> None:
        """Read what waits whenever that may be different, resting nine times as long as a reading takes."""
        from evolver_tui.tui.modals.inbox_list import Waiting

        has_failed = False
        while True:
            changed.clear()
            started, wanted = self._now(), inbox.rows_wanted
            try:
                counts = await self._store.counts()
                rows = [Waiting.of(asked) for asked in await self._store.open_questions(wanted)]
            except EvolverError as error:
                if not has_failed:
                    self._desk.say(str(error), "error")
                has_failed = True
            else:
                has_failed = False
                inbox.show(rows, max(counts.needs_you, len(rows)) if len(rows) == wanted else len(rows))
            await asyncio.sleep(min(max(SHORTEST_REST, 9 * (self._now() - started)), LONGEST_REST))
            await changed.wait()

    async def _open_from(self, inbox: InboxModal, question_id: int) -> None:
        question = await self._store.question(question_id)
        if question is None:
            self._desk.say("That was settled a moment ago.")
        elif _is_filled_in(question):
            await self._ask(question)
        else:
            await self._show_card(question)
            inbox.withdraw()

    async def _show_card(self, question: OpenQuestion) -> None:
        row = await self._store.row(question.job)
        if row is not None:
            self._desk.go_to_card(row)

    # --- answering

    async def _ask(self, question: OpenQuestion) -> None:
        from evolver_tui.tui.modals import QuestionModal

        if question.id in self._asking:
            return
        self._asking.add(question.id)
        try:
            position, total = await self._place_of(question)
            modal = QuestionModal(
                question, position, total, decline=self._desk.action("question.decline"),
                if_declined=await self._if_declined(question), now=self._now, wall_time=self._desk.settings.now(),
            )  # fmt: skip

            async def keep(answer: Answer) -> None:
                await self._answer(question, answer)

            answer = await self.show_about(question, modal, keep)
        finally:
            self._asking.discard(question.id)
        if answer is not None:
            self._desk.queue.rows_changed()
            self._desk.reload_card()

    async def _place_of(self, question: OpenQuestion) -> tuple[int, int]:
        """Which of all that waits it is, from 1, and of how many: what waits stands at the queue's top."""
        row, counts = await self._store.row(question.job), await self._store.counts()
        position = 1 + await self._store.rank_of(row.key) if row is not None else 1
        return position, max(position, counts.needs_you)

    async def show_about(
        self, question: OpenQuestion, modal: Modal[T], keep: Callable[[Any], Awaitable[None]] | None = None
    ) -> T | None:
        """Show a dialog about a question; it closes with a notice when the question is settled elsewhere.

        Args:
            keep: writes the dialog's result. Where it could not be written the dialog stays open and says so.

        Raises:
            EvolverError: of `keep`, where the same result can never be written; the dialog is closed.
        """
        refusals: list[Exception] = []

        async def try_to_keep(result: T) -> None:
            assert keep is not None
            try:
                await keep(result)
            except Exception as error:
                if isinstance(error, EvolverError) and not isinstance(error, _FINAL):
                    raise
                refusals.append(error)

        if keep is not None:
            modal.keep = try_to_keep
        with self._desk.hears_of_jobs() as changed:
            result = await self._show(modal, self._withdraw_when_settled(modal, question, changed))
        if refusals:
            raise refusals[0]
        return result

    async def _show(self, modal: Modal[T], beside: Coroutine[Any, Any, None]) -> T | None:
        """Show a dialog, and do something else as long as it is open."""
        work = asyncio.ensure_future(beside)
        try:
            return await self._desk.app.push_screen_wait(modal)
        finally:
            work.cancel()

    async def _withdraw_when_settled(self, modal: Modal[T], question: OpenQuestion, changed: asyncio.Event) -> None:
        while True:
            changed.clear()
            with contextlib.suppress(EvolverError):  # a database that is away: whoever answers is told then
                if await self._store.question(question.id) is None:
                    await self.tell_settled(question)
                    modal.withdraw()
                    return
            await changed.wait()

    # --- settled

    def is_settled(self, question_id: int) -> bool:
        """Whether this question's end was brought about here, or told."""
        return question_id in self._settled

    def is_open_again(self, question_id: int) -> None:
        """A question was read as open: whatever was settled about it before was taken back."""
        self._settled.discard(question_id)

    @contextlib.contextmanager
    def settling(self, question_id: int) -> Iterator[None]:
        """Settle a question in this block; its end is no news then. Who comes too late hears that from the error."""
        self._settled.add(question_id)
        self.times_settled += 1
        try:
            yield
        except AlreadyAnswered:
            raise
        except BaseException:
            self._settled.discard(question_id)
            raise

    async def tell_settled(self, question: OpenQuestion) -> None:
        """Say, once, how a question ended that was open here and not answered here."""
        if question.id in self._settled:
            return
        words = await how_settled(self._store, question)
        if question.id not in self._settled:
            self._settled.add(question.id)
            self._desk.say(words)


def not_kept(error: StoreError, way_out: str) -> StoreError:
    """The same error, for who has to know that a decision was not written; who came too late hears that as it is."""
    if isinstance(error, _FINAL):
        return error
    return StoreError(f"Your decision was not kept. {error.message}", way_out)


async def how_settled(store: Store, question: OpenQuestion) -> str:
    """Who answered a question and when, or what became of its job, as a sentence. Raises StoreError."""
    task = safe_text(question.task_id, 64)
    for pause in await store.pauses_of(question.job):
        if pause.question == question.question.name and pause.answered_at is not None:
            answer = pause.answer or {}
            meaning = _DECIDED.get(str(answer.get("kind") or answer.get("action")), "")
            words = f"{task}: answered by {safe_text(pause.answered_by, 64)} at {moment(pause.answered_at)}"
            return f"{words}: {meaning}." if meaning else f"{words}."
    row = await store.row(question.job)
    if row is not None and row.state is JobState.CANCELLED:
        return f"{task}: cancelled at {moment(row.since)}."
    if row is not None and row.state is JobState.EXPORTED:
        return f"{task}: left for another machine at {moment(row.since)}."
    return f"{task} waits for something else."


async def next_needing(store: Store, after: QueueRow | None) -> QueueRow | None:
    """The next job in the queue's order that waits for a person, from the top again after the last one."""
    if after is not None:
        following = await store.rows_after(after.key, 1)
        if following and following[0].state is JobState.PAUSED:
            return following[0]
    for row in await store.rows_after(None, 2):
        if row.state is JobState.PAUSED and (after is None or row.job != after.job):
            return row
    return None
