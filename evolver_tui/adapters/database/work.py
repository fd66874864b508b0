"""What a worker does with a job: take it under a lease, journal its steps, let it wait for a person, end it.

Each write names the job's fence, the number that grows with every claim. A writer whose job was taken over meanwhile
holds an older number: its write matches no row and is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, or_, select

from evolver_tui.adapters.database import encoding, sqlite
from evolver_tui.adapters.database.dialect import Dialect, rows_of
from evolver_tui.adapters.database.models import jobs, journal
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.adapters.process_identity import is_gone, is_here
from evolver_tui.core import ranks
from evolver_tui.core.claim import ALL_ROOM, Claim, LeftBehind, Place, Room
from evolver_tui.core.errors import StaleLease
from evolver_tui.core.job import AUTHOR, JobState, Outcome
from evolver_tui.core.question import Question
from evolver_tui.core.ranks import Section
from evolver_tui.core.routine_state import Progress
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.core.worker_identity import WorkerIdentity
from evolver_tui.engine.durable.endings import LONGEST_LEASE_SECONDS, goes_alone, is_free


class KeptProgress(NamedTuple):
    """What a write carries besides its own value: columns to set, and names and JSON of entries of the journal."""

    columns: Mapping[str, Any]
    values: Sequence[tuple[str, str]]


_RUNNING: Final = standing(JobState.RUNNING)
_PENDING: Final = standing(JobState.PENDING)
_NO_LEASE: Final = {"lease_owner": None, "lease_expires": None}

_LOOK_AGAIN: Final = 2.0
"""Seconds after which the end of a process of this host is noticed."""
_SOON: Final = 0.05
"""Seconds until a job is looked at again whose lease is over, while another process writes to it."""


class _Queued(NamedTuple):
    """What has to be known of a job before it is taken."""

    seq: int
    rank: int
    since: float
    state: str
    fence: int
    lease_owner: str | None
    lease_expires: float | None
    takeovers: int
    routine: str
    source_hash: str


_IN_QUEUE: Final = (
    "SELECT seq, rank, since, state, fence, lease_owner, lease_expires, takeovers, routine, source_hash FROM job"
)
_IN_ORDER: Final = " ORDER BY rank, seq"
_IS_RUNNING: Final = f" WHERE rank >= {Section.RUNNING.first} AND rank < {Section.RUNNING.end}"
_IS_PENDING: Final = f" WHERE rank >= {Section.PENDING.first} AND rank < {Section.PENDING.end}"
_LATEST_OVER: Final = f"SELECT min(rank) FROM job WHERE rank >= {Section.OVER.first} AND rank < {Section.OVER.end}"
_IS_RESUMED: Final = f" WHERE rank >= {Section.PENDING.first} AND rank < {ranks.FIRST_TURN}"
_IS_BEGUN: Final = f" WHERE rank >= {Section.PENDING.first} AND rank < {ranks.FIRST_NEW}"
_READ_JOURNAL: Final = "SELECT name, value_json, digest FROM journal WHERE job = ? ORDER BY fence, at"
_READ_QUESTION: Final = "SELECT id, asked_at, answered_at FROM question WHERE job = ? AND name = ?"
_ASK: Final = (
    "INSERT INTO question (job, name, kind, message, form_json, subject_json, asked_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id"
)
_JOURNAL_COLUMNS: Final = ("job", "name", "value_json", "digest", "fence", "at")
_JOURNALED = sqlite.insert(journal).values(dict.fromkeys(_JOURNAL_COLUMNS))
_GIVEN: Final = ("value_json", "digest", "fence")
_WRITE_JOURNAL: Final = sqlite.compiled(
    _JOURNALED.on_conflict_do_update(
        index_elements=[journal.c.job, journal.c.name],
        set_={column: _JOURNALED.excluded[column] for column in (*_GIVEN, "at")},
        where=or_(*(journal.c[column] != _JOURNALED.excluded[column] for column in _GIVEN)),
    )
)
"""Writes no row when the same write was made before."""


def claim(
    transaction: Transaction, owner: str, lease_seconds: float, routines: Mapping[str, str], room: Room
) -> Claim | None:
    """Take the first job that waits for a worker; one that its worker left behind comes before all others."""
    found = _abandoned(transaction, lease_seconds, routines, room) or _first(transaction, *_is_waiting(routines, room))
    if found is None:
        return None
    job = found.seq
    left_behind = _left_behind(found)
    takeovers = left_behind.takeovers if left_behind else found.takeovers
    if room.held and goes_alone(found.routine, takeovers):
        return None  # it begins when nothing else is held, and nothing new before it
    source_hash = routines[found.routine]
    taken = transaction.update_row(
        "job",
        {
            "state": JobState.RUNNING,
            "rank": ranks.running_rank(job),
            "since": transaction.now,
            "fence": found.fence + 1,
            "lease_owner": encoding.plain(owner),
            "lease_expires": transaction.now + lease_seconds,
            "takeovers": takeovers,
            "source_hash": source_hash or found.source_hash,
        },
        "seq = ?",
        (job,),
        "attempt, raw_json, deferred_json, shared_json",
    )
    assert taken is not None
    attempt, raw_json, deferred_json, shared_json = taken
    transaction.moved((found.state, ""), _RUNNING)
    values, digests = _read_journal(transaction, job)
    return Claim(
        job=job,
        fence=found.fence + 1,
        task=Task.from_json(raw_json),
        attempt=attempt,
        journal=values,
        digests=digests,
        routine=found.routine,
        source_hash=source_hash,
        source_changed=bool(source_hash and found.source_hash and source_hash != found.source_hash),
        deferred=encoding.to_deferred(deferred_json),
        shared=encoding.to_shared(shared_json),
        is_resumed=found.rank < ranks.FIRST_TURN,
        left_behind=left_behind,
        takeovers=takeovers,
        place=None if left_behind else Place(found.rank, found.since),
    )


def _left_behind(found: _Queued) -> LeftBehind | None:
    """By whom a job was left that is taken over; None for one that waited."""
    if found.state != JobState.RUNNING.value:
        return None
    owner = found.lease_owner or ""
    return LeftBehind(WorkerIdentity(owner), is_gone(owner), found.takeovers + 1)


def _is_waiting(routines: Mapping[str, str], room: Room) -> tuple[str, tuple[str | int, ...]]:
    """The condition that a job waits for a worker that knows these and has this room, and its values."""
    condition, values = _has_room(routines, room)
    if not room.apart:
        return condition, values
    return f"{condition} AND seq NOT IN {_marks(room.apart)}", (*values, *room.apart)


def _has_room(routines: Mapping[str, str], room: Room) -> tuple[str, tuple[str, ...]]:
    resumed = room.resumed_of(routines)
    if room.generates and len(resumed) == len(routines):
        return f"{_IS_PENDING} AND routine IN {_marks(routines)}", tuple(routines)
    if room.generates:
        known = f"routine IN {_marks(resumed)} OR rank >= {ranks.FIRST_TURN} AND routine IN {_marks(routines)}"
        return f"{_IS_PENDING} AND ({known})", (*resumed, *routines)
    if room.turns and AUTHOR in routines:
        known = f"routine IN {_marks(resumed)} OR rank >= {ranks.FIRST_TURN} AND routine = ?"
        return f"{_IS_BEGUN} AND (rank < {ranks.FIRST_TURN} AND {known})", (*resumed, AUTHOR)
    return f"{_IS_RESUMED} AND routine IN {_marks(resumed)}", tuple(resumed)


def _marks(values: Collection[object]) -> str:
    return f"({', '.join('?' * len(values)) or 'NULL'})"


def _abandoned(
    transaction: Transaction, lease_seconds: float, routines: Mapping[str, str], room: Room
) -> _Queued | None:
    resumed = room.resumed_of(routines)
    for row in transaction.rows(f"{_IN_QUEUE}{_IS_RUNNING}{_IN_ORDER}"):
        running = _Queued(*row)
        if running.routine not in resumed or running.seq in room.held:
            continue
        same = (running.seq, running.fence)
        if _is_free(running, transaction.now):
            if (found := _first(transaction, f"{_IS_RUNNING} AND seq = ? AND fence = ?", same)) is not None:
                return found
        elif (running.lease_expires or 0.0) > (longest := transaction.now + LONGEST_LEASE_SECONDS):
            # A clock that was wrong gave it. Its worker may live: it renews a lease that is cut, or that one ends.
            cut = {"lease_expires": transaction.now + lease_seconds}
            transaction.update("job", cut, "seq = ? AND fence = ? AND lease_expires > ?", (*same, longest))
    return None


def _first(transaction: Transaction, condition: str, values: Sequence[Any]) -> _Queued | None:
    """The first job in the queue's order that this holds for, with its row locked; others' rows are skipped."""
    query = f"{_IN_QUEUE}{condition}{_IN_ORDER} LIMIT 1{transaction.dialect.skip_locked}"
    rows = transaction.rows(query, values)
    return _Queued(*rows[0]) if rows else None


def _is_free(running: _Queued, now: float) -> bool:
    return is_free(running.lease_owner, running.lease_expires, now, is_gone)


def waits(connection: Connection, dialect: Dialect, clock_shift: float, routines: Collection[str]) -> bool:
    """Whether `claim` would find a job for a worker that knows these and holds nothing."""
    condition, values = _is_waiting(dict.fromkeys(routines, ""), ALL_ROOM)
    if rows_of(connection, dialect, f"{_IN_QUEUE}{condition} LIMIT 1", values):
        return True
    now = dialect.now(connection) + clock_shift
    running = (_Queued(*row) for row in rows_of(connection, dialect, f"{_IN_QUEUE}{_IS_RUNNING}{_IN_ORDER}"))
    return any(job.routine in routines and _is_free(job, now) for job in running)


def seconds_until_claimable(
    connection: Connection, dialect: Dialect, clock_shift: float, routines: Mapping[str, str], room: Room
) -> float | None:
    """When a job that somebody works on, or is about to, may be free; None while there is none."""
    now, resumed = dialect.now(connection) + clock_shift, room.resumed_of(routines)
    running = (_Queued(*row) for row in rows_of(connection, dialect, f"{_IN_QUEUE}{_IS_RUNNING}{_IN_ORDER}"))
    waits = [
        _LOOK_AGAIN
        if is_here(job.lease_owner or "")
        else min(max((job.lease_expires or now) - now, _SOON), LONGEST_LEASE_SECONDS)
        for job in running
        if job.routine in resumed and job.seq not in room.held
    ]
    condition, values = _is_waiting(routines, room)
    if rows_of(connection, dialect, f"{_IN_QUEUE}{condition} LIMIT 1", values):
        waits.append(_LOOK_AGAIN)  # another process holds its row at this moment
    return min(waits, default=None)


def _read_journal(transaction: Transaction, job: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Name to value of what a job has done, and name to digest of what it was given."""
    rows = transaction.rows(_READ_JOURNAL, (job,))
    values = {name: encoding.from_json(value) for name, value, _ in rows}
    return values, {name: digest for name, _, digest in rows if digest}


def _write_held(transaction: Transaction, job: int, fence: int, /, **values: Any) -> None:
    """Change a job that this worker holds. Raises StaleLease."""
    held = (job, fence, JobState.RUNNING.value)
    if transaction.update("job", values, "seq = ? AND fence = ? AND state = ?", held) != 1:
        raise StaleLease(f"Job {job} is held by another worker or is over.", "What came later was not written.")


def renew(transaction: Transaction, job: int, fence: int, lease_seconds: float) -> None:
    """Let the lease end later."""
    _write_held(transaction, job, fence, lease_expires=transaction.now + lease_seconds)


def record_step(
    transaction: Transaction,
    job: int,
    fence: int,
    name: str,
    value_json: str,
    digest: str,
    progress: KeptProgress,
    session_id: str,
    signals: Sequence[Signal],
) -> None:
    """Journal a result; under a name that was used before it takes the other's place."""
    _write_held(transaction, job, fence, fence=fence, **progress.columns)
    _write_values(transaction, job, fence, progress)
    if write_journal(transaction, job, fence, name, value_json, digest):
        transaction.log(session_id, signals)


def write_journal(transaction: Transaction, job: int, fence: int, name: str, value_json: str, digest: str = "") -> bool:
    """Put a JSON value into a job's journal; False where the same write was made before."""
    written = transaction.execute(_WRITE_JOURNAL, (job, name, value_json, digest, fence, transaction.now))
    return bool(written.rowcount)


def _write_values(transaction: Transaction, job: int, fence: int, progress: KeptProgress) -> None:
    for name, value_json in progress.values:
        write_journal(transaction, job, fence, name, value_json)


def emit_deferred(transaction: Transaction, job: int, fence: int, session_id: str, signals: Sequence[Signal]) -> None:
    """Write a job's deferred events to the log and forget them; a second time, nothing is written."""
    deferred = select(jobs.c.deferred_json).where(jobs.c.seq == job)
    has_some = bool(transaction.connection.scalar(deferred))
    _write_held(transaction, job, fence, deferred_json="")
    if has_some:
        transaction.log(session_id, signals)


def kept_progress(progress: Progress) -> KeptProgress:
    """Progress as it is written. Raises EvolverError for what is not JSON."""
    columns: dict[str, Any] = {}
    if progress.shared is not None:
        columns["shared_json"] = encoding.from_shared(progress.shared)
    if progress.deferred is not None:
        columns["deferred_json"] = encoding.from_deferred(progress.deferred)
    values = [(encoding.name(name, "A name"), encoding.to_json(value, name)) for name, value in progress.values.items()]
    return KeptProgress(columns, values)


def pause(
    transaction: Transaction,
    job: int,
    fence: int,
    name: str,
    question: Question,
    subject_json: str,
    form_json: str,
    reason: str,
    progress: KeptProgress,
    session_id: str,
    signals: Sequence[Signal],
) -> int:
    """Write the question and let the job wait for its answer. Returns the question's id.

    A question of this name that the job asked before keeps its id and its place. If it was answered meanwhile, the
    job waits for a worker instead.
    """
    texts = {
        "kind": str(question.kind),
        "message": encoding.plain(question.message),
        "form_json": form_json,
        "subject_json": subject_json,
    }
    asked = transaction.rows(_READ_QUESTION, (job, name))
    before = _Asked(*asked[0]) if asked else None
    if before is not None and before.answered_at is not None:
        _write_held(transaction, job, fence, **pending_again(transaction.now), **progress.columns)
        _write_values(transaction, job, fence, progress)
        transaction.moved(_RUNNING, _PENDING)
        transaction.log(session_id, signals)
        return before.id
    asked_at = transaction.now if before is None else before.asked_at
    waiting = {"state": JobState.PAUSED, "asks": str(question.kind), "pause_reason": encoding.plain(reason)}
    try:
        _write_held(
            transaction, job, fence, since=transaction.now, rank=ranks.paused_rank(asked_at), **waiting, **_NO_LEASE,
            **progress.columns,
        )  # fmt: skip
    except StaleLease:
        if before is not None and _stands(transaction, job, fence, JobState.PAUSED):
            return before.id
        raise
    _write_values(transaction, job, fence, progress)
    if before is None:
        ((question_id,),) = transaction.rows(_ASK, (job, name, *texts.values(), asked_at))
    else:
        question_id = before.id
        transaction.update("question", texts, "id = ?", (question_id,))
    transaction.moved(_RUNNING, standing(JobState.PAUSED))
    transaction.log(session_id, signals)
    return int(question_id)


class _Asked(NamedTuple):
    """A question of the same name that the job asked before."""

    id: int
    asked_at: float
    answered_at: float | None


def pending_again(now: float) -> dict[str, Any]:
    """The columns of a job that was begun and waits for a worker again."""
    waiting = {"state": JobState.PENDING, "asks": None, "pause_reason": "", "since": now}
    return {**waiting, "rank": ranks.resumed_rank(now), **_NO_LEASE}


def _stands(transaction: Transaction, job: int, fence: int, state: JobState) -> bool:
    """Whether a write was made already: its commit went through and the word of it was lost on the way back."""
    same = (jobs.c.seq == job) & (jobs.c.fence == fence) & (jobs.c.state == state.value)
    return transaction.connection.execute(select(jobs.c.seq).where(same)).first() is not None


def over(transaction: Transaction) -> dict[str, Any]:
    """The columns of a job that ends now. Two may end within one tick of the database's clock."""
    ((latest,),) = transaction.rows(_LATEST_OVER)
    rank = ranks.over_rank(transaction.now)
    if latest is not None:
        rank = max(min(rank, latest - 1), Section.OVER.first)
    return {"asks": None, "pause_reason": "", "since": transaction.now, "rank": rank, **_NO_LEASE}


def finish(
    transaction: Transaction,
    job: int,
    fence: int,
    state: JobState,
    session_id: str,
    outcome: Outcome | None,
    error: str,
    node: str,
    progress: KeptProgress,
    signals: Sequence[Signal],
) -> None:
    """End a job."""
    try:
        _write_held(
            transaction, job, fence, state=state, outcome=outcome, error=encoding.plain(error),
            node=encoding.plain(node), **over(transaction), **progress.columns,
        )  # fmt: skip
    except StaleLease:
        if _stands(transaction, job, fence, state):
            return
        raise
    _write_values(transaction, job, fence, progress)
    transaction.moved(_RUNNING, standing(state, outcome))
    transaction.log(session_id, signals)


def release(
    transaction: Transaction, job: int, fence: int, to_generate: bool = False, place: Place | None = None
) -> None:
    """Give a job back; with a stale fence nothing happens."""
    now = transaction.now
    where: dict[str, Any] = {"rank": ranks.turn_rank(now)} if to_generate else {}
    if place is not None:
        where = place._asdict()
    try:
        _write_held(transaction, job, fence, **(pending_again(now) | where))
    except StaleLease:
        return
    transaction.moved(_RUNNING, _PENDING)
