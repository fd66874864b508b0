"""The console without any colour, as NO_COLOR asks: what stood out by its background is drawn in reverse."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

STANDS_OUT = 0.07
"""Difference in brightness, of 1, from which on a background carries a meaning: a cursor, a badge, a field."""

_DEFAULT = Style(color="default", bgcolor="default")
_REVERSE = _DEFAULT + Style(reverse=True)


class WithoutColor(LineFilter):
    """Takes every colour out of what is drawn; bold, italic and underlined stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text in the terminal's own two colours."""
        return [
            Segment(text, None if style is None else _plain(style, background), control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _plain(style: Style, background: Color) -> Style:
    back = style.bgcolor
    if back is None or back.is_default:
        return style + _DEFAULT
    difference = abs(Color.from_rich_color(back).brightness - background.brightness)
    return style + (_REVERSE if difference >= STANDS_OUT else _DEFAULT)
