"""From a database URL to what speaks with that database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from evolver_tui.adapters.database.dialect import Dialect
from evolver_tui.adapters.database.sqlite import SQLite
from evolver_tui.core.errors import StoreError

_FORMS: Final = "Write it as sqlite:////path/evolver.db or postgresql+psycopg://user@host/name."


def dialect_of(url: str | Path, busy_seconds: float) -> Dialect:
    """What speaks with the database that a URL (or a plain path object) names.

    Raises:
        StoreError: it is no URL, is of a database that is not known here, or names no file; or the extra that it
            needs is not installed.
    """
    if isinstance(url, Path):
        return SQLite(url, busy_seconds)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("The database URL cannot be read.", _FORMS) from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return SQLite(Path(parsed.database), busy_seconds)
        case "sqlite":
            raise StoreError("The database has to be a file.", _FORMS)
        case "postgresql" | "postgres":
            try:
                from evolver_tui.adapters.database.postgresql import PostgreSQL
            except ImportError:
                raise StoreError(
                    "PostgreSQL needs the driver psycopg.", "Install it with: pip install 'evolver-tui[postgres]'."
                ) from None
            return PostgreSQL(parsed, busy_seconds)
        case other:
            raise StoreError(f"{other} databases are not supported.", _FORMS)
