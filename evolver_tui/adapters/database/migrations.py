"""The layout of the database and how an older one becomes the present one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, insert, inspect, select

from evolver_tui.adapters.database.models import (
    Layout,
    answer_rules,
    chat_turns,
    decisions,
    learned,
    migrations,
    questions,
    resent_tasks,
    spendings,
    tallies,
    training_points,
    training_sessions,
)
from evolver_tui.core.errors import StoreError


@dataclass(frozen=True, slots=True)
class LayoutStep:
    """One change of the layout, applied once per database. It runs inside the transaction that records it."""

    number: int
    name: str
    apply: Callable[[Connection], None]


def _create_all(connection: Connection) -> None:
    Layout.metadata.create_all(connection)


def _let_jobs_move(connection: Connection) -> None:
    for column in ("routine", "source_hash", "pause_reason", "deferred_json", "shared_json", "bundle"):
        connection.exec_driver_sql(f"ALTER TABLE job ADD COLUMN {column} TEXT DEFAULT '' NOT NULL")
    connection.exec_driver_sql("ALTER TABLE journal ADD COLUMN digest TEXT DEFAULT '' NOT NULL")
    connection.exec_driver_sql(
        "UPDATE job SET pause_reason = CASE asks WHEN 'review' THEN 'review' ELSE 'user_input' END"
        " WHERE state = 'paused'"
    )
    counted = connection.exec_driver_sql("SELECT state, outcome, 0 AS shard, jobs FROM tally").mappings().all()
    connection.exec_driver_sql("DROP TABLE tally")
    tallies.create(connection)
    if counted:
        connection.execute(insert(tallies), [dict(row) for row in counted])


def _count_takeovers(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE job ADD COLUMN takeovers INTEGER DEFAULT 0 NOT NULL")


def _let_jobs_be_marked(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE job ADD COLUMN marks_json TEXT DEFAULT '' NOT NULL")


def _keep_chats(connection: Connection) -> None:
    chat_turns.create(connection)


def _keep_training(connection: Connection) -> None:
    training_sessions.create(connection)
    training_points.create(connection)


def _learn_of_decisions(connection: Connection) -> None:
    learned.create(connection)
    for index in questions.indexes:
        index.create(connection)


def _let_decisions_be_undone(connection: Connection) -> None:
    time = questions.c.seen_at.type.compile(connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE question ADD COLUMN seen_at {time}")
    for table in (decisions, resent_tasks, answer_rules, spendings):
        table.create(connection)


STEPS: Final = (
    LayoutStep(1, "jobs, journal, questions, sessions, signals", _create_all),
    LayoutStep(2, "routines, moved jobs, a tally of several writers", _let_jobs_move),
    LayoutStep(3, "takings-over are counted", _count_takeovers),
    LayoutStep(4, "jobs are marked", _let_jobs_be_marked),
    LayoutStep(5, "chats are kept", _keep_chats),
    LayoutStep(6, "training is kept", _keep_training),
    LayoutStep(7, "decisions are learned of", _learn_of_decisions),
    LayoutStep(8, "decisions can be undone, answers remembered, money counted", _let_decisions_be_undone),
)
"""Every step, oldest first. An empty database takes the models as they are and counts as having taken all."""


def belongs_to_another(place: str) -> StoreError:
    """The words for a database with tables that this program did not make."""
    return StoreError(
        f"The database {place} belongs to another program.",
        "Nothing was changed. Start again, with a database of evolver-tui's own after --database.",
    )


def written_by_newer(place: str, layout: int) -> StoreError:
    """The words for a database whose layout is not known here."""
    return StoreError(
        f"The database {place} was written by a newer version (layout {layout}, known here: {STEPS[-1].number}).",
        "Update evolver-tui; nothing was changed.",
    )


def _is_own(connection: Connection, tables: Collection[str]) -> bool:
    """Whether all tables of the first layout are there, each with its columns."""
    return _FIRST_COLUMNS.keys() <= set(tables) and all(
        columns <= set(connection.exec_driver_sql(f"SELECT * FROM {table} WHERE 1 = 0").keys())
        for table, columns in _FIRST_COLUMNS.items()
    )


def _taken(connection: Connection) -> int:
    return connection.scalar(select(func.max(migrations.c.number))) or 0


_FIRST_COLUMNS: Final = {
    "migration": {"number", "name", "at"},
    "job": {"seq", "rank", "task_id", "task_name", "task_type", "priority", "state", "outcome", "asks", "since"},
    "journal": {"job", "name", "value_json"},
    "session": {"id", "hub_url", "host"},
    "signal": {"seq", "session_id", "name", "timestamp"},
}
"""What tells our tables from others of their names; no later layout lacks these."""


def bring_up_to_date(connection: Connection, now: float, place: str) -> None:
    """Create or migrate the layout, within a transaction that the caller commits.

    Raises:
        StoreError: the layout is newer than this program, or the database belongs to another one.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        _create_all(connection)
        taken = 0
        missing = list(STEPS)
    else:
        taken = _taken(connection) if _is_own(connection, tables) else 0
        if not taken:  # a layout is made whole or not at all
            raise belongs_to_another(place)
        missing = [step for step in STEPS if step.number > taken]
    if taken > STEPS[-1].number:
        raise written_by_newer(place, taken)
    for step in missing:
        if tables:
            step.apply(connection)
        connection.execute(insert(migrations).values(number=step.number, name=step.name, at=now))
