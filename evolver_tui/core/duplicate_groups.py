"""Which programs of many are nearly the same, in groups: each is compared with a bounded number of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evolver_tui.core.training_data.near_duplicates import ALIKE, LatestSketches, Sketch, likeness, sketch


class Alike(NamedTuple):
    """A group of programs that are nearly the same."""

    names: tuple[str, ...]
    """In the order in which they came; the first one was there before the others."""
    least: float
    """How much the least alike have in common that were compared, from 0 to 1."""


class DuplicateGroups:
    """Takes programs one after another, and tells groups of what is nearly the same. One that is like two groups
    makes one of them, so that two of a group may be less alike than neighbours in it are."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sketches = LatestSketches()
        self._parents: list[int] = []
        self._least: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._names)

    def add(self, programs: Iterable[tuple[str, str]]) -> None:
        """Take further programs, each its name and code."""
        for name, code in programs:
            self._add(name, sketch(code))

    def groups(self) -> Iterator[Alike]:
        """The groups of two or more so far, the largest first."""
        members: defaultdict[int, list[str]] = defaultdict(list)
        for place, name in enumerate(self._names):
            members[self._root(place)].append(name)
        found = [Alike(tuple(names), self._least.get(root, 1.0)) for root, names in members.items() if len(names) > 1]
        return iter(sorted(found, key=lambda each: (-len(each.names), each.names)))

    def _add(self, name: str, found: Sketch) -> None:
        place = len(self._names)
        self._names.append(name)
        self._parents.append(place)
        for other in self._sketches.likely(found):
            if self._root(other) == self._root(place):
                continue
            alike = likeness(found, self._sketches[other])
            if alike >= ALIKE:
                self._join(other, place, alike)
        self._sketches.add(found)

    def _join(self, one: int, other: int, alike: float) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parents[second] = first
        self._least[first] = min(alike, self._least.get(first, 1.0), self._least.pop(second, 1.0))

    def _root(self, place: int) -> int:
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place
