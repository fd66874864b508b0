"""Moving about in lists and pages: the actions that do it in a view or dialog with such a pane."""

from __future__ import annotations

from collections.abc import Callable

from evolver_tui.tui.actions import Action
from evolver_tui.tui.context import ViewContext
from evolver_tui.tui.drawing.movable import Movable

LISTS = (
    "queue", "card", "feed", "inbox", "remembered", "sessions", "groups", "chats", "parked", "answer", "runs", "plot",
    "events", "nodes", "node",
)  # fmt: skip
"""The panes in which the keys of this module work."""


def _move(
    name: str, key: str, title: str, help: str, local: Callable[[Movable], None], panes: tuple[str, ...] = LISTS
) -> Action[ViewContext]:
    def run(view: ViewContext) -> None:
        view.in_pane(panes, local)

    return Action(f"move.{name}", key, title, help, "Moving", run, panes=panes, local=local)


DOWN = _move("down", "j,down", "down", "One line down.", lambda it: it.move_down())
UP = _move("up", "k,up", "up", "One line up.", lambda it: it.move_up())
PAGE_DOWN = _move("page_down", "pagedown,ctrl+f", "page down", "One page down.", lambda it: it.move_page_down())
READ_ON = _move(
    "read_on", "space", "read on", "One page down, wherever this key marks nothing.", lambda it: it.move_page_down(),
    tuple(name for name in LISTS if name not in ("queue", "nodes")),
)  # fmt: skip
PAGE_UP = _move("page_up", "pageup,ctrl+b,shift+space,b", "page up", "One page up.", lambda it: it.move_page_up())
HALF_DOWN = _move("half_down", "ctrl+d", "half page down", "Half a page down.", lambda it: it.move_half_down())
HALF_UP = _move("half_up", "ctrl+u", "half page up", "Half a page up.", lambda it: it.move_half_up())
TOP = _move("top", "g,home", "top", "To the first line.", lambda it: it.move_top())
BOTTOM = _move("bottom", "G,end", "bottom", "To the last line; signals follow from there.", lambda it: it.move_bottom())

MOVES = (DOWN, UP, PAGE_DOWN, READ_ON, PAGE_UP, HALF_DOWN, HALF_UP, TOP, BOTTOM)
