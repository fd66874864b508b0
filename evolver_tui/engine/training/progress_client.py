"""By which way a progress server is watched, and when another one is tried: decided without waiting for anything.

The ways are tried from the best one down. One that did not work is known to be unfit only when a lower one works:
where none does, it is the server that is away, and the best one is tried first when it comes back. From a lower way
the better ones are tried again after a while, beside it, at longer and longer intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple


class Way(StrEnum):
    """How a server is watched, the best one first."""

    WEBSOCKET = "websocket"
    POLLING = "polling"
    """Engine.IO by long polls."""
    HTTP = "http"
    """The endpoints, asked again and again."""


FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between two rounds of attempts at a server that is away."""
FIRST_LOOK_UP: Final = 20.0
LONGEST_LOOK_UP: Final = 600.0
"""Seconds until a better way is tried again."""
SHORT_LIVED: Final = 5.0
"""Seconds; a connection that is lost sooner counts twice among those that were lost."""
STEADY: Final = 60.0
"""Seconds after which a connection has proved that its way is fit."""
_MOST_LOSSES: Final = 4
"""Connections lost before they were steady, one after the other: then the way counts as failed. One alone may be the
server's restart."""


class Attempt(NamedTuple):
    """What is to be tried next."""

    way: Way
    wait: float
    """Seconds until then."""


class WayChoice:
    """Tell it what became of each attempt; times are those of a clock that is never set back, in seconds."""

    def __init__(self, ways: Sequence[Way] = tuple(Way)) -> None:
        self._ways = tuple(ways)
        self._tried: list[Way] = []
        """In this round."""
        self._pause = 0.0
        self._unfit_until: dict[Way, float] = {}
        self._interval: dict[Way, float] = {}
        self._losses: dict[Way, int] = {}
        self._up: Way | None = None
        self._up_since = 0.0

    @property
    def way(self) -> Way | None:
        """The one that works at present."""
        return self._up

    def next(self, now: float) -> Attempt:
        """What to try, while none works."""
        left = [way for way in self._ways if way not in self._tried and not self._is_unfit(way, now)]
        if not left:
            self._tried.clear()
            left = [way for way in self._ways if not self._is_unfit(way, now)] or [self._ways[-1]]
        wait = self._pause if not self._tried else 0.0
        return Attempt(left[0], wait)

    def failed(self, way: Way, now: float, *, is_away: bool = False) -> None:
        """An attempt came to nothing.

        Args:
            is_away: there is no server at present, and no other way would find one.
        """
        self._tried.append(way)
        usable = [each for each in self._ways if not self._is_unfit(each, now)] or [self._ways[-1]]
        if is_away or set(usable) <= set(self._tried):
            self._tried.clear()
            self._pause = min(LONGEST_PAUSE, 2 * self._pause or FIRST_PAUSE)

    def worked(self, way: Way, now: float) -> None:
        """A connection was made, or changed over to."""
        for better in self._ways[: self._ways.index(way)]:
            if better in self._tried:
                self._is_to_rest(better, now)
        self._tried.clear()
        self._pause = 0.0
        self._up, self._up_since = way, now

    def lost(self, now: float) -> None:
        """The connection was lost."""
        way, self._up = self._up, None
        if way is None:
            return
        lived = now - self._up_since
        if lived >= STEADY:
            self._losses[way] = 0
            self._interval.pop(way, None)
        else:
            self._losses[way] = self._losses.get(way, 0) + (2 if lived < SHORT_LIVED else 1)
        self._pause = FIRST_PAUSE
        if self._losses[way] >= _MOST_LOSSES:
            self._losses[way] = 0
            self._tried.append(way)
            if way is self._ways[-1]:
                self._tried.clear()

    # --- going up again

    def better_at(self) -> float | None:
        """When a better way than the present one is to be tried beside it; None where there is none."""
        times = [self._unfit_until.get(way, self._up_since + FIRST_LOOK_UP) for way in self._better]
        return min(times, default=None)

    def better(self, now: float) -> Way | None:
        """The way to be tried now beside the present one."""
        due = [way for way in self._better if self._unfit_until.get(way, self._up_since + FIRST_LOOK_UP) <= now]
        return due[0] if due else None

    def failed_beside(self, way: Way, now: float) -> None:
        """The better way does not work yet."""
        self._is_to_rest(way, now)

    @property
    def _better(self) -> Sequence[Way]:
        return () if self._up is None else self._ways[: self._ways.index(self._up)]

    def _is_unfit(self, way: Way, now: float) -> bool:
        return self._unfit_until.get(way, now) > now

    def _is_to_rest(self, way: Way, now: float) -> None:
        interval = self._interval.get(way, FIRST_LOOK_UP)
        self._unfit_until[way] = now + interval
        self._interval[way] = min(LONGEST_LOOK_UP, 2 * interval)


class AttemptFailed(Exception):
    """A way does not lead to the server, for now. The text is a sentence for people.

    Args:
        is_away: there is no server at present, and no other way would find one.
    """

    def __init__(self, reason: str, *, is_away: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_away = is_away
