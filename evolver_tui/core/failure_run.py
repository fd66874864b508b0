"""What fails again and again is told of a few times; what works again is told of anew when it fails."""

from __future__ import annotations

from typing import Final

SOME_TIMES: Final = {10**power for power in range(12)}
"""What happens again and again is told of the first time, the tenth, the hundredth."""
RECOVERED: Final = 10
"""So many successes in a row end a run: what fails every second time is one run, and no flood of news."""


class FailureRun:
    """Counts failures from the first one until it works again. Not safe in several threads at once."""

    __slots__ = ("_good", "count")

    def __init__(self) -> None:
        self.count = 0
        """Failures in this run."""
        self._good = 0

    def failed(self) -> int:
        """Count a failure; returns how many there are in this run."""
        self._good = 0
        self.count += 1
        return self.count

    def succeeded(self) -> None:
        """Count a success."""
        if self.count:
            self._good += 1
            if self._good == RECOVERED:
                self.count = self._good = 0
