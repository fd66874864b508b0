"""The key line: what the keys do here and now. What cannot be done is dim; its key says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.style import Style

from evolver_tui.tui.actions import Action
from evolver_tui.tui.panes.ink import Line, Piece, line_width
from evolver_tui.tui.panes.pane import Pane

_ALWAYS = ("app.help", "app.palette")


class KeyLine(Pane):
    """One row of keys, for the pane in focus."""

    def __init__(self, actions: Sequence[Action], *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="keys")
        self._actions = sorted((a for a in actions if a.footer is not None), key=lambda action: action.footer or 0)
        self._pane = "queue"
        self._disabled: frozenset[str] = frozenset()

    def update(self, pane: str, reason_against: Callable[[Action], str]) -> None:
        """Show the keys of a pane, and which of them are of no use now."""
        disabled = frozenset(action.id for action in self._actions if reason_against(action))
        if (pane, disabled) != (self._pane, self._disabled):
            self._pane, self._disabled = pane, disabled
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row: what the pane can do, as far as it fits, then help and palette."""
        here = [a for a in self._actions if a.id not in _ALWAYS and (not a.panes or self._pane in a.panes)]
        here = [a for a in here if not a.is_occasional or a.id not in self._disabled]
        always = [piece for action in self._actions if action.id in _ALWAYS for piece in self._pieces(action)]
        row: list[Piece] = []
        for action in here:
            pieces = self._pieces(action)
            if line_width(row) + line_width(pieces) + line_width(always) <= width:
                row += pieces
        return [*row, *always], None

    def _pieces(self, action: Action) -> list[Piece]:
        key = "dim" if action.id in self._disabled else "key"
        return [(f" {action.shown_key}", key), (f" {action.title} ", "dim")]
