"""Every signal that the program emits: its name, the fields of its payload, its level, and when it is emitted.

docs/signals.md lists them all, and a test holds that page against this one. What a routine of somebody else tells by
`run.emit` has a name of its own and does not stand here.
"""

# Annotations are no texts here: typing would compile each by itself, and this is read before the first frame.

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class Nothing(TypedDict):
    """A name says it all."""


class Failure(TypedDict):
    """What went wrong, in a sentence."""

    error: str


class Notice(TypedDict):
    """What a person has to know, in a sentence."""

    notice: str


class ByPerson(TypedDict):
    """Who did it."""

    by: str


# --- the session


class SessionStarted(TypedDict):
    """Who writes, and on which host."""

    backend: str
    host: str


class SessionExported(TypedDict):
    """Which file was written."""

    path: str
    format: str


class WorkerEnded(TypedDict):
    """Which process, how it ended, the jobs that it held, and what it wrote last."""

    pid: int
    how: str
    jobs: list[int]
    last_words: NotRequired[str]


class WorkerPaused(TypedDict):
    """What does not work and why, the seconds until it is tried again, and how often it was tried in vain."""

    shared: str
    error: str
    retry_in: float
    tries: int


class WorkerResumed(TypedDict):
    """What works again, and for how many seconds it did not."""

    shared: str
    seconds: float


class SignalsLost(TypedDict):
    """How many are missing."""

    signals: int


class BoxFound(TypedDict):
    """How: `full`, `guard` or `none`; why not better, and what would raise it."""

    tier: str
    reason: NotRequired[str]
    way_out: NotRequired[str]


SESSION_STARTED: Final = SignalType("session.started", SessionStarted, "A session opened the database and begins.")
SESSION_ENDED: Final = SignalType("session.ended", Nothing, "A session ends in order.")
SESSION_EXPORTED: Final = SignalType("session.exported", SessionExported, "A session's log was written to a file.")
SANDBOX_STANDING: Final = SignalType(
    "sandbox.standing", BoxFound, "It was found how nodes are held here; a warning where nothing holds them.", "info"
)
SANDBOX_UNHELD: Final = SignalType(
    "sandbox.unheld", ByPerson, "A person lets nodes run here without a box until the session ends.", "warning"
)
CONFIG_NOTICE: Final = SignalType(
    "config.notice", Notice, "Something that the config names cannot be used as it stands.", "warning"
)
WORKER_PAUSED: Final = SignalType(
    "worker.paused", WorkerPaused, "Something shared does not work; what needs it waits.", "warning"
)
WORKER_RESUMED: Final = SignalType(
    "worker.resumed", WorkerResumed, "What is shared works again; what waited goes on.", "info"
)
WORKER_ENDED: Final = SignalType(
    "worker.ended", WorkerEnded, "The process of other people's routines ended in the middle of jobs.", "warning"
)
LOG_ERROR: Final = SignalType(
    "log.error", Failure, "Signals cannot be logged at this moment; told once until that goes again.", "error"
)
SIGNALS_LOST: Final = SignalType(
    "log.signals_lost", SignalsLost, "The database was away so long that signals were not logged.", "error"
)

# --- the hub and what it sends


class LinkChanged(TypedDict):
    """How the link stands; `retry_in` in seconds. `transport` is how a hub is connected."""

    hub_url: str
    retries: int
    reason: NotRequired[str]
    retry_in: NotRequired[float]
    transport: NotRequired[str]


class MethodUnheard(TypedDict):
    """What the hub calls, how often so far, and a sentence that says what this session listens to instead."""

    method: str
    calls: int
    notice: str


class MessageReceived(TypedDict):
    """The number of the last of some messages that came together, how many, and how many tasks they carried."""

    message_number: int
    messages: int
    tasks: int


class MessageRejected(TypedDict):
    """What is wrong, and the beginning of the message where it could be read at all."""

    error: str
    message: NotRequired[str]
    message_number: NotRequired[int]


class IntakeFailed(TypedDict):
    """Why, and how many tasks it concerns."""

    error: str
    tasks: int


HUB_IDLE: Final = SignalType("hub.idle", LinkChanged, "There is a link that was not asked to connect.", "info")
HUB_CONNECTING: Final = SignalType("hub.connecting", LinkChanged, "An attempt to reach the hub begins.", "info")
HUB_CONNECTED: Final = SignalType("hub.connected", LinkChanged, "The hub is connected.", "info")
HUB_RETRY_SCHEDULED: Final = SignalType(
    "hub.retry_scheduled", LinkChanged, "The hub could not be reached or was lost; another attempt follows.", "warning"
)
HUB_ENDED: Final = SignalType("hub.ended", LinkChanged, "The hub is given up until a person connects again.", "error")
HUB_DISCONNECTED: Final = SignalType("hub.disconnected", LinkChanged, "The link was closed from here.", "info")
HUB_MESSAGE_RECEIVED: Final = SignalType(
    "hub.message_received", MessageReceived, "Messages came; their tasks are not committed yet."
)
HUB_METHOD_UNHEARD: Final = SignalType(
    "hub.method_unheard",
    MethodUnheard,
    "The hub calls a method that nobody here listens to; told once for each name.",
    "warning",
)
HUB_MESSAGE_REJECTED: Final = SignalType(
    "hub.message_rejected", MessageRejected, "Something came that is no message, or holds no task.", "error"
)
INTAKE_ERROR: Final = SignalType("intake.error", IntakeFailed, "Received tasks cannot be committed.", "error")
INTAKE_PAUSED: Final = SignalType("intake.paused", Nothing, "A person holds the hub's messages back.")
INTAKE_RESUMED: Final = SignalType("intake.resumed", Nothing, "A person lets the hub's messages come again.")

# --- tasks and their jobs


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


TASK_QUEUED: Final = SignalType("task.queued", TaskQueued, "A task was committed and waits for a worker.")
TASK_SKIPPED: Final = SignalType("task.skipped", TaskStatus, "A task was committed that the hub calls completed.")
TASK_STORED: Final = SignalType("task.stored", TaskStatus, "A task was committed that nobody is to work on.")
TASK_DUPLICATE: Final = SignalType("task.duplicate", Nothing, "A task came that is known already.", "warning")
TASK_UNCLEAR: Final = SignalType(
    "task.unclear", Notice, "A task came of which something cannot be read as it was meant; it is kept.", "warning"
)
TASK_STARTED: Final = SignalType("task.started", WorkBegan, "A worker begins on a task.")
TASK_COMPLETED: Final = SignalType("task.completed", TaskCompleted, "The routine came to its end.", "info")
TASK_FAILED: Final = SignalType("task.failed", TaskFailed, "The routine cannot go on; a person may retry.", "error")
TASK_RETRIED: Final = SignalType("task.retried", Nothing, "A person queued a failed task again.")
JOB_RESUMED: Final = SignalType("job.resumed", WorkBegan, "A worker goes on with a job that has something done.")
JOB_PAUSED: Final = SignalType("job.paused", JobPaused, "A job stopped at a question.", "info")
JOB_WAITING: Final = SignalType("job.waiting", JobWaiting, "A job was given back, to wait for its turn.")
JOB_TAKEN_OVER: Final = SignalType(
    "job.taken_over", JobTakenOver, "A worker goes on with a job that another one left behind.", "warning"
)
JOB_LEASE_LOST: Final = SignalType(
    "job.lease_lost", Failure, "A worker does not hold its job any more; what it does for it is not kept.", "warning"
)
JOB_CANCELLED: Final = SignalType("job.cancelled", ByPerson, "A person ended a job.")
JOB_RESTORED: Final = SignalType("job.restored", ByPerson, "A person put a rejected or cancelled job back.")
JOB_EXPORTED: Final = SignalType("job.exported", JobExported, "A waiting job left for another machine.")
JOB_IMPORTED: Final = SignalType("job.imported", JobImported, "A job came in from another machine.", "info")

# --- what a person is asked


class Asked(TypedDict):
    """The question's name, and what a person reads."""

    question: str
    message: str


class QuestionAnswered(TypedDict):
    """The question's name, who answered, and the answer: `accept` or `decline`, and the form's fields."""

    question: str
    by: str
    action: str
    content: Mapping[str, Any]


class ReviewDecided(TypedDict):
    """What was decided, by whom (or by a rule), about which node, and why."""

    kind: str
    by: str
    node_id: str
    reason: NotRequired[str]


QUESTION_ASKED: Final = SignalType("question.asked", Asked, "A job asks a person and waits.", "warning")
QUESTION_ANSWERED: Final = SignalType("question.answered", QuestionAnswered, "A person answered a question.")
REVIEW_REQUESTED: Final = SignalType("review.requested", Asked, "A draft waits for a person's decision.", "warning")
REVIEW_DECIDED: Final = SignalType("review.decided", ReviewDecided, "A draft was approved, rejected or sent back.")

# --- routines and their steps


class Step(TypedDict):
    """Its name in the routine."""

    step: str


class StepRetried(TypedDict):
    """Its name, which attempt failed and why, and the seconds until the next one."""

    step: str
    attempt: int
    error: str
    retry_in: float


class StepUnsure(TypedDict):
    """Its name, and who may have begun it."""

    step: str
    worker: str


class RoutineName(TypedDict):
    """Which; `author` is the built-in one."""

    routine: str


class GraphNode(TypedDict):
    """Its name; in a subgraph `outer/inner`."""

    node: str


STEP_RETRIED: Final = SignalType("step.retried", StepRetried, "A step failed and is tried again.", "warning")
STEP_ARGUMENTS_CHANGED: Final = SignalType(
    "step.arguments_changed", Step, "A step that was done is called with other arguments; its result stands.", "warning"
)
STEP_MAY_HAVE_BEGUN: Final = SignalType(
    "step.may_have_begun", StepUnsure, "A step begins that a worker may have begun before it was lost.", "warning"
)
ROUTINE_SOURCE_CHANGED: Final = SignalType(
    "routine.source_changed", RoutineName, "A job goes on under another source than it began under.", "warning"
)
ROUTINE_RELOADED: Final = SignalType("routine.reloaded", RoutineName, "A plug-in's changed file was loaded.", "info")
GRAPH_NODE: Final = SignalType("graph.node", GraphNode, "A node of a LangGraph graph is done.", "info")
GRAPH_ANSWER_UNUSED: Final = SignalType(
    "graph.answer_unused", Notice, "A graph did not ask again for what was answered.", "warning"
)

# --- the author


class GenerationStarted(TypedDict):
    """Which model, by which backend."""

    model: str
    backend: str


class GenerationCompleted(TypedDict):
    """Tokens as the provider counted them, where it did; how long it took in seconds."""

    tokens_generated: int | None
    prompt_tokens: int | None
    backend: str
    seconds: float


class GenerationFailed(TypedDict):
    """Why, and the seconds until the model is asked again, where it is."""

    error: str
    backend: str
    retry_in: NotRequired[float]


class NodeWritten(TypedDict):
    """The draft, who wrote it, and how long that took in seconds."""

    node_id: str
    workflow_name: str
    tools: list[str]
    author: str
    seconds: float


class NodeChecked(TypedDict):
    """Which, what it can do (`low`, `medium` or `high`), and whether the checks let a person approve it."""

    node_id: str
    risk: str
    can_be_approved: bool


class NodeTried(TypedDict):
    """Which, on how many inputs, how many gave an output, the box, what went wrong; who ran it by hand, and if live."""

    node_id: str
    inputs: int
    succeeded: int
    box: str
    error: NotRequired[str]
    by: NotRequired[str]
    live: NotRequired[bool]


class NodeNotSaved(TypedDict):
    """Which, and why, in a sentence."""

    node_id: str
    error: str


class NodeSaved(TypedDict):
    """Which, as which version, and the hash of its code."""

    node_id: str
    version: int
    sha256: str


LLM_GENERATION_START: Final = SignalType("llm.generation_start", GenerationStarted, "The model is asked.", "info")
LLM_GENERATION_COMPLETE: Final = SignalType(
    "llm.generation_complete", GenerationCompleted, "The model's answer came whole.", "info"
)
LLM_GENERATION_ERROR: Final = SignalType(
    "llm.generation_error",
    GenerationFailed,
    "The model failed or answered badly; an error where the task fails by it.",
    "warning",
)
NODE_WRITTEN: Final = SignalType("node.written", NodeWritten, "A draft was read out of the model's answer.", "info")
NODE_CHECKED: Final = SignalType("node.checked", NodeChecked, "A draft passed through the checks.", "info")
NODE_TRIED: Final = SignalType(
    "node.tried", NodeTried, "A draft was run in a box, on sample inputs or on one that a person gave.", "info"
)
NODE_REPLACED: Final = SignalType(
    "node.replaced",
    NodeNotSaved,
    "Another version lies in the library than the approval named; the draft is reviewed again.",
    "warning",
)
NODE_SAVED: Final = SignalType("node.saved", NodeSaved, "An approved draft lies in the library.", "info")


CATALOGUE: Final[Mapping[str, SignalType[Any]]] = {
    each.name: each for each in tuple(globals().values()) if isinstance(each, SignalType)
}
"""All of them by name."""
