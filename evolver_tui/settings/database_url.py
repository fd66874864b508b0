"""What a database URL says, as far as it can be known without a driver."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

KNOWN_SCHEMES = ("sqlite", "postgresql")


def scheme_of(url: str) -> str:
    """The kind of database, without the driver's name."""
    return url.partition("://")[0].partition("+")[0]


def password_of(url: str) -> str | None:
    """The password that stands in the URL, or None."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password else None
