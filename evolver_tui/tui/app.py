"""The console: an app around the desk that opens a session after its first frame and closes it in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.worker import Worker, WorkerState

from evolver_tui.core.errors import EvolverError
from evolver_tui.engine.process_end import LastResort, hear_no_more, heard_at_once
from evolver_tui.tui.actions import AnyAction, Keymap
from evolver_tui.tui.decision_keys import NOT_ALONE
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.job_control import JobControl
from evolver_tui.tui.key_watch import KeyApp
from evolver_tui.tui.screens.desk.actions.hub import connect_at_start
from evolver_tui.tui.screens.desk.screen import NOT_OPENED, Desk
from evolver_tui.tui.terminal_driver import TerminalDriver
from evolver_tui.tui.themes import choose_theme, register_shipped_theme, register_themes, variable_defaults
from evolver_tui.tui.view_screen import ViewScreen
from evolver_tui.tui.views import VIEWS, View, keymap_of

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueCounts, QueueRow
    from evolver_tui.engine.session import Session

SECONDS_TO_END = 5.0
"""How long a console that was told to end waits for its session."""

INTERRUPTED = 130
"""The exit code of a console that did not wait for its session to finish."""

Peek = Callable[[], "tuple[Sequence[QueueRow], QueueCounts | None]"]
"""Reads the queue's first rows without the database's own packages; no counts where there is nothing to read."""


class EvolverApp(KeyApp[int]):
    """Runs until it is left; the result is the exit code."""

    TITLE = "evolver"
    CSS_PATH = Path(__file__).with_name("styles.tcss")
    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = VIEWS[0].id
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_console", show=False, priority=True),
        Binding("ctrl+backslash", "end_at_once", show=False, priority=True),
    ]

    def __init__(
        self, session_factory: Callable[[], Session], peek: Peek, settings: DeskSettings, views: Sequence[View] = VIEWS
    ) -> None:
        """Args:
            session_factory: makes the session; called in a thread after the first frame.
            peek: the rows of the first frame.
            settings: what was decided outside.
            views: the first one is in front at the start.

        Raises:
            ConfigError: the key overrides cannot be used.
        """
        super().__init__(settings.monotonic, TerminalDriver)
        self.settings = settings
        self._session_factory = session_factory
        self._session: Session | None = None
        self._is_leaving = False
        self._session_end: asyncio.Task[bool] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._last_resort = LastResort(self._cut_off)
        self._job_control = JobControl(self, self._warn, self._freeze, self._told_to_end)
        self._has_all_themes = not register_shipped_theme(self, settings.theme, settings.user_themes)
        self._notices = register_themes(self, settings.user_themes) if self._has_all_themes else []
        self._notices += [*self._wear(settings.theme), *settings.notices]
        self._screens: dict[str, ViewScreen[Any]] = {}
        """The views that were shown so far, by their id."""
        self._views = views
        for view in views:
            self.add_mode(view.id, partial(self._screen_of, view))
        desk = self._screen_of(views[0])
        assert isinstance(desk, Desk)
        self._desk = desk
        self._desk.show_first(*peek())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Values for the console's own theme variables."""
        return variable_defaults()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through: under NO_COLOR nothing keeps a colour."""
        if not self.no_color:
            return super().get_line_filters()
        from evolver_tui.tui.no_color import WithoutColor

        return [WithoutColor()]

    def _screen_of(self, view: View) -> ViewScreen[Any]:
        """The screen of a view, made once; with the session, if that is open. Raises ConfigError."""
        screen = self._screens.get(view.id)
        if screen is None:
            keymap = keymap_of(view, self._views, self.settings.key_overrides)
            self._screens[view.id] = screen = view.make(self.settings, keymap)
            # It is styled when it is mounted. Without this, Textual reads the style sheet again before the first frame.
            screen._css_update_count = self._css_update_count
            if self._session is not None:
                screen.attach(self._session)
        return screen

    @property
    def desk(self) -> Desk:
        """The main screen."""
        return self._desk

    def _wear(self, name: str) -> list[str]:
        """Put a theme on before anything is drawn; returns notices.

        Setting `theme` has the style sheet read a second time, which is a twentieth of the time to the first frame.
        """
        theme = self.get_theme(name)
        if theme is None or theme.ansi:
            return choose_theme(self, name)
        self.set_reactive(App.theme, name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(theme.dark, "-dark-mode", update=False)
        self.set_class(not theme.dark, "-light-mode", update=False)
        return []

    @property
    def session(self) -> Session | None:
        """The session, once it is open."""
        return self._session

    # --- for the palette

    @property
    def _view(self) -> ViewScreen[Any]:
        """The view in front, under whatever dialogs."""
        return self._screens[self.current_mode]

    @property
    def actions(self) -> Sequence[AnyAction]:
        """What can be done in the view in front, with the keys bound to it."""
        keymap: Keymap = self._view.context.keymap
        return keymap.actions

    def perform(self, action: AnyAction) -> None:
        """Do an action as its key would; what stays is not done by keys typed in one go with those that found it."""
        if action.is_alone and self.decision_keys.goes_on_from(self._view):
            self._view.tell(NOT_ALONE)
        else:
            self._view.perform(action)

    def reason_against(self, action: AnyAction) -> str:
        """Why an action cannot be done now; empty when it can."""
        return str(self._view.reason_against(action))

    def wear_theme(self, name: str) -> None:
        """Show a theme that a person chose, and remember it."""
        choose_theme(self, name)
        if self.settings.remember_theme is not None:
            try:
                self.settings.remember_theme(name)
            except EvolverError as error:
                self.say(str(error), "warning")

    # --- the session's life

    def on_load(self) -> None:
        """Hear from the start who wants the console to end."""
        for each in (*heard_at_once(), signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(each, self._told_to_end, each)

    def on_mount(self) -> None:
        """Open the session once the first frame is out."""
        self._job_control.listen()
        self.call_after_refresh(self._begin)

    def on_unmount(self) -> None:
        """Give the window's title back, however the console ends, and let nobody cut off what is left of that."""
        if self._desk.attention is not None:
            self._desk.attention.lend()
        if not self.is_headless:
            self._last_resort.arm()
            hear_no_more()

    def _begin(self) -> None:
        if not self._has_all_themes:
            self._notices += register_themes(self, self.settings.user_themes)
        for notice in self._notices:
            self.say(notice, "warning")
        self.run_worker(self._open(), name="open", exit_on_error=False)

    def _make_session(self) -> Session:
        """Make the session in a thread; what only a session needs of the console is imported there as well."""
        # So that the first card waits for no import.
        from evolver_tui.tui.screens.desk import card_presenter, hub_choice, open_questions  # noqa: F401
        from evolver_tui.tui.screens.desk.panes import draft_card, question_card  # noqa: F401

        return self._session_factory()

    async def _open(self) -> None:
        from evolver_tui.tui.session_opening import SessionOpening

        listen = self._desk.bridge.listen
        opening = SessionOpening(
            self._make_session,
            lambda session: session.bus.registry.register_all(listen, stays=True),
            lambda session: session.bus.registry.unregister(listen),
            self.settings.monotonic,
        )
        self._desk.context.opening = opening

        def failed() -> None:
            gc.enable()
            self._desk.show_opening()

        try:
            session = await opening.open(failed)
        finally:
            gc.enable()  # off since the start, see the command line
        self._desk.context.opening = None
        from evolver_tui.engine.garbage_collection import spare_what_stays

        spare_what_stays()
        self._session = session
        for screen in self._screens.values():
            screen.attach(session)
        session.find_box()
        await connect_at_start(self._desk.context)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What a worker could not do becomes a notice. A mistake of ours is named by its kind alone: no locals."""
        if event.state is not WorkerState.ERROR:
            return
        error = event.worker.error
        if isinstance(error, EvolverError):
            self.say(str(error), "error")
        else:
            self.say(f"evolver-tui made a mistake ({type(error).__name__} in {event.worker.name}).", "error")
        if event.worker.name == "open" and self._session is None:
            self._desk.context.opening = None
            self._desk.show_problem(NOT_OPENED, f"A mistake of ours: {type(error).__name__}.")

    def show_task(self, row: QueueRow) -> None:
        """Put a task in front on the desk, and its card in focus."""
        self.switch_mode(self.DEFAULT_MODE)
        self.call_later(self._desk.context.go_to_card, row)

    def action_suspend_console(self) -> None:
        """Back to the shell, until that goes on with the console."""
        self._job_control.suspend()

    def action_end_at_once(self) -> None:
        """Give back what is worked on and leave."""
        self._told_to_end()

    async def action_quit(self) -> None:
        """Finish and leave; asked again, give back what is worked on and leave."""
        if self._is_leaving or self._session is None:
            self._told_to_end()
            return
        self._is_leaving = True
        self.run_worker(self._quit(self._session), name="quit", exit_on_error=False)

    async def _quit(self, session: Session) -> None:
        body = self._reason_to_stay(session)
        if body:
            from evolver_tui.tui.modals import ConfirmModal

            modal = ConfirmModal("quit", "the console", body, now=self.settings.monotonic)
            self._is_leaving = await self.push_screen_wait(modal) is True
            if not self._is_leaving:
                return
        if await asyncio.shield(self._begin_closing(session)) and self._ending is None:
            self.exit(0)

    def _reason_to_stay(self, session: Session) -> str:
        """What is not finished yet, for whoever is about to quit; empty where all is."""
        if session.broken is not None:
            return ""
        if self._desk.context.receipts.is_saving():
            return (
                "What you did last is not saved: another program holds the database. If you quit now, it may be lost."
            )
        if session.workers.is_working:
            return "A task is being worked on, to its next stop. ctrl+c quits at once, and the next start goes on."
        return ""

    def _begin_closing(self, session: Session) -> asyncio.Task[bool]:
        """Have the session closed, once, whoever asks for it."""
        if self._session_end is None:
            self._is_leaving = True
            self._desk.show_closing()
            self._session_end = asyncio.create_task(self._close(session))
        return self._session_end

    async def _close(self, session: Session) -> bool:
        """Close it; False where that, or the database, went wrong, which is said below the restored screen."""
        session.bus.registry.unregister(self._desk.bridge.listen)
        watching = asyncio.create_task(session.interrupt_when_away())
        for screen in self._screens.values():
            await screen.detach()
        trouble = ""
        try:
            await session.close()
        except EvolverError as error:
            trouble = str(error)
        watching.cancel()
        trouble = str(session.broken or session.gave_up_for or trouble)
        if trouble:
            self.exit(1, return_code=1, message=trouble)
        return not trouble

    def _told_to_end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """The machine, the terminal or a person in a hurry wants us gone: give the current job back, commit, leave."""
        driver = self._driver
        if isinstance(driver, TerminalDriver) and driver.is_lent and number in (signal.SIGINT, signal.SIGQUIT):
            return  # it was meant for whoever has the terminal
        is_gone = not sys.__stdin__ or not sys.__stdin__.isatty()
        is_gone |= isinstance(driver, TerminalDriver) and not driver.is_in_front  # the shell's, which has it back
        if is_gone and not self.is_headless:
            if self._desk.attention is not None:
                self._desk.attention.give_up()
            self._begin_batch()  # a terminal that was closed takes nothing more: writing to it would block for ever
        self._job_control.is_told_to_end = True
        if self._session is None:
            self._leave(0, is_gone)
        elif self._ending is None:
            self._last_resort.arm()
            self._ending = asyncio.create_task(self._end(self._session, is_gone))

    async def _end(self, session: Session, is_terminal_gone: bool) -> None:
        session.interrupt()
        is_well = True
        with contextlib.suppress(TimeoutError):
            is_well = await asyncio.wait_for(asyncio.shield(self._begin_closing(session)), SECONDS_TO_END)
        if is_well or is_terminal_gone:
            self._leave(INTERRUPTED, is_terminal_gone)

    def _leave(self, code: int, is_terminal_gone: bool) -> None:
        """End with everything committed."""
        if is_terminal_gone and not self.is_headless:
            os._exit(INTERRUPTED)  # Textual would wait for the terminal, or be stopped over it
        self.exit(code)

    def _cut_off(self) -> None:
        """End the process, in another thread: its end was held up for too long, by a database or by a loop that stands.

        The screen was given back by then, unless the loop stands.
        """
        driver = self._driver
        if driver is not None and self._running:
            with contextlib.suppress(Exception):
                driver.stop_application_mode()
                driver.close()
        os._exit(INTERRUPTED)

    def _warn(self, text: str) -> None:
        self.say(text, "warning")

    def _freeze(self, frozen: bool) -> None:
        """Stop the processes of the session with this one; nobody read meanwhile what lies on the card."""
        if self._session is not None:
            self._session.workers.freeze(frozen)
        if not frozen:
            self._desk.card.look_anew()
