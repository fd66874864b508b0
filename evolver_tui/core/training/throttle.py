"""Not more updates than somebody can read, and never one behind."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Throttle(Generic[T]):
    """Lets an update through at once where the last one is long enough ago, and else keeps the latest until it is due.

    Args:
        interval: seconds between two updates. All times here are of one clock that is never set back.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next_at: float | None = None
        self._held: T | None = None

    def offer(self, update: T, now: float) -> T | None:
        """The update where it may go now; else it takes the place of the one that is held."""
        if self._next_at is not None and now < self._next_at:
            self._held = update
            return None
        self._held = None
        self._next_at = now + self._interval
        return update

    @property
    def due_at(self) -> float | None:
        """When what is held may go; None where nothing is."""
        return self._next_at if self._held is not None else None

    def take(self, now: float) -> T | None:
        """What is held, which goes now, whether it is due or not."""
        held, self._held = self._held, None
        if held is not None:
            self._next_at = now + self._interval
        return held
