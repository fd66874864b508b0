"""One metric of one model: columns of steps, times and values, in the order of the steps."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

MOST_POINTS = 2_000_000
"""Of one series; beyond that every other one of the older half is forgotten."""


class Extent(NamedTuple):
    """The first and the last position of a span, and its lowest and highest finite value."""

    first: int
    last: int
    lowest: float
    highest: float


class Series:
    """Grows at its end as a rule; a step that comes late goes to its place, one that comes again takes the place."""

    __slots__ = ("changes", "steps", "times", "values")

    def __init__(self) -> None:
        self.steps = array("q")
        self.times = array("d")
        self.values = array("d")
        """Not finite where the metric was not."""
        self.changes = 0
        """Counts changes that are more than a point at the end."""

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[tuple[int, float, float]]:
        return zip(self.steps, self.times, self.values, strict=True)

    def add(self, step: int, at: float, value: float) -> None:
        """Add a point."""
        steps = self.steps
        if not steps or step > steps[-1]:
            steps.append(step)
            self.times.append(at)
            self.values.append(value)
            if len(steps) > MOST_POINTS:
                self._thin()
            return
        self.changes += 1
        place = bisect_left(steps, step)
        if steps[place] == step:
            self.times[place], self.values[place] = at, value
        else:
            steps.insert(place, step)
            self.times.insert(place, at)
            self.values.insert(place, value)

    def extend(self, steps: array[int], times: array[float], values: array[float]) -> None:
        """Add many points in ascending order, all after the last one here."""
        self.steps.extend(steps)
        self.times.extend(times)
        self.values.extend(values)

    def cut_after(self, step: int) -> None:
        """Forget what is beyond a step."""
        place = bisect_right(self.steps, step)
        if place < len(self.steps):
            self.changes += 1
            for column in (self.steps, self.times, self.values):
                del column[place:]

    def keep_latest(self, count: int) -> None:
        """Forget all but the latest points, where there are at least twice as many."""
        if len(self.steps) >= 2 * count:
            self.changes += 1
            for column in (self.steps, self.times, self.values):
                del column[:-count]

    def _thin(self) -> None:
        self.changes += 1
        half = len(self.steps) // 2
        self.steps = self.steps[:half:2] + self.steps[half:]
        self.times = self.times[:half:2] + self.times[half:]
        self.values = self.values[:half:2] + self.values[half:]
