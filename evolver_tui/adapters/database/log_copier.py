"""Copies SQLite's write-ahead log into the file while nobody may write.

SQLite before 3.51.3 can lose commits where one connection begins the log anew while another's checkpoint begins
("WAL-reset bug" at sqlite.org). Only a writer begins it anew; so no checkpoint is made but by who holds the write lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from evolver_tui.adapters.database.same_file import SameFile

_PAGES: Final = 1_000
"""Changed pages that the log may hold before they are copied: as many as SQLite's own rule has it."""


class LogCopier:
    """Copies by a connection of its own, since none can within a transaction.

    Args:
        file: the database's file.
        connect: opens such a connection.
    """

    def __init__(self, file: SameFile, connect: Callable[[], sqlite3.Connection]) -> None:
        self._file = file
        self._connect = connect
        self._connection: sqlite3.Connection | None = None

    def copy_if_grown(self) -> bool:
        """Copy what is committed, once that is worth it. The caller has the write lock, and has written nothing yet.

        What cannot be copied stays in the log, and the next transaction tries again.

        Returns:
            Whether the caller should end its transaction for another one, which may begin the log anew.
        """
        if self._file.pages_to_copy < _PAGES:
            return False
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
