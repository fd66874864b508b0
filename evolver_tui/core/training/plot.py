"""A plot as facts: lines, axes and what lies in each column, for whatever draws it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from evolver_tui.core.training.curve import Column, Curve
from evolver_tui.core.training.plot_scale import Scale, span_scale, value_scale

MOST_ZOOM: Final = 1_000
"""How many times a span can be made smaller."""
_ZOOMS: Final = (1, 2, 5)


class PlotLine(NamedTuple):
    """What a line is made of."""

    label: str
    curve: Curve
    """What is drawn, smoothed or not."""
    raw: Curve | None = None
    """What lies behind it."""
    origin: float = 0.0
    """The time from which its seconds count."""
    is_other: bool = False
    """Whether it is of another run, beside the one that is looked at."""
    is_latest: bool = False
    """Whether it is of the model that was told of last: it lies on top."""


class DrawnLine(NamedTuple):
    """What is to be drawn of a line."""

    line: PlotLine
    columns: Sequence[Column]
    raw_columns: Sequence[Column] = ()


class Plot(NamedTuple):
    """Lines over two axes."""

    lines: Sequence[DrawnLine]
    across: Scale
    up: Scale
    by_time: bool
    columns: int

    @property
    def lacks_lowest(self) -> bool:
        """Whether values of 0 and below are left out, which have no place on a logarithmic scale."""
        return self.up.is_log and any(
            column.low <= min(0.0, column.high) for line in self.lines for column in (*line.columns, *line.raw_columns)
        )


class Span(NamedTuple):
    """What part of the whole is looked at."""

    zoom: int = 1
    """How many times smaller than the whole it is."""
    start: float | None = None
    """Its left edge; None for the end of the whole, whatever comes."""

    def zoomed(self, step: int) -> Span:
        """The next closer one, or with -1 the next wider one: 1, 2, 5, 10, ..."""
        zooms = [each for each in _zooms() if each <= MOST_ZOOM]
        index = max(0, min(len(zooms) - 1, zooms.index(self.zoom) + step))
        return Span(zooms[index], self.start if index else None)

    def edges(self, low: float, high: float) -> tuple[float, float]:
        """Its two edges within a whole."""
        width = (high - low) / self.zoom
        start = high - width if self.start is None else max(low, min(high - width, self.start))
        return start, start + width

    def around(self, place: float, low: float, high: float) -> Span:
        """The same span, moved as far as it has to be for a place to be within; one that is whole stays."""
        if self.zoom == 1:
            return self
        left, right = self.edges(low, high)
        if left <= place <= right:
            return self._replace(start=left)
        width = right - left
        return self._replace(start=max(low, min(high - width, place - width / 2)))


def _zooms() -> Iterator[int]:
    factor = 1
    while factor <= MOST_ZOOM:
        yield from (each * factor for each in _ZOOMS)
        factor *= 10


def whole_span(lines: Sequence[PlotLine], *, by_time: bool) -> tuple[float, float]:
    """From the first to the last step or second of all lines; 0 and 1 where there are none."""
    ends: list[float] = []
    for line in lines:
        line.curve.catch_up()
        places = line.curve.places(by_time=by_time)
        if len(line.curve):
            origin = line.origin if by_time else 0.0
            ends += (places[0] - origin, places[len(line.curve) - 1] - origin)
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def make_plot(
    lines: Sequence[PlotLine], columns: int, most_ticks: tuple[int, int], *, span: Span = Span(),  # noqa: B008 - a fact
    by_time: bool = False, is_log: bool = False,
) -> Plot:  # fmt: skip
    """Find what is to be drawn.

    Args:
        columns: across the picture.
        most_ticks: across and up, about.
        span: the part of the steps or seconds that is looked at.
        by_time: whether seconds lie across instead of steps.
        is_log: whether the values' scale is logarithmic.
    """
    low, high = whole_span(lines, by_time=by_time)
    is_whole = span.zoom == 1
    left, right = (low, high) if is_whole else span.edges(low, high)
    across = span_scale(left, right, most_ticks[0], is_time=by_time, is_exact=not is_whole)
    drawn: list[DrawnLine] = []
    for line in lines:
        origin = line.origin if by_time else 0.0
        edges = (across.low + origin, across.high + origin, columns)
        raw_columns: Sequence[Column] = ()
        if line.raw is not None:
            line.raw.catch_up()
            raw_columns = line.raw.columns(*edges, by_time=by_time)
        drawn.append(DrawnLine(line, line.curve.columns(*edges, by_time=by_time), raw_columns))
    return Plot(drawn, across, _scale_of(drawn, most_ticks[1], is_log=is_log), by_time, columns)


def _scale_of(drawn: Sequence[DrawnLine], most: int, *, is_log: bool) -> Scale:
    """What all that is in sight fits into."""
    low, high = math.inf, -math.inf
    for line in drawn:
        for column in (*line.columns, *line.raw_columns):
            if column.high > high:
                high = column.high
            if column.low < low and (column.low > 0 or not is_log):
                low = column.low
    if is_log and high <= 0:
        return value_scale(1.0, 10.0, most, is_log=True)
    if is_log:
        return value_scale(min(low, high), high, most, is_log=True)
    return value_scale(low, high, most) if low <= high else value_scale(0.0, 1.0, most)


class Reading(NamedTuple):
    """What a line is at a place."""

    step: int
    at: float
    """Seconds since 1970."""
    value: float
    """As it was told."""
    smoothed: float | None
    """None where the line is not smoothed."""


def on_top(lines: Sequence[PlotLine]) -> list[int]:
    """The numbers of lines in the order in which they are drawn: what is looked at comes last."""
    return sorted(range(len(lines)), key=lambda number: (not lines[number].is_other, lines[number].is_latest, -number))


def longest(lines: Sequence[PlotLine], *, by_time: bool) -> PlotLine | None:
    """The line that a cursor goes along: the one that goes furthest; None without points."""
    found: tuple[float, PlotLine] | None = None
    for line in lines:
        if len(line.curve):
            end = line.curve.places(by_time=by_time)[len(line.curve) - 1] - (line.origin if by_time else 0.0)
            if found is None or end > found[0]:
                found = end, line
    return found[1] if found is not None else None


def read_at(line: PlotLine, place: float, *, by_time: bool, within: float = math.inf) -> Reading | None:
    """The point of a line that is nearest to a step or second; None without points.

    Args:
        within: how far beyond the line's ends a place may be.
    """
    curve = line.curve
    index = curve.nearest(place + (line.origin if by_time else 0.0), by_time=by_time)
    if index is None:
        return None
    beyond = place + (line.origin if by_time else 0.0) - curve.places(by_time=by_time)[index]
    if (index == 0 and -beyond > within) or (index == len(curve) - 1 and beyond > within):
        return None
    series = curve.series
    smoothed = curve.at(index) if curve.weight else None
    return Reading(series.steps[index], series.times[index], series.values[index], smoothed)


def next_place(line: PlotLine, place: float, by: float, *, by_time: bool) -> float:
    """The step or second of the point about so far from a place: another one where there is one, unless `by` is 0."""
    curve, origin = line.curve, line.origin if by_time else 0.0
    here = curve.nearest(place + origin, by_time=by_time)
    there = curve.nearest(place + by + origin, by_time=by_time)
    if here is None or there is None:
        return place
    if there == here and by:
        there = max(0, min(len(curve) - 1, here + (1 if by > 0 else -1)))
    return curve.places(by_time=by_time)[there] - origin
