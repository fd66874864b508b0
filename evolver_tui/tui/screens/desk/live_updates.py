"""What the session tells, shown a few times a second: signals, queue, rates, status, and why nothing can be saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal_catalogue.author_signals import NODE_SAVED
from evolver_tui.core.signal_catalogue.rule_signals import RULE_FIRED, RULE_LOADED
from evolver_tui.core.signal_catalogue.session_signals import BUDGET_NEAR, SANDBOX_STANDING, SANDBOX_UNHELD
from evolver_tui.tui.bridge import Bridge, Rate, Taken
from evolver_tui.tui.screens.desk.outage_words import OutageWords, back_words, head_of
from evolver_tui.tui.screens.desk.panes.status_line import Status, StatusLine

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueCounts
    from evolver_tui.core.link_state import LinkState
    from evolver_tui.core.outage import Outage
    from evolver_tui.core.signal import Signal
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.attention import Attention
    from evolver_tui.tui.screens.desk.card_presenter import CardPresenter
    from evolver_tui.tui.screens.desk.context import DeskContext, Panes
    from evolver_tui.tui.screens.desk.job_monitor import JobMonitor
    from evolver_tui.tui.screens.desk.panes.hub_pane import HubPane

_SAID: Final = {"pause intake": "Intake is paused", "resume intake": "Intake is resumed"}
_MOST_SAID: Final = 3
"""Of what rules do in one moment."""


class LiveUpdates:
    """Takes from the bridge what came since the tick before, and hands it to the panes."""

    def __init__(self, desk: DeskContext, bridge: Bridge, panes: Panes, hub: HubPane, status: StatusLine) -> None:
        self._desk = desk
        self._bridge = bridge
        self._queue, self._card, self._feed = panes
        self._hub = hub
        self._status = status
        self.attention: Attention | None = None
        """The terminal's title and bell, once a session is open."""
        self._monitor: JobMonitor | None = None
        self._presenter: CardPresenter | None = None
        """What shows the selected job on the card; None again once the database is broken."""
        self._stop_presenting: Callable[[], object] = lambda: None
        self._outages: Sequence[Outage] = ()
        self._signal_rate, self._tasks_in, self._tasks_out = Rate(), Rate(), Rate()
        self._link: LinkState | None = None
        self._counts: QueueCounts | None = None
        self._replay = ""

    def attach(
        self, attention: Attention, monitor: JobMonitor, presenter: CardPresenter, stop_presenting: Callable[[], object]
    ) -> None:
        """Show a session that is open; the context has it."""
        self.attention, self._monitor = attention, monitor
        self._presenter, self._stop_presenting = presenter, stop_presenting
        self.show_status()

    def tick(self) -> None:
        """Show what came since the tick before."""
        taken = self._bridge.take()
        if taken is not None:
            self._feed.add(taken.signals, taken.dropped)
            self._hear(taken)
            if taken.touches_jobs:
                self._queue.rows_changed()
                self._desk.job_changes.announce()
        else:
            self._feed.catch_up()
        self._count(taken)
        self._follow_replay()
        self._queue.tick()
        self._card.tick()
        self._desk.note_what_is_seen()
        if self._desk.parts is not None:
            session = self._desk.session
            if session.hub.link_state is not self._link or self._queue.counts is not self._counts:
                self.show_status()
            self._show_outages(session)
            if session.broken is not None:
                self._show_broken(str(session.broken))
            if self._presenter is not None:
                self._presenter.tick(taken is not None and taken.touches_jobs)

    def _follow_replay(self) -> None:
        """Say where a replay is, whenever it is somewhere else."""
        player = self._desk.settings.player
        if player is None or self._desk.parts is None:
            return
        from evolver_tui.tui.screens.desk.actions.replaying import where_it_is

        words = where_it_is(player, self._feed.symbols)
        if words != self._replay:
            self._replay = words
            self._hub.set_author(safe_text(self._desk.session.author_label, 100))
            self.show_status()

    def _hear(self, taken: Taken) -> None:
        """Say what a person has to know of what happened."""
        if self._monitor is not None and self._monitor.hears(taken.names):
            for failure in self._monitor.hear(taken.signals):
                self._queue.mark_unsaved(failure.job)
                self._desk.say(failure.sentence, "error")
        if RULE_LOADED.name in taken.names:
            self._say_which_rules_are_bad(taken.signals)
        if RULE_FIRED.name in taken.names:
            self._say_what_rules_did(taken.signals)
            self.show_status()
        if BUDGET_NEAR.name in taken.names:
            told = [signal.payload.get("notice") for signal in taken.signals if signal.name == BUDGET_NEAR.name]
            self._desk.say(safe_text(str(told[-1] or ""), 300), "warning")
        if NODE_SAVED.name in taken.names:
            self._desk.refresh_card()  # it may say what its draft would replace
        if SANDBOX_STANDING.name in taken.names or SANDBOX_UNHELD.name in taken.names:
            self.show_status()

    def _say_which_rules_are_bad(self, signals: Sequence[Signal]) -> None:
        loaded = [signal.payload.get("problems") for signal in signals if signal.name == RULE_LOADED.name]
        bad = loaded[-1] if loaded else 0
        if isinstance(bad, int) and bad:
            are = "A rule is left out" if bad == 1 else f"{bad:,} rules are left out"
            self._desk.say(f"{are}, and why stands in the signals. See: evolver-tui rules check", "warning")

    def _say_what_rules_did(self, signals: Sequence[Signal]) -> None:
        """What one wants to be said, and that it took hold of the intake."""
        fired = [signal.payload for signal in signals if signal.name == RULE_FIRED.name]
        for payload in fired[-_MOST_SAID:]:
            rule, notice = safe_text(payload.get("rule", ""), 60), payload.get("notice")
            if notice:
                self._desk.say(f"{safe_text(notice, 300)} (rule {rule})", "warning")
            actions = payload.get("actions")
            done = actions if isinstance(actions, list) else []  # a plug-in may have emitted anything by this name
            for action in _SAID:
                if action in done:
                    self._desk.say(f"{_SAID[action]} by rule {rule}.", "warning")

    def _show_outages(self, session: Session) -> None:
        """Say what does not work, and once that it works again; the status line counts down meanwhile."""
        before, self._outages = self._outages, session.outages
        if before == self._outages:
            return
        were, are = ({outage.shared: outage for outage in outages} for outages in (before, self._outages))
        for shared, outage in are.items():
            before_it = were.get(shared)
            if before_it is None or (before_it.brief, before_it.is_one_job) != (outage.brief, outage.is_one_job):
                self._desk.say(f"{head_of(shared).capitalize()}: {outage.error}", "warning")
        for shared in were.keys() - are.keys():
            self._desk.say(back_words(shared))
        self.show_status()

    def _show_broken(self, error: str) -> None:
        """Say on the card, for good, why nothing can be decided any longer; a notice would go away."""
        if self._presenter is not None:
            self._stop_presenting()
            self._presenter = None
            self._desk.say(error, "error")
            self._desk.layout.show_problem("The database cannot be used any longer", error)
            self._desk.layout.show_keys()

    def _trouble_words(self) -> str:
        opening = self._desk.opening
        if opening is not None and opening.error is not None:
            return "cannot open"
        is_broken = self._desk.parts is not None and self._desk.session.broken is not None
        return "cannot save" if is_broken else ""

    def _count(self, taken: Taken | None) -> None:
        """Keep the rates; once a second, show them and whatever else changes with time."""
        now = self._desk.settings.now()
        second_over = self._signal_rate.add(taken.received if taken else 0, now)
        self._tasks_in.add(taken.tasks_in if taken else 0, now)
        self._tasks_out.add(taken.tasks_out if taken else 0, now)
        if second_over:
            self._feed.set_rate(self._signal_rate.per_second())
            self.show_status()
            self._desk.layout.show_opening()

    def show_status(self) -> None:
        """Bring status line, hub, title and key line up to date."""
        desk = self._desk
        session, counts = (desk.parts.session if desk.parts is not None else None), self._queue.counts
        self._counts, self._link = counts, desk.link
        is_paused = session is not None and session.hub.is_paused
        rule = session.hub.paused_by if session is not None else ""
        paused = (f" by rule {safe_text(rule, 60)}" if rule else "") if is_paused else None
        outage = OutageWords.of(self._outages, desk.settings.now())
        box = session.box if session is not None else None
        unheard = session.hub.unheard_calls if session is not None and not session.hub.has_heard else ""
        self._hub.update(self._link, self._tasks_in, self._tasks_out, paused, outage, unheard)
        self._status.update(
            Status(
                link=self._link,
                is_sample=desk.parts is not None and desk.hubs.is_sample,
                per_second=self._tasks_in.per_second(),
                waiting=counts.waiting if counts else 0,
                needs_you=counts.needs_you if counts else 0,
                tier=box.tier if box is not None else "",
                runs_unheld=box is not None and box.runs_unheld,
                author=safe_text(session.author_label if session else "", 60),
                session_id=safe_text(session.id if session else "", 60),
                is_paused=is_paused,
                is_closing=desk.is_closing,
                replay=self._replay,
                trouble=self._trouble_words(),
                outage=outage,
            )
        )
        if self.attention is not None and counts is not None:
            self.attention.update(counts.needs_you, desk.has_app_focus)
        desk.layout.show_keys()
