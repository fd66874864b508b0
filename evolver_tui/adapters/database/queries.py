"""What the console, the command line and the headless run read: plain SQL, so that reading loads no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.queue_peek import ROW_COLUMNS, queue_counts, queue_row
from evolver_tui.core.job import JobDetail, JobState, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.question import AnswerAction, OpenQuestion, Question
from evolver_tui.core.ranks import Section
from evolver_tui.core.routine_state import AskedQuestion, Pause, SharedState
from evolver_tui.core.session_figures import FIGURE_NAMES, SessionFigures, SessionTally, figures_of_summary
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.conversation_signals import SESSION_SUMMARY
from evolver_tui.core.signal_catalogue.task_signals import TASK_QUEUED
from evolver_tui.core.task import Task, kept_id
from evolver_tui.core.worker_identity import WorkerIdentity
from evolver_tui.engine.signal_log import SessionRecord, StoredSignal


class Ask(NamedTuple):
    """One moment of a database that can be asked."""

    rows: Callable[[str, Sequence[Any]], Sequence[tuple[Any, ...]]]
    """What a statement with `?` for its values gives back."""
    like: str = "LIKE"
    """The operator of a pattern that letters match in any case."""

    def first(self, statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return next(iter(self.rows(statement, values)), None)

    def value(self, statement: str, values: Sequence[Any]) -> Any:
        """The one value of the first row, or None."""
        found = self.first(statement, values)
        return None if found is None else found[0]


_ROWS: Final = f"SELECT {', '.join(ROW_COLUMNS)} FROM job"
OPEN: Final = (
    "SELECT q.id, q.job, j.task_id, j.task_name, j.task_type, j.pause_reason, q.name, q.kind, q.message, q.form_json,"
    " q.subject_json, q.asked_at FROM question AS q JOIN job AS j ON q.job = j.seq"
    f" WHERE j.rank >= {Section.PAUSED.first} AND j.rank < {Section.PAUSED.end} AND q.answered_at IS NULL"
)
_ASKED: Final = "j.routine, q.kind, q.message, q.form_json, q.subject_json"
"""What two questions have in common where they ask the same."""
_FORM_OF: Final = f"SELECT {_ASKED} FROM question AS q JOIN job AS j ON q.job = j.seq WHERE q.id = ?"
_ASKS_THIS: Final = f"({_ASKED}) = (?, ?, ?, ?, ?)"
_ANSWERS: Final = (
    "SELECT q.answer_json FROM question AS q JOIN job AS j ON q.job = j.seq"
    f" WHERE q.answered_at IS NOT NULL AND {_ASKS_THIS} ORDER BY q.answered_at DESC, q.id DESC LIMIT ?"
)
_MOST_ALIKE: Final = 1_000
_ANSWERS_LOOKED_AT: Final = 20
"""Of those to the same question, for one that was accepted."""
_DETAILS: Final = (
    "SELECT raw_json, received_at, error, attempt, routine, pause_reason, lease_owner, bundle, deferred_json,"
    " session_id, marks_json FROM job WHERE seq = ?"
)
_LONGEST_SEARCH: Final = 1_000


def _matches(ask: Ask, search: str) -> tuple[str, list[str]]:
    """Whether id or name hold a text, whatever the case: a condition and its values.

    SQLite's LIKE folds ASCII alone, PostgreSQL's ILIKE what the database's locale says; so other text is tried as it
    was written, in small and in capital letters.
    """
    text = encoding.plain(search[:_LONGEST_SEARCH])
    for special in "/%_":
        text = text.replace(special, f"/{special}")
    spellings = sorted({text} if text.isascii() else {text, text.lower(), text.upper()})
    each = [f"{column} {ask.like} ? ESCAPE '/'" for column in ("task_id", "task_name") for _ in spellings]
    return f"({' OR '.join(each)})", [f"%{spelling}%" for spelling in spellings] * 2


def _rows(ask: Ask, key: QueueKey | None, limit: int, search: str, beyond: str, order: str) -> list[QueueRow]:
    conditions, values = [], list[Any]()
    if key is not None:
        conditions.append(f"(rank, seq) {beyond} (?, ?)")
        values += [key.rank, key.job]
    if search:
        condition, spellings = _matches(ask, search)
        conditions.append(condition)
        values += spellings
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = ask.rows(f"{_ROWS}{where} ORDER BY rank {order}, seq {order} LIMIT ?", [*values, limit])
    return [queue_row(row) for row in rows]


def rows_after(ask: Ask, key: QueueKey | None, limit: int, search: str) -> Sequence[QueueRow]:
    """Rows that follow `key`, in the queue's order."""
    return _rows(ask, key, limit, search, ">", "ASC")


def rows_before(ask: Ask, key: QueueKey | None, limit: int, search: str) -> Sequence[QueueRow]:
    """Rows that precede `key`, in the queue's order."""
    return _rows(ask, key, limit, search, "<", "DESC")[::-1]


def rank_of(ask: Ask, key: QueueKey, search: str) -> int:
    """How many rows precede `key`: whole sections by the tally, the rest of its own by the index."""
    count = "SELECT count(*) FROM job WHERE"
    if search:
        condition, values = _matches(ask, search)
        return ask.value(f"{count} (rank, seq) < (?, ?) AND {condition}", [key.rank, key.job, *values]) or 0
    section = Section.holding(key.rank)
    before: int = sum(jobs for state, _, jobs in _tally(ask) if Section.of(JobState(state)) < section)
    # Two plain ranges: comparing pairs takes twice the time a row.
    before += ask.value(f"{count} rank >= ? AND rank < ?", (section.first, key.rank)) or 0
    return before + (ask.value(f"{count} rank = ? AND seq < ?", (key.rank, key.job)) or 0)


def _tally(ask: Ask) -> Sequence[tuple[Any, ...]]:
    return ask.rows("SELECT state, outcome, jobs FROM tally", ())


def counts(ask: Ask) -> QueueCounts:
    """How many jobs stand where."""
    return queue_counts(_tally(ask))


def row(ask: Ask, job: int) -> QueueRow | None:
    """One row."""
    found = ask.first(f"{_ROWS} WHERE seq = ?", (job,))
    return None if found is None else queue_row(found)


def job_detail(ask: Ask, job: int) -> JobDetail | None:
    """One job in full."""
    line, details = row(ask, job), ask.first(_DETAILS, (job,))
    if line is None or details is None:
        return None
    raw, received_at, error, attempt, routine, pause_reason, owner, bundle, deferred, session_id, marks = details
    was_cancelled = line.state is JobState.CANCELLED  # its row keeps what it needs to be restored
    return JobDetail(
        line, Task.from_json(raw), received_at, error, attempt, routine, "" if was_cancelled else pause_reason,
        WorkerIdentity(owner or ""), bundle, 0 if was_cancelled else len(encoding.to_deferred(deferred)), session_id,
        encoding.to_marks(marks),
        ask.value("SELECT at FROM resent_task WHERE task_id = ?", (line.task_id,)),
    )  # fmt: skip


def failed_jobs(ask: Ask, holding: str) -> Sequence[int]:
    """The failed jobs whose error holds a text in any case, as they arrived."""
    text = encoding.plain(holding).casefold()
    failed = ask.rows("SELECT seq, error FROM job WHERE state = ? ORDER BY seq", (JobState.FAILED.value,))
    return [seq for seq, error in failed if text in error.casefold()]


def job_of_task(ask: Ask, task_id: str) -> int | None:
    """The number of the job that works on a task."""
    found: int | None = ask.value("SELECT seq FROM job WHERE task_id = ?", (kept_id(encoding.plain(task_id)),))
    return found


def shared_of(ask: Ask, job: int) -> SharedState:
    """A job's shared data and log."""
    return encoding.to_shared(ask.value("SELECT shared_json FROM job WHERE seq = ?", (job,)) or "")


def pauses_of(ask: Ask, job: int) -> Sequence[Pause]:
    """Every question that a job asked, oldest first."""
    rows = ask.rows(
        "SELECT name, kind, message, asked_at, answered_at, answered_by, answer_json FROM question WHERE job = ?"
        " ORDER BY asked_at, id",
        (job,),
    )
    return [
        Pause(name, kind, message, asked_at, answered_at, by or "", encoding.from_json(answer) if answer else None)
        for name, kind, message, asked_at, answered_at, by, answer in rows
    ]


def asked_by(ask: Ask, job: int) -> Sequence[AskedQuestion]:
    """Every question that a job asked, whole, oldest first."""
    rows = ask.rows(
        "SELECT id, name, kind, message, form_json, subject_json, asked_at, answered_at FROM question WHERE job = ?"
        " ORDER BY asked_at, id",
        (job,),
    )
    return [
        AskedQuestion(
            number, Question(name, message, encoding.from_json(form), kind, encoding.from_json(subject)), asked_at,
            answered_at,
        )
        for number, name, kind, message, form, subject, asked_at, answered_at in rows
    ]  # fmt: skip


def journal_times(ask: Ask, job: int) -> Mapping[str, float]:
    """Name to time of what a job has done."""
    return dict(ask.rows("SELECT name, at FROM journal WHERE job = ? ORDER BY at, name", (job,)))


def journal_of(ask: Ask, job: int) -> Mapping[str, Any]:
    """Name to value of what a job has done, in the order in which it was done."""
    rows = ask.rows("SELECT name, value_json FROM journal WHERE job = ? ORDER BY at, name", (job,))
    return {name: encoding.from_json(value) for name, value in rows}


def open_questions(ask: Ask, limit: int) -> Sequence[OpenQuestion]:
    """What waits for a person, oldest first."""
    return [read_open_question(found) for found in ask.rows(f"{OPEN} ORDER BY j.rank, j.seq LIMIT ?", (limit,))]


def open_question(ask: Ask, question_id: int) -> OpenQuestion | None:
    """One open question, or None."""
    found = ask.first(f"{OPEN} AND q.id = ?", (question_id,))
    return None if found is None else read_open_question(found)


def open_question_of(ask: Ask, job: int) -> OpenQuestion | None:
    """What a job waits for, or None."""
    found = ask.first(f"{OPEN} AND q.job = ?", (job,))
    return None if found is None else read_open_question(found)


def alike(ask: Ask, question_id: int) -> Sequence[OpenQuestion]:
    """Other open questions that ask the same, oldest first."""
    form = ask.first(_FORM_OF, (question_id,))
    if form is None:
        return ()
    condition = f"{OPEN} AND q.id <> ? AND {_ASKS_THIS} ORDER BY j.rank, j.seq LIMIT ?"
    return [read_open_question(found) for found in ask.rows(condition, (question_id, *form, _MOST_ALIKE))]


def latest_answer(ask: Ask, question_id: int) -> Mapping[str, Any] | None:
    """What the same was answered with last, where that was accepted."""
    form = ask.first(_FORM_OF, (question_id,))
    answers = ask.rows(_ANSWERS, (*form, _ANSWERS_LOOKED_AT)) if form is not None else ()
    values = (encoding.from_json(answer) for (answer,) in answers)
    return next((value for value in values if value.get("action") == AnswerAction.ACCEPT), None)


def read_open_question(found: Sequence[Any]) -> OpenQuestion:
    """An open question of a row of `OPEN`."""
    from evolver_tui.core.question_kinds import kind_of  # with all forms: a list of jobs needs none

    number, job, task_id, task_name, task_type, reason, name, kind, message, form, subject, asked_at = found
    question = Question(
        name=name, message=message, requested_schema=encoding.from_json(form), kind=kind,
        subject=encoding.from_json(subject),
    )  # fmt: skip
    return OpenQuestion(
        number, job, task_id, task_name, task_type, question, asked_at, reason,
        kind_of(question.kind).read_subject(question.subject),
    )  # fmt: skip


def sessions(ask: Ask) -> Sequence[SessionRecord]:
    """Every session, oldest first."""
    rows = ask.rows("SELECT id, started_at, ended_at, hub_url, host FROM session ORDER BY started_at, id", ())
    return [SessionRecord(*each) for each in rows]


def signals_after(ask: Ask, session_id: str, after: int, limit: int) -> Sequence[StoredSignal]:
    """A session's signals that follow one, in the order in which they were committed."""
    return _signals(ask, session_id, ">", after, "ASC", limit)


def signals_before(ask: Ask, session_id: str, before: int, limit: int) -> Sequence[StoredSignal]:
    """A session's signals that precede one, in the order in which they were committed."""
    return _signals(ask, session_id, "<", before, "DESC", limit)[::-1]


def _signals(ask: Ask, session_id: str, beyond: str, seq: int, order: str, limit: int) -> list[StoredSignal]:
    rows = ask.rows(
        f"SELECT seq, name, payload_json, context_json FROM signal WHERE session_id = ? AND seq {beyond} ?"
        f" ORDER BY seq {order} LIMIT ?",
        (session_id, seq, limit),
    )
    return [_stored(session_id, row) for row in rows]


def _stored(session_id: str, row: tuple[Any, ...]) -> StoredSignal:
    seq, name, payload, context = row
    return StoredSignal(seq, session_id, Signal(name, encoding.from_json(payload), encoding.from_json(context)))


def seq_of(ask: Ask, session_id: str, signal: Signal) -> int:
    """Where a signal stands, or the latest one that is not younger; looked for from the end."""
    latest = "SELECT seq FROM signal WHERE session_id = ? AND {} ORDER BY seq DESC LIMIT 1"
    told = encoding.timestamp_of(signal)
    found = ask.value(latest.format("name = ? AND timestamp = ?"), (session_id, encoding.plain(signal.name), told))
    return found or ask.value(latest.format("timestamp <= ?"), (session_id, told)) or 0


def signals_named(ask: Ask, session_id: str, names: Sequence[str], limit: int) -> Sequence[StoredSignal]:
    """A session's signals of some names, in the order in which they were committed."""
    rows = ask.rows(
        f"SELECT seq, name, payload_json, context_json FROM signal WHERE session_id = ? AND {_one_of(names)}"
        " ORDER BY seq LIMIT ?",
        (session_id, *names, limit),
    )
    return [_stored(session_id, row) for row in rows]


def figures(ask: Ask, session_id: str) -> SessionFigures:
    """What a session came to: what it told itself at its end, or else the sum of what it told before."""
    if ask.value("SELECT ended_at FROM session WHERE id = ?", (session_id,)) is not None:
        told = ask.value(
            "SELECT payload_json FROM signal WHERE session_id = ? AND name = ? ORDER BY seq DESC LIMIT 1",
            (session_id, SESSION_SUMMARY.name),
        )
        summed = figures_of_summary(encoding.from_json(told)) if told is not None else None
        if summed is not None:
            return summed
    tally = SessionTally()
    rows = ask.rows(
        "SELECT name, CASE name WHEN ? THEN NULL ELSE payload_json END FROM signal"
        f" WHERE session_id = ? AND {_one_of(FIGURE_NAMES)} ORDER BY seq",
        (TASK_QUEUED.name, session_id, *FIGURE_NAMES),
    )
    for name, payload in rows:
        if payload is None:
            tally.add_tasks(1)
        else:
            tally.hear(Signal(name, encoding.from_json(payload)))
    return tally.figures


def _one_of(names: Sequence[str]) -> str:
    return f"name IN ({', '.join('?' * len(names))})"


def jobs_received(ask: Ask, session_id: str, after: int, limit: int) -> Sequence[int]:
    """The jobs that came in with a session, beyond one, as they came."""
    rows = ask.rows(
        "SELECT seq FROM job WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?", (session_id, after, limit)
    )
    return [seq for (seq,) in rows]
