"""Presents the job under the cursor on the card: reads it, lets its ages move, and shows code while it is written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evolver_tui.core.decision import is_reuse
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.node import NodeVersion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.screens.desk.actions.comparing import COMPARE
from evolver_tui.tui.screens.desk.actions.review import REUSE
from evolver_tui.tui.screens.desk.actions.trying import TRY
from evolver_tui.tui.screens.desk.card import (
    LiveIdentity,
    QuestionIdentity,
    ReviewIdentity,
    live_content,
    message_content,
)
from evolver_tui.tui.screens.desk.comparing import Comparing
from evolver_tui.tui.screens.desk.open_questions import next_needing
from evolver_tui.tui.screens.desk.panes.card_content import content_of, live_words, with_ages
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts, ReviewHints
from evolver_tui.tui.screens.desk.receipts import SECONDS_UNTIL_READ

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.core.node import NodeDraft
    from evolver_tui.core.node_run import NodeRun
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.engine.author.library import KeptCopy
    from evolver_tui.engine.author.writer import LiveDraft
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.screens.desk.context import DeskContext
    from evolver_tui.tui.screens.desk.job_monitor import JobMonitor
    from evolver_tui.tui.screens.desk.panes.queue_pane import QueuePane
    from evolver_tui.tui.screens.desk.panes.review_card import ReviewCard


class CardPresenter:
    """Between the selected job and the card, once a session is open."""

    def __init__(
        self, desk: DeskContext, session: Session, card: ReviewCard, queue: QueuePane, monitor: JobMonitor
    ) -> None:
        self._desk = desk
        self._session = session
        self._card = card
        self._queue = queue
        self._monitor = monitor
        self._comparing = Comparing(desk, session)
        self._on_card: OpenQuestion | None = None
        """What the card asked of a person when it was last read."""
        self._facts: CardFacts | None = None
        """What the card was made of."""
        self._live: tuple[tuple[int, float], CodeDocument] | None = None
        self._second = 0
        self._learning: asyncio.Task[None] | None = None
        self._bringing: asyncio.Task[None] | None = None
        self._learned_at = 0.0
        """By the desk's own clock."""
        self._hints: tuple[str, ReviewHints | None] = ("", None)
        """What was found last, with the digest of its draft."""
        self._hints_key: tuple[str, int, int] | None = None
        self._hinting: asyncio.Task[None] | None = None
        self._seen: set[int] = set()
        """Questions of which it is kept that they lay before a person."""
        self._noting: asyncio.Task[None] | None = None

    # --- reading

    async def run(self) -> None:
        """Show the job under the cursor, always the latest one; those it only passed are left out."""
        while True:
            await self._desk.card_wanted.wait()
            self._desk.card_wanted.clear()
            row = self._queue.selected
            if row is None:
                self._facts = None
                self._card.show(message_content("Card", [("Nothing is selected.", "dim")]))
                continue
            try:
                await self._read(row)
            except EvolverError as error:
                self._desk.say(str(error), "error")

    async def _read(self, row: QueueRow) -> None:
        desk, store = self._desk, self._session.store
        detail = await store.job(row.job)
        settled_before = self._desk.questions.times_settled
        question = await store.open_question_of(row.job) if row.state == "paused" else None
        if question is not None and settled_before == self._desk.questions.times_settled:
            self._desk.questions.is_open_again(question.id)  # where it was settled before, its job was restored
        await self._announce_settled(row, question)
        journal = await store.journal(row.job) if row.state != "paused" else {}
        question = await self._as_of_now(question)
        selected, live = self._queue.selected, self._session.live_drafts.get(row.job)
        if detail is None or selected is None or selected.job != row.job or (live and live.code):
            return
        retry = self._monitor.retry_of(row.job)
        knows = self._session.workers.knows(detail.routine)
        kept = await self._kept_for(row) if not is_reuse(journal) else ()
        question = self._comparing.with_like(question)
        compared = await self._comparing.compared(question)
        self._facts = CardFacts(
            detail, question, journal, desk.settings.nodes_folder, desk.settings.run_options, retry, live, kept, knows,
            *self._runs_by_hand(question), self._hints_for(question), compared, desk.keymap.shown_key(COMPARE),
            "" if desk.settings.player is not None else desk.keymap.shown_key(REUSE),
        )  # fmt: skip
        self._card.show(content_of(self._facts, desk.settings.now(), self._card.symbols))
        desk.layout.show_keys()

    def _hints_for(self, question: OpenQuestion | None) -> ReviewHints | None:
        """What past decisions have to do with a draft, as far as it was found; what is missing is looked for."""
        subject, counts = question.subject if question is not None else None, self._queue.counts
        if not isinstance(subject, ReviewSubject) or self._desk.settings.player is not None:
            return None
        key = (subject.draft.sha256, self._session.estimates.decisions, counts.needs_you if counts else 0)
        if self._hints_key != key and (self._hinting is None or self._hinting.done()):
            self._hints_key = key
            self._hinting = asyncio.create_task(self._find_hints(subject.draft))
        sha256, hints = self._hints
        return hints if sha256 == subject.draft.sha256 else None

    async def _find_hints(self, draft: NodeDraft) -> None:
        """Find it beside everything else, and show it where the draft lies on the card still."""
        told = await self._session.estimates.of(draft.code)
        unlike, like_it = await self._session.approved_nodes.unlike_lines(draft.code), 0
        with contextlib.suppress(EvolverError):  # a database that is away: the next look tells
            like_it = len(await self._desk.alike.jobs_like(draft.code))
        hints = ReviewHints(told, unlike, max(0, like_it - 1))
        self._hints = draft.sha256, hints
        facts, review = self._facts, self._card.content.review
        if facts is not None and review is not None and review.draft.sha256 == draft.sha256:
            self._facts = facts = replace(facts, hints=hints)
            self._card.show(content_of(facts, self._desk.settings.now(), self._card.symbols))
        else:
            self._desk.refresh_card()

    def _runs_by_hand(self, question: OpenQuestion | None) -> tuple[Sequence[NodeRun], bool, str]:
        """The runs of a draft that a person asked for, whether one is going on, and the key that begins one."""
        key, runs = self._desk.keymap.shown_key(TRY), self._session.manual_runs
        return (runs.of(question.id), runs.is_running(question.id), key) if question is not None else ((), False, key)

    async def _kept_for(self, row: QueueRow) -> Sequence[KeptCopy]:
        """What was changed by hand and replaced when a job's node was saved; nothing where that cannot be read."""
        saved = NodeVersion.read(row.node)
        if row.outcome is not Outcome.APPROVED or saved is None:
            return ()
        with contextlib.suppress(EvolverError):
            kept = await asyncio.to_thread(self._session.library.kept, saved.node_id)
            return [copy for copy in kept if copy.version == saved.version - 1]
        return ()

    async def _as_of_now(self, question: OpenQuestion | None) -> OpenQuestion | None:
        """A question beside the library as it is now; as it was asked where the library cannot be read."""
        if question is not None:
            with contextlib.suppress(EvolverError):
                return await self._session.inbox.as_of_now(question)
        return question

    async def _announce_settled(self, row: QueueRow, question: OpenQuestion | None) -> None:
        """Say what became of the question that was on the card, when this job asks another one or none."""
        before, self._on_card = self._on_card, question
        if before is None or before.job != row.job or self._desk.settings.player is not None:
            return
        if question is None or question.id != before.id:
            await self._desk.questions.tell_settled(before)

    # --- a few times a second

    def tick(self, may_have_ended: bool) -> None:
        """Let code grow while it is written; once a second, let ages move.

        Args:
            may_have_ended: whether jobs changed since the tick before.
        """
        receipts = self._desk.receipts
        if may_have_ended:
            self._comparing.jobs_changed()
        if receipts.unfinished and (self._learning is None or self._learning.done()):
            now = self._desk.settings.monotonic()
            # Also when nothing changes: what ended within a receipt's first second is not taken from it then.
            if may_have_ended or now - self._learned_at >= SECONDS_UNTIL_READ:
                self._learned_at = now
                self._learning = asyncio.create_task(self._learn())
        self._desk.show_receipts()
        self._note_seen()
        self._bring_next(may_have_ended)
        selected = self._queue.selected
        live = self._session.live_drafts.get(selected.job) if selected is not None else None
        if live is not None and live.code and selected is not None:
            self._show_live(live, selected)
            return
        identity = self._card.content.identity
        if isinstance(identity, LiveIdentity) and (live or self._monitor.retry_of(identity.job) is not None):
            self._desk.refresh_card()  # what was written broke off
        second = int(self._desk.settings.now())
        if second != self._second or (self._facts is not None and self._facts.live != live):
            self._second = second
            self._move_ages(live)
            asked = self._facts.question if self._facts is not None else None
            self._hints_for(asked)  # others that wait may be alike by now
            self._comparing.look_again(asked)

    def _note_seen(self) -> None:
        """Keep when a question, or a draft that can be decided about, first lay before a person."""
        identity = self._card.content.identity
        is_seen = isinstance(identity, QuestionIdentity) or self._card.review_to_decide()[0] is not None
        if not (is_seen and isinstance(identity, QuestionIdentity | ReviewIdentity)):
            return
        is_free = self._noting is None or self._noting.done()
        if is_free and identity.question not in self._seen and self._desk.settings.player is None:
            self._noting = asyncio.create_task(self._note(identity.question))

    async def _note(self, question: int) -> None:
        self._seen.add(question)
        with contextlib.suppress(EvolverError):  # a database that is away: it is looked at again by somebody else
            await self._session.inbox.seen(question)

    def _bring_next(self, may_need: bool) -> None:
        """Look for what needs a person, where they wait for that."""
        counts = self._queue.counts
        may_need = may_need or (counts is not None and counts.needs_you > 0)
        if may_need and self._desk.is_awaiting and (self._bringing is None or self._bringing.done()):
            self._bringing = asyncio.create_task(self._bring())

    async def _bring(self) -> None:
        with contextlib.suppress(EvolverError):  # a database that is away: the next change asks again
            row = await next_needing(self._session.store, None)
            if row is not None and self._desk.is_awaiting:
                self._desk.select(row)

    async def _learn(self) -> None:
        """Read what became of jobs that something was done about."""
        with contextlib.suppress(EvolverError):  # a database that is away: the next change asks again
            for job in self._desk.receipts.unfinished:
                row = await self._session.store.row(job)
                if row is not None:
                    self._desk.receipts.learn(row)

    def _move_ages(self, live: LiveDraft | None) -> None:
        facts, card = self._facts, self._card
        if facts is None or card.content.job != facts.detail.row.job or isinstance(card.content.identity, LiveIdentity):
            return
        self._facts = facts = replace(facts, retry=self._monitor.retry_of(card.content.job), live=live)
        content = with_ages(card.content, facts, self._desk.settings.now(), card.symbols)
        if content is not card.content:
            card.show(content)

    def _show_live(self, live: LiveDraft, row: QueueRow) -> None:
        card = self._card
        key = (live.job, live.started_at)
        if self._live is None or self._live[0] != key:
            self._live = (key, CodeDocument())
        document = self._live[1]
        has_grown = document.update(live.code)
        since = row.since if row.state is JobState.RUNNING else live.started_at  # as the queue's row counts
        retry = self._monitor.retry_of(live.job)
        failed = retry.failed if retry is not None else 0
        words = live_words(live, since, self._desk.settings.now(), failed, document.line_count, card.symbols)
        if has_grown or card.content.identity != LiveIdentity(live.job) or card.content.subtitle != words:
            card.show(live_content(live.job, live.task_id, document, words), follow=True)
