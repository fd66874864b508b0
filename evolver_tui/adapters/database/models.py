"""The tables. They define the layout; hot statements are written on the tables, not on the classes.

Every time is in seconds since 1970 by the database's clock, unless it says otherwise. Every `*_json` column holds one
line of ASCII JSON, so that any string a stranger sends survives any database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""A growing number. SQLite gives its row number only to a column declared INTEGER."""

_DECIDED = text("kind = 'review' AND answered_at IS NOT NULL")


def _empty_text() -> Any:
    """A text column that layouts before did not have."""
    return Field(default="", sa_column=Column(Text, server_default="", nullable=False))


class Layout(SQLModel):
    """What all tables share: a catalogue of their own, so that no other program's models are created with them."""

    metadata = MetaData()


class Migration(Layout, table=True):
    """One step of the layout that was taken in this database."""

    number: int = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    at: float = Field(sa_type=Double)


class SessionRow(Layout, table=True):
    """One run of the console, of `connect` or of `evolver-tui worker`."""

    __tablename__ = "session"

    id: str = Field(primary_key=True, sa_type=Text)
    started_at: float = Field(sa_type=Double)
    ended_at: float | None = Field(default=None, sa_type=Double)
    hub_url: str = Field(sa_type=Text)
    host: str = Field(sa_type=Text)


class Job(Layout, table=True):
    """A task and the work on it. `seq` counts arrivals and is the job's number; `rank` is its place in the queue."""

    __table_args__ = (Index("job_queue", "rank", "seq"),)

    seq: int = Field(sa_column=Column(_NUMBER, primary_key=True))
    task_id: str = Field(sa_type=Text, unique=True)
    task_name: str = Field(sa_type=Text)
    task_type: str = Field(sa_type=Text)
    priority: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    outcome: str | None = Field(default=None, sa_type=Text)
    asks: str | None = Field(default=None, sa_type=Text)
    rank: int = Field(sa_type=BigInteger)
    since: float = Field(sa_type=Double)
    node: str = Field(default="", sa_type=Text)
    error: str = Field(default="", sa_type=Text)
    attempt: int = 1
    fence: int = Field(default=0, sa_type=BigInteger)
    lease_owner: str | None = Field(default=None, sa_type=Text)
    lease_expires: float | None = Field(default=None, sa_type=Double)
    takeovers: int = Field(default=0, sa_column=Column(Integer, server_default=text("0"), nullable=False))
    """How often it was taken over from a worker that left it behind, since a person last answered or retried it."""
    received_at: float = Field(sa_type=Double)
    session_id: str = Field(sa_type=Text)
    routine: str = _empty_text()
    """The plug-in that works on it; empty for the built-in author."""
    source_hash: str = _empty_text()
    """Of the routine's source, as the worker had it that took the job up last."""
    pause_reason: str = _empty_text()
    deferred_json: str = _empty_text()
    """A list of deferred events; empty for none."""
    shared_json: str = _empty_text()
    """Shared data and log; empty for none."""
    bundle: str = _empty_text()
    """The id of the bundle in which it left, or came in."""
    marks_json: str = _empty_text()
    """Tags, another priority, whether a person has to review it; empty for none."""
    raw_json: str = Field(sa_type=Text)
    """Last, so that a scan over names does not read it."""


class Journal(Layout, table=True):
    """What a job has done: the result of each step, and the answer to each question, under its name."""

    job: int = Field(primary_key=True, foreign_key="job.seq", sa_type=BigInteger)
    name: str = Field(primary_key=True, sa_type=Text)
    value_json: str = Field(sa_type=Text)
    digest: str = _empty_text()
    """Of the step's arguments; empty for what is no step, and for a step of an older layout, which kept none."""
    fence: int = Field(sa_type=BigInteger)
    at: float = Field(sa_type=Double)


class QuestionRow(Layout, table=True):
    """A question that a job asked, and its one answer."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("job", "name"),
        Index("question_decided", "answered_at", "job", "name", sqlite_where=_DECIDED, postgresql_where=_DECIDED),
    )

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    job: int = Field(foreign_key="job.seq", sa_type=BigInteger)
    name: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    message: str = Field(sa_type=Text)
    form_json: str = Field(sa_type=Text)
    subject_json: str = Field(sa_type=Text)
    asked_at: float = Field(sa_type=Double)
    answered_at: float | None = Field(default=None, sa_type=Double)
    answered_by: str | None = Field(default=None, sa_type=Text)
    answer_json: str | None = Field(default=None, sa_type=Text)
    seen_at: float | None = Field(default=None, sa_type=Double)
    """When it first lay before a person."""


class DecisionRow(Layout, table=True):
    """What a person, or a rule, did with a job, and whether that was taken back."""

    __tablename__ = "decision"
    __table_args__ = (Index("decision_job", "job", "id"), Index("decision_at", "at", "id"))

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    job: int = Field(foreign_key="job.seq", sa_type=BigInteger)
    question: int | None = Field(default=None, sa_type=BigInteger)
    """The question that it answered; none for what was done with the job itself."""
    kind: str = Field(sa_type=Text)
    by: str = Field(sa_type=Text)
    host: str = Field(sa_type=Text)
    session_id: str = Field(sa_type=Text)
    at: float = Field(sa_type=Double)
    before_json: str = _empty_text()
    """What has to be known to take it back."""
    undone_at: float | None = Field(default=None, sa_type=Double)
    undone_by: str | None = Field(default=None, sa_type=Text)


class ResentTaskRow(Layout, table=True):
    """What the hub sent under the id of a task that is here with another content: the latest such message."""

    __tablename__ = "resent_task"

    task_id: str = Field(primary_key=True, sa_type=Text)
    raw_json: str = Field(sa_type=Text)
    at: float = Field(sa_type=Double)
    session_id: str = Field(sa_type=Text)


class AnswerRuleRow(Layout, table=True):
    """An answer that is given again without asking, where a question is the same."""

    __tablename__ = "answer_rule"

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    scope_json: str = Field(sa_type=Text)
    """Which questions it answers."""
    answer_json: str = Field(sa_type=Text)
    by: str = Field(sa_type=Text)
    at: float = Field(sa_type=Double)
    expires_at: float | None = Field(default=None, sa_type=Double)
    revoked_at: float | None = Field(default=None, sa_type=Double)
    revoked_by: str | None = Field(default=None, sa_type=Text)


class SpendingRow(Layout, table=True):
    """The tokens of one generation, and what they cost."""

    __tablename__ = "spending"
    __table_args__ = (Index("spending_at", "at"), Index("spending_job", "job"))

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    job: int = Field(foreign_key="job.seq", sa_type=BigInteger)
    session_id: str = Field(sa_type=Text)
    at: float = Field(sa_type=Double)
    model: str = Field(sa_type=Text)
    prompt_tokens: int = Field(sa_type=BigInteger)
    completion_tokens: int = Field(sa_type=BigInteger)
    is_estimated: bool = Field(sa_type=Boolean)
    """Whether nobody counted them."""
    cost: float | None = Field(default=None, sa_type=Double)
    """None where no price is known."""
    currency: str = Field(default="", sa_type=Text)


class LoggedSignal(Layout, table=True):
    """One signal of the log. `timestamp` is the emitter's own clock."""

    __tablename__ = "signal"
    __table_args__ = (Index("signal_session", "session_id", "seq"),)

    seq: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    session_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    timestamp: float = Field(sa_type=Double)
    payload_json: str = Field(sa_type=Text)
    context_json: str = Field(sa_type=Text)


class ChatTurnRow(Layout, table=True):
    """One turn of a chat: what somebody asked, or what was answered."""

    __tablename__ = "chat_turn"
    __table_args__ = (UniqueConstraint("chat", "message_id", "role"),)

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    chat: str = Field(sa_type=Text)
    """The chat's session."""
    message_id: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    text_json: str = Field(sa_type=Text)
    end_json: str = Field(default="", sa_type=Text)
    """Of an answer, who gave it and how it ended; empty for a question."""
    at: float = Field(sa_type=Double)


class LearnedRow(Layout, table=True):
    """What was learned of decisions, and of which: it can be learned anew from them."""

    __tablename__ = "learned"

    name: str = Field(primary_key=True, sa_type=Text)
    value_json: str = Field(sa_type=Text)
    at: float = Field(sa_type=Double)


class TrainingSessionRow(Layout, table=True):
    """A training session that is served."""

    __tablename__ = "training_session"

    id: str = Field(primary_key=True, sa_type=Text)
    state_json: str = Field(sa_type=Text)
    next_line: int = Field(sa_type=BigInteger)
    """The number of the first line of its records that was not taken yet."""
    updated_at: float = Field(sa_type=Double)
    """By the clock of whoever serves it, as is the next one."""
    ended_at: float | None = Field(default=None, sa_type=Double)


class TrainingPointRow(Layout, table=True):
    """What was told of one moment of a training session."""

    __tablename__ = "training_point"

    session: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    model: int = Field(sa_type=BigInteger)
    step: int = Field(sa_type=BigInteger)
    metrics_json: str = Field(sa_type=Text)


class Tally(Layout, table=True):
    """How many jobs stand in one state with one outcome ("" for none). Every change of a job changes it as well.

    The number is the sum over all shards, so that two writers need not wait for each other's row.
    """

    state: str = Field(primary_key=True, sa_type=Text)
    outcome: str = Field(primary_key=True, sa_type=Text)
    shard: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    jobs: int = Field(sa_type=BigInteger)


def _table(name: str) -> Table:
    return Layout.metadata.tables[name]


migrations = _table("migration")
sessions = _table("session")
jobs = _table("job")
journal = _table("journal")
questions = _table("question")
signals = _table("signal")
tallies = _table("tally")
chat_turns = _table("chat_turn")
learned = _table("learned")
training_sessions = _table("training_session")
training_points = _table("training_point")
decisions = _table("decision")
resent_tasks = _table("resent_task")
answer_rules = _table("answer_rule")
spendings = _table("spending")
