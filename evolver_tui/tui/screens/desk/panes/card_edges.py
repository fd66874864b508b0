"""What stands around a draft's code: the card's edge, and the rows that say what speaks for and against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.phrases import are_all_said, phrase_rows
from evolver_tui.tui.drawing.styles import Line, width_of

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.card import CardContent, EdgePart
    from evolver_tui.tui.screens.desk.reading import Reading

_LEAST_SUMMARY_ROWS: Final = 2
_MOST_SUMMARY_ROWS: Final = 5
_ROWS_FOR_EACH: Final = 8
"""A card gives a row to its summary for each of so many rows, whatever the code needs."""
_WEIGHT_OF_READING: Final = 8


def edge_line(parts: Sequence[EdgePart], reading: Reading | None, dot: str, room: int) -> Line:
    """As many parts as there is room for, with how much of the draft was read behind the first."""
    shown = list(_with_reading(parts, reading))
    while len(shown) > 1 and sum(len(dot) + width_of(part.says) for part in shown) - len(dot) > room:
        shown.remove(min(shown, key=lambda part: part.weight))
    first, *rest = shown
    return [(first.says, first.style), *((dot + part.says, part.style) for part in rest)]


def _with_reading(parts: Sequence[EdgePart], reading: Reading | None) -> Iterator[EdgePart]:
    for index, part in enumerate(parts):
        yield part
        if index == 0 and reading is not None:
            of = f"{reading.read_count:,} of {count(reading.line_count, 'line')} read"
            words = "read to the end" if reading.is_whole else of
            yield part._replace(name="read", says=words, weight=_WEIGHT_OF_READING, style="")


def summary_rows(content: CardContent, width: int, height: int, left: int) -> Sequence[Line]:
    """What speaks for and against a draft, in as many rows as that takes and the card has for it.

    It has what the code leaves. Where that is less than it should have, it is said in fewer rows, if all of it can be.

    Args:
        height: the card's rows.
        left: the rows that the code does not need; below 0 where it has too little room in any case.
    """
    most = min(max(_LEAST_SUMMARY_ROWS, height // _ROWS_FOR_EACH, left), _MOST_SUMMARY_ROWS)
    rows = phrase_rows(content.summary, width, most, content.weighty)
    if 0 < left < len(rows) and are_all_said(content.summary, width, left):
        return phrase_rows(content.summary, width, left, content.weighty)
    return rows
