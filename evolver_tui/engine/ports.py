"""The promises that others keep for the engine. Adapters implement them; cli.py brings both together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from evolver_tui.core.address import Address
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import StoreBroken
from evolver_tui.core.job import JobDetail, JobState, Outcome, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord
from evolver_tui.core.question import OpenQuestion, Question
from evolver_tui.core.routine_state import DeferredEvent, Pause, SharedState
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task

# --- the hub -------------------------------------------------------------------------------------------------------

LinkPhase = Literal["idle", "connecting", "connected", "waiting", "ended", "closed"]
"""`waiting`: between two attempts. `ended`: the hub said no for good or ten retries failed. `closed`: we hung up."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the hub pane shows. Times are seconds since 1970."""

    phase: LinkPhase
    url: Address
    since: float
    retries: int = 0
    reason: str = ""
    """Why it is waiting or ended, in words, without secrets."""
    retry_at: float | None = None
    ping_ms: float | None = None
    """Round trip of the last transport ping; None where the hub answers none."""


class Link(Protocol):
    """One supervised subscription to a hub. It reconnects by itself and never raises for what a hub does."""

    @property
    def state(self) -> LinkState:
        """The state now."""

    async def run(self) -> None:
        """Connect and stay connected until `close` or a reason to end for good; then return."""

    def retry_now(self) -> None:
        """Cut the wait before the next attempt, or start again after an end. Callable from the loop's thread."""

    async def close(self) -> None:
        """Hang up; returns within two seconds."""


class LinkListener(Protocol):
    """Who is told what a link hears."""

    def message(self, arguments: Sequence[object]) -> None:
        """One invocation of the subscribed method, with its arguments.

        Called in the link's receive thread. May block: while it does, nothing more is read from the hub, so that the
        hub's own flow control holds the rest back.
        """

    def state_changed(self, state: LinkState) -> None:
        """The link's state changed. Called in the loop's thread."""

    def unusable(self, problem: str) -> None:
        """Something arrived that is not SignalR or not for us; the link lives on. Called in any thread."""


# --- the store -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddedTasks:
    """What became of one batch of tasks, after the commit."""

    queued: tuple[Task, ...]
    skipped: tuple[Task, ...]
    """Completed already by their own status: kept, not worked on."""
    stored: tuple[Task, ...]
    """Kept only, because intake does not generate."""
    duplicates: tuple[Task, ...]
    """Seen before (in the database or earlier in the batch): nothing was written for them."""
    waiting: int
    """Pending jobs after the commit."""


Narrator = Callable[[AddedTasks], Sequence[Signal]]
"""Says what happened, so that the words are committed together with the deed."""


BUILT_IN_ROUTINES: Mapping[str, str] = {"": ""}
"""What a worker that knows the built-in author alone tells `claim`."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A worker that held a job and neither ended it nor gave it back."""

    owner: str
    """The process, as it named itself in `claim`."""
    has_ended: bool
    """Whether its end is proven; if not, its lease came to an end, and it may live."""
    takeovers: int
    """How often the job was taken over so, this time included, since a person last answered or retried it."""

    def __str__(self) -> str:
        """Which process it was and how it left, as a part of a sentence."""
        host, _, rest = self.owner.partition(":")
        pid = rest.partition(":")[0]
        process = f"process {pid} on {host.partition('@')[0]}" if pid else self.owner or "a worker without a name"
        how = "ended in the middle of it" if self.has_ended else "was not heard of until its lease was over"
        return f"{process} {how}"


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker takes at this moment."""

    resumed: Collection[str] | None = None
    """Routines whose resumed jobs it takes; None for those of every routine that it can run."""
    generates: bool = True
    """Whether it takes jobs that are new or wait for their turn at the model."""
    held: Collection[int] = ()
    """What it holds already: not left behind, even where the lease has ended meanwhile."""

    def resumed_of(self, routines: Collection[str]) -> Collection[str]:
        """Those of a worker's routines whose resumed jobs it takes."""
        return routines if self.resumed is None else self.resumed


ALL_ROOM = Room()

SUSPECT_TAKEOVERS = 2


def goes_alone(routine: str, takeovers: int) -> bool:
    """Whether a job is held with no other beside it: a plug-in's may be what ends its process, and all in it."""
    return bool(routine) and takeovers >= SUSPECT_TAKEOVERS


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds. `fence` goes with every write; a stale one is refused."""

    job: int
    fence: int
    task: Task
    attempt: int
    journal: Mapping[str, Any]
    """Name to JSON value of every journaled step, and to the answer of every answered question."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Name to the digest of the arguments with which a step was done; without those of which it is not known."""
    routine: str = ""
    """Which routine works on it; empty for the built-in author."""
    source_hash: str = ""
    """Of the routine's source, as this worker named it when it took the job; kept with the job."""
    source_changed: bool = False
    """Whether the routine's source is another one than when the job was taken up before."""
    deferred: Sequence[DeferredEvent] = ()
    """What was deferred and not yet told, in order."""
    shared: SharedState = field(default_factory=SharedState)
    is_resumed: bool = False
    """Whether it was begun before (answered, tried again, left behind) and is not known to need the model next."""
    left_behind: LeftBehind | None = None
    """Whose work goes on with this claim; None for a job that waited."""
    takeovers: int = 0
    """How often it was taken over since a person last answered or retried it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a write that keeps a job's progress carries besides its own value."""

    shared: SharedState | None = None
    """The shared data and log as they stand; None leaves them as they were committed."""
    deferred: Sequence[DeferredEvent] | None = None
    """All events that are told when the job is taken up again; None leaves them as they were committed."""


NOTHING_ELSE = Kept()


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal as the log has it. `seq` counts up in the order in which it was committed."""

    seq: int
    session_id: str
    signal: Signal


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One run of the console or of `connect`."""

    id: str
    started_at: float
    ended_at: float | None
    """None while it runs, and for one that was killed."""
    hub_url: str
    """As it may be shown."""
    host: str


class Store(Protocol):
    """Everything durable. Every method that writes returns after the commit.

    `signals` are written in the same transaction as the fact they tell of.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    # sessions and signals
    async def open(self) -> None:
        """Open the database, bring its layout up to date. Raises StoreError for a layout newer than this program."""

    async def close(self) -> None:
        """Commit what was accepted and let go of the file."""

    async def start_session(self, session_id: str, hub_url: Address, host: str) -> None:
        """Record that a session began, with the hub's address as it may be shown."""

    async def end_session(self, session_id: str) -> None:
        """Record that it ended in order."""

    async def sessions(self) -> Sequence[SessionRecord]:
        """Every session, oldest first."""

    def log(self, signals: Sequence[Signal], session_id: str) -> None:
        """Write signals soon, in order and before anything that is asked for later. Callable in any thread."""

    async def signals(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[StoredSignal]:
        """A session's signals with `seq > after`, in order."""

    # intake
    async def add_tasks(
        self, tasks: Sequence[Task], session_id: str, *, generate: bool, narrate: Narrator
    ) -> AddedTasks:
        """Keep tasks: pending where `generate` and not completed, else over at once. Duplicates by task id are left."""

    # the worker
    async def claim(
        self,
        owner: str,
        lease_seconds: float,
        routines: Mapping[str, str] = BUILT_IN_ROUTINES,
        room: Room = ALL_ROOM,
    ) -> Claim | None:
        """Take the first job in order that waits for a worker.

        The order: resumed ones as they were answered, those that wait for their turn at the model, then new ones by
        priority and arrival.

        A running job whose lease ended, or whose owner was a process of this host and is proven to have ended, waits
        as well, and its takings-over are counted.

        Args:
            routines: name to source hash of what this worker can run; other jobs are left to others. A hash is kept
                with the job; an empty one is not compared.
            room: what this worker takes at this moment.
        """

    async def seconds_to_look_again(
        self, routines: Mapping[str, str] = BUILT_IN_ROUTINES, room: Room = ALL_ROOM
    ) -> float | None:
        """When `claim` may find something that `watch` does not tell of, as a lease ends. None while nobody has one."""

    def watch(self, listener: Callable[[bool], None]) -> None:
        """Call `listener`, in the loop's thread, soon after another process changed jobs or questions here.

        It is told whether a job may wait for a worker.
        """

    def watch_broken(self, listener: Callable[[StoreBroken], None]) -> None:
        """Call `listener`, in the loop's thread, once it is known that nothing more can be written here."""

    async def renew(self, job: int, fence: int, lease_seconds: float) -> None:
        """Hold on to a job. Raises StaleLease."""

    async def record_step(
        self,
        job: int,
        fence: int,
        name: str,
        value: Any,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        digest: str = "",
        kept: Kept = NOTHING_ELSE,
    ) -> None:
        """Journal a step's JSON result under its name, with the digest of its arguments. Raises StaleLease."""

    async def pause(
        self,
        job: int,
        fence: int,
        question: Question,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        reason: str = "",
        kept: Kept = NOTHING_ELSE,
    ) -> int:
        """Commit the question, the waiting state and the end of the lease in one. Returns the question's id.

        Args:
            reason: why the job waits; empty takes `review` or `user_input`, after the question's kind.
        """

    async def tell_deferred(self, job: int, fence: int, session_id: str, signals: Sequence[Signal]) -> None:
        """Write the signals of a job's deferred events, and forget those events, in one. Raises StaleLease."""

    async def finish(
        self,
        job: int,
        fence: int,
        state: JobState,
        session_id: str,
        *,
        outcome: Outcome | None = None,
        error: str = "",
        node: str = "",
        signals: Sequence[Signal] = (),
        kept: Kept = NOTHING_ELSE,
    ) -> None:
        """End a job (completed, failed). Raises StaleLease."""

    async def release(self, job: int, fence: int, *, to_generate: bool = False) -> None:
        """Give a claimed job back as it is: the next claim goes on with it. A stale fence is ignored.

        Args:
            to_generate: it waits for its turn at the model.
        """

    # the person
    async def open_questions(self, limit: int = 200) -> Sequence[OpenQuestion]:
        """What waits for a person, oldest first."""

    async def question(self, question_id: int) -> OpenQuestion | None:
        """One open question, or None when it is answered or unknown."""

    async def open_question_of(self, job: int) -> OpenQuestion | None:
        """What this job waits for, or None."""

    async def answer(
        self, question_id: int, value: Mapping[str, Any], by: str, session_id: str, signals: Sequence[Signal] = ()
    ) -> None:
        """Commit the one answer and make its job pending again. Raises AlreadyAnswered, NotWaiting."""

    async def retry(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Queue a failed job again; its journal stays. Raises NotWaiting when it has not failed."""

    async def cancel(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """End a job for good, whether it waits or runs: its worker's next write is refused.

        Raises:
            NotWaiting: it is over or unknown.
        """

    async def restore(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Put a rejected or cancelled job back where it was: paused at the question or review at which it ended, with
        that answer and what followed from it taken back, or else pending. Its fence grows.

        Raises:
            NotWaiting: it is neither rejected nor cancelled, no person's answer rejected it, or it is unknown.
        """

    # moving a job
    async def export_job(
        self, job: int, by: str, host: str, bundle_id: str, session_id: str, signals: Sequence[Signal] = ()
    ) -> Bundle:
        """Let a waiting job leave: it becomes `exported` here, and the bundle holds all of it.

        A job that left already gives the same bundle again, with the id of the first time.

        Raises:
            NotWaiting: it runs, is over, or is unknown.
        """

    async def import_job(self, bundle: Bundle, session_id: str, signals: Sequence[Signal] = ()) -> int:
        """Let a job come in, in the state in which it left; returns its number here.

        A job that left from here comes back under its old number.

        Raises:
            BundleError: this bundle came in before, or its task is here in another state; or it cannot be read.
        """

    # reading
    async def pauses_of(self, job: int) -> Sequence[Pause]:
        """Every question that a job asked, with its answer, oldest first."""

    async def shared_of(self, job: int) -> SharedState:
        """A job's shared data and log."""

    async def rows_after(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that follow `key` in the queue's order (None: from the top)."""

    async def rows_before(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that precede `key` (None: from the end), still in the queue's order."""

    async def rank_of(self, key: QueueKey, search: str = "") -> int:
        """How many rows precede `key`."""

    async def row(self, job: int) -> QueueRow | None:
        """One row."""

    async def counts(self) -> QueueCounts:
        """How many jobs stand where."""

    async def job(self, job: int) -> JobDetail | None:
        """One job in full."""

    async def job_of_task(self, task_id: str) -> int | None:
        """The number of the job that works on a task, or None."""

    async def journal(self, job: int) -> Mapping[str, Any]:
        """Name to value of what is journaled for a job."""


# --- the model -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model."""

    system: str
    user: str
    temperature: float = 0.2
    max_tokens: int = 4000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What a backend is called. `is_offline` means deterministic and made here, with no model behind it."""

    kind: str
    model: str
    is_offline: bool = False

    @property
    def label(self) -> str:
        """As shown beside everything it wrote."""
        return "offline" if self.is_offline else f"{self.kind}/{self.model}"


class Backend(Protocol):
    """Something that writes. Cancelling the iteration ends the request."""

    @property
    def info(self) -> BackendInfo:
        """Its name."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """Pieces of text as they come, then one Usage at the end of a whole answer.

        Raises:
            BackendError: refused, limited (retryable, retry_after), broken off, timed out, or empty.
        """

    async def close(self) -> None:
        """Let go of connections."""


# --- the library ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Approval:
    """Why a draft may enter the library."""

    decided_by: str
    decided_at: str
    """ISO 8601, UTC, ending in Z."""
    task_id: str
    task_type: str
    tags: tuple[str, ...] = ()
    replaces: str | None = None
    """The digest of the version whose place it may take; empty for none, None for whichever there is."""


class Library(Protocol):
    """The folder of approved nodes. Calls block for a file or two; the engine makes them in a thread."""

    @property
    def place(self) -> str:
        """Host and folder: what tells this library from others."""

    def save(self, draft: NodeDraft, report: CheckReport, approval: Approval) -> NodeRecord:
        """Put a version into the library atomically. Saving the same bytes for the same task again changes nothing.

        Raises:
            NodeReplaced: another version than the approved one would be replaced; nothing was changed.
            NodeError: the id is invalid or the folder cannot be written; nothing was changed.
        """

    def latest(self, node_id: str) -> NodeRecord | None:
        """The current version's record, or None."""

    def code(self, node_id: str, version: int | None = None) -> str:
        """A version's code (default: current). Raises NodeError, NodeChanged."""

    def list(self) -> Sequence[NodeRecord]:
        """Every node's current record, by id."""


class Clock(Protocol):
    """Time, as an argument."""

    def now(self) -> float:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
