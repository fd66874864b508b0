"""What a database URL says, as far as it can be known without a driver."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from evolver_tui.core.address import MASK, Address
from evolver_tui.core.errors import UsageError

KNOWN_SCHEMES = ("sqlite", "postgresql")
FORMS = "sqlite:////path/evolver.db or postgresql+psycopg://user@host/name"
_OTHER_NAMES: Final = {"postgres": "postgresql"}
"""libpq knows PostgreSQL by both, and hosters print the shorter one."""
_DRIVERS: Final = {"sqlite": ("", "pysqlite"), "postgresql": ("", "psycopg")}


def scheme_of(url: str) -> str:
    """The kind of database, by its one name and without the driver's."""
    name = url.partition("://")[0].partition("+")[0].lower()
    return _OTHER_NAMES.get(name, name)


def file_of(url: str) -> str:
    """The path in a SQLite URL; empty where it names no file."""
    path = url.partition("://")[2].partition("?")[0].partition("/")[2]
    return "" if path == ":memory:" else path


def check_database_url(url: str) -> None:
    """Make sure that a URL names a kind of database that can be used here; where it lies is left to the driver.

    Raises:
        UsageError: it is no URL, or names a database or a driver that is not supported. It is not quoted, since
            it may hold a password.
    """
    scheme, driver = scheme_of(url), _driver_of(url)
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url) or not url.isprintable():
        raise UsageError("The database URL cannot be read.", f"Write it as {FORMS}.")
    if MASK in url:
        raise UsageError(f"The database URL is not whole: {MASK} stands for a hidden part.", f"Write it as {FORMS}.")
    if Address(url).is_ambiguous:
        raise UsageError("The database URL can be read in several ways.", "Write each @ in a password as %40.")
    if scheme not in KNOWN_SCHEMES:
        raise UsageError(f"{scheme[:40]!a} databases are not supported.", f"Use {FORMS}.")
    if driver not in _DRIVERS[scheme]:
        works = f"{scheme}+{_DRIVERS[scheme][1]}" if scheme == "postgresql" else scheme
        raise UsageError(f"The driver {driver[:40]!a} is not supported.", f"Begin the database URL with {works}://.")


def is_misspelt_url(text: str) -> bool:
    """Whether a text was hardly meant as a file's path: libpq's `host=... password=...`, or a URL that lacks its //."""
    if text.startswith(("/", "~", ".")):
        return False
    is_keywords = re.search(r"(?i)\b(?:host|hostaddr|port|dbname|user|password|service)\s*=", text)
    return bool(is_keywords or re.match(r"(?i)(?:sqlite|postgres|postgresql)(?:\+\w+)?:", text) or "@" in text)


def _driver_of(url: str) -> str:
    return url.partition("://")[0].partition("+")[2].lower()


def password_of(url: str) -> str | None:
    """The password that stands in the URL, or None."""
    try:
        parts = urlsplit(url)
        in_query = parse_qs(parts.query).get("password", [""])
    except ValueError:
        return None
    return unquote(parts.password or "") or in_query[0] or None


def a_database(value: str) -> str | None:
    """What the config's database has to be when `value` is none: a whole path or a URL without a password.

    A path that starts from the working folder is refused: each folder would have a queue of its own.
    """
    if not value:
        return None
    expected = f"a whole path, or a URL like {FORMS}"
    if not value.isprintable():
        return expected
    if "://" not in value:
        return None if value.startswith(("/", "~")) else expected
    if password_of(value):
        return "a URL without a password in it (keep it in PGPASSWORD or ~/.pgpass)"
    try:
        check_database_url(value)
        parts = urlsplit(value)
        fits = parts.port != 0 and (scheme_of(value) != "sqlite" or parts.path.startswith("//"))
    except (UsageError, ValueError):  # a port that is no number, a bracket without its pair
        return expected
    return None if fits else expected
