"""A job: the work on one task, and where it stands."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from evolver_tui.core.job_marks import JobMarks
from evolver_tui.core.worker_identity import NOBODY, WorkerIdentity

if TYPE_CHECKING:  # the first frame shows rows and no tasks
    from evolver_tui.core.task import Task


AUTHOR: Final = ""
"""The built-in author's name among the names of routines, as the database has it."""
AUTHOR_NAME: Final = "author"
"""What a person calls it."""


def is_built_in(routine: str) -> bool:
    """Whether a routine's name is that of the built-in author, and of no plug-in."""
    return routine == AUTHOR


class JobState(StrEnum):
    """Where a job stands (spec 001's words, and `exported` for a job that was moved to another machine)."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPORTED = "exported"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen unless a person asks for it."""
        return self not in (JobState.PENDING, JobState.RUNNING, JobState.PAUSED)


class Outcome(StrEnum):
    """What came of a completed job."""

    APPROVED = "approved"
    """A node was saved."""
    REJECTED = "rejected"
    """A person said no; nothing was saved."""
    SKIPPED = "skipped"
    """The hub said that the task was completed already; kept, not worked on."""
    STORED = "stored"
    """Progress only, as the config asked (auto_generate_workflows false)."""
    DONE = "done"
    """A plug-in's routine came to its end; what it returned is in the journal."""


class QuestionKind(StrEnum):
    """What is wanted of the person: facts for the routine, or a decision about a draft.

    A text that is neither may stand where a kind does: another program, or a later version, knows more of them.
    """

    QUESTION = "question"
    REVIEW = "review"


class QueueKey(NamedTuple):
    """A place in the queue's order: first the section and what orders it, then arrival."""

    rank: int
    job: int


class QueueRow(NamedTuple):
    """One line of the queue, as short as a list needs it."""

    job: int
    rank: int
    task_id: str
    task_name: str
    task_type: str
    priority: str
    state: JobState
    outcome: Outcome | None
    asks: str | None
    """What a paused job waits for: the name of a kind of question."""
    since: float
    """Seconds since 1970 when the job came into this state."""
    node: str
    """`<node id> v<version>` once saved, else empty."""

    @property
    def key(self) -> QueueKey:
        """This row's place in the order."""
        return QueueKey(self.rank, self.job)


class QueueCounts(NamedTuple):
    """How many jobs stand where. `waiting` are pending, `needs_you` are paused at a question or review."""

    waiting: int = 0
    running: int = 0
    needs_you: int = 0
    approved: int = 0
    rejected: int = 0
    skipped: int = 0
    stored: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    exported: int = 0

    @property
    def total(self) -> int:
        """Every job in the database."""
        return (
            self.waiting + self.running + self.needs_you + self.approved + self.rejected + self.skipped
            + self.stored + self.done + self.failed + self.cancelled + self.exported
        )  # fmt: skip

    @property
    def live(self) -> int:
        """Jobs that are not over."""
        return self.waiting + self.running + self.needs_you


class JobDetail(NamedTuple):
    """One job with all that a person may want to read of it."""

    row: QueueRow
    task: Task
    received_at: float
    error: str
    """Why it failed, in words; empty otherwise."""
    attempt: int
    """1 for the first run, one more for each retry."""
    routine: str = AUTHOR
    """What works on it: the built-in author, or the plug-in of this name."""
    pause_reason: str = ""
    """Why it waits: `user_input`, `review`, or what the routine said; empty while it does not."""
    owner: WorkerIdentity = NOBODY
    """The process that works on it, or did when it was cancelled; nobody while it waits."""
    bundle: str = ""
    """The id of the bundle that it left in, or came in; empty for one that never moved."""
    deferred_events: int = 0
    """How many events are told when it is taken up again."""
    session_id: str = ""
    """The session in which it came in; its log tells of the job."""
    marks: JobMarks = JobMarks()
    """What rules or people put on it."""
    resent_at: float | None = None
    """When the hub sent the task again with another content that is kept; None where it did not."""
