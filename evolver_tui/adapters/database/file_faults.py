"""What SQLite's errors mean to a person. Needs no SQLAlchemy."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from evolver_tui.adapters.database.same_file import START_AGAIN
from evolver_tui.core.errors import StoreBroken, StoreBusy, StoreError

_RESTORE: Final = (
    "Nothing more is written. Copy the file and those beside it, then restore a backup, or save what sqlite3's .recover"
    " finds."
)
_NO_DATABASE: Final = "Restore a backup where it was one; otherwise start again, with another file after --database."


def is_a_folder(path: Path) -> StoreError:
    """The words for a folder where the database should be."""
    return StoreError(f"The database {path} is a folder.", "Start again, with a file in it after --database.")


def refused(path: Path, code: int) -> StoreError:
    """The words for what SQLite would say by one of its codes, e.g. `sqlite3.SQLITE_READONLY`."""
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    return explain(error, path)


def explain(error: BaseException, path: Path) -> StoreError:
    """What went wrong with the file, in a sentence, and what a person can do about it."""
    if isinstance(error, StoreError):
        kind = next((kind for kind in (StoreBroken, StoreBusy) if isinstance(error, kind)), StoreError)
        return kind(error.message, error.way_out, brief=error.brief)
    cause = getattr(error, "orig", error)  # of SQLAlchemy's own errors
    if not isinstance(cause, sqlite3.Error):
        return StoreError(f"The database {path} could not be used: {type(error).__name__}.")
    code = primary_code(cause)
    words = str(cause)
    if words.startswith(("no such table", "no such column")):
        code = sqlite3.SQLITE_SCHEMA
    elif words.startswith("Could not decode") or _code(cause) == sqlite3.SQLITE_IOERR_SHORT_READ:
        code = sqlite3.SQLITE_CORRUPT
    message, way_out = _SENTENCES.get(code, ("could not be used ({cause})", "Nothing was changed."))
    kind = StoreBroken if code in _FOR_GOOD else StoreBusy if code in _BUSY else StoreError
    words = message.format(cause=cause)
    return kind(f"The database {path} {words}.", way_out, brief=f"database {words}")


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) or sqlite3.SQLITE_ERROR
    return code


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's code of an error, without what is more exact."""
    return _code(error) & 0xFF


_SENTENCES: Final = {
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "Free some space; a program that runs goes on by itself."),
    sqlite3.SQLITE_BUSY: ("is locked by another program", "Close that program or wait, then try again."),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "Close that program or wait, then try again."),
    sqlite3.SQLITE_READONLY: ("cannot be written", "Make the file and its folder writable, then start again."),
    sqlite3.SQLITE_PERM: ("cannot be read", "Make the file and its folder yours, then start again."),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "Make the file and its folder yours, then start again."),
    sqlite3.SQLITE_IOERR: ("cannot be read or written ({cause})", "Check the disk and its free space."),
    sqlite3.SQLITE_CORRUPT: ("is damaged", _RESTORE),
    sqlite3.SQLITE_NOTADB: ("is not a database", _NO_DATABASE),
    sqlite3.SQLITE_SCHEMA: ("has lost its tables ({cause})", START_AGAIN),
}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FOR_GOOD: Final = {
    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA,
}  # fmt: skip
"""What another try would meet again."""
