"""The workflows: a table of chats, the answer under the cursor as it streams, and what is known of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import events

from evolver_tui.core.errors import EvolverError
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.head_row import views_line
from evolver_tui.tui.drawing.pane import Pane, pane_of
from evolver_tui.tui.drawing.rows_pane import RowsMoved
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.framed_view import FramedView
from evolver_tui.tui.screens.workflows.actions import BACK, COPY, TRY_AGAIN
from evolver_tui.tui.screens.workflows.context import WorkflowsContext
from evolver_tui.tui.screens.workflows.guide import IN_A_DEMO, OPENING, away_page, problem_page, quiet_page
from evolver_tui.tui.screens.workflows.panes.answer_content import conversation_page, message_page
from evolver_tui.tui.screens.workflows.panes.answer_pane import AnswerPane
from evolver_tui.tui.screens.workflows.panes.chat_table import ChatTable
from evolver_tui.tui.screens.workflows.panes.facts_pane import FactsPane
from evolver_tui.tui.screens.workflows.panes.head_line import HeadLine, Totals
from evolver_tui.tui.screens.workflows.panes.parked_content import parked_page
from evolver_tui.tui.screens.workflows.panes.parked_table import ParkedTable

if TYPE_CHECKING:
    from evolver_tui.engine.workflow.monitor import WorkflowMonitor

DRAWN_A_SECOND = 8
"""However much is heard."""


class Workflows(FramedView[WorkflowsContext]):
    """Connects when it is first shown, hears on while it is not in front, and lets go with the session."""

    AUTO_FOCUS = "#chats"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__(settings, keymap)
        plain, views = settings.plain, views_line(keymap.actions)
        selection_keys = f"{keymap.shown_key(COPY)} copies, {keymap.shown_key(BACK)} ends it"
        self.head = HeadLine(views, plain=plain)
        self.chats = ChatTable(settings.now, plain=plain)
        self.parked = ParkedTable(settings.now, plain=plain)
        self.answer = AnswerPane(selection_keys, plain=plain)
        self.facts = FactsPane(plain=plain)
        self.panes = (self.head, self.chats, self.parked, self.answer, self.facts)
        self.context = WorkflowsContext(self, settings, keymap, self.chats, self.parked, self.answer, self)
        self._seen = -1
        self._was_away = ""
        self._is_closed = False

    # --- what watches

    def on_mount(self) -> None:
        """Connect, and draw again and again while it is in front."""
        self.set_interval(1 / DRAWN_A_SECOND, self._tick)
        self.try_again()

    def try_again(self) -> None:
        """Connect once more."""
        if self.context.settings.make_monitor is not None:
            self.context.problem = ""
            self.run_worker(self._open(), name="workflows", group="monitor", exclusive=True, exit_on_error=False)
        self.draw()

    async def _open(self) -> None:
        make = self.context.settings.make_monitor
        assert make is not None
        try:
            monitor = await asyncio.to_thread(make)
            await monitor.open()
        except EvolverError as error:
            self.context.problem = str(error)
            self.draw()
            return
        if self._is_closed:
            await monitor.close()
            return
        self.context.open_monitor = monitor
        self._was_away = monitor.services[0].reason
        self.draw()

    async def detach(self) -> None:
        """Hear no more; what stands on the screen stays there."""
        self._is_closed = True
        self.workers.cancel_group(self, "monitor")
        monitor, self.context.open_monitor = self.context.open_monitor, None
        if monitor is not None:
            await monitor.close()

    async def on_unmount(self) -> None:
        """The console is over, however that came."""
        await self.detach()

    # --- drawing

    def _tick(self) -> None:
        if self.app.screen_stack[0] is self:
            self.draw()

    def on_screen_resume(self) -> None:
        """It is in front again: what was heard meanwhile is drawn."""
        self.draw()

    def draw(self) -> None:
        """Bring everything up to date."""
        if self._is_closed:
            return
        monitor = self.context.open_monitor
        if monitor is not None:
            if monitor.chats.changes != self._seen:
                self._seen = monitor.chats.changes
                self.chats.show_messages(monitor.chats.messages)
            monitor.chats.spared = self.chats.selected.key if self.chats.selected is not None else None
            self.parked.show_requests(monitor.parked, monitor.parked_problem)
            self._tell_of_nats(monitor)
            self.head.update(self._totals(monitor))
        (self.parked if self.shows_parked else self.chats).tick()
        self._show_page(monitor)
        self.show_keys()

    def _totals(self, monitor: WorkflowMonitor) -> Totals:
        now, chats = self.context.settings.now(), monitor.chats
        return Totals(
            services=tuple(monitor.services),
            counts=chats.counts(now),
            parked=len(monitor.parked),
            unreadable=chats.unreadable,
            per_second=round(chats.chunks_per_second(now), 1),
        )

    def _tell_of_nats(self, monitor: WorkflowMonitor) -> None:
        """Say once that it went, and why, and that it is back."""
        reason = monitor.services[0].reason
        if reason and not self._was_away:
            self.context.say(f"NATS is away. {reason}", "warning")
        elif self._was_away and monitor.services[0].is_up:
            self.context.say("NATS is there again.")
        self._was_away = reason

    def _show_page(self, monitor: WorkflowMonitor | None) -> None:
        message, now = self.context.selected, self.context.settings.now()
        symbols = self.answer.symbols
        self.set_class(message is None, "-empty")
        self.facts.show(message, now)
        if self.shows_parked:
            request = self.context.selected_parked
            self.answer.set_title("Request")
            self.answer.show(request and request.number, parked_page(request), follow=False)
        elif message is None or monitor is None:
            self.answer.set_title("Workflows")
            page = self._guide(monitor)
            self.answer.show(page.lines[0], page, follow=False)
        elif self.shows_conversation:
            messages = monitor.chats.of_session(message.session_id)
            self.answer.set_title(f"Conversation {self._short(message.session_id)}")
            self.answer.show(("session", message.session_id), conversation_page(messages, now, symbols), follow=True)
        else:
            self.answer.set_title(f"Answer {self._short(message.message_id)}")
            page = message_page(message, now, symbols, has_facts=self.has_class("-narrow"))
            self.answer.show(message.key, page, follow=not message.is_over)

    def _guide(self, monitor: WorkflowMonitor | None) -> TextPage:
        if self.context.settings.make_monitor is None:
            return IN_A_DEMO
        if self.context.problem:
            return problem_page(self.context.problem, self.context.keymap.shown_key(TRY_AGAIN))
        if monitor is None:
            return OPENING
        nats = monitor.services[0]
        return quiet_page(monitor) if nats.is_up else away_page(monitor, nats.reason)

    @staticmethod
    def _short(text: str) -> str:
        from evolver_tui.core.safe_text import safe_text

        return safe_text(text, 40)

    # --- what the panes tell

    def on_rows_moved(self, event: RowsMoved) -> None:
        """Show what is under the cursor now."""
        event.stop()
        self.draw()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Whoever goes to the answer reads it: nothing takes its place."""
        if self.pane_in_focus == self.answer.pane_name:
            self.chats.moved_by_hand()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A table without the focus draws its cursor another way."""
        self.draw()

    def on_resize(self) -> None:
        """Where it is narrow, the facts stand on the page."""
        self.call_after_refresh(self.draw)

    # --- layout

    @property
    def shows_parked(self) -> bool:
        """Whether parked requests stand in the chats' place."""
        return self.has_class("-parked")

    @property
    def shows_conversation(self) -> bool:
        """Whether the answer's page shows all of a session."""
        return self.has_class("-conversation")

    def show_parked(self, is_shown: bool) -> None:
        """Show parked requests, or chats."""
        self.show_conversation(False)
        self.set_class(is_shown, "-parked")
        self._focus_pane(self.parked if is_shown else self.chats)
        if self.context.open_monitor is not None:
            self.context.open_monitor.look_again()
        self.draw()

    def show_conversation(self, is_shown: bool) -> None:
        """Show all messages of the selected one's session, in the whole view."""
        if is_shown != self.shows_conversation:
            self.set_class(is_shown, "-conversation")
            self._focus_pane(self.answer if is_shown else self.chats)
            self.draw()

    def _focus_pane(self, pane: Pane) -> None:
        self.set_focus(pane)  # at once: the next key is meant for it

    def cycle(self, step: int) -> None:
        """Go to the other pane."""
        table = self.parked if self.shows_parked else self.chats
        if not self.shows_conversation:
            self._focus_pane(table if pane_of(self) is self.answer else self.answer)

    def go_back(self) -> None:
        """Out of the innermost thing."""
        table = self.parked if self.shows_parked else self.chats
        if table.close_filter() or self.answer.end_selection():
            return
        if self.shows_conversation:
            self.show_conversation(False)
        elif pane_of(self) is self.answer:
            self._focus_pane(table)
        elif self.shows_parked:
            self.show_parked(False)
