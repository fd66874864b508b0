"""The desk: the main screen, its panes, and what a key means on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal_catalogue import NODE_SAVED
from evolver_tui.tui.actions import Action, KeyTable
from evolver_tui.tui.bridge import Bridge, Rate, Taken
from evolver_tui.tui.decision_keys import SECONDS_ALONE, Role
from evolver_tui.tui.desk_settings import DeskSettings, classes_now
from evolver_tui.tui.drawing.filterable import Filterable
from evolver_tui.tui.drawing.key_line import KeyLine
from evolver_tui.tui.drawing.page import message_content
from evolver_tui.tui.drawing.pane import Pane, pane_of
from evolver_tui.tui.key_watch import key_app
from evolver_tui.tui.screens.desk.job_monitor import NEWS, News
from evolver_tui.tui.screens.desk.panes.hub_pane import HubPane
from evolver_tui.tui.screens.desk.panes.queue_pane import QueuePane
from evolver_tui.tui.screens.desk.panes.review_card import ReviewCard
from evolver_tui.tui.screens.desk.panes.signal_feed import SignalFeed
from evolver_tui.tui.screens.desk.panes.status_line import Status, StatusLine
from evolver_tui.tui.screens.desk.reasons import DECISIONS, reason_of_session, reason_of_state, what_is_meant
from evolver_tui.tui.screens.desk.receipts import Receipts

if TYPE_CHECKING:
    from textual.worker import Worker

    from evolver_tui.core.errors import StoreBroken
    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.core.link_state import LinkState
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.attention import Attention
    from evolver_tui.tui.drawing.review import Review
    from evolver_tui.tui.screens.desk.card_presenter import CardKeeper
    from evolver_tui.tui.screens.desk.deeds import Deed, Deeds

TICKS_PER_SECOND = 10

SECONDS_TO_READ_AN_ERROR = 10.0
"""How long a notice of an error stands; other ones stand half as long."""

_GOING_ON = ("attention.next", "attention.answer")

Severity = Literal["information", "warning", "error"]


class Desk(Screen[None]):
    """Queue, card, signals and hub beside each other, or stacked where the terminal is narrow."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - an instance variable to Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-medium"), (52, "-tall")]  # noqa: RUF012 - as above
    AUTO_FOCUS = "#queue"

    def __init__(
        self,
        settings: DeskSettings,
        actions: tuple[Action, ...],
        first_rows: Sequence[QueueRow] = (),
        first_counts: QueueCounts | None = None,
    ) -> None:
        # With the right classes from the start, the first frame is laid out and drawn once, not twice.
        guessed = classes_now(self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS)
        super().__init__(classes=" ".join([*guessed, *(["-plain"] if settings.plain else [])]))
        self.settings = settings
        self.actions = actions
        self._by_id = {action.id: action for action in actions}
        self._keys = KeyTable(actions)
        plain, now, monotonic = settings.plain, settings.now, settings.monotonic
        self.status = StatusLine(plain=plain)
        self.receipts = Receipts(monotonic, self._by_id["job.restore"].shown_key)
        self.queue = QueuePane(now, monotonic, self.receipts.words_of, plain=plain)
        self.card = ReviewCard(monotonic, plain=plain)
        self.feed = SignalFeed(plain=plain)
        self.hub = HubPane(now, self._by_id["hub.connect"].shown_key, plain=plain)
        self.key_line = KeyLine(actions, plain=plain)
        self.bridge = Bridge()
        self._session: Session | None = None
        self._deeds: Mapping[str, Deed] = {}
        self._keeper: CardKeeper | None = None
        self._keeping: Worker[None] | None = None
        """What shows the selected job on the card; over once the database is broken."""
        self._news = News()
        self._saying: set[str] = set()
        """Notices that are on their way to the screen."""
        self._trouble = ""
        """Why the database cannot be written; empty while it can."""
        self.attention: Attention | None = None
        self._listeners: set[asyncio.Event] = set()
        self._signal_rate, self._tasks_in, self._tasks_out = Rate(), Rate(), Rate()
        self._is_sample = False
        self._is_closing = False
        self._latest_pane = ""
        self._leaving = 0
        """How many deeds are putting another task in front at this moment."""
        self._link: LinkState | None = None
        self._counts: QueueCounts | None = None
        self._card_wanted = asyncio.Event()
        if first_counts is not None:
            self.queue.show_first(first_rows, first_counts)

    def compose(self) -> ComposeResult:
        """The panes, in the order of tab."""
        yield self.status
        yield self.queue
        yield self.card
        yield self.feed
        yield self.hub
        yield self.key_line

    def on_mount(self) -> None:
        """Begin to take what the session tells."""
        self.set_interval(1 / TICKS_PER_SECOND, self._tick)
        self._show_status()

    # --- the session

    def attach(self, session: Session, deeds: Deeds) -> None:
        """Show a session that is open."""
        self._session = session
        self._deeds = deeds.by_action()
        from evolver_tui.tui.screens.desk.card_presenter import CardKeeper

        self._keeper = keeper = CardKeeper(self, session, deeds.waiting, self._news, self._card_wanted)
        session.store.watch(self.bridge.jobs_changed)
        from evolver_tui.tui.attention import attend

        self.attention = attend(self.app, self, self.settings)
        self.watch(self.app, "app_focus", self._focus_changed, init=False)
        label = session.author_label
        self.hub.set_author(safe_text(label, 100))
        self._keeping = self.run_worker(keeper.run(), name="card", exit_on_error=False)
        self.queue.attach(session.store)
        self._show_status()

    def _focus_changed(self, has_focus: bool) -> None:
        """The terminal got or lost the focus; nobody read meanwhile what came on the card."""
        if has_focus:
            self.card.look_anew()
        self._show_status()

    @contextlib.contextmanager
    def hears_of_jobs(self) -> Iterator[asyncio.Event]:
        """An event that is set, at most a few times a second, when jobs changed here or in another process."""
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            yield changed
        finally:
            self._listeners.discard(changed)

    def action(self, action_id: str) -> Action:
        """An action as it is bound here."""
        return self._by_id[action_id]

    def hub_chosen(self, is_sample: bool) -> None:
        """Which kind of hub the session was connected to."""
        self._is_sample = is_sample
        self._show_status()

    def show_problem(self, title: str, error: str) -> None:
        """Say on the card why there is nothing else to see."""
        way_out = f"Press {self._by_id['app.quit'].shown_key} to leave."
        self.card.show(message_content(title, [(safe_text(error, 2_000), "error"), ("", "text"), (way_out, "text")]))

    def show_closing(self) -> None:
        """Say that the session is being finished."""
        self._is_closing = True
        self._show_status()

    def say(self, text: str, severity: Severity = "information") -> None:
        """Show a notice, unless it stands there already."""
        text = safe_text(text, 1_000)
        standing = {notice.message for notice in self.app._notifications}  # Textual has no other list of them
        if text not in standing | self._saying:
            timeout = SECONDS_TO_READ_AN_ERROR if severity == "error" else None
            self.notify(text, severity=severity, timeout=timeout, markup=False)
            self._saying.add(text)
            self.app.call_later(lambda: self._saying.discard(text))  # behind the notice in the same queue

    # --- a few times a second

    def _tick(self) -> None:
        taken = self.bridge.take()
        if taken is not None:
            self.feed.add(taken.signals, taken.dropped)
            self._hear(taken)
            if taken.touches_jobs:
                self.queue.rows_changed()
                for listener in self._listeners:
                    listener.set()
        self._count(taken)
        self.queue.tick()
        self.card.tick()
        session = self._session
        if session is not None:
            if session.hub.link_state is not self._link or self.queue.counts is not self._counts:
                self._show_status()
            self._show_trouble(session)
            if session.broken is not None:
                self._show_broken(session.broken)
            if self._keeper is not None:
                self._keeper.tick(taken is not None and taken.touches_jobs)

    def acknowledge(self, job: int, task_id: str, words: str, *, is_final: bool = False) -> None:
        """Say in a job's row and on the card what was done about it; what comes of it is said there as well."""
        self.receipts.give(job, task_id, words, is_final=is_final)
        if self._keeper is not None:
            self._keeper.show_receipts()

    def _hear(self, taken: Taken) -> None:
        """Say what a person has to know of what happened."""
        names = {signal.name for signal in taken.signals}
        for unsaved in self._news.hear(taken.signals) if not names.isdisjoint(NEWS) else ():
            self.queue.mark_unsaved(unsaved.job)
            self.say(unsaved.sentence, "error")
        if NODE_SAVED.name in names:
            self.reload_card()  # it may say what its draft would replace

    def _show_trouble(self, session: Session) -> None:
        """Say once that the database cannot be written, and once that it can be again."""
        before, self._trouble = self._trouble, session.trouble
        if before == self._trouble:
            return
        if self._trouble:
            self.say(self._trouble, "error")
        else:
            self.say("The database can be written again.")
        self._show_status()

    def _show_broken(self, error: StoreBroken) -> None:
        """Say on the card, for good, why nothing can be decided any longer; a notice would go away."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = self._keeper = None
            self.show_problem("The database cannot be used any longer", str(error))
            self.show_keys()

    def _count(self, taken: Taken | None) -> None:
        """Keep the rates; once a second, show them and whatever else changes with time."""
        now = self.settings.now()
        second_over = self._signal_rate.add(taken.received if taken else 0, now)
        self._tasks_in.add(taken.tasks_in if taken else 0, now)
        self._tasks_out.add(taken.tasks_out if taken else 0, now)
        if second_over:
            self.feed.set_rate(self._signal_rate.per_second())
            self._show_status()

    def _show_status(self) -> None:
        session, counts = self._session, self.queue.counts
        self._counts = counts
        self._link = session.hub.link_state if session is not None else None
        is_paused = session is not None and session.hub.is_paused
        self.hub.update(self._link, self._tasks_in, self._tasks_out, is_paused)
        author = session.author_label if session else ""
        self.status.update(
            Status(
                link=self._link,
                is_sample=self._is_sample,
                per_second=self._tasks_in.per_second(),
                waiting=counts.waiting if counts else 0,
                needs_you=counts.needs_you if counts else 0,
                author=safe_text(author, 60),
                session_id=safe_text(session.id, 60) if session else "",
                is_paused=is_paused,
                is_closing=self._is_closing,
                cannot_save=bool(self._trouble),
            )
        )
        if self.attention is not None and counts is not None:
            self.attention.update(counts.needs_you, self.app.app_focus)
        self.show_keys()

    def show_keys(self) -> None:
        """Bring the key line up to date."""
        self.key_line.update(self.pane_in_focus, self.reason_against, is_zoomed=self.has_class("-zoomed"))

    # --- the card

    def on_queue_pane_selected(self, event: QueuePane.Selected) -> None:
        """Show the selected job."""
        event.stop()
        self._card_wanted.set()
        self.show_keys()

    def on_queue_pane_failed(self, event: QueuePane.Failed) -> None:
        """Say that the queue could not be read."""
        event.stop()
        self.say(str(event.error), "error")

    def on_hub_pane_ended(self, event: HubPane.Ended) -> None:
        """Say why there is no hub any more, in full."""
        event.stop()
        self.say(f"The hub link has ended. {event.state.reason}", "error")

    def reload_card(self) -> None:
        """Read the selected job again."""
        self._card_wanted.set()

    def go_to_card(self, row: QueueRow) -> None:
        """Put a job in front, whatever the queue shows, and its card in focus; it counts as seen from here on."""
        self.queue.close_filter()
        self.queue.select(row)
        self._focus_pane(self.card)
        self.card.ask_for(row.job)
        self.card.look_anew()

    def review_to_decide(self) -> tuple[Review | None, str]:
        """The draft that a decision would be about, or why there can be none now."""
        if self.pane_in_focus != "card":
            return None, self._go_to_card
        selected = self.queue.selected
        if self._leaving or selected is None or selected.job != self.card.content.job:
            return None, "The card of the selected task is still being read."
        return self.card.review_to_decide()

    # --- keys

    @property
    def pane_in_focus(self) -> str:
        """The name of the pane that has the focus, also while a dialog lies over the desk."""
        pane = pane_of(self)
        if pane is not None:
            return pane.pane_name
        return "" if self.app.app_focus else self._latest_pane  # nothing has the focus while the terminal has none

    @property
    def _go_to_card(self) -> str:
        return f"Go to the card first: press {self._by_id['queue.open'].shown_key} on the task."

    def role_of(self, event: events.Key) -> Role:
        """What a key does here. While text is typed only escape means anything else."""
        if self._is_typing:
            return Role.TYPES
        action = self._keys.find(self.pane_in_focus, event.key)
        if action is None:
            return Role.NOTHING
        return Role.DECIDES if action.is_alone else Role.MOVES

    @property
    def _is_typing(self) -> bool:
        return self.focused is not None and not isinstance(self.focused, Pane)

    def take_key(self, event: events.Key) -> bool:
        """Do what a key means, at once, so that the next one finds things as it left them; False for text."""
        action = self._keys.find(self.pane_in_focus, event.key)
        if action is None or (self._is_typing and action.id != "pane.back"):
            return False
        if action.is_alone:
            self._press_alone(action, event.key)
        else:
            self.perform(action.id)
        return True

    def tell(self, text: str) -> None:
        """Say why a key did nothing."""
        self.say(text, "warning")

    def _press_alone(self, action: Action, key: str) -> None:
        """Do an action once its key was alone, if by then it is still about what it was pressed for."""
        reason = self._reason_by_key(action)
        if reason:
            self.tell(reason)
            return
        about = self._what_is_meant(action.id)

        def do() -> None:
            if self._what_is_meant(action.id) == about:
                self._do(action)
            else:
                self.tell("What you pressed a key for has changed meanwhile: nothing was done.")

        key_app(self.app).hold(key, SECONDS_ALONE, do)

    def _reason_by_key(self, action: Action) -> str:
        """Why a key cannot do an action now; a decision that comes too early puts the moment off."""
        reason = self.reason_against(action)
        return self.card.press_decision(reason or self.review_to_decide()[1]) if action.id in DECISIONS else reason

    def _what_is_meant(self, action_id: str) -> object:
        return what_is_meant(action_id, self.card.content, self.queue.selected)

    def reason_against(self, action: Action) -> str:
        """Why an action cannot be done now, as a sentence; empty when it can."""
        if action.is_local or action.group == "Desk":
            return ""
        if action.panes and self.pane_in_focus not in action.panes:
            return self._go_to_card if "card" in action.panes else f"It needs the {' or '.join(action.panes)} in focus."
        if action.id in ("pane.filter", "queue.open"):
            return ""
        return reason_of_session(action.id, self._session, self._is_closing) or reason_of_state(
            action.id, self.card.content, self.queue.selected, self.queue.counts, self._link
        )

    def perform(self, action_id: str) -> None:
        """Do an action by its id, as its key would; what cannot be done now says why."""
        action = self._by_id[action_id]
        reason = self._reason_by_key(action)
        if reason:
            self.say(reason, "warning")
        else:
            self._do(action)

    def _do(self, action: Action) -> None:
        if action.is_local:
            pane = pane_of(self)
            if pane is not None and pane.pane_name in action.panes:
                getattr(pane, action.method)()
        elif action.id in self._deeds:
            deed = self._deeds[action.id]
            self._spawn(self._going_on(deed) if action.id in _GOING_ON else deed(), action.id)
        else:
            self._perform_here(action.id)

    def _perform_here(self, action_id: str) -> None:
        match action_id:
            case "queue.open":
                self._focus_pane(self.card)
            case "pane.filter":
                pane = pane_of(self)
                if not isinstance(pane, Filterable):
                    pane = self.queue
                    self._focus_pane(pane)
                pane.open_filter()
            case "pane.next" | "pane.previous":
                self._cycle(1 if action_id == "pane.next" else -1)
            case "pane.back":
                self._back()
            case "pane.zoom":
                self._zoom(not self.has_class("-zoomed"))
            case "app.help":
                from evolver_tui.tui.modals import HelpModal

                self.app.push_screen(HelpModal(self.actions, now=self.settings.monotonic))
            case "app.palette":
                from evolver_tui.tui.palette import open_palette

                open_palette(self.app)
            case "app.quit":
                self._spawn(self.app.action_quit(), action_id)

    def _spawn(self, work: Coroutine[Any, Any, None] | Any, name: str) -> None:
        """Do something that waits; what goes wrong becomes a notice (see the app)."""
        self.app.run_worker(work, name=name, group="deeds", exit_on_error=False)

    def _going_on(self, deed: Deed) -> Coroutine[Any, Any, None]:
        """Do what puts another task in front; from this moment on no key decides about the one that is leaving."""
        self._leaving += 1

        async def go() -> None:
            try:
                await deed()
            finally:
                self._leaving -= 1

        return go()

    def _cycle(self, step: int) -> None:
        panes = [self.queue, self.card, self.feed, *(() if self.has_class("-narrow") else (self.hub,))]
        now = pane_of(self)
        index = panes.index(now) if now in panes else -step
        self._focus_pane(panes[(index + step) % len(panes)])

    def _focus_pane(self, pane: Pane) -> None:
        self.set_focus(pane)  # at once: the next key is meant for it
        if pane is self.card:
            self.card.ask_for(self.card.content.job)
        if self.has_class("-zoomed"):
            self._zoom(True, pane)

    def _back(self) -> None:
        """Out of the innermost thing: the filter, the zoom, the card."""
        pane = pane_of(self)
        if isinstance(pane, Filterable) and pane.close_filter():
            return
        if self.has_class("-zoomed"):
            self._zoom(False)
        else:
            self.queue.focus()

    def _zoom(self, on: bool, pane: Widget | None = None) -> None:
        whole = pane or pane_of(self)
        for each in (self.queue, self.card, self.feed, self.hub):
            each.set_class(on and each is whole, "-whole")
        self.set_class(on and whole is not None, "-zoomed")
        self.show_keys()

    def on_screen_resume(self) -> None:
        """What lay over the desk is gone: the card is looked at from here on."""
        self.card.look_anew()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the keys of the pane that has the focus now; where the terminal is small, a card that is read grows."""
        self._latest_pane = self.pane_in_focus
        self.set_class(self.pane_in_focus == "card", "-reading")
        self.show_keys()
