"""The signal modal: one signal of the feed with everything that it holds, and the way to those before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action, KeyTable
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.drawing.signal_text import whole_signal
from evolver_tui.tui.modals.modal import Clock, Modal

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

Beside = Callable[["Signal", int], "Signal"]
"""The signal that is so many newer than another, or older below 0; the other one itself where there is none."""

_STYLES: Mapping[str, str] = {"text": "", "dim": "$dim", "warn": "$mark-warn", "error": "$mark-error"}
_SECONDS_BETWEEN_LOOKS = 0.5
"""How often it is looked whether newer signals have come."""


class SignalModal(Modal[None]):
    """Steps by the feed's own keys: up and down go to older and newer signals, a page scrolls the one in front."""

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
        self, actions: Sequence[Action], signal: Signal, beside: Beside, *, now: Clock = time.monotonic
    ) -> None:
        """Args:
        actions: what can be done, with the keys that are bound to it.
        signal: the one to show first.
        beside: finds the others.
        now: counts the time until keys are taken.
        """
        self._shown_keys = {action.id: action.shown_key for action in actions}
        self._signal = signal
        super().__init__(signal.name, now=now)
        self._keys = KeyTable(actions)
        self._beside = beside
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
        older, newer, up, down = (
            self._shown_keys[f"move.{name}"] for name in ("up", "down", "page_up", "page_down")
        )  # fmt: skip
        parts = ["esc close"]
        if self.is_mounted:
            has_older, has_newer = (self._beside(self._signal, step) is not self._signal for step in (-1, 1))
            scrolls = self.query_one("#text", VerticalScroll).max_scroll_y > 0
            steps = (f"{older} older" if has_older else "oldest", f"{newer} newer" if has_newer else "newest")
            parts = [*steps, *([f"{up} {down} scroll"] if scrolls else []), *parts]
        return " · ".join(parts)

    def _show(self, signal: Signal) -> None:
        self._signal = signal
        self.query_one("#window").border_title = Content(self._with_dots(safe_text(signal.name, 90)))
        self._text.update(Content.assemble(*((text, _STYLES[ink]) for text, ink in whole_signal(signal))))
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
        action = self._keys.find("feed", event.key)
        if action is None or not action.is_local:
            return
        event.stop()
        getattr(self, f"_{action.method}")()

    def _step(self, step: int) -> None:
        signal = self._beside(self._signal, step)
        if signal is not self._signal:
            self._show(signal)

    def _move_up(self) -> None:
        self._step(-1)

    def _move_down(self) -> None:
        self._step(1)

    def _move_top(self) -> None:
        self._step(-1_000_000)

    def _move_bottom(self) -> None:
        self._step(1_000_000)

    def _move_page_up(self) -> None:
        self._scroll(-1)

    def _move_page_down(self) -> None:
        self._scroll(1)

    def _move_half_up(self) -> None:
        self._scroll(-0.5)

    def _move_half_down(self) -> None:
        self._scroll(0.5)

    def _scroll(self, pages: float) -> None:
        text = self.query_one("#text", VerticalScroll)
        rows = int(pages * max(2, text.size.height - 1))
        text.scroll_relative(y=rows, animate=False, immediate=True)

    def action_submit(self) -> None:
        """Enter closes as well."""
        self.finish(None)
