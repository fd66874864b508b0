"""What every modal shares: a framed window over the dimmed desk, and keys that count only once it was seen."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Static

from evolver_tui.core.errors import EvolverError, StoreError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.decision_keys import SECONDS_TO_ANSWER, Role
from evolver_tui.tui.drawing.notice_line import CLASS_OVER, NoticeLine
from evolver_tui.tui.key_watch import key_app, takes_text

IS_BEING_SAVED = "It is being saved."
SECONDS_UNTIL_ARMED = 0.3
"""A person who types on while a modal opens has not read it: for so long its keys decide nothing."""

SECONDS_UNTIL_NEXT_IS_ARMED = 0.6
"""The same for a modal that opens by itself after another one: a second enter may still be meant for that."""

Clock = Callable[[], float]
"""Seconds that only count up."""


class Modal(ModalScreen[ScreenResultType]):
    """A window with a title, a body and a line of keys.

    Subclasses compose the body, and end with `finish` in whatever a key means.
    """

    # Unscoped and not DEFAULT_CSS: whatever the console says about screens, the desk has to shine through here.
    SCOPED_CSS = False
    CSS = """
    Modal {
        background: $background 60% !important;
        &:ansi {
            background: transparent !important;
        }
    }
    """

    DEFAULT_CSS = """
    Modal {
        align: center middle;
        overflow: hidden;
    }
    Modal > #window {
        width: 74;
        max-width: 100%;
        height: auto;
        max-height: 100%;
        padding: 1 2;
        background: $surface;
        color: $foreground;
        border: round $border;
        border-title-color: $border;
        border-title-background: $surface;
        border-title-style: bold;
        border-title-align: left;
        border-subtitle-color: $dim;
        border-subtitle-background: $surface;
        border-subtitle-style: none;
        border-subtitle-align: right;
    }
    Modal.-asks > #window {
        border: round $queue-needs;
        border-title-color: $queue-needs;
    }
    Modal VerticalScroll {
        height: auto;
        background: transparent;
        scrollbar-size-vertical: 1;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
    }
    Modal.-plain > #window {
        border: ascii $border;
    }
    Modal.-plain.-asks > #window {
        border: ascii $queue-needs;
    }
    Modal.-plain FieldBox:focus-within {
        border-left: ascii $border;
    }
    Modal .dim {
        color: $dim;
    }
    Modal .problem {
        color: $mark-error;
        display: none;
    }
    Modal .problem.-shown {
        display: block;
    }
    Modal #unsaved {
        margin: 1 0 0 0;
    }
    """

    # Tab acts at once and enter takes its turn behind the keys before it, so that a burst of keys ends where it would
    # have ended one by one.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("enter", "submit", show=False),
        Binding("escape", "cancel", show=False, priority=True),
    ]

    def __init__(self, title: str, *, now: Clock = time.monotonic, armed_after: float = SECONDS_UNTIL_ARMED) -> None:
        """Args:
        title: one line for the frame; made safe here.
        now: the clock that says when the modal's keys begin to count.
        armed_after: how many seconds it has to be on the screen before.
        """
        super().__init__()
        self._title = safe_text(title, 200)
        self._now = now
        self._armed_after = armed_after
        self._painted_at: float | None = None
        self._is_over = False
        self._is_withdrawn = False
        self._results_saved: list[ScreenResultType] = []
        """The result, once it is saved."""
        self.save: Callable[[ScreenResultType], Awaitable[None]] | None = None
        """Saves a result that means something, before the modal closes; raises EvolverError where it could not, and
        the modal stays open with all that was typed.
        """
        self._is_saving = False

    def compose(self) -> ComposeResult:
        """Lay the window around the body."""
        self.set_class(any(screen.has_class("-plain") for screen in self.app.screen_stack), "-plain")
        window = Vertical(id="window")
        window.border_title = Content(self._with_dots(self._title))
        window.border_subtitle = Content(self._with_dots(self.key_line()))
        with window:
            yield from self.compose_body()
            yield Static(id="unsaved", classes="problem", markup=False)
        yield NoticeLine("", plain=self.is_plain, classes=CLASS_OVER)

    def compose_body(self) -> ComposeResult:
        """What stands in the window."""
        yield from ()

    def key_line(self) -> str:
        """The keys that end this modal, for its lower edge."""
        return "enter ok · esc go back"

    @property
    def is_plain(self) -> bool:
        """Whether it is drawn with ASCII alone, as the screen below it is."""
        return self.has_class("-plain")

    def _with_dots(self, text: str) -> str:
        return text.replace(" · ", " - ") if self.is_plain else text

    def show_keys(self, keys: str) -> None:
        """Change the keys on the lower edge."""
        self.query_one("#window").border_subtitle = Content(self._with_dots(keys))

    def on_mount(self) -> None:
        """Wait for the first paint."""
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self._painted_at = self._now()

    @property
    def is_armed(self) -> bool:
        """Whether it was on the screen long enough for a key to be meant for it."""
        return self._painted_at is not None and self._now() - self._painted_at >= self._armed_after

    # --- keys

    def role_of(self, event: Key) -> Role:
        """What a key does here: goes into a line of text, answers, goes about, or nothing."""
        if event.key == "enter":
            return Role.ANSWERS
        focused = self.focused
        if takes_text(focused):
            return Role.TYPES if event.is_printable else Role.MOVES
        if self.means(event.key, event.character) or not event.is_printable:
            return Role.MOVES
        return Role.NOTHING

    def means(self, key: str, character: str | None) -> bool:
        """Whether a key means something here that decides nothing."""
        takes = getattr(self.focused, "takes", None)
        return takes is not None and bool(takes(key, character))

    def take_key(self, event: Key) -> bool:
        """A dialog's widgets take their keys themselves."""
        return False

    def tell(self, text: str) -> None:
        """Say why a key did nothing."""
        key_app(self.app).say(text, "warning")

    # --- its end

    def finish(self, result: ScreenResultType | None, key: str = "enter", seconds: float = SECONDS_TO_ANSWER) -> None:
        """Close with a result, once, and only when armed; where it is to be saved, once it is.

        A result that means something waits until its key was alone for some seconds; escape closes at once.
        """
        if self._is_saving:
            self.tell(IS_BEING_SAVED)
        if not self.is_armed or self._is_over or self._is_saving:
            return
        if result:
            key_app(self.app).hold(key, seconds, lambda: self.finish_now(result))
        else:
            self.finish_now(result)

    def finish_now(self, result: ScreenResultType | None) -> None:
        """The same, where the person confirmed it already."""
        if self._is_over or self._is_saving:
            return
        if result and self.save is not None:
            self._is_saving = True
            self.query_one("#unsaved", Static).update("Trying again." if self.has_class("-unsaved") else "")
            self.show_keys("saving…")
            self.run_worker(self._save_and_close(self.save, result), name="save")
        else:
            self._close(result)

    async def _save_and_close(
        self, save: Callable[[ScreenResultType], Awaitable[None]], result: ScreenResultType
    ) -> None:
        try:
            await save(result)
        except EvolverError as error:
            self._is_saving = False
            self.show_keys(self.key_line())
            self._show_unsaved(error.message if isinstance(error, StoreError) else str(error))
            self._leave_if_over()
        else:
            self._is_saving = False
            self._results_saved.append(result)
            self._leave_if_over()

    def _close(self, result: ScreenResultType | None) -> None:
        self._is_over = True
        self.dismiss(result)

    def _show_unsaved(self, why: str) -> None:
        """Say that nothing was saved, and that what was typed stands there still."""
        unsaved = self.query_one("#unsaved", Static)
        unsaved.update(Content(f"! Not kept. {safe_text(why, 300)} Press the key again, or esc to leave it."))
        unsaved.add_class("-shown")
        self.add_class("-unsaved")

    def withdraw(self) -> None:
        """Close with nothing decided, however short it was seen; under another screen, once it is in front again."""
        self._is_withdrawn = True
        self._leave_if_over()

    def on_screen_resume(self) -> None:
        """What lay over it is gone."""
        self._leave_if_over()

    def _leave_if_over(self) -> None:
        is_done = bool(self._results_saved) or self._is_withdrawn
        if is_done and not self._is_over and not self._is_saving and self.app.screen is self:
            self._close(self._results_saved[0] if self._results_saved else None)

    def on_input_submitted(self) -> None:
        """A line of text takes enter for itself, and tells."""
        self.action_submit()

    def action_submit(self) -> None:
        """What enter means."""

    def action_cancel(self) -> None:
        """What escape means: out, with nothing decided."""
        self.finish(None)
