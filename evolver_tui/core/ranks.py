"""One integer for a job's place in the queue, so that one index serves the whole list and the worker's next job.

From the top: what needs a person (asked longest ago first), what runs, what waits for a worker, what is over (latest
first). Within equal ranks arrival decides. A rank fits a signed 64-bit column.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from evolver_tui.core.job import JobState
from evolver_tui.core.task import priority_rank

_SECTION_BITS: Final = 56
_CLASS_BITS: Final = 52
_TURN: Final = 1 << 51
"""In the class of jobs that were begun: behind those of which nobody knows yet that they need the model."""
_TICKS_A_SECOND: Final = 100_000
_LATEST_MS: Final = 1 << 44
"""A moment some centuries ahead, from which the finished are counted back."""


class Section(IntEnum):
    """The four parts of the queue, from the top."""

    PAUSED = 1
    RUNNING = 2
    PENDING = 3
    OVER = 4

    @property
    def first(self) -> int:
        """The lowest rank in this section."""
        return self << _SECTION_BITS

    @property
    def end(self) -> int:
        """The lowest rank beyond this section."""
        return (self + 1) << _SECTION_BITS

    @classmethod
    def of(cls, state: JobState) -> Section:
        """Where jobs of this state are listed."""
        return _SECTIONS.get(state, cls.OVER)

    @classmethod
    def holding(cls, rank: int) -> Section:
        """The section that a rank lies in; the nearest for one that no job can have."""
        return cls(min(max(rank >> _SECTION_BITS, cls.PAUSED), cls.OVER))


_SECTIONS = {
    JobState.PAUSED: Section.PAUSED,
    JobState.RUNNING: Section.RUNNING,
    JobState.PENDING: Section.PENDING,
}


def paused_rank(asked_at: float) -> int:
    """The place of a job that asked at this time."""
    return Section.PAUSED.first | _milliseconds(asked_at)


def running_rank(job: int) -> int:
    """The place of a job that a worker holds."""
    return Section.RUNNING.first | job


def new_rank(job: int, priority: str) -> int:
    """The place of a job that nobody has begun: by priority, then by arrival."""
    return Section.PENDING.first | (1 + priority_rank(priority)) << _CLASS_BITS | job


def is_new(rank: int) -> bool:
    """Whether it is the place of a job that nobody has begun."""
    return FIRST_NEW <= rank < Section.PENDING.end


def resumed_rank(since: float) -> int:
    """The place of a job that was begun and waits for a worker again since this time: before every new one."""
    return Section.PENDING.first | min(max(int(since * _TICKS_A_SECOND), 0), _TURN - 1)


def turn_rank(since: float) -> int:
    """The place of a job that was begun and waits for its turn at the model: before every new one."""
    return resumed_rank(since) | _TURN


FIRST_TURN: Final = turn_rank(0.0)
"""From here on, pending jobs wait to be generated: those that were begun, then the new ones."""

FIRST_NEW: Final = Section.PENDING.first | 1 << _CLASS_BITS
"""From here on, nobody has begun them."""


def over_rank(since: float) -> int:
    """The place of a job that ended at this time."""
    return Section.OVER.first | (_LATEST_MS - 1 - _milliseconds(since))


def _milliseconds(seconds: float) -> int:
    return min(max(int(seconds * 1000), 0), _LATEST_MS - 1)
