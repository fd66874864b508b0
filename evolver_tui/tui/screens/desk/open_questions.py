"""The questions that are open here: dialogs about them, who settled them, and what is said when somebody else did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from evolver_tui.core.errors import AlreadyAnswered, EvolverError, NodeChanged, NotWaiting, StoreError
from evolver_tui.core.job import JobState, QueueRow
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.store import Store
from evolver_tui.tui.drawing.formatting import moment

if TYPE_CHECKING:
    from evolver_tui.tui.context import ViewContext
    from evolver_tui.tui.modals import Modal
    from evolver_tui.tui.screens.desk.job_changes import JobChanges

T = TypeVar("T")

_DECIDED = {
    "approve": "approved",
    "edit": "edited",
    "reject": "rejected",
    "respond": "responded to",
    "decline": "declined",
}
"""What an answer means beyond that it was given."""

_FINAL = (AlreadyAnswered, NotWaiting, NodeChanged)
"""Why a decision cannot be written that another attempt would not change."""


class OpenQuestions:
    """Dialogs about questions close by themselves when those are settled elsewhere; each end is told once."""

    def __init__(self, view: ViewContext, store: Store, job_changes: JobChanges) -> None:
        self._view = view
        self._store = store
        self._job_changes = job_changes
        self._settled: set[int] = set()
        """Questions whose end needs no notice: it was brought about here, or told."""
        self.times_settled = 0
        """How often one was begun to be settled here."""
        self._asking: set[int] = set()
        self.typed: dict[int, Mapping[str, Any]] = {}
        """What was put into forms that were left for later."""

    # --- dialogs

    @contextlib.contextmanager
    def asking(self, question_id: int) -> Iterator[bool]:
        """Ask a question in this block, where it is not asked already: False then."""
        is_first = question_id not in self._asking
        self._asking.add(question_id)
        try:
            yield is_first
        finally:
            if is_first:
                self._asking.discard(question_id)

    def keep_typed(self, question_id: int, typed: Mapping[str, Any]) -> None:
        """Keep what was put into a question's form until it is settled or opened again."""
        if typed and not self.is_settled(question_id):
            self.typed[question_id] = typed
        else:
            self.typed.pop(question_id, None)

    async def show_about(
        self, question: OpenQuestion, modal: Modal[T], save: Callable[[Any], Awaitable[None]] | None = None
    ) -> T | None:
        """Show a dialog about a question; it closes with a notice when the question is settled elsewhere.

        Args:
            save: writes the dialog's result. Where it could not be written the dialog stays open and says so.

        Raises:
            EvolverError: of `save`, where the same result can never be written; the dialog is closed.
        """
        refusals: list[Exception] = []

        async def try_to_save(result: T) -> None:
            assert save is not None
            try:
                await save(result)
            except Exception as error:
                if isinstance(error, EvolverError) and not isinstance(error, _FINAL):
                    raise
                refusals.append(error)

        if save is not None:
            modal.save = try_to_save
        with self._job_changes.heard() as changed:
            result = await self.show_beside(modal, self._withdraw_when_settled(modal, question, changed))
        if refusals:
            raise refusals[0]
        return result

    async def show_beside(self, modal: Modal[T], beside: Coroutine[Any, Any, None]) -> T | None:
        """Show a dialog, and do something else as long as it is open."""
        work = asyncio.ensure_future(beside)
        try:
            return await self._view.ask(modal)
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
            self._view.say(words)


def not_saved(error: StoreError, way_out: str) -> StoreError:
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
