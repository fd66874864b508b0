"""Keeps the card on the job under the cursor: reads it, lets its ages move, and shows code while it is written."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.job import JobState
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.page import LiveIdentity, message_content
from evolver_tui.tui.screens.desk.panes.card_content import content_of, with_ages
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts
from evolver_tui.tui.screens.desk.panes.review_card import live_content

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.engine.author.author import LiveDraft
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.screens.desk.job_monitor import News
    from evolver_tui.tui.screens.desk.screen import Desk
    from evolver_tui.tui.screens.desk.waiting import WaitingDeeds


class CardKeeper:
    """The card's own part of the desk, once a session is open."""

    def __init__(self, desk: Desk, session: Session, waiting: WaitingDeeds, news: News, wanted: asyncio.Event) -> None:
        """Args:
        wanted: set by the desk whenever the selected job is to be read again.
        """
        self._desk = desk
        self._session = session
        self._waiting = waiting
        self._news = news
        self._wanted = wanted
        self._on_card: OpenQuestion | None = None
        """What the card asked of a person when it was last read."""
        self._facts: CardFacts | None = None
        """What the card was made of."""
        self._live: tuple[tuple[int, float], CodeDocument] | None = None
        self._second = 0
        self._note = ""
        self._learning: asyncio.Task[None] | None = None

    # --- reading

    async def run(self) -> None:
        """Show the job under the cursor, always the latest one; those it only passed are left out."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            row = self._desk.queue.selected
            if row is None:
                self._facts = None
                self._desk.card.show(message_content("Card", [("Nothing is selected.", "dim")]))
                continue
            try:
                await self._read(row)
            except EvolverError as error:
                self._desk.say(str(error), "error")

    async def _read(self, row: QueueRow) -> None:
        desk, store = self._desk, self._session.store
        detail = await store.job(row.job)
        settled_before = self._waiting.times_settled
        question = await store.open_question_of(row.job) if row.state == "paused" else None
        if question is not None and settled_before == self._waiting.times_settled:
            self._waiting.is_open_again(question.id)  # where it was settled before, its job was restored
        await self._tell_settled_elsewhere(row, question)
        journal = await store.journal(row.job) if row.state != "paused" else {}
        question = await self._as_of_now(question)
        selected, live = desk.queue.selected, self._session.live_draft
        if detail is None or selected is None or selected.job != row.job or (live and live.job == row.job):
            return
        retry = self._news.retry_of(row.job)
        knows = self._session.workers.knows(detail.routine)
        self._facts = CardFacts(detail, question, journal, desk.settings.nodes_folder, retry, knows)
        desk.card.show(content_of(self._facts, desk.settings.now(), desk.card.marks))
        desk.show_keys()

    async def _as_of_now(self, question: OpenQuestion | None) -> OpenQuestion | None:
        """A question beside the library as it is now; as it was asked where the library cannot be read."""
        if question is not None:
            with contextlib.suppress(EvolverError):
                return await self._session.inbox.as_of_now(question)
        return question

    async def _tell_settled_elsewhere(self, row: QueueRow, question: OpenQuestion | None) -> None:
        """Say what became of the question that was on the card, when this job asks another one or none."""
        before, self._on_card = self._on_card, question
        if before is None or before.job != row.job:
            return
        if question is None or question.id != before.id:
            await self._waiting.tell_settled(before)

    # --- a few times a second

    def tick(self, may_have_ended: bool) -> None:
        """Let code grow while it is written; once a second, let ages move.

        Args:
            may_have_ended: whether jobs changed since the tick before.
        """
        receipts = self._desk.receipts
        if may_have_ended and receipts.unfinished and (self._learning is None or self._learning.done()):
            self._learning = asyncio.create_task(self._learn())
        self.show_receipts()
        live, selected = self._session.live_draft, self._desk.queue.selected
        if live is not None and selected is not None and live.job == selected.job:
            self._show_live(live, selected)
            return
        identity = self._desk.card.content.identity
        if isinstance(identity, LiveIdentity) and self._news.retry_of(identity.job) is not None:
            self._wanted.set()  # what was written broke off
        second = int(self._desk.settings.now())
        if second != self._second:
            self._second = second
            self._move_ages()

    def show_receipts(self) -> None:
        """Say on the card and in the rows what became of what was decided last."""
        receipts = self._desk.receipts
        receipts.let_go()
        note = receipts.latest
        if note != self._note:
            self._note = note
            self._desk.card.set_note((note, "ok"))
            self._desk.queue.draw_what_reads_differently()

    async def _learn(self) -> None:
        """Read what became of jobs that something was done about."""
        with contextlib.suppress(EvolverError):  # a database that is away: the next change asks again
            for job in self._desk.receipts.unfinished:
                row = await self._session.store.row(job)
                if row is not None:
                    self._desk.receipts.learn(row)

    def _move_ages(self) -> None:
        facts, card = self._facts, self._desk.card
        is_live = isinstance(card.content.identity, LiveIdentity)
        if facts is None or is_live or card.content.job != facts.detail.row.job:
            return
        self._facts = facts = replace(facts, retry=self._news.retry_of(card.content.job))
        content = with_ages(card.content, facts, self._desk.settings.now(), card.marks)
        if content is not card.content:
            card.show(content)

    def _show_live(self, live: LiveDraft, row: QueueRow) -> None:
        card = self._desk.card
        key = (live.job, live.started_at)
        if self._live is None or self._live[0] != key:
            self._live = (key, CodeDocument())
        document = self._live[1]
        has_grown = document.update(live.code)
        since = row.since if row.state is JobState.RUNNING else live.started_at  # as the queue's row counts
        retry = self._news.retry_of(live.job)
        parts = [f"attempt {retry.failed + 1}"] if retry is not None else []
        parts += [count(document.line_count, "line"), age(self._desk.settings.now() - since)]
        words = f" {card.marks.dot} ".join(parts)
        if has_grown or card.content.identity != LiveIdentity(live.job) or card.content.subtitle != words:
            card.show(live_content(live.job, live.task_id, document, words), follow=True)
