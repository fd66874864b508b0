"""Something that jobs share and that does not work at this moment: no fault of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.signal_catalogue.session_signals import WorkerPaused

FIRST_WAIT_SECONDS: Final = 2.0
LONGEST_WISH_SECONDS: Final = 86_400.0
"""What who was asked wants to be left alone is kept, up to a day."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What a worker waits for before it goes on with jobs that need it."""

    shared: str
    """What it is: `MODEL`, `LIBRARY`, or as a routine calls it."""
    error: str
    """What the last try said, as a sentence with its way out."""
    brief: str
    """The same in a few words."""
    since: float
    """Seconds since 1970, as `next_try` is."""
    next_try: float
    wait: float
    """Seconds between the last try and the next one."""
    tries: int = 1
    """How often it was tried in vain, the first time included."""
    is_one_job: bool = False
    """Whether one job met it again and again, and no other was there to try."""
    is_trying: bool = False
    """Whether a job tries it now."""
    goes_on: str = ""
    """When it goes on, in words, where nobody has to try."""

    @classmethod
    def after(cls, before: Outage | None, error: EvolverError, now: float, longest_wait: float, shared: str) -> Outage:
        """What a try in vain makes of it: the wait is twice as long as before, or as long as who was asked wants it.

        Args:
            before: what it was; None where it worked.
            now: seconds since 1970.
            longest_wait: seconds that no wait exceeds by itself.
        """
        tries = before.tries + 1 if before is not None else 1
        wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 20), longest_wait)
        wait = max(wait, min(error.retry_after or 0.0, LONGEST_WISH_SECONDS))
        since = before.since if before is not None else now
        return cls(shared, str(error), error.brief, since, now + wait, wait, tries)

    def told(self) -> WorkerPaused:
        """What a signal says of it."""
        wait = round(self.wait, 1)
        return {"shared": self.shared, "error": self.error, "brief": self.brief, "retry_in": wait, "tries": self.tries}

    def to_json_value(self) -> dict[str, Any]:
        """As it goes from one process to another."""
        return asdict(self)

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Outage:
        """The inverse of `to_json_value`."""
        return cls(**value)

    def when(self, now: float) -> str:
        """When it is tried again, in words.

        Args:
            now: seconds since 1970.
        """
        if self.goes_on:
            return self.goes_on
        if self.is_trying:
            return "trying now"
        left = round(min(self.next_try - now, self.wait))  # a clock may have been set back meanwhile
        if left <= 0:
            return "next try with a task"
        return f"next try in {left} s" if left < 100 else f"next try in {left // 60}:{left % 60:02} min"
