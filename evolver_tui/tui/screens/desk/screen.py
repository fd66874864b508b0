"""The desk: the main screen, where its panes are, and which one has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import AnyAction, Keymap
from evolver_tui.tui.app_actions import NOTICES, QUIT
from evolver_tui.tui.bridge import Bridge
from evolver_tui.tui.desk_settings import DeskSettings, classes_now
from evolver_tui.tui.drawing.filterable import Filterable
from evolver_tui.tui.drawing.key_line import KeyLine
from evolver_tui.tui.drawing.notice_line import NoticeLine
from evolver_tui.tui.drawing.pane import Pane, pane_of
from evolver_tui.tui.screens.desk.actions.copying import COPY
from evolver_tui.tui.screens.desk.actions.hub import CONNECT, CONNECT_NOW
from evolver_tui.tui.screens.desk.actions.jobs import RESTORE, TRY_NOW
from evolver_tui.tui.screens.desk.actions.layout import BACK, OPEN_CARD
from evolver_tui.tui.screens.desk.card import MessageIdentity, message_content
from evolver_tui.tui.screens.desk.context import DeskContext, DeskSession, Panes
from evolver_tui.tui.screens.desk.live_updates import LiveUpdates
from evolver_tui.tui.screens.desk.marks import words_of_lost_marks
from evolver_tui.tui.screens.desk.panes.hub_pane import HubPane
from evolver_tui.tui.screens.desk.panes.queue_pane import QueuePane
from evolver_tui.tui.screens.desk.panes.review_card import ReviewCard
from evolver_tui.tui.screens.desk.panes.signal_feed import SignalFeed
from evolver_tui.tui.screens.desk.panes.status_line import StatusLine
from evolver_tui.tui.screens.desk.receipts import Receipts
from evolver_tui.tui.view_screen import ViewScreen

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.attention import Attention

TICKS_PER_SECOND = 10
NOT_OPENED = "The session could not be opened"


class Desk(ViewScreen[DeskContext]):
    """Queue, card, signals and hub beside each other, or stacked where the terminal is narrow."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - an instance variable to Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-medium"), (52, "-tall")]  # noqa: RUF012 - as above
    AUTO_FOCUS = "#queue"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        # With the right classes from the start, the first frame is laid out and drawn once, not twice.
        guessed = classes_now(self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS)
        super().__init__(classes=" ".join([*guessed, *(["-plain"] if settings.plain else [])]))
        plain, now, monotonic = settings.plain, settings.now, settings.monotonic
        receipts = Receipts(monotonic, keymap.shown_key(RESTORE))
        views = [(action.shown_key, action.view_label) for action in keymap.actions if action.view_label]
        self.status = StatusLine(views, keymap.shown_key(TRY_NOW), plain=plain)
        self.queue = QueuePane(now, monotonic, receipts.words_of, plain=plain)
        selection_keys = f"{keymap.shown_key(COPY)} copies, {keymap.shown_key(BACK)} ends it"
        is_replay = settings.player is not None
        self.card = ReviewCard(monotonic, selection_keys, is_replay=is_replay, plain=plain)
        self.feed = SignalFeed(plain=plain)
        self.hub = HubPane(now, "" if is_replay else keymap.shown_key(CONNECT), plain=plain)
        self.notice_line = NoticeLine(keymap.shown_key(NOTICES), plain=plain)
        self.key_line = KeyLine(keymap.actions, plain=plain)
        self.bridge = Bridge()
        way_to_card = f"Go to the card first: press {keymap.shown_key(OPEN_CARD)} on the task."
        panes = Panes(self.queue, self.card, self.feed)
        self.context = DeskContext(self, settings, keymap, panes, receipts, self, way_to_card)
        self._wants_zoom: bool | None = None
        """Whether a person wants the pane in focus alone; None as long as they did not say."""
        self._updates = LiveUpdates(self.context, self.bridge, panes, self.hub, self.status)

    def compose(self) -> ComposeResult:
        """The panes, in the order of tab."""
        yield self.status
        yield self.queue
        yield self.card
        yield self.feed
        yield self.hub
        yield self.notice_line
        yield self.key_line

    def on_mount(self) -> None:
        """Begin to take what the session tells."""
        self.set_interval(1 / TICKS_PER_SECOND, self._updates.tick)
        self._updates.show_status()

    def show_first(self, rows: Sequence[QueueRow], counts: QueueCounts | None) -> None:
        """Show what stood in the queue the last time, if anything did."""
        if counts is not None:
            self.queue.show_first(rows, counts)

    # --- the session

    @property
    def attention(self) -> Attention | None:
        """The terminal's title and bell, once a session is open."""
        return self._updates.attention

    def attach(self, session: Session) -> None:
        """Show a session that is open."""
        from evolver_tui.engine.alike import AlikeDrafts
        from evolver_tui.tui.attention import attend, show_notices
        from evolver_tui.tui.screens.desk.card_presenter import CardPresenter
        from evolver_tui.tui.screens.desk.hub_choice import HubChoice
        from evolver_tui.tui.screens.desk.job_monitor import JobMonitor
        from evolver_tui.tui.screens.desk.open_questions import OpenQuestions

        context = self.context
        if self.card.content.title == NOT_OPENED:
            self.card.show(message_content("Card", []))
        questions = OpenQuestions(context, session.store, context.job_changes)
        context.parts = DeskSession(session, questions, HubChoice(context, session), AlikeDrafts(session.store))
        session.store.watch(self.bridge.jobs_changed)
        self.hub.set_author(safe_text(session.author_label, 100))
        monitor = JobMonitor()
        presenter = CardPresenter(context, session, self.card, self.queue, monitor)
        presenting = self.run_worker(presenter.run(), name="card", exit_on_error=False)
        attention = attend(self.app, self, context.settings)
        show_notices(session, attention)
        self._updates.attach(attention, monitor, presenter, presenting.cancel)
        self.watch(self.app, "app_focus", self._focus_changed, init=False)
        self.queue.attach(session.store)
        self.feed.attach(session.store, session.id, hears_all=context.settings.player is None)
        if context.settings.player is not None:
            context.settings.player.on_back = self._forget_what_came

    def _forget_what_came(self) -> None:
        """What is told from here on leads to an earlier moment."""
        self.bridge.take()
        self.feed.clear()
        self.bridge.jobs_changed(True)

    def _focus_changed(self, has_focus: bool) -> None:
        """The terminal got or lost the focus; nobody read meanwhile what came on the card."""
        if has_focus:
            self.card.look_anew()
        self._updates.show_status()

    def show_problem(self, title: str, error: str) -> None:
        """Say on the card why there is nothing else to see."""
        way_out = f"Press {self.context.keymap.shown_key(QUIT)} to quit."
        self.card.show(message_content(title, [(safe_text(error, 2_000), "error"), ("", "text"), (way_out, "text")]))

    def show_opening(self) -> None:
        """Say on the card why there is no session yet, and what happens next; the reader's place is kept."""
        opening, keymap = self.context.opening, self.context.keymap
        if opening is None or opening.error is None:
            return
        way_out = f"Press {keymap.shown_key(QUIT)} to quit."
        words = (*opening.words(keymap.shown_key(CONNECT_NOW)), ("", "text"), (way_out, "text"))
        content = message_content(NOT_OPENED, words)
        self.card.show(content._replace(identity=MessageIdentity(NOT_OPENED, ())))
        self._updates.show_status()

    def show_closing(self) -> None:
        """Say that the session is being finished."""
        self.context.is_closing = True
        self._updates.show_status()

    # --- what the panes tell

    def on_queue_pane_selected(self, event: QueuePane.Selected) -> None:
        """Show the selected job."""
        event.stop()
        self.context.refresh_card()
        self.show_keys()

    def on_queue_pane_failed(self, event: QueuePane.Failed) -> None:
        """Say that the queue could not be read."""
        event.stop()
        self.context.say(str(event.error), "error")

    def on_queue_pane_marks_changed(self, event: QueuePane.MarksChanged) -> None:
        """Show the keys for what is marked."""
        event.stop()
        self.show_keys()

    def on_queue_pane_marks_lost(self, event: QueuePane.MarksLost) -> None:
        """Say which marks fell away."""
        event.stop()
        self.context.say(words_of_lost_marks(event.task_ids))

    def on_signal_feed_failed(self, event: SignalFeed.Failed) -> None:
        """Say that the log could not be read."""
        event.stop()
        self.context.say(str(event.error), "error")

    def on_hub_pane_ended(self, event: HubPane.Ended) -> None:
        """Say why there is no hub any more, in full."""
        event.stop()
        if event.state.is_sample:
            from evolver_tui.tui.screens.desk.actions.hub import take_samples_if_wanted

            self.context.start(take_samples_if_wanted(self.context, event.state.url), "hub.samples")
        else:
            self.context.say(f"The hub link has ended. {event.state.reason}", "error")

    # --- keys

    def show_keys(self) -> None:
        """Bring the key line up to date."""
        self.key_line.update(self.pane_in_focus, self.reason_against, self.is_on)

    def reason_of_focus(self, action: AnyAction) -> str:
        """What an action needs that wants another pane in focus, as a sentence."""
        return self.context.way_to_card if self.card.pane_name in action.panes else super().reason_of_focus(action)

    def press_decision(self, reason: str) -> str:
        """Take notice of a decision key; one that comes too early puts the moment off from which one can decide."""
        return self.card.guard.press(reason or self.context.review_to_decide()[1])

    # --- focus and zoom

    def focus_pane(self, pane: Pane) -> None:
        """Give a pane the focus; in the zoom it takes the place of the one before."""
        self.set_focus(pane)  # at once: the next key is meant for it
        if pane is self.card:
            self.card.guard.ask_for(self.card.content.job)

    def cycle(self, step: int) -> None:
        """Go to the next pane, or with -1 to the one before."""
        panes = [self.queue, self.card, self.feed, *(() if self.has_class("-narrow") else (self.hub,))]
        now = pane_of(self)
        index = panes.index(now) if now in panes else -step
        self.focus_pane(panes[(index + step) % len(panes)])

    def go_back(self) -> None:
        """Out of the innermost thing: the range, the marks, the filter, the selection, the zoom, the card."""
        pane = pane_of(self)
        if pane is self.queue and not self._is_typing and self.queue.leave_marks():
            return
        if isinstance(pane, Filterable) and pane.close_filter():
            return
        if pane is self.card and self.card.end_selection():
            return
        if self.is_zoomed and not self._is_whole_by_itself(pane):
            self._zoom(None)
        else:
            self.focus_pane(self.queue)

    @property
    def is_zoomed(self) -> bool:
        """Whether one pane has the whole desk."""
        return self.has_class("-zoomed")

    def toggle_zoom(self) -> None:
        """Give the pane in focus the whole desk, or take it back."""
        wanted = not self.is_zoomed
        self._zoom(None if wanted == self._is_whole_by_itself(pane_of(self)) else wanted)

    def _is_whole_by_itself(self, pane: Pane | None) -> bool:
        """Whether a pane has the whole desk while it is in focus: a card on a small terminal, to be read there."""
        return pane is self.card and self.has_class("-narrow") and self.has_class("-short")

    def _zoom(self, wanted: bool | None) -> None:
        """Zoom or not, as a key says; None leaves it to the pane that is in focus and the room there is."""
        self._wants_zoom = wanted
        self._settle_zoom()

    def _settle_zoom(self) -> None:
        panes = (self.queue, self.card, self.feed, self.hub)
        in_front = self.pane_in_focus  # the latest one while the terminal itself has no focus
        whole = next((pane for pane in panes if pane.pane_name == in_front), None)
        is_whole = self._is_whole_by_itself(whole) if self._wants_zoom is None else self._wants_zoom
        for each in panes:
            each.set_class(is_whole and each is whole, "-whole")
        self.set_class(is_whole and whole is not None, "-zoomed")
        self.show_keys()

    def on_screen_resume(self) -> None:
        """What lay over the desk is gone: the card is looked at from here on."""
        self.card.look_anew()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the keys of the pane that has the focus now; where the terminal is small, a card that is read grows."""
        if self.pane_in_focus != self.context.latest_pane and not self._wants_zoom:
            self._wants_zoom = None
        self.context.latest_pane = self.pane_in_focus
        self.set_class(self.pane_in_focus == self.card.pane_name, "-reading")
        self._settle_zoom()

    def on_resize(self) -> None:
        """A card in focus has the whole desk where that is small."""
        # All of it, at once: what Textual drew while the app was put together was not written to the terminal.
        self._compositor._dirty_regions.add(self._compositor.size.region)
        self.call_after_refresh(self._settle_zoom)
