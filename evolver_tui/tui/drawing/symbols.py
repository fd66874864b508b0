"""The signs that the console draws with. Nothing is loaded for them: what has no screen asks about them as well."""

from __future__ import annotations

from typing import NamedTuple


class Symbols(NamedTuple):
    """The signs that carry meaning without colour."""

    review: str = "◆"
    asks: str = "?"
    running: str = "▸"
    waiting: str = "·"
    approved: str = "✓"
    rejected: str = "✗"
    failed: str = "!"
    skipped: str = "↷"
    done: str = "■"
    cancelled: str = "⊘"
    exported: str = "→"
    on: str = "●"
    off: str = "○"
    rule: str = "─"
    wrapped: str = "↪"
    dot: str = "·"
    folded: str = "▸"
    unfolded: str = "▾"
    bars: str = "▁▂▃▄▅▆▇"
    full: str = "━"
    empty: str = "─"
    unlike: str = "≠"
    gap: str = "⋯"
    gives: str = "→"
    marked: str = "●"


ASCII_SYMBOLS = Symbols(
    "*",
    "?",
    ">",
    ".",
    "+",
    "x",
    "!",
    "~",
    "#",
    "/",
    "^",
    "*",
    "o",
    "-",
    "\\",
    "-",
    ">",
    "v",
    "_.:-=+*#",
    "=",
    "-",
    "|",
    "~",
    ">",
    "#",
)
"""For terminals and fonts with ASCII only."""

SIGNS = "".join(Symbols()) + "╭╮╰╯│━…┬┤└▲▼★⣿"
"""What the console is drawn with where nothing is known against it."""
