"""The signal modal: one signal of the feed with everything that it holds, and the way to those before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import AnyAction, Keymap
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.signal_text import whole_signal
from evolver_tui.tui.modals.modal import Clock, Modal
from evolver_tui.tui.moving import DOWN, PAGE_DOWN, PAGE_UP, UP

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

Beside = Callable[["Signal", int], "Signal"]
"""The signal that is so many newer than another, or older below 0; the other one itself where there is none."""

_STYLES: Mapping[str, str] = {"text": "", "dim": "$dim", "warn": "$mark-warn", "error": "$mark-error"}
_SECONDS_BETWEEN_LOOKS = 0.5
"""How often it is looked whether newer signals have come."""


class SignalModal(Modal["Signal"], Movable):
    """Steps by the feed's own keys: up and down go to older and newer signals, a page scrolls the one in front.

    The key that goes to a signal's task closes it with that signal.
    """

    DEFAULT_CSS = """
    SignalModal > #window {
        width: 100;
        height: 60%;
        min-height: 20;
        padding: 1 1 0 2;
    }
    SignalModal #text {
        height: 1fr;
        scrollbar-gutter: stable;
    }
    """

    def __init__(
        self,
        keymap: Keymap,
        signal: Signal,
        beside: Beside,
        *,
        to_task: AnyAction | None = None,
        now: Clock = time.monotonic,
    ) -> None:
        """Args:
        keymap: what keys do on the desk; those that go about in the feed work here.
        signal: the one to show first.
        beside: finds the others.
        to_task: what goes to a signal's task.
        now: counts the time until keys are taken.
        """
        self._signal = signal
        super().__init__(signal.name, now=now)
        self._keymap = keymap
        self._beside = beside
        self._to_task = keymap.bound(to_task) if to_task is not None else None
        self._text = Static(markup=False)

    @property
    def signal(self) -> Signal:
        """The signal in front."""
        return self._signal

    def compose_body(self) -> ComposeResult:
        """The signal."""
        with VerticalScroll(id="text", can_focus=False):
            yield self._text

    def on_mount(self) -> None:
        """Show the signal, and go on saying whether there are newer ones."""
        super().on_mount()
        self._show(self._signal)
        self.set_interval(_SECONDS_BETWEEN_LOOKS, self._show_key_line)

    def key_line(self) -> str:
        """The steps that are left, how to scroll where that is needed, and the way out."""
        older, newer, up, down = map(self._keymap.shown_key, (UP, DOWN, PAGE_UP, PAGE_DOWN))
        parts = ["esc close"]
        if self.is_mounted:
            has_older, has_newer = (self._beside(self._signal, step) is not self._signal for step in (-1, 1))
            scrolls = self.query_one("#text", VerticalScroll).max_scroll_y > 0
            steps = (f"{older} older" if has_older else "oldest", f"{newer} newer" if has_newer else "newest")
            parts = [*steps, *([f"{up} {down} scroll"] if scrolls else []), *self._way_to_task(), *parts]
        return " · ".join(parts)

    def _way_to_task(self) -> list[str]:
        if self._to_task is None or "task_id" not in self._signal.context:
            return []
        return [f"{self._to_task.shown_key} {self._to_task.title}"]

    def _show(self, signal: Signal) -> None:
        self._signal = signal
        self.query_one("#window").border_title = Content(self._with_dots(safe_text(signal.name, 90)))
        self._text.update(Content.assemble(*((text, _STYLES[style]) for text, style in whole_signal(signal))))
        self.query_one("#text", VerticalScroll).scroll_home(animate=False)
        self.call_after_refresh(self._show_key_line)

    def _show_key_line(self) -> None:
        self.show_keys(self.key_line())

    def on_resize(self) -> None:
        """Another width may need other keys."""
        self.call_after_refresh(self._show_key_line)

    def role_of(self, event: Key) -> Role:
        """Nothing is decided here."""
        return Role.MOVES

    def on_key(self, event: Key) -> None:
        """Step or scroll."""
        action = self._keymap.find("feed", event.key)
        if action is None:
            return
        if action is self._to_task:
            event.stop()
            self.finish_now(self._signal)  # going somewhere decides nothing
        elif action.local is not None:
            event.stop()
            action.local(self)

    def move_by(self, rows: int) -> None:
        """To a newer signal, or an older one below 0."""
        signal = self._beside(self._signal, rows)
        if signal is not self._signal:
            self._show(signal)

    def move_top(self) -> None:
        """To the oldest signal that is kept."""
        self.move_by(-1_000_000)

    def move_bottom(self) -> None:
        """To the newest one."""
        self.move_by(1_000_000)

    def move_page_up(self) -> None:
        """A page back in this signal."""
        self._scroll(-1)

    def move_page_down(self) -> None:
        """A page on in this signal."""
        self._scroll(1)

    def move_half_up(self) -> None:
        """Half a page back in this signal."""
        self._scroll(-0.5)

    def move_half_down(self) -> None:
        """Half a page on in this signal."""
        self._scroll(0.5)

    def _scroll(self, pages: float) -> None:
        text = self.query_one("#text", VerticalScroll)
        rows = int(pages * max(2, text.size.height - 1))
        text.scroll_relative(y=rows, animate=False, immediate=True)

    def action_submit(self) -> None:
        """Enter closes as well."""
        self.finish(None)
