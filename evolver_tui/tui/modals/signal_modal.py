"""The signal modal: one signal of the feed with everything that it holds, and the way to those before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import AnyAction, Keymap
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.drawing.formatting import clock_time
from evolver_tui.tui.drawing.signal_text import LEVEL_SYMBOLS, in_order
from evolver_tui.tui.drawing.value_tree import Section, ValueTree
from evolver_tui.tui.modals.modal import Clock, Modal
from evolver_tui.tui.moving import BOTTOM, DOWN, TOP, UP

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

Beside = Callable[["Signal", int], "Signal"]
"""The signal that is so many newer than another, or older below 0; the other one itself where there is none."""

_SECONDS_BETWEEN_LOOKS = 0.5
"""How often it is looked whether newer signals have come."""
_WHOLE = 3
"""The sections that tell of the signal as a whole, before those of what it holds."""


class SignalModal(Modal["Signal"]):
    """Steps by the feed's own keys: up and down by letters go to older and newer signals. The arrows go about in the
    signal in front, whose values fold.

    The key that goes to a signal's task closes it with that signal.
    """

    DEFAULT_CSS = """
    SignalModal > #window {
        width: 100;
        height: 60%;
        min-height: 20;
        padding: 1 1 0 2;
    }
    SignalModal #tree {
        height: 1fr;
        background: $surface;
        color: $foreground;
    }
    """

    def __init__(
        self,
        keymap: Keymap,
        signal: Signal,
        beside: Beside,
        *,
        on_show: Callable[[Signal], None] = lambda signal: None,
        copy: Callable[[Any], None] | None = None,
        to_task: AnyAction | None = None,
        copies: AnyAction | None = None,
        now: Clock = time.monotonic,
    ) -> None:
        """Args:
        keymap: what keys do on the desk; those that go about in the feed work here.
        signal: the one to show first.
        beside: finds the others.
        on_show: told of each that a person goes to.
        copy: takes the value under the cursor, a JSON value.
        to_task: what goes to a signal's task.
        copies: what copies in the feed.
        now: counts the time until keys are taken.
        """
        self._signal = signal
        super().__init__(signal.name, now=now)
        self._keymap = keymap
        self._beside = beside
        self._tell_shown = on_show
        self._copy = copy
        self._to_task = keymap.bound(to_task) if to_task is not None else None
        self._copies = keymap.bound(copies) if copies is not None and copy is not None else None
        self._values: ValueTree | None = None

    @property
    def signal(self) -> Signal:
        """The signal in front."""
        return self._signal

    @property
    def values(self) -> ValueTree:
        """What it holds."""
        assert self._values is not None
        return self._values

    def compose_body(self) -> ComposeResult:
        """The signal."""
        self._values = ValueTree(plain=self.is_plain, id="tree")
        yield self._values

    def on_mount(self) -> None:
        """Show the signal, and go on saying whether there are newer ones."""
        super().on_mount()
        self.call_after_refresh(self._show_latest)
        self.set_interval(_SECONDS_BETWEEN_LOOKS, self._show_key_line)

    def key_line(self) -> str:
        """The steps that are left, what the arrows do, and the way out."""
        older, newer = map(self._keymap.shown_key, (UP, DOWN))
        parts = ["esc close"]
        if self.is_mounted:
            has_older, has_newer = (self._beside(self._signal, step) is not self._signal for step in (-1, 1))
            steps = (f"{older} older" if has_older else "oldest", f"{newer} newer" if has_newer else "newest")
            copies = [f"{self._copies.shown_key} {self._copies.title}"] if self._copies is not None else []
            parts = [*steps, "arrows move and fold", *copies, *self._way_to_task(), *parts]
        return " · ".join(parts)

    def _way_to_task(self) -> list[str]:
        if self._to_task is None or "task_id" not in self._signal.context:
            return []
        return [f"{self._to_task.shown_key} {self._to_task.title}"]

    def _show_latest(self) -> None:
        """A key may have gone to another signal before there was anything to see."""
        self._show(self._signal)

    def _show(self, signal: Signal) -> None:
        self._signal = signal
        self.query_one("#window").border_title = Content(self._with_dots(safe_text(signal.name, 90)))
        self.values.show(_sections(signal))
        self._show_key_line()

    def _show_key_line(self) -> None:
        self.show_keys(self.key_line())

    def role_of(self, event: Key) -> Role:
        """Nothing is decided here."""
        return Role.MOVES

    def on_key(self, event: Key) -> None:
        """Go about in the signal, step to another, copy."""
        values = self.values
        in_tree = {
            "up": values.move_up, "down": values.move_down, "left": values.fold, "right": values.unfold,
            "enter": values.fold_or_unfold,
        }.get(event.key)  # fmt: skip
        action = self._keymap.find("feed", event.key)
        if in_tree is not None:
            in_tree()
        elif action is None:
            return
        elif action is self._to_task:
            self.finish_now(self._signal)  # going somewhere decides nothing
        elif action is self._copies:
            self._copy_value()
        elif action in map(self._keymap.bound, _STEPS):
            self._step({UP.id: -1, DOWN.id: 1, TOP.id: -_ALL, BOTTOM.id: _ALL}[action.id])
        elif action.local is not None:
            action.local(values)
        else:
            return
        event.stop()

    def _copy_value(self) -> None:
        """Copy the value under the cursor, or the whole signal as it leaves the process."""
        from evolver_tui.core.signal import SignalEmittedEvent

        section, value = self.values.selected
        assert self._copy is not None
        self._copy(value if section >= _WHOLE else SignalEmittedEvent.from_signal(self._signal).to_dict())

    def _step(self, number: int) -> None:
        """To a newer signal, or an older one below 0."""
        signal = self._beside(self._signal, number)
        if signal is not self._signal:
            self._show(signal)
        self._tell_shown(signal)


def _sections(signal: Signal) -> Sequence[Section]:
    """Everything that a signal holds."""
    mark, style = LEVEL_SYMBOLS.get(signal.level, LEVEL_SYMBOLS["info"])
    context = {key: value for key, value in signal.context.items() if key not in ("timestamp", "level", "task_id")}
    task_id = signal.context.get("task_id")
    head = (
        Section("level", f"{mark} {safe_text(signal.level, 60)}", style),
        Section("time", clock_time(signal.timestamp)),
        Section("task", "none" if task_id is None else safe_text(task_id, 1_000), "dim" if task_id is None else "text"),
    )
    fields = dict(in_order(signal.payload))
    return (*head, Section("payload", fields, is_apart=True), *([Section("context", context)] if context else []))


_ALL = 1_000_000
_STEPS = (UP, DOWN, TOP, BOTTOM)
