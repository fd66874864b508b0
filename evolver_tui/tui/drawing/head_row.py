"""The upper row of a view: figures from left to right, as many as there is room for, and the views at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from evolver_tui.tui.drawing.styles import Fragment, Line, line_width, spread

if TYPE_CHECKING:
    from evolver_tui.tui.actions import AnyAction

_WIDE: Final = 100
"""Cells from which on figures have words beside their signs."""


class Figure(NamedTuple):
    """Something that may stand in the row."""

    need: int
    """The smaller, the more it is needed."""
    words: Line
    in_short: Line


def views_line(actions: Iterable[AnyAction]) -> Line:
    """The views among these actions, each by its key and name."""
    shown = [action for action in actions if action.view_label]
    return [part for each in shown for part in ((each.shown_key, "strong"), (f" {each.view_label} ", "text"))]


def views_within(views: Line, width: int) -> Line:
    """A line of views; their keys alone where it is narrow."""
    return views if width >= _WIDE else [(f"{text} ", style) for text, style in views if style == "strong"]


def head_row(figures: Sequence[Figure], views: Line, width: int) -> Line:
    """The program's name, the figures that fit, and the views."""
    left: list[Fragment] = [(" evolver ", "badge"), (" ", "text")]
    views = views_within(views, width)
    room = width - line_width(left) - line_width(views) - 1
    chosen: dict[int, Line] = {}
    for index in sorted(range(len(figures)), key=lambda index: figures[index].need):
        forms = (figures[index].words, figures[index].in_short) if width >= _WIDE else (figures[index].in_short,)
        form = next((form for form in forms if line_width(form) + 2 <= room), None)
        if form is not None:
            chosen[index] = form
            room -= line_width(form) + 2
    for index in sorted(chosen):
        left += [*chosen[index], ("  ", "text")]
    return spread(left, views, width)
