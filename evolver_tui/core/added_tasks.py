"""What became of tasks that were handed to the database."""

from __future__ import annotations

from dataclasses import dataclass

from evolver_tui.core.task import Task


@dataclass(frozen=True, slots=True)
class AddedTasks:
    """What became of one batch of tasks, after the commit."""

    queued: tuple[Task, ...]
    skipped: tuple[Task, ...]
    """Completed already by their own status: kept, not worked on."""
    stored: tuple[Task, ...]
    """Progress only, because intake does not generate."""
    duplicates: tuple[Task, ...]
    """Seen before (in the database or earlier in the batch): nothing was written for them."""
    waiting: int
    """Pending jobs after the commit."""
    resent: tuple[Task, ...] = ()
    """Seen before, with another content than they have here, which is kept beside that."""
