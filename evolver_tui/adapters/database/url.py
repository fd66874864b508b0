"""From a database URL to what speaks with that database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from evolver_tui.adapters.database.dialect import Dialect
from evolver_tui.adapters.database.sqlite import SQLite
from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.settings.database_url import FORMS, check_database_url, file_of, scheme_of


def dialect_of(address: Address | Path, busy_seconds: float) -> Dialect:
    """What speaks with the database that a URL (or a plain path object) names.

    Raises:
        UsageError: it is no URL, is of a database or for a driver that is not known here, or names no file.
        StoreError: the extra that it needs is not installed.
    """
    if isinstance(address, Path):
        return SQLite(address, busy_seconds)
    url = address.for_connecting()
    check_database_url(url)
    _, _, rest = url.partition("://")
    try:
        parsed = make_url(f"{scheme_of(url)}://{rest}")
    except (ArgumentError, ValueError):
        raise UsageError("The database URL cannot be read.", f"Write it as {FORMS}.") from None
    if scheme_of(url) == "sqlite":
        if not file_of(url):
            raise UsageError("The database has to be a file.", f"Write it as {FORMS}.")
        return SQLite(Path(file_of(url)), busy_seconds)
    try:
        from evolver_tui.adapters.database.postgresql import PostgreSQL
    except ImportError:
        raise StoreError(
            "PostgreSQL needs the driver psycopg.", "Install it with: pip install 'evolver-tui[postgres]'."
        ) from None
    return PostgreSQL(parsed, busy_seconds)
