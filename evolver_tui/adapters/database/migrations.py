"""The layout of the database and how an older one becomes the present one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, insert, inspect, select

from evolver_tui.adapters.database.models import Layout, migrations
from evolver_tui.core.errors import StoreError


@dataclass(frozen=True, slots=True)
class LayoutStep:
    """One change of the layout, applied once per database. It runs inside the transaction that records it."""

    number: int
    name: str
    apply: Callable[[Connection], None]


def _create_all(connection: Connection) -> None:
    Layout.metadata.create_all(connection)


STEPS: Final = (LayoutStep(1, "jobs, journal, questions, sessions, signals", _create_all),)
"""Every step, oldest first. An empty database takes the models as they are and counts as having taken all."""


def bring_up_to_date(connection: Connection, now: float, path: Path) -> None:
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
        if migrations.name not in tables:
            raise StoreError(
                f"The database {path} belongs to another program.", "Name another with --database; nothing was changed."
            )
        taken = connection.scalar(select(func.max(migrations.c.number))) or 0
        missing = [step for step in STEPS if step.number > taken]
    if taken > STEPS[-1].number:
        raise StoreError(
            f"The database {path} was written by a newer version (layout {taken}, known here: {STEPS[-1].number}).",
            "Update evolver-tui, or name another database with --database.",
        )
    for step in missing:
        if tables:
            step.apply(connection)
        connection.execute(insert(migrations).values(number=step.number, name=step.name, at=now))
