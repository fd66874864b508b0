"""Jobs that a person marked, to do one thing with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from evolver_tui.core.job import JobState, QueueRow
from evolver_tui.core.safe_text import safe_text

MOST_MARKED: Final = 200
"""Jobs at once: what is done with them is summed up before."""
TOO_MANY: Final = f"At most {MOST_MARKED} tasks can be marked at once."
ONLY_WAITING: Final = "Only what waits for you can be marked."


_MOST_NAMED: Final = 3
"""Tasks in one sentence; more are counted."""


def named(task_ids: Sequence[str]) -> str:
    """Some tasks by their ids, safe to draw: the first ones, and how many more there are."""
    shown = ", ".join(safe_text(each, 40) for each in task_ids[:_MOST_NAMED])
    more = len(task_ids) - _MOST_NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown


def words_of_lost_marks(task_ids: Sequence[str]) -> str:
    """That these are marked no longer, as a sentence."""
    are = "is" if len(task_ids) == 1 else "are"
    return f"{named(task_ids)} {are} not marked any longer: settled elsewhere."


class Mark(NamedTuple):
    """A marked job, as it stood then."""

    task_id: str
    asks: str | None
    since: float

    @classmethod
    def of(cls, row: QueueRow) -> Mark:
        """The mark of a job that stands like this."""
        return cls(row.task_id, row.asks, row.since)


def can_be_marked(row: QueueRow) -> bool:
    """Whether something can be done with it together with others: it waits for a person."""
    return row.state is JobState.PAUSED


class Marks:
    """Marks by the number of their jobs, wherever these stand in the queue."""

    def __init__(self) -> None:
        self._marks: dict[int, Mark] = {}

    def __contains__(self, job: int) -> bool:
        return job in self._marks

    def __len__(self) -> int:
        return len(self._marks)

    @property
    def jobs(self) -> Sequence[int]:
        """The marked jobs, in the order in which they were marked."""
        return tuple(self._marks)

    def toggle(self, row: QueueRow) -> str:
        """Mark a job, or take its mark away; returns why it cannot be marked, or nothing."""
        if self._marks.pop(row.job, None) is not None:
            return ""
        return self.add((row,))

    def add(self, rows: Iterable[QueueRow]) -> str:
        """Mark jobs, as many as may be; returns why not all or none of them could be, or nothing."""
        fitting = [row for row in rows if can_be_marked(row)]
        for row in fitting:
            if len(self._marks) >= MOST_MARKED and row.job not in self._marks:
                return TOO_MANY
            self._marks.setdefault(row.job, Mark.of(row))
        return "" if fitting else ONLY_WAITING

    def drop(self, jobs: Iterable[int]) -> None:
        """Take the marks of some jobs away."""
        for job in jobs:
            self._marks.pop(job, None)

    def clear(self) -> None:
        """Take every mark away."""
        self._marks.clear()

    def settle(self, stands: Callable[[int], QueueRow | None], jobs: Iterable[int]) -> Sequence[tuple[int, str]]:
        """Take the marks away of those among these jobs that do not wait any longer as they did; returns job and task.

        Args:
            stands: how a job stands; None where there is none.
        """
        gone = []
        for job in jobs:
            mark, row = self._marks.get(job), stands(job)
            if mark is not None and (row is None or not can_be_marked(row) or Mark.of(row) != mark):
                del self._marks[job]
                gone.append((job, mark.task_id))
        return gone
