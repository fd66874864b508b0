"""What the actions of the desk may do and ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from evolver_tui.core.errors import StoreBusy
from evolver_tui.tui.context import ViewContext
from evolver_tui.tui.screens.desk.card import QuestionIdentity
from evolver_tui.tui.screens.desk.job_changes import JobChanges
from evolver_tui.tui.screens.desk.kept_edits import KeptEdits
from evolver_tui.tui.screens.desk.receipts import IS_BEING_SAVED

if TYPE_CHECKING:
    from textual.screen import Screen

    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.core.link_state import LinkState
    from evolver_tui.engine.alike import AlikeDrafts
    from evolver_tui.engine.answer_rules import Offer
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.actions import Keymap, Work
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.drawing.pane import Pane
    from evolver_tui.tui.screens.desk.card import CardContent, Review
    from evolver_tui.tui.screens.desk.hub_choice import HubChoice
    from evolver_tui.tui.screens.desk.open_questions import OpenQuestions
    from evolver_tui.tui.screens.desk.panes.queue_pane import QueuePane
    from evolver_tui.tui.screens.desk.panes.review_card import ReviewCard
    from evolver_tui.tui.screens.desk.panes.signal_feed import SignalFeed
    from evolver_tui.tui.screens.desk.receipts import Receipts
    from evolver_tui.tui.session_opening import SessionOpening


class DeskLayout(Protocol):
    """Where the panes of the desk are, and which one has the focus."""

    @property
    def is_zoomed(self) -> bool:
        """Whether one pane has the whole desk."""

    def focus_pane(self, pane: Pane) -> None:
        """Give a pane the focus, at once."""

    def cycle(self, step: int) -> None:
        """Go to the next pane, or with -1 to the one before."""

    def toggle_zoom(self) -> None:
        """Give the pane in focus the whole desk, or take it back."""

    def go_back(self) -> None:
        """Out of the innermost thing: the filter, the selection, the zoom, the card."""

    def show_keys(self) -> None:
        """Bring the key line up to date."""

    def show_opening(self) -> None:
        """Say on the card why there is no session yet."""

    def show_problem(self, title: str, error: str) -> None:
        """Say on the card why there is nothing else to see."""


class Panes(NamedTuple):
    """The panes that actions are about."""

    queue: QueuePane
    card: ReviewCard
    feed: SignalFeed


class DeskSession(NamedTuple):
    """An open session, and what the desk keeps about it."""

    session: Session
    questions: OpenQuestions
    hubs: HubChoice
    alike: AlikeDrafts


class DeskContext(ViewContext):
    """The selected job, its card, and the session."""

    def __init__(
        self, screen: Screen[None], settings: DeskSettings, keymap: Keymap, panes: Panes, receipts: Receipts,
        layout: DeskLayout, way_to_card: str,
    ) -> None:  # fmt: skip
        """Args:
        way_to_card: how to get to the card, as a sentence.
        """
        super().__init__(screen, settings, keymap)
        self.layout = layout
        self.way_to_card = way_to_card
        self.receipts = receipts
        self.job_changes = JobChanges()
        self.card_wanted = asyncio.Event()
        """Set whenever the selected job is to be read again."""
        self.parts: DeskSession | None = None
        """None until the session is open."""
        self.opening: SessionOpening | None = None
        """What opens the session; None once it is open."""
        self.is_closing = False
        self.kept_edits = KeptEdits(settings.edits)
        """The code that a person wrote into drafts and that is not handed in yet."""
        self.has_agreed_to_live_runs = False
        """Whether a person said in this session that tools may be called in earnest."""
        self.offer: Offer | None = None
        """The answer that was last offered to be remembered; None for none, or once its person looked at that."""
        self.offers_told: set[str] = set()
        """What was said to be offered."""
        self.drafts_seen: set[str] = set()
        """The digests of drafts that lay on the card for as long as it takes to decide about one."""
        self._panes = panes
        self._is_awaiting = False
        """Whether what needs a person next is to come onto the card by itself."""
        self._leaving = 0
        """How many actions are putting another task in front at this moment."""
        self._note = ""

    # --- the session

    @property
    def session(self) -> Session:
        """The open session; asked for only by what can be done in one."""
        assert self.parts is not None
        return self.parts.session

    @property
    def questions(self) -> OpenQuestions:
        """The questions that are open here."""
        assert self.parts is not None
        return self.parts.questions

    @property
    def hubs(self) -> HubChoice:
        """Which hub the session listens to, and which ones are known."""
        assert self.parts is not None
        return self.parts.hubs

    @property
    def alike(self) -> AlikeDrafts:
        """Which drafts that wait are made by one pattern."""
        assert self.parts is not None
        return self.parts.alike

    @property
    def link(self) -> LinkState | None:
        """How the link to the hub stands; None without one."""
        return self.parts.session.hub.link_state if self.parts is not None else None

    def reason_against_use(self, *, writes: bool = True) -> str:
        """Why nothing can be done in this session at present; empty when it can.

        Args:
            writes: whether it needs a database that can be written.
        """
        if self.parts is None:
            has_failed = self.opening is not None and self.opening.error is not None
            return "There is no session yet: the card says why." if has_failed else "The session is still being opened."
        if self.is_closing:
            return "The console is being closed."
        broken = self.parts.session.broken
        return str(broken) if broken is not None and writes else ""

    # --- the queue

    @property
    def queue(self) -> QueuePane:
        """The queue, with the marks of its jobs."""
        return self._panes.queue

    @property
    def selected(self) -> QueueRow | None:
        """The job under the cursor."""
        return self._panes.queue.selected

    @property
    def chosen(self) -> QueueRow | None:
        """The same, once a person put the cursor there or read its card."""
        return self.selected if self._panes.queue.is_chosen else None

    @property
    def counts(self) -> QueueCounts | None:
        """How many jobs stand where; None before anything was read."""
        return self._panes.queue.counts

    def select(self, row: QueueRow) -> None:
        """Put the cursor on a job."""
        self._panes.queue.select(row)

    def refresh_queue(self) -> None:
        """Read the queue again soon."""
        self._panes.queue.rows_changed()

    def open_filter(self) -> None:
        """Type into the search line of the pane in focus, or of the queue where that has none."""
        from evolver_tui.tui.drawing.filterable import Filterable

        pane = self.pane
        if not isinstance(pane, Filterable):
            pane = self._panes.queue
            self.layout.focus_pane(pane)
        pane.open_filter()

    # --- the card

    @property
    def card(self) -> ReviewCard:
        """The card."""
        return self._panes.card

    @property
    def content(self) -> CardContent:
        """What lies on the card."""
        return self._panes.card.content

    @property
    def feed(self) -> SignalFeed:
        """The signals."""
        return self._panes.feed

    def refresh_card(self) -> None:
        """Read the selected job again."""
        self.card_wanted.set()

    def open_card(self) -> None:
        """Go to the card of the selected job."""
        self._panes.queue.is_chosen = True
        self.layout.focus_pane(self._panes.card)

    def go_to_card(self, row: QueueRow) -> None:
        """Put a job in front, whatever the queue shows, and its card in focus; it counts as seen from here on."""
        queue, card = self._panes.queue, self._panes.card
        queue.close_filter()
        queue.select(row)
        self.layout.focus_pane(card)
        card.guard.ask_for(row.job)
        card.look_anew()

    def await_next(self) -> None:
        """Nothing needs the person: what comes to is shown by itself, unless they turn to something else before."""
        self._is_awaiting = self.settings.goes_on
        self._panes.queue.is_chosen = False
        self._panes.card.is_touched = False

    @property
    def is_awaiting(self) -> bool:
        """Whether what needs a person may come onto the card by itself: they decided all and touched nothing since."""
        queue, card = self._panes.queue, self._panes.card
        if not self._is_awaiting or queue.is_chosen or card.is_touched or self.pane_in_focus != card.pane_name:
            return False
        is_free = card.content.review is None and not isinstance(card.content.identity, QuestionIdentity)
        is_reading = bool(queue.search) or card.text_selection is not None
        return is_free and not is_reading and self.is_in_front and not self._leaving

    def review_to_decide(self) -> tuple[Review | None, str]:
        """The draft that a decision would be about, or why there can be none now."""
        if self.pane_in_focus != self.card.pane_name:
            return None, self.way_to_card
        selected = self.selected
        if self._leaving or selected is None or selected.job != self.content.job:
            return None, "The card of the selected task is still being read."
        return self.card.review_to_decide()

    def note_what_is_seen(self) -> None:
        """Remember the draft on the card, once it lay in sight of a person for long enough to be decided about."""
        review, _ = self.card.review_to_decide()
        if review is not None and self._screen.is_current and self.has_app_focus:
            self.drafts_seen.add(review.draft.sha256)

    def leaving(self, run: Callable[[], Awaitable[None]]) -> Work:
        """What puts another task in front; from this moment on no key decides about the one that is leaving."""
        self._leaving += 1

        async def go() -> None:
            try:
                await run()
            finally:
                self._leaving -= 1

        return go()

    # --- what was done

    async def keep(self, job: int, task_id: str, write: Callable[[], Awaitable[None]]) -> None:
        """Write what a person did about a job; its row and the card say that it is being saved until it is.

        While another program holds the database this goes on, since nothing is lost by that and nobody has to press
        the key again. Raises EvolverError of `write` for whatever else is in the way.
        """
        await self.keep_all({job: task_id}, write)

    async def keep_all(self, tasks: Mapping[int, str], write: Callable[[], Awaitable[None]]) -> None:
        """The same for what a person did about several jobs at once.

        Args:
            tasks: job to its task's id.
        """
        with contextlib.ExitStack() as saving:
            for job, task_id in tasks.items():
                saving.enter_context(self.receipts.saving(job, task_id))
            self.show_receipts()
            while True:
                try:
                    await write()
                    break
                except StoreBusy as error:
                    if self.is_closing:
                        raise
                    self.say(f"{error.message} It is saved as soon as that is over.", "warning")
        self.show_receipts()

    def is_being_saved(self, job: int) -> bool:
        """Whether what was done about a job is not on disk yet, which is said then: a second key changes nothing."""
        is_saving = self.receipts.is_saving(job)
        if is_saving:
            self.say(IS_BEING_SAVED)
        return is_saving

    def acknowledge(self, job: int, task_id: str, words: str, *, is_final: bool = False) -> None:
        """Say in a job's row and on the card what was done about it; what comes of it is said there as well."""
        self.receipts.give(job, task_id, words, is_final=is_final)
        self.show_receipts()

    def show_receipts(self) -> None:
        """Say on the card and in the rows what became of what was decided last."""
        self.receipts.expire()
        note = self.receipts.latest
        if note != self._note:
            self._note = note
            self._panes.card.set_note((note, "ok"))
            self._panes.queue.draw_what_reads_differently()
