"""What the actions of any view may do and ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from textual.notifications import Notification
from textual.screen import ModalScreen, Screen

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Keymap, Work
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.pane import Pane, pane_of
from evolver_tui.tui.drawing.selected_text import SelectedText
from evolver_tui.tui.key_watch import KeyApp, Severity, key_app

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow

T = TypeVar("T")


class ViewContext:
    """Notices, dialogs, the pane in focus and the console itself. The screen behind it is nobody else's."""

    def __init__(self, screen: Screen[Any], settings: DeskSettings, keymap: Keymap) -> None:
        """Args:
        screen: the view.
        settings: what was decided outside.
        keymap: the view's actions as they are bound.
        """
        self._screen = screen
        self.settings = settings
        self.keymap = keymap
        self.latest_pane = ""
        """The name of the pane that had the focus last."""

    @property
    def _app(self) -> KeyApp[Any]:
        return key_app(self._screen.app)

    # --- panes

    @property
    def pane(self) -> Pane | None:
        """The pane that has the focus, or holds what has it."""
        return pane_of(self._screen)

    @property
    def pane_in_focus(self) -> str:
        """The name of the pane that has the focus, also while a dialog lies over the view."""
        pane = self.pane
        if pane is not None:
            return pane.pane_name
        return "" if self._app.app_focus else self.latest_pane  # nothing has the focus while the terminal has none

    def in_pane(self, names: Sequence[str], do: Callable[[Any], None]) -> None:
        """Have the pane in focus do something, if it is one of these."""
        pane = self.pane
        if pane is not None and pane.pane_name in names:
            do(pane)

    @property
    def is_in_front(self) -> bool:
        """Whether neither a dialog nor another view lies over this one."""
        return self._app.screen is self._screen

    # --- telling and asking

    def say(self, text: str, severity: Severity = "information") -> None:
        """Show a notice, unless it stands there already."""
        self._app.say(text, severity)

    def say_path(self, words: str, path: str | os.PathLike[str]) -> None:
        """Show a notice that ends in a file's path; the name in it is always shown whole."""
        folder, name = os.path.split(path)
        home = os.path.expanduser("~")
        if home != "~" and folder.startswith(f"{home}{os.sep}"):
            folder = f"~{folder[len(home) :]}"
        self._app.say_path(words, f"{folder}{os.sep}", name)

    @property
    def latest_notices(self) -> Iterable[Notification]:
        """What was said last, oldest first, whether it stands still or not."""
        return self._app.latest_notices

    def show(self, dialog: ModalScreen[Any]) -> None:
        """Open a dialog whose result means nothing."""
        self._app.push_screen(dialog)

    async def ask(self, dialog: ModalScreen[T]) -> T | None:
        """Open a dialog and wait for its result."""
        return await self._app.push_screen_wait(dialog)

    def start(self, work: Work, name: str) -> None:
        """Do something that takes a while; what goes wrong becomes a notice (see the app)."""
        self._app.run_worker(work, name=name, group="actions", exit_on_error=False)

    async def copy(self, copied: SelectedText) -> None:
        """Copy a text to the terminal's clipboard or, where that does not take it, to a file; says which."""
        from evolver_tui.tui.clipboard import reason_against_clipboard, write_copy
        from evolver_tui.tui.drawing.formatting import count

        lines = count(copied.line_count, "line")
        hidden = " What is hidden in them is copied as it is shown." if copied.shows_hidden else ""
        reason = await reason_against_clipboard(copied.text, os.environ)
        if not reason:
            self._app.copy_to_clipboard(copied.text)
            self.say(f"{lines} copied to the terminal's clipboard.{hidden}")
            return
        file = self.settings.copy_file
        if file is None:
            self.say(f"Nothing was copied. {reason}", "warning")
            return
        try:
            await write_copy(copied.text, file)
        except OSError as error:
            self.say(f"Nothing was copied. {reason} The file {file} cannot be written: {error.strerror}.", "error")
            return
        self.say_path(f"{lines} copied to a file. {reason}{hidden}", file)

    # --- the console

    @property
    def has_app_focus(self) -> bool:
        """Whether the terminal has the focus, as far as it says so."""
        return self._app.app_focus

    async def edit(self, command: Sequence[str], text: str, file_name: str) -> str:
        """Let a person edit a text in their own editor; returns what they left. Raises EvolverError."""
        from evolver_tui.tui.editor import edit_text

        return await edit_text(self._app, command, text, file_name)

    async def show_replay(self, session_id: str) -> None:
        """Show a session again, as it went, in this one's place until a person leaves it. Raises EvolverError."""
        from evolver_tui.tui.lending import run_in_terminal

        replay = self.settings.replay
        if replay is None:
            self.say(f"In another terminal: evolver-tui replay{self.settings.run_options} {safe_text(session_id, 100)}")
            return
        try:
            await run_in_terminal(self._app, replay(session_id), "The replay")
        except OSError as error:
            raise EvolverError(f"The replay cannot be started: {error.strerror}.") from None

    def open_palette(self) -> None:
        """Let a person find a command by its name."""
        from evolver_tui.tui.palette import open_palette

        open_palette(self._app)

    def go_to_task(self, row: QueueRow) -> None:
        """Put a task in front on the desk, and its card in focus."""
        self._app.show_task(row)

    def switch_view(self, view_id: str) -> None:
        """Show another view."""
        self._app.switch_mode(view_id)

    async def quit(self) -> None:
        """Finish what is being written and leave."""
        await self._app.action_quit()

    def suspend(self) -> None:
        """Go back to the shell, until that goes on with the console."""
        self._app.action_suspend_console()
