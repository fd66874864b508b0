"""The inbox: everything that needs a person, to be gone through by keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key

from evolver_tui.tui.actions import AnyAction, Keymap
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.modals.inbox_list import InboxList, InboxRow
from evolver_tui.tui.modals.modal import Clock, Modal

_FEWEST_ROWS, _SPARE_ROWS = 8, 3
_ORDER = "e"
"""The key that puts those first that are likeliest to be approved, and back."""
_FRAME_ROWS = 3
"""Both borders and the blank row at the top."""


class InboxModal(Modal[None]):
    """Stays open while a question is answered over it; ends when it is left, or withdrawn for a review."""

    DEFAULT_CSS = """
    InboxModal > #window {
        width: 112;
        padding: 1 1 0 1;
    }
    """

    def __init__(
        self,
        keymap: Keymap,
        own: tuple[AnyAction, AnyAction, AnyAction],
        on_open: Callable[[InboxRow], None],
        want: Callable[[], None],
        expected: int,
        *,
        plain: bool = False,
        now: Clock = time.monotonic,
        wall_now: Callable[[], float] = time.time,
    ) -> None:
        """Args:
        keymap: what keys do on the desk.
        own: the desk's actions whose keys go to the next row, open the oldest one, and close the inbox.
        on_open: told which row a person wants to see.
        want: called when more rows are wanted than `show` gave (see `rows_wanted`).
        expected: how many rows there will be about; the window's height stays what is good for so many.
        plain: whether to draw with ASCII alone.
        now: counts the time until keys are taken.
        wall_now: seconds since 1970, for ages.
        """
        self._keymap = keymap
        self._next, self._oldest, self._inbox = map(keymap.bound, own)
        super().__init__("Needs you", now=now)
        self.add_class("-asks")
        self._on_open = on_open
        self._rows = max(_FEWEST_ROWS, expected + _SPARE_ROWS)
        self._list = InboxList(wall_now, want, plain=plain)
        self._want = want
        self._may_be_ordered = False
        self.is_by_estimate = False
        """Whether a person wants those first that are likeliest to be approved."""

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield self._list

    def key_line(self) -> str:
        """Open, walk, leave; with nothing to open, leave."""
        if not self._list.selected:
            return "esc close"
        following, oldest = self._next.shown_key, self._oldest.shown_key
        order = ""
        if self._may_be_ordered:
            order = f" · {_ORDER} {'as they came' if self.is_by_estimate else 'likeliest first'}"
        return f"enter open · {following} next · {oldest} oldest{order} · esc close"

    def on_resize(self) -> None:
        """Leave some of the desk in sight where there is room for that."""
        margin = 6 if self.size.height >= 32 else 0
        height = _FRAME_ROWS + InboxList.HEAD_ROWS + self._rows + InboxList.DETAIL_ROWS
        self.query_one("#window").styles.height = min(height, self.size.height - margin)

    # --- what is shown

    @property
    def rows_wanted(self) -> int:
        """How many of the oldest `show` should give."""
        return self._list.rows_wanted

    def show(self, rows: Sequence[InboxRow], total: int) -> None:
        """Show the oldest rows of `total`."""
        self._list.show(rows, total)

    def offer_order(self) -> None:
        """Estimates can be told from here on: what waits can be put in their order."""
        self._may_be_ordered = True
        if self.is_mounted:
            self.show_keys(self.key_line())

    @on(InboxList.Moved)
    def _moved(self) -> None:
        """Say where the cursor stands, and what can be done there."""
        at, total = self._list.position
        title = f"{self._title} · {at:,} of {total:,}" if total else self._title
        self.query_one("#window").border_title = Content(self._with_dots(title))
        self.show_keys(self.key_line())

    # --- keys

    def role_of(self, event: Key) -> Role:
        """Nothing is decided here: enter opens."""
        return Role.MOVES if event.key == "enter" else super().role_of(event)

    def means(self, key: str, character: str | None) -> bool:
        """The list's keys, and those that go to a question."""
        action = self._keymap.find(self._list.pane_name, key)
        if key == _ORDER and self._may_be_ordered:
            return True
        return action is not None and (action.local is not None or action in (self._next, self._oldest, self._inbox))

    def on_key(self, event: Key) -> None:
        """Walk, go to the next or the oldest, close."""
        action = self._keymap.find(self._list.pane_name, event.key)
        if event.key == _ORDER and self._may_be_ordered:
            event.stop()
            self.is_by_estimate = not self.is_by_estimate
            self.show_keys(self.key_line())
            self._want()
            return
        if action is None:
            return
        event.stop()
        if action.local is not None:
            action.local(self._list)
        elif action == self._next:
            self._list.move_next()
        elif action == self._oldest:
            self._open(self._list.oldest)
        elif action == self._inbox:
            self.finish(None)

    def action_submit(self) -> None:
        """Open the row under the cursor."""
        self._open(self._list.selected)

    def _open(self, row: InboxRow | None) -> None:
        if row is not None and self.is_armed:
            self._on_open(row)
