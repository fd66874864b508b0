"""Phrases side by side in a few rows, each as long as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from evolver_tui.tui.drawing.styles import Fragment, Line, fit, line_width

Phrase = tuple[tuple[Fragment, ...], ...]
"""Something to be said in its forms, the longest first."""

_GAP = 3


@lru_cache(maxsize=32)  # asked for again with every row that is drawn
def phrase_rows(phrases: tuple[Phrase, ...], width: int, most: int, weighty: int = 0) -> list[Line]:
    """The rows, at most so many. As many phrases are said as have room in their shortest forms, in their order; those
    that come first are said as fully as the rest lets them. How many are left out stands at the end.

    Args:
        weighty: how many of the first are said as fully as the rows let them that they need; the rest gives way.
    """
    chosen = [len(phrase) - 1 for phrase in phrases]
    if weighty:
        head, forms = phrases[:weighty], chosen[:weighty]
        needed = next((rows for rows in range(1, most) if _set_out(head, forms, width, rows)[1] == weighty), most)
        chosen[:weighty] = _lengthened(head, forms, width, needed)
    chosen = _lengthened(phrases, chosen, width, most)
    return _set_out(phrases, chosen, width, most)[0]


@lru_cache(maxsize=32)
def are_all_said(phrases: tuple[Phrase, ...], width: int, rows: int) -> bool:
    """Whether all of them have room in so many rows, none of them cut."""
    _, said, cut = _set_out(phrases, [len(phrase) - 1 for phrase in phrases], width, rows)
    return said == len(phrases) and not cut


def _lengthened(phrases: Sequence[Phrase], chosen: Sequence[int], width: int, most: int) -> list[int]:
    """Longer forms, as far as not fewer phrases are said for them."""
    chosen = list(chosen)
    _, said, cut = _set_out(phrases, chosen, width, most)
    for index in range(said):
        for form in range(chosen[index]):
            longer = [*chosen[:index], form, *chosen[index + 1 :]]
            _, said_then, cut_then = _set_out(phrases, longer, width, most)
            if said_then >= said and cut_then <= cut:
                chosen, cut = longer, cut_then
                break
    return chosen


def _set_out(phrases: Sequence[Phrase], chosen: Sequence[int], width: int, most: int) -> tuple[list[Line], int, int]:
    """The rows of these forms, how many phrases stand in them, and how many of those are cut."""
    rows: list[list[Fragment]] = [[]]
    used = cut = 0
    for index, phrase in enumerate(phrases):
        line = phrase[chosen[index]]
        left = len(phrases) - index
        more = f"   +{left - 1} more" if left > 1 else ""
        needed = (_GAP if rows[-1] else 0) + line_width(line)
        reserve = len(more) if len(rows) == most else 0
        if rows[-1] and used + needed + reserve > width:
            if len(rows) == most:
                rows[-1].append((f"   +{left} more", "dim"))
                return list(rows), index, cut
            rows.append([])
            used, needed = 0, line_width(line)
            reserve = len(more) if len(rows) == most else 0
        if not rows[-1]:
            cut += line_width(line) > width - reserve
            line = _cut(line, width - reserve)
            needed = line_width(line)
        rows[-1] += [(" " * _GAP, "text"), *line] if rows[-1] else line
        used += needed
    return list(rows), len(phrases), cut


def _cut(line: Sequence[Fragment], width: int) -> tuple[Fragment, ...]:
    """A line in at most so many cells; its last fragment gives way."""
    if line_width(line) <= width:
        return tuple(line)
    *start, (text, style) = line
    return (*start, (fit(text, max(1, width - line_width(start))), style))
