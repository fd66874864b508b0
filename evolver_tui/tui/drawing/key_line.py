"""The key line: what the keys do here and now. What cannot be done is dim; its key says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.style import Style

from evolver_tui.tui.actions import Action
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, Piece, line_width

_ALWAYS = ("app.help", "app.palette")
_ZOOM = "pane.zoom"


class KeyLine(Pane):
    """One row of keys, for the pane in focus."""

    def __init__(self, actions: Sequence[Action], *, plain: bool = False) -> None:
        super().__init__(plain=plain, id="keys")
        self._actions = sorted((a for a in actions if a.footer is not None), key=lambda action: action.footer or 0)
        self._pane = "queue"
        self._disabled: frozenset[str] = frozenset()
        self._is_zoomed = False

    def update(self, pane: str, reason_against: Callable[[Action], str], *, is_zoomed: bool = False) -> None:
        """Show the keys of a pane, which of them are of no use now, and how a pane gives the desk back."""
        disabled = frozenset(action.id for action in self._actions if reason_against(action))
        if (pane, disabled, is_zoomed) != (self._pane, self._disabled, self._is_zoomed):
            self._pane, self._disabled, self._is_zoomed = pane, disabled, is_zoomed
            self.refresh()

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row: what the pane can do, as far as it fits, then help and palette. Dim keys give way to the others."""
        here = [a for a in self._actions if a.id not in _ALWAYS and (not a.panes or self._pane in a.panes)]
        here = [a for a in here if not a.is_occasional or a.id not in self._disabled]
        always = [piece for action in self._actions if action.id in _ALWAYS for piece in self._pieces(action)]
        room = width - line_width(always)
        chosen: set[str] = set()
        for action in sorted(here, key=self._need):
            needed = line_width(self._pieces(action))
            if needed <= room:
                chosen.add(action.id)
                room -= needed
        return [*(piece for action in here if action.id in chosen for piece in self._pieces(action)), *always], None

    def _need(self, action: Action) -> int:
        """The smaller, the more a key is needed in the row: the way out of the zoom, what works, what does not."""
        if self._is_zoomed and action.id == _ZOOM:
            return 0
        return 2 if action.id in self._disabled else 1

    def _pieces(self, action: Action) -> list[Piece]:
        key = "dim" if action.id in self._disabled else "key"
        title = "unzoom" if self._is_zoomed and action.id == _ZOOM else action.title
        return [(f" {action.shown_key}", key), (f" {title} ", "dim")]
