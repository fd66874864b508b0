"""A series made ready to be drawn: what lies in each column of a picture, in a time that hangs on its width alone.

The lows and highs of each 64 points are kept and go on as the series grows, so that a spike of one point is seen among
a million. What is not finite is a gap.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from operator import le
from typing import Final, NamedTuple

from evolver_tui.core.training.series import Series

_BLOCK: Final = 64
_DENSE: Final = 2 * _BLOCK
"""Points a column from which on whole blocks are looked at; an edge of a column is then off by half a block at most."""

_LEANS: Final = 2_000
"""Values after which the beginning of a mean is forgotten."""


class Column(NamedTuple):
    """What lies within one column; not finite where there is none."""

    at: int
    """Counts from 0; below 0 and beyond the last one for the points beside the picture that a line comes from."""
    first: float
    low: float
    """Of the finite values; above `high` where there are none."""
    high: float
    last: float
    has_gap: bool = False
    """Whether something in it is not finite."""


class Curve:
    """One series, as it is or smoothed; ask for what is drawn as often as you like."""

    def __init__(self, series: Series, weight: float = 0.0) -> None:
        """Args:
        weight: of the values before, from 0 to below 1; 0 leaves the values as they are.
        """
        self.series = series
        self.weight = weight
        self.gaps = 0
        """Values that are not finite."""
        self._changes = -1
        self._values = series.values
        self._times = series.times
        self._in_order = 0
        """Times that were looked at."""
        self._lows = array("d")
        self._highs = array("d")
        self._odd = bytearray()
        """1 for a block that has a gap."""
        self._done = 0
        """Values that are in blocks, the last one of which may not be full."""
        self._state = (0.0, 0)
        """The running mean of what is smoothed, and of how many values."""

    # --- keeping up

    def catch_up(self) -> None:
        """Take in what has come."""
        series = self.series
        if series.changes != self._changes or len(series) < self._done:
            self._changes = series.changes
            self._lows, self._highs, self._odd = array("d"), array("d"), bytearray()
            self._done = self.gaps = 0
            self._state = (0.0, 0)
            self._values = array("d") if self.weight else series.values
            self._times = series.times
            self._in_order = 0
        if self._done == len(series):
            return
        if self.weight:
            self._smooth(len(self._values))
        self._gather()

    def _gather(self) -> None:
        values, lows, highs, odd = self._values, self._lows, self._highs, self._odd
        fresh = values[self._done :]
        if not math.isfinite(sum(fresh)):
            self.gaps += sum(not math.isfinite(each) for each in fresh)
        begin = self._done // _BLOCK * _BLOCK
        del lows[begin // _BLOCK :], highs[begin // _BLOCK :], odd[begin // _BLOCK :]
        for start in range(begin, len(values), _BLOCK):
            block: Sequence[float] = values[start : start + _BLOCK]
            length = len(block)
            if not math.isfinite(sum(block)):
                block = [each for each in block if math.isfinite(each)]
            odd.append(len(block) < length)
            lows.append(min(block, default=math.inf))
            highs.append(max(block, default=-math.inf))
        self._done = len(values)

    def _smooth(self, start: int) -> None:
        """An exponential mean that leans on no value before the first; gaps stay where they are."""
        weight, smoothed = self.weight, self._values
        mean, count = self._state
        for value in self.series.values[start:]:
            if not math.isfinite(value):
                smoothed.append(math.nan)
                continue
            mean = mean * weight + (1 - weight) * value
            count += 1
            smoothed.append(mean / (1 - weight**count) if count < _LEANS else mean)
        self._state = (mean, count)

    def _keep_times_in_order(self) -> None:
        """A clock may have been set back: time stands still then until it is where it was."""
        times, kept = self.series.times, self._times
        if kept is not times:
            highest = kept[-1] if kept else -math.inf
            kept.extend(max(highest, each) for each in accumulate(times[len(kept) :], max))
        elif self._in_order < len(times):
            fresh = times[max(0, self._in_order - 1) :]
            if not all(map(le, fresh, fresh[1:])):
                self._times = array("d", accumulate(times, max))
        self._in_order = len(times)

    # --- what is drawn

    def __len__(self) -> int:
        return self._done

    def at(self, index: int) -> float:
        """A value, smoothed where the curve is."""
        return self._values[index]

    def places(self, *, by_time: bool) -> Sequence[float]:
        """Steps, or times, in ascending order."""
        if not by_time:
            return self.series.steps
        self._keep_times_in_order()
        return self._times

    def nearest(self, place: float, *, by_time: bool) -> int | None:
        """The index of the point that is nearest to a step or time; None without points."""
        if not self._done:
            return None
        places = self.places(by_time=by_time)
        after = min(bisect_left(places, place), self._done - 1)
        before = max(0, after - 1)
        return before if place - places[before] <= places[after] - place else after

    def columns(self, low: float, high: float, count: int, *, by_time: bool = False) -> list[Column]:
        """Each column of a span that holds something, and the points right before and right after it.

        Args:
            low: the step or time at the left edge.
            high: the one at the right edge, above it.
            count: columns.
        """
        places, length = self.places(by_time=by_time), self._done
        begin, end = bisect_left(places, low, 0, length), bisect_right(places, high, 0, length)
        per_column = (high - low) / count
        edges = [begin]
        for number in range(1, count):
            edges.append(bisect_left(places, low + number * per_column, edges[-1], end))
        edges.append(end)
        is_dense = end - begin >= _DENSE * count
        found = self._dense(edges) if is_dense else self._sparse(edges)
        if begin > 0:
            found.insert(0, self._beside(begin - 1, low, per_column, places))
        if end < length:
            found.append(self._beside(end, low, per_column, places))
        return found

    def _beside(self, index: int, low: float, per_column: float, places: Sequence[float]) -> Column:
        value = self._values[index]
        at = int(max(-1e6, min(1e6, math.floor((places[index] - low) / per_column))))
        return Column(at, value, math.inf, -math.inf, value)

    def _sparse(self, edges: Sequence[int]) -> list[Column]:
        values, may_have_gaps = self._values, self.gaps > 0
        found: list[Column] = []
        begin = edges[0]
        for number, end in enumerate(edges[1:]):
            if end == begin:
                continue
            inside: Sequence[float] = values[begin:end]
            first, last = inside[0], inside[-1]
            has_gap = may_have_gaps and not all(map(math.isfinite, inside))
            if has_gap:
                inside = [each for each in inside if math.isfinite(each)]
            found.append(
                Column(number, first, min(inside, default=math.inf), max(inside, default=-math.inf), last, has_gap)
            )
            begin = end
        return found

    def _dense(self, edges: Sequence[int]) -> list[Column]:
        values, lows, highs, odd = self._values, self._lows, self._highs, self._odd
        found: list[Column] = []
        begin = edges[0] // _BLOCK
        for number, edge in enumerate(edges[1:]):
            end = len(lows) if edge == self._done else (edge + _BLOCK // 2) // _BLOCK
            if end <= begin:
                continue  # its few points are in the next one
            first, last = values[begin * _BLOCK], values[min(end * _BLOCK, self._done) - 1]
            has_gap = odd.find(1, begin, end) >= 0
            found.append(Column(number, first, min(lows[begin:end]), max(highs[begin:end]), last, has_gap))
            begin = end
        return found
