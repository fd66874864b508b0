"""Reads a SQLite file by the standard library alone, in a fifth of the time that the whole adapter takes to load.

It makes no file: a database that is not there holds nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from evolver_tui.adapters.database.file_condition import is_absent
from evolver_tui.adapters.database.file_faults import explain
from evolver_tui.adapters.database.queries import Ask
from evolver_tui.adapters.database.queue_peek import APPLICATION_ID, LAYOUT
from evolver_tui.adapters.database.reading import Reading
from evolver_tui.core.errors import StoreError
from evolver_tui.engine.store import Store

P = ParamSpec("P")
T = TypeVar("T")
_BUSY_SECONDS = 5.0


class FileReader(Reading):
    """One SQLite file, for a command that reads and ends.

    Args:
        whole: makes the store that can do everything. It is opened once where the file is not as it should be, and
            brings an older layout up to date, or says what is wrong.
    """

    def __init__(self, path: Path, whole: Callable[[], Store]) -> None:
        self.path = path
        self._whole = whole
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        if is_absent(self.path):
            return
        if not self._connect():
            store = self._whole()
            await store.open()
            await store.close()
            if not self._connect():
                raise StoreError(f"The database {self.path} cannot be read.", "Try again.")

    def _connect(self) -> bool:
        """Open the file; False where it is not one of this program's present layout."""
        try:
            self._connection = connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
            )
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            (layout,) = connection.execute("SELECT max(number) FROM migration").fetchone()
        except (sqlite3.Error, ValueError):
            owner = layout = None
        if (owner, layout) == (APPLICATION_ID, LAYOUT):
            return True
        self._disconnect()
        return False

    async def close(self) -> None:
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _ask(self, query: Callable[Concatenate[Ask, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = self._connection
        if connection is None:
            return query(Ask(lambda statement, values: ()), *args, **kwargs)

        def rows(statement: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
            return connection.execute(statement, values).fetchall()

        try:
            connection.execute("BEGIN")
            try:
                return query(Ask(rows), *args, **kwargs)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise explain(error, self.path) from None
