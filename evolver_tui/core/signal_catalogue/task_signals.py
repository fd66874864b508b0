"""Signals of tasks and their jobs."""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType
from evolver_tui.core.signal_catalogue.common_payloads import ByPerson, Failure, Nothing, Notice


class TaskQueued(TypedDict):
    """How many tasks wait, this one included, and its priority: `high`, `medium` or `low`."""

    queue_size: int
    priority: str


class TaskStatus(TypedDict):
    """The task's status, as the hub gave it."""

    status: str


class WorkBegan(TypedDict):
    """How many tasks wait, and the how manyth attempt it is."""

    queue_size: int
    attempt: int


class TaskCompleted(TypedDict):
    """What came of it, and `<node id> v<version>` where a node was saved."""

    outcome: str
    node: NotRequired[str]


class TaskFailed(TypedDict):
    """Why, and the task as it came, unless the task itself may be what went wrong."""

    error: str
    task: NotRequired[Mapping[str, Any]]


class JobPaused(TypedDict):
    """Why, in a word, and the question's name."""

    reason: str
    question: str


class JobWaiting(TypedDict):
    """For what, in a word."""

    reason: str


class JobTakenOver(TypedDict):
    """Who left it behind, whether that is proven, and how often that happened."""

    worker: str
    has_ended: bool
    takeovers: int


class JobExported(TypedDict):
    """Who let it go, and as which bundle."""

    by: str
    bundle: str


JobImported = TypedDict("JobImported", {"by": str, "bundle": str, "exported_by": str, "from": str})
JobImported.__doc__ = "Who let it in, which bundle it was, who exported that, and on which host."


class JobMarkedBy(TypedDict):
    """Who did it, in a sentence as well, and what: tags, another priority, that a person has to review its draft."""

    by: str
    note: str
    tags: NotRequired[list[str]]
    priority: NotRequired[str]
    needs_review: NotRequired[bool]


TASK_QUEUED: Final = SignalType("task.queued", TaskQueued, "intake", "A task was committed and waits for a worker.")
TASK_SKIPPED: Final = SignalType(
    "task.skipped", TaskStatus, "intake", "A task was committed that the hub calls completed."
)
TASK_STORED: Final = SignalType("task.stored", TaskStatus, "intake", "A task was committed that nobody is to work on.")
TASK_DUPLICATE: Final = SignalType("task.duplicate", Nothing, "intake", "A task came that is known already.", "warning")
TASK_RESENT: Final = SignalType(
    "task.resent", Nothing, "intake", "A task that is known came with another content, which is kept.", "warning"
)
TASK_UNCLEAR: Final = SignalType(
    "task.unclear",
    Notice,
    "intake",
    "A task came of which something cannot be read as it was meant; it is kept.",
    "warning",
)
TASK_STARTED: Final = SignalType("task.started", WorkBegan, "worker", "A worker begins on a task.")
TASK_COMPLETED: Final = SignalType("task.completed", TaskCompleted, "worker", "The routine came to its end.", "info")
TASK_FAILED: Final = SignalType(
    "task.failed", TaskFailed, "worker", "The routine cannot go on; a person may retry.", "error"
)
TASK_RETRIED: Final = SignalType("task.retried", Nothing, "inbox", "A person queued a failed task again.")
JOB_RESUMED: Final = SignalType(
    "job.resumed", WorkBegan, "worker", "A worker goes on with a job that has something done."
)
JOB_PAUSED: Final = SignalType("job.paused", JobPaused, "routine", "A job stopped at a question.", "info")
JOB_WAITING: Final = SignalType("job.waiting", JobWaiting, "worker", "A job was given back, to wait for its turn.")
JOB_TAKEN_OVER: Final = SignalType(
    "job.taken_over", JobTakenOver, "worker", "A worker goes on with a job that another one left behind.", "warning"
)
JOB_LEASE_LOST: Final = SignalType(
    "job.lease_lost",
    Failure,
    "worker",
    "A worker does not hold its job any more; what it does for it is not kept.",
    "warning",
)
JOB_CANCELLED: Final = SignalType("job.cancelled", ByPerson, "inbox", "A person ended a job.")
JOB_RESTORED: Final = SignalType("job.restored", ByPerson, "inbox", "A person put a rejected or cancelled job back.")
JOB_RENEWED: Final = SignalType(
    "job.renewed", ByPerson, "inbox", "A job begins anew with the other content that the hub sent.", "info"
)
RESENT_DROPPED: Final = SignalType("task.resent_dropped", ByPerson, "inbox", "The other content of a task was let go.")
JOB_MARKED: Final = SignalType(
    "job.marked", JobMarkedBy, "inbox", "A rule put something on a job: tags, a priority, that a person reviews it."
)
JOB_EXPORTED: Final = SignalType("job.exported", JobExported, "inbox", "A waiting job left for another machine.")
JOB_IMPORTED: Final = SignalType("job.imported", JobImported, "inbox", "A job came in from another machine.", "info")
