"""What has to be done for each of many again and again, spread evenly over the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class EvenRounds(Generic[T]):
    """Goes through all of something once in so many seconds.

    Args:
        every: what there is; asked once a round, so that something may be gone when it is due.
    """

    def __init__(self, every: Callable[[], Sequence[T]], seconds: float) -> None:
        self._every = every
        self._seconds = seconds
        self._since = time.monotonic()
        self._round: Sequence[T] = ()
        self._done = 0

    def due(self, now: float) -> Sequence[T]:
        """What is due since the last call; `now` as of `time.monotonic`."""
        share = min(1.0, (now - self._since) / self._seconds)
        done, self._done = self._done, int(share * len(self._round))
        due = self._round[done : self._done]
        if share == 1.0:
            self._since, self._done, self._round = now, 0, self._every()
        return due
