"""The moments of a training session that are kept: the latest ones all, older ones evenly spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evolver_tui.engine.training_store import KeptMoment

USUAL_LIMIT: Final = 100
"""Moments that are told to whoever does not say how many."""


class History:
    """Bounded: where it is full, every second, fourth, ... moment of its older half stays, so that no part of the run
    is out of sight.

    Args:
        moments: what the store has.
        most: moments that are kept.
    """

    def __init__(self, moments: Sequence[KeptMoment], most: int) -> None:
        self.moments = list(moments)
        self._most = most
        self._added: dict[int, KeptMoment] = {}
        self._removed: list[int] = []

    def __len__(self) -> int:
        return len(self.moments)

    def add(self, moment: KeptMoment) -> None:
        """Add the latest one."""
        self.moments.append(moment)
        self._added[moment.number] = moment
        if len(self.moments) > self._most:
            self._thin()

    def _thin(self) -> None:
        half = self._most // 2
        old, latest = self.moments[:-half], self.moments[-half:]
        stays, stride = old, 1
        while len(stays) > half // 2:
            stride *= 2
            stays = [each for each in old if each.number % stride == 1]
        self.moments = stays + latest
        self._drop([each for each in old if each.number % stride != 1])

    def cut_after(self, model: int, step: int) -> None:
        """Forget what lies beyond a step: the training goes on from there."""
        gone = [each for each in self.moments if (each.model, each.step) > (model, step)]
        if gone:
            self.moments = [each for each in self.moments if (each.model, each.step) <= (model, step)]
            self._drop(gone)

    def _drop(self, gone: Sequence[KeptMoment]) -> None:
        self._removed += [each.number for each in gone if self._added.pop(each.number, None) is None]

    # --- what the store does not have yet

    @property
    def is_kept(self) -> bool:
        """Whether the store has all of it."""
        return not self._added and not self._removed

    def changes(self) -> tuple[Sequence[KeptMoment], Sequence[int]]:
        """What the store has to add, and the numbers of what it has to remove."""
        return tuple(self._added.values()), tuple(self._removed)

    def kept(self, added: Sequence[KeptMoment], removed: Sequence[int]) -> None:
        """Say that the store has these changes."""
        for each in added:
            self._added.pop(each.number, None)
        del self._removed[: len(removed)]

    # --- what is read of it

    def read(
        self, *, limit: int | None = None, since: int | None = None, model: int = 0, after: int | None = None
    ) -> Sequence[KeptMoment]:
        """Moments in their order, the latest ones where there are too many.

        Args:
            limit: how many at most; as many as usual where nobody says.
            since: those of later steps than this one of `model`, and of later models.
            after: those behind the one of this number, which leaves nothing out and tells nothing twice.
        """
        found = self.moments
        if after is not None:
            found = [each for each in found if each.number > after]
        if since is not None:
            found = [each for each in found if (each.model, each.step) > (model, since)]
        if limit is None:
            limit = USUAL_LIMIT if after is None and since is None else self._most
        return found[-limit:] if limit else []
