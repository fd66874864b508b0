"""The key line: what the keys do here and now. What cannot be done is dim; its key says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.style import Style

from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Fragment, Line, line_width


class KeyLine(Pane):
    """One row of keys, for the pane in focus."""

    def __init__(self, actions: Sequence[AnyAction], *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="keys")
        self._actions = sorted((a for a in actions if a.footer is not None), key=lambda action: action.footer or 0)
        self._pane = "queue"
        self._disabled: frozenset[str] = frozenset()
        self._on: frozenset[str] = frozenset()

    def update(self, pane: str, reason_against: Callable[[AnyAction], str], is_on: Callable[[AnyAction], bool]) -> None:
        """Show the keys of a pane, which of them are of no use now, and which ones switch something off that is on."""
        disabled = frozenset(action.id for action in self._actions if reason_against(action))
        on = frozenset(action.id for action in self._actions if is_on(action))
        if (pane, disabled, on) != (self._pane, self._disabled, self._on):
            self._pane, self._disabled, self._on = pane, disabled, on
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row: what the pane can do, as far as it fits, then what is always shown. Dim keys give way to others."""
        here = [a for a in self._actions if not a.is_always_shown and (not a.panes or self._pane in a.panes)]
        here = [a for a in here if not a.is_occasional or a.id not in self._disabled]
        always = [
            fragment for action in self._actions if action.is_always_shown for fragment in self._fragments(action)
        ]
        room = width - line_width(always)
        chosen: set[str] = set()
        for action in sorted(here, key=self._need):
            needed = line_width(self._fragments(action))
            if needed <= room:
                chosen.add(action.id)
                room -= needed
        return [
            *(fragment for action in here if action.id in chosen for fragment in self._fragments(action)),
            *always,
        ], None

    def _need(self, action: AnyAction) -> int:
        """The smaller, the more a key is needed in the row: the way out of what is on, what works, what does not."""
        if action.id in self._on:
            return 0
        return 2 if action.id in self._disabled else 1

    def _fragments(self, action: AnyAction) -> list[Fragment]:
        key = "dim" if action.id in self._disabled else "key"
        title = action.title_when_on if action.id in self._on else action.title
        return [(f" {action.shown_key}", key), (f" {title} ", "dim")]
