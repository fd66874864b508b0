"""A plot in cells: lines of dots over a quiet grid, axes with their ticks, the cursor, and where values are missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from evolver_tui.core.training.curve import Column
from evolver_tui.core.training.plot import Plot, on_top, read_at
from evolver_tui.core.training.plot_scale import Scale
from evolver_tui.tui.drawing.braille import Canvas
from evolver_tui.tui.drawing.styles import LINE_STYLES, Fragment, Line

_INKS: Final = tuple(range(1, LINE_STYLES + 1))
"""Of lines; a further line begins again with the first one."""
_RAW: Final = LINE_STYLES
"""Added to a line's ink for what lies behind it."""
_STYLES: Final = ("rule", *(f"line.{ink}" for ink in _INKS), *(f"line.{ink}.behind" for ink in _INKS))
_BETWEEN_DOTS: Final = 4
"""Cells from one dot of the grid to the next."""


class PlotSigns(NamedTuple):
    """What is drawn beside dots."""

    lines: str = "●◆■▲▼★"
    """At the end of each line, and in the legend."""
    across: str = "─"
    across_tick: str = "┬"
    up: str = "│"
    up_tick: str = "┤"
    corner: str = "└"
    grid: str = "·"
    cursor: str = "│"
    here: str = "●"
    gap: str = "✗"
    inks: str = ""
    """What stands for the dots of each ink in ASCII."""


PLAIN_SIGNS: Final = PlotSigns("*+ox#%", "-", "+", "|", "+", "+", ".", "|", "@", "!", " *+ox#%......")


class Frame(NamedTuple):
    """How a plot is laid out in a room of cells."""

    columns: int
    """Of the canvas."""
    rows: int
    left: int
    """Cells of the ticks' words, with a blank after them."""

    @property
    def dots(self) -> int:
        """Across the canvas in braille."""
        return 2 * self.columns


def frame_of(width: int, height: int, left: int = 7) -> Frame:
    """Where things go in a room that is at least 12 by 4 cells: two rows below are the axis."""
    return Frame(max(1, width - left - 1), max(1, height - 2), left)


def line_sign(number: int, signs: PlotSigns) -> Fragment:
    """What a line is known by, at its end and in the legend."""
    return signs.lines[number % LINE_STYLES], f"line.{_INKS[number % LINE_STYLES]}"


def draw_plot(plot: Plot, frame: Frame, signs: PlotSigns, cursor: float | None = None) -> list[Line]:
    """All rows of a plot that was made for `frame`.

    Args:
        cursor: the step or second that is pointed at.
    """
    canvas = Canvas(frame.columns, frame.rows, signs.inks)
    for number in on_top([line.line for line in plot.lines]):
        line = plot.lines[number]
        ink = _INKS[number % LINE_STYLES]
        if line.raw_columns:
            _draw_curve(canvas, line.raw_columns, plot, ink + _RAW, is_dotted=False)
        _draw_curve(canvas, line.columns, plot, ink, is_dotted=line.line.is_other)
    papers = _grid(plot.up, frame, signs)
    marks = _marks(plot, frame, signs, cursor)
    ticks = {row: tick for tick in reversed(plot.up.ticks) if (row := _row_of(plot.up, tick.at, frame)) is not None}
    drawn: list[Line] = []
    for number in range(frame.rows):
        tick = ticks.get(number)
        words = f"{tick.words[: frame.left - 1] if tick else '':>{frame.left - 1}} "
        cells = canvas.row(number, _STYLES, papers.get(number, " " * frame.columns))
        for column, mark in marks.get(number, {}).items():
            if mark[0] != signs.cursor or canvas.is_empty(column, number):
                cells = _with_mark(cells, column, mark)
        drawn.append([(words, "dim"), (signs.up_tick if tick else signs.up, "rule"), *cells])
    drawn += _axis(plot, frame, signs, cursor)
    return drawn


def _draw_curve(canvas: Canvas, columns: Sequence[Column], plot: Plot, ink: int, *, is_dotted: bool) -> None:
    """Each column from its lowest to its highest value, and lines from one to the next; dotted, every other two."""
    bottom, per_column, fraction = canvas.height - 1, canvas.width / plot.columns, plot.up.fraction
    is_finite, span = math.isfinite, canvas.span
    before_at, before = -1, math.nan
    for column in columns:
        at, first, lowest, highest, last, _ = column
        at = at if per_column == 1 else math.floor(at * per_column)
        begin = bottom * (1 - fraction(first)) if is_finite(first) else math.nan
        end = begin if last == first else bottom * (1 - fraction(last)) if is_finite(last) else math.nan
        is_seen = not (is_dotted and at & 2)
        if is_finite(begin - before) and at > before_at:
            if at > before_at + 1:
                _join(canvas, (before_at, before), (at, begin), ink, is_dotted=is_dotted)
            elif is_seen:  # half of the way belongs to each of two neighbours
                middle = (begin + before) / 2
                span(at, round(min(begin, middle)), round(max(begin, middle)), ink)
                span(before_at, round(min(before, middle)), round(max(before, middle)), ink)
        if lowest <= highest and is_seen:
            upper = begin if highest == first else bottom * (1 - fraction(highest))
            lower = begin if lowest == first else bottom * (1 - fraction(lowest))
            span(at, round(upper), round(lower), ink)
        before_at, before = at, end


def _join(canvas: Canvas, start: tuple[int, float], end: tuple[int, float], ink: int, *, is_dotted: bool) -> None:
    if not is_dotted:
        canvas.line(start, end, ink)
        return
    (left, upper), (right, lower) = start, end
    for x in range(max(0, left), min(right, canvas.width - 1) + 1):
        if not x & 2:
            y = round(upper + (lower - upper) * (x - left) / (right - left))
            canvas.span(x, y, y, ink)


def _row_of(scale: Scale, value: float, frame: Frame) -> int | None:
    """The row of cells of a value; None outside of the picture."""
    dot = round((4 * frame.rows - 1) * (1 - scale.fraction(value)))
    return dot // 4 if 0 <= dot < 4 * frame.rows else None


def _column_of(scale: Scale, place: float, frame: Frame) -> int | None:
    """The column of cells of a step or second; None outside of the picture."""
    dot = math.floor(scale.fraction(place) * frame.dots)
    return min(dot, frame.dots - 1) // 2 if 0 <= dot <= frame.dots else None


def _grid(up: Scale, frame: Frame, signs: PlotSigns) -> dict[int, str]:
    """What stands in empty cells of the rows that have a tick."""
    dotted = (signs.grid + " " * (_BETWEEN_DOTS - 1)) * (frame.columns // _BETWEEN_DOTS + 1)
    rows = (_row_of(up, tick.at, frame) for tick in up.ticks)
    return {row: dotted[: frame.columns] for row in rows if row is not None and row < frame.rows - 1}


def _marks(plot: Plot, frame: Frame, signs: PlotSigns, cursor: float | None) -> dict[int, dict[int, Fragment]]:
    """What stands over the dots, by row and column: the end of each line, and the cursor."""
    marks: dict[int, dict[int, Fragment]] = {}
    for number in on_top([line.line for line in plot.lines]):
        for column in reversed(plot.lines[number].columns):
            if math.isfinite(column.last) and 0 <= column.at < plot.columns:
                row = _row_of(plot.up, column.last, frame)
                if row is not None:
                    marks.setdefault(row, {})[column.at * frame.columns // plot.columns] = line_sign(number, signs)
                break
    at = None if cursor is None else _column_of(plot.across, cursor, frame)
    if at is not None and cursor is not None:
        for row in range(frame.rows):
            marks.setdefault(row, {}).setdefault(at, (signs.cursor, "key"))
        within = (plot.across.high - plot.across.low) / frame.columns
        for number in on_top([line.line for line in plot.lines]):
            here = read_at(plot.lines[number].line, cursor, by_time=plot.by_time, within=within)
            value = math.nan if here is None else here.value if here.smoothed is None else here.smoothed
            found = _row_of(plot.up, value, frame) if math.isfinite(value) else None
            if found is not None:
                marks[found][at] = line_sign(number, signs)
    return marks


def _with_mark(row: Sequence[Fragment], column: int, mark: Fragment) -> list[Fragment]:
    """A row with another sign in one of its cells."""
    marked: list[Fragment] = []
    start = 0
    for text, style in row:
        end = start + len(text)
        if start <= column < end:
            before, after = text[: column - start], text[column - start + 1 :]
            marked += [each for each in ((before, style), mark, (after, style)) if each[0]]
        else:
            marked.append((text, style))
        start = end
    return marked


def _axis(plot: Plot, frame: Frame, signs: PlotSigns, cursor: float | None) -> list[Line]:
    """The lower edge with its ticks and what is missing, and the ticks' words below it."""
    edge = [signs.across] * frame.columns
    words = [" "] * (frame.left + 1 + frame.columns)
    free = 0
    for tick in plot.across.ticks:
        column = _column_of(plot.across, tick.at, frame)
        if column is None:
            continue
        edge[column] = signs.across_tick
        first = min(frame.left + 1 + column - len(tick.words) // 2, len(words) - len(tick.words))
        if first >= free:
            words[first : first + len(tick.words)] = tick.words
            free = first + len(tick.words) + 1
    row: list[Fragment] = [("".join(edge), "rule")]
    for column in sorted(_gaps(plot, frame)):
        row = _with_mark(row, column, (signs.gap, "warn"))
    at = None if cursor is None else _column_of(plot.across, cursor, frame)
    if at is not None:
        row = _with_mark(row, at, (signs.here, "key"))
    return [[(" " * frame.left, "text"), (signs.corner, "rule"), *row], [("".join(words), "dim")]]


def _gaps(plot: Plot, frame: Frame) -> set[int]:
    """The columns of cells in which some value is missing."""
    columns = (column for line in plot.lines for column in (*line.columns, *line.raw_columns) if column.has_gap)
    return {column.at * frame.columns // plot.columns for column in columns}
