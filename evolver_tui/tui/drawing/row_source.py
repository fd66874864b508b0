"""From rows on the screen back to the lines that they were made of."""

from __future__ import annotations

from typing import NamedTuple


class RowSource(NamedTuple):
    """Where a row on the screen comes from."""

    line: int
    """The index of its line."""
    start: int
    """The index in that line of the row's first character, after `indent`."""
    indent: int = 0
    """Characters in front of it that are drawn and not in the line."""
    lines: int = 1
    """How many lines it stands for, beginning with this one: more where some are folded into it."""
